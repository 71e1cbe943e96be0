/* test_oom.c: what happens when there is no memory. Each allocation of each workload fails once; then all fail. Whatever fails,
 * nothing that was there is lost, nothing leaks, and hmap_check holds. */
#include "testing.h"

/* The kinds of tables. A key is made from a number. */
typedef struct kind {
  const char *name;
  hmap_type type;
} kind;

static uint64_t oneHash(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 99;
}
static const kind kinds[] = {
    {"8 bytes", {HMAP_BYTES, 8, 8, NULL, NULL}},        {"4 bytes, no elem", {HMAP_BYTES, 4, 0, NULL, NULL}},
    {"16 bytes", {HMAP_BYTES, 16, 100, NULL, NULL}},    {"strings", {HMAP_STRING, 0, 8, NULL, NULL}},
    {"large keys", {HMAP_BYTES, 200, 8, NULL, NULL}},   {"large elems", {HMAP_BYTES, 8, 200, NULL, NULL}},
    {"large both", {HMAP_BYTES, 129, 129, NULL, NULL}}, {"one hash for all", {HMAP_BYTES, 8, 8, oneHash, equalInts}},
};
enum { nKinds = sizeof kinds / sizeof *kinds, maxKeys = 3000 };

static char texts[maxKeys][24];
static const char *textPtrs[maxKeys];

static void makeTexts(void)
{
  for (int i = 0; i < maxKeys; i++) {
    snprintf(texts[i], sizeof texts[i], "text %d", i);
    textPtrs[i] = texts[i];
  }
}
static const void *keyOfNumber(const kind *k, uint32_t n)
{
  static unsigned char key[256];
  if (k->type.kind == HMAP_STRING)
    return &textPtrs[n];
  memset(key, 3, sizeof key);
  memcpy(key, &n, sizeof n);
  return key;
}
static uint32_t numberOf(const kind *k, const void *key)
{
  uint32_t n;
  if (k->type.kind == HMAP_STRING)
    return (uint32_t)strtoul(*(const char *const *)key + 5, NULL, 10);
  memcpy(&n, key, sizeof n);
  return n;
}
static void mark(const kind *k, void *elem, uint32_t n)
{
  if (k->type.elem_size)
    memset(elem, (int)(n & 255), k->type.elem_size);
}
static void assertMarked(const kind *k, const unsigned char *elem, uint32_t n)
{
  assert_non_null(elem);
  for (size_t i = 0; i < k->type.elem_size; i++)
    assert_int_equal(elem[i], n & 255);
}

/* What should be in the table. */
static bool there[maxKeys];
static size_t present;
static size_t failures; /* operations that reported ENOMEM */

static void compare(const kind *k, const hmap *h, uint32_t keys)
{
  ASSERT_SOUND(h);
  assert_int_equal(hmap_len(h), present);
  for (uint32_t n = 0; n < keys; n++) {
    const void *elem = hmap_access(h, keyOfNumber(k, n));
    if (there[n])
      assertMarked(k, elem, n);
    else
      assert_null(elem);
  }
}
static bool tryAssign(const kind *k, hmap *h, uint32_t n)
{
  errno = 0;
  void *elem = hmap_assign(h, keyOfNumber(k, n));
  if (!elem) {
    assert_int_equal(errno, ENOMEM);
    assert_false(there[n]);
    failures++;
    return false;
  }
  if (!there[n])
    mark(k, elem, n);
  else
    assertMarked(k, elem, n);
  present += !there[n];
  return there[n] = true;
}
static void doDelete(const kind *k, hmap *h, uint32_t n)
{
  assert_int_equal(hmap_delete(h, keyOfNumber(k, n)), there[n]);
  present -= there[n];
  there[n] = false;
}
static hmap *tryMake(const kind *k, size_t hint)
{
  errno = 0;
  memset(there, 0, sizeof there);
  present = 0;
  hmap *h = hmap_make(&k->type, hint);
  if (!h) {
    assert_int_equal(errno, ENOMEM);
    failures++;
  }
  return h;
}

/* Workloads. Each leaves nothing behind. */

static void fill(const kind *k)
{
  hmap *h = tryMake(k, 0);
  if (!h)
    return;
  for (uint32_t n = 0; n < 200; n++) {
    bool ok = tryAssign(k, h, n);
    ASSERT_SOUND(h);
    if (!ok) {
      compare(k, h, 200);
      assert_true(tryAssign(k, h, n)); /* now there is memory */
    }
  }
  compare(k, h, 210);
  assert_int_equal(present, 200);
  hmap_free(h);
}
static void fillHinted(const kind *k)
{
  hmap *h = tryMake(k, 150);
  if (!h)
    return;
  for (uint32_t n = 0; n < 150; n++)
    if (!tryAssign(k, h, n))
      assert_true(tryAssign(k, h, n));
  compare(k, h, 160);
  hmap_free(h);
}
/* A table made for many more than it gets: segments come as they are written to, in the old array as in the new one. */
static void growSparse(const kind *k)
{
  hmap *h = tryMake(k, 3000);
  if (!h)
    return;
  for (uint32_t n = 0; n < 40; n++)
    if (!tryAssign(k, h, n)) {
      compare(k, h, 50);
      assert_true(tryAssign(k, h, n));
    }
  h->count = capacity(h->B); /* to have hashGrow double it */
  if (!hashGrow(h))
    assert_true(hashGrow(h));
  h->count = present;
  compare(k, h, 50);
  for (uint32_t n = 40; growing(h); n++) {
    if (!tryAssign(k, h, n % 90)) {
      compare(k, h, 90);
      assert_true(tryAssign(k, h, n % 90));
    }
    if (n % 2)
      doDelete(k, h, n * 7 % 90);
    if (n % 16 == 0)
      ASSERT_SOUND(h);
  }
  compare(k, h, 100);
  hmap_free(h);
}
static void comeAndGo(const kind *k)
{
  hmap *h = tryMake(k, 20);
  if (!h)
    return;
  for (uint32_t n = 0; n < 500; n++) {
    tryAssign(k, h, n * 7 % 150);
    if (n % 3)
      doDelete(k, h, n * 11 % 150);
    if (n == 400) {
      hmap_clear(h);
      memset(there, 0, sizeof there);
      present = 0;
    }
    ASSERT_SOUND(h);
  }
  compare(k, h, 160);
  hmap_free(h);
}
static void shrink(const kind *k)
{
  hmap *h = tryMake(k, 0);
  if (!h)
    return;
  for (uint32_t n = 0; n < 220; n++)
    tryAssign(k, h, n);
  for (uint32_t n = 6; n < 220; n++) {
    doDelete(k, h, n);
    ASSERT_SOUND(h);
  }
  compare(k, h, 230);
  for (uint32_t n = 0; n < 60; n++)
    tryAssign(k, h, n);
  compare(k, h, 230);
  assert_true(h->B <= 4 || growing(h) || failures);
  hmap_free(h);
}
static void cloneIt(const kind *k)
{
  hmap *h = tryMake(k, 0);
  if (!h)
    return;
  for (uint32_t n = 0; n < 120; n++)
    tryAssign(k, h, n);
  errno = 0;
  hmap *copy = hmap_clone(h);
  compare(k, h, 130);
  if (copy) {
    compare(k, copy, 130);
  } else {
    assert_int_equal(errno, ENOMEM);
    failures++;
  }
  hmap_free(copy);
  hmap_free(h);
}
/* A walk needs no memory and returns what is there, however the growth that it meets fares. */
static void iterate(const kind *k)
{
  unsigned char seen[maxKeys] = {0};
  hmap_iter it;
  hmap *h = tryMake(k, 0);
  if (!h)
    return;
  for (uint32_t n = 0; n < 53; n++)
    tryAssign(k, h, n);
  bool before[maxKeys];
  memcpy(before, there, sizeof before);
  hmap_iter_init(&it, h);
  for (uint32_t n = 53; hmap_iter_next(&it); n += 2) {
    seen[numberOf(k, it.key)]++;
    tryAssign(k, h, n);
    tryAssign(k, h, n + 1);
    ASSERT_SOUND(h);
  }
  for (int n = 0; n < maxKeys; n++)
    assert_true(before[n] ? seen[n] == 1 : seen[n] <= there[n]);
  compare(k, h, 400);
  hmap_free(h);
}

/* Runs a workload with its first allocation failing, its second, and so on, until none is left to fail. */
static void failEach(void (*work)(const kind *k))
{
  for (int i = 0; i < nKinds; i++) {
    size_t reported = 0, n = 0;
    do {
      memory.calls = 0;
      memory.failAt = n += quick() && n > 12 ? 5 : 1;
      failures = 0;
      work(&kinds[i]);
      reported += failures;
      ASSERT_NOTHING_LEFT();
    } while (memory.calls >= n);
    assert_true(n > 2);        /* there was something to fail */
    assert_true(reported > 0); /* and not all of it could be done without */
  }
}
static void test_each_allocation_of_fill_fails(void **state)
{
  (void)state;
  failEach(fill);
}
static void test_each_allocation_of_a_hinted_fill_fails(void **state)
{
  (void)state;
  failEach(fillHinted);
}
static void test_each_allocation_of_a_sparse_growth_fails(void **state)
{
  (void)state;
  failEach(growSparse);
}
static void test_each_allocation_of_come_and_go_fails(void **state)
{
  (void)state;
  failEach(comeAndGo);
}
static void test_each_allocation_of_shrinking_fails(void **state)
{
  (void)state;
  failEach(shrink);
}
static void test_each_allocation_of_clone_fails(void **state)
{
  (void)state;
  failEach(cloneIt);
}
static void test_each_allocation_during_a_walk_fails(void **state)
{
  (void)state;
  failEach(iterate);
}

/* Every third allocation, at random, fails. */
static void test_allocations_fail_at_random(void **state)
{
  (void)state;
  failures = 0;
  for (size_t round = 0; round < times(40); round++) {
    const kind *k = &kinds[round % nKinds];
    hmap *h = tryMake(k, 0);
    for (int n = 0; n < 3000; n++) {
      uint32_t key = (uint32_t)randomBelow(700);
      memory.failAt = memory.calls + 1 + randomBelow(3);
      if (randomBelow(3))
        tryAssign(k, h, key);
      else
        doDelete(k, h, key);
      ASSERT_SOUND(h);
    }
    memory.failAt = 0;
    compare(k, h, 700);
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
  assert_true(quick() || failures > 0);
}

/* From one moment on there is no memory at all. */

static void noMemoryFrom(const kind *k, uint32_t filled)
{
  const uint32_t more = 12 * filled > 1200 ? 1200 : 12 * filled + 20;
  hmap *h = tryMake(k, 0);
  for (uint32_t n = 0; n < filled; n++)
    assert_true(tryAssign(k, h, n));
  memory.failAll = true;
  size_t failed = 0;
  for (uint32_t n = filled; n < filled + more; n++)
    failed += !tryAssign(k, h, n);
  assert_true(failed > 0);
  compare(k, h, filled + more + 10);
  assert_null(hmap_clone(h));
  hmap_iter it;
  size_t visited = 0;
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
    visited++;
  assert_int_equal(visited, present);
  for (uint32_t n = 0; n < filled + more; n += 2) { /* what is there can still be assigned and deleted */
    if (there[n])
      assert_true(tryAssign(k, h, n));
    doDelete(k, h, n);
    if (n % 64 == 0)
      ASSERT_SOUND(h);
  }
  if (!h->t->indirectkey && !h->t->indirectelem && filled) /* and there is room again */
    assert_true(tryAssign(k, h, 0));
  compare(k, h, filled + more + 10);
  memory.failAll = false;
  const uint32_t all = k->type.hash == oneHash ? 400 : 2000;
  for (uint32_t n = 0; n < all; n++)
    assert_true(tryAssign(k, h, n));
  compare(k, h, all + 10);
  assert_true(present <= capacity((uint8_t)(h->B + 1))); /* it has grown as it should */
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}
static void test_no_memory_any_more(void **state)
{
  (void)state;
  const uint32_t filled[] = {0,  1,  3,  4,  5,   7,   8,   9,   13,  26,  27,  28,  40,
                             52, 53, 54, 60, 104, 105, 110, 150, 208, 209, 300, 416, 417};
  for (int i = 0; i < nKinds; i++)
    for (size_t f = 0; f < sizeof filled / sizeof *filled; f++)
      if (kinds[i].type.hash != oneHash || filled[f] < 60) /* one long chain is slow */
        noMemoryFrom(&kinds[i], filled[f]);
}

/* Arrays cannot be had, single buckets can: then no insertion fails. */
static void test_a_table_that_cannot_grow_goes_on_with_overflow_buckets(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(6));
  memory.failLarge = 64 << 10;
  putRange(h, 0, 2 * capacity(6)); /* twice the load */
  assertRange(h, 0, 2 * capacity(6));
  ASSERT_SOUND(h);
  uint8_t B = h->B;
  memory.failLarge = 20 << 10;
  for (uint64_t k = 2 * capacity(6); k < 2 * capacity(6) + 100; k++)
    put(h, k, k);
  ASSERT_SOUND(h);
  memory.failLarge = bytesOfSlab(h->t, 1) + 1; /* one bucket at a time */
  for (uint64_t k = 2 * capacity(6) + 100; k < 2 * capacity(6) + 400; k++)
    put(h, k, k);
  ASSERT_SOUND(h);
  memory.failLarge = 0;
  const uint64_t n = hmap_len(h);
  put(h, n, n);
  put(h, n + 1, n + 1);
  assert_true(h->B > B || growing(h)); /* it tries again at the next insertion */
  settle(h);
  assertRange(h, 0, n + 2);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Evacuation needs an overflow bucket that cannot be had: then the bucket stays as it is, and is worked on there. */
static void test_an_evacuation_without_memory_does_not_happen(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(3));
  uint64_t keys[40];
  for (unsigned i = 0; i < 40; i++)
    put(h, keys[i] = keyWith(h, 5, 15), i); /* all go to one bucket of the new array too */
  h->count = capacity(3);                   /* to have hashGrow double it */
  assert_true(hashGrow(h));
  h->count = 40;
  evacuateTo(h, 5);
  memory.failAll = true;
  resetCounts();
  assert_false(evacuate(h));
  assert_false(bucketEvacuated(h, 5));
  assert_int_equal(counted.moved, 0);
  ASSERT_SOUND(h);
  for (unsigned i = 0; i < 40; i++)
    assert_true(get(h, keys[i]) == i);
  assert_true(cut(h, keys[7]));
  uint64_t more = keyWith(h, 5, 15);
  put(h, more, 7); /* in the old bucket */
  assert_int_equal(counted.moved, 0);
  ASSERT_SOUND(h);
  for (int i = 0; i < 20; i++)
    assert_false(cut(h, 77 + (uint64_t)i));
  assert_true(growing(h)); /* it waits */
  assert_int_equal(h->nevacuate, 5);
  memory.failAll = false;
  settle(h);
  ASSERT_SOUND(h);
  for (unsigned i = 0; i < 40; i++)
    if (i != 7)
      assert_true(get(h, keys[i]) == i);
  assert_true(get(h, more) == 7);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* The same with a segment. An insertion goes to the old bucket, or fails where that has no memory either. */
static void test_segments_that_cannot_be_had(void **state)
{
  (void)state;
  segmentsFromMalloc(true);
  hmap *h = makeInts(capacity(10)); /* eight segments */
  uint64_t in[8], absent[8];
  for (unsigned i = 0; i < 8; i++) {
    in[i] = keyWith(h, i << 7, 7 << 7);
    absent[i] = keyWith(h, i << 7, 7 << 7);
  }
  memory.failLarge = 4 << 10;
  for (unsigned i = 0; i < 8; i++) {
    errno = 0;
    assert_null(hmap_assign(h, &in[i]));
    assert_int_equal(errno, ENOMEM);
    assert_false(has(h, in[i]));
    assert_int_equal(hmap_len(h), 0);
    ASSERT_SOUND(h);
  }
  memory.failLarge = 0;
  for (unsigned i = 0; i < 8; i += 2)
    put(h, in[i], i);
  memory.failLarge = 4 << 10;
  growNow(h);
  resetCounts();
  for (unsigned n = 0; n < 20; n++)
    for (unsigned i = 0; i < 8; i++)
      if (i % 2 == 0) { /* in old segments that are there */
        put(h, absent[i], i);
        assert_true(get(h, in[i]) == i);
        assert_true(cut(h, absent[i]));
      } else { /* and in those that are not */
        assert_null(hmap_assign(h, &in[i]));
        assert_false(cut(h, in[i]));
      }
  assert_int_equal(h->nevacuate, 0);
  assert_int_equal(counted.moved, 0);
  assert_int_equal(segmentsIn(h->buckets), 0);
  assert_int_equal(hmap_len(h), 4);
  ASSERT_SOUND(h);
  hmap_iter it;
  size_t visited = 0;
  for (hmap_iter_init(&it, h); hmap_iter_next(&it); visited++)
    ;
  assert_int_equal(visited, 4);
  memory.failLarge = 0;
  for (unsigned i = 1; i < 8; i += 2)
    put(h, in[i], i);
  assert_true(!growing(h) || h->nevacuate >= 8);
  settle(h);
  for (unsigned i = 0; i < 8; i++)
    assert_true(get(h, in[i]) == i);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
  segmentsFromMalloc(false);
}

/* An evacuation that has its first segment and not the second one. */
static void test_one_of_two_segments(void **state)
{
  (void)state;
  segmentsFromMalloc(true);
  hmap *h = growingTable(10);
  memory.failAt = memory.calls + 2;
  resetCounts();
  assert_false(evacuate(h));
  assert_int_equal(counted.moved, 0);
  assert_int_equal(h->nevacuate, 0);
  assert_int_equal(segmentsIn(h->buckets), 1);
  ASSERT_SOUND(h);
  assertRange(h, 0, capacity(10));
  hmap_stats s;
  hmap_getstats(h, &s);
  assert_int_equal(s.nevacuated, 0);
  assert_true(evacuate(h));
  settle(h);
  assertRange(h, 0, capacity(10));
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
  segmentsFromMalloc(false);
}

/* A growth begins, and the insertion that began it has no memory: none is easy until the growth is over. */
static void test_no_memory_for_the_insertion_that_began_a_growth(void **state)
{
  (void)state;
  for (size_t n = 2; n < 6; n++) {
    hmap *h = fullTable(8);
    memory.failAt = memory.calls + n;
    hmap_assign(h, &(uint64_t){1000000});
    memory.failAt = 0;
    assert_true(growing(h));
    assert_int_equal(h->easy, 0);
    ASSERT_SOUND(h);
    assertRange(h, 0, capacity(8));
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* Failing to insert the only entry must not end walks over other things or leak; and deletion needs no memory. */
static void test_a_failed_insertion_leaves_the_table_as_it_was(void **state)
{
  (void)state;
  const kind *k = &kinds[6];
  hmap *h = tryMake(k, 0);
  assert_true(tryAssign(k, h, 1));
  for (size_t n = 1; n < 3; n++) { /* the key, then the elem */
    memory.failAt = memory.calls + n;
    assert_false(tryAssign(k, h, 2));
    compare(k, h, 10);
    assert_int_equal(hmap_len(h), 1);
  }
  doDelete(k, h, 1);
  memory.failAt = memory.calls + 1;
  assert_false(tryAssign(k, h, 2));
  compare(k, h, 10);
  memory.failAll = true;
  hmap_clear(h);
  compare(k, h, 10);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_each_allocation_of_fill_fails),
      TEST(test_each_allocation_of_a_hinted_fill_fails),
      TEST(test_each_allocation_of_a_sparse_growth_fails),
      TEST(test_each_allocation_of_come_and_go_fails),
      TEST(test_each_allocation_of_shrinking_fails),
      TEST(test_each_allocation_of_clone_fails),
      TEST(test_each_allocation_during_a_walk_fails),
      TEST(test_allocations_fail_at_random),
      TEST(test_no_memory_any_more),
      TEST(test_a_table_that_cannot_grow_goes_on_with_overflow_buckets),
      TEST(test_an_evacuation_without_memory_does_not_happen),
      TEST(test_segments_that_cannot_be_had),
      TEST(test_one_of_two_segments),
      TEST(test_no_memory_for_the_insertion_that_began_a_growth),
      TEST(test_a_failed_insertion_leaves_the_table_as_it_was),
  };
  makeTexts();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
