/* dump.c: hmap_dump, a drawing of a table's buckets for people. include/hmap.h explains it. */
#include "map.h"
#include <stdio.h>

/* What a slot looks like, in two columns. */
static void drawSlot(const bmap *b, unsigned i, FILE *out)
{
  uint8_t top = b->tophash[i];
  if (evacuated(b))
    fputs(top == evacuatedX ? " X" : top == evacuatedY ? " Y" : "..", out);
  else if (top >= minTopHash)
    fprintf(out, "%02x", top);
  else
    fputs(top == emptyRest ? ".." : top == emptyOne ? "--" : "  ", out);
}

static void drawBucket(const bmap *b, FILE *out)
{
  for (unsigned i = 0; i < bucketCnt; i++) {
    fputc(i ? ' ' : '[', out);
    drawSlot(b, i, out);
  }
  fputc(']', out);
}

/* Draws a chain. Where it has been evacuated, says to which buckets: x, and y if that is another. */
static void drawChain(bmap *buckets, size_t i, size_t x, size_t y, FILE *out)
{
  bmap *b = &buckets[i];
  fprintf(out, "%10zu  ", i);
  drawBucket(b, out);
  for (uint32_t k; (k = b->overflow);) {
    b = overflowBucket(buckets, k - 1).b;
    fprintf(out, " -> #%" PRIu32 " ", k - 1);
    drawBucket(b, out);
  }
  if (evacuated(&buckets[i]))
    fprintf(out, x == y ? "  X %zu" : "  X %zu, Y %zu", x, y);
  fputc('\n', out);
}

/* A line for buckets that there is nothing to draw of: from first to before last. */
static void drawRun(size_t first, size_t last, const char *what, FILE *out)
{
  if (first + 1 == last)
    fprintf(out, "%10zu  %s\n", first, what);
  else if (first < last)
    fprintf(out, "%zu-%zu  %s\n", first, last - 1, what);
}

static bool nothingIn(const bmap *b)
{
  return b->tophash[0] == emptyRest;
}

/* Draws an array. Entries that have left it went to bucket i of the next, or to i + newbit. */
static void drawArray(bmap *buckets, size_t newbit, FILE *out)
{
  bucketArray *a = arrayOf(buckets);
  size_t n = a->n - a->tail, empty = a->released;
  drawRun(0, a->released, "evacuated, and given back", out);
  for (size_t i = a->released; i < n; i++) {
    if (nothingIn(&buckets[i]))
      continue;
    drawRun(empty, i, "empty", out);
    drawChain(buckets, i, i, i + newbit, out);
    empty = i + 1;
  }
  drawRun(empty, n, "empty", out);
}

static void mapdump(const hmap *h, FILE *out)
{
  hmap_stats s;
  mapstats(h, &s);
  fprintf(out, "entries %zu, buckets %zu, overflow buckets %zu, load %.2f\n", s.len, s.nbuckets, s.noverflow, s.load);
  if (growing(h)) {
    fprintf(out, "growing: old buckets, %zu of %zu evacuated\n", s.nevacuated, s.noldbuckets);
    drawArray(h->oldbuckets, flagsOf(h) & sameSizeGrow ? 0 : noldbuckets(h), out);
    fputs("new buckets\n", out);
  }
  if (h->buckets)
    drawArray(h->buckets, 0, out);
}
