/* walk.c: visiting every entry of a table that does not change meanwhile, but for removals with mapdelete and overwriting.
 *
 * A walk is a few numbers, so it can be copied and abandoned, and it writes nothing. It visits what is left of the old array,
 * then the new one; every entry is in one of them. It starts at a bucket and a slot that hash0 draws: two walks agree, two tables
 * do not, and inserting what comes out of one table into another is not quadratic. */
#include "map.h"
#include "probe.h"

typedef struct mapwalk {
  size_t n;       /* chains entered so far, in the old array and then in the new one */
  bmap *overflow; /* where in the chain: an overflow bucket, or NULL for its head */
  uint8_t i;      /* the slot of the entry that the walk came to last */
  uint8_t rest;   /* slots of this bucket that are still to come, turned so that the first is the lowest */
} mapwalk;

/* Chains of the old array that a walk visits. */
ALWAYS_INLINE size_t walkOld(const hmap *h)
{
  return growing(h) ? noldbuckets(h) : 0;
}
/* The slot that comes first in every bucket. */
ALWAYS_INLINE unsigned walkOffset(const hmap *h)
{
  return (unsigned)(h->hash0.k0 >> 61);
}

/* The place of the entry that a walk came to last: in chain n-1, from a start that hash0 draws. */
ALWAYS_INLINE place walkHere(const hmap *h, const maptype *t, const mapwalk *w)
{
  size_t start = (size_t)h->hash0.k1, n = w->n - 1, old = walkOld(h);
  place p =
      n < old ? oldBucketAt(h, t, (start + n) & (old - 1)) : bucketAt(newType(h, t), h->buckets, (start + n - old) & h->mask);
  if (unlikely(w->overflow != NULL))
    toOverflow(p.a->t, &p, w->overflow);
  p.i = w->i;
  return p;
}

/* Whether chain i of an array is empty. */
ALWAYS_INLINE bool emptyChain(const bucketArray *a, const maptype *t, size_t i)
{
  return !hasSegment(a, i) || bmapIn(a->segments[i >> t->segbits], i & segmentMask(t))->tophash[0] == emptyRest;
}

/* Enters the next chain that has anything in it. Returns false at the end. */
static bool walkChain(const hmap *h, const maptype *t, mapwalk *w)
{
  size_t old = walkOld(h), all = h->buckets ? old + bucketShift(h->B) : 0, start = (size_t)h->hash0.k1;
  for (; w->n < all; w->n++) {
    size_t b = start + w->n;
    if (w->n < old ? bucketEvacuated(h, b & (old - 1)) || emptyChain(h->oldbuckets, oldType(h, t), b & (old - 1))
                   : emptyChain(h->buckets, newType(h, t), (b - old) & h->mask))
      continue;
    w->n++;
    w->overflow = NULL;
    return true;
  }
  return false;
}

/* Enters the next bucket that has entries. Returns false at the end. */
NOINLINE bool walkBucket(const hmap *h, const maptype *t, mapwalk *w)
{
  const unsigned offset = walkOffset(h);
  slots full;
  do {
    if (w->n)
      w->overflow = overflowOf(walkHere(h, t, w).b);
    if (!w->overflow && !walkChain(h, t, w))
      return false;
    full = matchFull(walkHere(h, t, w).b);
  } while (!full);
  w->rest = (uint8_t)(full >> offset | full << (bucketCnt - offset));
  return true;
}

/* Moves a walk, which begins as {0}, to the next entry. Returns true and the entry's place, or false at the end. Between calls *p
 * must stay as it is; walkresume is for callers that do not keep it. */
ALWAYS_INLINE bool walknext(const hmap *h, const maptype *t, mapwalk *w, place *p)
{
  if (unlikely(h->count == 0))
    return false; /* a removal that emptied the table has changed hash0, and with it the start */
  if (!w->rest) {
    if (!walkBucket(h, t, w))
      return false;
    *p = walkHere(h, t, w);
  } else if (p->t->formats && unlikely(isWide(p->b)) && p->t != wideFormat(p->t)) {
    resolveBlock(p->t, p); /* overwriting has just widened it */
  }
  p->i = (firstSlot(w->rest) + walkOffset(h)) & (bucketCnt - 1);
  w->i = (uint8_t)p->i;
  w->rest &= (uint8_t)(w->rest - 1);
  return true;
}
ALWAYS_INLINE bool walkresume(const hmap *h, const maptype *t, mapwalk *w, place *p)
{
  if (w->rest && h->count)
    *p = walkHere(h, t, w);
  return walknext(h, t, w, p);
}
