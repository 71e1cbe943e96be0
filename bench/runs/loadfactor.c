/* loadfactor.c: what a load factor costs. Built once for each factor by loadfactor.sh; prints one row of the table at the head of
 * lib/map.c. Tables of 8-byte keys and elems, filled with random keys to the moment before they grow. */
#include "engine.c"
#include <stdio.h>

enum { tables = 20, logBuckets = 15 };

static const hmap_type wordType = {HMAP_BYTES, 8, 8, NULL, NULL};

typedef struct row {
  double overflow, bytes, hit, miss;
} row;

/* Buckets that a lookup reads, summed: over the entries of a chain, and over the eight filter bits that an absent key may have.
 */
static void countReads(const hmap *h, place p, row *sum)
{
  uint8_t filter = 0xff;
  for (unsigned n = 1;; n++) {
    sum->hit += n * __builtin_popcount(matchFull(p.b));
    sum->miss += __builtin_popcount(filter) / 8.0;
    filter &= filterOf(p.b);
    if (!nextInChain(&p))
      return;
  }
}

static void measure(row *sum)
{
  hmap *h = hmap_make(&wordType, 0);
  size_t full = loadFactorNum * (bucketShift(logBuckets) / loadFactorDen);
  hmap_stats s;
  while (h && h->count < full) {
    uint64_t key = newRandom();
    if (!hmap_assign(h, &key))
      abort();
  }
  if (!h)
    abort();
  hmap_getstats(h, &s);
  row reads = {0};
  for (size_t i = 0; i < s.nbuckets; i++)
    countReads(h, bucketAt(h->t, h->buckets, i), &reads);
  sum->overflow += 100.0 * (double)s.noverflow / (double)s.nbuckets / tables;
  sum->bytes += ((double)(s.nbuckets + s.noverflow) * (double)(sizeof(bmap) + h->t->blocksize) / (double)s.len - 16) / tables;
  sum->hit += reads.hit / (double)s.len / tables;
  sum->miss += reads.miss / (double)s.nbuckets / tables;
  hmap_free(h);
}

int main(void)
{
  row sum = {0};
  for (int i = 0; i < tables; i++)
    measure(&sum);
  printf(" *   %4.1f  %10.2f  %11.2f  %9.3f  %10.3f\n", (double)loadFactorNum / loadFactorDen, sum.overflow, sum.bytes, sum.hit,
         sum.miss);
  return 0;
}
