/* mem.c: arrays of buckets and their memory.
 *
 * An array of more than 48 KiB comes from the system untouched, as zero pages, and zero is what an empty bucket is made of: so
 * making one costs the same at every size. It goes back in pieces of at most 32 KiB, one an operation, because returning a
 * gigabyte at once stalls as badly as a rehash does. (A piece has at least a page or two, which is more where pages have 64 KiB.)
 * Smaller ones come from malloc; only their bmaps have to be zeroed. */
#include "map.h"
#include <sys/mman.h>
#include <unistd.h>

enum { maxHeapArray = 48 << 10, releasePiece = 32 << 10 };

static size_t pageSize(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of an allocation of n buckets. */
static size_t arrayBytes(const maptype *t, size_t n)
{
  return blockOffset(n) + n * t->blocksize;
}
/* Bytes of a half bucket. */
static size_t halfBytes(const maptype *t)
{
  return arrayBytes(t, 1) - halfCnt * t->slotsize;
}
static size_t bytesOfArray(bucketArray *a)
{
  return bmapsOf(a)->half ? halfBytes(a->t) : arrayBytes(a->t, a->n);
}

static void *mapPages(size_t bytes)
{
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return NULL;
  HMAP_COUNT(maps, 1);
#ifdef MADV_NOHUGEPAGE
  madvise(p, bytes, MADV_NOHUGEPAGE); /* a huge page is zeroed in one fault, for milliseconds */
#endif
  return p;
}

/* Returns memory for n empty buckets, the last tail of them overflow buckets, or NULL if there is none. */
static bucketArray *newArray(const maptype *t, size_t n, size_t tail)
{
  if (n > UINT32_MAX || n > (SIZE_MAX / 2 - 4096) / (sizeof(bmap) + t->blocksize))
    return NULL;
  size_t bytes = arrayBytes(t, n);
  bool heap = bytes <= maxHeapArray;
  bucketArray *a = heap ? malloc(bytes) : mapPages(bytes);
  if (!a)
    return NULL;
  if (heap) {
    memset(a + 1, 0, n * sizeof(bmap));
    HMAP_COUNT(touched, n * sizeof(bmap));
  }
  *a = (bucketArray){.t = t, .n = (uint32_t)n, .tail = (uint32_t)tail};
  return a;
}

/* Go's rule: from B 4 on, one overflow bucket for each 16 buckets comes with the array. */
static size_t overflowShare(uint8_t B)
{
  return B < 4 ? 0 : bucketShift(B - 4);
}

/* Returns an array of 2^B buckets, all empty, with its first overflow buckets; or NULL if there is no memory. */
static bmap *makeBucketArray(const maptype *t, uint8_t B)
{
  size_t tail = overflowShare(B);
  bucketArray *a = newArray(t, bucketShift(B) + tail, tail);
  return a ? bmapsOf(a) : NULL;
}

/* Returns an array of one bucket with half its slots, or NULL if there is no memory. */
static bmap *makeHalfBucket(const maptype *t)
{
  bucketArray *a = malloc(halfBytes(t));
  if (!a)
    return NULL;
  *a = (bucketArray){.t = t, .n = 1};
  bmap *b = bmapsOf(a);
  *b = (bmap){.half = true};
  memset(b->tophash + halfCnt, noSlot, bucketCnt - halfCnt);
  HMAP_COUNT(touched, sizeof *b);
  return b;
}

/* How many overflow buckets there is memory for. */
static size_t overflowRoom(const bucketArray *a)
{
  return a->chunks ? a->chunks->first + a->chunks->tail : a->tail;
}

/* Adds a chunk of overflow buckets to an array: twice the last one, or what memory there is. Returns false if there is none. */
static bool newChunk(bucketArray *a)
{
  size_t room = overflowRoom(a), last = a->chunks ? a->chunks->tail : a->tail, n = last ? 2 * last : 1;
  bucketArray *chunk = NULL;
  for (; n && !chunk; n /= 2)
    chunk = room + n < UINT32_MAX ? newArray(a->t, n, n) : NULL;
  if (!chunk)
    return false;
  chunk->first = (uint32_t)room;
  chunk->next = a->chunks;
  a->chunks = chunk;
  return true;
}

/* Sees to it that the next n calls of newoverflow on an array succeed. Returns false if there is no memory. */
static bool reserveOverflow(bmap *buckets, size_t n)
{
  bucketArray *a = arrayOf(buckets);
  while (overflowRoom(a) - a->nextOverflow < n)
    if (!newChunk(a))
      return false;
  return true;
}

static size_t pageUp(size_t n)
{
  size_t page = pageSize();
  return (n + page - 1) & ~(page - 1);
}
static size_t pageDown(size_t n)
{
  return n & ~(pageSize() - 1);
}
static size_t larger(size_t a, size_t b)
{
  return a > b ? a : b;
}

/* Gives pages between two offsets of an allocation back to the system; if it refuses, because unmapping would leave it with
 * too many pieces, they are at least emptied. */
static void unmapBetween(bucketArray *a, size_t from, size_t to)
{
  if (from >= to)
    return;
  unsigned char *p = (unsigned char *)a + from;
  HMAP_COUNT(freed, to - from);
  if (munmap(p, to - from) != 0)
    madvise(p, to - from, MADV_DONTNEED);
}

/* The offsets up to which bmaps and blocks are gone from a mapped array when its first k buckets have been released. The page
 * of the header stays, and so does the one where bmaps end and blocks begin. */
static size_t bmapsGone(const bucketArray *a, size_t k)
{
  return larger(pageUp(sizeof *a), pageDown(sizeof *a + k * sizeof(bmap)));
}
static size_t blocksGone(const bucketArray *a, size_t k)
{
  size_t blocks = blockOffset(a->n);
  return larger(pageUp(blocks), pageDown(blocks + k * a->t->blocksize));
}

/* How many buckets make a piece. */
static size_t bucketsAPiece(const maptype *t)
{
  size_t n = 1;
  while (2 * n * (sizeof(bmap) + t->blocksize) <= releasePiece)
    n *= 2;
  return n;
}

/* Gives back one piece of what the buckets below limit take in a mapped array. Returns false if there is no whole piece. */
static bool releaseBelow(bucketArray *a, size_t limit)
{
  size_t from = a->released, to = from + bucketsAPiece(a->t);
  if (to > limit || bytesOfArray(a) <= maxHeapArray)
    return false;
  unmapBetween(a, bmapsGone(a, from), bmapsGone(a, to));
  unmapBetween(a, blocksGone(a, from), blocksGone(a, to));
  a->released = (uint32_t)to;
  return true;
}

/* Frees what is left of one allocation. */
static void freeArray(bucketArray *a)
{
  size_t bytes = bytesOfArray(a), k = a->released;
  if (bytes <= maxHeapArray) {
    HMAP_COUNT(freed, bytes);
    free(a);
    return;
  }
  unmapBetween(a, blocksGone(a, k), pageUp(bytes));
  unmapBetween(a, bmapsGone(a, k), pageUp(blockOffset(a->n)));
  unmapBetween(a, 0, pageUp(sizeof *a));
}

static bucketArray *popChunk(bucketArray *a)
{
  bucketArray *chunk = a->chunks;
  a->chunks = chunk->next;
  return chunk;
}

/* Frees an array and its chunks at once. */
static void freeBuckets(bmap *buckets)
{
  if (!buckets)
    return;
  bucketArray *a = arrayOf(buckets);
  while (a->chunks)
    freeArray(popChunk(a));
  freeArray(a);
}

static bool pinned(bucketArray *a)
{
  return __atomic_load_n(&a->pins, __ATOMIC_ACQUIRE) != 0;
}

/* Hands an array that the table does not need any more over to releaseRetired. */
static void retire(hmap *h, bmap *buckets)
{
  bucketArray *a = arrayOf(buckets);
  a->next = h->retired ? h->retired->next : a;
  if (h->retired)
    h->retired->next = a;
  h->retired = a;
}

/* Frees one piece of the first retired array; one that an iterator pins is put last instead. */
NOINLINE void releaseRetired(hmap *h)
{
  bucketArray *a = h->retired->next;
  if (pinned(a)) {
    h->retired = a;
  } else if (a->chunks) {
    if (!releaseBelow(a->chunks, a->chunks->n))
      freeArray(popChunk(a));
  } else if (!releaseBelow(a, a->n)) {
    h->retired->next = a->next;
    if (h->retired == a)
      h->retired = NULL;
    freeArray(a);
  }
}

/* Frees all retired arrays at once, even pinned ones. */
static void freeRetired(hmap *h)
{
  while (h->retired) {
    bucketArray *a = h->retired->next;
    h->retired->next = a->next;
    if (h->retired == a)
      h->retired = NULL;
    freeBuckets(bmapsOf(a));
  }
}
