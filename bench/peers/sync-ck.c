/* sync-ck.c: Concurrency Kit's ck_ht, for bench/sync.py. Readers take no lock; there may be one writer, so writers share a mutex.
 * An array that readers may still look at is never freed, which a program would leave to epochs. Keys are pointers to the texts.
 */
#include "sync-peer.h"
#include <ck_ht.h>

static ck_ht_t map;
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER;
static bool strings;

static void freeUnlessSeen(void *p, size_t bytes, bool seen)
{
  (void)bytes;
  if (!seen)
    free(p);
}
static void makeMap(bool s)
{
  static struct ck_malloc memory = {.malloc = malloc, .free = freeUnlessSeen};
  strings = s;
  if (!ck_ht_init(&map, (s ? CK_HT_MODE_BYTESTRING : CK_HT_MODE_DIRECT) | CK_HT_WORKLOAD_DELETE, NULL, &memory, 64, 12345))
    abort();
}
/* What identifies a key: its hash, and an entry. */
static inline ck_ht_hash_t find(union mapKey key, ck_ht_entry_t *e)
{
  ck_ht_hash_t hash;
  if (strings) {
    const uint16_t n = (uint16_t)strlen(key.text);
    ck_ht_hash(&hash, &map, key.text, n);
    ck_ht_entry_key_set(e, key.text, n);
  } else {
    ck_ht_hash_direct(&hash, &map, key.number);
    ck_ht_entry_key_set_direct(e, key.number);
  }
  return hash;
}
static bool mapLoad(union mapKey key)
{
  ck_ht_entry_t e;
  ck_ht_hash_t hash = find(key, &e);
  return ck_ht_get_spmc(&map, hash, &e) && (strings ? ck_ht_entry_value(&e) != NULL : ck_ht_entry_value_direct(&e) != 0);
}
static void mapStore(union mapKey key, word value)
{
  ck_ht_entry_t e;
  ck_ht_hash_t hash = find(key, &e);
  if (strings) /* values are addresses: they share their word with bits of the hash */
    ck_ht_entry_set(&e, hash, key.text, (uint16_t)strlen(key.text), (const void *)(value << 20 >> 20));
  else
    ck_ht_entry_set_direct(&e, hash, key.number, value);
  pthread_mutex_lock(&writer);
  if (!ck_ht_set_spmc(&map, hash, &e))
    abort();
  pthread_mutex_unlock(&writer);
}
static void mapDelete(union mapKey key)
{
  ck_ht_entry_t e;
  ck_ht_hash_t hash = find(key, &e);
  pthread_mutex_lock(&writer);
  ck_ht_remove_spmc(&map, hash, &e);
  pthread_mutex_unlock(&writer);
}
static void enterThread(void)
{
}
static void leaveThread(void)
{
}
