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

static void countGrowth(const hmap *h);

/* The hash of the entry in a slot: all of it where keys are their own hash, else the low 32 bits, which choose the bucket. */
ALWAYS_INLINE uint64_t slotHash(const hmap *h, const maptype *t, unsigned char *block, unsigned i)
{
  if (t->alg == algShim)
    return mix32(hashesOf(block)[i], &h->hash0);
  if (t->stored)
    return hashesOf(block)[i];
  unsigned char *key = slotOf(t, block, i);
  return memhash64(t->alg == alg64 ? read64(key) : read32(key), &h->hash0);
}

/* Links one more overflow bucket behind p, which is the last of its chain in the current array, and moves p to it. Returns false
 * if there is no memory. */
static bool newoverflow(hmap *h, const maptype *t, place *p)
{
  if (!reserveOverflow(t, p->buckets, 1))
    return false;
  bucketArray *a = arrayOf(p->buckets);
  p->b->overflow = ++a->nextOverflow;
  if (p->buckets == h->buckets)
    h->noverflow++;
  nextInChain(t, p);
  p->i = 0;
  return true;
}

/* Begins a growth: to twice the size if the table is too full, to the same size if it has too many overflow buckets. Returns
 * false, with nothing changed, if there is no memory. */
NOINLINE bool hashGrow(hmap *h)
{
  bool bigger = overLoadFactor(h->count + 1, h->B);
  uint8_t B = (uint8_t)(h->B + bigger);
  bmap *buckets = B <= maxB && B < sizeof(size_t) * 8 - 1 ? makeBucketArray(h->t, B) : NULL;
  if (!buckets)
    return false;
  setFlags(h, (uint8_t)((flagsOf(h) & ~sameSizeGrow) | (bigger ? 0 : sameSizeGrow)));
  h->oldbuckets = h->buckets;
  h->oldblocks = h->blocks;
  h->buckets = buckets;
  h->blocks = blocksOf(arrayOf(buckets));
  h->B = B;
  h->nevacuate = 0;
  h->noverflow = 0;
  h->seq++;
  countGrowth(h);
  return true;
}

/* Moves nevacuate past buckets that are evacuated already, and ends the growth when it has passed them all. */
static void advanceEvacuationMark(hmap *h)
{
  size_t n = noldbuckets(h), stop = h->nevacuate + 1024;
  if (stop > n)
    stop = n;
  h->nevacuate++;
  while (h->nevacuate < stop && evacuated(&h->oldbuckets[h->nevacuate]))
    h->nevacuate++;
  if (h->nevacuate < n)
    return;
  retire(h, h->oldbuckets);
  h->oldbuckets = NULL;
  h->oldblocks = NULL;
  h->nevacuate = 0;
  setFlags(h, flagsOf(h) & (uint8_t)~sameSizeGrow);
}

/* Where evacuated entries go: the first free slot of a chain that is being filled, and the bucket before its last. */
typedef struct evacDst {
  place to;
  bmap *prev;
} evacDst;

/* Appends the entry in slot i of block to a chain. Of the filters, the last but one is exact; those before it claim everything,
 * so that a long chain is filled in linear time. */
static void evacuateSlot(hmap *h, const maptype *t, uint8_t top, unsigned char *block, unsigned i, evacDst *dst)
{
  place *to = &dst->to;
  if (to->i == bucketCnt) {
    if (dst->prev)
      dst->prev->filter = 0xff;
    dst->prev = to->b;
    newoverflow(h, t, to); /* evacuate has reserved it */
  }
  if (dst->prev)
    dst->prev->filter |= filterBit(top);
  to->b->tophash[to->i] = top;
  if (t->stored)
    hashesOf(to->block)[to->i] = hashesOf(block)[i];
  memcpy(slotOf(t, to->block, to->i), slotOf(t, block, i), t->slotsize);
  to->i++;
  HMAP_COUNT(moved, 1);
}

/* Moves the entries of a chain of the old array. */
static void evacuateChain(hmap *h, const maptype *t, size_t oldbucket)
{
  size_t newbit = noldbuckets(h);
  bool same = flagsOf(h) & sameSizeGrow;
  place from = bucketAt(t, h->oldbuckets, h->oldblocks, oldbucket);
  evacDst xy[2] = {{.to = bucketAt(t, h->buckets, h->blocks, oldbucket)}};
  if (!same)
    xy[1].to = bucketAt(t, h->buckets, h->blocks, oldbucket + newbit);
  do {
    for (unsigned i = 0; i < bucketCnt; i++) {
      uint8_t top = from.b->tophash[i];
      if (isEmpty(top)) {
        from.b->tophash[i] = evacuatedEmpty;
        continue;
      }
      bool useY = !same && (slotHash(h, t, from.block, i) & newbit);
      evacuateSlot(h, t, top, from.block, i, &xy[useY]);
      from.b->tophash[i] = (uint8_t)(evacuatedX + useY);
    }
  } while (nextInChain(t, &from));
  h->seq++;
}

/* Sees to it that an old bucket's entries find room: the two chains that they go to have at most one bucket more than the old
 * one, and begin with two. Returns false if there is no memory. */
static bool reserveEvacuation(hmap *h, const maptype *t, size_t oldbucket)
{
  place p = bucketAt(t, h->oldbuckets, h->oldblocks, oldbucket);
  size_t n = 0;
  while (nextInChain(t, &p))
    n++;
  return n == 0 || reserveOverflow(t, h->buckets, n);
}

/* Moves the entries of an old bucket and its chain to the new array: where the array doubled, to the bucket of the same number,
 * X, or to its twin in the upper half, Y, as one more bit of the hash says. Both are empty before: until now all that belongs
 * there went to the old bucket. If memory for overflow buckets cannot be had, nothing happens. */
NOINLINE void evacuate(hmap *h, size_t oldbucket)
{
  if (!bucketEvacuated(h, oldbucket)) {
    if (!reserveEvacuation(h, h->t, oldbucket))
      return;
    evacuateChain(h, h->t, oldbucket);
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
    releaseBelow(h->t, arrayOf(h->oldbuckets), h->nevacuate);
}
