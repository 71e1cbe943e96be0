/* stats.c: a table's figures. */
#include "map.h"

/* Bytes of an array that have not gone back to the system. */
static size_t arrayFootprint(const bucketArray *a)
{
  size_t bytes = a ? a->bytes : 0;
  if (!a)
    return 0;
  for (size_t i = a->released; !oneSegment(a) && i < nsegments(a); i++) /* the end of a released directory may be gone */
    bytes += !hasSegment(a, i << a->t->segbits) ? 0 : a->paged ? spacing(a->t) : bytesOfSegment(a->t);
  for (const overflowSlab *s = a->slabs; s; s = s->next)
    bytes += bytesOfSlab(a->t, s->n);
  return bytes;
}

static size_t retiredFootprint(const hmap *h)
{
  size_t bytes = 0;
  bucketArray *a = h->retired;
  if (a)
    do
      bytes += arrayFootprint(a);
    while ((a = a->next) != h->retired);
  return bytes;
}

static size_t longestChain(bucketArray *a, size_t from)
{
  size_t longest = 0;
  for (size_t i = from; a && i < bucketShift(a->B); i++) {
    if (!hasSegment(a, i))
      continue;
    place p = bucketAt(a->t, a, i);
    size_t n = 1;
    while (nextInChain(&p))
      n++;
    if (n > longest)
      longest = n;
  }
  return longest;
}

static void mapstats(const hmap *h, hmap_stats *s)
{
  size_t old = longestChain(h->oldbuckets, h->nevacuate), new = longestChain(h->buckets, 0);
  size_t behind = (h->t->indirectkey ? h->t->keysize : 0) + (h->t->indirectelem ? h->t->elemsize : 0);
  *s = (hmap_stats){
      .len = h->count,
      .nbuckets = h->buckets ? bucketShift(h->B) : 0,
      .noverflow = h->noverflow,
      .noldbuckets = growing(h) ? noldbuckets(h) : 0,
      .nevacuated = h->nevacuate,
      .longest_chain = old > new ? old : new,
      .bytes = arrayFootprint(h->buckets) + arrayFootprint(h->oldbuckets) + retiredFootprint(h) + h->count *behind,
      .load = (double)h->count / (double)bucketShift(h->B),
  };
}
