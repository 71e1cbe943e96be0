/* walk.c: visiting every entry of a table that does not change meanwhile, but for removals with mapdelete and overwriting.
 *
 * A walk is a few numbers, so it can be copied and abandoned, and it writes nothing. It visits what is left of the old array,
 * then the new one; every entry is in one of them. Eight neighbouring buckets (four, where a word has 32 bits) are a group: first
 * come the slots of the buckets themselves, all at once, because where a single bucket ends nobody can predict; then, bucket by
 * bucket, what has overflowed. The walk starts at a group and a slot that were drawn with the seed: two walks agree, two tables
 * do not, and inserting what comes out of one table into another is not quadratic. */
#include "map.h"
#include "probe.h"

enum {
  groupSlots = groupCnt * bucketCnt,
  noChain = groupCnt + 1 /* mapwalk.chain: nothing has overflowed */
};

typedef struct mapwalk {
  unsigned char *block; /* of the group's first bucket; in an overflow bucket, where that would be if all were in a row */
  size_t rest;          /* slots that are still to come, turned so that the first is the lowest */
  uint32_t n;           /* groups entered so far, in the old array and then in the new one */
  uint8_t i;            /* the slot of the entry that the walk came to last: 8 * bucket in the group + slot in the bucket */
  uint8_t offset;       /* the slot that comes first */
  uint8_t chain;        /* 0, 1 + the bucket in the group whose overflow buckets are being visited, or noChain */
  uint8_t state;        /* the owner's */
} mapwalk;
_Static_assert(sizeof(mapwalk) <= 2 * sizeof(size_t) + 8, "fits in a GHashTableIter");

/* An array's part of a walk. */
typedef struct walkArray {
  bucketArray *a;
  const maptype *t;
  size_t first;  /* the walk's group that is its first */
  size_t groups; /* how many it has */
} walkArray;

ALWAYS_INLINE size_t groupsOf(const bucketArray *a)
{
  return a->B > groupBits ? bucketShift((uint8_t)(a->B - groupBits)) : 1;
}
/* The array that group n of a walk is in; its groups end before n if there is none. */
ALWAYS_INLINE walkArray walkIn(const hmap *h, const maptype *t, size_t n)
{
  size_t old = growing(h) ? groupsOf(h->oldbuckets) : 0;
  if (n < old)
    return (walkArray){h->oldbuckets, oldType(h, t), 0, old};
  return (walkArray){h->buckets, newType(h, t), old, groupsOf(h->buckets)};
}
/* The number of the first bucket of group n. */
ALWAYS_INLINE size_t groupStart(const hmap *h, const walkArray *in, size_t n)
{
  return (walkStart(h, in->a) + ((n - in->first) << groupBits)) & bucketMask(in->a->B) & ~(size_t)(groupCnt - 1);
}
/* The buckets of the group from start on that are there and whose entries have not moved on: *from up to what it returns. */
ALWAYS_INLINE unsigned walkable(const hmap *h, const walkArray *in, size_t start, unsigned *from)
{
  size_t n = bucketShift(in->a->B), moved = in->a == h->oldbuckets && h->nevacuate > start ? h->nevacuate - start : 0;
  *from = moved < groupCnt ? (unsigned)moved : groupCnt;
  if (!hasSegment(in->a, start)) /* a group is never in two */
    return 0;
  return n < groupCnt ? (unsigned)n : groupCnt;
}

/* The overflow bucket that a walk is in, or NULL. */
ALWAYS_INLINE bmap *walkBucket(const walkArray *in, const mapwalk *w)
{
  if (!w->chain || w->chain == noChain)
    return NULL;
  return (bmap *)(void *)(w->block + (w->chain - 1u) * in->t->blocksize) - 1;
}

/* The place of the entry that a walk came to last. */
static place walkHere(const hmap *h, const maptype *t, const mapwalk *w)
{
  walkArray in = walkIn(h, t, w->n - 1);
  place p = bucketAt(in.t, in.a, groupStart(h, &in, w->n - 1) + (w->i >> bucketCntBits));
  bmap *b = walkBucket(&in, w);
  if (b)
    toOverflow(in.t, &p, b);
  p.i = w->i & (bucketCnt - 1);
  return p;
}

ALWAYS_INLINE void setRest(mapwalk *w, size_t full)
{
  w->rest = full >> w->offset | full << (-w->offset & (groupSlots - 1));
}

/* The slots of the group from start on that have entries, but for what has overflowed, and whether anything has. */
ALWAYS_INLINE size_t headSlots(const hmap *h, const walkArray *in, size_t start, bool *overflowed)
{
  size_t full = 0;
  uint64_t links = 0;
  unsigned c, end = walkable(h, in, start, &c);
  unsigned char *segment = in->a->segments[start >> in->t->segbits];
  for (; c < end; c++) {
    const bmap *b = bmapIn(segment, (start & segmentMask(in->t)) + c);
    full |= (size_t)matchFull(b) << (c << bucketCntBits);
    links |= b->link;
  }
  *overflowed = addressIn(links);
  return full;
}

/* Makes a walk forget the entries that have been removed since it came to where it is. */
static void walkForget(const hmap *h, const maptype *t, mapwalk *w)
{
  if (!w->rest)
    return;
  mapwalk now = *w;
  size_t full = 0;
  if (h->count) { /* else the order is another, and the group with it */
    bool overflowed;
    walkArray in = walkIn(h, t, w->n - 1);
    const bmap *b = walkBucket(&in, w);
    full = b ? (size_t)matchFull(b) << ((w->chain - 1u) << bucketCntBits)
             : headSlots(h, &in, groupStart(h, &in, w->n - 1), &overflowed);
  }
  setRest(&now, full);
  w->rest &= now.rest;
}

/* Goes to the next overflow bucket of the present group that has entries. Returns false if there is none. */
static bool walkOverflow(const hmap *h, const maptype *t, mapwalk *w)
{
  walkArray in = walkIn(h, t, w->n - 1);
  size_t start = groupStart(h, &in, w->n - 1);
  unsigned c, end = walkable(h, &in, start, &c);
  bmap *b = walkBucket(&in, w);
  if (b)
    c = w->chain - 1u;
  for (; c < end; c++, b = NULL) {
    if (!b)
      b = bucketAt(in.t, in.a, start + c).b;
    while ((b = overflowOf(b))) {
      slots full = matchFull(b);
      if (!full)
        continue;
      w->chain = (uint8_t)(c + 1);
      w->block = (unsigned char *)(b + 1) - c * in.t->blocksize;
      setRest(w, (size_t)full << (c << bucketCntBits));
      return true;
    }
  }
  return false;
}

/* Has the blocks fetched that follow those of a group: mostly, the next group's. */
ALWAYS_INLINE void prefetchGroup(const maptype *t, const unsigned char *block)
{
  for (size_t n = groupCnt * t->blocksize; n < 2 * groupCnt * t->blocksize; n += 64)
    __builtin_prefetch(block + n);
}

/* Has the overflow buckets fetched that follow n buckets, from bmap first on: they lie anywhere, and are visited after those.
 * Without a branch, for which buckets have one nobody can predict. */
ALWAYS_INLINE void prefetchOverflow(const maptype *t, const bmap *first, unsigned n)
{
  for (unsigned c = 0; c < n; c++) {
    const bmap *b = overflowOf(first - c);
    const unsigned char *block = (const unsigned char *)((b ? b : first) + 1);
    __builtin_prefetch(block - sizeof(bmap));
    prefetchBlock(t, block);
  }
}

/* How many groups from n on have no entries because their segment is not there or has been evacuated, or no more. */
static size_t emptyGroups(const hmap *h, const walkArray *in, size_t n)
{
  size_t start = groupStart(h, in, n);
  if (oneSegment(in->a))
    return 0;
  if (n == in->first && tailOf(in->a)->first)
    return tailOf(in->a)->first >> groupBits;
  if (in->a == h->oldbuckets && start + groupCnt <= h->nevacuate)
    return (h->nevacuate - start) >> groupBits;
  return hasSegment(in->a, start) ? 0 : (segmentMask(in->t) + 1 - (start & segmentMask(in->t))) >> groupBits;
}
/* Moves a walk over such groups. Returns false at the end; else *in is the array that it is in. */
static bool walkAhead(const hmap *h, const maptype *t, mapwalk *w, walkArray *in)
{
  for (;;) {
    HMAP_COUNT(entered, 1);
    *in = walkIn(h, t, w->n);
    size_t left = in->first + in->groups - w->n, empty = left ? emptyGroups(h, in, w->n) : 0;
    if (!left || !empty)
      return left;
    w->n += (uint32_t)(empty < left ? empty : left);
  }
}

/* Enters the next group that there is. Returns false at the end. */
static bool walkHeads(const hmap *h, const maptype *t, mapwalk *w)
{
  walkArray in;
  if (!walkAhead(h, t, w, &in))
    return false;
  bool overflowed;
  size_t start = groupStart(h, &in, w->n++), full = headSlots(h, &in, start, &overflowed);
  w->chain = overflowed ? 0 : noChain;
  if (full) {
    w->block = blockAt(in.t, in.a, start);
    if (in.groups > 1) {
      prefetchGroup(in.t, w->block);
      if (overflowed)
        prefetchOverflow(in.t, bmapIn(in.a->segments[start >> in.t->segbits], start & segmentMask(in.t)), groupCnt);
    }
  }
  setRest(w, full);
  return true;
}

/* Enters the only bucket of a table, which has entries and, mostly, has not overflowed. */
ALWAYS_INLINE void walkOnly(const hmap *h, mapwalk *w)
{
  const bmap *b = onlyBucket(h);
  w->n = 1;
  w->chain = unlikely(overflowOf(b)) ? 0 : noChain;
  w->block = h->buckets->segments[0];
  setRest(w, matchFull(b));
}

/* Begins a walk, which is {0}, over a lone table with entries as walkGroup does. */
ALWAYS_INLINE void walkLone(const hmap *h, mapwalk *w)
{
  w->offset = (uint8_t)(h->order >> (32 - groupBits - bucketCntBits));
  walkOnly(h, w);
}

/* Goes to where the next entries are. Returns false at the end. */
NOINLINE bool walkGroup(const hmap *h, const maptype *t, mapwalk *w)
{
  const bool only = h->B == 0 && !growing(h);
  if (h->count == 0 || (only && w->n && w->chain == noChain))
    return false; /* a removal that emptied the table has changed where walks start */
  if (w->n == 0) {
    w->offset = (uint8_t)(h->order >> (32 - groupBits - bucketCntBits));
    if (only)
      walkOnly(h, w);
    if (w->rest)
      return true;
  }
  for (;;) {
    if (w->n && w->chain != noChain && walkOverflow(h, t, w))
      return true;
    if (!walkHeads(h, t, w))
      return false;
    if (w->rest)
      return true;
  }
}

/* Goes to the next entry where the walk is; there must be one. */
ALWAYS_INLINE void walkSlot(mapwalk *w)
{
  w->i = (uint8_t)(((unsigned)__builtin_ctzl(w->rest) + w->offset) & (groupSlots - 1));
  w->rest &= w->rest - 1;
}
/* Block, format and slot of the entry that a walk came to last, which is all that it takes to read it, where all blocks have
 * format t; */
ALWAYS_INLINE place walkPlain(const maptype *t, const mapwalk *w)
{
  if (t->blocksize == bucketCnt * t->slotsize)
    return (place){.block = w->block, .t = t, .i = w->i}; /* the group's slots are in a row */
  return (place){.block = w->block + (size_t)(w->i >> bucketCntBits) * t->blocksize, .t = t, .i = w->i & (bucketCnt - 1)};
}
/* and in any table. */
ALWAYS_INLINE place walkEntry(const hmap *h, const maptype *t, const mapwalk *w)
{
  if (t->formats && unlikely(!taggedPlain(h)))
    return walkHere(h, t, w);
  return walkPlain(t, w);
}

/* Moves a walk, which begins as {0}, to the next entry. Returns true, with the block, format and slot of the entry in *p, or
 * false at the end. */
ALWAYS_INLINE bool walknext(const hmap *h, const maptype *t, mapwalk *w, place *p)
{
  if (!w->rest && !walkGroup(h, t, w))
    return false;
  walkSlot(w);
  *p = walkEntry(h, t, w);
  return true;
}
