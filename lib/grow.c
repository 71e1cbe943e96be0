/* grow.c: growth, bucket by bucket.
 *
 * hashGrow makes a new array and calls the present one old. From then on each insertion and deletion evacuates the next two old
 * buckets, counting up with nevacuate; so the growth is over long before the new array is full. Evacuating leaves every key and
 * hash in its old slot, for iterators, and sets the tophash to say where the entry went.
 *
 * Go evacuates the bucket that the write needs, and the next one. In order throughout is better here: the new array's memory
 * comes into use only as fast as the old one's goes (in the order of keys, all of it does long before a fifth of the old one has
 * been evacuated), what is read and written comes from neighbouring lines, and a lookup sees from a bucket's number where it is.
 *
 * While the table grows,
 *   a reader looks into the old array for buckets from nevacuate on, and into the new one for those before; it never moves
 *     anything, so readers may run side by side;
 *   a writer does the same after its two evacuations. If an evacuation needs memory and there is none, it does not happen, the
 *     writer works on the old bucket, and a later write tries again: nothing is ever half moved;
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
  return keyed64(h, t, t->keysize == 8 ? read64(key) : read32(key));
}

/* Links one more overflow bucket behind b, which is the last of its chain in an array. Returns it, or NULL if there is no memory.
 */
static bmap *newoverflow(hmap *h, bucketArray *a, bmap *b)
{
  if (!reserveOverflow(a, 1))
    return NULL;
  bmap *next = takeOverflow(a);
  b->link |= linkTo(next);
  if (a == h->buckets)
    h->noverflow++;
  countOverflow(h);
  return next;
}

/* Begins a growth: to twice the size if the table is too full, otherwise to the same size. Returns false, with nothing changed,
 * if there is no memory. */
NOINLINE bool hashGrow(hmap *h)
{
  bool bigger = overLoadFactor(h->count + 1, h->B);
  uint8_t B = (uint8_t)(h->B + bigger);
  const maptype *t = h->t->formats ? &h->t->formats[h->format] : h->t;
  bucketArray *buckets = B <= maxB && B < sizeof(size_t) * 8 - 1 ? makeBucketArray(t, B) : NULL;
  if (!buckets)
    return false;
  h->t = t;
  setFlags(h, (uint8_t)((flagsOf(h) & ~sameSizeGrow) | (bigger ? 0 : sameSizeGrow)));
  h->oldbuckets = h->buckets;
  h->buckets = buckets;
  h->B = B;
  h->mask = (uint32_t)bucketMask(B);
  h->nevacuate = 0;
  h->noverflow = 0;
  h->easy = 0;
  h->seq++;
  formatsChanged(h);
  countGrowth(h, (uint8_t)(B - bigger));
  return true;
}

/* Ends the growth: all old buckets have been evacuated. */
static void growDone(hmap *h)
{
  retire(h, h->oldbuckets);
  h->oldbuckets = NULL;
  h->nevacuate = 0;
  setFlags(h, flagsOf(h) & (uint8_t)~sameSizeGrow);
  formatsChanged(h);
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
      dst->prev->link |= 0xff;
    dst->prev = to->b;
    newoverflow(h, to->a, to->b); /* evacuate has reserved it */
    nextInChain(to);
    to->i = 0;
  }
  if (dst->prev)
    dst->prev->link |= filterBit(top);
  copyEntry(h, to, from, i, spare);
  to->b->tophash[to->i] = top;
  to->i++;
  HMAP_COUNT(moved, 1);
}

/* Gives the block of a wide bucket back. */
static void freeWide(hmap *h, place *p)
{
  if (p->t->formats && isWide(p->b)) {
    free(p->block);
    p->b->link &= ~(uint64_t)bucketWide;
    h->nwide--;
    formatsChanged(h);
  }
}

/* The first buckets of the two chains that entries go to, as pairs to choose from by number. */
typedef struct evacPair {
  bmap *b[2];
  unsigned char *block[2];
} evacPair;

/* Moves the entries of the first bucket of a chain, without a branch on which of the two it is, which nobody could predict. All
 * have format t; slotsize is t's, a constant where it is a common one. Returns how many went to each: Y's times 256 + X's. */
ALWAYS_INLINE unsigned evacuateFirst(hmap *h, const maptype *t, bmap *from, unsigned char *block, const evacPair *to,
                                     size_t newbit, size_t slotsize)
{
  unsigned n = 0;
  uint8_t tops[bucketCnt];
  slots full = matchFull(from);
  memcpy(tops, from->tophash, sizeof tops);
  memset(from->tophash, evacuatedEmpty, bucketCnt);
  for (; full; full &= full - 1) {
    unsigned i = firstSlot(full);
    unsigned useY = (slotHash(h, t, block, i) & newbit) != 0;
    unsigned k = n >> 8 * useY & 0xff;
    n += 1u << 8 * useY;
    if (t->stored)
      hashesOf(to->block[useY])[k] = hashesOf(block)[i];
    copySlot(to->block[useY] + t->slotoff + k * slotsize, block + t->slotoff + i * slotsize, slotsize);
    to->b[useY]->tophash[k] = tops[i];
    from->tophash[i] = (uint8_t)(evacuatedX + useY);
    HMAP_COUNT(moved, 1);
  }
  return n;
}

/* Moves the entries of a chain from an overflow bucket of it on, or, if that is NULL, all; done says how many went where already.
 */
NOINLINE void evacuateRest(hmap *h, bmap *overflow, size_t oldbucket, size_t newbit, unsigned done, void **spare)
{
  place from = oldBucketAt(h, h->t, oldbucket);
  if (overflow)
    toOverflow(oldType(h, h->t), &from, overflow);
  evacDst xy[2] = {{.to = bucketAt(h->t, h->buckets, oldbucket)}, {.to = bucketAt(h->t, h->buckets, oldbucket + newbit)}};
  xy[0].to.i = done & 0xff;
  xy[1].to.i = done >> 8;
  do {
    for (unsigned i = 0; i < bucketCnt; i++) {
      if (from.b->tophash[i] < minTopHash) {
        from.b->tophash[i] = evacuatedEmpty;
        continue;
      }
      bool useY = slotHash(h, from.t, from.block, i) & newbit;
      evacuateSlot(h, &from, i, &xy[useY], spare);
      from.b->tophash[i] = (uint8_t)(evacuatedX + useY);
    }
    freeWide(h, &from);
  } while (nextInChain(&from));
}

/* Moves the entries of a chain of the old array. */
static void evacuateChain(hmap *h, size_t oldbucket, void **spare)
{
  const maptype *t = h->t;
  size_t newbit = flagsOf(h) & sameSizeGrow ? 0 : noldbuckets(h);
  const place from = oldBucketAt(h, t, oldbucket);
  countEvacuated(h, from);
  bmap *next = NULL;
  unsigned done = 0;
  if (from.t == t && !isWide(from.b)) {
    const place x = bucketAt(t, h->buckets, oldbucket), y = bucketAt(t, h->buckets, oldbucket + newbit);
    const evacPair to = {{x.b, y.b}, {x.block, y.block}};
    done = t->slotsize == 16 ? evacuateFirst(h, t, from.b, from.block, &to, newbit, 16)
                             : evacuateFirst(h, t, from.b, from.block, &to, newbit, t->slotsize);
    next = overflowOf(from.b);
    if (!next)
      return;
  }
  evacuateRest(h, next, oldbucket, newbit, done, spare);
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
  bool wide = isWide(p.b);
  size_t n = 0;
  for (; nextInChain(&p); n++)
    wide |= isWide(p.b);
  return needSegment(h->buckets, oldbucket) && needSegment(h->buckets, (oldbucket + noldbuckets(h)) & h->mask) &&
         (n == 0 || reserveOverflow(h->buckets, n)) && (!wide || reserveSpare(h->t, n + 2, spare));
}

/* Moves the entries of the next old bucket and its chain to the new array: where the array doubled, to the bucket of the same
 * number, X, or to its twin in the upper half, Y, as one more bit of the hash says. Both are empty before: until now all that
 * belongs there went to the old bucket. Returns false, with nothing changed, if there is no memory. */
static bool evacuate(hmap *h)
{
  size_t oldbucket = h->nevacuate;
  void *spare = NULL;
  if (!reserveEvacuation(h, oldbucket, &spare))
    return false;
  if (hasSegment(h->oldbuckets, oldbucket))
    evacuateChain(h, oldbucket, &spare);
  freeSpare(spare);
  h->seq++;
  if (++h->nevacuate == noldbuckets(h))
    growDone(h);
  return true;
}

/* A write's share of the growth: evacuates the next two old buckets. */
NOINLINE void growWork(hmap *h)
{
  if (evacuate(h) && growing(h))
    evacuate(h);
}

/* A write's share of giving memory back. */
NOINLINE void releaseWork(hmap *h)
{
  if (h->retired)
    releaseRetired(h);
  else if (!pinned(h->oldbuckets))
    releaseSegment(h->oldbuckets, h->nevacuate >> h->oldbuckets->t->segbits);
}
