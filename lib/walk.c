/* walk.c: visiting every entry of a table that does not change meanwhile, but for removals with mapdelete.
 *
 * A walk is a number, so it can be copied and abandoned, and it writes nothing. It visits what is left of the old array, then the
 * new one; every entry is in one of them. It starts at a bucket and a slot that hash0 draws: two walks agree, two tables do not,
 * and inserting what comes out of one table into another is not quadratic. */
#include "map.h"
#include "probe.h"

typedef struct mapwalk {
  size_t n;          /* chains entered so far, in the old array and then in the new one */
  uint32_t overflow; /* where in the chain: 0 its head, else 1 + the overflow bucket's number */
  uint8_t i;         /* slots of the bucket passed so far */
} mapwalk;

/* Chains of the old array that a walk visits. */
ALWAYS_INLINE size_t walkOld(const hmap *h)
{
  return growing(h) ? noldbuckets(h) : 0;
}

/* The place of a walk's bucket: chain n-1, from a start that hash0 draws. */
ALWAYS_INLINE place walkPlace(const hmap *h, const maptype *t, const mapwalk *w)
{
  size_t start = (size_t)h->hash0.k1, n = w->n - 1, old = walkOld(h);
  place p = n < old ? oldBucketAt(h, t, (start + n) & (old - 1))
                    : bucketAt(newType(h, t), h->buckets, h->blocks, (start + n - old) & bucketMask(h->B));
  if (unlikely(w->overflow))
    toOverflow(&p, w->overflow - 1);
  return p;
}

/* Enters the next chain that has anything in it. Returns false at the end. */
static bool walkChain(const hmap *h, mapwalk *w)
{
  size_t old = walkOld(h), all = h->buckets ? old + bucketShift(h->B) : 0, start = (size_t)h->hash0.k1;
  for (; w->n < all; w->n++) {
    if (w->n < old) {
      size_t b = (start + w->n) & (old - 1);
      if (bucketEvacuated(h, b) || h->oldbuckets[b].tophash[0] == emptyRest)
        continue;
    } else if (h->buckets[(start + w->n - old) & bucketMask(h->B)].tophash[0] == emptyRest) {
      continue;
    }
    w->n++;
    w->overflow = 0;
    w->i = 0;
    return true;
  }
  return false;
}

/* Moves a walk, which begins as {0}, to the next entry. Returns true and the entry's place, or false at the end. */
ALWAYS_INLINE bool walknext(const hmap *h, const maptype *t, mapwalk *w, place *p)
{
  const unsigned offset = (unsigned)(h->hash0.k0 >> 61);
  if (h->count == 0 || (w->n == 0 && !walkChain(h, w)))
    return false; /* a removal that emptied the table has changed hash0, and with it the start */
  for (;;) {
    *p = walkPlace(h, t, w);
    if (w->i < bucketCnt) {
      slots full = matchFull(p->b);
      full = ((full >> offset | full << (bucketCnt - offset)) & 0xff) >> w->i;
      if (full) {
        w->i = (uint8_t)(w->i + firstSlot(full) + 1);
        p->i = (w->i - 1 + offset) & (bucketCnt - 1);
        return true;
      }
    }
    w->i = 0;
    w->overflow = p->b->overflow;
    if (!w->overflow && !walkChain(h, w))
      return false;
  }
}

/* The place of the entry that a walk came to last. */
ALWAYS_INLINE place walkHere(const hmap *h, const maptype *t, const mapwalk *w)
{
  place p = walkPlace(h, t, w);
  p.i = (w->i - 1 + (unsigned)(h->hash0.k0 >> 61)) & (bucketCnt - 1);
  return p;
}
