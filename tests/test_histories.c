/* test_histories.c: every short history of a table, with hmap_check and a model after each step: for every kind of key and elem,
 * with three keys that meet in one chain and have one tophash, from each state that a table can be in. histories.h is the search;
 * make check-histories makes them longer. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
/* cmocka.h needs those above */
#include <cmocka.h>
#ifdef assert_uint_in_range
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif
#define TESTED "../lib/engine.c"
#include "histories.h"

enum { maxSize = 200 };

/* The keys: three that meet, and others, which are there to fill the table. */
static struct {
  hmap_type type;
  unsigned char keys[allKeys][maxSize];
  char strings[allKeys][16];
} cast;

/* What a history changes: the table, its walk, and what they should be. */
static struct {
  hmap *h;
  hmap_iter it;
  bool walking;           /* there is a walk, from which nothing follows but what it says itself */
  uint8_t value[allKeys]; /* 0: not there */
  uint8_t due[allKeys];   /* the walk has yet to return it */
  uint8_t may[allKeys];   /* the walk may return it */
  uint8_t last;           /* 1 + the key that it returned last */
  uint32_t count;
} now;

static const void *elemOfValue(uint8_t value)
{
  static unsigned char elem[maxSize];
  return memset(elem, value, sizeof elem);
}
static unsigned keyNumber(const void *key)
{
  unsigned i = 0;
  while (i < allKeys && memcmp(cast.keys[i], key, cast.type.kind == HMAP_STRING ? sizeof(char *) : cast.type.key_size) != 0)
    i++;
  return i;
}

static void willHave(unsigned i, uint8_t value)
{
  if (!now.value[i] && value) {
    now.count++;
    now.may[i] = 1;
  } else if (now.value[i] && !value) {
    now.count--;
    now.may[i] = now.due[i] = 0;
  }
  now.value[i] = value;
}
static void setElem(void *elem, uint8_t value)
{
  if (cast.type.elem_size)
    memcpy(elem, elemOfValue(value), cast.type.elem_size);
}
static void expectElem(const void *elem, uint8_t value)
{
  if ((elem != NULL) != (value != 0))
    broken("a key is %sthere", elem ? "" : "not ");
  if (elem && cast.type.elem_size && memcmp(elem, elemOfValue(value), cast.type.elem_size) != 0)
    broken("an elem is not what it was");
}

/* The operations */

static void assign(unsigned i, uint8_t value)
{
  void *elem = hmap_assign(now.h, cast.keys[i]);
  if (!elem)
    broken("no memory");
  if (now.value[i])
    expectElem(elem, now.value[i]);
  setElem(elem, value);
  willHave(i, value);
}
static bool insert(unsigned i)
{
  assign(i, (uint8_t)(1 + i));
  return true;
}
static bool replace(unsigned i)
{
  if (!now.value[i])
    return false;
  assign(i, (uint8_t)(101 + i));
  return true;
}
static bool insertRefused(unsigned i)
{
  arena.refuses = true;
  void *elem = hmap_assign(now.h, cast.keys[i]);
  arena.refuses = false;
  if (!elem && (errno != ENOMEM || now.value[i]))
    broken("a refusal that is none");
  if (elem) {
    setElem(elem, (uint8_t)(1 + i));
    willHave(i, (uint8_t)(1 + i));
  }
  return true;
}
static bool removeIt(unsigned i)
{
  if (hmap_delete(now.h, cast.keys[i]) != (now.value[i] != 0))
    broken("a removal says that a key was %sthere", now.value[i] ? "not " : "");
  willHave(i, 0);
  return true;
}
static bool removeRefused(unsigned i)
{
  arena.refuses = true;
  removeIt(i);
  arena.refuses = false;
  return true;
}
/* A walk begins at the bucket of the three keys, or, if i is 1, behind it: then they come last. */
static void startAt(hmap_iter *it, unsigned i)
{
  if (it->state == iterOver)
    return;
  it->start = (keyBucket + i * groupCnt) & bucketMask(it->B) & ~bucketMask(it->group);
  it->offset = (uint8_t)((keyBucket * bucketCnt + 3 * i) & ((bucketCnt << it->group) - 1));
}
/* Looks for a key by a walk, and removes it when that comes to it. */
static bool removeInWalk(unsigned i)
{
  hmap_iter it;
  if (!now.value[i])
    return false;
  hmap_iter_init(&it, now.h);
  startAt(&it, 0);
  while (hmap_iter_next(&it) && keyNumber(it.key) != i)
    ;
  if (!it.key)
    broken("a walk has not come to a key");
  removeIt(i);
  hmap_iter_end(&it);
  return true;
}

static bool clearAll(unsigned i)
{
  (void)i;
  hmap_clear(now.h);
  for (unsigned k = 0; k < allKeys; k++)
    willHave(k, 0);
  return true;
}
static bool cloneAll(unsigned i)
{
  (void)i;
  if (now.walking)
    return false;
  hmap *copy = hmap_clone(now.h);
  if (!copy)
    broken("no copy");
  hmap_free(now.h);
  now.h = copy;
  return true;
}

static bool beginWalk(unsigned i)
{
  if (now.walking)
    hmap_iter_end(&now.it);
  hmap_iter_init(&now.it, now.h);
  startAt(&now.it, i);
  now.walking = true;
  now.last = 0;
  for (unsigned k = 0; k < allKeys; k++)
    now.due[k] = now.may[k] = now.value[k] != 0;
  return true;
}
static bool nextInWalk(unsigned i)
{
  (void)i;
  if (!now.walking)
    return false;
  now.last = 0;
  if (!hmap_iter_next(&now.it)) {
    if (memchr(now.due, 1, sizeof now.due))
      broken("a walk has not come to key %zu", (size_t)((uint8_t *)memchr(now.due, 1, sizeof now.due) - now.due));
    now.walking = false;
    return true;
  }
  unsigned k = keyNumber(now.it.key);
  if (k == allKeys || !now.value[k] || !now.may[k])
    broken("a walk comes to key %u, which is not there, or once more", k);
  expectElem(now.it.elem, now.value[k]);
  now.may[k] = now.due[k] = 0;
  now.last = (uint8_t)(1 + k);
  return true;
}
static bool restOfWalk(unsigned i)
{
  if (!now.walking)
    return false;
  while (now.walking)
    nextInWalk(i);
  return true;
}
static bool endWalk(unsigned i)
{
  (void)i;
  if (!now.walking)
    return false;
  hmap_iter_end(&now.it);
  now.walking = false;
  return true;
}
/* Removes what the walk has come to last. */
static bool removeHere(unsigned i)
{
  (void)i;
  return now.walking && now.last && now.value[now.last - 1] && removeIt(now.last - 1u);
}

static const operation operations[] = {
    {"insert", insert, nKeys},
    {"replace", replace, nKeys},
    {"insert without memory", insertRefused, nKeys},
    {"delete", removeIt, nKeys},
    {"delete without memory", removeRefused, nKeys},
    {"delete in a walk", removeInWalk, nKeys},
    {"begin a walk", beginWalk, 2},
    {"next", nextInWalk, 1},
    {"the rest of the walk", restOfWalk, 1},
    {"delete here", removeHere, 1},
    {"end the walk", endWalk, 1},
    {"clear", clearAll, 1},
    {"clone", cloneAll, 1},
    {NULL, NULL, 0},
};

static void look(void)
{
  const char *what = hmap_check(now.h);
  if (what)
    broken("hmap_check: %s", what);
  if (hmap_len(now.h) != now.count)
    broken("%zu entries in place of %u", hmap_len(now.h), now.count);
  for (unsigned i = 0; i < allKeys; i++)
    if (i < nKeys || now.value[i])
      expectElem(hmap_access(now.h, cast.keys[i]), now.value[i]);
}
/* Of these it matters only whether they have changed. */
static void level(void)
{
  now.h->seq = 0;
  now.it.nclear -= now.h->nclear;
  now.h->nclear = 0;
  if (!now.walking)
    memset(&now.it, 0, sizeof now.it), now.last = 0, memset(now.due, 0, sizeof now.due), memset(now.may, 0, sizeof now.may);
}

/* The cast: keys with the same lowest bits of the hash and the same tophash, and in a table that has been alarmed the same bucket
 * again. The others come as they are. */

static uint64_t hashOneForThree(const void *key, const hmap_seed *seed)
{
  uint32_t number;
  memcpy(&number, key, sizeof number);
  return number < nKeys ? (uint64_t)keyBucket << 56 | keyBucket : memhash64(number, seed);
}
static bool equalNumbers(const void *stored, const void *key)
{
  return memcmp(stored, key, sizeof(uint32_t)) == 0;
}

static void writeKey(unsigned i, uint64_t number)
{
  const char *p = cast.strings[i];
  memset(cast.keys[i], 0x33, maxSize);
  snprintf(cast.strings[i], sizeof cast.strings[i], "%" PRIu64, number);
  if (cast.type.kind == HMAP_STRING)
    memcpy(cast.keys[i], &p, sizeof p);
  else
    memcpy(cast.keys[i], &number, cast.type.key_size < sizeof number ? cast.type.key_size : sizeof number);
}
static bool meet(const hmap *h, const hmap_seed *sip, const void *key)
{
  unsigned char slot[2 * sizeof(void *)];
  const enum hashalg alg = h->t->alg;
  const uint64_t low = 0x3f;
  keyhash k = keyhashOf(h, h->t, alg, key);
  if ((k.hash & low) != keyBucket || tophash(k.hash) != 0x77)
    return false;
  if (h->t->indirectkey)
    memcpy(slot, &key, sizeof key);
  return (h->t->rehash(h->t, h->t->indirectkey ? slot : (unsigned char *)(uintptr_t)key, sip) & low) == keyBucket;
}
static void chooseKeys(const hmap_type *type)
{
  hmap_seed sip = alarmSeed();
  uint64_t number = 1;
  cast.type = *type;
  hmap *h = hmap_make(type, 0);
  assert_non_null(h);
  seedTable(h);
  for (unsigned i = 0; i < allKeys; i++, number += 2) /* odd, so that no seed depends on the first key (chooseShift) */
    do
      writeKey(i, type->hash ? i : (number += 2));
    while (i < nKeys && !type->hash && !meet(h, &sip, cast.keys[i]));
  hmap_free(h);
}

static void fill(unsigned fillers, unsigned keys)
{
  memset(&now, 0, sizeof now);
  now.h = hmap_make(&cast.type, 0);
  for (unsigned i = nKeys; i < nKeys + fillers; i++)
    assign(i, (uint8_t)(1 + i));
  for (unsigned i = 0; i < keys; i++)
    insert(i);
}
static hmap *theTable(void)
{
  return now.h;
}
static void done(void)
{
  hmap_free(now.h);
}

static void regions(region *r)
{
  r[0] = (region){&now, sizeof now};
}

static void searchType(const char *name, hmap_type type)
{
  static const subject s = {operations, look, level, theTable, fill, done, regions};
  setenv("HMAP_SEED", "histories", 1); /* so that after clear the three keys meet again */
  chooseKeys(&type);
  searchAll(&s, name, !type.hash);
}

static void test_words(void **state)
{
  (void)state;
  searchType("words", (hmap_type){.key_size = 8, .elem_size = 8});
}
static void test_set_of_words(void **state)
{
  (void)state;
  searchType("set of words", (hmap_type){.key_size = 8});
}
static void test_half_words(void **state)
{
  (void)state;
  searchType("half words", (hmap_type){.key_size = 4, .elem_size = 12});
}
static void test_strings(void **state)
{
  (void)state;
  searchType("strings", (hmap_type){.kind = HMAP_STRING, .elem_size = 8});
}
static void test_strings_to_bytes(void **state)
{
  (void)state;
  searchType("strings to bytes", (hmap_type){.kind = HMAP_STRING, .elem_size = 3});
}
static void test_bytes(void **state)
{
  (void)state;
  searchType("bytes", (hmap_type){.key_size = 12, .elem_size = 4});
}
static void test_large_keys_and_elems(void **state)
{
  (void)state;
  searchType("large keys and elems", (hmap_type){.key_size = maxSize, .elem_size = maxSize});
}
static void test_functions_of_the_users(void **state)
{
  (void)state;
  searchType("functions of the user's", (hmap_type){HMAP_BYTES, 4, 8, hashOneForThree, equalNumbers});
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_words),
      cmocka_unit_test(test_set_of_words),
      cmocka_unit_test(test_half_words),
      cmocka_unit_test(test_strings),
      cmocka_unit_test(test_strings_to_bytes),
      cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_large_keys_and_elems),
      cmocka_unit_test(test_functions_of_the_users),
  };
  return cmocka_run_group_tests(tests, NULL, summary);
}
