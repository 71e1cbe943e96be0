/* map.c: the map.
 *
 * This is Go's map as it was before Swiss tables, in C and with the same names. A table is an array of buckets, each with room
 * for eight entries. The low bits of a key's hash choose the bucket; the top eight bits, the tophash, are kept in the bucket to
 * tell its entries apart without looking at the keys. When more than eight keys come to one bucket, an overflow bucket is
 * linked behind it.
 *
 *      hmap                buckets: bucketArray          segment: bmaps, then blocks
 *   +------------+       +----------------------+       +------------------------------------+
 *   | count      |    +->| t, B, slabs, ...     |    +->| ... bmap 1, bmap 0 | block 0, ...  |
 *   | B, mask    |    |  | segments: 0         -+----+  +---|--------------------------------+
 *   | hash0      |    |  |           1          |           v overflow
 *   | buckets   -+----+  |           ...        |       +----------------+
 *   | oldbuckets |       +----------------------+       | bmap | block   |   in a slab of the array's
 *   | nevacuate  |                                      +----------------+
 *   +------------+
 *      bmap: tophash x 8, filter, overflow        block: hashes x 8 (if stored), (key, elem) x 8
 *
 * When there are more than 6.5 entries a bucket the table grows: it gets an array twice as large, and each insertion and
 * deletion evacuates two buckets of the old array into the new one, so that no single write is slow (grow.c). When deletions
 * have left too many overflow buckets behind, the same happens with a new array of the same size; when they have left fewer
 * entries than buckets, with a smaller one. The rest of the head is in the files:
 *
 *   map.h     the structures, the tophash states    seed.c   where seeds come from      walk.c   visiting all entries
 *   hash.h    the hashes                            mem.c    arrays; and pages.c     iter.c   Go's iterator
 *   probe.h   the probe loop                        empty.c  segments without entries   alarm.c  when the seed is known
 *   format.h  blocks for small keys and elems       grow.c   growth                     clone.c  stats.c  dump.c  check.c  api.c
 *
 * What differs from Go:
 *   - The tophash bytes lie dense and apart from the entries, with a filter that says which keys went to overflow buckets: a miss
 *     costs one cache line, a hit two that are fetched together.
 *   - An array is a directory of segments of at most 32 KiB, which come one by one and go back one by one, so a growth needs no
 *     second peak of memory and no operation makes or frees much (mem.c, pages.c). Evacuation is in order (grow.c).
 *     doc/layout.md names the layouts that were tried and lost, with what they cost.
 *   - A key that is not its own hash has 32 bits of its hash stored with it. Growth, iteration and clone never call a hash
 *     function and never follow a pointer in a key; a lookup compares keys only where the 32 bits agree.
 *   - A table shrinks, which Go's never did.
 *   - Running out of memory changes nothing: a table that cannot grow goes on with overflow buckets and tries again at the next
 *     insertion. An insertion fails only where not even one bucket can be had.
 *   - There is no garbage collector: iterators pin arrays (iter.c), and arrays go back to the system in pieces (mem.c).
 *
 * Why 6.5 entries a bucket: for tables filled to the moment before they grow (bench/runs/loadfactor.sh, 8-byte keys and elems),
 *
 *   load  % overflow  extra bytes  hit reads  miss reads
 *    4.0        2.14        20.77      1.008       1.004
 *    4.5        4.06        17.30      1.015       1.008
 *    5.0        6.83        14.77      1.025       1.014
 *    5.5       10.60        12.96      1.037       1.023
 *    6.0       15.25        11.66      1.052       1.035
 *    6.5       20.82        10.77      1.071       1.051
 *    7.0       27.14        10.16      1.092       1.070
 *    7.5       33.98         9.72      1.115       1.092
 *    8.0       41.08         9.39      1.140       1.118
 *
 *   % overflow   overflow buckets per hundred buckets
 *   extra bytes  memory an entry beyond its key and elem
 *   hit reads    buckets that a lookup reads for a key that is there
 *   miss reads   and for one that is not; without the filter it would be 1 + % overflow / 100
 *
 * Beyond 6.5, an entry saves half a byte a step while every tenth bucket more gets a chain. */

/* Makes h an empty table. Its seed comes with its buckets: without hint, with the first entry. Returns false if there is no
 * memory for hint entries. */
static bool makemap(hmap *h, const maptype *t, size_t hint)
{
  uint8_t B = 0;
  while (B < maxB && overLoadFactor(hint, B))
    B++;
  *h = (hmap){.t = t, .flags = hint ? hashHinted : 0, .hash0 = unseeded};
  if (hint == 0) {
    countTable(h);
    return true;
  }
  if (overLoadFactor(hint, B) || !(h->buckets = makeEmptyArray(t, B)))
    return false;
  seedTable(h);
  h->B = B;
  h->mask = (uint32_t)bucketMask(B);
  countTable(h);
  return true;
}

/* Whether a table's only bucket is a half. */
ALWAYS_INLINE bool isHalfBucket(const hmap *h)
{
  return h->B == 0 && isHalf(onlyBucket(h));
}
/* Whether the table should have another array before it takes one more entry. */
ALWAYS_INLINE bool shouldGrow(const hmap *h)
{
  return !growing(h) && (overLoadFactor(h->count + 1, h->B) || tooManyOverflowBuckets(h->noverflow, h->B) ||
                         tooManyWideBuckets(h->nwide, h->B) || shouldShrink(h) ||
                         (h->B == 0 && (!formatFits(h->t, h->format) || (h->count >= halfCnt && isHalfBucket(h)))));
}

/* What h->easy may be: 0 if there is anything to do with the next insertion but to insert. */
static uint32_t easyBelow(const hmap *h)
{
  const size_t most = UINT32_C(1) << 30;
  size_t full = h->B ? loadFactorNum * (bucketShift(h->B) / loadFactorDen) : isHalfBucket(h) ? halfCnt : bucketCnt;
  if (growing(h) || firstInside(h->buckets) || h->retired || flagsOf(h) & (hashCounted | hashAlarm) || shouldGrow(h))
    return 0;
  return (uint32_t)(full < most ? full : most);
}
/* What every array's format has at least: that of whole keys in a process that is looked at for pointers, see ghash.c. */
static uint8_t leastFormat;

/* Gives a table without buckets its first array, half a bucket of at least this format, and its seed. Returns false if there is
 * no memory. */
NOINLINE bool firstBuckets(hmap *h, unsigned format)
{
  if (h->t->formats)
    h->t = &h->t->formats[(h->format |= leastFormat) | format];
  h->buckets = makeHalfBucket(h->t);
  if (!h->buckets)
    return false;
  becomeLone(h);
  seedTable(h);
  h->easy = h->retired || isCounted(h) ? 0 : halfCnt;
  countBuckets(h);
  return true;
}

/* Sees to it that a table has buckets and a seed, before a key that may be added is hashed. Returns false if there is no memory.
 */
ALWAYS_INLINE bool needBuckets(hmap *h)
{
  return likely(h->buckets != NULL) || firstBuckets(h, 0);
}

/* What a write that adds or removes a key does besides: its share of giving memory back and of growth. Returns whether there was
 * any to do. */
ALWAYS_INLINE bool writeWork(hmap *h)
{
  if (likely(!growing(h) && !h->retired))
    return false;
  beginWrite(h);
  releaseWork(h);
  if (growing(h))
    growWork(h);
  endWrite(h);
  return true;
}

/* Looks a key up in a table that has buckets. If it is there, returns true and its place. */
ALWAYS_INLINE bool mapaccessb(const hmap *h, const maptype *t, keyhash k, const void *key, slotequal *equal, place *at)
{
  return probe(h, t, &k, key, equal, at, NULL);
}
/* The same in any table. */
ALWAYS_INLINE bool mapaccess(const hmap *h, const maptype *t, keyhash k, const void *key, slotequal *equal, place *at)
{
  return likely(h->buckets != NULL) && mapaccessb(h, t, k, key, equal, at);
}

/* Sees to it that the next assignment sounds the alarm, if it can help, and if it is not for want of memory that chains are long.
 */
static void raiseAlarm(hmap *h)
{
  if (h->t->rehash && !(flagsOf(h) & hashSip) && !overLoadFactor(h->count, h->B))
    setFlags(h, flagsOf(h) | hashAlarm);
}
/* A table is empty, and has a new seed. */
static void alarmOver(hmap *h)
{
  if (flagsOf(h) & (hashAlarm | hashSip)) {
    setFlags(h, flagsOf(h) & (uint8_t) ~(hashAlarm | hashSip));
    formatsChanged(h);
  }
}

/* Returns a bucket with an empty slot in a chain of array a that begins with first, to which it adds one if need be; or NULL if
 * there is no memory. The key that is to come there has the tophash top. */
NOINLINE bmap *newslot(hmap *h, bucketArray *a, bmap *first, uint8_t top)
{
  bmap *b = first;
  for (size_t n = 1; !matchEmpty(b); n++) {
    bmap *next = overflowOf(b);
    if (!next && !(next = newoverflow(h, a, b)))
      return NULL;
    if (n == maxChain)
      raiseAlarm(h);
    b->link |= filterBit(top);
    b = next;
  }
  countChain(h, first, b);
  return b;
}

/* Moves *at, the first bucket of the chain for hash, to an empty slot; its b is NULL if there is no memory. */
ALWAYS_INLINE void toNewSlot(hmap *h, const maptype *t, uint64_t hash, place *at)
{
  if (unlikely(inEmptySegment(at->b))) {
    at->b = NULL;
    if (!needSegment(h, at->a, (size_t)hash & bucketMask(at->a->B)))
      return;
    *at = mapbucket(h, t, hash);
  }
  bmap *b = newslot(h, at->a, at->b, tophash(hash));
  if (b && b != at->b)
    toOverflow(t->formats ? at->a->t : t, at, b);
  at->b = b;
  at->i = b ? firstSlot(matchEmpty(b)) : 0;
}

/* Adds an entry to a vacant slot that probe has found, if that is all there is to do: what mapinsert does, without its marks of a
 * write. Returns whether it was. */
ALWAYS_INLINE bool mapinsertEasily(hmap *h, const maptype *t, keyhash k, const place *vacant)
{
  if (!vacant->b || unlikely(h->count >= h->easy || (!isLoneType(t) && inEmptySegment(vacant->b))))
    return false;
  vacant->b->tophash[vacant->i] = tophash(k.hash);
  if (t->stored)
    hashesOf(vacant->block)[vacant->i] = k.stored;
  h->count++;
  h->seq++;
  return true;
}

/* Adds an entry that is not there. vacant is an empty slot of its chain if one is known; mayGrow is false where this write has
 * had its share of growth: one that ended a growth leaves the next to another write. Returns true with *at its slot, whose key
 * and elem the caller must write; or false, with at->b NULL and nothing changed, if there is no memory. */
ALWAYS_INLINE bool mapinsert(hmap *h, const maptype *t, keyhash k, place *at, place *vacant, bool mayGrow)
{
  uint8_t top = (uint8_t)tophash(k.hash);
  beginWrite(h);
  if (mayGrow && unlikely(shouldGrow(h)) && hashGrow(h)) {
    growWork(h);
    *at = mapbucket(h, t, k.hash);
    vacant->b = NULL;
  }
  if (vacant->b && !inEmptySegment(vacant->b))
    *at = *vacant;
  else
    toNewSlot(h, t, k.hash, at);
  if (unlikely(!at->b)) {
    endWrite(h);
    return false;
  }
  fillBucket(h, at->a, at->bucket);
  at->b->tophash[at->i] = top;
  if (t->stored)
    hashesOf(at->block)[at->i] = k.stored;
  h->count++;
  h->seq++;
  h->easy = easyBelow(h);
  countEntry(h);
  endWrite(h);
  return true;
}

/* Adds an entry that probe has just not found, with a write's share of other work. at, vacant: as probe left them. *at and the
 * result are mapinsert's. */
ALWAYS_INLINE bool mapadd(hmap *h, const maptype *t, keyhash k, place *at, place *vacant)
{
  beginWrite(h);
  bool easy = mapinsertEasily(h, t, k, vacant);
  endWrite(h);
  if (likely(easy)) {
    *at = *vacant;
    return true;
  }
  bool mayGrow = !growing(h);
  if (unlikely(writeWork(h))) {
    *at = mapbucket(h, t, k.hash);
    vacant->b = NULL; /* it may be in a bucket that has just been left */
  }
  return mapinsert(h, t, k, at, vacant, mayGrow);
}

/* mapadd for a lone table, perhaps without a place for one more entry, of which the format is wanted: it grows; and if there is
 * no memory, becomes one that can have overflow. key is the word or the pointer that formats are for. */
NOINLINE bool mapaddLone(hmap *h, const maptype *t, keyhash k, const void *key, place *at)
{
  beginWrite(h);
  if (shouldGrow(h))
    hashGrow(h);
  if (taggedLone(h) && (!matchEmpty(onlyBucket(h)) || !formatFits(h->t, h->format)))
    leaveLone(h);
  endWrite(h);
  if (t->alg == algShim)
    k.hash = shimHash(h, hashesLone(h, t), k.stored);
  else if (quickHash(t))
    k = keyhash64(h, t, (uintptr_t)key);
  *at = mapbucket(h, t, k.hash);
  place vacant = {0};
  return mapinsert(h, t, k, at, &vacant, false);
}

/* Finds a key or adds it, in a table that has buckets (needBuckets). Returns true if it was there: then nothing has changed, and
 * nothing has moved. *at is its slot; for a new entry the caller must write the key and the elem. at->b is NULL, and the table as
 * it was, if there is no memory. */
ALWAYS_INLINE bool mapassign(hmap *h, const maptype *t, keyhash k, const void *key, slotequal *equal, place *at)
{
  place vacant;
  do {
    at->b = NULL;
    if (t->callbacks && unlikely(!h->buckets)) { /* the key's own functions have emptied the table */
      if (!firstBuckets(h, 0))
        return false;
      k = rehash(h, t, k.stored, key);
    }
    if (probe(h, t, &k, key, equal, at, &vacant))
      return true;
  } while (t->callbacks && !at->b);
  if (t->formats && unlikely(taggedLone(h) && h->count >= h->easy)) {
    mapaddLone(h, h->t, k, key, at);
    return false;
  }
  mapadd(h, t, k, at, &vacant);
  return false;
}

/* Looks a key up for a removal that may follow, as mapaccess does otherwise. */
ALWAYS_INLINE bool mapaccessw(hmap *h, const maptype *t, keyhash k, const void *key, slotequal *equal, place *at)
{
  if (unlikely(h->count == 0))
    return false;
  writeWork(h);
  return probe(h, t, &k, key, equal, at, NULL);
}

/* Whether all that follows slot p in its chain is empty. */
static bool restIsEmpty(place p)
{
  if (p.i < bucketCnt - 1 && p.b->tophash[p.i + 1] != noSlot)
    return p.b->tophash[p.i + 1] == emptyRest;
  return !nextInChain(&p) || p.b->tophash[0] == emptyRest;
}

/* Marks all that is empty at the end of the chain of slot p, which has just become empty, if that is in it. */
NOINLINE void markRest(place p)
{
  if (!restIsEmpty(p))
    return;
  place last = p; /* the bucket with the chain's last entry, or the first one */
  unsigned end = 0;
  p.b = p.head;
  do {
    unsigned n = endOf(matchFull(p.b));
    if (n || p.b == p.head) {
      last.b = p.b;
      end = n;
    }
  } while (nextInChain(&p));
  for (;; end = 0) {
    for (unsigned i = end; i < bucketCnt; i++)
      if (last.b->tophash[i] == emptyOne)
        last.b->tophash[i] = emptyRest;
    last.b->link &= ~(uint64_t)0xff;
    if (!nextInChain(&last) || last.b->tophash[0] == emptyRest)
      return;
  }
}

/* A table with buckets is empty: no entry depends on its seed, and iterators come to their end. */
static void emptied(hmap *h)
{
  if (isReseeding(h))
    endReseeding(h);
  seedTable(h);
  restartWalks(h);
  alarmOver(h);
  h->nclear++;
}

/* Removes the entry at p, and moves nothing, so a walk may go on. */
ALWAYS_INLINE void mapdelete(hmap *h, place *p)
{
  beginWrite(h);
  if (likely(p->b == p->head && p->b->link == 0))
    emptySlot(p->b, p->i);
  else {
    p->b->tophash[p->i] = emptyOne;
    markRest(*p);
  }
  h->count--;
  h->seq++;
  if (shouldShrink(h))
    h->easy = 0; /* the next insertion has to see to it, should this be part of a walk */
  countRemoved(h, 1);
  if (unlikely(p->head->tophash[0] == emptyRest) && h->B > minSegbits)
    bucketEmptied(h, p);
  if (unlikely(h->count == 0))
    emptied(h);
  endWrite(h);
}

/* What removing many entries in a walk ends with. */
NOINLINE void shrinkAfterWalk(hmap *h)
{
  if (!tooFewEntries(h->count, h->mask) && !(growing(h) && shrinking(h))) {
    writeWork(h);
    return;
  }
  beginWrite(h);
  shrinkNow(h);
  endWrite(h);
}

/* Begins to shrink a table that should, after a removal that is not part of a walk. */
ALWAYS_INLINE void maybeShrink(hmap *h)
{
  if (!shouldShrink(h))
    return;
  beginWrite(h);
  if (hashGrow(h))
    growWork(h);
  endWrite(h);
}

/* Frees what a slot has behind pointers. */
static void freeSlot(const maptype *t, unsigned char *slot)
{
  if (t->indirectkey)
    free(keyOf(t, slot));
  if (t->indirectelem)
    free(elemOf(t, slot));
}

/* Whether slots have something behind pointers. */
ALWAYS_INLINE bool ownsMemory(const maptype *t)
{
  return t->indirectkey || t->indirectelem;
}

/* Frees what an array's buckets from one on have behind pointers, but for entries that were evacuated. */
static void freeContents(hmap *h, bucketArray *a, size_t from)
{
  const maptype *t = h->t;
  if (!a || !(ownsMemory(t) || h->nwide))
    return;
  for (size_t i = from; i < bucketShift(a->B); i++) {
    if (!hasSegment(a, i))
      continue;
    place p = bucketAt(a->t, a, i);
    do {
      for (slots full = matchFull(p.b); full; full &= full - 1)
        freeSlot(t, slotOf(p.t, p.block, firstSlot(full)));
      freeWide(h, &p);
    } while (nextInChain(&p));
  }
}

/* Leaves h empty and returns what it held, for the caller to look at and free with mapfree. Arrays that
 * iterators may still read must not be freed before those that pin them have ended; mapclear sees to that. */
static hmap mapdetach(hmap *h)
{
  beginWrite(h);
  if (isReseeding(h))
    endReseeding(h);
  hmap old = *h;
  setFlags(&old, flagsOf(h) & (uint8_t)~hashWriting);
  *h = (hmap){
      .flags = flagsOf(h) & (hashWriting | hashChecked | hashCounted),
      .tag = old.tag & (uint8_t)~plainMask,
      .hash0 = unseeded,
      .retired = old.retired,
      .t = old.t,
      .seq = old.seq + 1,
      .nclear = old.nclear + 1,
  };
  endWrite(h);
  countDetached(&old);
  old.retired = NULL;
  return old;
}

/* Takes from old, which was detached from h, an array that an iterator pins. */
static void keepPinned(hmap *h, bucketArray **buckets)
{
  if (*buckets && pinned(*buckets)) {
    retire(h, *buckets);
    *buckets = NULL;
  }
}

/* Empties a table that is one bucket, and leaves it that, if no iterator pins it. Returns whether it was as simple as that. */
static bool clearBucket(hmap *h)
{
  if (!h->buckets || h->B != 0 || growing(h) || h->retired || h->nwide || h->noverflow || ownsMemory(h->t) || pinned(h->buckets))
    return false;
  bmap *b = onlyBucket(h);
  beginWrite(h);
  countRemoved(h, h->count);
  setTops(b, isHalf(b) ? noSlot * EACH_BYTE << 8 * halfCnt : 0);
  h->count = 0;
  h->seq++;
  h->easy = easyBelow(h);
  emptied(h);
  endWrite(h);
  return true;
}

/* Empties a table. */
static void mapclear(hmap *h)
{
  if (clearBucket(h))
    return;
  hmap old = mapdetach(h);
  freeContents(&old, old.oldbuckets, old.nevacuate);
  freeContents(&old, old.buckets, 0);
  keepPinned(h, &old.oldbuckets);
  keepPinned(h, &old.buckets);
  freeBuckets(old.oldbuckets);
  freeBuckets(old.buckets);
}

/* Frees all that a table has. */
static void mapfree(hmap *h)
{
  countFreed(h);
  if (unlikely(growing(h) || h->retired || h->nwide || ownsMemory(h->t))) {
    if (isReseeding(h))
      endReseeding(h);
    freeContents(h, h->oldbuckets, h->nevacuate);
    freeContents(h, h->buckets, 0);
    freeBuckets(h->oldbuckets);
    freeRetired(h);
  }
  freeBuckets(h->buckets);
}

/* Empties a table that hardly will be filled again, without a new seed. */
static void mapdrop(hmap *h)
{
  hmap old = mapdetach(h);
  mapfree(&old);
}
