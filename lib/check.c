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
  size_t most;                  /* overflow buckets there are */
  uintptr_t addresses;          /* the sum of those overflow buckets' addresses, each of which must come once */
} tally;

static const char *checkType(const maptype *t)
{
  maptype again = *t;
  REQUIRE(t->alg <= algShim);
  REQUIRE(t->keysize > 0 && t->keysize <= maxBytes && t->elemsize <= maxBytes);
  REQUIRE(!t->formats || (t >= t->formats && t < t->formats + nformats && t->format == t - t->formats));
  REQUIRE(t->indirectkey == (t->keysize > maxKeySize) && t->indirectelem == (t->elemsize > maxElemSize));
  REQUIRE(t->stored == (t->alg != alg64 && t->alg != alg32));
  REQUIRE(t->alg != alg64 || t->keysize == 8 || t->formats);
  REQUIRE(t->alg != alg32 || t->keysize == 4);
  REQUIRE(t->alg != algStr || t->keysize == sizeof(char *) || t->formats);
  REQUIRE((t->alg == algUser) == (t->hash != NULL) && (t->hash == NULL) == (t->equal == NULL));
  REQUIRE(t->alg != algUser || t->callbacks);
  layout(&again);
  REQUIRE(t->slotoff == again.slotoff && t->elemoff == again.elemoff && t->slotsize == again.slotsize &&
          t->blocksize == again.blocksize && t->segbits == again.segbits && t->align == again.align);
  return NULL;
}

/* Checks the slabs of an array: those before the one that is being filled are full, those after it are empty. One that has a seed
 * of its own is not filled any more. */
static const char *checkSlabs(const bucketArray *a, bool hasSeed)
{
  bool filled = !hasSeed;
  const overflowSlab *passed = NULL; /* the first, the third, the seventh and so on: a list that is a ring comes back to one */
  size_t n = 0;
  REQUIRE(hasSeed || !a->slabs == !a->filling);
  for (const overflowSlab *s = a->slabs; s; s = s->next, n++) {
    REQUIRE(s != passed);
    if ((n & (n + 1)) == 0)
      passed = s;
    REQUIRE(s->n > 0 && s->n <= segmentMask(a->t) + 1 && s->used <= s->n);
    filled &= s != a->filling;
    REQUIRE(hasSeed || s == a->filling || s->used == (filled ? s->n : 0));
  }
  REQUIRE(!filled || !a->slabs);
  return NULL;
}

/* Checks a segment of a directory: it stands where newSegment put it. */
static const char *checkSegment(const bucketArray *a, size_t k)
{
  unsigned char *segment = a->segments[k];
  if (!segment || isNoSegment(segment))
    return NULL;
  REQUIRE((uintptr_t)segment % cacheLine == 0);
  REQUIRE(segment == placeSegment(a->t, a->paged ? pagesOf(a, k) : *mallocOf(a, k)));
  REQUIRE(a->paged == !*mallocOf(a, k));
  return NULL;
}

/* Checks that a walk over an array misses nothing by where it begins. */
static const char *checkFirst(const hmap *h, const bucketArray *a)
{
  REQUIRE(!firstInside(a) || h->easy == 0);
  for (size_t i = 0; !oneSegment(a) && i < tailOf(a)->first; i++) {
    size_t bucket = (walkStart(h, a) + i) & bucketMask(a->B);
    REQUIRE(!hasSegment(a, bucket) || (a == h->oldbuckets && bucketEvacuated(h, bucket)) ||
            chainEmpty(bmapIn(a->segments[bucket >> a->t->segbits], bucket & segmentMask(a->t))));
  }
  return NULL;
}

/* Checks an array of which the buckets below evacuated may have been freed. */
static const char *checkArray(const maptype *t, const bucketArray *a, uint8_t B, size_t evacuated, bool hasSeed)
{
  const char *broken;
  REQUIRE(a->t == t && a->B == B);
  REQUIRE(a->released <= evacuated >> t->segbits);
  REQUIRE(a->mapped == (!oneSegment(a) && a->bytes > maxHeapArray));
  REQUIRE(!a->paged || (!oneSegment(a) && tailOf(a)->pages));
  REQUIRE(oneSegment(a) ? a->segments[0] == placeOwnSegment(a, bucketShift(B)) : a->bytes == bytesOfDirectory(t, B));
  for (size_t i = 0; i < a->released; i++)
    REQUIRE(!a->segments[i]);
  for (size_t i = 0; !oneSegment(a) && i < nsegments(a); i++)
    if ((broken = checkSegment(a, i)))
      return broken;
  return checkSlabs(a, hasSeed);
}

/* Counts an array's overflow buckets and adds their addresses up. */
static tally overflowBuckets(const bucketArray *a)
{
  tally sum = {0};
  for (overflowSlab *s = a->slabs; s; s = s->next)
    for (size_t k = 0; k < s->used; k++, sum.linked++)
      sum.addresses += (uintptr_t)overflowIn(a->t, s, k);
  return sum;
}

/* The same for those that wait for another chain, of which there are at most a number. */
static tally unlinkedBuckets(const bucketArray *a, size_t most)
{
  tally sum = {0};
  for (bmap *b = oneSegment(a) ? NULL : tailOf(a)->unlinked; b && sum.linked <= most; b = overflowOf(b), sum.linked++)
    sum.addresses += (uintptr_t)b;
  return sum;
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
static bool duplicate(place p, size_t bucket)
{
  place q = bucketAt(p.a->t, p.a, bucket);
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
  if (isReseeding(h) && p.a == h->oldbuckets && !t->stored)
    hash = memhash64(wordAt(slotOf(t, p.block, p.i), t->keysize), p.a->seed);
  REQUIRE((hash & mask) == bucket);
  REQUIRE((t->stored && t->alg != algShim) || tophash(hash) == top);
  REQUIRE(beforeFilter & filterBit(top));
  REQUIRE(!duplicate(p, bucket));
  return NULL;
}

/* Checks the chain of a bucket that has not been evacuated. */
static const char *checkChain(const hmap *h, place p, size_t bucket, size_t mask, tally *sum)
{
  bool rest = false, one = false; /* the slot before was emptyRest; emptyOne */
  for (uint8_t filter = 0xff;;) {
    REQUIRE(!((p.b->link ^ addressIn(p.b->link)) & ~(uint64_t)(0xff | bucketWide | bucketHalf | bucketNone)));
    REQUIRE(!inEmptySegment(p.b) || (p.b == p.head && !oneSegment(p.a) && !*mallocOf(p.a, bucket >> p.a->t->segbits)));
    REQUIRE(!isHalf(p.b) || (p.b == p.head && p.a->B == 0));
    REQUIRE(!isWide(p.b) || p.a->t->formats);
    sum->wide += isWide(p.b);
    for (p.i = 0; p.i < bucketCnt; p.i++) {
      uint8_t top = p.b->tophash[p.i];
      if (isHalf(p.b) && p.i >= halfCnt) {
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
    if (!overflowOf(p.b))
      break;
    filter &= filterOf(p.b);
    nextInChain(&p);
    sum->addresses += (uintptr_t)p.b;
    REQUIRE(++sum->linked <= sum->most);
  }
  REQUIRE(!one);
  REQUIRE(filterOf(p.b) == 0);
  return NULL;
}

/* Checks that a chain of the old array is evacuated throughout; or, where its segment was not there then and perhaps came later
 * for another chain, empty. */
static const char *checkEvacuated(const hmap *h, place p)
{
  bool empty = p.b->tophash[0] == emptyRest && !(p.b->link & ~(uint64_t)bucketNone);
  do {
    REQUIRE(!isWide(p.b));
    for (unsigned i = 0; i < bucketCnt; i++) {
      uint8_t top = p.b->tophash[i];
      REQUIRE(empty ? top == emptyRest
                    : top == evacuatedX || top == evacuatedEmpty || (top == evacuatedY && h->B > h->oldbuckets->B));
    }
  } while (nextInChain(&p));
  return NULL;
}

static const char *checkOld(const hmap *h, tally *sum)
{
  size_t n = noldbuckets(h);
  REQUIRE(flagsOf(h) & sameSizeGrow ? h->oldbuckets->B == h->B : shrinking(h) || h->oldbuckets->B == h->B - 1);
  REQUIRE(h->nevacuate < n);
  sum->most = overflowBuckets(h->oldbuckets).linked;
  for (size_t i = (size_t)h->oldbuckets->released << h->oldbuckets->t->segbits; i < n; i++) {
    REQUIRE(h->oldbuckets->segments[i >> h->oldbuckets->t->segbits]);
    place p = oldBucketAt(h, h->t, i);
    const char *broken = bucketEvacuated(h, i) ? checkEvacuated(h, p) : checkChain(h, p, i, n - 1, sum);
    if (broken)
      return broken;
  }
  return NULL;
}

static const char *checkNew(const hmap *h, tally *sum)
{
  tally all = overflowBuckets(h->buckets);
  sum->most = all.linked;
  for (size_t i = 0; i < bucketShift(h->B); i++) {
    bool there = h->buckets->segments[i >> h->t->segbits];
    REQUIRE(there || (growing(h) && !bucketEvacuated(h, i & oldbucketmask(h))));
    if (!there)
      continue;
    place p = bucketAt(h->t, h->buckets, i);
    size_t before = sum->entries;
    const char *broken = checkChain(h, p, i, bucketMask(h->B), sum);
    if (broken)
      return broken;
    REQUIRE(!growing(h) || isReseeding(h) || bucketEvacuated(h, i & oldbucketmask(h)) || sum->entries == before);
  }
  REQUIRE(h->noverflow == sum->linked);
  tally unlinked = unlinkedBuckets(h->buckets, all.linked);
  REQUIRE(sum->linked + unlinked.linked == all.linked && sum->addresses + unlinked.addresses == all.addresses);
  return NULL;
}

static const char *checkRetired(const hmap *h)
{
  bucketArray *a = h->retired;
  if (a)
    do {
      REQUIRE(a && a != h->buckets && a != h->oldbuckets);
      REQUIRE(a->B <= maxB && a->t);
      REQUIRE(a->released <= nsegments(a));
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
  REQUIRE(
      !(flagsOf(h) & ~(hashHinted | reseeding | hashWriting | sameSizeGrow | hashChecked | hashCounted | hashAlarm | hashSip)));
  REQUIRE(!(flagsOf(h) & hashWriting));
  REQUIRE(h->B <= maxB && h->mask == bucketMask(h->B));
  if (!h->buckets) {
    REQUIRE(h->count == 0 && h->B == 0 && h->noverflow == 0 && h->nwide == 0);
    REQUIRE(!growing(h));
  }
  REQUIRE(growing(h) || (h->nevacuate == 0 && !(flagsOf(h) & (sameSizeGrow | reseeding))));
  REQUIRE(!isReseeding(h) || (flagsOf(h) & sameSizeGrow && flagsOf(h) & hashSip));
  if (!h->buckets)
    return NULL;
  if ((broken = checkArray(t, h->buckets, h->B, 0, false)) ||
      (growing(h) && (broken = checkArray(oldType(h, t), h->oldbuckets, h->oldbuckets->B, h->nevacuate, isReseeding(h)))) ||
      (broken = checkFirst(h, h->buckets)) || (growing(h) && (broken = checkFirst(h, h->oldbuckets))))
    return broken;
  REQUIRE(h->easy == 0 || !(growing(h) || h->retired || flagsOf(h) & hashCounted));
  REQUIRE(!overLoadFactor(h->easy, h->B));
  tally old = {0}, new = {0};
  if ((growing(h) && (broken = checkOld(h, &old))) || (broken = checkNew(h, &new)))
    return broken;
  REQUIRE(h->count == old.entries + new.entries);
  REQUIRE(h->nwide == old.wide + new.wide);
  REQUIRE(h->format < nformats && (t->formats || h->format == 0));
  REQUIRE((h->tag & plainMask) == 0 || taggedPlain(h) || ((h->tag & plainMask) == alarmedTag && flagsOf(h) & hashSip));
  REQUIRE(!(flagsOf(h) & (hashAlarm | hashSip)) || t->rehash);
  REQUIRE(!taggedLone(h) || isAlone(h));
  REQUIRE(!taggedPlain(h) ||
          ((h->tag & plainMask) == 1 + t->format + (taggedLone(h) ? nformats : 0) && isPlain(h) && !(flagsOf(h) & hashSip)));
  return NULL;
}
