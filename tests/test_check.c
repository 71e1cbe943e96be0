/* test_check.c: hmap_check must object to a table in which one thing is wrong. Each field of each structure is made wrong in
 * turn.
 *
 * What no check can tell, because every value is one that the field may have:
 *   hmap          seq, nclear (they only count), hash0 where hashes are stored, flags hashChecked and hashCounted, the upper bits
 *                 of tag; easy, if lower; t, if replaced by another type, which the arrays were not made for
 *   bucketArray   pins (it only counts); bytes of one with a single segment. In the old array, because chains that were evacuated
 *                 may be gone: the first of slabs, which comes next, how many are used of the one that is being filled; and
 *                 whether what was evacuated had anything in it
 *   overflowSlab  n of the one that is being filled, if larger than used; next of an empty one
 *   bmap          evacuatedX for Y (a new seed may have come since); filter bits too many (a filter may claim more than there is,
 *                 except in the last bucket of a chain); the address of a bucket that there is not, because it would be read
 *   maptype       hash and equal, if replaced by other functions; alg, from strings to bytes; callbacks, where it is not needed;
 *                 keysize and elemsize within their padding, or of a key behind a pointer
 *   entries       elems; keys where hashes are stored, and of those hashes and tophashes all that does not choose the bucket: to
 *                 check more, keys would have to be hashed, and hmap_check may not look at them */
#include "testing.h"

static void objects(const hmap *h, const char *what)
{
  if (!hmap_check(h))
    fail_msg("hmap_check did not object to %s", what);
}

/* Gives a field a wrong value for a moment. */
#define WRONG(h, field, value)             \
  do {                                     \
    __typeof__(field) saved_ = (field);    \
    (field) = (__typeof__(saved_))(value); \
    objects(h, #field " = " #value);       \
    (field) = saved_;                      \
    ASSERT_SOUND(h);                       \
  } while (0)

/* The same for a field that no check can tell: it keeps the list above honest. */
#define FREE(h, field, value)              \
  do {                                     \
    __typeof__(field) saved_ = (field);    \
    (field) = (__typeof__(saved_))(value); \
    ASSERT_SOUND(h);                       \
    (field) = saved_;                      \
  } while (0)

static uint64_t plainHash(const void *key, const hmap_seed *seed)
{
  (void)seed;
  return *(const uint64_t *)key;
}
static maptype *typeIn(hmap *h)
{
  return (maptype *)(void *)(uintptr_t)h->t;
}

/* A table of 64-bit keys in the middle of its growth: some buckets evacuated, some not, of four old segments one given back, two
 * of eight new ones not there yet; with several slabs of overflow buckets in both arrays; and one retired array. */
enum { richB = 9 };

static hmap *richTable(void)
{
  hmap *h = makeInts(0);
  hmap_iter it;
  noAlarm(h);
  putRange(h, 0, capacity(5));
  hmap_iter_init(&it, h); /* abandoned, so that an array stays retired */
  putRange(h, 0, capacity(richB - 1) + 1);
  settle(h);
  assert_int_equal(h->B, richB);
  for (uint64_t i = 0; i < 1000; i++)
    put(h, keyWith(h, i % 10 ? i % 10 : 500, 511), 1);
  for (uint64_t k = 10000; !growing(h); k++)
    put(h, k, k);
  evacuateTo(h, 300);
  assert_true(releaseSegment(h->oldbuckets, 1));
  for (int i = 0; i < 10; i++)
    put(h, keyWith(h, 1, 1023), 1);
  for (uint64_t k = 0; k < 20; k++)
    cut(h, k);
  assert_true(growing(h) && h->nevacuate < 384 && h->oldbuckets->released == 1 && h->retired);
  assert_int_equal(segmentsIn(h->oldbuckets), 3);
  assert_int_equal(segmentsIn(h->buckets), 6);
  assert_true(slabsIn(h->oldbuckets) > 2 && slabsIn(h->buckets) > 1);
  ASSERT_SOUND(h);
  return h;
}
/* An old bucket that has been evacuated and had entries, and one that has not. */
static size_t evacuatedBucket(const hmap *h)
{
  size_t i = h->nevacuate - 1;
  while (bucketOf(h->oldbuckets, i)->tophash[0] == evacuatedEmpty)
    i--;
  return i;
}
static size_t pendingBucket(const hmap *h)
{
  size_t i = h->nevacuate;
  while (!matchFull(bucketOf(h->oldbuckets, i)))
    i++;
  return i;
}
static hmap *stringTable(void)
{
  static char text[300][16];
  hmap *h = makeTable(HMAP_STRING, 0, 8, capacity(6));
  for (int i = 0; i < 300; i++) {
    snprintf(text[i], sizeof text[i], "%d", i);
    hmap_assign_faststr(h, text[i]);
  }
  return h;
}

/* Where an entry of the current array stands, in a bucket that has not been evacuated to it only just now. */
static place somewhere(const hmap *h, bool inOverflow)
{
  for (size_t i = 0; i < bucketShift(h->B); i++) {
    if (!hasSegment(h->buckets, i))
      continue;
    place p = bucketAt(h->t, h->buckets, i);
    if (inOverflow && !nextInChain(&p))
      continue;
    if (matchFull(p.b)) {
      p.i = firstSlot(matchFull(p.b));
      return p;
    }
  }
  fail_msg("no entry found");
  return (place){0};
}

static void test_each_field_of_hmap(void **state)
{
  (void)state;
  hmap *h = richTable(), *other = fullTable(3);
  WRONG(h, h->count, h->count + 1);
  WRONG(h, h->count, h->count - 1);
  WRONG(h, h->count, 0);
  WRONG(h, h->flags, h->flags | hashWriting);
  WRONG(h, h->flags, h->flags | sameSizeGrow);
  WRONG(h, h->flags, h->flags | 2);
  WRONG(h, h->flags, h->flags | 64);
  WRONG(h, h->flags, h->flags | 128);
  WRONG(h, h->format, 1);
  WRONG(h, h->nwide, 1);
  WRONG(h, h->B, h->B + 1);
  WRONG(h, h->B, h->B - 1);
  WRONG(h, h->B, 0);
  WRONG(h, h->B, maxB + 1);
  WRONG(h, h->noverflow, h->noverflow + 1);
  WRONG(h, h->noverflow, h->noverflow - 1);
  WRONG(h, h->hash0.k0, h->hash0.k0 ^ 1);
  WRONG(h, h->hash0.k0, h->hash0.k0 ^ (uint64_t)1 << 63);
  WRONG(h, h->hash0.k1, h->hash0.k1 ^ 1);
  WRONG(h, h->buckets, other->buckets);
  WRONG(h, h->buckets, h->oldbuckets);
  WRONG(h, h->buckets, NULL);
  WRONG(h, h->mask, h->mask >> 1);
  WRONG(h, h->mask, h->mask << 1 | 1);
  WRONG(h, h->mask, h->mask - 1);
  WRONG(h, h->mask, 0);
  WRONG(h, h->easy, 1);
  WRONG(h, h->easy, UINT32_MAX);
  for (unsigned plain = 1; plain <= plainMask; plain++)
    WRONG(h, h->tag, h->tag | plain);
  WRONG(h, h->oldbuckets, NULL);
  WRONG(h, h->oldbuckets, h->buckets);
  WRONG(h, h->oldbuckets, other->buckets);
  WRONG(h, h->nevacuate, noldbuckets(h));
  WRONG(h, h->nevacuate, UINT32_MAX);
  for (size_t n = pendingBucket(h) + 1; n < noldbuckets(h); n++)
    WRONG(h, h->nevacuate, n);
  for (size_t n = 0; n <= evacuatedBucket(h); n++)
    WRONG(h, h->nevacuate, n);
  WRONG(h, h->retired, h->buckets);
  WRONG(h, h->retired, h->oldbuckets);
  WRONG(h, h->t, NULL);
  FREE(h, h->seq, h->seq + 1);
  FREE(h, h->nclear, h->nclear + 1);
  FREE(h, h->flags, h->flags ^ hashChecked);
  FREE(h, h->flags, h->flags ^ hashCounted);
  FREE(h, h->flags, h->flags ^ hashHinted);
  FREE(h, h->tag, h->tag ^ 0xf0);
  hmap_free(h);
  hmap_free(other);
}

static void test_each_field_of_a_settled_hmap(void **state)
{
  (void)state;
  hmap *h = fullTable(5), *other = fullTable(4), *empty = makeInts(0);
  WRONG(h, h->flags, h->flags | sameSizeGrow);
  WRONG(h, h->oldbuckets, other->buckets);
  WRONG(h, h->nevacuate, 1);
  WRONG(h, h->easy, capacity(5) + 1);
  WRONG(h, h->easy, UINT32_MAX);
  FREE(h, h->easy, 1);
  WRONG(empty, empty->count, 1);
  WRONG(empty, empty->mask, 1);
  WRONG(empty, empty->nwide, 1);
  WRONG(empty, empty->B, 1);
  WRONG(empty, empty->noverflow, 1);
  WRONG(empty, empty->oldbuckets, other->buckets);
  WRONG(empty, empty->nevacuate, 1);
  WRONG(empty, empty->flags, empty->flags | sameSizeGrow);
  hmap_free(h);
  hmap_free(other);
  hmap_free(empty);
}

static void test_each_field_of_maptype(void **state)
{
  (void)state;
  hmap *h = richTable();
  maptype *t = typeIn(h);
  for (int alg = 0; alg < 256; alg++)
    if (alg != alg64)
      WRONG(h, t->alg, alg);
  WRONG(h, t->stored, true);
  WRONG(h, t->indirectkey, true);
  WRONG(h, t->indirectelem, true);
  WRONG(h, t->keysize, 0);
  WRONG(h, t->keysize, 4);
  WRONG(h, t->keysize, 7);
  WRONG(h, t->keysize, 16);
  WRONG(h, t->keysize, 129);
  WRONG(h, t->elemsize, 0);
  WRONG(h, t->elemsize, 16);
  WRONG(h, t->elemsize, 129);
  WRONG(h, t->elemsize, maxBytes + 1);
  WRONG(h, t->slotoff, 32);
  WRONG(h, t->elemoff, 0);
  WRONG(h, t->elemoff, 16);
  WRONG(h, t->slotsize, 8);
  WRONG(h, t->slotsize, 24);
  WRONG(h, t->blocksize, t->blocksize + 16);
  WRONG(h, t->blocksize, t->blocksize - 16);
  for (int bits = 0; bits < 256; bits++)
    if (bits != h->buckets->t->segbits)
      WRONG(h, t->segbits, bits);
  WRONG(h, t->formats, t + 1);
  WRONG(h, t->formats, t - nformats);
  WRONG(h, t->hash, plainHash);
  WRONG(h, t->equal, equalInts);
  hmap_free(h);
}

static void test_each_field_of_other_maptypes(void **state)
{
  (void)state;
  hmap_type user = {HMAP_BYTES, 8, 8, plainHash, equalInts};
  hmap *h = hmap_make(&user, 0), *s = stringTable(), *big = makeTable(HMAP_BYTES, 200, 200, 0);
  putRange(h, 0, 100);
  WRONG(h, typeIn(h)->hash, NULL);
  WRONG(h, typeIn(h)->equal, NULL);
  WRONG(h, typeIn(h)->callbacks, false);
  WRONG(h, typeIn(h)->stored, false);
  for (int alg = 0; alg < 256; alg++)
    if (alg != algUser)
      WRONG(h, typeIn(h)->alg, alg);
  WRONG(s, typeIn(s)->stored, false);
  WRONG(s, typeIn(s)->keysize, 2 * sizeof(char *));
  WRONG(s, typeIn(s)->hash, plainHash);
  WRONG(s, typeIn(s)->alg, alg64);
  WRONG(s, typeIn(s)->alg, alg32);
  WRONG(s, typeIn(s)->alg, algUser);
  WRONG(s, typeIn(s)->alg, algShim);
  WRONG(s, typeIn(s)->alg, algShim + 1);
  FREE(s, typeIn(s)->alg, algMem);
  FREE(s, typeIn(s)->callbacks, true);
  WRONG(big, typeIn(big)->indirectkey, false);
  WRONG(big, typeIn(big)->indirectelem, false);
  WRONG(big, typeIn(big)->keysize, 128);
  WRONG(big, typeIn(big)->keysize, maxBytes + 1);
  WRONG(big, typeIn(big)->elemsize, 128);
  WRONG(big, typeIn(big)->elemsize, maxBytes + 1);
  FREE(big, typeIn(big)->keysize, 201);
  hmap_free(h);
  hmap_free(s);
  hmap_free(big);
}

/* What may be wrong with any directory. Segments there, taken, pending and given back are told apart by the caller. */
static void wrongArray(hmap *h, bucketArray *a)
{
  const size_t piece = sizeof(bucketArray);
  WRONG(h, a->next, a);
  WRONG(h, a->t, NULL);
  WRONG(h, a->B, a->B + 1);
  WRONG(h, a->B, a->B - 1);
  WRONG(h, a->B, 0);
  WRONG(h, a->bytes, a->bytes + 8);
  WRONG(h, a->bytes, a->bytes - 8);
  WRONG(h, a->bytes, piece);
  WRONG(h, a->bytes, 0);
  WRONG(h, a->mapped, true);
  WRONG(h, a->released, a->released + 1);
  WRONG(h, a->released, nsegments(a));
  WRONG(h, a->released, (h->nevacuate >> h->t->segbits) + 1);
  WRONG(h, a->released, UINT32_MAX);
  WRONG(h, a->slabs, NULL);
  if (a == h->buckets)
    WRONG(h, a->slabs, a->slabs->next);
  WRONG(h, a->filling, NULL);
  FREE(h, a->pins, a->pins + 1);
  for (overflowSlab *s = a->slabs; s; s = s->next)
    if (s != a->filling)
      WRONG(h, a->filling, s);
}
/* A segment that has entries, from bucket i on. */
static void wrongSegment(hmap *h, bucketArray *a, size_t i)
{
  unsigned char **segment = &a->segments[i >> a->t->segbits];
  WRONG(h, *segment, NULL);
  if (a == h->buckets || i >= h->nevacuate)
    WRONG(h, *segment, noSegment());
  else
    FREE(h, *segment, noSegment());
  WRONG(h, *segment, *segment + 16);
  WRONG(h, *segment, *segment + cacheLine);
  for (size_t k = 0; k < nsegments(a); k++)
    if (hasSegment(a, k << a->t->segbits) && a->segments[k] != *segment)
      WRONG(h, *segment, a->segments[k]);
  unsigned char **from = mallocOf(a, (size_t)(segment - a->segments));
  WRONG(h, *from, *from - cacheLine);
  WRONG(h, *from, *from + cacheLine);
  WRONG(h, *from, NULL);
}
static void wrongSlabs(hmap *h, bucketArray *a, bool old)
{
  for (overflowSlab *s = a->slabs; s; s = s->next) {
    bool after = false;
    for (overflowSlab *next = a->slabs; next; next = next->next) {
      if (!after || (!old && next != s->next))
        WRONG(h, s->next, next); /* a ring, or a list that lacks one */
      after |= next == s;
    }
    WRONG(h, s->n, 0);
    WRONG(h, s->n, s->used - 1);
    WRONG(h, s->n, segmentMask(a->t) + 2);
    WRONG(h, s->n, UINT32_MAX);
    WRONG(h, s->used, s->n + 1);
    if (s != a->filling) {
      WRONG(h, s->n, s->n + 1);
      WRONG(h, s->n, s->n - 1);
    }
    if (s != a->filling || !old) {
      WRONG(h, s->used, s->used - 1);
      WRONG(h, s->used, 0);
    }
    if (!old && s->used < s->n)
      WRONG(h, s->used, s->used + 1);
  }
}
static void test_each_field_of_bucketArray(void **state)
{
  (void)state;
  hmap *h = richTable();
  wrongArray(h, h->buckets);
  wrongArray(h, h->oldbuckets);
  WRONG(h, h->oldbuckets->released, 0);
  bucketArray *a = h->retired;
  WRONG(h, a->next, h->buckets);
  WRONG(h, a->next, h->oldbuckets);
  WRONG(h, a->next, NULL);
  WRONG(h, a->t, NULL);
  WRONG(h, a->B, maxB + 1);
  WRONG(h, a->B, 255);
  WRONG(h, a->released, nsegments(a) + 1);
  hmap_free(h);
}
static void test_each_segment(void **state)
{
  (void)state;
  hmap *h = richTable();
  wrongSegment(h, h->buckets, 0);
  wrongSegment(h, h->buckets, 512 + 128);
  wrongSegment(h, h->oldbuckets, 128);          /* evacuated */
  wrongSegment(h, h->oldbuckets, h->nevacuate); /* in part */
  unsigned char **given = &h->oldbuckets->segments[0], **pending = &h->buckets->segments[3];
  assert_true(!*given && !*pending);
  WRONG(h, *given, noSegment());
  WRONG(h, *given, h->oldbuckets->segments[1]);
  WRONG(h, *pending, h->buckets->segments[0]);
  FREE(h, *pending, noSegment()); /* as empty */
  hmap_free(h);
  h = fullTable(5);
  WRONG(h, h->buckets->segments[0], NULL);
  WRONG(h, h->buckets->segments[0], noSegment());
  WRONG(h, h->buckets->segments[0], h->buckets->segments[0] + 16);
  WRONG(h, h->buckets->segments[0], h->buckets->segments[0] - 16);
  WRONG(h, h->buckets->mapped, true);
  FREE(h, h->buckets->bytes, 0);
  hmap_free(h);
}
static void test_each_field_of_overflowSlab(void **state)
{
  (void)state;
  hmap *h = richTable();
  wrongSlabs(h, h->buckets, false);
  wrongSlabs(h, h->oldbuckets, true);
  hmap_free(h);
}

/* Every value of every tophash byte of a bucket, where keys are their own hash. */
static void wrongTophashes(hmap *h, bmap *b)
{
  for (unsigned i = 0; i < bucketCnt; i++)
    for (unsigned top = 0; top < 256; top++)
      if (top != b->tophash[i])
        WRONG(h, b->tophash[i], top);
}
static void test_each_tophash(void **state)
{
  (void)state;
  hmap *h = fullTable(5);
  for (size_t i = 0; i < 32; i++)
    wrongTophashes(h, bucketOf(h->buckets, i));
  hmap_free(h);
  h = richTable();
  wrongTophashes(h, bucketOf(h->oldbuckets, pendingBucket(h)));
  wrongTophashes(h, somewhere(h, false).b);
  wrongTophashes(h, somewhere(h, true).b);
  bmap *b = bucketOf(h->oldbuckets, evacuatedBucket(h)); /* in part to X, in part to Y: which, only the new array knows */
  for (unsigned i = 0; i < bucketCnt; i++) {
    WRONG(h, b->tophash[i], emptyRest);
    WRONG(h, b->tophash[i], emptyOne);
    for (unsigned top = minTopHash; top < 256; top++)
      WRONG(h, b->tophash[i], top);
  }
  hmap_free(h);
}

static void test_evacuatedY_in_a_growth_at_the_same_size(void **state)
{
  (void)state;
  hmap *h = fullTable(5);
  for (uint64_t k = 0; k < 100; k++)
    cut(h, k);
  assert_true(hashGrow(h));
  evacuateTo(h, 9);
  ASSERT_SOUND(h);
  WRONG(h, bucketOf(h->oldbuckets, 5)->tophash[0], evacuatedY);
  WRONG(h, h->flags, h->flags & ~sameSizeGrow);
  hmap_free(h);
}

static void test_filters_and_overflow_links(void **state)
{
  (void)state;
  hmap *h = richTable();
  place p = somewhere(h, true);
  bmap *head = p.head, *b = p.b;
  for (unsigned i = 0; i < bucketCnt; i++) /* b is full */
    if (b->tophash[i] >= minTopHash)
      WRONG(h, head->link, head->link & ~(uint64_t)filterBit(b->tophash[i]));
  FREE(h, head->link, head->link | 0xff);
  for (unsigned bit = 8; bit < linkBits; bit++)
    WRONG(h, head->link, head->link | 1u << bit); /* half, wide, and what is no flag */
  WRONG(h, head->link, head->link ^ addressIn(head->link));
  WRONG(h, head->link, 0);
  WRONG(h, head->link, (head->link ^ addressIn(head->link)) | linkTo(head));
  WRONG(h, head->link, (head->link ^ addressIn(head->link)) | linkTo(bucketOf(h->buckets, 2)));
  WRONG(h, b->link, (b->link ^ addressIn(b->link)) | linkTo(b));
  bucketArray *arrays[] = {h->buckets, h->oldbuckets};
  for (int i = 0; i < 2; i++)
    for (overflowSlab *s = arrays[i]->slabs; s; s = s->next)
      for (size_t k = 0; k < s->used; k++)
        if (overflowIn(h->t, s, k) != overflowOf(head))
          WRONG(h, head->link,
                (head->link ^ addressIn(head->link)) | linkTo(overflowIn(h->t, s, k))); /* another chain's, or a loop */
  size_t i = 0;
  while (overflowOf(bucketOf(h->buckets, i)))
    i++;
  bmap *last = bucketOf(h->buckets, i);
  for (unsigned bit = 0; bit < linkBits; bit++)
    WRONG(h, last->link, 1u << bit);
  WRONG(h, last->link, linkTo(b));
  hmap_free(h);
}

/* A half bucket is the only one of its table, and has its four slots. */
static void test_a_half_bucket(void **state)
{
  (void)state;
  hmap *h = makeInts(0);
  putRange(h, 0, 3);
  bmap *b = bucketOf(h->buckets, 0);
  assert_true(isHalf(b));
  wrongTophashes(h, b);
  WRONG(h, b->link, 0);
  WRONG(h, b->link, b->link | bucketWide);
  hmap_free(h);
}

static void test_keys_that_are_their_own_hash(void **state)
{
  (void)state;
  hmap *h = richTable();
  for (int behind = 0; behind < 2; behind++) {
    place p = somewhere(h, behind);
    uint64_t *key = (uint64_t *)(void *)slotOf(h->t, p.block, p.i), was = *key, hash = memhash64(was, &h->hash0);
    for (int bit = 0; bit < 64; bit++) {
      uint64_t other = memhash64(was ^ (uint64_t)1 << bit, &h->hash0);
      if (tophash(other) != tophash(hash) || ((other ^ hash) & bucketMask(h->B))) /* else it is a key that may stand here */
        WRONG(h, *key, was ^ (uint64_t)1 << bit);
    }
  }
  hmap_free(h);
  hmap *g = makeTable(HMAP_BYTES, 4, 4, 0);
  for (uint32_t k = 0; k < 300; k++)
    hmap_assign_fast32(g, k);
  place p = somewhere(g, false);
  uint32_t *key = (uint32_t *)(void *)slotOf(g->t, p.block, p.i), was = *key;
  uint64_t hash = memhash64(was, &g->hash0);
  for (int bit = 0; bit < 32; bit++) {
    uint64_t other = memhash64(was ^ 1u << bit, &g->hash0);
    if (tophash(other) != tophash(hash) || ((other ^ hash) & bucketMask(g->B)))
      WRONG(g, *key, was ^ 1u << bit);
  }
  hmap_free(g);
}

static void test_stored_hashes(void **state)
{
  (void)state;
  hmap *h = stringTable();
  place p = somewhere(h, false);
  for (unsigned bit = 0; bit < h->B; bit++)
    WRONG(h, hashesOf(p.block)[p.i], hashesOf(p.block)[p.i] ^ 1u << bit);
  FREE(h, hashesOf(p.block)[p.i], hashesOf(p.block)[p.i] ^ 1u << 31);
  FREE(h, p.b->tophash[p.i], p.b->tophash[p.i] == 255 ? 254 : p.b->tophash[p.i] + 1);
  WRONG(h, p.b->tophash[p.i], emptyRest);
  WRONG(h, p.b->tophash[p.i], emptyOne);
  WRONG(h, p.b->tophash[p.i], evacuatedX);
  hmap_free(h);
}

/* Stored hashes of a shim's kind are all of the hash, so the check is complete there. */
static void test_stored_hashes_of_a_shim(void **state)
{
  (void)state;
  hmap_type user = {HMAP_BYTES, 8, 8, plainHash, equalInts};
  hmap *h = hmap_make(&user, capacity(4));
  maptype *t = typeIn(h);
  t->alg = algShim;
  t->hash = NULL;
  t->equal = NULL;
  t->callbacks = true;
  for (uint32_t k = 0; k < 60; k++) {
    uint64_t hash = mix32(k, &h->hash0), key = k;
    place at = mapbucket(h, t, hash), vacant = {0};
    assert_true(mapinsert(h, t, (keyhash){hash, k, 0, 0}, &at, &vacant, true));
    memcpy(slotOf(t, at.block, at.i), &key, sizeof key);
  }
  ASSERT_SOUND(h);
  place p = somewhere(h, false);
  uint32_t *stored = &hashesOf(p.block)[p.i];
  for (unsigned bit = 0; bit < 32; bit++) {
    uint64_t is = mix32(*stored, &h->hash0), other = mix32(*stored ^ 1u << bit, &h->hash0);
    if (tophash(is) != tophash(other) || ((is ^ other) & bucketMask(h->B)))
      WRONG(h, *stored, *stored ^ 1u << bit);
  }
  wrongTophashes(h, p.b);
  WRONG(h, h->hash0.k0, h->hash0.k0 ^ 1);
  WRONG(h, h->hash0.k1, h->hash0.k1 ^ 1);
  hmap_free(h);
}

static void test_an_entry_that_is_there_twice(void **state)
{
  (void)state;
  hmap *h = makeInts(capacity(4));
  uint64_t keys[12];
  for (int i = 0; i < 12; i++)
    put(h, keys[i] = keyWith(h, 3 | (uint64_t)0x77 << 56, 15 | (uint64_t)0xff << 56), 0);
  place p = bucketAt(h->t, h->buckets, 3), q = p;
  nextInChain(&q);
  for (unsigned i = 1; i < 8; i++)
    WRONG(h, *(uint64_t *)(void *)slotOf(h->t, p.block, i), keys[i - 1]);
  WRONG(h, *(uint64_t *)(void *)slotOf(h->t, q.block, 2), keys[0]);
  WRONG(h, *(uint64_t *)(void *)slotOf(h->t, q.block, 2), keys[9]);
  hmap_free(h);
}

/* While it grows, an entry may only stand where a lookup would search for it. */
static void test_an_entry_on_the_wrong_side_of_a_growth(void **state)
{
  (void)state;
  hmap *h = growingTable(5);
  size_t b = 20; /* not evacuated */
  uint64_t key = keyWith(h, b, 63);
  uint8_t top = tophash(memhash64(key, &h->hash0));
  bmap *new = bucketOf(h->buckets, b);
  memcpy(slotOf(h->t, blockOf(h->buckets, b), 0), &key, sizeof key);
  new->tophash[0] = top;
  h->count++;
  objects(h, "an entry in a new bucket whose old one has not been evacuated");
  new->tophash[0] = emptyRest;
  h->count--;
  ASSERT_SOUND(h);
  hmap_free(h);
}

static void test_NULL_is_sound(void **state)
{
  (void)state;
  assert_null(hmap_check(NULL));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_each_field_of_hmap),
      TEST(test_each_field_of_a_settled_hmap),
      TEST(test_each_field_of_maptype),
      TEST(test_each_field_of_other_maptypes),
      TEST(test_each_field_of_bucketArray),
      TEST(test_each_segment),
      TEST(test_each_field_of_overflowSlab),
      TEST(test_each_tophash),
      TEST(test_evacuatedY_in_a_growth_at_the_same_size),
      TEST(test_filters_and_overflow_links),
      TEST(test_a_half_bucket),
      TEST(test_keys_that_are_their_own_hash),
      TEST(test_stored_hashes),
      TEST(test_stored_hashes_of_a_shim),
      TEST(test_an_entry_that_is_there_twice),
      TEST(test_an_entry_on_the_wrong_side_of_a_growth),
      TEST(test_NULL_is_sound),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
