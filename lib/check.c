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
  size_t entries, linked;        /* full slots; overflow buckets found in chains */
  unsigned long long numbers;    /* the sum of those buckets' numbers, each of which must come once */
} tally;

static const char *checkType(const maptype *t)
{
  maptype again = *t;
  REQUIRE(t->alg <= algShim);
  REQUIRE(t->keysize > 0 && t->keysize <= maxBytes && t->elemsize <= maxBytes);
  REQUIRE(t->indirectkey == (t->keysize > maxKeySize) && t->indirectelem == (t->elemsize > maxElemSize));
  REQUIRE(t->stored == (t->alg != alg64 && t->alg != alg32));
  REQUIRE(t->alg != alg64 || t->keysize == 8);
  REQUIRE(t->alg != alg32 || t->keysize == 4);
  REQUIRE(t->alg != algStr || t->keysize == sizeof(char *));
  REQUIRE((t->alg == algUser) == (t->hash != NULL) && (t->hash == NULL) == (t->equal == NULL));
  REQUIRE(t->alg != algUser || t->callbacks);
  layout(&again);
  REQUIRE(t->slotoff == again.slotoff && t->elemoff == again.elemoff && t->slotsize == again.slotsize &&
          t->blocksize == again.blocksize);
  return NULL;
}

/* Checks an array of which the buckets below evacuated may have gone back to the system. */
static const char *checkArray(const maptype *t, bmap *buckets, unsigned char *blocks, uint8_t B, size_t evacuated)
{
  bucketArray *a = arrayOf(buckets);
  REQUIRE(!a->next);
  REQUIRE(a->first == bucketShift(B));
  REQUIRE(a->n == a->first + overflowShare(B));
  REQUIRE(blocks == blocksOf(a));
  REQUIRE(a->released <= evacuated && a->released % bucketsAPiece(t) == 0);
  size_t room = overflowRoom(a);
  REQUIRE(a->nextOverflow <= room);
  for (bucketArray *c = a->chunks; c; c = c->next) {
    REQUIRE(c->n == (c->next ? 2 * c->next->n : a->first < 16 ? 1 : a->first / 8));
    REQUIRE(c->first < room && c->first + c->n == room && c->released == 0);
    room = c->first;
  }
  REQUIRE(room == a->n - a->first);
  return NULL;
}

/* Whether a bucket before p in its chain has another slot with the same hash and the same bytes as key. */
static bool duplicate(const maptype *t, place p)
{
  size_t size = t->indirectkey ? sizeof(void *) : t->keysize;
  place q = p;
  q.b = p.head;
  q.block = blocksOf(arrayOf(p.buckets)) + (size_t)(p.head - p.buckets) * t->blocksize;
  for (;; nextInChain(t, &q)) {
    for (slots full = matchFull(q.b); full; full &= full - 1) {
      unsigned i = firstSlot(full);
      if (q.b == p.b && i >= p.i)
        return false;
      if (t->stored && hashesOf(q.block)[i] != hashesOf(p.block)[p.i])
        continue;
      if (memcmp(slotOf(t, q.block, i), slotOf(t, p.block, p.i), size) == 0)
        return true;
    }
    if (q.b == p.b)
      return false;
  }
}

static const char *checkEntry(const hmap *h, const maptype *t, place p, size_t bucket, size_t mask, uint8_t beforeFilter)
{
  uint8_t top = p.b->tophash[p.i];
  uint64_t hash = slotHash(h, t, p.block, p.i);
  REQUIRE((hash & mask) == bucket);
  REQUIRE((t->stored && t->alg != algShim) || tophash(hash) == top);
  REQUIRE(beforeFilter & filterBit(top));
  REQUIRE(!duplicate(t, p));
  return NULL;
}

/* Checks the chain of a bucket that has not been evacuated. */
static const char *checkChain(const hmap *h, const maptype *t, place p, size_t bucket, size_t mask, tally *sum)
{
  bucketArray *a = arrayOf(p.buckets);
  bool rest = false, one = false; /* the slot before was emptyRest; emptyOne */
  for (uint8_t filter = 0xff;;) {
    REQUIRE(p.b->overflow <= a->nextOverflow);
    for (p.i = 0; p.i < bucketCnt; p.i++) {
      uint8_t top = p.b->tophash[p.i];
      REQUIRE(isEmpty(top) || top >= minTopHash);
      REQUIRE(!rest || top == emptyRest);
      REQUIRE(!one || top != emptyRest);
      rest = top == emptyRest;
      one = top == emptyOne;
      if (isEmpty(top))
        continue;
      sum->entries++;
      const char *broken = checkEntry(h, t, p, bucket, mask, filter);
      if (broken)
        return broken;
    }
    if (!p.b->overflow)
      break;
    filter &= p.b->filter;
    sum->numbers += p.b->overflow;
    REQUIRE(++sum->linked <= a->nextOverflow);
    nextInChain(t, &p);
  }
  REQUIRE(!one);
  REQUIRE(p.b->filter == 0);
  return NULL;
}

/* Checks that a chain of the old array is evacuated throughout. */
static const char *checkEvacuated(const hmap *h, const maptype *t, place p)
{
  do
    for (unsigned i = 0; i < bucketCnt; i++) {
      uint8_t top = p.b->tophash[i];
      REQUIRE(top == evacuatedX || top == evacuatedEmpty || (top == evacuatedY && !(flagsOf(h) & sameSizeGrow)));
    }
  while (nextInChain(t, &p));
  return NULL;
}

static const char *checkOld(const hmap *h, const maptype *t, tally *sum)
{
  size_t n = noldbuckets(h);
  REQUIRE(h->nevacuate < n);
  for (size_t i = h->nevacuate; i < n; i++) {
    place p = bucketAt(t, h->oldbuckets, h->oldblocks, i);
    const char *broken = evacuated(p.b) ? checkEvacuated(h, t, p) : checkChain(h, t, p, i, n - 1, sum);
    if (broken)
      return broken;
  }
  return NULL;
}

static const char *checkNew(const hmap *h, const maptype *t, tally *sum)
{
  for (size_t i = 0; i < bucketShift(h->B); i++) {
    place p = bucketAt(t, h->buckets, h->blocks, i);
    size_t before = sum->entries;
    const char *broken = checkChain(h, t, p, i, bucketMask(h->B), sum);
    if (broken)
      return broken;
    REQUIRE(!growing(h) || bucketEvacuated(h, i & oldbucketmask(h)) || sum->entries == before);
  }
  uint32_t n = arrayOf(h->buckets)->nextOverflow;
  REQUIRE(h->noverflow == n);
  REQUIRE(sum->linked == n && sum->numbers == (unsigned long long)n * (n + 1ull) / 2);
  return NULL;
}

static const char *checkRetired(const hmap *h, const maptype *t)
{
  bucketArray *a = h->retired;
  if (a)
    do {
      REQUIRE(a && bmapsOf(a) != h->buckets && bmapsOf(a) != h->oldbuckets);
      REQUIRE(a->n == a->first + (a->first >> 4) && (a->first & (a->first - 1)) == 0);
      REQUIRE(a->released <= a->n && a->released % bucketsAPiece(t) == 0);
    } while ((a = a->next) != h->retired);
  return NULL;
}

static const char *mapcheck(const hmap *h)
{
  const maptype *t = h->t;
  const char *broken;
  REQUIRE(t != NULL);
  if ((broken = checkType(t)) || (broken = checkRetired(h, t)))
    return broken;
  REQUIRE(!(flagsOf(h) & ~(hashWriting | sameSizeGrow | hashChecked | hashCounted)));
  REQUIRE(!(flagsOf(h) & hashWriting));
  REQUIRE(h->B <= maxB);
  if (!h->buckets) {
    REQUIRE(h->count == 0 && h->B == 0 && h->noverflow == 0 && !h->blocks);
    REQUIRE(!growing(h));
  }
  REQUIRE(growing(h) || (!h->oldblocks && h->nevacuate == 0 && !(flagsOf(h) & sameSizeGrow)));
  if (!h->buckets)
    return NULL;
  if ((broken = checkArray(t, h->buckets, h->blocks, h->B, 0)) ||
      (growing(h) && (broken = checkArray(t, h->oldbuckets, h->oldblocks, oldB(h), h->nevacuate))))
    return broken;
  tally old = {0}, new = {0};
  if ((growing(h) && (broken = checkOld(h, t, &old))) || (broken = checkNew(h, t, &new)))
    return broken;
  REQUIRE(h->count == old.entries + new.entries);
  return NULL;
}
