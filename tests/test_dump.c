/* test_dump.c: hmap_dump's drawings, of tables whose keys have been chosen for their hashes. */
#include "testing.h"

static char *drawn;

/* Returns the drawing, which holds until the next. */
static const char *draw(const hmap *h)
{
  size_t size;
  free(drawn);
  FILE *out = open_memstream(&drawn, &size);
  assert_true(hmap_dump(h, out));
  fclose(out);
  return drawn;
}
static int freeDrawing(void **state)
{
  (void)state;
  free(drawn);
  return 0;
}

/* Adds an entry with this tophash to this one of the chosen 2^bits buckets, and returns its key. */
static uint64_t add(hmap *h, uint64_t top, uint64_t bucket, unsigned bits)
{
  uint64_t key = keyWith(h, top << 56 | bucket, (uint64_t)0xff << 56 | ((1u << bits) - 1));
  put(h, key, key);
  return key;
}

static void test_no_table(void **state)
{
  (void)state;
  assert_string_equal(draw(NULL), "no table\n");
}

static void test_an_empty_table(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  assert_string_equal(draw(h), "entries 0, buckets 0, overflow buckets 0, load 0.00\n");
  hmap_free(h);
  h = makeInts(8);
  assert_string_equal(draw(h), "entries 0, buckets 1, overflow buckets 0, load 0.00\n"
                               "         0  empty\n");
  hmap_free(h);
  h = makeInts(20);
  assert_string_equal(draw(h), "entries 0, buckets 4, overflow buckets 0, load 0.00\n"
                               "0-3  empty\n");
  hmap_free(h);
}

static void test_half_a_bucket(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  assert_true(needBuckets(h)); /* and a seed, to choose keys by */
  add(h, 0x9a, 0, 0);
  add(h, 0x02, 0, 0); /* stored as 5 */
  assert_string_equal(draw(h), "entries 2, buckets 1, overflow buckets 0, load 2.00\n"
                               "         0  [9a 05 .. ..            ]\n");
  hmap_free(h);
}

static void test_deleted_entries(void **state)
{
  (void)state;
  hmap *h = makeInts(8);
  uint64_t keys[5];
  for (unsigned i = 0; i < 5; i++)
    keys[i] = add(h, 0x11 * (i + 1), 0, 0);
  cut(h, keys[1]);
  cut(h, keys[4]);
  assert_string_equal(draw(h), "entries 3, buckets 1, overflow buckets 0, load 3.00\n"
                               "         0  [11 -- 33 44 .. .. .. ..]\n");
  hmap_free(h);
}

static void test_chains(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(3));
  for (unsigned i = 0; i < 9; i++)
    add(h, 0x10 + i, 2, 3);
  add(h, 0xff, 6, 3);
  for (unsigned i = 0; i < 9; i++)
    add(h, 0x20 + i, 5, 3);
  for (unsigned i = 0; i < 8; i++)
    add(h, 0x30 + i, 2, 3);
  assert_string_equal(draw(h),
                      "entries 27, buckets 8, overflow buckets 3, load 3.38\n"
                      "0-1  empty\n"
                      "         2  [10 11 12 13 14 15 16 17] -> #0 [18 30 31 32 33 34 35 36] -> #1 [37 .. .. .. .. .. .. ..]\n"
                      "3-4  empty\n"
                      "         5  [20 21 22 23 24 25 26 27] -> #2 [28 .. .. .. .. .. .. ..]\n"
                      "         6  [ff .. .. .. .. .. .. ..]\n"
                      "         7  empty\n");
  hmap_free(h);
}

static void test_growth(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(1));
  assert_int_equal(h->B, 1);
  for (unsigned i = 0; i < 3; i++)
    add(h, 0xa0 + i, 0, 2);
  add(h, 0xb0, 2, 2);
  add(h, 0xb1, 2, 2);
  add(h, 0xb2, 2, 2);
  add(h, 0xa3, 0, 2);
  for (unsigned i = 0; i < 6; i++)
    add(h, 0xc0 + i, 1, 1);
  assert_true(hashGrow(h));
  evacuate(h);
  assert_string_equal(draw(h), "entries 13, buckets 4, overflow buckets 0, load 3.25\n"
                               "growing: old buckets, 1 of 2 evacuated\n"
                               "         0  [ X  X  X  Y  Y  Y  X ..]  X 0, Y 2\n"
                               "         1  [c0 c1 c2 c3 c4 c5 .. ..]\n"
                               "new buckets\n"
                               "         0  [a0 a1 a2 a3 .. .. .. ..]\n"
                               "         1  empty\n"
                               "         2  [b0 b1 b2 .. .. .. .. ..]\n"
                               "         3  empty\n");
  hmap_free(h);
}

static void test_growth_to_the_same_size(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(2));
  add(h, 0xa0, 1, 2);
  add(h, 0xb0, 1, 2);
  assert_true(hashGrow(h));
  assert_true(flagsOf(h) & sameSizeGrow);
  evacuateTo(h, 2);
  assert_string_equal(draw(h), "entries 2, buckets 4, overflow buckets 0, load 0.50\n"
                               "growing: old buckets, 2 of 4 evacuated\n"
                               "         0  [.. .. .. .. .. .. .. ..]  X 0\n"
                               "         1  [ X  X .. .. .. .. .. ..]  X 1\n"
                               "2-3  empty\n"
                               "new buckets\n"
                               "         0  empty\n"
                               "         1  [a0 b0 .. .. .. .. .. ..]\n"
                               "2-3  empty\n");
  hmap_free(h);
}

static void test_memory_given_back(void **state)
{
  (void)state;
  char wanted[80];
  hmap *h = growingTable(12);
  for (uint64_t k = 0; h->oldbuckets->released == 0; k++)
    cut(h, UINT64_MAX - k);
  unsigned released = h->oldbuckets->released << h->t->segbits; /* segments, to buckets */
  snprintf(wanted, sizeof wanted, " of 4096 evacuated\n0-%u  evacuated, and given back\n%10u  [", released - 1, released);
  assert_non_null(strstr(draw(h), wanted));
  hmap_free(h);
}

/* How many entries are drawn: pairs of digits between brackets. */
static size_t entriesOfText(const char *text)
{
  size_t n = 0;
  while ((text = strchr(text, '[')))
    for (; *text != ']'; text += 3)
      n += strspn(text + 1, "0123456789abcdef") == 2;
  return n;
}

static void test_every_entry_is_drawn_once(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  size_t steps = times(6000), growingSeen = 0;
  for (size_t step = 0; step < steps; step++) {
    uint64_t key = randomBelow(900);
    if (randomBelow(3))
      put(h, key, key);
    else
      cut(h, key);
    if (step % 7)
      continue;
    growingSeen += growing(h);
    assert_int_equal(entriesOfText(draw(h)), hmap_len(h));
  }
  assert_true(growingSeen > 0);
  hmap_free(h);
}

static void test_a_stream_that_takes_nothing(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  FILE *full = fopen("/dev/full", "w");
  assert_non_null(full);
  errno = 0;
  assert_false(hmap_dump(h, full));
  assert_int_equal(errno, ENOSPC);
  fclose(full);
  hmap_free(h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_no_table),
      TEST(test_an_empty_table),
      TEST(test_half_a_bucket),
      TEST(test_deleted_entries),
      TEST(test_chains),
      TEST(test_growth),
      TEST(test_growth_to_the_same_size),
      TEST(test_memory_given_back),
      TEST(test_every_entry_is_drawn_once),
      TEST(test_a_stream_that_takes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, freeDrawing);
}
