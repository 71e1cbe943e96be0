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
 *   a writer does the same after its evacuations. If an evacuation needs memory and there is none, it does not happen, the
 *     writer works on the old bucket, and a later write tries again: nothing is ever half moved;
 *   an iterator that started on the old array follows its entries to the new one by their stored hash (iter.c).
 *
 * A table that has lost most of its entries shrinks in the same way: a write looks at 32 KiB of old bmaps, or moves up to 32
 * entries and what is left of a chain, and the buckets that share their low bits meet in one new chain. The new array has room
 * for as many insertions as the old one has writes left, so the next growth does not wait for the end of this one. Removing in a
 * walk must not move what is still to come; so an iterator leaves it to the next writes, and g_hash_table_foreach_remove, which
 * has visited everything and nobody's walk survives, does it all at its end.
 *
 * Of an array of up to eight buckets, most of which belong to tables that never have more, the write that begins the growth moves
 * all and frees it. A single bucket without overflow is copied at once (growLone), in a lone table (format.h) to four:
 * an array of two would be full with the fourteenth entry, and cost more than it saves (doc/layout.md). */
#include "hash.h"
#include "probe.h"

enum {
  growPace = 2,         /* old buckets that a write evacuates; */
  shrinkPace = 2048,    /* where there are fewer entries than buckets, buckets that it looks at, of which each entry */
  shrinkEntryCost = 64, /* counts as so many, for it has to be moved */
  alarmPace = 16,       /* while an alarm waits for the end of a growth */
  directB = 3,          /* old buckets that a write evacuates if there are but 2^directB */
  loneB = 2             /* what a lone table grows to */
};

/* The hash of the entry in a slot of a table that is lone or is not: all of it where keys are their own hash, else the low 32
 * bits, which choose the bucket. */
ALWAYS_INLINE uint64_t slotHashIf(const hmap *h, const maptype *t, bool lone, unsigned char *block, unsigned i)
{
  if (t->alg == algShim)
    return shimHash(h, lone, hashesOf(block)[i]);
  if (t->stored)
    return hashesOf(block)[i];
  unsigned char *key = slotOf(t, block, i);
  return keyed64(h, t, lone, t->keysize == 8 ? read64(key) : read32(key));
}
ALWAYS_INLINE uint64_t slotHash(const hmap *h, const maptype *t, unsigned char *block, unsigned i)
{
  return slotHashIf(h, t, hashesLone(h, t), block, i);
}

/* Gives a table a seed, before any hash depends on it. By how much its keys are rotated stays. */
NOINLINE void seedHashes(hmap *h)
{
  h->hash0 = withRotation(newSeed(), h->hash0.k0);
}
/* Gives an empty table a seed and a place where walks begin. One that is lone may need no more than that until it grows. */
static void seedTable(hmap *h)
{
  if (hashesLone(h, h->t)) {
    h->order = (uint32_t)drawWords(1).order;
    return;
  }
  tableSeed s = drawSeed();
  h->hash0 = withRotation(s.hash0, h->hash0.k0);
  h->order = (uint32_t)s.order;
}

/* Gives the only bucket of a table that is lone no more the tophashes that go with that. */
static void retop(hmap *h)
{
  const place p = bucketAt(h->t, h->buckets, 0);
  if (!quickHash(h->t))
    return;
  seedHashes(h);
  for (slots full = matchFull(p.b); full; full &= full - 1)
    p.b->tophash[firstSlot(full)] = (uint8_t)tophash(slotHashIf(h, h->t, false, p.block, firstSlot(full)));
}

/* Called before a lone table gets a second bucket other than by growLone, or a block elsewhere. */
static void leaveLone(hmap *h)
{
  if (!taggedLone(h))
    return;
  h->tag = (uint8_t)(h->tag - nformats);
  h->seq++;
  retop(h);
}

/* Gives a bucket a block in the last format, with the entries that it has. The block is the first of a list of spare ones, or,
 * where spare is NULL, new. Returns false, with nothing changed, if there is no memory. */
NOINLINE bool widenBlock(hmap *h, place *p, void **spare)
{
  const maptype *wide = wideFormat(p->t);
  leaveLone(h);
  unsigned char *block = spare ? *spare : malloc(wide->blocksize);
  if (!block)
    return false;
  if (spare)
    memcpy(spare, block, sizeof *spare);
  if (wide->stored)
    memcpy(block, p->block, bucketCnt * sizeof(uint32_t));
  for (unsigned i = 0; i < bucketCnt; i++) {
    unsigned char *slot = slotOf(p->t, p->block, i);
    if (p->b->tophash[i] >= minTopHash)
      setWords(wide, slotOf(wide, block, i), wordKey(p->t, slot), wordElem(p->t, slot));
  }
  memcpy(p->block, &block, sizeof block);
  p->b->link |= bucketWide;
  p->block = block;
  p->t = wide;
  h->nwide++;
  formatsChanged(h);
  h->seq++; /* a search that is under way begins again */
  return true;
}

/* Writes an entry's key and elem into its slot. Returns false if its bucket would have to be widened and there is no memory for
 * that; then the slot is as it was. */
ALWAYS_INLINE bool setEntry(hmap *h, place *p, uintptr_t key, uintptr_t elem, void **spare)
{
  if (unlikely(!formatFits(p->t, formatFor(key, elem)))) {
    place wide = *p; /* so that p need not have an address where this does not happen */
    if (!wide.t->formats)
      wide.t = h->t;
    wantFormat(h, key, elem);
    if (!widenBlock(h, &wide, spare))
      return false;
    *p = wide;
  }
  setWords(p->t, slotOf(p->t, p->block, p->i), key, elem);
  return true;
}

/* Links one more overflow bucket behind b, which is the last of its chain in an array. Returns it, or NULL if there is no memory.
 */
static bmap *newoverflow(hmap *h, bucketArray *a, bmap *b)
{
  leaveLone(h);
  if (!reserveOverflow(a, 1))
    return NULL;
  bmap *next = takeOverflow(a);
  b->link |= linkTo(next);
  if (a == h->buckets)
    h->noverflow++;
  countOverflow(h);
  return next;
}

/* Whether the table should shrink. */
ALWAYS_INLINE bool shouldShrink(const hmap *h)
{
  return unlikely(tooFewEntries(h->count, h->mask)) && !growing(h) && !(flagsOf(h) & hashHinted);
}

/* How many writes it takes to shrink, at most. */
static size_t writesToShrink(const hmap *h)
{
  return (bucketShift(h->B) + shrinkEntryCost * h->count) / (shrinkPace - shrinkEntryCost) + 1;
}
/* The size that a table with too few entries shrinks to: with room for what may be inserted before all is evacuated. */
static uint8_t smallerB(const hmap *h)
{
  size_t most = h->count + writesToShrink(h);
  uint8_t B = minShrinkB - 1;
  while (overLoadFactor(most, B))
    B++;
  return B;
}

/* The size of the next array: twice as large if the table is too full, or four times if it was lone; smaller if there are too few
 * entries, or the same. */
static uint8_t nextB(const hmap *h)
{
  if (overLoadFactor(h->count + 1, h->B))
    return taggedLone(h) ? loneB : (uint8_t)(h->B + 1);
  return shouldShrink(h) ? smallerB(h) : h->B;
}

/* The first array may have a wider format than what it holds (firstBuckets): the next one is made for what there is. */
static unsigned formatOfEntries(const hmap *h)
{
  unsigned format = h->format;
  place p = bucketAt(h->t, h->buckets, 0);
  if (h->B == 0 && formatFits(h->t, format))
    do
      for (slots full = matchFull(p.b); full; full &= full - 1) {
        unsigned char *slot = slotOf(p.t, p.block, firstSlot(full));
        format |= formatFor(wordKey(p.t, slot), wordElem(p.t, slot));
      }
    while (nextInChain(&p));
  return format;
}

/* Copies a slot; the commonest sizes as words. */
ALWAYS_INLINE void copySlot(unsigned char *to, const unsigned char *from, size_t size)
{
  if (size == 16)
    memcpy(to, from, 16);
  else if (size == 8)
    memcpy(to, from, 8);
  else if (size == 4)
    memcpy(to, from, 4);
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

/* Copies an entry's slot to one of another format, or the same. */
ALWAYS_INLINE void convertSlot(const maptype *to, unsigned char *slot, const maptype *t, unsigned char *from)
{
  if (to == t)
    copySlot(slot, from, t->slotsize);
  else
    setWords(to, slot, wordKey(t, from), wordElem(t, from));
}

/* Copies the entries of a table's only bucket to the only one of its new array, each to the same slot. */
static void copyBucket(hmap *h, const place *from)
{
  const maptype *t = from->t;
  const place to = bucketAt(h->t, h->buckets, 0);
  const unsigned n = isHalf(from->b) ? halfCnt : bucketCnt;
  memcpy(to.b->tophash, from->b->tophash, n);
  if (t->stored)
    memcpy(to.block, from->block, n * sizeof(uint32_t));
  for (slots full = matchFull(to.b); full; full &= full - 1) {
    unsigned i = firstSlot(full);
    convertSlot(to.t, slotOf(to.t, to.block, i), t, slotOf(t, from->block, i));
    HMAP_COUNT(moved, 1);
  }
}

/* Copies them to an array of up to four buckets, where a hash says which. */
static void scatterBucket(hmap *h, const place *from)
{
  const maptype *t = from->t, *to = h->t;
  const bool again = quickHash(t); /* the hash is all of it, and perhaps another one */
  unsigned n[1 << loneB] = {0};
  for (slots full = matchFull(from->b); full; full &= full - 1) {
    unsigned i = firstSlot(full);
    uint64_t hash = slotHashIf(h, t, false, from->block, i);
    size_t j = (size_t)hash & h->mask;
    unsigned char *segment = h->buckets->segments[0], *block = segment + j * to->blocksize;
    unsigned k = n[j]++;
    bmapIn(segment, j)->tophash[k] = again ? (uint8_t)tophash(hash) : from->b->tophash[i];
    if (t->stored)
      hashesOf(block)[k] = hashesOf(from->block)[i];
    convertSlot(to, slotOf(to, block, k), t, slotOf(t, from->block, i));
    HMAP_COUNT(moved, 1);
  }
}

/* Gives a table that is one bucket its new array, and copies the entries. Returns false, with nothing changed, if it is not as
 * simple as that. */
static bool growLone(hmap *h, bucketArray *to)
{
  bucketArray *old = h->buckets;
  if (to->B > loneB || !isAlone(h) || pinned(old))
    return false;
  const place from = bucketAt(h->t, old, 0);
  uint8_t oldB = h->B;
  countEvacuated(h, from);
  if (to->B > oldB)
    setFlags(h, flagsOf(h) & (uint8_t)~hashHinted);
  h->buckets = to;
  h->t = to->t;
  h->B = to->B;
  h->mask = (uint32_t)bucketMask(to->B);
  h->easy = 0;
  h->seq++;
  const bool hashed = hashesLone(h, h->t);
  formatsChanged(h);
  if (hashed && h->B)
    seedHashes(h);
  if (h->B == 0)
    copyBucket(h, &from);
  else
    scatterBucket(h, &from);
  freeBuckets(old);
  countGrowth(h, oldB);
  return true;
}

/* Makes the array that the table should have, and begins a growth to it, or is done with that. Returns false, with nothing
 * changed, if there is no memory. */
NOINLINE bool hashGrow(hmap *h)
{
  uint8_t B = nextB(h), oldB = h->B;
  if (h->t->formats && unlikely(h->format != h->t->format))
    h->format = (uint8_t)formatOfEntries(h);
  const maptype *t = h->t->formats ? &h->t->formats[h->format] : h->t;
  /* One that grows is full; one with room for what somebody expects may stay nearly empty. */
  size_t mapped = B > oldB ? HMAP_PAGED : flagsOf(h) & hashHinted ? SIZE_MAX : HMAP_HUGE;
  bucketArray *buckets = B <= maxB && B < sizeof(size_t) * 8 - 1 ? makeBucketArray(t, B, mapped) : NULL;
  if (!buckets)
    return false;
  if (growLone(h, buckets))
    return true;
  leaveLone(h);
  h->t = t;
  setFlags(h, (uint8_t)((flagsOf(h) & ~(sameSizeGrow | (B > oldB ? hashHinted : 0))) | (B == oldB ? sameSizeGrow : 0)));
  h->oldbuckets = h->buckets;
  h->buckets = buckets;
  h->B = B;
  h->mask = (uint32_t)bucketMask(B);
  h->nevacuate = 0;
  h->noverflow = 0;
  h->easy = 0;
  h->seq++;
  formatsChanged(h);
  countGrowth(h, oldB);
  return true;
}

/* The old array is now as any other: what is left in it, if anything, has the table's seed. */
static void endReseeding(hmap *h)
{
  bucketArray *old = h->oldbuckets;
  free(old->seed);
  for (old->filling = old->slabs; old->filling && old->filling->used == old->filling->n && old->filling->next;)
    old->filling = old->filling->next;
  setFlags(h, flagsOf(h) & (uint8_t)~reseeding);
}

/* Ends the growth: all old buckets have been evacuated. */
static void growDone(hmap *h)
{
  if (isReseeding(h))
    endReseeding(h);
  if (h->oldbuckets->B <= directB && !pinned(h->oldbuckets))
    freeBuckets(h->oldbuckets);
  else
    retire(h, h->oldbuckets);
  h->oldbuckets = NULL;
  h->nevacuate = 0;
  setFlags(h, flagsOf(h) & (uint8_t)~sameSizeGrow);
  formatsChanged(h);
}

/* Adds the entry in slot i of from, with the tophash top, to the chain that to is in, which has no room before to. Of the
 * filters, the first is exact; the others claim everything, so that a long chain is filled in linear time. */
static void evacuateSlot(hmap *h, const place *from, unsigned i, uint8_t top, place *to, void **spare)
{
  while (!matchEmpty(to->b)) {
    if (!overflowOf(to->b))
      countChain(h, to->head, newoverflow(h, to->a, to->b)); /* evacuate has reserved it */
    if (to->b != to->head)
      to->b->link |= 0xff;
    nextInChain(to);
  }
  if (to->b != to->head)
    to->head->link |= filterBit(top);
  to->i = firstSlot(matchEmpty(to->b));
  copyEntry(h, to, from, i, spare);
  to->b->tophash[to->i] = top;
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

/* Moves the entries of the first bucket of a chain to buckets that are empty, without a branch on which of the two it is, which
 * nobody could predict. All have format t; slotsize is t's, a constant where it is a common one. */
ALWAYS_INLINE void evacuateFirst(hmap *h, const maptype *t, bmap *from, unsigned char *block, const evacPair *to, size_t newbit,
                                 size_t slotsize)
{
  unsigned n = 0; /* how many went to each: Y's times 256 + X's */
  uint8_t tops[bucketCnt];
  slots full = matchFull(from);
  const bool stored = t->stored; /* known to stay what they are, whatever is written to */
  const size_t slotoff = t->slotoff;
  memcpy(tops, from->tophash, sizeof tops);
  memset(from->tophash, evacuatedEmpty, bucketCnt);
  for (; full; full &= full - 1) {
    unsigned i = firstSlot(full);
    unsigned useY = (slotHashIf(h, t, false, block, i) & newbit) != 0;
    unsigned k = n >> 8 * useY & 0xff;
    n += 1u << 8 * useY;
    if (stored)
      hashesOf(to->block[useY])[k] = hashesOf(block)[i];
    copySlot(to->block[useY] + slotoff + k * slotsize, block + slotoff + i * slotsize, slotsize);
    to->b[useY]->tophash[k] = tops[i];
    from->tophash[i] = (uint8_t)(evacuatedX + useY);
    HMAP_COUNT(moved, 1);
  }
}

/* The bit of a hash that decides between X and Y; 0 where there is but X. */
static size_t newBit(const hmap *h)
{
  return h->B > h->oldbuckets->B ? noldbuckets(h) : 0;
}
/* Where the entries of an old bucket go: X, or, newbit further, Y. */
static place newBucketAt(const hmap *h, size_t oldbucket, size_t newbit)
{
  return bucketAt(h->t, h->buckets, (oldbucket + newbit) & h->mask);
}

/* Moves the entries of a chain from an overflow bucket of it on, or, if that is NULL, all. */
NOINLINE void evacuateRest(hmap *h, bmap *overflow, size_t oldbucket, size_t newbit, void **spare)
{
  place from = oldBucketAt(h, h->t, oldbucket), xy[2] = {newBucketAt(h, oldbucket, 0), newBucketAt(h, oldbucket, newbit)};
  if (overflow)
    toOverflow(oldType(h, h->t), &from, overflow);
  do {
    uint64_t tops = evacuatedEmpty * EACH_BYTE;
    for (slots full = matchFull(from.b); full; full &= full - 1) {
      unsigned i = firstSlot(full);
      bool useY = newbit && slotHash(h, from.t, from.block, i) & newbit;
      evacuateSlot(h, &from, i, from.b->tophash[i], &xy[useY], spare);
      tops -= (uint64_t)(evacuatedEmpty - evacuatedX - useY) << 8 * i;
    }
    setTops(from.b, tops);
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

/* How many entries a chain has. */
static size_t entriesIn(place p)
{
  size_t n = 0;
  do
    n += countSlots(matchFull(p.b));
  while (nextInChain(&p));
  return n;
}
/* Overflow buckets that it takes to add the entries of one chain to another. */
static size_t overflowFor(place from, place to)
{
  size_t vacant = 0, n = entriesIn(from);
  do
    vacant += countSlots(matchEmpty(to.b));
  while (vacant < n && nextInChain(&to));
  return n > vacant ? (n - vacant + bucketCnt - 1) / bucketCnt : 0;
}

/* Moves the entries of a chain of the old array. */
static void moveChain(hmap *h, size_t oldbucket, size_t newbit, void **spare)
{
  const maptype *t = h->t;
  const place from = oldBucketAt(h, t, oldbucket);
  countEvacuated(h, from);
  bmap *next = NULL;
  if (from.t == t && !isWide(from.b) && !shrinking(h)) {
    const place x = newBucketAt(h, oldbucket, 0), y = newBucketAt(h, oldbucket, newbit);
    const evacPair to = {{x.b, y.b}, {x.block, y.block}};
    if (t->slotsize == 16)
      evacuateFirst(h, t, from.b, from.block, &to, newbit, 16);
    else if (t->slotsize == 8)
      evacuateFirst(h, t, from.b, from.block, &to, newbit, 8);
    else if (t->slotsize == 4)
      evacuateFirst(h, t, from.b, from.block, &to, newbit, 4);
    else
      evacuateFirst(h, t, from.b, from.block, &to, newbit, t->slotsize);
    next = overflowOf(from.b);
    if (!next)
      return;
  }
  evacuateRest(h, next, oldbucket, newbit, spare);
}

/* Sees to it that an old bucket's entries find room. Where the array does not shrink, the two chains that they go to have at most
 * one bucket more than the old one, and begin with two; where it does, others may be there. Each bucket may have to be wide if
 * one of the old ones is. Returns false if there is no memory. */
static bool reserveEvacuation(hmap *h, size_t oldbucket, void **spare)
{
  place p = oldBucketAt(h, h->t, oldbucket);
  const place first = p;
  bool wide = isWide(p.b);
  size_t overflow = 0;
  for (; nextInChain(&p); overflow++)
    wide |= isWide(p.b);
  size_t blocks = overflow + 2;
  if (shrinking(h)) {
    blocks = (overflow + 1) * bucketCnt;
    overflow = overflowFor(first, newBucketAt(h, oldbucket, 0));
  }
  return (overflow == 0 || reserveOverflow(h->buckets, overflow)) && (!wide || reserveSpare(h->t, blocks, spare));
}

/* Moves the entries of an old bucket that is a whole chain to a new one that has room for them all beside what is there. Returns
 * false, with nothing changed, if it is not as simple as that. */
NOINLINE bool joinBucket(hmap *h, size_t oldbucket)
{
  const place from = oldBucketAt(h, h->t, oldbucket);
  place to = newBucketAt(h, oldbucket, 0);
  slots full = matchFull(from.b), vacant = matchEmpty(to.b);
  uint64_t tops = evacuatedEmpty * EACH_BYTE;
  if (overflowOf(from.b) || isWide(from.b) || from.t != to.t || countSlots(full) > countSlots(vacant))
    return false;
  countEvacuated(h, from);
  for (; full; full &= full - 1, vacant &= vacant - 1) {
    unsigned i = firstSlot(full);
    to.i = firstSlot(vacant);
    copyEntry(h, &to, &from, i, NULL);
    to.b->tophash[to.i] = from.b->tophash[i];
    tops -= (uint64_t)(evacuatedEmpty - evacuatedX) << 8 * i;
    HMAP_COUNT(moved, 1);
  }
  setTops(from.b, tops);
  return true;
}

/* Moves the entries of an old bucket and its chain. Returns false, with nothing changed, if there is no memory. */
static bool evacuateChain(hmap *h, size_t oldbucket, size_t newbit)
{
  void *spare = NULL;
  if (!reserveEvacuation(h, oldbucket, &spare))
    return false;
  moveChain(h, oldbucket, newbit, &spare);
  freeSpare(spare);
  return true;
}

/* The hash that an entry has in the new array of a table that is reseeding. */
static uint64_t newHash(const hmap *h, const place *p, unsigned i)
{
  return h->t->rehash(p->t, slotOf(p->t, p->block, i), &h->hash0);
}

/* Sees to it that the entries of a chain find room, wherever they go. Returns false if there is no memory. */
static bool reserveReseeding(hmap *h, place from, void **spare)
{
  size_t n = 0;
  bool wide = false;
  do {
    wide |= isWide(from.b);
    for (slots full = matchFull(from.b); full; full &= full - 1, n++)
      if (!needSegment(h, h->buckets, (size_t)newHash(h, &from, firstSlot(full)) & h->mask))
        return false;
  } while (nextInChain(&from));
  return reserveOverflow(h->buckets, n) && (!wide || reserveSpare(h->t, n, spare));
}

/* Moves the entries of an old bucket and its chain to where their hashes with the new seed say. Their old slots get those hashes,
 * for iterators. Returns false, with nothing changed, if there is no memory. */
static bool reseedChain(hmap *h, size_t oldbucket)
{
  void *spare = NULL;
  place from = oldBucketAt(h, h->t, oldbucket);
  if (!reserveReseeding(h, from, &spare))
    return false;
  countEvacuated(h, from);
  do {
    for (unsigned i = 0; i < bucketCnt; i++) {
      if (from.b->tophash[i] < minTopHash) {
        from.b->tophash[i] = evacuatedEmpty;
        continue;
      }
      uint64_t hash = newHash(h, &from, i);
      place to = bucketAt(h->t, h->buckets, (size_t)hash & h->mask);
      evacuateSlot(h, &from, i, (uint8_t)tophash(hash), &to, &spare);
      if (h->t->stored)
        hashesOf(to.block)[to.i] = hashesOf(from.block)[i] = (uint32_t)hash;
      from.b->tophash[i] = evacuatedX;
    }
    freeWide(h, &from);
  } while (nextInChain(&from));
  freeSpare(spare);
  return true;
}

/* evacuate, for a table that is reseeding. */
static bool reseed(hmap *h)
{
  if (hasSegment(h->oldbuckets, h->nevacuate) && !reseedChain(h, h->nevacuate))
    return false;
  h->seq++;
  if (++h->nevacuate == noldbuckets(h))
    growDone(h);
  return true;
}

/* Moves the entries of the next old bucket and its chain to the new array: where that is larger, to the bucket of the same
 * number, X, or to its twin in the upper half, Y, as one more bit of the hash says; both are empty before, for until now all that
 * belongs there went to the old bucket. Where it is smaller, to X, with those of other old buckets. Returns false, with nothing
 * changed, if there is no memory. */
static bool evacuate(hmap *h)
{
  if (isReseeding(h))
    return reseed(h);
  size_t oldbucket = h->nevacuate, newbit = newBit(h);
  if (!needSegment(h, h->buckets, oldbucket & h->mask) || !needSegment(h, h->buckets, (oldbucket + newbit) & h->mask))
    return false;
  if (hasSegment(h->oldbuckets, oldbucket) && !(shrinking(h) && joinBucket(h, oldbucket)) && !evacuateChain(h, oldbucket, newbit))
    return false;
  h->seq++;
  if (++h->nevacuate == noldbuckets(h))
    growDone(h);
  return true;
}

/* Whether the next old bucket has to wait for the next write: the system clears a huge page when it is first written to, so where
 * both places that entries go to have no memory, this write only gives it to one. */
static bool waitsForPages(const hmap *h)
{
  const size_t x = h->nevacuate & h->mask, y = (h->nevacuate + newBit(h)) & h->mask;
  return x != y && onHugePages(h->buckets) && !hasSegment(h->buckets, x) && !hasSegment(h->buckets, y) &&
         makeSegment(h, h->buckets, x);
}
/* evacuate, for a write, of which there may be more to come. */
static bool evacuateNext(hmap *h)
{
  return !waitsForPages(h) && evacuate(h);
}

/* Nothing comes to n buckets of an array from i on, or, at its end, from its beginning on. */
static void emptyFrom(bucketArray *a, size_t i, size_t n)
{
  for (size_t k = 0; k < n; k += segmentMask(a->t) + 1 - ((i + k) & segmentMask(a->t))) {
    unsigned char **segment = &a->segments[((i + k) & bucketMask(a->B)) >> a->t->segbits];
    if (!*segment)
      *segment = noSegment();
  }
}
/* Whether the buckets that an old bucket's entries go to have memory. */
static bool hasPlaces(const hmap *h, size_t oldbucket, size_t newbit)
{
  return hasSegment(h->buckets, oldbucket & h->mask) && hasSegment(h->buckets, (oldbucket + newbit) & h->mask);
}
/* Whether an old bucket is empty and may be passed: what comes to it later needs no more memory for that. */
static bool passable(const hmap *h, size_t oldbucket, size_t newbit)
{
  const bucketArray *old = h->oldbuckets;
  const bmap *b = bmapIn(old->segments[oldbucket >> old->t->segbits], oldbucket & segmentMask(old->t));
  return chainEmpty(b) && !b->link && hasPlaces(h, oldbucket, newbit);
}
/* Passes over old buckets without entries, at most n, or a segment that is not there. Returns how many buckets it looked at. */
static size_t passEmpty(hmap *h, size_t n)
{
  const size_t begin = h->nevacuate, newbit = newBit(h), segment = segmentMask(h->oldbuckets->t) + 1;
  size_t i = begin, end = (begin | (segment - 1)) + 1, looked = 1;
  end = end < noldbuckets(h) ? end : noldbuckets(h);
  if (!hasSegment(h->oldbuckets, begin)) {
    i = end;
    emptyFrom(h->buckets, begin & h->mask, i - begin);
    emptyFrom(h->buckets, (begin + newbit) & h->mask, i - begin);
  }
  for (; i < end && i - begin < n && passable(h, i, newbit); i++)
    looked++;
  if (i == begin)
    return 0;
  HMAP_COUNT(entered, looked);
  h->nevacuate = (uint32_t)i;
  h->seq++;
  if (i == noldbuckets(h))
    growDone(h);
  return looked;
}

/* Whether the next old bucket has entries. */
static bool nextIsFull(const hmap *h)
{
  return hasSegment(h->oldbuckets, h->nevacuate) && matchFull(oldBucketAt(h, h->t, h->nevacuate).b);
}
/* A write's share of a growth with few entries: it goes the faster the less there is to move. */
static void thinWork(hmap *h)
{
  for (size_t left = shrinkPace; left && growing(h);) {
    size_t cost = nextIsFull(h) ? 0 : passEmpty(h, left);
    if (!cost) {
      cost = !hasPlaces(h, h->nevacuate, newBit(h)) ? left : 1 + shrinkEntryCost * entriesIn(oldBucketAt(h, h->t, h->nevacuate));
      if (!evacuateNext(h))
        return;
    }
    left -= cost < left ? cost : left;
  }
}

/* How many old buckets a write evacuates: where the array has but few, all. */
static unsigned paceOf(uint8_t oldB)
{
  return oldB <= directB ? 1u << directB : growPace;
}

/* Whether evacuation has to wait: iterators follow the entries of arrays that were left before the table began reseeding by their
 * old hashes. Not for ever, should one have been abandoned. */
static bool heldBack(const hmap *h)
{
  bucketArray *a = h->retired;
  if (!isReseeding(h) || !a || overLoadFactor(h->count, (uint8_t)(h->B + 1)))
    return false;
  do
    if (pinned(a))
      return true;
  while ((a = a->next) != h->retired);
  return false;
}

/* A write's share of the growth. */
NOINLINE void growWork(hmap *h)
{
  if (!growing(h) || unlikely(heldBack(h)))
    return;
  if ((shrinking(h) || tooFewEntries(h->count, h->mask)) && !isReseeding(h)) {
    thinWork(h);
    return;
  }
  for (unsigned n = flagsOf(h) & hashAlarm ? alarmPace : paceOf(h->oldbuckets->B); n && growing(h) && evacuateNext(h); n--)
    ;
}

/* Ends the growth that is under way, shrinks the table if it should be smaller, and gives all that back which it has left. For
 * what has taken as long anyway as there were buckets. Where memory is short, the next writes go on with it. */
static void shrinkNow(hmap *h)
{
  while (growing(h) || (shouldShrink(h) && hashGrow(h)))
    while (growing(h))
      if (!passEmpty(h, SIZE_MAX) && !evacuate(h))
        return;
  freeRetired(h);
}

/* A write's share of giving memory back. */
NOINLINE void releaseWork(hmap *h)
{
  if (h->retired)
    releaseRetired(h);
  else if (!pinned(h->oldbuckets))
    releaseSegment(h->oldbuckets, h->nevacuate >> h->oldbuckets->t->segbits);
}
