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
  for (size_t n = crafted[0] ? mostKeys : 0; n < mostKeys; x++)
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      KNOWN(test_crafted_keys_raise_the_alarm_once),      KNOWN(test_other_keys_never_raise_it),
      KNOWN(test_after_clear_a_table_is_as_new),          KNOWN(test_iterators_live_through_it),
      KNOWN(test_without_memory_a_table_stays_as_it_is),  KNOWN(test_strings),
      KNOWN(test_iterators_over_strings_live_through_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
