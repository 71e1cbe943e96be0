/* test_bounds.c: no single operation takes long, however large the table. Over millions of insertions, deletions and growths, of
 * both kinds, none
 *   - moves more slots than the chains of the next two old buckets held, or, where there are no more than eight, of all; or,
 * where there are fewer entries than buckets, than 32 and what the last chain has besides; an assignment of a key that is there,
 * none;
 *   - looks at more than 32 KiB of old bmaps without entries, twice where it ends a growth and begins another;
 *   - touches more than 64 KiB beyond that, or frees more than 64 KiB or two huge pages; maps more than twice, a directory and
 *     what its segments will be in; or takes more than one segment from an array on huge pages, of which the system clears one
 *     at the first write to it;
 *   - asks malloc for more than 32 KiB and a head at once, or in all for more than two segments, a slab and a directory; and for
 *     what it keeps behind pointers, a key and an elem.
 * A growth as a whole needs no more memory than the table has in the end, and an eighth: the old array's overflow buckets, which
 * are the last of it to go; and two huge pages, where there are such.
 *
 * What an operation does is counted, and the clock is not looked at. Exempt are hmap_free, hmap_clear and a full walk. */
#include "testing.h"

enum {
  mostBytes = 64 << 10,
  mostLooked = 2 * (32 << 10) / 16, /* bmaps of old buckets, by a write that ends a growth and begins another */
  mostThin = 32,
  mostMaps = 2,
  mostAtOnce = segmentBytes + 256,
  mostAsked = 3 * mostAtOnce + (24 << 10),
  mostSlack = 2 * segmentBytes
};

/* What the worst operations did. */
static struct {
  size_t moved, bytes, maps, asked, ops, growths, sameSize, shrinks;
} worst;

static size_t entriesOf(bucketArray *a, size_t i)
{
  place p = bucketAt(a->t, a, i);
  size_t n = 0;
  do
    n += (size_t)__builtin_popcount(matchFull(p.b));
  while (nextInChain(&p));
  return n;
}

/* How many slots n buckets from i on hold, with their chains. */
static size_t entriesOfNext(bucketArray *a, size_t i, size_t n)
{
  size_t sum = 0;
  for (; n && i < bucketShift(a->B); n--, i++)
    sum += entriesOf(a, i);
  return sum;
}
/* How many slots up to 32 and the rest of their chain are, from bucket i on. */
static size_t entriesOfFew(bucketArray *a, size_t i)
{
  size_t sum = 0;
  for (; sum <= mostThin && i < bucketShift(a->B); i++) /* one of them may be about to be deleted */
    sum += entriesOf(a, i);
  return sum;
}
static bool thinWith(const hmap *h, uint8_t B)
{
  return B < h->B || tooFewEntries(h->count, (uint32_t)bucketMask(B));
}
static bool thin(const hmap *h)
{
  return shrinking(h) || thinWith(h, h->B);
}
/* How many slots the next write may move; it may begin a growth if it is an insertion, and a shrinking if a deletion. */
static size_t mayMove(const hmap *h, bool insertion)
{
  if (growing(h) && !thin(h) && h->nevacuate + paceOf(h->oldbuckets->B) < noldbuckets(h))
    return entriesOfNext(h->oldbuckets, h->nevacuate, paceOf(h->oldbuckets->B));
  size_t rest = 0;
  if (growing(h))
    rest = thin(h) ? entriesOfFew(h->oldbuckets, h->nevacuate)
                   : entriesOfNext(h->oldbuckets, h->nevacuate, paceOf(h->oldbuckets->B));
  if (insertion)
    return rest + (!h->buckets || !shouldGrow(h) ? 0
                   : thinWith(h, nextB(h))       ? entriesOfFew(h->buckets, 0)
                                                 : entriesOfNext(h->buckets, 0, paceOf(h->B)));
  return rest + (h->count && tooFewEntries(h->count - 1, h->mask) ? rest + entriesOfFew(h->buckets, 0) : 0);
}

static size_t allowed, nevacuateWas, paceWas, liveWas; /* paceWas: 0 where it is not in buckets */
static const void *arrayWas;
static bool hugeWas; /* an array from which something may go back is on huge pages */
static uint8_t BWas;

static bool hasHuge(const bucketArray *a)
{
  return a && !oneSegment(a) && onHugePages(a);
}
static void before(const hmap *h, bool insertion)
{
  allowed = mayMove(h, insertion);
  nevacuateWas = growing(h) ? h->nevacuate : 0;
  paceWas = growing(h) && !thin(h) ? paceOf(h->oldbuckets->B) : 0;
  arrayWas = h->buckets;
  hugeWas = hasHuge(h->buckets) || hasHuge(h->oldbuckets);
  for (const bucketArray *a = h->retired; a && !hugeWas; a = a->next == h->retired ? NULL : a->next)
    hugeWas = hasHuge(a);
  BWas = h->B;
  liveWas = memory.heap;
  resetCounts();
  memory.unmapped = memory.asked = memory.most = 0;
}
static void after(const hmap *h)
{
  size_t bytes = counted.touched + counted.freed, pieces = memory.asked + counted.freed + (size_t)sysconf(_SC_PAGESIZE);
  size_t behind = (h->t->indirectkey ? h->t->keysize : 0) + (h->t->indirectelem ? h->t->elemsize : 0);
  assert_in_range(counted.moved, 0, allowed);
  assert_in_range(counted.touched, 0, mostBytes);
  assert_in_range(counted.freed, 0, hugeWas ? 2 * hugePage : mostBytes);
  assert_in_range(counted.segments, 0, hasHuge(h->buckets) ? 1 : 2);
  assert_in_range(counted.maps, 0, mostMaps);
  assert_in_range(memory.most, 0, mostAtOnce);
  assert_in_range(memory.asked, 0, mostAsked + behind);
  assert_in_range(counted.entered, 0, mostLooked);
  if (growing(h) && arrayWas == h->buckets && paceWas)
    assert_in_range(h->nevacuate, nevacuateWas, nevacuateWas + paceWas);
  assert_in_range(memory.unmapped, 0, counted.freed + 2 * (size_t)sysconf(_SC_PAGESIZE)); /* the counts do not belittle it */
  assert_in_range(liveWas, 0, memory.heap + behind + pieces);                             /* nor what is freed */
  if (memory.asked > worst.asked)
    worst.asked = memory.asked;
  if (counted.moved > worst.moved)
    worst.moved = counted.moved;
  if (bytes > worst.bytes)
    worst.bytes = bytes;
  if (counted.maps > worst.maps)
    worst.maps = counted.maps;
  worst.ops++;
  if (h->buckets != arrayWas && arrayWas)
    h->B == BWas ? worst.sameSize++ : h->B < BWas ? worst.shrinks++ : worst.growths++;
}
static void tell(const char *what)
{
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message(
        "%-30s %8zu operations, %zu growths, %zu at the same size, %zu to a smaller; at most %zu slots, %zu bytes, %zu maps, %zu "
        "asked for\n",
        what, worst.ops, worst.growths, worst.sameSize, worst.shrinks, worst.moved, worst.bytes, worst.maps, worst.asked);
  memset(&worst, 0, sizeof worst);
}

/* One operation on key, counted. */
static void countedAssign(hmap *h, const void *key)
{
  bool was = hmap_access(h, key) != NULL;
  before(h, true);
  assert_non_null(hmap_assign(h, key));
  after(h);
  if (was)
    assert_int_equal(counted.moved + counted.touched + counted.freed + counted.maps + memory.asked, 0);
}
static bool countedDelete(hmap *h, const void *key)
{
  before(h, false);
  bool was = hmap_delete(h, key);
  after(h);
  return was;
}

/* Waves of insertions and deletions of n keys of 8 bytes, or of the size of the type. */
static void waves(hmap *h, size_t n, size_t ops)
{
  unsigned char key[256] = {0};
  for (size_t i = 0; i < ops; i++) {
    uint64_t k = randomBelow(n);
    memcpy(key, &k, h->t->keysize < 8 ? h->t->keysize : 8);
    if (randomBelow(100) < (i / n % 2 ? 15u : 90u))
      countedAssign(h, key);
    else
      countedDelete(h, key);
  }
  ASSERT_SOUND(h);
}

static void test_a_million_integers_in_order(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  const uint64_t n = times(1000000);
  for (uint64_t k = 0; k < n; k++)
    countedAssign(h, &k);
  assert_true(quick() || worst.growths > 10);
  for (uint64_t k = 0; k < n; k++)
    assert_true(countedDelete(h, &k));
  assert_in_range(worst.shrinks, 3, worst.growths);
  assert_in_range(h->B, 0, 6);
  tell("integers in order");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_waves_of_integers(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  waves(h, times(300000), times(1500000));
  assert_true(quick() || worst.growths > 10);
  tell("waves of integers");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_waves_of_all_sizes(void **state)
{
  (void)state;
  const size_t sizes[][2] = {{4, 0}, {4, 1}, {8, 0}, {12, 4}, {16, 128}, {128, 128}, {200, 8}, {8, 200}, {200, 200}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    hmap *h = makeTable(HMAP_BYTES, sizes[i][0], sizes[i][1], 0);
    waves(h, times(30000), times(150000));
    assert_true(worst.growths > 5);
    tell("waves of other sizes");
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
}

static void test_strings(void **state)
{
  (void)state;
  enum { most = 200000 };
  static char text[most][12];
  const size_t n = times(most);
  for (size_t i = 0; i < n; i++)
    snprintf(text[i], sizeof text[i], "k%zu", i % most);
  hmap *h = makeTable(HMAP_STRING, 0, 8, 0);
  for (size_t i = 0; i < times(1000000); i++) {
    const char *s = text[randomBelow(n)];
    if (randomBelow(100) < (i / n % 2 ? 15u : 90u))
      countedAssign(h, &s);
    else
      countedDelete(h, &s);
  }
  assert_true(worst.growths > 8);
  tell("strings");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_many_small_tables(void **state)
{
  (void)state;
  for (size_t i = 0; i < times(4000); i++) {
    hmap *h = makeInts(randomBelow(2) ? 0 : randomBelow(200));
    waves(h, 8 + randomBelow(200), 250);
    hmap_free(h);
  }
  assert_true(worst.growths > 100);
  tell("small tables");
  ASSERT_NOTHING_LEFT();
}

/* Growth after growth at the same size: chains come and go, a bucket after the other. */
static void sameSize(uint8_t B, size_t rounds)
{
  enum { chain = 25 };
  hmap *h = makeInts(capacity(B));
  uint64_t keys[2][chain];
  for (size_t round = 0; round < rounds; round++) {
    uint64_t *now = keys[round & 1], *last = keys[~round & 1];
    for (int i = 0; i < chain; i++) {
      now[i] = keyWith(h, round, bucketMask(B));
      countedAssign(h, &now[i]);
    }
    for (int i = 0; i < chain && round; i++)
      assert_true(countedDelete(h, &last[i]));
    assert_int_equal(hmap_len(h), chain);
  }
  assert_int_equal(h->B, B);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}
static void test_growths_at_the_same_size(void **state)
{
  (void)state;
  for (uint8_t B = 3; B < 11; B++) {
    sameSize(B, times((size_t)3000 + ((size_t)4 << B)));
    assert_true(quick() || worst.sameSize > 1);
    tell("growths at the same size");
  }
}
static void test_growths_at_the_same_size_of_large_tables(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(14)); /* of many segments */
  const size_t n = capacity(14);
  uint64_t key = 0;
  for (size_t round = 0; round < 5; round++) {
    while (h->noverflow < bucketShift(14) / 8) {
      countedAssign(h, &key);
      if (key++ >= n / 2) {
        uint64_t old = key - 1 - n / 2;
        countedDelete(h, &old);
      }
    }
    if (growing(h))
      settle(h);
    h->noverflow = (uint32_t)bucketShift(14); /* to have it grow without 16,384 chains */
    h->easy = 0;
    countedAssign(h, &key);
    key++;
    assert_true(growing(h) && (flagsOf(h) & sameSizeGrow));
    for (; growing(h); key++) {
      uint64_t old = key - 1 - n / 2;
      countedAssign(h, &key);
      countedDelete(h, &old);
    }
    ASSERT_SOUND(h);
  }
  assert_int_equal(worst.sameSize, 5);
  tell("large, at the same size");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* No memory for a growth for a long time: when there is some again, the growths that are due come one after the other. */
static void test_growths_that_come_late(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  uint64_t k = 0;
  for (; k < 60; k++)
    countedAssign(h, &k);
  settle(h);
  memory.failLarge = bucketBytes(h->t, bucketShift((uint8_t)(h->B + 1))); /* overflow buckets can be had */
  for (; k < 300; k++)
    countedAssign(h, &k);
  assert_int_equal(h->B, 4);
  memory.failLarge = 0;
  for (; k < 20000; k++)
    countedAssign(h, &k);
  for (uint64_t i = 0; i < k; i++)
    assert_true(has(h, i));
  ASSERT_SOUND(h);
  tell("late growths");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* While a large table grows, the old array's segments go back as the evacuation passes. */
static void test_old_memory_goes_back_during_the_growth(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  for (uint64_t k = 1; k <= capacity(15); k++) /* no neighbours, which might leave a segment empty */
    put(h, k * 0x9e3779b97f4a7c15, k);
  while (growing(h) || h->retired)
    assert_false(cut(h, UINT64_MAX));
  const size_t n = segmentsIn(h->buckets);
  assert_true(hashGrow(h));
  bucketArray *old = h->oldbuckets;
  assert_int_equal(nsegments(old), n);
  while (growing(h)) {
    assert_false(cut(h, UINT64_MAX));
    if (!growing(h))
      break;
    size_t passed = h->nevacuate >> h->t->segbits;
    assert_in_range(segmentsIn(old), n - passed, n - passed + 1);
    assert_in_range(segmentsIn(h->buckets), 2 * passed, 2 * passed + 2); /* the lower half's and the upper half's */
  }
  assert_in_range(segmentsIn(old), 0, 2);
  for (size_t i = slabsIn(old) + 3; h->retired && i > 0; i--) /* what is left: slabs and the directory */
    assert_false(cut(h, UINT64_MAX));
  assert_null(h->retired);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* What the table says it holds. */
static size_t bytesOf(const hmap *h)
{
  hmap_stats s;
  hmap_getstats(h, &s);
  return s.bytes;
}
/* What the system has given to the segments of a paged array. */
static size_t residentIn(const bucketArray *a)
{
  return a && a->paged ? residentBytes(tailOf(a)->pages, bytesOfSegments(a)) : 0;
}
/* Fills a table until it has grown to 2^B buckets and has nothing of the old array left. At no time does it have, by its own
 * account or by malloc's, more than a seventh and two pieces of memory beyond what it has then: the old overflow buckets, of
 * which neighbours as keys make a few more than others, go last. */
static void growTo(hmap *h, uint8_t B, bool deleting, bool paged)
{
  uint64_t k = hmap_len(h);
  size_t most = 0;
  for (; h->B < B; k++)
    countedAssign(h, &k);
  assert_true(growing(h));
  memory.peak = 0;
  for (; growing(h) || h->retired; k++) {
    if (deleting)
      assert_false(countedDelete(h, &(uint64_t){UINT64_MAX}));
    else
      countedAssign(h, &k);
    if (k % 16 == 0 || !growing(h)) {
      size_t now = paged ? memory.heap + residentIn(h->buckets) + residentIn(h->oldbuckets) : bytesOf(h);
      most = now > most ? now : most;
    }
  }
  const size_t end = bytesOf(h), heap = memory.heap + (paged ? residentIn(h->buckets) : memory.mapped);
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message("growth to 2^%u buckets: at most %zu bytes, in the end %zu, %.3f; of malloc's %zu, %zu, %.3f\n", B, most, end,
                  (double)most / (double)end, memory.peak, heap, (double)memory.peak / (double)heap);
  assert_in_range(most, paged ? 0 : end, end + end / 7 + mostSlack + (hasHuge(h->buckets) ? 2 * hugePage : 0));
  assert_true(paged || (memory.peak >= heap && memory.peak <= heap + heap / 7 + mostSlack));
  assert_in_range(end, heap - heap / 20, paged ? 2 * heap : heap); /* and the account is right, but for pages without entries */
}
static void test_a_growth_has_no_second_peak(void **state)
{
  (void)state;
  for (int way = 0; way < 4; way++) {
    const bool deleting = way & 1, paged = way & 2;
    segmentsFromMalloc(!paged);
    hmap *h = makeInts(0);
    for (uint8_t B = 12; B < (quick() ? 14 : 17); B++)
      growTo(h, B, deleting, paged);
    ASSERT_SOUND(h);
    hmap_free(h);
    ASSERT_NOTHING_LEFT();
  }
  segmentsFromMalloc(false);
  tell("growths, for their memory");
}

/* One insertion begins a growth, takes a directory, evacuates to two new segments, and frees a segment of an array that a walk
 * has kept until now. The segments have as many buckets as any. */
static void test_all_at_once(void **state)
{
  (void)state;
  for (uint8_t B = 17; B < 23; B++) {
    hmap *h = makeTable(HMAP_BYTES, 4, 0, capacity(B));
    hmap_iter it;
    assert_int_equal(h->t->segbits, maxSegbits);
    uint32_t first = 0; /* a key in bucket 0 */
    while (memhash64(first, &h->hash0) & bucketMask(B))
      first++;
    assert_non_null(hmap_assign(h, &first));
    hmap_iter_init(&it, h);
    assert_true(hashGrow(h));
    evacuateTo(h, bucketShift(B));
    assert_non_null(h->retired);
    hmap_iter_end(&it);
    h->count = capacity(B); /* the next begins a growth */
    countedAssign(h, &(uint32_t){UINT32_MAX});
    assert_true(growing(h));
    assert_true(counted.freed > 0);
    assert_int_equal(counted.moved > 0, !onHugePages(h->buckets));
    h->count = 2;
    ASSERT_SOUND(h);
    hmap_free(h);
  }
  tell("all at once");
  ASSERT_NOTHING_LEFT();
}

/* Making an array of any size costs no more than its directory, which comes from malloc up to 24 KiB. */
static void test_a_new_array_comes_untouched(void **state)
{
  (void)state;
  for (uint8_t B = 0; B < 24; B++) {
    hmap *h = makeInts(0);
    resetCounts();
    memory.calls = 0;
    bucketArray *a = makeBucketArray(h->t, B, HMAP_PAGED);
    assert_int_equal(memory.calls, 1 + a->paged);
    assert_int_equal(counted.maps, a->mapped + a->paged);
    assert_int_equal(a->mapped, a->bytes > maxHeapArray);
    assert_in_range(counted.touched, 0, a->mapped ? 0 : 24 << 10);
    assert_int_equal(segmentsIn(a), B <= h->t->segbits);
    if (B > h->t->segbits)
      assert_in_range(a->bytes, 0, 80 + (2 * sizeof(void *) << (B - h->t->segbits)));
    freeBuckets(a);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* A removal goes along its chain a few times at most, whatever was removed before it. */
static uint64_t sameHash(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 7;
}
static bool sameWords(const void *stored, const void *key)
{
  return memcmp(stored, key, sizeof(uint64_t)) == 0;
}
static void test_removals_from_a_long_chain(void **state)
{
  (void)state;
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8, .hash = sameHash, .equal = sameWords};
  const size_t n = times(2000);
  hmap *h = hmap_make(&type, n);
  hmap_stats s;
  hmap_iter it;
  putRange(h, 0, n);
  hmap_getstats(h, &s);
  assert_in_range(s.longest_chain, n / 8, n);
  for (hmap_iter_init(&it, h); hmap_iter_next(&it);) {
    uint64_t key = *(const uint64_t *)it.key;
    place at = {0};
    assert_true(
        mapaccess(h, h->t, (keyhash){userHash(h, h->t, &key), (uint32_t)userHash(h, h->t, &key), 0, 0}, &key, equalUser, &at));
    resetCounts();
    mapdelete(h, &at);
    assert_in_range(counted.steps, 0, 2 * s.longest_chain + 1); /* the last one goes to the end twice */
  }
  assert_int_equal(hmap_len(h), 0);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_removals_from_a_long_chain),
      TEST(test_a_million_integers_in_order),
      TEST(test_waves_of_integers),
      TEST(test_waves_of_all_sizes),
      TEST(test_strings),
      TEST(test_many_small_tables),
      TEST(test_growths_at_the_same_size),
      TEST(test_growths_at_the_same_size_of_large_tables),
      TEST(test_growths_that_come_late),
      TEST(test_old_memory_goes_back_during_the_growth),
      TEST(test_a_growth_has_no_second_peak),
      TEST(test_all_at_once),
      TEST(test_a_new_array_comes_untouched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
