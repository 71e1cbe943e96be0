/* check.c: hmap_check, one function for all invariants. Each check returns NULL or the sentence that does not hold. */
#include "hash.h"
#include "map.h"

#define REQUIRE(condition) \
  do                       \
    if (!(condition))      \
      return #condition;   \
  while (0)

/* What is counted on the way through a table's chains. */
typedef struct tally {
  size_t entries, linked, wide; /* full slots; overflow buckets found in chains; buckets with a block elsewhere */
  unsigned long long numbers;   /* the sum of those buckets' numbers, each of which must come once */
} tally;

static const char *checkType(const maptype *t)
{
  maptype again = *t;
  REQUIRE(t->alg <= algShim);
  REQUIRE(t->keysize > 0 && t->keysize <= maxBytes && t->elemsize <= maxBytes);
  REQUIRE(!t->formats || (t >= t->formats && t < t->formats + nformats));
  REQUIRE(t->indirectkey == (t->keysize > maxKeySize) && t->indirectelem == (t->elemsize > maxElemSize));
  REQUIRE(t->stored == (t->alg != alg64 && t->alg != alg32));
  REQUIRE(t->alg != alg64 || t->keysize == 8 || t->formats);
  REQUIRE(t->alg != alg32 || t->keysize == 4);
  REQUIRE(t->alg != algStr || t->keysize == sizeof(char *) || t->formats);
  REQUIRE((t->alg == algUser) == (t->hash != NULL) && (t->hash == NULL) == (t->equal == NULL));
  REQUIRE(t->alg != algUser || t->callbacks);
  layout(&again);
  REQUIRE(t->slotoff == again.slotoff && t->elemoff == again.elemoff && t->slotsize == again.slotsize &&
          t->blocksize == again.blocksize);
  return NULL;
}

/* Checks an array of which the buckets below evacuated may have gone back to the system. */
static const char *checkArray(const maptype *t, bmap *buckets, uint8_t B, size_t evacuated)
{
  bucketArray *a = arrayOf(buckets);
  REQUIRE(!a->next && a->t == t && a->first == 0);
  REQUIRE(a->tail == overflowShare(B) && a->n == bucketShift(B) + a->tail);
  REQUIRE(a->released <= evacuated && a->released % bucketsAPiece(t) == 0);
  size_t room = overflowRoom(a);
  REQUIRE(a->nextOverflow <= room);
  for (bucketArray *c = a->chunks; c; c = c->next) {
    REQUIRE(c->t == t && c->n > 0 && c->tail == c->n);
    REQUIRE(c->first < room && c->first + c->n == room && c->released == 0);
    room = c->first;
  }
  REQUIRE(room == a->tail);
  return NULL;
}

/* Whether slot i of q has the same bytes as key as slot p. */
static bool sameKey(const place *q, unsigned i, const place *p)
{
  unsigned char *a = slotOf(q->t, q->block, i), *b = slotOf(p->t, p->block, p->i);
  if (p->t->formats)
    return wordKey(q->t, a) == wordKey(p->t, b);
  return memcmp(a, b, p->t->indirectkey ? sizeof(void *) : p->t->keysize) == 0;
}

/* Whether a bucket before p in its chain has another slot with the same hash and the same bytes as key. */
static bool duplicate(place p)
{
  bucketArray *a = arrayOf(p.buckets);
  place q = bucketAt(a->t, p.buckets, blocksOf(a), (size_t)(p.head - p.buckets));
  for (;; nextInChain(&q)) {
    for (slots full = matchFull(q.b); full; full &= full - 1) {
      unsigned i = firstSlot(full);
      if (q.b == p.b && i >= p.i)
        return false;
      if (p.t->stored && hashesOf(q.block)[i] != hashesOf(p.block)[p.i])
        continue;
      if (sameKey(&q, i, &p))
        return true;
    }
    if (q.b == p.b)
      return false;
  }
}

static const char *checkEntry(const hmap *h, place p, size_t bucket, size_t mask, uint8_t beforeFilter)
{
  const maptype *t = p.t;
  uint8_t top = p.b->tophash[p.i];
  uint64_t hash = slotHash(h, t, p.block, p.i);
  REQUIRE((hash & mask) == bucket);
  REQUIRE((t->stored && t->alg != algShim) || tophash(hash) == top);
  REQUIRE(beforeFilter & filterBit(top));
  REQUIRE(!duplicate(p));
  return NULL;
}

/* Checks the chain of a bucket that has not been evacuated. */
static const char *checkChain(const hmap *h, place p, size_t bucket, size_t mask, tally *sum)
{
  bucketArray *a = arrayOf(p.buckets);
  bool rest = false, one = false; /* the slot before was emptyRest; emptyOne */
  for (uint8_t filter = 0xff;;) {
    REQUIRE(p.b->overflow <= a->nextOverflow);
    REQUIRE(p.b->half == 0 || (p.b->half == 1 && p.b == p.buckets && a->n == 1));
    REQUIRE(p.b->wide == 0 || (a->t->formats && p.b->wide == 1));
    sum->wide += p.b->wide;
    for (p.i = 0; p.i < bucketCnt; p.i++) {
      uint8_t top = p.b->tophash[p.i];
      if (p.b->half && p.i >= halfCnt) {
        REQUIRE(top == noSlot);
        rest = false;
        continue;
      }
      REQUIRE(isEmpty(top) || top >= minTopHash);
      REQUIRE(!rest || top == emptyRest);
      REQUIRE(!one || top != emptyRest);
      rest = top == emptyRest;
      one = top == emptyOne;
      if (isEmpty(top))
        continue;
      sum->entries++;
      const char *broken = checkEntry(h, p, bucket, mask, filter);
      if (broken)
        return broken;
    }
    if (!p.b->overflow)
      break;
    filter &= p.b->filter;
    sum->numbers += p.b->overflow;
    REQUIRE(++sum->linked <= a->nextOverflow);
    nextInChain(&p);
  }
  REQUIRE(!one);
  REQUIRE(p.b->filter == 0);
  return NULL;
}

/* Checks that a chain of the old array is evacuated throughout. */
static const char *checkEvacuated(const hmap *h, place p)
{
  do {
    REQUIRE(!p.b->wide);
    for (unsigned i = 0; i < bucketCnt; i++) {
      uint8_t top = p.b->tophash[i];
      REQUIRE(top == evacuatedX || top == evacuatedEmpty || (top == evacuatedY && !(flagsOf(h) & sameSizeGrow)));
    }
  } while (nextInChain(&p));
  return NULL;
}

static const char *checkOld(const hmap *h, tally *sum)
{
  size_t n = noldbuckets(h);
  REQUIRE(h->nevacuate < n);
  for (size_t i = h->nevacuate; i < n; i++) {
    place p = oldBucketAt(h, h->t, i);
    const char *broken = evacuated(p.b) ? checkEvacuated(h, p) : checkChain(h, p, i, n - 1, sum);
    if (broken)
      return broken;
  }
  return NULL;
}

static const char *checkNew(const hmap *h, tally *sum)
{
  for (size_t i = 0; i < bucketShift(h->B); i++) {
    place p = bucketAt(h->t, h->buckets, h->blocks, i);
    size_t before = sum->entries;
    const char *broken = checkChain(h, p, i, bucketMask(h->B), sum);
    if (broken)
      return broken;
    REQUIRE(!growing(h) || bucketEvacuated(h, i & oldbucketmask(h)) || sum->entries == before);
  }
  uint32_t n = arrayOf(h->buckets)->nextOverflow;
  REQUIRE(h->noverflow == n);
  REQUIRE(sum->linked == n && sum->numbers == (unsigned long long)n * (n + 1ull) / 2);
  return NULL;
}

static const char *checkRetired(const hmap *h)
{
  bucketArray *a = h->retired;
  if (a)
    do {
      REQUIRE(a && bmapsOf(a) != h->buckets && bmapsOf(a) != h->oldbuckets);
      size_t n = a->n - a->tail;
      REQUIRE(a->first == 0 && a->tail == n >> 4 && (n & (n - 1)) == 0);
      REQUIRE(a->released <= a->n && a->released % bucketsAPiece(a->t) == 0);
    } while ((a = a->next) != h->retired);
  return NULL;
}

static const char *mapcheck(const hmap *h)
{
  const maptype *t = h->t;
  const char *broken;
  REQUIRE(t != NULL);
  if ((broken = checkType(t)) || (broken = checkRetired(h)))
    return broken;
  REQUIRE(!(flagsOf(h) & ~(hashWriting | sameSizeGrow | hashChecked | hashCounted)));
  REQUIRE(!(flagsOf(h) & hashWriting));
  REQUIRE(h->B <= maxB);
  if (!h->buckets) {
    REQUIRE(h->count == 0 && h->B == 0 && h->noverflow == 0 && h->nwide == 0 && !h->blocks);
    REQUIRE(!growing(h));
  }
  REQUIRE(growing(h) || (h->nevacuate == 0 && !(flagsOf(h) & sameSizeGrow)));
  if (!h->buckets)
    return NULL;
  REQUIRE(h->blocks == blocksOf(arrayOf(h->buckets)));
  if ((broken = checkArray(t, h->buckets, h->B, 0)) ||
      (growing(h) && (broken = checkArray(oldType(h, t), h->oldbuckets, oldB(h), h->nevacuate))))
    return broken;
  tally old = {0}, new = {0};
  if ((growing(h) && (broken = checkOld(h, &old))) || (broken = checkNew(h, &new)))
    return broken;
  REQUIRE(h->count == old.entries + new.entries);
  REQUIRE(h->nwide == old.wide + new.wide);
  REQUIRE(h->format < nformats && (t->formats || h->format == 0));
  return NULL;
}
