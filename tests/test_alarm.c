/* test_alarm.c: keys that somebody made for one bucket. Every table here has the same seed, as HMAP_SEED would make it, and he
 * knows it. */
#include "testing.h"

enum { mostKeys = 3000 };

static int startKnown(void **state)
{
  startTest(state);
  seeds.fixed = true;
  return 0;
}
#define KNOWN(f) cmocka_unit_test_setup(f, startKnown)

/* Keys whose hashes agree in the lowest 16 bits, for the seed that tables have. */
static uint64_t crafted[mostKeys];

static void craft(void)
{
  const hmap_seed seed = newSeed();
  uint64_t x = 1;
  for (size_t n = crafted[0] ? mostKeys : 0; n < mostKeys; x += 2) /* odd: no table takes them for addresses (chooseShift) */
    if ((memhash64(x, &seed) & 0xffff) == 0x1234)
      crafted[n++] = x;
}

/* A table with n crafted keys, each with its number as elem. */
static hmap *attacked(size_t n)
{
  hmap *h = makeInts(0);
  craft();
  for (size_t i = 0; i < n; i++) {
    uint64_t *elem = hmap_assign(h, &crafted[i]);
    assert_non_null(elem);
    *elem = i;
    if (i % 16 == 0)
      ASSERT_SOUND(h);
  }
  return h;
}
static void assertThere(const hmap *h, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++) {
    const uint64_t *elem = hmap_access(h, &crafted[i]);
    assert_non_null(elem);
    assert_int_equal(*elem, i);
  }
  assert_int_equal(hmap_len(h), to - from);
  ASSERT_SOUND(h);
}

static size_t longest(const hmap *h)
{
  hmap_stats s;
  hmap_getstats(h, &s);
  return s.longest_chain;
}

static void test_crafted_keys_raise_the_alarm_once(void **state)
{
  (void)state;
  hmap *h = attacked(mostKeys);
  assert_true(flagsOf(h) & hashSip);
  assert_in_range(longest(h), 1, 4); /* and not mostKeys / 8 */
  assertThere(h, 0, mostKeys);
  for (size_t i = 0; i < mostKeys / 2; i++)
    assert_true(hmap_delete(h, &crafted[i]));
  assertThere(h, mostKeys / 2, mostKeys);
  hmap *copy = hmap_clone(h);
  assertThere(copy, mostKeys / 2, mostKeys);
  hmap_free(copy);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_other_keys_never_raise_it(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  for (uint64_t k = 0; k < times(200000); k++)
    assert_non_null(hmap_assign(h, &k));
  assert_false(flagsOf(h) & (hashAlarm | hashSip));
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

static void test_after_clear_a_table_is_as_new(void **state)
{
  (void)state;
  hmap *h = attacked(200);
  assert_true(flagsOf(h) & hashSip);
  hmap_clear(h);
  assert_false(flagsOf(h) & (hashAlarm | hashSip));
  uint64_t one = 1;
  for (int round = 0; round < 2; round++) {
    assert_non_null(hmap_assign(h, &one));
    assert_non_null(hmap_access(h, &one));
    assert_true(hmap_delete(h, &one));
    ASSERT_SOUND(h);
  }
  hmap_free(h);
  h = attacked(200);
  for (size_t i = 0; i < 200; i++)
    assert_true(hmap_delete(h, &crafted[i]));
  assert_false(flagsOf(h) & (hashAlarm | hashSip)); /* nor after the last entry has gone */
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Iterators from before the alarm: each entry that stays exactly once, none that was deleted. */
static void test_iterators_live_through_it(void **state)
{
  (void)state;
  for (size_t before = 1; before < 60; before++) {
    static bool seen[mostKeys];
    memset(seen, 0, sizeof seen);
    hmap *h = attacked(before);
    hmap_iter it;
    hmap_iter_init(&it, h);
    for (size_t i = 0; i < before / 2; i++) {
      assert_true(hmap_iter_next(&it));
      assert_false(seen[*(uint64_t *)it.elem]);
      seen[*(uint64_t *)it.elem] = true;
    }
    for (size_t i = before; i < 200; i++)
      *(uint64_t *)hmap_assign(h, &crafted[i]) = i;
    assert_true(flagsOf(h) & (hashSip | hashAlarm)); /* it has had its alarm, or that waits for the end of the walk */
    assert_true(hmap_delete(h, &crafted[0]));
    bool first = seen[0];
    while (hmap_iter_next(&it)) {
      uint64_t i = *(uint64_t *)it.elem;
      assert_true(i > 0 && i < 200);
      assert_false(seen[i]);
      assert_int_equal(*(const uint64_t *)it.key, crafted[i]);
      seen[i] = true;
    }
    assert_int_equal(seen[0], first);
    for (size_t i = 1; i < before; i++)
      assert_true(seen[i]);
    assert_non_null(hmap_assign(h, &crafted[200]));
    assert_true(flagsOf(h) & hashSip);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

static void test_without_memory_a_table_stays_as_it_is(void **state)
{
  (void)state;
  for (size_t failAt = 1; failAt < 40; failAt++) {
    hmap *h = makeInts(0);
    craft();
    size_t n = 0;
    for (; !(flagsOf(h) & hashAlarm); n++)
      *(uint64_t *)hmap_assign(h, &crafted[n]) = n;
    memory.failAt = memory.calls + failAt;
    uint64_t *elem = hmap_assign(h, &crafted[n]);
    memory.failAt = 0;
    if (elem)
      *elem = n++;
    assertThere(h, 0, n);
    for (; n < 400; n++)
      *(uint64_t *)hmap_assign(h, &crafted[n]) = n;
    assertThere(h, 0, n);
    assert_true(flagsOf(h) & hashSip); /* sooner or later */
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

static void test_strings(void **state)
{
  (void)state;
  enum { most = 500 };
  static char text[most][24];
  hmap *h = makeTable(HMAP_STRING, 0, 8, 0);
  const hmap_seed seed = newSeed();
  size_t n = 0;
  for (size_t i = 0; n < most; i++) {
    int len = snprintf(text[n], sizeof text[n], "%zu", i);
    n += (memhash(text[n], (size_t)len, &seed) & 0x3ff) == 77;
  }
  for (size_t i = 0; i < most; i++) {
    const char *key = text[i];
    *(uint64_t *)hmap_assign(h, &key) = i;
  }
  assert_true(flagsOf(h) & hashSip);
  for (size_t i = 0; i < most; i++) {
    const char *key = text[i];
    assert_int_equal(*(uint64_t *)hmap_access(h, &key), i);
  }
  assert_in_range(longest(h), 1, 4);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Strings have their hash stored, which the alarm replaces: an iterator that began before a growth, in one, or while the table
 * shrank, still returns each string that stays once. */
enum { attackers = 400, others = 20000, known = 20 };
static char attacker[attackers][12], other[others][12];
static unsigned char came[others + attackers]; /* how often */

static void putString(hmap *h, const char *key, uint64_t value)
{
  *(uint64_t *)hmap_assign_faststr(h, key) = value;
}
static void takeNext(hmap_iter *it)
{
  assert_true(hmap_iter_next(it));
  came[*(uint64_t *)it->elem]++;
}
static hmap *stringsUnderAttack(void)
{
  memset(came, 0, sizeof came);
  hmap *h = makeTable(HMAP_STRING, 0, 8, 0);
  const hmap_seed seed = newSeed();
  for (size_t n = 0, x = 0; n < attackers; x++) {
    int len = snprintf(attacker[n], sizeof attacker[n], "k%zu", x);
    n += (memhash(attacker[n], (size_t)len, &seed) & 0xfff) == 0xfff;
  }
  for (size_t i = 0; i < others; i++)
    snprintf(other[i], sizeof other[i], "o%zu", i);
  for (size_t i = 0; i < known; i++)
    putString(h, attacker[i], others + i);
  return h;
}
/* The attack during the walk; entries from first on, of other, are still there. */
static void assertAllCome(hmap *h, hmap_iter *it, size_t first, size_t end)
{
  for (size_t i = known; i < attackers; i++)
    putString(h, attacker[i], others + i);
  while (hmap_iter_next(it))
    came[*(uint64_t *)it->elem]++;
  for (size_t i = first; i < end; i++)
    assert_int_equal(came[i], 1);
  for (size_t i = others; i < others + known; i++)
    assert_int_equal(came[i], 1);
  putString(h, "one more", 0);
  assert_true(flagsOf(h) & hashSip);
  ASSERT_SOUND(h);
  hmap_free(h);
}
static void test_iterators_over_strings_live_through_it(void **state)
{
  (void)state;
  hmap_iter it;

  hmap *h = stringsUnderAttack();
  hmap_iter_init(&it, h);
  for (int i = 0; i < 5; i++)
    takeNext(&it);
  for (size_t i = 0; i < 2000; i++)
    putString(h, other[i], i);
  assertAllCome(h, &it, 0, 0);

  h = stringsUnderAttack();
  size_t n = 0;
  for (; !growing(h) || h->B < 8; n++)
    putString(h, other[n], n);
  hmap_iter_init(&it, h);
  for (int i = 0; i < 300; i++)
    takeNext(&it);
  assertAllCome(h, &it, 0, n);

  h = stringsUnderAttack();
  for (size_t i = 0; i < others; i++)
    putString(h, other[i], i);
  for (n = 0; !growing(h) || !shrinking(h); n++)
    assert_true(hmap_delete_faststr(h, other[n]));
  hmap_iter_init(&it, h);
  for (int i = 0; i < 300; i++)
    takeNext(&it);
  for (; growing(h); n++)
    hmap_delete_faststr(h, other[n]);
  assertAllCome(h, &it, n, others);
  ASSERT_NOTHING_LEFT();
}

/* Reseeding, at each of its steps */

/* A table of n keys from 1000 on, each with itself as elem, and nbad crafted ones, the last of which has begun its reseeding. */
static uint64_t nbad;
static hmap *reseedingTable(uint64_t n)
{
  hmap *h = makeInts(0);
  craft();
  for (nbad = 0; nbad < 60; nbad++)
    put(h, crafted[nbad], nbad);
  putRange(h, 1000, 1000 + n);
  while (growing(h) || h->retired)
    assert_false(cut(h, 1));
  for (; !isReseeding(h); nbad++)
    put(h, crafted[nbad], nbad);
  assert_in_range(nbad, 61, 110);
  assert_true(growing(h) && flagsOf(h) & hashSip);
  return h;
}
/* Writes that change nothing, until so many buckets have moved. */
static void reseedTo(hmap *h, size_t at)
{
  while (growing(h) && h->nevacuate < at)
    assert_false(cut(h, 1));
}
static void assertAll(const hmap *h, uint64_t n)
{
  for (uint64_t i = 0; i < nbad; i++)
    assert_int_equal(get(h, crafted[i]), i);
  for (uint64_t k = 1000; k < 1000 + n; k++)
    assert_int_equal(get(h, k), k);
  assert_false(has(h, 1));
  assert_int_equal(hmap_len(h), n + nbad);
  ASSERT_SOUND(h);
}

NOINLINE void assertAsNew(const hmap *h) /* inlined, gcc 12 for 32 bits warns of an h that is NULL */
{
  assert_false(flagsOf(h) & (hashAlarm | hashSip | reseeding));
  ASSERT_SOUND(h);
}

static void test_every_operation_at_every_step(void **state)
{
  (void)state;
  const uint64_t n = 600;
  size_t steps = quick() ? 40 : 8;
  for (size_t at = 0; at <= 128; at += steps) {
    hmap *h = reseedingTable(n);
    size_t old = noldbuckets(h);
    if (at > old)
      at = old;
    reseedTo(h, at);
    assertAll(h, n);
    hmap *copy = hmap_clone(h);
    assertAll(copy, n);
    putRange(copy, 1000, 1000 + n);
    assertAll(copy, n);
    hmap_free(copy);
    put(h, 1003, 7); /* overwriting moves nothing, wherever it is */
    assert_int_equal(get(h, 1003), 7);
    put(h, 1003, 1003);
    assertAll(h, n);
    for (uint64_t k = 1000; k < 1000 + n; k += 2) {
      assert_true(cut(h, k));
      assert_false(cut(h, k));
      put(h, k + 100000, k);
      if (k % 32 == 0)
        ASSERT_SOUND(h);
    }
    for (uint64_t k = 1000; k < 1000 + n; k += 2)
      assert_int_equal(get(h, k + 100000), k);
    assert_false(growing(h));
    ASSERT_SOUND(h);
    hmap_free(h);
    h = reseedingTable(n);
    reseedTo(h, at);
    hmap_clear(h);
    assertAsNew(h);
    putRange(h, 0, 100);
    assertRange(h, 0, 100);
    hmap_free(h);
    h = reseedingTable(n);
    reseedTo(h, at);
    hmap_free(h);
    if (at == old)
      break;
  }
  ASSERT_NOTHING_LEFT();
}
/* The last entry goes while the table is reseeding: it is as new at once. */
static void test_emptied_while_reseeding(void **state)
{
  (void)state;
  hmap *h = reseedingTable(20);
  while (hmap_len(h)) {
    hmap_iter it;
    hmap_iter_init(&it, h);
    assert_true(hmap_iter_next(&it));
    uint64_t key = read64(it.key);
    hmap_iter_end(&it);
    place at = {0};
    keyhash k = keyhashOf(h, h->t, alg64, &key);
    assert_true(mapaccess(h, h->t, k, &key, equal64, &at));
    mapdelete(h, &at); /* no evacuation, as in a walk */
    ASSERT_SOUND(h);
  }
  assert_int_equal(hmap_len(h), 0);
  assert_false(flagsOf(h) & (hashAlarm | hashSip | reseeding));
  putRange(h, 0, 1000);
  assertRange(h, 0, 1000);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Walks that begin at each step, with removals and additions while they go on. */
static void test_walks_that_begin_while_reseeding(void **state)
{
  (void)state;
  const uint64_t n = 400;
  for (size_t at = 0; at <= 64; at += quick() ? 16 : 3)
    for (int writes = 0; writes < 3; writes++) {
      static unsigned char seen[200000];
      memset(seen, 0, sizeof seen);
      hmap *h = reseedingTable(n);
      reseedTo(h, at);
      hmap_iter it;
      hmap_iter_init(&it, h);
      for (uint64_t step = 0; hmap_iter_next(&it); step++) {
        uint64_t elem = *(uint64_t *)it.elem, key = read64(it.key);
        assert_true(has(h, key));
        assert_int_equal(seen[elem], 0);
        seen[elem] = 1;
        if (writes && step < 300)
          put(h, 50000 + step, 50000 + step);
        if (writes == 2 && step < 100 && !seen[1000 + 3 * step])
          seen[1000 + 3 * step] = cut(h, 1000 + 3 * step) ? 2 : 0;
      }
      for (uint64_t i = 0; i < nbad; i++)
        assert_int_equal(seen[i], 1);
      for (uint64_t k = 1000; k < 1000 + n; k++)
        assert_true(seen[k]);
      ASSERT_SOUND(h);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}
static void test_walks_over_strings_that_begin_while_reseeding(void **state)
{
  (void)state;
  for (size_t at = 0; at < 4; at++) {
    hmap *h = stringsUnderAttack();
    hmap_iter it;
    for (size_t i = 0; i < 2000; i++)
      putString(h, other[i], i);
    for (size_t i = known; !isReseeding(h); i++)
      putString(h, attacker[i % attackers], others + i % attackers);
    size_t n = hmap_len(h) - 2000;
    while (growing(h) && h->nevacuate < at * noldbuckets(h) / 4)
      assert_false(hmap_delete_faststr(h, "nobody"));
    hmap_iter_init(&it, h);
    for (size_t i = 0; hmap_iter_next(&it); i++) {
      came[*(uint64_t *)it.elem]++;
      if (i < 1500)
        assert_false(hmap_delete_faststr(h, "nobody"));
    }
    for (size_t i = 0; i < 2000; i++)
      assert_int_equal(came[i], 1);
    for (size_t i = 0; i < n; i++)
      assert_int_equal(came[others + i], 1);
    ASSERT_SOUND(h);
    hmap_free(h);
  }
  ASSERT_NOTHING_LEFT();
}

/* An iterator that nobody ends does not keep a table from leaving the seed that is known. */
static void test_an_abandoned_walk_does_not_keep_the_alarm(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  craft();
  putRange(h, ((uint64_t)1 << 40) + 1, ((uint64_t)1 << 40) + 3001);
  for (uint64_t k = (uint64_t)1 << 41; !growing(h); k++)
    put(h, k, k);
  hmap_iter it;
  hmap_iter_init(&it, h);
  assert_true(hmap_iter_next(&it)); /* and no more */
  for (size_t i = 0; i < mostKeys; i++)
    put(h, crafted[i], i);
  assert_true(flagsOf(h) & hashSip);
  assert_in_range(longest(h), 1, 200);
  for (uint64_t k = (uint64_t)1 << 42; k < ((uint64_t)1 << 42) + 60000; k++)
    put(h, k, k);
  assert_false(isReseeding(h));
  assert_in_range(longest(h), 1, maxChain);
  for (size_t i = 0; i < mostKeys; i++)
    assert_int_equal(get(h, crafted[i]), i);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* No operation, the one that sounds the alarm included, moves more than two chains or touches much. */
static void test_no_operation_is_long(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  craft();
  putRange(h, 1000, 1000 + times(100000));
  while (growing(h) || h->retired)
    cut(h, 1);
  size_t moved = 0, touched = 0;
  for (size_t i = 0; i < 2000; i++) {
    resetCounts();
    put(h, crafted[i], i);
    hmap_stats s = {0};
    if (counted.moved > moved)
      moved = counted.moved;
    if (counted.touched + counted.freed > touched)
      touched = counted.touched + counted.freed;
    if (i % 64 == 0)
      hmap_getstats(h, &s);
    assert_in_range(s.longest_chain, 0, maxChain + 3);
  }
  assert_true(flagsOf(h) & hashSip);
  while (isReseeding(h)) {
    resetCounts();
    assert_false(cut(h, 1));
    moved = counted.moved > moved ? counted.moved : moved;
    touched = counted.touched + counted.freed > touched ? counted.touched + counted.freed : touched;
  }
  assert_in_range(moved, 1, 2 * (maxChain + 3) * bucketCnt);
  assert_in_range(touched, 1, 256 << 10);
  ASSERT_SOUND(h);
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* Without memory for a second array, an insertion costs what it costs with it. */
static void test_without_memory_nothing_is_copied_in_vain(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  craft();
  putRange(h, 1000, 1000 + 20000);
  while (growing(h) || h->retired)
    cut(h, 1);
  memory.failLarge = 2000;
  for (size_t i = 0; i < 400; i++) {
    resetCounts();
    size_t calls = memory.calls;
    if (hmap_assign(h, &crafted[i]))
      put(h, crafted[i], i);
    assert_in_range(counted.moved, 0, 4 * maxChain * bucketCnt);
    assert_in_range(counted.touched, 0, 256 << 10);
    assert_in_range(memory.calls - calls, 0, 200);
  }
  ASSERT_SOUND(h);
  memory.failLarge = 0;
  hmap_free(h);
  ASSERT_NOTHING_LEFT();
}

/* An attacker who knows the code, the seed that a table has now, and all seeds that tables had before, and who makes as many keys
 * as he likes: with them he raises the alarm, and then he goes on with the keys that the seeds which he can compute would put
 * into one bucket; over many tables, with clear and refilling. What he gains is counted in steps along chains, beside random
 * keys. */
static uint64_t randomKey(void)
{
  return random64();
}
static size_t attack(unsigned tables, size_t perTable, bool random)
{
  size_t steps = 0;
  hmap *h = makeInts(0);
  for (unsigned t = 0; t < tables; t++) {
    uint64_t x = 1, one = 0;
    put(h, one, one); /* a seed is drawn with the first entry */
    hmap_seed seed = h->hash0, guess = sipSeed("alarm", 6, &seed);
    for (size_t i = 0; i < perTable; i++) {
      uint64_t key = randomKey();
      if (!random && !(flagsOf(h) & hashSip))
        do
          key = x++ << 8;
        while ((memhash64(key, &seed) & 0x3ff) != 5);
      else if (!random)
        do
          key = x++ << 8;
        while ((siphash13(&key, sizeof key, &guess) & 0x3ff) != 7 || (siphash13(&key, sizeof key, &seed) & 1));
      resetCounts();
      put(h, key, i);
      steps += counted.steps;
    }
    assert_in_range(longest(h), 1, maxChain + 2);
    t % 2 ? hmap_clear(h) : (hmap_free(h), h = makeInts(0));
  }
  hmap_free(h);
  return steps;
}
static void test_who_knows_a_seed_gains_one_rehash(void **state)
{
  (void)state;
  unsigned tables = quick() ? 4 : 40;
  size_t crafted_ = attack(tables, 4000, false), random = attack(tables, 4000, true);
  if (getenv("HMAP_TEST_VERBOSE"))
    print_message("%u tables of 4000 keys, all seeds known: %zu steps along chains, random keys %zu\n", tables, crafted_, random);
  assert_in_range(crafted_, 0, tables * 100000); /* 4000 keys in one chain: 1,000,000 a table */
  ASSERT_NOTHING_LEFT();
}

/* Key sets that nobody made for a seed raise no alarm. */
static void test_structured_keys_never_raise_it(void **state)
{
  (void)state;
  static const unsigned shifts[][2] = {{32, 7}, {32, 8}, {32, 6}, {32, 48}, {32, 52}, {16, 41},
                                       {24, 4}, {8, 48}, {40, 8}, {32, 12}, {32, 16}, {32, 0}};
  for (size_t c = 0; c < sizeof shifts / sizeof *shifts; c++)
    for (size_t t = 0; t < times(300); t++) {
      hmap *h = makeTable(HMAP_BYTES, 8, 0, 3000);
      for (uint64_t i = 0; i < 3000; i++) {
        uint64_t k = (i & 63) << shifts[c][0] | (i >> 6) << shifts[c][1];
        assert_non_null(hmap_assign(h, &k));
      }
      assert_false(flagsOf(h) & (hashAlarm | hashSip));
      assert_in_range(longest(h), 1, maxChain / 2 + 1);
      hmap_free(h);
    }
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      KNOWN(test_every_operation_at_every_step),
      KNOWN(test_emptied_while_reseeding),
      KNOWN(test_walks_that_begin_while_reseeding),
      KNOWN(test_walks_over_strings_that_begin_while_reseeding),
      KNOWN(test_an_abandoned_walk_does_not_keep_the_alarm),
      KNOWN(test_no_operation_is_long),
      KNOWN(test_without_memory_nothing_is_copied_in_vain),
      TEST(test_who_knows_a_seed_gains_one_rehash),
      TEST(test_structured_keys_never_raise_it),
      KNOWN(test_crafted_keys_raise_the_alarm_once),
      KNOWN(test_other_keys_never_raise_it),
      KNOWN(test_after_clear_a_table_is_as_new),
      KNOWN(test_iterators_live_through_it),
      KNOWN(test_without_memory_a_table_stays_as_it_is),
      KNOWN(test_strings),
      KNOWN(test_iterators_over_strings_live_through_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
