/* sync-lfht.c: liburcu's cds_lfht with its memb flavour, for bench/sync.py. It leaves hashing to its user: a multiplication for
 * words, eight bytes of a string at a time. It is made with a bucket an entry: it grows in a thread of its own, and where that
 * gets no processor, filling it takes minutes. */
#include "sync-peer.h"
#include <stddef.h>
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

typedef struct entry {
  struct cds_lfht_node node;
  struct rcu_head rcu;
  union mapKey key;
  word value;
} entry;

static struct cds_lfht *map;
static bool strings;

static void makeMap(bool s)
{
  strings = s;
  unsigned long buckets = 64;
  while (buckets < entries)
    buckets *= 2;
  map = cds_lfht_new_flavor(buckets, 64, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &urcu_memb_flavor, NULL);
}
static inline uint64_t mix(uint64_t h, uint64_t x)
{
  h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 32;
}
static inline unsigned long hashOf(union mapKey key)
{
  if (!strings)
    return mix(1, key.number);
  uint64_t h = 1, x;
  size_t n = strlen(key.text), i = 0;
  for (; i + 8 <= n; i += 8) {
    memcpy(&x, key.text + i, 8);
    h = mix(h, x);
  }
  x = n;
  memcpy(&x, key.text + i, n - i);
  return mix(h, x);
}
static int matches(struct cds_lfht_node *node, const void *key)
{
  const entry *e = caa_container_of(node, entry, node);
  const union mapKey *k = (const union mapKey *)key;
  return strings ? strcmp(e->key.text, k->text) == 0 : e->key.number == k->number;
}
static void freeEntry(struct rcu_head *rcu)
{
  free(caa_container_of(rcu, entry, rcu));
}
static bool mapLoad(union mapKey key)
{
  struct cds_lfht_iter at;
  urcu_memb_read_lock();
  cds_lfht_lookup(map, hashOf(key), matches, &key, &at);
  struct cds_lfht_node *node = cds_lfht_iter_get_node(&at);
  bool found = node && caa_container_of(node, entry, node)->value;
  urcu_memb_read_unlock();
  return found;
}
static void mapStore(union mapKey key, word value)
{
  entry *e = (entry *)malloc(sizeof *e);
  cds_lfht_node_init(&e->node);
  e->key = key;
  e->value = value;
  urcu_memb_read_lock();
  struct cds_lfht_node *old = cds_lfht_add_replace(map, hashOf(key), matches, &key, &e->node);
  if (old)
    urcu_memb_call_rcu(&caa_container_of(old, entry, node)->rcu, freeEntry);
  urcu_memb_read_unlock();
}
static void mapDelete(union mapKey key)
{
  struct cds_lfht_iter at;
  urcu_memb_read_lock();
  cds_lfht_lookup(map, hashOf(key), matches, &key, &at);
  struct cds_lfht_node *node = cds_lfht_iter_get_node(&at);
  if (node && cds_lfht_del(map, node) == 0)
    urcu_memb_call_rcu(&caa_container_of(node, entry, node)->rcu, freeEntry);
  urcu_memb_read_unlock();
}
static void enterThread(void)
{
  urcu_memb_register_thread();
}
static void leaveThread(void)
{
  urcu_memb_unregister_thread();
}
