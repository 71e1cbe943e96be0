/* testing.h: what the engine's tests share. Each of them contains the engine. */
#ifndef TESTING_H
#define TESTING_H

#define _GNU_SOURCE
#include <stddef.h>

/* What the operations since the last resetCounts moved (slots), touched, freed (bytes), mapped (times), went along chains (steps)
 * and entered (groups, by walks; buckets without entries, by growth). */
static struct {
  size_t moved, touched, maps, freed, steps, entered, segments;
} counted;
#define HMAP_COUNT(what, n) ADD(counted.what, n)

#define TESTED "../lib/engine.c"
#include "inside.h"

static inline void resetCounts(void)
{
  memset(&counted, 0, sizeof counted);
}

/* Every invariant of a table holds. */
#define ASSERT_SOUND(h)                    \
  do {                                     \
    const char *broken_ = hmap_check(h);   \
    if (broken_)                           \
      fail_msg("hmap_check: %s", broken_); \
  } while (0)

#define TEST(f) cmocka_unit_test_setup(f, startTest)
static inline int startTest(void **state)
{
  (void)state;
  startInside();
  resetCounts();
  return 0;
}

/* Tables of the kinds that most tests need. */
static inline hmap *makeTable(enum hmap_kind kind, size_t key, size_t elem, size_t hint)
{
  hmap_type type = {.kind = kind, .key_size = key, .elem_size = elem};
  hmap *h = hmap_make(&type, hint);
  assert_non_null(h);
  return h;
}
static inline hmap *makeInts(size_t hint) /* uint64_t to uint64_t */
{
  return makeTable(HMAP_BYTES, 8, 8, hint);
}
static inline void put(hmap *h, uint64_t key, uint64_t elem)
{
  void *e = hmap_assign(h, &key);
  assert_non_null(e);
  memcpy(e, &elem, sizeof elem);
}
static inline uint64_t get(const hmap *h, uint64_t key)
{
  uint64_t elem;
  const void *e = hmap_access(h, &key);
  assert_non_null(e);
  memcpy(&elem, e, sizeof elem);
  return elem;
}
static inline bool has(const hmap *h, uint64_t key)
{
  return hmap_access(h, &key) != NULL;
}
static inline bool cut(hmap *h, uint64_t key)
{
  return hmap_delete(h, &key);
}
/* Assigns keys from, from + 1, ... below to; each with itself as elem. */
static inline void putRange(hmap *h, uint64_t from, uint64_t to)
{
  for (uint64_t k = from; k < to; k++)
    put(h, k, k);
}
static inline void assertRange(const hmap *h, uint64_t from, uint64_t to)
{
  for (uint64_t k = from; k < to; k++)
    assert_true(get(h, k) == k);
}

/* An equality function for a type of 64-bit keys. */
static inline bool equalInts(const void *stored, const void *key)
{
  return memcmp(stored, key, sizeof(uint64_t)) == 0;
}

/* Lets a table of makeTable's have long chains: its type is its own. */
static inline void noAlarm(hmap *h)
{
  ((maptype *)(uintptr_t)h->t)->rehash = NULL;
}

/* A number whose hash under a seed has these low bits. */
static inline uint64_t placed(uint64_t start, const hmap_seed *seed, uint64_t bits, uint64_t mask)
{
  uint64_t x = start;
  while ((memhash64(x, seed) & mask) != (bits & mask))
    x += 0x9e3779b97f4a7c15;
  return x;
}
/* From now on, tables have their segments from malloc; or, where they are large enough, in pages. */
static inline void segmentsFromMalloc(bool yes)
{
  isWatched(); /* once, and then this */
  paging.watched = yes;
  paging.largest = 0;
}
/* A fresh 64-bit key for table h, of own-hash kind, whose hash has the given bits under mask; no two calls return the same. */
static inline uint64_t keyWith(const hmap *h, uint64_t bits, uint64_t mask)
{
  static uint64_t n;
  return placed((++n << 40) * 0x2545f4914f6cdd1d, &h->hash0, bits, mask);
}

/* How many entries 2^B buckets hold. */
static inline size_t capacity(uint8_t B)
{
  return B == 0 ? 8 : (size_t)13 << B >> 1;
}
/* A settled table of 2^B buckets with keys 0, 1, ... that grows at the next insertion. */
static inline hmap *fullTable(uint8_t B)
{
  hmap *h = makeInts(capacity(B));
  putRange(h, 0, capacity(B));
  assert_int_equal(h->B, B);
  assert_false(growing(h));
  return h;
}
/* The same, when its growth has begun and nothing has been evacuated yet. */
static inline hmap *growingTable(uint8_t B)
{
  hmap *h = fullTable(B);
  assert_true(hashGrow(h));
  return h;
}
/* A table of 2^B buckets, no hint behind it, with keys 0, 1, ... that shrinks when one more goes: the last, which is in *last. */
static inline hmap *thinTable(uint8_t B, uint64_t *last)
{
  hmap *h = fullTable(B);
  setFlags(h, flagsOf(h) & (uint8_t)~hashHinted);
  *last = hmap_len(h) - 1;
  for (; !tooFewEntries(*last, h->mask); --*last)
    assert_true(cut(h, *last));
  assert_false(growing(h));
  assert_int_equal(h->B, B);
  return h;
}

/* The first bucket of chain i of an array. */
static inline bmap *bucketOf(bucketArray *a, size_t i)
{
  return bucketAt(a->t, a, i).b;
}
static inline unsigned char *blockOf(bucketArray *a, size_t i)
{
  return bucketAt(a->t, a, i).block;
}
/* How many segments of an array are there. */
static inline size_t segmentsIn(const bucketArray *a)
{
  size_t n = 0;
  for (size_t i = 0; i < nsegments(a); i++)
    n += a->segments[i] && a->segments[i] != noSegment();
  return n;
}
static inline size_t slabsIn(const bucketArray *a)
{
  size_t n = 0;
  for (const overflowSlab *s = a->slabs; s; s = s->next)
    n++;
  return n;
}
/* Begins a growth to twice the size, however few entries there are. */
static inline void growNow(hmap *h)
{
  size_t count = h->count;
  h->count = capacity(h->B);
  assert_true(hashGrow(h));
  h->count = count;
}
/* Evacuates the first n old buckets. */
static inline void evacuateTo(hmap *h, size_t n)
{
  while (growing(h) && h->nevacuate < n)
    assert_true(evacuate(h));
}

/* Makes more writes until a growth is over, without adding entries. */
static inline void settle(hmap *h)
{
  uint64_t absent = UINT64_MAX - 12345;
  while (growing(h)) {
    size_t before = h->nevacuate;
    assert_false(cut(h, absent));
    assert_true(!growing(h) || h->nevacuate > before);
  }
}

#endif
