/* test_model.c: random operations on a table and on a plain model side by side, with hmap_check after every step: for all sizes
 * and kinds of keys and elems, and for hash functions from good to hostile. */
#include "testing.h"

enum { maxKeys = 600, groups = 8 };

/* The model: what each key's elem should be. A key is a number below maxKeys, and keyBytes says what it looks like. */
typedef struct model {
  bool there[maxKeys];
  uint64_t elem[maxKeys];
  size_t count;
} model;

/* What happened to the table, so that a test can tell that it has tested something. */
typedef struct events {
  size_t growths, sameSize, shrinks, clears, clones, walks;
  const void *lastArray;
} events;

typedef struct subject {
  hmap_type type;
  size_t keys; /* how many there are */
  hmap *h;
  model m;
  events seen;
} subject;

static char strs[2][maxKeys][40]; /* two copies, so that no test passes by comparing pointers */
static const char *stringPtrs[2][maxKeys];

static void makeStrings(void)
{
  for (int copy = 0; copy < 2; copy++)
    for (size_t i = 0; i < maxKeys; i++) {
      snprintf(strs[copy][i], sizeof strs[copy][i], "%.*s%zu", (int)(i % 21), "a rather common prefix", i);
      stringPtrs[copy][i] = strs[copy][i];
    }
}

/* The bytes of key i: its number, in the last two bytes (or one), and something before that. */
static const void *keyBytes(const subject *s, size_t i, int copy)
{
  static unsigned char key[256];
  size_t n = s->type.key_size;
  if (s->type.kind == HMAP_STRING)
    return &stringPtrs[copy][i];
  memset(key, (int)(i * 7), n);
  memset(key, 0x55, n > 4 ? n / 2 : 0);
  key[n - 1] = (unsigned char)i;
  if (n > 1)
    key[n - 2] = (unsigned char)(i >> 8);
  return key;
}
static size_t keyNumber(const subject *s, const void *key)
{
  if (s->type.kind == HMAP_STRING) {
    const char *p = *(const char *const *)key;
    return (size_t)strtoul(p + strcspn(p, "0123456789"), NULL, 10);
  }
  const unsigned char *p = key;
  size_t n = s->type.key_size;
  return p[n - 1] | (n > 1 ? (size_t)p[n - 2] << 8 : 0);
}

static void writeElem(void *elem, size_t size, uint64_t value)
{
  for (size_t i = 0; i < size; i++)
    ((unsigned char *)elem)[i] = (unsigned char)(value >> 8 * (i % 8) ^ i);
}
static void assertElem(const void *elem, size_t size, uint64_t value)
{
  unsigned char want[256];
  writeElem(want, size, value);
  assert_memory_equal(elem, want, size);
}

/* Hash functions from good to hostile. They see the last two bytes of a key, which tell its number. */
static size_t hashedSize; /* key size of the table under test */

static uint64_t numberOf(const void *key)
{
  subject s = {.type.key_size = hashedSize};
  return keyNumber(&s, key);
}
static uint64_t hashGood(const void *key, const hmap_seed *seed)
{
  return memhash(key, hashedSize, seed);
}
static uint64_t hashNumber(const void *key, const hmap_seed *seed) /* ignores the seed */
{
  (void)seed;
  return numberOf(key);
}
static uint64_t hashConstant(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 42;
}
static uint64_t hashGroups(const void *key, const hmap_seed *seed) /* the keys of a group have one hash */
{
  (void)seed;
  return numberOf(key) % groups;
}
static uint64_t hashOneBucket(const void *key, const hmap_seed *seed) /* the lowest bits are equal */
{
  return placed(numberOf(key) << 32, seed, 5, 0x3f);
}
static uint64_t hashOneTophash(const void *key, const hmap_seed *seed)
{
  return placed(numberOf(key) << 32, seed, (uint64_t)0x81 << 56, (uint64_t)0xff << 56);
}
static uint64_t hashLowTophash(const void *key, const hmap_seed *seed) /* what the states of empty slots would be */
{
  return placed(numberOf(key) << 32, seed, (numberOf(key) & 7) << 56, (uint64_t)0xff << 56);
}
static bool equalBytes(const void *stored, const void *key)
{
  return memcmp(stored, key, hashedSize) == 0;
}

static void observe(subject *s)
{
  const hmap *h = s->h;
  if (h->buckets == s->seen.lastArray)
    return;
  s->seen.lastArray = h->buckets;
  if (growing(h))
    flagsOf(h) & sameSizeGrow ? s->seen.sameSize++ : shrinking(h) ? s->seen.shrinks++ : s->seen.growths++;
}

static void stepAssign(subject *s, size_t i)
{
  uint64_t value = random64();
  bool was = s->m.there[i];
  unsigned char *elem = hmap_assign(s->h, keyBytes(s, i, 0));
  assert_non_null(elem);
  if (was)
    assertElem(elem, s->type.elem_size, s->m.elem[i]);
  else
    for (size_t k = 0; k < s->type.elem_size; k++)
      assert_int_equal(elem[k], 0);
  writeElem(elem, s->type.elem_size, value);
  s->m.there[i] = true;
  s->m.elem[i] = value;
  s->m.count += !was;
}
static void stepDelete(subject *s, size_t i)
{
  assert_int_equal(hmap_delete(s->h, keyBytes(s, i, 1)), s->m.there[i]);
  s->m.count -= s->m.there[i];
  s->m.there[i] = false;
}
static void stepAccess(subject *s, size_t i)
{
  const void *elem = hmap_access(s->h, keyBytes(s, i, 1));
  assert_int_equal(elem != NULL, s->m.there[i]);
  if (elem)
    assertElem(elem, s->type.elem_size, s->m.elem[i]);
}
static void stepClear(subject *s)
{
  hmap_clear(s->h);
  memset(&s->m, 0, sizeof s->m);
  s->seen.clears++;
}
static void stepClone(subject *s)
{
  hmap *copy = hmap_clone(s->h);
  assert_non_null(copy);
  hmap_free(s->h);
  s->h = copy;
  s->seen.clones++;
}
static void stepWalk(subject *s)
{
  bool returned[maxKeys] = {false};
  size_t n = 0;
  hmap_iter it;
  hmap_iter_init(&it, s->h);
  for (; hmap_iter_next(&it); n++) {
    size_t i = keyNumber(s, it.key);
    assert_true(i < s->keys && s->m.there[i] && !returned[i]);
    returned[i] = true;
    assertElem(it.elem, s->type.elem_size, s->m.elem[i]);
  }
  assert_int_equal(n, s->m.count);
  s->seen.walks++;
}
static void compareAll(subject *s)
{
  for (size_t i = 0; i < s->keys; i++)
    stepAccess(s, i);
}

static void step(subject *s, size_t i, unsigned insertPercent)
{
  size_t dice = randomBelow(2000);
  if (dice < 1)
    stepClear(s);
  else if (dice < 4)
    stepClone(s);
  else if (dice < 10)
    stepWalk(s);
  else if (dice < 200)
    stepAccess(s, i);
  else if (randomBelow(100) < insertPercent)
    stepAssign(s, i);
  else
    stepDelete(s, i);
  observe(s);
  assert_int_equal(hmap_len(s->h), s->m.count);
  ASSERT_SOUND(s->h);
}

/* Phases of many insertions and of many deletions, first with all keys, then every other one with the keys of one group, so that
 * chains grow long at different times and leave overflow buckets behind. */
static void run(subject *s, size_t steps)
{
  s->h = hmap_make(&s->type, randomBelow(3) ? 0 : randomBelow(200));
  assert_non_null(s->h);
  for (size_t n = 0, phase = 0; n < steps; phase++) {
    size_t group = phase < 2 ? groups : randomBelow(2 * groups), length = phase < 2 ? 3 * s->keys : 20 + randomBelow(s->keys);
    unsigned percent = phase % 2 ? 3 : 95;
    for (size_t k = 0; k < length && n < steps; k++, n++) {
      size_t i = randomBelow(s->keys);
      if (group < groups)
        i = i / groups * groups + group;
      step(s, i < s->keys ? i : 0, percent);
    }
  }
  compareAll(s);
  hmap_free(s->h);
  ASSERT_NOTHING_LEFT();
}

/* One group after another comes and goes, but for one key. Where a group is a chain, each leaves its overflow buckets behind. */
static void runRolling(subject *s, size_t steps)
{
  s->h = hmap_make(&s->type, 0);
  assert_non_null(s->h);
  for (size_t n = 0, group = 0; n < steps; n += s->keys / groups, group = (group + 1) % groups) {
    for (size_t i = group; i < s->keys; i += groups)
      step(s, i, 100);
    for (size_t i = group + groups; i < s->keys; i += groups)
      step(s, i, 0);
  }
  compareAll(s);
  hmap_free(s->h);
  ASSERT_NOTHING_LEFT();
}

static void runWith(hmap_type type, size_t keys, size_t steps, events *sum)
{
  subject s = {.type = type, .keys = type.kind == HMAP_BYTES && type.key_size == 1 && keys > 256 ? 256 : keys};
  hashedSize = type.key_size;
  if (type.hash == hashGroups)
    runRolling(&s, steps);
  memset(&s.m, 0, sizeof s.m);
  run(&s, steps);
  sum->growths += s.seen.growths;
  sum->sameSize += s.seen.sameSize;
  sum->shrinks += s.seen.shrinks;
  sum->clears += s.seen.clears;
  sum->clones += s.seen.clones;
  sum->walks += s.seen.walks;
}

static const size_t sizes[] = {1, 4, 8, 12, 16, 128, 200};
enum { nSizes = sizeof sizes / sizeof *sizes };

static void allSizes(enum hmap_kind kind)
{
  events sum = {0};
  for (size_t k = 0; k < (kind == HMAP_STRING ? 1 : nSizes); k++)
    for (size_t e = 0; e < nSizes + 1; e++) {
      hmap_type type = {.kind = kind, .key_size = kind == HMAP_STRING ? 0 : sizes[k], .elem_size = e < nSizes ? sizes[e] : 0};
      runWith(type, maxKeys, times(kind == HMAP_STRING ? 20000 : 6000), &sum);
    }
  assert_true(sum.growths && (quick() || sum.shrinks) && sum.clears && sum.clones && sum.walks);
}
static void test_bytes_of_all_sizes(void **state)
{
  (void)state;
  allSizes(HMAP_BYTES);
}
static void test_strings(void **state)
{
  (void)state;
  allSizes(HMAP_STRING);
}

static void withUserHash(uint64_t (*hash)(const void *, const hmap_seed *), size_t keys, events *sum)
{
  for (size_t k = 0; k < nSizes; k++)
    runWith((hmap_type){HMAP_BYTES, sizes[k], sizes[(k + 3) % nSizes], hash, equalBytes}, keys, times(6000), sum);
}
static void test_good_user_hash(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashGood, maxKeys, &sum);
  assert_true(sum.growths);
}
static void test_hash_that_ignores_the_seed(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashNumber, maxKeys, &sum);
  assert_true(sum.growths);
}
static void test_constant_hash(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashConstant, 150, &sum);
  assert_true(sum.growths);
}
static void test_hash_of_few_values_grows_at_the_same_size(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashGroups, maxKeys, &sum);
  assert_true(sum.growths);
  assert_true(sum.sameSize);
}
static void test_hash_with_equal_low_bits(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashOneBucket, 200, &sum);
  assert_true(sum.growths);
}
static void test_hash_with_equal_top_bits(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashOneTophash, 300, &sum);
  assert_true(sum.growths);
}
static void test_hash_whose_tophash_looks_like_a_state(void **state)
{
  (void)state;
  events sum = {0};
  withUserHash(hashLowTophash, 300, &sum);
  assert_true(sum.growths);
}

/* One table that is large enough for arrays that come from the system, checked now and then. */
static void test_large_table(void **state)
{
  (void)state;
  enum { keys = 1 << 17 };
  static bool there[keys];
  size_t count = 0, steps = times(600000), growths = 0;
  const void *array = NULL;
  memset(there, 0, sizeof there);
  hmap *h = makeInts(0);
  for (size_t n = 0; n < steps; n++) {
    uint64_t k = randomBelow(keys);
    if (randomBelow(100) < (n / 100000 % 2 ? 20u : 90u)) {
      put(h, k, ~k);
      count += !there[k];
      there[k] = true;
    } else {
      assert_int_equal(cut(h, k), there[k]);
      count -= there[k];
      there[k] = false;
    }
    assert_int_equal(hmap_len(h), count);
    growths += h->buckets != array;
    array = h->buckets;
    if (n % 10007 == 0)
      ASSERT_SOUND(h);
  }
  assert_true(growths > (steps > 100000 ? 12 : 8));
  for (uint64_t k = 0; k < keys; k++) {
    assert_int_equal(has(h, k), there[k]);
    if (there[k])
      assert_true(get(h, k) == ~k);
  }
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_bytes_of_all_sizes),
      TEST(test_strings),
      TEST(test_good_user_hash),
      TEST(test_hash_that_ignores_the_seed),
      TEST(test_constant_hash),
      TEST(test_hash_of_few_values_grows_at_the_same_size),
      TEST(test_hash_with_equal_low_bits),
      TEST(test_hash_with_equal_top_bits),
      TEST(test_hash_whose_tophash_looks_like_a_state),
      TEST(test_large_table),
  };
  makeStrings();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
