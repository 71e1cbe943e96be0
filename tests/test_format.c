/* test_format.c: blocks with only as much room as their entries need (lib/format.h), against a plain model: keys and elems of
 * 4 bytes and of 8, and elems that are their keys, in all mixtures, through growths, overwriting, walks and clears, with
 * hmap_check along the way. And the first array, half a bucket. */
#include "testing.h"

enum { maxKeys = 1500 };

/* Two families of the four formats: keys that are their own hash, and keys with a 32-bit hash of somebody else's. */
static maptype families[2][nformats];

static void makeFamilies(void)
{
  for (int stored = 0; stored < 2; stored++)
    for (unsigned f = 0; f < nformats; f++) {
      maptype t = {
          .alg = stored                ? algShim
                 : sizeof(void *) == 8 ? alg64
                                       : alg32,
          .stored = stored,
          .keysize = f < 2 ? 4 : sizeof(void *),
          .elemsize = f % 2 == 0 ? 0
                      : f == 1   ? 4
                                 : sizeof(void *),
          .format = (uint8_t)f,
          .formats = families[stored],
      };
      layout(&t);
      families[stored][f] = t;
    }
}

static bool equalWord(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h;
  return (!t->stored || hashesOf(block)[i] == k->stored) && wordKey(t, slotOf(t, block, i)) == (uintptr_t)key;
}

typedef struct subject {
  hmap h;
  const maptype *t;
  unsigned badBits; /* so many bits of a stored hash are always zero */
  uintptr_t key[maxKeys], elem[maxKeys];
  bool there[maxKeys];
  size_t count, widened, narrowed;
} subject;

/* A number that is large once in rare. */
static uintptr_t randomSize(unsigned rare)
{
  uint64_t x = random64();
  return (uintptr_t)(rare && x % rare == 0 ? x : x >> 44);
}

/* An empty table of a family; there is one at a time. */
static subject *begin(bool stored)
{
  static subject s;
  memset(&s, 0, sizeof s);
  s.t = families[stored];
  assert_true(makemap(&s.h, s.t, 0));
  return &s;
}

static keyhash hashWord(const subject *s, uintptr_t key)
{
  if (!s->t->stored) {
    return keyhash64(&s->h, s->t, key);
  }
  uint32_t raw = (uint32_t)(key * 2654435761u ^ key >> 16) >> s->badBits;
  return (keyhash){shimHash(&s->h, hashesLone(&s->h, s->t), raw), raw, 0, 0};
}

static void putEntry(subject *s, size_t i, uintptr_t elem)
{
  place at = {0};
  assert_true(needBuckets(&s->h));
  keyhash k = hashWord(s, s->key[i]);
  wantFormat(&s->h, s->key[i], elem);
  assert_int_equal(mapassign(&s->h, s->t, k, (void *)s->key[i], equalWord, &at), s->there[i]);
  assert_non_null(at.b);
  assert_true(setEntry(&s->h, &at, s->key[i], elem, NULL));
  s->count += !s->there[i];
  s->there[i] = true;
  s->elem[i] = elem;
}

static void cutEntry(subject *s, size_t i)
{
  place at = {0};
  keyhash k = hashWord(s, s->key[i]);
  assert_int_equal(mapaccessw(&s->h, s->t, k, (void *)s->key[i], equalWord, &at), s->there[i]);
  if (s->there[i]) {
    mapdelete(&s->h, &at);
    maybeShrink(&s->h);
    s->count--;
  }
  s->there[i] = false;
}

static void lookAt(subject *s, size_t i)
{
  place at = {0};
  keyhash k = hashWord(s, s->key[i]);
  assert_int_equal(mapaccess(&s->h, s->t, k, (void *)s->key[i], equalWord, &at), s->there[i]);
  if (s->there[i])
    assert_int_equal(wordElem(at.t, slotOf(at.t, at.block, at.i)), s->elem[i]);
}

static size_t numberOf(const subject *s, uintptr_t key)
{
  for (size_t i = 0; i < maxKeys; i++)
    if (s->there[i] && s->key[i] == key)
      return i;
  fail_msg("a walk came to a key that is not there");
  return 0;
}

/* Begins a growth, and half ends it. */
static void growthOf(subject *s)
{
  s->h.count = capacity(s->h.B);
  assert_true(hashGrow(&s->h));
  s->h.count = s->count;
  evacuateTo(&s->h, noldbuckets(&s->h) / 2);
}

/* Walks the table, overwriting and removing on the way: each entry comes once, and with its elem. */
static void walkAll(subject *s, unsigned rare)
{
  mapwalk w = {0};
  place at = {0};
  size_t before = s->count, came = 0;
  while (walknext(&s->h, s->h.t, &w, &at)) {
    uintptr_t key = wordKey(at.t, slotOf(at.t, at.block, at.i));
    size_t i = numberOf(s, key);
    assert_int_equal(wordElem(at.t, slotOf(at.t, at.block, at.i)), s->elem[i]);
    came++;
    at = walkHere(&s->h, s->h.t, &w);
    assert_int_equal(wordKey(at.t, slotOf(at.t, at.block, at.i)), key);
    if (random64() % 3 == 0) {
      s->elem[i] = randomSize(rare);
      assert_true(setEntry(&s->h, &at, key, s->elem[i], NULL));
    } else if (random64() % 8 == 0) {
      mapdelete(&s->h, &at);
      s->there[i] = false;
      s->count--;
    }
  }
  assert_int_equal(came, before);
}

/* Removes most entries in a walk, so that the next write begins to shrink the table, and gives those that stay large elems. */
static void thinOut(subject *s)
{
  mapwalk w = {0};
  place at = {0};
  while (walknext(&s->h, s->h.t, &w, &at)) {
    at = walkHere(&s->h, s->h.t, &w);
    uintptr_t key = wordKey(at.t, slotOf(at.t, at.block, at.i));
    size_t i = numberOf(s, key);
    if (random64() % 16 == 0) {
      const uint32_t wide = s->h.nwide;
      s->elem[i] = randomSize(1);
      assert_true(setEntry(&s->h, &at, key, s->elem[i], NULL));
      s->widened += s->h.nwide > wide;
      continue;
    }
    s->there[i] = false;
    mapdelete(&s->h, &at);
    s->count--;
  }
}

static void step(subject *s, unsigned phase, unsigned rare)
{
  static const unsigned puts[] = {500, 250, 50, 50}, cuts[] = {200, 450, 850, 850};
  size_t i = random64() % maxKeys;
  unsigned op = random64() % 1000;
  if (op < puts[phase])
    putEntry(s, i, random64() % 3 == 0 ? s->key[i] : randomSize(rare));
  else if (op < puts[phase] + cuts[phase])
    cutEntry(s, i);
  else if (op < 998)
    lookAt(s, i);
  else
    walkAll(s, rare);
}

/* How often a bucket was widened, and one came out of a growth in one piece, and how often a table with wide buckets began to
 * shrink, in all runs. */
static size_t widened, narrowed, shrunk;

/* rareKey, rareElem: one key, one elem in so many is large; 0: none. */
static void runModel(bool stored, unsigned badBits, unsigned rareKey, unsigned rareElem)
{
  subject *s = begin(stored);
  s->badBits = badBits;
  for (size_t i = 0; i < maxKeys; i++)
    s->key[i] = randomSize(rareKey) << 11 | i; /* no two alike */
  for (unsigned n = 0; n < 12000; n++) {
    uint32_t wide = s->h.nwide;
    const uint8_t B = s->h.B;
    step(s, n / 3000, n < 2000 ? 0 : rareElem); /* large ones come late, and find small formats */
    s->widened += s->h.nwide > wide;
    s->narrowed += s->h.nwide < wide ? wide - s->h.nwide : 0;
    shrunk += wide && s->h.B < B;
    assert_int_equal(s->h.count, s->count);
    if (n % 5 == 0)
      ASSERT_SOUND(&s->h);
    if (n % 1500 == 1499)
      thinOut(s);
    if (n == 11000) {
      mapclear(&s->h);
      memset(s->there, 0, sizeof s->there);
      s->count = 0;
    }
  }
  widened += s->widened;
  narrowed += s->narrowed;
  mapfree(&s->h);
  assert_int_equal(memory.live, 0);
  assert_int_equal(memory.mapped, 0);
}

static void test_model_of_all_mixtures(void **state)
{
  (void)state;
  static const unsigned rarities[] = {0, 1, 3, 50, 700};
  for (int stored = 0; stored < 2; stored++)
    for (int k = 0; k < 5; k++)
      for (int e = 0; e < 5; e++)
        runModel(stored, 0, rarities[k], rarities[e]);
  assert_true(sizeof(void *) == 4 || widened > 100); /* with small pointers only a set can be widened */
  assert_true(sizeof(void *) == 4 || narrowed > 100);
  assert_true(sizeof(void *) == 4 || shrunk > 10);
}

static void test_model_with_bad_hashes(void **state)
{
  (void)state;
  runModel(true, 28, 50, 50);
  runModel(true, 25, 0, 3);
}

static void test_a_format_holds_what_it_says(void **state)
{
  (void)state;
  const uintptr_t large = UINTPTR_MAX - 6, small = 7;
  const uintptr_t entries[][2] = {{small, small}, {small, 8}, {small, large}, {large, large}, {large, small}, {large, large - 1}};
  for (unsigned f = 0; f < nformats; f++)
    for (unsigned e = 0; e < 6; e++) {
      const maptype *t = &families[0][f];
      unsigned char slot[2 * sizeof(void *)];
      if (!formatFits(t, formatFor(entries[e][0], entries[e][1])))
        continue;
      setWords(t, slot, entries[e][0], entries[e][1]);
      assert_int_equal(wordKey(t, slot), entries[e][0]);
      assert_int_equal(wordElem(t, slot), entries[e][1]);
    }
  for (unsigned e = 0; e < 6; e++)
    assert_true(formatFits(wideFormat(families[0]), formatFor(entries[e][0], entries[e][1])));
}

/* Evacuates a growing table step by step, and walks over it after each. */
static void walkWhileItGrows(subject *s, size_t step)
{
  hmap *h = &s->h;
  while (growing(h)) {
    unsigned char seen[maxKeys] = {0};
    mapwalk w = {0};
    place at = {0};
    evacuateTo(h, h->nevacuate + step);
    while (growing(h) && releaseSegment(h->oldbuckets, h->nevacuate >> h->oldbuckets->t->segbits))
      ;
    while (walknext(h, h->t, &w, &at)) {
      size_t i = wordKey(at.t, slotOf(at.t, at.block, at.i));
      assert_true(i < maxKeys && s->there[i] && !seen[i]++);
      assert_int_equal(wordElem(at.t, slotOf(at.t, at.block, at.i)), s->elem[i]);
      place there = walkHere(h, h->t, &w);
      assert_ptr_equal(slotOf(there.t, there.block, there.i), slotOf(at.t, at.block, at.i));
      assert_true(there.b->tophash[there.i] >= minTopHash);
    }
    for (size_t i = 0; i < maxKeys; i++)
      assert_int_equal(seen[i], s->there[i]);
    ASSERT_SOUND(h);
  }
}

/* What shims walk with, wherever a growth is, in tables whose blocks look the same and in others; and while they shrink. */
static void test_walks_at_every_nevacuate(void **state)
{
  (void)state;
  for (int stored = 0; stored < 2; stored++)
    for (int wide = 0; wide < 2; wide++)
      for (uint8_t B = 0; B < 10; B = (uint8_t)(B + 3)) {
        subject *s = begin(stored);
        for (size_t i = 0; i < maxKeys; i++)
          s->key[i] = i;
        for (size_t i = 0; s->h.B <= B && i < maxKeys; i++)
          putEntry(s, i, wide && i % 50 == 0 ? UINTPTR_MAX - i : i);
        walkWhileItGrows(s, B > 6 ? 16 : 1);
        for (size_t i = 1; !growing(&s->h) && i < maxKeys; i++)
          if (s->there[i] && i % 50)
            cutEntry(s, i);
        assert_int_equal(growing(&s->h) && shrinking(&s->h), s->h.oldbuckets != NULL);
        assert_true(B < 6 || growing(&s->h));
        walkWhileItGrows(s, 1);
        mapfree(&s->h);
        ASSERT_NOTHING_LEFT();
      }
}

/* One large key changes one bucket, and no entry its place. */
static void test_one_large_key_changes_one_bucket(void **state)
{
  (void)state;
  subject *s = begin(false);
  for (size_t i = 0; i < 1000; i++) {
    s->key[i] = i;
    putEntry(s, i, i);
  }
  assert_ptr_equal(s->h.t, &families[0][0]);
  place before = {0}, after = {0};
  keyhash k = hashWord(s, 500);
  assert_true(mapaccess(&s->h, s->t, k, (void *)s->key[500], equalWord, &before));
  assert_true(setEntry(&s->h, &before, 500, UINTPTR_MAX, NULL));
  assert_int_equal(s->h.nwide, 1);
  s->elem[500] = UINTPTR_MAX;
  assert_true(mapaccess(&s->h, s->t, k, (void *)s->key[500], equalWord, &after));
  assert_ptr_equal(after.b, before.b);
  assert_int_equal(after.i, before.i);
  for (size_t i = 0; i < 1000; i++)
    lookAt(s, i);
  ASSERT_SOUND(&s->h);
  mapfree(&s->h);
}

/* hmap_check objects to each field that has to do with formats, when it is wrong. */
#define WRONG(s, field, value)             \
  do {                                     \
    __typeof__(field) saved_ = (field);    \
    (field) = (__typeof__(saved_))(value); \
    assert_non_null(mapcheck(&(s)->h));    \
    (field) = saved_;                      \
    ASSERT_SOUND(&(s)->h);                 \
  } while (0)

static void wrongTags(subject *s)
{
  for (unsigned tag = 1; tag <= plainMask; tag++)
    if (tag != (s->h.tag & plainMask))
      WRONG(s, s->h.tag, tag);
  uint8_t was = s->h.tag;
  s->h.tag = 0xf0; /* not known to be plain, and what belongs to the owner */
  ASSERT_SOUND(&s->h);
  s->h.tag = was;
}
static void test_check_of_formats(void **state)
{
  (void)state;
  if (sizeof(void *) == 4)
    skip(); /* every value fits */
  subject *s = begin(false);
  for (size_t i = 0; i < 1000; i++) {
    s->key[i] = i;
    putEntry(s, i, i);
  }
  assert_int_equal(s->h.tag, 1);
  wrongTags(s);
  WRONG(s, s->h.nwide, 1);
  WRONG(s, s->h.format, nformats);
  for (uint8_t f = 1; f < nformats; f++) {
    WRONG(s, families[0][0].format, f);
    WRONG(s, s->h.t, &families[0][f]);
  }
  putEntry(s, 500, UINTPTR_MAX);
  assert_int_equal(s->h.tag, 0);
  wrongTags(s);
  assert_int_equal(s->h.nwide, 1);
  WRONG(s, s->h.nwide, 0);
  WRONG(s, s->h.nwide, 2);
  place at = {0};
  assert_true(mapaccess(&s->h, s->t, hashWord(s, 500), (void *)s->key[500], equalWord, &at));
  WRONG(s, at.b->link, at.b->link & ~(uint64_t)bucketWide);
  growthOf(s);
  assert_true(growing(&s->h) && s->h.oldbuckets->t != s->h.t);
  wrongTags(s);
  WRONG(s, s->h.oldbuckets->t, s->h.t);
  WRONG(s, s->h.buckets->t, s->h.oldbuckets->t);
  mapfree(&s->h);
  ASSERT_NOTHING_LEFT();
}

/* An evacuation that cannot have the wide blocks that it needs does not happen, and the table goes on. */
static void test_no_memory_to_widen(void **state)
{
  (void)state;
  if (sizeof(void *) == 4)
    skip(); /* every value fits */
  subject *s = begin(true);
  for (size_t i = 0; i < 300; i++) {
    s->key[i] = i;
    putEntry(s, i, 1);
  }
  for (size_t i = 300; !growing(&s->h); i++) {
    s->key[i] = i;
    putEntry(s, i, 1);
  }
  mapwalk w = {0};
  place at = {0};
  while (walknext(&s->h, s->h.t, &w, &at)) { /* every old bucket becomes wide; the new array is not made for that */
    uintptr_t key = wordKey(at.t, slotOf(at.t, at.block, at.i));
    s->elem[key] = UINTPTR_MAX - key;
    at = walkHere(&s->h, s->h.t, &w);
    assert_true(setEntry(&s->h, &at, key, s->elem[key], NULL));
  }
  uint32_t evacuated = s->h.nevacuate;
  memory.failAll = true;
  place moved;
  keyhash k = hashWord(s, s->key[0]);
  place new = bucketAt(s->h.t, s->h.buckets, 0);
  assert_false(widenBlock(&s->h, &new, NULL));
  assert_true(mapaccessw(&s->h, s->t, k, (void *)s->key[0], equalWord, &moved));
  assert_int_equal(s->h.nevacuate, evacuated);
  for (size_t i = 0; i < 300; i++)
    lookAt(s, i);
  ASSERT_SOUND(&s->h);
  memory.failAll = false;
  for (size_t i = 0; growing(&s->h); i = (i + 1) % 300) {
    cutEntry(s, i);
    putEntry(s, i, s->elem[i]);
  }
  for (size_t i = 0; i < 300; i++)
    lookAt(s, i);
  ASSERT_SOUND(&s->h);
  mapfree(&s->h);
  assert_int_equal(memory.live, 0);
}

static void test_the_first_array_is_half_a_bucket(void **state)
{
  (void)state;
  subject *s = begin(true);
  assert_null(s->h.buckets);
  for (size_t i = 0; i < 5; i++) {
    s->key[i] = i;
    putEntry(s, i, i);
    assert_int_equal(isHalf(bucketOf(s->h.buckets, 0)), i < 4);
    assert_int_equal(s->h.B, 0);
    assert_int_equal(s->h.noverflow, 0);
    ASSERT_SOUND(&s->h);
  }
  for (size_t i = 0; i < 5; i++)
    lookAt(s, i);
  mapclear(&s->h);
  assert_int_equal(s->h.count, 0);
  ASSERT_SOUND(&s->h);
  mapfree(&s->h);
}

/* A half bucket that cannot grow takes overflow buckets, and what is behind it is found and walked. */
static void test_a_half_bucket_that_cannot_grow(void **state)
{
  (void)state;
  subject *s = begin(true);
  for (size_t i = 0; i < 4; i++) {
    s->key[i] = i;
    putEntry(s, i, i);
  }
  memory.failAt = memory.calls + 1; /* hashGrow's; the overflow bucket is there */
  s->key[4] = 4;
  putEntry(s, 4, 4);
  memory.failAt = 0;
  assert_int_equal(s->h.noverflow, 1);
  assert_true(isHalf(bucketOf(s->h.buckets, 0)));
  ASSERT_SOUND(&s->h);
  for (size_t i = 0; i < 4; i++) {
    cutEntry(s, i);
    ASSERT_SOUND(&s->h);
  }
  walkAll(s, 0);
  mapfree(&s->h);
  assert_int_equal(memory.live, 0);
}

/* The end of a chain is found over the slots that a half bucket has not. */
static void test_deleting_backwards_from_behind_a_half_bucket(void **state)
{
  (void)state;
  subject *s = begin(true);
  place at = {0};
  for (size_t i = 0; i < 4; i++) {
    s->key[i] = i;
    putEntry(s, i, i);
  }
  memory.failAt = memory.calls + 1;
  s->key[4] = 4;
  putEntry(s, 4, 4);
  memory.failAt = 0;
  assert_int_equal(s->h.noverflow, 1);
  keyhash k = hashWord(s, s->key[3]);
  assert_true(mapaccess(&s->h, s->t, k, (void *)s->key[3], equalWord, &at));
  mapdelete(&s->h, &at);
  k = hashWord(s, s->key[4]);
  assert_true(mapaccess(&s->h, s->t, k, (void *)s->key[4], equalWord, &at));
  mapdelete(&s->h, &at);
  ASSERT_SOUND(&s->h);
  assert_int_equal(bucketOf(s->h.buckets, 0)->tophash[3], emptyRest);
  mapfree(&s->h);
}

/* A growth from half a bucket whose evacuation cannot have its memory: the half bucket stays, as the old array. */
static void test_a_half_bucket_as_the_old_array(void **state)
{
  (void)state;
  subject *s = begin(true);
  for (size_t i = 0; i < 5; i++) {
    s->key[i] = i;
    memory.failAt = i == 4 ? memory.calls + 1 : 0;
    putEntry(s, i, i);
  }
  assert_int_equal(s->h.noverflow, 1);
  assert_true(hashGrow(&s->h));
  memory.failAll = true; /* evacuation would need an overflow bucket */
  cutEntry(s, 0);
  assert_true(growing(&s->h));
  ASSERT_SOUND(&s->h);
  for (size_t i = 0; i < 5; i++)
    lookAt(s, i);
  memory.failAll = false;
  cutEntry(s, 1);
  assert_false(growing(&s->h));
  ASSERT_SOUND(&s->h);
  mapfree(&s->h);
  assert_int_equal(memory.live, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_model_of_all_mixtures),
      TEST(test_model_with_bad_hashes),
      TEST(test_a_format_holds_what_it_says),
      TEST(test_one_large_key_changes_one_bucket),
      TEST(test_walks_at_every_nevacuate),
      TEST(test_check_of_formats),
      TEST(test_no_memory_to_widen),
      TEST(test_the_first_array_is_half_a_bucket),
      TEST(test_a_half_bucket_that_cannot_grow),
      TEST(test_deleting_backwards_from_behind_a_half_bucket),
      TEST(test_a_half_bucket_as_the_old_array),
  };
  makeFamilies();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
