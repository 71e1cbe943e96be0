/* map.c: the map.
 *
 * This is Go's map as it was before Swiss tables, in C and with the same names. A table is an array of buckets, each with room
 * for eight entries. The low bits of a key's hash choose the bucket; the top eight bits, the tophash, are kept in the bucket to
 * tell its entries apart without looking at the keys. When more than eight keys come to one bucket, an overflow bucket is
 * linked behind it.
 *
 *      hmap                  buckets: 2^B bmaps                        blocks: 2^B of them
 *   +-----------+          +----------------------------+          +-------------------------------+
 *   | count     |     0    | tophash x 8, filter, next  |     0    | hashes, 8 x (key, elem)       |
 *   | B, flags  |     1    | tophash x 8, filter, next -+--+  1    | hashes, 8 x (key, elem)       |
 *   | hash0     |    ...   |                            |  |       |                               |
 *   | buckets  -+-->       +----------------------------+  |       +-------------------------------+
 *   | oldbuckets|          | overflow buckets           |<-+       | and their blocks              |
 *   | nevacuate |          +----------------------------+          +-------------------------------+
 *   +-----------+
 *
 * When there are more than 6.5 entries a bucket the table grows: it gets an array twice as large, and each write evacuates a
 * few buckets of the old array into the new one, so that no single write is slow (grow.c). When deletions have left too many
 * overflow buckets behind, the same happens with a new array of the same size. The rest of the head is in the files:
 *
 *   map.h     the structures, the tophash states    seed.c   where seeds come from      walk.c   visiting all entries
 *   hash.h    the hashes                            mem.c    arrays and their memory    iter.c   Go's iterator
 *   probe.h   the probe loop                        grow.c   growth                     clone.c  stats.c  dump.c  check.c  api.c
 *   format.h  blocks for small keys and elems
 *
 * What differs from Go:
 *   - The tophash bytes lie dense and apart from the entries, with a filter that says which keys went to overflow buckets: a miss
 *     costs one cache line, a hit two that are fetched together.
 *   - A key that is not its own hash has 32 bits of its hash stored with it. Growth, iteration and clone never call a hash
 *     function and never follow a pointer in a key; a lookup compares keys only where the 32 bits agree.
 *   - Running out of memory changes nothing: a table that cannot grow goes on with overflow buckets and tries again at the next
 *     insertion. An insertion fails only where not even one bucket can be had.
 *   - There is no garbage collector: iterators pin arrays (iter.c), and arrays go back to the system in pieces (mem.c).
 *
 * Why 6.5 entries a bucket: for tables filled to the moment before they grow (bench/loadfactor.sh, 8-byte keys and elems),
 *
 *   load  % overflow  extra bytes  hit reads  miss reads
 *    4.0        2.14        20.77      1.008       1.004
 *    4.5        4.01        17.28      1.015       1.008
 *    5.0        6.80        14.76      1.024       1.014
 *    5.5       10.56        12.95      1.037       1.023
 *    6.0       15.28        11.67      1.052       1.035
 *    6.5       20.87        10.78      1.071       1.051
 *    7.0       27.16        10.16      1.092       1.070
 *    7.5       34.01         9.73      1.115       1.092
 *    8.0       41.15         9.41      1.140       1.118
 *
 *   % overflow   overflow buckets per hundred buckets
 *   extra bytes  memory an entry beyond its key and elem
 *   hit reads    buckets that a lookup reads for a key that is there
 *   miss reads   and for one that is not; without the filter it would be 1 + % overflow / 100
 *
 * Beyond 6.5, an entry saves half a byte a step while every tenth bucket more gets a chain. */

/* Makes h an empty table. Returns false if there is no memory for hint entries. */
static bool makemap(hmap *h, const maptype *t, size_t hint)
{
  uint8_t B = 0;
  while (B < maxB && overLoadFactor(hint, B))
    B++;
  *h = (hmap){.t = t, .hash0 = newSeed()};
  if (hint == 0) {
    countTable(h);
    return true;
  }
  if (overLoadFactor(hint, B) || !(h->buckets = makeBucketArray(t, B)))
    return false;
  h->B = B;
  h->blocks = blocksOf(arrayOf(h->buckets));
  countTable(h);
  return true;
}

/* Gives a table without buckets its first array, half a bucket. Returns false if there is no memory. */
NOINLINE bool firstBuckets(hmap *h)
{
  if (h->t->formats)
    h->t = &h->t->formats[h->format];
  bmap *buckets = makeHalfBucket(h->t);
  if (!buckets)
    return false;
  h->buckets = buckets;
  h->blocks = blocksOf(arrayOf(buckets));
  countBuckets(h);
  return true;
}

/* What every write by key does first: its share of giving memory back and of growth. In this order, because the key may stand in
 * a slot that the growth is about to leave. */
ALWAYS_INLINE void writeWork(hmap *h, uint64_t hash)
{
  if (likely(!growing(h) && !h->retired))
    return;
  beginWrite(h);
  releaseWork(h);
  if (growing(h))
    growWork(h, hash);
  endWrite(h);
}

/* Looks a key up. If it is there, returns true and its place. */
ALWAYS_INLINE bool mapaccess(const hmap *h, const maptype *t, uint64_t hash, uint32_t stored, const void *key, slotequal *equal,
                             place *at)
{
  keyhash k = {hash, stored};
  return h->count != 0 && probe(h, t, &k, key, equal, at, NULL);
}

/* Returns an empty slot of the chain that begins at p, to which it adds a bucket if need be; its b is NULL if there is no memory.
 */
NOINLINE place newslot(hmap *h, uint8_t top, place p)
{
  slots empty;
  while (!(empty = matchEmpty(p.b))) {
    bmap *last = p.b;
    if (!nextInChain(&p) && !newoverflow(h, &p))
      return (place){0};
    last->filter |= filterBit(top);
  }
  p.i = firstSlot(empty);
  countChain(h, p);
  return p;
}

/* Whether the table should grow before it takes one more entry. */
ALWAYS_INLINE bool shouldGrow(const hmap *h)
{
  return !growing(h) && (overLoadFactor(h->count + 1, h->B) || tooManyOverflowBuckets(h->noverflow, h->B) ||
                         tooManyWideBuckets(h->nwide, h->B) || (h->buckets->half && h->count >= halfCnt));
}

/* Adds an entry that is not there. vacant is an empty slot of its chain if one is known; mayGrow is false where this write has
 * had its share of growth: one that ended a growth leaves the next to another write. Returns true with *at its slot, whose key
 * and elem the caller must write; or false, with at->b NULL and nothing changed, if there is no memory. */
ALWAYS_INLINE bool mapinsert(hmap *h, const maptype *t, uint64_t hash, uint32_t stored, place *at, place *vacant, bool mayGrow)
{
  uint8_t top = tophash(hash);
  beginWrite(h);
  if (unlikely(shouldGrow(h)) && mayGrow && hashGrow(h)) {
    growWork(h, hash);
    *at = mapbucket(h, t, hash);
    vacant->b = NULL;
  }
  *at = likely(vacant->b != NULL) ? *vacant : newslot(h, top, *at);
  if (unlikely(!at->b)) {
    endWrite(h);
    return false;
  }
  at->b->tophash[at->i] = top;
  if (t->stored)
    hashesOf(at->block)[at->i] = stored;
  h->count++;
  h->seq++;
  countEntry(h);
  endWrite(h);
  return true;
}

/* Finds a key or adds it. Returns true if it was there. *at is its slot; for a new entry the caller must write the key and the
 * elem. at->b is NULL, and the table as it was, if there is no memory. */
ALWAYS_INLINE bool mapassign(hmap *h, const maptype *t, uint64_t hash, uint32_t stored, const void *key, slotequal *equal,
                             place *at)
{
  keyhash k = {hash, stored};
  place vacant;
  bool mayGrow;
  do {
    at->b = NULL;
    mayGrow = !growing(h);
    if (unlikely(!h->buckets) && !firstBuckets(h))
      return false;
    writeWork(h, k.hash);
    if (probe(h, t, &k, key, equal, at, &vacant))
      return true;
  } while (t->callbacks && !at->b);
  mapinsert(h, t, k.hash, k.stored, at, &vacant, mayGrow);
  return false;
}

/* mapassign for a table in which writing to a key that is there may move nothing: the work comes only before an insertion. */
ALWAYS_INLINE bool mapput(hmap *h, const maptype *t, uint64_t hash, uint32_t stored, const void *key, slotequal *equal, place *at)
{
  keyhash k = {hash, stored};
  place vacant;
  do {
    at->b = NULL;
    if (unlikely(!h->buckets) && !firstBuckets(h))
      return false;
    if (probe(h, t, &k, key, equal, at, &vacant))
      return true;
  } while (t->callbacks && !at->b);
  bool mayGrow = !growing(h);
  if (unlikely(growing(h) || h->retired)) {
    writeWork(h, k.hash);
    *at = mapbucket(h, t, k.hash);
    vacant.b = NULL; /* it may be in a bucket that has just been left */
  }
  mapinsert(h, t, k.hash, k.stored, at, &vacant, mayGrow);
  return false;
}

/* Looks a key up for a write that may follow, as mapaccess does otherwise. */
ALWAYS_INLINE bool mapaccessw(hmap *h, const maptype *t, uint64_t hash, uint32_t stored, const void *key, slotequal *equal,
                              place *at)
{
  keyhash k = {hash, stored};
  if (unlikely(h->count == 0))
    return false;
  writeWork(h, hash);
  return probe(h, t, &k, key, equal, at, NULL);
}

/* Whether all that follows slot p in its chain is empty. */
static bool restIsEmpty(place p)
{
  if (p.i < bucketCnt - 1 && p.b->tophash[p.i + 1] != noSlot)
    return p.b->tophash[p.i + 1] == emptyRest;
  return !nextInChain(&p) || p.b->tophash[0] == emptyRest;
}

/* Moves p to the bucket before its own in the chain. */
static void prevInChain(place *p)
{
  bmap *b = p->b;
  place q = *p;
  for (q.b = p->head; q.b != b; nextInChain(&q))
    p->b = q.b;
}

/* Slot p and all that follows is empty: marks it, and the slots before it while they are empty, as the end of the chain. */
static void markRest(place p)
{
  for (;;) {
    if (p.i == bucketCnt - 1)
      p.b->filter = 0;
    uint8_t *top = &p.b->tophash[p.i];
    if (*top == emptyOne)
      *top = emptyRest;
    else if (*top != noSlot)
      return;
    if (p.i == 0) {
      if (p.b == p.head)
        return;
      prevInChain(&p);
      p.i = bucketCnt;
    }
    p.i--;
  }
}

/* Removes the entry at p, and moves nothing, so a walk may go on. */
ALWAYS_INLINE void mapdelete(hmap *h, place *p)
{
  beginWrite(h);
  p->b->tophash[p->i] = emptyOne;
  if (restIsEmpty(*p))
    markRest(*p);
  h->count--;
  h->seq++;
  countRemoved(h, 1);
  if (unlikely(h->count == 0)) {
    h->hash0 = newSeed(); /* no entry depends on the old one */
    h->nclear++;
  }
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

/* Frees what an array's buckets from one on have behind pointers, but for entries that were evacuated. */
static void freeContents(hmap *h, bmap *buckets, size_t from)
{
  const maptype *t = h->t;
  if (!buckets || !(t->indirectkey || t->indirectelem || h->nwide))
    return;
  bucketArray *a = arrayOf(buckets);
  for (size_t i = from; i < a->n - a->tail; i++) {
    place p = bucketAt(a->t, buckets, blocksOf(a), i);
    do {
      for (slots full = matchFull(p.b); full; full &= full - 1)
        freeSlot(t, slotOf(p.t, p.block, firstSlot(full)));
      freeWide(h, &p);
    } while (nextInChain(&p));
  }
}

/* Leaves h empty, with a new seed, and returns what it held, for the caller to look at and free with mapfree. Arrays that
 * iterators may still read must not be freed before those that pin them have ended; mapclear sees to that. */
static hmap mapdetach(hmap *h)
{
  hmap old = *h;
  beginWrite(h);
  *h = (hmap){
      .flags = flagsOf(h) & (uint8_t)~sameSizeGrow,
      .tag = old.tag,
      .hash0 = newSeed(),
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
static void keepPinned(hmap *h, bmap **buckets)
{
  if (*buckets && pinned(arrayOf(*buckets))) {
    retire(h, *buckets);
    *buckets = NULL;
  }
}

/* Empties a table, with a new seed. */
static void mapclear(hmap *h)
{
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
  freeContents(h, h->oldbuckets, h->nevacuate);
  freeContents(h, h->buckets, 0);
  freeBuckets(h->oldbuckets);
  freeBuckets(h->buckets);
  freeRetired(h);
}
