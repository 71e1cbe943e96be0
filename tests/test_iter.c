/* test_iter.c: walks over tables that change meanwhile. What hmap.h promises of a walk:
 *   - an entry that is there from the first call to the last is returned exactly once;
 *   - one that was deleted before the walk came to it is not returned;
 *   - one that was added during the walk is returned once or not at all; after hmap_clear the walk ends. */
#include "testing.h"

enum { maxKey = 1 << 16 };

/* How often a walk returned each key. */
static unsigned char returned[maxKey];

static void startWalk(hmap_iter *it, const hmap *h)
{
  memset(returned, 0, sizeof returned);
  hmap_iter_init(it, h);
}
/* One step; returns the key, or UINT64_MAX at the end. */
static uint64_t walkStep(hmap_iter *it)
{
  if (!hmap_iter_next(it)) {
    assert_null(it->key);
    assert_null(it->elem);
    return UINT64_MAX;
  }
  uint64_t key = read64(it->key), elem = read64(it->elem);
  assert_true(key < maxKey && elem == key);
  returned[key]++;
  return key;
}
static void finishWalk(hmap_iter *it)
{
  while (walkStep(it) != UINT64_MAX)
    ;
  assert_false(hmap_iter_next(it));
}
static void assertReturned(uint64_t from, uint64_t to, unsigned least, unsigned most)
{
  for (uint64_t k = from; k < to; k++)
    if (returned[k] < least || returned[k] > most)
      fail_msg("key %llu was returned %u times", (unsigned long long)k, returned[k]);
}
static size_t pinsOf(const hmap *h)
{
  size_t n = 0;
  if (h->buckets)
    n += h->buckets->pins;
  if (h->oldbuckets)
    n += h->oldbuckets->pins;
  bucketArray *a = h->retired;
  if (a)
    do
      n += a->pins;
    while ((a = a->next) != h->retired);
  return n;
}

static void test_a_walk_over_a_settled_table(void **state)
{
  (void)state;
  for (size_t n = 0; n < 3000; n = n * 2 + 1) {
    hmap *h = makeInts(0);
    hmap_iter it;
    putRange(h, 0, n);
    settle(h);
    startWalk(&it, h);
    finishWalk(&it);
    assertReturned(0, n, 1, 1);
    assert_int_equal(pinsOf(h), 0);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

static void test_a_walk_over_nothing(void **state)
{
  (void)state;
  hmap *h = makeInts(100);
  hmap_iter it;
  hmap_iter_init(&it, NULL);
  assert_false(hmap_iter_next(&it));
  hmap_iter_end(&it);
  startWalk(&it, h);
  assert_false(hmap_iter_next(&it));
  put(h, 1, 1);
  cut(h, 1);
  startWalk(&it, h);
  assert_false(hmap_iter_next(&it));
  hmap_iter_end(&it);
  hmap_free(h);
}

static void test_a_walk_starts_at_a_random_bucket_and_slot(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(3)); /* 8 full buckets: the first entry tells bucket and slot */
  bool slotSeen[8] = {false}, bucketSeen[8] = {false}, both[8][8] = {{false}};
  uint64_t keys[64];
  for (unsigned i = 0; i < 64 && i < capacity(3); i++)
    put(h, keys[i] = keyWith(h, i / 8, 7), i);
  for (int n = 0; n < 2000; n++) {
    hmap_iter it;
    hmap_iter_init(&it, h);
    assert_true(hmap_iter_next(&it));
    size_t i = (size_t)read64(it.elem);
    bucketSeen[i / 8] = slotSeen[i % 8] = both[i / 8][i % 8] = true;
    hmap_iter_end(&it);
  }
  for (int i = 0; i < 8; i++)
    assert_true(slotSeen[i]);
  for (int b = 0; b < 6; b++) /* six are full: the limit is 52 */
    for (int i = 0; i < 8; i++)
      assert_true(bucketSeen[b] && both[b][i]);
  hmap_free(h);
}

/* The walk goes round: entries follow the order of groups of neighbouring buckets from the start on. */
static void test_a_walk_goes_round_the_buckets(void **state)
{
  (void)state;
  hmap *h = fullTable(7);
  hmap_iter it;
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it));
  const size_t groups = bucketShift(7) / groupCnt;
  size_t first = (memhash64(read64(it.key), &h->hash0) & 127) / groupCnt, last = first;
  while (hmap_iter_next(&it)) {
    size_t g = (memhash64(read64(it.key), &h->hash0) & 127) / groupCnt;
    assert_true((g - first) % groups >= (last - first) % groups);
    last = g;
  }
  hmap_free(h);
}

/* Of a table that is mostly not there, a walk enters what is, and passes over the rest segment by segment. */
static void test_a_walk_passes_over_what_is_not_there(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(16));
  hmap_iter it;
  putRange(h, 0, 3);
  const size_t segments = nsegments(h->buckets), groups = (segmentMask(h->t) + 1) / groupCnt;
  for (int n = 0; n < 20; n++) {
    resetCounts();
    startWalk(&it, h);
    finishWalk(&it);
    assertReturned(0, 3, 1, 1);
    assert_in_range(counted.entered, 3, segments + 4 * groups); /* the first segment once more, in part */
  }
  hmap_free(h);
}

static void test_two_walks_differ(void **state)
{
  (void)state;
  hmap *h = fullTable(6);
  int different = 0;
  for (int n = 0; n < 20; n++) {
    hmap_iter a, b;
    hmap_iter_init(&a, h);
    hmap_iter_init(&b, h);
    assert_true(hmap_iter_next(&a) && hmap_iter_next(&b));
    different += a.key != b.key;
    hmap_iter_end(&a);
    hmap_iter_end(&b);
  }
  assert_true(different > 10);
  hmap_free(h);
}

/* Deletion */

static void test_a_deleted_entry_is_never_returned(void **state)
{
  (void)state;
  for (int growingNow = 0; growingNow < 2; growingNow++)
    for (int round = 0; round < 30; round++) {
      hmap *h = growingNow ? growingTable(6) : fullTable(6);
      uint64_t n = hmap_len(h), key;
      bool gone[1000] = {false};
      hmap_iter it;
      startWalk(&it, h);
      while ((key = walkStep(&it)) != UINT64_MAX) {
        assert_false(gone[key]);
        for (int i = 0; i < 2; i++) {
          uint64_t k = randomBelow((size_t)n);
          gone[k] |= cut(h, k);
        }
        ASSERT_SOUND(h);
      }
      for (uint64_t k = 0; k < n; k++)
        assert_true(returned[k] == 1 || (gone[k] && returned[k] == 0));
      hmap_free(h);
    }
}

static void test_each_entry_may_be_deleted_when_it_is_returned(void **state)
{
  (void)state;
  for (uint8_t B = 0; B < 10; B++)
    for (int growingNow = 0; growingNow < 2; growingNow++) {
      hmap *h = growingNow ? growingTable(B) : fullTable(B);
      uint64_t n = hmap_len(h), key;
      hmap_iter it;
      startWalk(&it, h);
      while ((key = walkStep(&it)) != UINT64_MAX)
        assert_true(hmap_delete(h, it.key));
      assertReturned(0, n, 1, 1);
      assert_int_equal(hmap_len(h), 0);
      ASSERT_SOUND(h);
      hmap_free(h);
    }
}

/* Deleting the last entry takes a new seed, after which nothing old can be found: the walk must not try. */
static void test_deleting_to_empty_ends_a_walk(void **state)
{
  (void)state;
  for (int growingNow = 0; growingNow < 2; growingNow++) {
    hmap *h = growingNow ? growingTable(5) : fullTable(5);
    uint64_t n = hmap_len(h);
    hmap_iter it;
    startWalk(&it, h);
    walkStep(&it);
    for (uint64_t k = 0; k < n; k++)
      assert_true(cut(h, k));
    putRange(h, 0, 2 * n);
    memset(returned, 0, sizeof returned);
    finishWalk(&it);
    assertReturned(0, 2 * n, 0, 0);
    assert_int_equal(pinsOf(h), 0);
    hmap_free(h);
  }
}

/* Insertion and growth */

/* A walk over table h of keys below n, with a call of change(h, i) after step i. Keys that stay must come once, others at most
 * once. */
static void walkWhile(hmap *h, uint64_t n, uint64_t stay, void (*change)(hmap *h, size_t i))
{
  hmap_iter it;
  startWalk(&it, h);
  for (size_t i = 0; walkStep(&it) != UINT64_MAX; i++) {
    change(h, i);
    if (i % (quick() ? 50 : 1) == 0)
      ASSERT_SOUND(h);
  }
  assertReturned(0, stay, 1, 1);
  assertReturned(stay, maxKey, 0, 1);
  assert_true(n <= maxKey);
  assert_int_equal(pinsOf(h), 0);
}

static uint64_t nextKey, perStep;

static void addSome(hmap *h, size_t i)
{
  (void)i;
  if (nextKey + perStep < 9000)
    putRange(h, nextKey, nextKey + perStep);
  else
    return;
  nextKey += perStep;
}
static void test_growth_during_a_walk_that_began_settled(void **state)
{
  (void)state;
  for (perStep = 1; perStep < 40; perStep += quick() ? 30 : 6)
    for (uint8_t B = 0; B < 6; B++) {
      hmap *h = fullTable(B);
      uint64_t n = nextKey = hmap_len(h);
      walkWhile(h, n, n, addSome);
      assert_true(h->B > B);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}
static void test_growth_during_a_walk_that_began_mid_growth(void **state)
{
  (void)state;
  for (perStep = 1; perStep < 40; perStep += quick() ? 30 : 6)
    for (uint8_t B = 3; B < 7; B++)
      for (size_t begun = 0; begun < 3; begun++) {
        hmap *h = growingTable(B);
        for (size_t i = 0; i < begun << (B - 2); i++)
          if (noldbuckets(h) - h->nevacuate > 1)
            evacuate(h);
        assert_true(growing(h));
        uint64_t n = nextKey = hmap_len(h);
        walkWhile(h, n, n, addSome);
        hmap_free(h);
      }
  ASSERT_NOTHING_LEFT();
}
static void test_several_growths_during_a_walk(void **state)
{
  (void)state;
  hmap *h = growingTable(4);
  uint64_t n = nextKey = hmap_len(h);
  perStep = 100;
  walkWhile(h, n, n, addSome);
  assert_true(h->B >= 9);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}
/* The growth goes on between any two steps, by some buckets. */
static void growSlowly(hmap *h, size_t i)
{
  (void)i;
  for (size_t n = randomBelow(3); n > 0 && growing(h); n--)
    evacuate(h);
}
static void test_evacuation_between_steps(void **state)
{
  (void)state;
  for (int round = 0; round < 60; round++) {
    hmap *h = growingTable((uint8_t)(1 + round % 7));
    uint64_t n = hmap_len(h);
    walkWhile(h, n, n, growSlowly);
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
}

/* A table of 2^B buckets with some entries, each behind an overflow bucket's worth of empty slots: the next insertion makes it
 * grow at the same size. */
static hmap *sparseTable(uint8_t B, uint64_t *n)
{
  hmap *h = makeInts(capacity(B));
  *n = 0;
  while (h->noverflow < bucketShift(B)) {
    uint64_t old[8], keys[9];
    for (int i = 0; i < 9; i++) /* small keys in one bucket */
      for (keys[i] = i ? keys[i - 1] + 1 : 0; (memhash64(keys[i], &h->hash0) & bucketMask(B)) != h->noverflow; keys[i]++)
        ;
    memcpy(old, keys, sizeof old);
    for (int i = 0; i < 9; i++)
      put(h, keys[i], keys[i]);
    for (int i = 0; i < 8; i++)
      cut(h, old[i]);
    ++*n;
  }
  assert_false(growing(h));
  return h;
}
static void test_growth_at_the_same_size_during_a_walk(void **state)
{
  (void)state;
  for (uint8_t B = 2; B < 8; B++)
    for (int round = 0; round < 10; round++) {
      uint64_t n;
      hmap *h = sparseTable(B, &n);
      hmap_iter it;
      unsigned char must[maxKey] = {0};
      for (startWalk(&it, h); walkStep(&it) != UINT64_MAX;)
        ;
      memcpy(must, returned, sizeof must);
      startWalk(&it, h);
      for (size_t i = 0; walkStep(&it) != UINT64_MAX; i++) {
        if (i == (size_t)round % 4)
          put(h, maxKey - 1, maxKey - 1);
        if (i > 3 && growing(h))
          assert_true(flagsOf(h) & sameSizeGrow);
        if (growing(h))
          evacuate(h);
        ASSERT_SOUND(h);
      }
      for (size_t k = 0; k < maxKey - 1; k++)
        assert_int_equal(returned[k], must[k]);
      assert_true(returned[maxKey - 1] <= 1);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}

/* Everything at once: entries come and go, some come back, the table grows and is packed; only keys below stay remain. */
static uint64_t stay, all;
static void churn(hmap *h, size_t i)
{
  (void)i;
  for (int n = 0; n < 6; n++) {
    uint64_t k = stay + randomBelow((size_t)(all - stay));
    if (returned[k]) /* a key that comes back is a new entry and may be returned again; keep the test's count simple */
      continue;
    if (randomBelow(2))
      put(h, k, k);
    else
      cut(h, k);
  }
}
static void test_churn_during_a_walk(void **state)
{
  (void)state;
  for (size_t round = 0; round < times(400); round++) {
    hmap *h = makeInts(0);
    all = 30 + randomBelow(600);
    stay = randomBelow(20) + 1;
    putRange(h, 0, stay + randomBelow((size_t)(all - stay)));
    walkWhile(h, all, stay, churn);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* Deleted and added again during the walk: a new entry, so at most once more. */
static void test_an_entry_that_comes_back(void **state)
{
  (void)state;
  for (int growingNow = 0; growingNow < 2; growingNow++) {
    hmap *h = growingNow ? growingTable(4) : fullTable(4);
    uint64_t n = hmap_len(h);
    hmap_iter it;
    startWalk(&it, h);
    for (uint64_t key; (key = walkStep(&it)) != UINT64_MAX;)
      if (returned[key] == 1) {
        cut(h, key);
        put(h, key, key);
      }
    assertReturned(0, n, 1, 2);
    hmap_free(h);
  }
}

/* Clear */

static void clearDuring(hmap *h, bool refill)
{
  hmap_iter it;
  uint64_t n = hmap_len(h);
  startWalk(&it, h);
  for (int i = 0; i < 5; i++)
    walkStep(&it);
  hmap_clear(h);
  if (refill)
    putRange(h, n, 3 * n);
  memset(returned, 0, sizeof returned);
  finishWalk(&it);
  assertReturned(0, maxKey, 0, 0);
  assert_int_equal(pinsOf(h), 0);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}
/* golang/go#70189: an iterator went on to return entries of the table as it was before the clear. */
static void test_go_70189_clear_during_a_walk_ends_it(void **state)
{
  (void)state;
  clearDuring(fullTable(6), false);
  clearDuring(fullTable(6), true);
}
/* golang/go#59411: the same while the table grew, from the old buckets. */
static hmap *halfGrownTable(uint8_t B)
{
  hmap *h = growingTable(B);
  evacuateTo(h, noldbuckets(h) / 2);
  return h;
}
static void test_go_59411_clear_during_a_walk_and_growth_ends_it(void **state)
{
  (void)state;
  clearDuring(growingTable(6), true);
  clearDuring(halfGrownTable(6), false);
  clearDuring(halfGrownTable(6), true);
  clearDuring(halfGrownTable(12), true);
}
static void test_clear_before_the_first_step(void **state)
{
  (void)state;
  hmap *h = halfGrownTable(5);
  hmap_iter it;
  hmap_iter_init(&it, h);
  hmap_clear(h);
  putRange(h, 0, 10);
  assert_false(hmap_iter_next(&it));
  assert_int_equal(pinsOf(h), 0);
  hmap_free(h);
}

/* Pins and the memory of old arrays */

static size_t retiredCount(const hmap *h)
{
  size_t n = 0;
  bucketArray *a = h->retired;
  if (a)
    do
      n++;
    while ((a = a->next) != h->retired);
  return n;
}
static void test_a_walk_that_ends_early_unpins(void **state)
{
  (void)state;
  hmap *h = growingTable(5);
  hmap_iter it;
  hmap_iter_init(&it, h);
  assert_int_equal(pinsOf(h), 2);
  hmap_iter_next(&it);
  hmap_iter_end(&it);
  assert_null(it.key);
  assert_int_equal(pinsOf(h), 0);
  hmap_iter_end(&it); /* nothing happens */
  assert_int_equal(pinsOf(h), 0);
  assert_false(hmap_iter_next(&it));
  hmap_free(h);
}
static void test_an_abandoned_walk_only_delays_freeing(void **state)
{
  (void)state;
  hmap *h = fullTable(5);
  hmap_iter it;
  hmap_iter_init(&it, h);
  hmap_iter_next(&it);
  putRange(h, 0, 5000); /* five growths */
  settle(h);
  for (uint64_t k = 0; k < 5000; k++)
    cut(h, 100000 + k);
  assert_int_equal(retiredCount(h), 1); /* the pinned array, and no other */
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}
static void test_pinned_arrays_go_when_the_walk_ends(void **state)
{
  (void)state;
  segmentsFromMalloc(true);
  hmap *h = fullTable(11); /* large enough for many segments, and for slabs of overflow buckets */
  hmap_iter it;
  bucketArray *a = h->buckets;
  size_t pieces = 1 + segmentsIn(a) + slabsIn(a);
  assert_true(segmentsIn(a) > 8 && slabsIn(a) > 1);
  startWalk(&it, h);
  walkStep(&it);
  putRange(h, 0, capacity(12));
  settle(h);
  size_t before = memory.live;
  assert_int_equal(retiredCount(h), 1);
  for (int i = 0; i < 100; i++)
    cut(h, 1000000);
  assert_int_equal(memory.live, before);
  assert_int_equal(segmentsIn(a), nsegments(a));
  hmap_iter_end(&it);
  for (int i = 0; i < 100; i++)
    cut(h, 1000000);
  assert_int_equal(retiredCount(h), 0);
  assert_int_equal(memory.live, before - pieces);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
  segmentsFromMalloc(false);
}
/* The old array of a large table goes back segment by segment as it is evacuated; but not while a walk reads it. */
static void test_a_walk_over_a_large_table_that_goes_on_growing(void **state)
{
  (void)state;
  segmentsFromMalloc(true);
  hmap *h = growingTable(12);
  uint64_t n = hmap_len(h);
  hmap_iter it;
  for (int i = 0; i < 600; i++)
    assert_false(cut(h, 1000000));
  bucketArray *old = h->oldbuckets;
  size_t freed = old->released;
  assert_true(freed > 0);
  for (size_t i = 0; i < nsegments(old); i++)
    assert_true(!old->segments[i] == (i < freed) || old->segments[i] == noSegment());
  resetCounts();
  startWalk(&it, h);
  while (walkStep(&it) != UINT64_MAX)
    if (growing(h))
      assert_false(cut(h, 1000000));
  assert_false(growing(h));
  assert_int_equal(counted.freed, 0);
  assert_int_equal(old->released, freed);
  assertReturned(0, n, 1, 1);
  assert_false(cut(h, 1000000));
  assert_true(counted.freed > 0);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
  segmentsFromMalloc(false);
}
/* Whatever has been evacuated when a walk begins, or meanwhile, and whatever has gone of the old array. */
static void test_walks_at_every_nevacuate(void **state)
{
  (void)state;
  for (int writes = 0; writes < 2; writes++) /* they free what was evacuated, too */
    for (uint8_t B = 0; B < 10; B = (uint8_t)(B + (quick() ? 5 : 3))) {
      size_t step = quick() ? 32 : B > 5 ? 8 : 1;
      for (size_t at = 0; at <= bucketShift(B); at += step) {
        hmap *h = growingTable(B);
        uint64_t n = hmap_len(h);
        hmap_iter early, it;
        hmap_iter_init(&early, h);
        if (!writes)
          evacuateTo(h, at);
        while (writes && growing(h) && h->nevacuate < at)
          assert_false(cut(h, 1000000));
        startWalk(&it, h);
        finishWalk(&it);
        assertReturned(0, n, 1, 1);
        memset(returned, 0, sizeof returned);
        finishWalk(&early);
        assertReturned(0, n, 1, 1);
        startWalk(&it, h); /* and nothing is pinned now */
        finishWalk(&it);
        assertReturned(0, n, 1, 1);
        assert_int_equal(pinsOf(h), 0);
        hmap_free(h);
      }
    }
  ASSERT_NOTHING_LEFT();
}
/* The same while the table shrinks, and an old bucket is one of several whose entries share a new one; also of a walk that began
 * before, and of one during which entries are added. */
static void test_walks_at_every_nevacuate_of_a_shrinking_table(void **state)
{
  (void)state;
  for (uint8_t B = minShrinkB + 1; B < 11; B = (uint8_t)(B + (quick() ? 4 : 1)))
    for (size_t at = 0; at <= bucketShift(B); at += quick() ? 128 : B > 6 ? 8 : 1) {
      uint64_t last;
      hmap *h = thinTable(B, &last);
      hmap_iter early, it;
      hmap_iter_init(&early, h);
      assert_true(cut(h, last));
      assert_true(growing(h) && shrinking(h));
      evacuateTo(h, at);
      startWalk(&it, h);
      finishWalk(&it);
      assertReturned(0, last, 1, 1);
      memset(returned, 0, sizeof returned);
      finishWalk(&early);
      assertReturned(0, last, 1, 1);
      nextKey = last;
      perStep = 3;
      walkWhile(h, last, last, addSome);
      ASSERT_SOUND(h);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}
/* A table made for many entries has few segments. */
static void test_walks_over_a_table_that_is_mostly_not_there(void **state)
{
  (void)state;
  for (uint64_t n = 0; n < 40; n = n * 2 + 1)
    for (int grow = 0; grow < 3; grow++) {
      hmap *h = makeInts(capacity(14));
      hmap_iter it;
      putRange(h, 0, n);
      if (grow)
        growNow(h);
      evacuateTo(h, grow == 2 ? noldbuckets(h) / 2 : 0);
      assert_true(segmentsIn(grow ? h->oldbuckets : h->buckets) <= n);
      assert_int_equal(segmentsIn(h->buckets) > n, grow == 2);
      startWalk(&it, h);
      finishWalk(&it);
      assertReturned(0, n, 1, 1);
      nextKey = n;
      perStep = 3;
      walkWhile(h, n, n, addSome);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}
static void test_several_walks_at_once(void **state)
{
  (void)state;
  enum { walks = 12 };
  static unsigned char seen[walks][maxKey];
  static hmap_iter it[walks];
  size_t begun = 0, active = 0;
  uint64_t first[walks], next = 0;
  memset(seen, 0, sizeof seen);
  hmap *h = makeInts(0);
  putRange(h, 0, 20);
  next = 20;
  for (size_t step = 0; begun < walks || active; step++) {
    if (begun < walks && step % 40 == 0) {
      first[begun] = next;
      hmap_iter_init(&it[begun++], h);
      active++;
    }
    for (size_t w = 0; w < begun; w++)
      if (it[w].state != iterOver) {
        if (hmap_iter_next(&it[w]))
          seen[w][read64(it[w].key)]++;
        else
          active--;
      }
    if (next < 3000) {
      putRange(h, next, next + 4);
      next += 4;
    }
    if (step % (quick() ? 50 : 1) == 0)
      ASSERT_SOUND(h);
  }
  for (size_t w = 0; w < walks; w++)
    for (uint64_t k = 0; k < next; k++)
      assert_true(k < first[w] ? seen[w][k] == 1 : seen[w][k] <= 1);
  assert_int_equal(pinsOf(h), 0);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Keys that are gone: the table must not look at them */

static void test_freed_string_keys_are_never_looked_at(void **state)
{
  (void)state;
  enum { n = 1200 };
  static char *texts[4 * n];
  for (int late = 0; late < 2; late++) {
    hmap *h = makeTable(HMAP_STRING, 0, 8, 0);
    size_t last = 0, visits = 0;
    hmap_iter it;
    for (; last < n || (late && !growing(h)); last++) {
      char text[32];
      snprintf(text, sizeof text, "key number %zu", last);
      hmap_assign_faststr(h, texts[last] = strdup(text));
    }
    hmap_iter_init(&it, h);
    while (hmap_iter_next(&it)) {
      const char *s = *(const char *const *)it.key;
      assert_true(strncmp(s, "key number ", 11) == 0); /* returned, so not yet freed */
      visits++;
      for (int i = 0; i < 3 && last < 4 * n; i++) { /* grow, and delete others */
        char text[32];
        snprintf(text, sizeof text, "key number %zu", last);
        hmap_assign_faststr(h, texts[last++] = strdup(text));
        size_t k = randomBelow(last);
        if (texts[k]) {
          assert_true(hmap_delete_faststr(h, texts[k]));
          memset(texts[k], '?', strlen(texts[k]));
          free(texts[k]);
          texts[k] = NULL;
        }
      }
      ASSERT_SOUND(h);
    }
    assert_true(visits > 100);
    hmap_free(h);
    for (size_t i = 0; i < last; i++)
      free(texts[i]);
  }
}

static size_t calls;
static uint64_t countedHash(const void *key, const hmap_seed *seed)
{
  (void)seed;
  calls++;
  return *(const uint64_t *)key;
}
static bool countedEqual(const void *stored, const void *key)
{
  calls++;
  return equalInts(stored, key);
}
static void test_a_walk_never_calls_the_users_functions(void **state)
{
  (void)state;
  hmap_type type = {HMAP_BYTES, 8, 8, countedHash, countedEqual};
  hmap *h = hmap_make(&type, 0);
  hmap_iter it;
  putRange(h, 0, capacity(7) + 1);
  assert_true(growing(h));
  uint64_t n = hmap_len(h);
  startWalk(&it, h);
  calls = 0;
  while (walkStep(&it) != UINT64_MAX)
    if (growing(h))
      evacuate(h);
  assertReturned(0, n, 1, 1);
  assert_false(growing(h));
  assert_int_equal(calls, 0);
  hmap_free(h);
}

static void test_a_walk_over_large_keys_and_elems_during_growth(void **state)
{
  (void)state;
  hmap *h = makeTable(HMAP_BYTES, 200, 200, 0);
  static unsigned char key[200];
  unsigned char seen[2000] = {0};
  for (uint32_t i = 0; i < 200; i++) {
    memcpy(key, &i, sizeof i);
    memcpy(hmap_assign(h, key), &i, sizeof i);
  }
  hmap_iter it;
  hmap_iter_init(&it, h);
  for (uint32_t next = 200; hmap_iter_next(&it); next++) {
    uint32_t k, e;
    memcpy(&k, it.key, sizeof k);
    memcpy(&e, it.elem, sizeof e);
    assert_int_equal(k, e);
    seen[k]++;
    for (int i = 0; i < 2; i++) {
      uint32_t more = 2 * next + (uint32_t)i;
      memcpy(key, &more, sizeof more);
      if (more < 2000 && more >= 200)
        memcpy(hmap_assign(h, key), &more, sizeof more);
    }
    ASSERT_SOUND(h);
  }
  for (int i = 0; i < 200; i++)
    assert_int_equal(seen[i], 1);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_walk_over_a_settled_table),
      TEST(test_a_walk_over_nothing),
      TEST(test_a_walk_starts_at_a_random_bucket_and_slot),
      TEST(test_a_walk_goes_round_the_buckets),
      TEST(test_a_walk_passes_over_what_is_not_there),
      TEST(test_two_walks_differ),
      TEST(test_a_deleted_entry_is_never_returned),
      TEST(test_each_entry_may_be_deleted_when_it_is_returned),
      TEST(test_deleting_to_empty_ends_a_walk),
      TEST(test_growth_during_a_walk_that_began_settled),
      TEST(test_growth_during_a_walk_that_began_mid_growth),
      TEST(test_several_growths_during_a_walk),
      TEST(test_evacuation_between_steps),
      TEST(test_growth_at_the_same_size_during_a_walk),
      TEST(test_churn_during_a_walk),
      TEST(test_an_entry_that_comes_back),
      TEST(test_go_70189_clear_during_a_walk_ends_it),
      TEST(test_go_59411_clear_during_a_walk_and_growth_ends_it),
      TEST(test_clear_before_the_first_step),
      TEST(test_a_walk_that_ends_early_unpins),
      TEST(test_an_abandoned_walk_only_delays_freeing),
      TEST(test_pinned_arrays_go_when_the_walk_ends),
      TEST(test_a_walk_over_a_large_table_that_goes_on_growing),
      TEST(test_walks_at_every_nevacuate),
      TEST(test_walks_at_every_nevacuate_of_a_shrinking_table),
      TEST(test_walks_over_a_table_that_is_mostly_not_there),
      TEST(test_several_walks_at_once),
      TEST(test_freed_string_keys_are_never_looked_at),
      TEST(test_a_walk_never_calls_the_users_functions),
      TEST(test_a_walk_over_large_keys_and_elems_during_growth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
