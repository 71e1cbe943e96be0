/* grow.c: growth, bucket by bucket.
 *
 * hashGrow makes a new array and calls the present one old. From then on each write first evacuates the old bucket where its key
 * would stand, and one more, counting up with nevacuate; so the growth is over long before the new array is full. Evacuating
 * leaves every key and hash in its old slot, for iterators, and sets the tophash to say where the entry went.
 *
 * While the table grows,
 *   a reader looks into the old bucket as long as that has not been evacuated, and into the new one after that; it never moves
 *     anything, so readers may run side by side;
 *   a writer does the same after its two evacuations. If an evacuation needs an overflow bucket and there is no memory for one,
 *     it does not happen, the writer works on the old bucket, and a later write tries again: nothing is ever half moved;
 *   an iterator that started on the old array follows its entries to the new one by their stored hash (iter.c). */
#include "hash.h"
#include "probe.h"

/* The hash of the entry in a slot: all of it where keys are their own hash, else the low 32 bits, which choose the bucket. */
ALWAYS_INLINE uint64_t slotHash(const hmap *h, const maptype *t, unsigned char *block, unsigned i)
{
  if (t->alg == algShim)
    return mix32(hashesOf(block)[i], &h->hash0);
  if (t->stored)
    return hashesOf(block)[i];
  unsigned char *key = slotOf(t, block, i);
  return memhash64(t->keysize == 8 ? read64(key) : read32(key), &h->hash0);
}

/* Links one more overflow bucket behind p, which is the last of its chain in the current array, and moves p to it. Returns false
 * if there is no memory. */
static bool newoverflow(hmap *h, place *p)
{
  if (!reserveOverflow(p->buckets, 1))
    return false;
  bucketArray *a = arrayOf(p->buckets);
  p->b->overflow = ++a->nextOverflow;
  if (p->buckets == h->buckets)
    h->noverflow++;
  countOverflow(h);
  nextInChain(p);
  p->i = 0;
  return true;
}

/* Begins a growth: to twice the size if the table is too full, otherwise to the same size. Returns false, with nothing changed,
 * if there is no memory. */
NOINLINE bool hashGrow(hmap *h)
{
  bool bigger = overLoadFactor(h->count + 1, h->B);
  uint8_t B = (uint8_t)(h->B + bigger);
  const maptype *t = h->t->formats ? &h->t->formats[h->format] : h->t;
  bmap *buckets = B <= maxB && B < sizeof(size_t) * 8 - 1 ? makeBucketArray(t, B) : NULL;
  if (!buckets)
    return false;
  h->t = t;
  setFlags(h, (uint8_t)((flagsOf(h) & ~sameSizeGrow) | (bigger ? 0 : sameSizeGrow)));
  h->oldbuckets = h->buckets;
  h->buckets = buckets;
  h->blocks = blocksOf(arrayOf(buckets));
  h->B = B;
  h->nevacuate = 0;
  h->noverflow = 0;
  h->seq++;
  countGrowth(h, (uint8_t)(B - bigger));
  return true;
}

/* Moves nevacuate past buckets that are evacuated already, and ends the growth when it has passed them all. */
static void advanceEvacuationMark(hmap *h)
{
  size_t n = noldbuckets(h), stop = (size_t)h->nevacuate + 1024;
  if (stop > n)
    stop = n;
  h->nevacuate++;
  while (h->nevacuate < stop && evacuated(&h->oldbuckets[h->nevacuate]))
    h->nevacuate++;
  if (h->nevacuate < n)
    return;
  retire(h, h->oldbuckets);
  h->oldbuckets = NULL;
  h->nevacuate = 0;
  setFlags(h, flagsOf(h) & (uint8_t)~sameSizeGrow);
}

/* Where evacuated entries go: the first free slot of a chain that is being filled, and the bucket before its last. */
typedef struct evacDst {
  place to;
  bmap *prev;
} evacDst;

/* Copies a slot; the commonest sizes as words. */
ALWAYS_INLINE void copySlot(unsigned char *to, const unsigned char *from, size_t size)
{
  if (size == 16)
    memcpy(to, from, 16);
  else if (size == 8)
    memcpy(to, from, 8);
  else
    memcpy(to, from, size);
}

/* Copies the entry in slot i of from, but for the tophash. */
ALWAYS_INLINE void copyEntry(hmap *h, place *to, const place *from, unsigned i, void **spare)
{
  unsigned char *slot = slotOf(from->t, from->block, i);
  if (from->t->stored)
    hashesOf(to->block)[to->i] = hashesOf(from->block)[i];
  if (likely(to->t == from->t))
    copySlot(slotOf(to->t, to->block, to->i), slot, to->t->slotsize);
  else
    setEntry(h, to, wordKey(from->t, slot), wordElem(from->t, slot), spare);
}

/* Appends the entry in slot i of from to a chain. Of the filters, the last but one is exact; those before it claim everything, so
 * that a long chain is filled in linear time. */
static void evacuateSlot(hmap *h, const place *from, unsigned i, evacDst *dst, void **spare)
{
  place *to = &dst->to;
  uint8_t top = from->b->tophash[i];
  if (to->i == bucketCnt) {
    if (dst->prev)
      dst->prev->filter = 0xff;
    dst->prev = to->b;
    newoverflow(h, to); /* evacuate has reserved it */
  }
  if (dst->prev)
    dst->prev->filter |= filterBit(top);
  copyEntry(h, to, from, i, spare);
  to->b->tophash[to->i] = top;
  to->i++;
  HMAP_COUNT(moved, 1);
}

/* Gives the block of a wide bucket back. */
static void freeWide(hmap *h, place *p)
{
  if (p->t->formats && p->b->wide) {
    free(p->block);
    p->b->wide = false;
    h->nwide--;
  }
}

/* Moves the entries of a chain of the old array. */
static void evacuateChain(hmap *h, size_t oldbucket, void **spare)
{
  size_t newbit = noldbuckets(h);
  bool same = flagsOf(h) & sameSizeGrow;
  place from = oldBucketAt(h, h->t, oldbucket);
  countEvacuated(h, from);
  evacDst xy[2] = {{.to = bucketAt(h->t, h->buckets, h->blocks, oldbucket)}};
  if (!same)
    xy[1].to = bucketAt(h->t, h->buckets, h->blocks, oldbucket + newbit);
  do {
    for (unsigned i = 0; i < bucketCnt; i++) {
      if (from.b->tophash[i] < minTopHash) {
        from.b->tophash[i] = evacuatedEmpty;
        continue;
      }
      bool useY = !same && (slotHash(h, from.t, from.block, i) & newbit);
      evacuateSlot(h, &from, i, &xy[useY], spare);
      from.b->tophash[i] = (uint8_t)(evacuatedX + useY);
    }
    freeWide(h, &from);
  } while (nextInChain(&from));
  h->seq++;
}

static void freeSpare(void *spare)
{
  while (spare) {
    void *next;
    memcpy(&next, spare, sizeof next);
    free(spare);
    spare = next;
  }
}

/* Makes a list of n spare blocks in the last format. Returns false, with no list, if there is no memory. */
static bool reserveSpare(const maptype *t, size_t n, void **spare)
{
  for (; n; n--) {
    void *block = malloc(wideFormat(t)->blocksize);
    if (!block) {
      freeSpare(*spare);
      return false;
    }
    memcpy(block, spare, sizeof *spare);
    *spare = block;
  }
  return true;
}

/* Sees to it that an old bucket's entries find room: the two chains that they go to have at most one bucket more than the old
 * one, and begin with two; each of their buckets may have to be wide if one of the old ones is. Returns false if there is no
 * memory. */
static bool reserveEvacuation(hmap *h, size_t oldbucket, void **spare)
{
  place p = oldBucketAt(h, h->t, oldbucket);
  bool wide = p.b->wide;
  size_t n = 0;
  for (; nextInChain(&p); n++)
    wide |= p.b->wide;
  return (n == 0 || reserveOverflow(h->buckets, n)) && (!wide || reserveSpare(h->t, n + 2, spare));
}

/* Moves the entries of an old bucket and its chain to the new array: where the array doubled, to the bucket of the same number,
 * X, or to its twin in the upper half, Y, as one more bit of the hash says. Both are empty before: until now all that belongs
 * there went to the old bucket. If memory for overflow buckets cannot be had, nothing happens. */
NOINLINE void evacuate(hmap *h, size_t oldbucket)
{
  if (!bucketEvacuated(h, oldbucket)) {
    void *spare = NULL;
    if (!reserveEvacuation(h, oldbucket, &spare))
      return;
    evacuateChain(h, oldbucket, &spare);
    freeSpare(spare);
  }
  if (oldbucket == h->nevacuate)
    advanceEvacuationMark(h);
}

/* A write's share of the growth: evacuates the old bucket where hash belongs, and one more. */
NOINLINE void growWork(hmap *h, uint64_t hash)
{
  evacuate(h, (size_t)hash & oldbucketmask(h));
  if (growing(h))
    evacuate(h, h->nevacuate);
}

/* A write's share of giving memory back. */
NOINLINE void releaseWork(hmap *h)
{
  if (h->retired)
    releaseRetired(h);
  else if (!pinned(arrayOf(h->oldbuckets)))
    releaseBelow(arrayOf(h->oldbuckets), h->nevacuate);
}
