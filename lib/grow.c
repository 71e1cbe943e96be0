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
  return memhash64(t->keysize == 8 ? read64(key) : read32(key), &h->hash0);
}

/* Links one more overflow bucket, of which the array must have one, behind p, which is the last of its chain, and moves p there.
 */
static void newoverflow(hmap *h, place *p)
{
  p->b->link |= linkTo(takeOverflow(p->a));
  if (p->a == h->buckets)
    h->noverflow++;
  nextInChain(p);
  p->i = 0;
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
  h->seq++;
  formatsChanged(h);
  countGrowth(h);
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
    newoverflow(h, to); /* evacuate has reserved it */
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

/* Whether all entries of a bucket fit in the one that a chain begins with. */
ALWAYS_INLINE bool fitsFirst(const evacDst *dst, const maptype *t, slots full)
{
  return dst->to.t == t && !dst->prev && (full << dst->to.i) >> bucketCnt == 0;
}

/* Moves the entries of a bucket when both chains have room for all of them in their first buckets: so without a branch on which
 * of the two it is, which nobody could predict. slotsize is from->t's, a constant where it is a common one. */
ALWAYS_INLINE void evacuateBucket(hmap *h, const place *from, slots full, evacDst xy[2], size_t newbit, size_t slotsize)
{
  const maptype *t = from->t;
  unsigned char *const block[2] = {xy[0].to.block, xy[1].to.block};
  bmap *const b[2] = {xy[0].to.b, xy[1].to.b};
  unsigned n = xy[0].to.i | xy[1].to.i << 8; /* both counts in one register */
  uint8_t tops[bucketCnt];
  memcpy(tops, from->b->tophash, sizeof tops);
  memset(from->b->tophash, evacuatedEmpty, bucketCnt);
  for (; full; full &= full - 1) {
    unsigned i = firstSlot(full);
    unsigned useY = (slotHash(h, t, from->block, i) & newbit) != 0;
    unsigned k = n >> 8 * useY & 0xff;
    n += 1u << 8 * useY;
    if (t->stored)
      hashesOf(block[useY])[k] = hashesOf(from->block)[i];
    copySlot(block[useY] + t->slotoff + k * slotsize, from->block + t->slotoff + i * slotsize, slotsize);
    b[useY]->tophash[k] = tops[i];
    from->b->tophash[i] = (uint8_t)(evacuatedX + useY);
    HMAP_COUNT(moved, 1);
  }
  xy[0].to.i = n & 0xff;
  xy[1].to.i = n >> 8;
}

/* The same in any case. */
static void evacuateSlots(hmap *h, const place *from, slots full, evacDst xy[2], size_t newbit, void **spare)
{
  for (unsigned i = 0; i < bucketCnt; i++) {
    if (!(full & 1u << i)) {
      from->b->tophash[i] = evacuatedEmpty;
      continue;
    }
    bool useY = slotHash(h, from->t, from->block, i) & newbit;
    evacuateSlot(h, from, i, &xy[useY], spare);
    from->b->tophash[i] = (uint8_t)(evacuatedX + useY);
  }
}

/* Moves the entries of a chain of the old array. */
static void evacuateChain(hmap *h, size_t oldbucket, void **spare)
{
  size_t newbit = flagsOf(h) & sameSizeGrow ? 0 : noldbuckets(h);
  place from = oldBucketAt(h, h->t, oldbucket);
  evacDst xy[2] = {{.to = bucketAt(h->t, h->buckets, oldbucket)}, {.to = bucketAt(h->t, h->buckets, oldbucket + newbit)}};
  do {
    slots full = matchFull(from.b);
    if (!fitsFirst(&xy[0], from.t, full) || !fitsFirst(&xy[1], from.t, full))
      evacuateSlots(h, &from, full, xy, newbit, spare);
    else if (from.t->slotsize == 16)
      evacuateBucket(h, &from, full, xy, newbit, 16);
    else
      evacuateBucket(h, &from, full, xy, newbit, from.t->slotsize);
    freeWide(h, &from);
  } while (nextInChain(&from));
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
