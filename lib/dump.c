/* dump.c: hmap_dump, a drawing of a table's buckets for people. include/hmap.h explains it. */
#include "map.h"
#include <stdio.h>

/* What a slot looks like, in two columns. */
static void drawSlot(const bmap *b, unsigned i, bool moved, FILE *out)
{
  uint8_t top = b->tophash[i];
  if (moved)
    fputs(top == evacuatedX ? " X" : top == evacuatedY ? " Y" : "..", out);
  else if (top >= minTopHash)
    fprintf(out, "%02x", top);
  else
    fputs(top == emptyRest ? ".." : top == emptyOne ? "--" : "  ", out);
}

static void drawBucket(const bmap *b, bool moved, FILE *out)
{
  for (unsigned i = 0; i < bucketCnt; i++) {
    fputc(i ? ' ' : '[', out);
    drawSlot(b, i, moved, out);
  }
  fputc(']', out);
}

/* Draws chain i, whose overflow buckets get the next numbers from *k on. If its entries have moved, says to which buckets: x, and
 * y if that is another. */
static void drawChain(const bmap *b, size_t i, bool moved, size_t x, size_t y, size_t *k, FILE *out)
{
  fprintf(out, "%10zu  ", i);
  drawBucket(b, moved, out);
  while ((b = overflowOf(b))) {
    fprintf(out, " -> #%zu ", (*k)++);
    drawBucket(b, moved, out);
  }
  if (moved)
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

/* Draws an array. The entries of buckets below evacuated went to the bucket of that number in the next, whose mask is given, or
 * newbit further. */
static void drawArray(bucketArray *a, size_t evacuated, size_t newbit, size_t mask, FILE *out)
{
  size_t released = (size_t)a->released << a->t->segbits, empty = released, k = 0;
  drawRun(0, released, "evacuated, and given back", out);
  for (size_t i = released; i < bucketShift(a->B); i++) {
    const bmap *b = hasSegment(a, i) ? bucketAt(a->t, a, i).b : NULL;
    if (!b || (b->tophash[0] == emptyRest && !overflowOf(b)))
      continue;
    drawRun(empty, i, "empty", out);
    drawChain(b, i, i < evacuated, i & mask, (i + newbit) & mask, &k, out);
    empty = i + 1;
  }
  drawRun(empty, bucketShift(a->B), "empty", out);
}

static void mapdump(const hmap *h, FILE *out)
{
  hmap_stats s;
  mapstats(h, &s);
  fprintf(out, "entries %zu, buckets %zu, overflow buckets %zu, load %.2f\n", s.len, s.nbuckets, s.noverflow, s.load);
  if (growing(h)) {
    fprintf(out, "%s: old buckets, %zu of %zu evacuated\n", shrinking(h) ? "shrinking" : "growing", s.nevacuated, s.noldbuckets);
    drawArray(h->oldbuckets, h->nevacuate, newBit(h), h->mask, out);
    fputs("new buckets\n", out);
  }
  if (h->buckets)
    drawArray(h->buckets, 0, 0, h->mask, out);
}
