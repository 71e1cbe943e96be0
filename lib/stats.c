/* stats.c: a table's figures. */
#include "map.h"

/* Bytes of an array and its chunks that have not gone back to the system. */
static size_t arrayFootprint(const maptype *t, bmap *buckets)
{
  size_t bytes = 0;
  if (!buckets)
    return 0;
  bucketArray *a = arrayOf(buckets);
  for (bucketArray *c = a; c; c = c == a ? a->chunks : c->next)
    bytes += arrayBytes(t, c->n) - c->released * (sizeof(bmap) + t->blocksize);
  return bytes;
}

static size_t retiredFootprint(const hmap *h)
{
  size_t bytes = 0;
  bucketArray *a = h->retired;
  if (a)
    do
      bytes += arrayFootprint(h->t, bmapsOf(a));
    while ((a = a->next) != h->retired);
  return bytes;
}

static size_t longestChain(const maptype *t, bmap *buckets, size_t from)
{
  size_t longest = 0;
  for (size_t i = from; buckets && i < arrayOf(buckets)->first; i++) {
    place p = bucketAt(t, buckets, blocksOf(arrayOf(buckets)), i);
    size_t n = 1;
    while (nextInChain(t, &p))
      n++;
    if (n > longest)
      longest = n;
  }
  return longest;
}

static void mapstats(const hmap *h, hmap_stats *s)
{
  size_t old = longestChain(h->t, h->oldbuckets, h->nevacuate), new = longestChain(h->t, h->buckets, 0);
  size_t behind = (h->t->indirectkey ? h->t->keysize : 0) + (h->t->indirectelem ? h->t->elemsize : 0);
  *s = (hmap_stats){
      .len = h->count,
      .nbuckets = h->buckets ? bucketShift(h->B) : 0,
      .noverflow = h->noverflow,
      .noldbuckets = growing(h) ? noldbuckets(h) : 0,
      .nevacuated = h->nevacuate,
      .longest_chain = old > new ? old : new,
      .bytes = arrayFootprint(h->t, h->buckets) + arrayFootprint(h->t, h->oldbuckets) + retiredFootprint(h) + h->count * behind,
      .load = (double)h->count / (double)bucketShift(h->B),
  };
}
