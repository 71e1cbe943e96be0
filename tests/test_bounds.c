/* test_bounds.c: no single operation takes long, however large the table. Over millions of insertions, deletions and growths, of
 * both kinds, none
 *   - moves more slots than the chains of two buckets held;
 *   - touches and frees more than 64 KiB beyond that, or maps more than a few times.
 * What an operation does is counted, and the clock is not looked at. Exempt are hmap_free, hmap_clear and a full walk. */
#include "testing.h"

enum { mostBytes = 64 << 10, mostMaps = 3 };

/* What the worst operations did. */
static struct {
  size_t moved, bytes, maps, ops, growths, sameSize;
} worst;

static size_t entriesOf(const hmap *h, bmap *buckets, size_t i)
{
  place p = bucketAt(h->t, buckets, blocksOf(arrayOf(buckets)), i);
  size_t n = 0;
  do
    n += (size_t)__builtin_popcount(matchFull(p.b));
  while (nextInChain(&p));
  return n;
}

/* How many slots the next write, of a key with this hash, may move: what its own old bucket holds, and one more, the one that
 * the evacuation has come to. */
static size_t mayMove(const hmap *h, uint64_t hash)
{
  if (!growing(h)) {
    if (!h->buckets || !shouldGrow(h))
      return 0;
    size_t own = hash & bucketMask(h->B), next = own == 0 && h->B > 0;
    return entriesOf(h, h->buckets, own) + (own == 0 && h->B == 0 ? 0 : entriesOf(h, h->buckets, next));
  }
  size_t own = hash & oldbucketmask(h), next = h->nevacuate, n = 0;
  if (!bucketEvacuated(h, own))
    n = entriesOf(h, h->oldbuckets, own);
  while (next < noldbuckets(h) && (bucketEvacuated(h, next) || next == own))
    next++;
  return n + (next < noldbuckets(h) ? entriesOf(h, h->oldbuckets, next) : 0);
}

static size_t allowed, nevacuateWas;
static const void *arrayWas;

static void before(const hmap *h, uint64_t hash)
{
  allowed = mayMove(h, hash);
  nevacuateWas = growing(h) ? h->nevacuate : 0;
  arrayWas = h->buckets;
  resetCounts();
  memory.unmapped = 0;
}
static void after(const hmap *h)
{
  size_t passed = growing(h) && h->nevacuate > nevacuateWas ? h->nevacuate - nevacuateWas : 0;
  size_t bytes = counted.touched + counted.freed + passed * sizeof(bmap);
  assert_in_range(counted.moved, 0, allowed);
  assert_in_range(bytes, 0, mostBytes);
  assert_in_range(counted.maps, 0, mostMaps);
  assert_in_range(memory.unmapped, 0, counted.freed + 2 * (size_t)sysconf(_SC_PAGESIZE)); /* the counts do not belittle it */
  if (counted.moved > worst.moved)
    worst.moved = counted.moved;
  if (bytes > worst.bytes)
    worst.bytes = bytes;
  if (counted.maps > worst.maps)
    worst.maps = counted.maps;
  worst.ops++;
  if (h->buckets != arrayWas && growing(h))
    flagsOf(h) & sameSizeGrow ? worst.sameSize++ : worst.growths++;
}
static void tell(const char *what)
{
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message("%-30s %8zu operations, %zu growths and %zu at the same size; at most %zu slots, %zu bytes, %zu maps\n", what,
                  worst.ops, worst.growths, worst.sameSize, worst.moved, worst.bytes, worst.maps);
  memset(&worst, 0, sizeof worst);
}

/* One operation on key, counted. hash is what the table will see. */
static void countedAssign(hmap *h, const void *key, uint64_t hash)
{
  before(h, hash);
  assert_non_null(hmap_assign(h, key));
  after(h);
}
static bool countedDelete(hmap *h, const void *key, uint64_t hash)
{
  before(h, hash);
  bool was = hmap_delete(h, key);
  after(h);
  return was;
}
static uint64_t hashOf(const hmap *h, const void *key)
{
  return hashKey(h, h->t->alg, key);
}

/* Waves of insertions and deletions of n keys of 8 bytes, or of the size of the type. */
static void waves(hmap *h, size_t n, size_t ops)
{
  unsigned char key[256] = {0};
  for (size_t i = 0; i < ops; i++) {
    uint64_t k = randomBelow(n);
    memcpy(key, &k, h->t->keysize < 8 ? h->t->keysize : 8);
    if (randomBelow(100) < (i / n % 2 ? 15u : 90u))
      countedAssign(h, key, hashOf(h, key));
    else
      countedDelete(h, key, hashOf(h, key));
  }
  ASSERT_SOUND(h);
}

static void test_a_million_integers_in_order(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  const uint64_t n = times(1000000);
  for (uint64_t k = 0; k < n; k++)
    countedAssign(h, &k, hashOf(h, &k));
  assert_true(quick() || worst.growths > 10);
  for (uint64_t k = 0; k < n; k++)
    assert_true(countedDelete(h, &k, hashOf(h, &k)));
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
      countedAssign(h, &s, hashOf(h, &s));
    else
      countedDelete(h, &s, hashOf(h, &s));
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
      countedAssign(h, &now[i], hashOf(h, &now[i]));
    }
    for (int i = 0; i < chain && round; i++)
      assert_true(countedDelete(h, &last[i], hashOf(h, &last[i])));
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
  hmap *h = makeInts(capacity(14)); /* its arrays come from the system */
  const size_t n = capacity(14);
  uint64_t key = 0;
  for (size_t round = 0; round < 5; round++) {
    while (h->noverflow < bucketShift(14) / 8) {
      countedAssign(h, &key, hashOf(h, &key));
      if (key++ >= n / 2) {
        uint64_t old = key - 1 - n / 2;
        countedDelete(h, &old, hashOf(h, &old));
      }
    }
    if (growing(h))
      settle(h);
    h->noverflow = (uint32_t)bucketShift(14); /* to have it grow without 16,384 chains */
    countedAssign(h, &key, hashOf(h, &key));
    key++;
    assert_true(growing(h) && (flagsOf(h) & sameSizeGrow));
    for (; growing(h); key++) {
      uint64_t old = key - 1 - n / 2;
      countedAssign(h, &key, hashOf(h, &key));
      countedDelete(h, &old, hashOf(h, &old));
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
    countedAssign(h, &k, hashOf(h, &k));
  settle(h);
  memory.failLarge = arrayBytes(h->t, bucketShift((uint8_t)(h->B + 1))); /* overflow buckets can be had */
  for (; k < 300; k++)
    countedAssign(h, &k, hashOf(h, &k));
  assert_int_equal(h->B, 4);
  memory.failLarge = 0;
  for (; k < 20000; k++)
    countedAssign(h, &k, hashOf(h, &k));
  for (uint64_t i = 0; i < k; i++)
    assert_true(has(h, i));
  ASSERT_SOUND(h);
  tell("late growths");
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* While a large table grows, the memory of the old array goes back as the evacuation passes. */
static void test_old_memory_goes_back_during_the_growth(void **state)
{
  (void)state;
  hmap *h = fullTable(15);
  const size_t old = memory.mapped;
  assert_true(hashGrow(h));
  const size_t both = memory.mapped, new = both - old, n = noldbuckets(h);
  size_t released = 0, last = both, slack = 64 << 10;
  while (growing(h)) {
    assert_false(cut(h, UINT64_MAX));
    size_t chunks = 0;
    for (bucketArray *c = arrayOf(h->buckets)->chunks; c; c = c->next)
      chunks += wholePages(arrayBytes(h->t, c->n));
    assert_true(memory.mapped - chunks <= last);
    last = memory.mapped - chunks;
    if (!growing(h))
      break;
    assert_true(arrayOf(h->oldbuckets)->released >= released);
    assert_true(arrayOf(h->oldbuckets)->released <= h->nevacuate);
    released = arrayOf(h->oldbuckets)->released;
    assert_true(last + h->nevacuate * (sizeof(bmap) + h->t->blocksize) <= both + slack);
  }
  assert_true(released > n * 9 / 10);
  for (int i = 0; h->retired && i < 300; i++) /* what is left: its overflow buckets */
    assert_false(cut(h, UINT64_MAX));
  assert_null(h->retired);
  assert_in_range(memory.mapped, new, new + new / 16);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* hashGrow takes an array of any size at the same cost. */
static void test_a_new_array_comes_untouched(void **state)
{
  (void)state;
  for (uint8_t B = 0; B < 20; B++) {
    hmap *h = makeInts(0);
    resetCounts();
    bmap *buckets = makeBucketArray(h->t, B);
    assert_in_range(counted.touched, 0, 8 << 10);
    assert_in_range(counted.maps, 0, 1);
    assert_true((counted.maps == 1) == (arrayBytes(h->t, arrayOf(buckets)->n) > maxHeapArray));
    freeBuckets(buckets);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_million_integers_in_order),
      TEST(test_waves_of_integers),
      TEST(test_waves_of_all_sizes),
      TEST(test_strings),
      TEST(test_many_small_tables),
      TEST(test_growths_at_the_same_size),
      TEST(test_growths_at_the_same_size_of_large_tables),
      TEST(test_growths_that_come_late),
      TEST(test_old_memory_goes_back_during_the_growth),
      TEST(test_a_new_array_comes_untouched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
