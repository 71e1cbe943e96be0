/* mem.c: arrays of buckets and their memory.
 *
 * An array is a directory of segments, each of at most 32 KiB (map.h). A segment gets its memory when the first of its buckets is
 * written to, and they go back one by one as evacuation passes them; where they are malloc's, it hands the same memory out again
 * for the array that is being filled. So a growth needs no more than what the table has in the end, and no operation makes,
 * clears or frees much at once: a gigabyte that is freed in one call stalls as badly as a rehash does. The segments of large
 * arrays are in pages of the system's (pages.c), as are directories of more than 24 KiB, those of two million entries. Overflow
 * buckets come from slabs of the size of a segment. */
#include "map.h"

enum {
  maxHeapArray = 24 << 10,
  maxPassed = 512, /* entries of a directory without a segment that a write passes over */
  mallocAlign = _Alignof(max_align_t) < 8 ? _Alignof(max_align_t) : 8, /* what is counted on: some give no more than they must */
  cacheLine = 64,
  leastPiece = 256 << 10
};

/* Makes n buckets before and behind segment empty. */
static void emptyBuckets(unsigned char *segment, size_t n)
{
  if (n == 1)
    *bmapIn(segment, 0) = (bmap){.link = 0};
  else
    memset(bmapIn(segment, n - 1), 0, n * sizeof(bmap));
  HMAP_COUNT(touched, n * sizeof(bmap));
}

/* Bytes that a segment takes. */
static size_t bytesOfSegment(const maptype *t)
{
  return bucketBytes(t, segmentMask(t) + 1) + cacheLine - 1;
}
/* Where it begins in the memory at p. */
static unsigned char *placeSegment(const maptype *t, unsigned char *p)
{
  return alignUp(p + (segmentMask(t) + 1) * sizeof(bmap), cacheLine);
}
/* The address that malloc returned for segment k. It stands behind the tail and not in the segment itself, because what looks for
 * memory that nothing points to, valgrind for instance, trusts no pointer into the midst of it. */
ALWAYS_INLINE unsigned char **mallocOf(const bucketArray *a, size_t k)
{
  return (unsigned char **)(void *)(tailOf(a) + 1) + k;
}

/* Gives an array segment k, of empty buckets, its blocks on a cache line. Returns false if there is no memory. */
static bool newSegment(bucketArray *a, size_t k)
{
  unsigned char *p = a->paged ? pagesOf(a, k) : malloc(bytesOfSegment(a->t));
  if (!p)
    return false;
  *mallocOf(a, k) = a->paged ? NULL : p;
  a->segments[k] = placeSegment(a->t, p);
  emptyBuckets(a->segments[k], segmentMask(a->t) + 1);
  HMAP_COUNT(segments, 1);
  if (onHugePages(a)) /* where a segment is on two, none of its entries is the first to come to the other one */
    p[spacing(a->t) - 1] = 0;
  return true;
}
/* Frees segment k, if it is there, and leaves other in its place. */
static void freeSegment(bucketArray *a, size_t k, unsigned char *other)
{
  unsigned char *segment = a->segments[k];
  a->segments[k] = other;
  if (!segment || isNoSegment(segment))
    return;
  if (a->paged) {
    releasePages(a, k);
    return;
  }
  HMAP_COUNT(freed, bytesOfSegment(a->t));
  free(*mallocOf(a, k));
  *mallocOf(a, k) = NULL;
}

static size_t bytesOfDirectory(const maptype *t, uint8_t B)
{
  return sizeof(bucketArray) + 2 * (bucketShift(B) >> t->segbits) * sizeof(unsigned char *) + sizeof(arrayTail);
}
/* Returns an array of 2^B buckets with nothing in its directory, its segments mapped if they have at least so many bytes; or NULL
 * if there is no memory. */
static bucketArray *newDirectory(const maptype *t, uint8_t B, size_t mapped)
{
  size_t bytes = bytesOfDirectory(t, B);
  bucketArray *a = bytes > maxHeapArray ? mapArray(bytes) : calloc(1, bytes);
  if (!a)
    return NULL;
  if (bytes <= maxHeapArray)
    HMAP_COUNT(touched, bytes);
  a->t = t;
  a->bytes = (uint32_t)bytes;
  a->B = B;
  tailOf(a)->swept = UINT32_MAX;
  mapSegments(a, mapped);
  return a;
}

/* The alignment of n buckets that are in a piece of memory with something else: what their entries need; from some on, a line. */
static size_t alignOfOwn(const maptype *t, size_t n)
{
  return n < 64 ? t->align : cacheLine;
}
/* Where the only segment of an array of n buckets begins. */
static unsigned char *placeOwnSegment(const bucketArray *a, size_t n)
{
  return alignUp((unsigned char *)(uintptr_t)&a->segments[1] + n * sizeof(bmap), alignOfOwn(a->t, n));
}
/* Returns an array of n buckets, with blocks bytes for their blocks, in one piece; or NULL if there is no memory. */
ALWAYS_INLINE bucketArray *newSmallArray(const maptype *t, size_t n, size_t blocks)
{
  size_t bytes = sizeof(bucketArray) + sizeof(unsigned char *) + n * sizeof(bmap) + alignOfOwn(t, n) - mallocAlign + blocks;
  bucketArray *a = malloc(bytes);
  if (!a)
    return NULL;
  *a = (bucketArray){.t = t, .bytes = (uint32_t)bytes};
  a->segments[0] = placeOwnSegment(a, n);
  emptyBuckets(a->segments[0], n);
  return a;
}

/* Returns an array of 2^B buckets, for evacuation to fill; or NULL if there is no memory, or could not be for all of them. For
 * mapped see newDirectory. */
static bucketArray *makeBucketArray(const maptype *t, uint8_t B, size_t mapped)
{
  if (bucketShift(B) > SIZE_MAX / 2 / bucketBytes(t, 1))
    return NULL;
  if (B > t->segbits)
    return newDirectory(t, B, mapped);
  bucketArray *a = newSmallArray(t, bucketShift(B), bucketShift(B) * t->blocksize);
  if (a)
    a->B = B;
  return a;
}

/* Returns an array of one bucket with half its slots, or NULL if there is no memory. */
static bucketArray *makeHalfBucket(const maptype *t)
{
  bucketArray *a = newSmallArray(t, 1, t->blocksize - halfCnt * t->slotsize);
  if (a)
    *bmapIn(a->segments[0], 0) = (bmap){{[halfCnt] = noSlot, noSlot, noSlot, noSlot}, bucketHalf};
  return a;
}

/* makeBucketArray with all buckets empty, and their memory to come when they are written to. */
static bucketArray *makeEmptyArray(const maptype *t, uint8_t B)
{
  bucketArray *a = makeBucketArray(t, B, SIZE_MAX);
  if (a && !oneSegment(a))
    for (size_t i = 0; i < nsegments(a); i++)
      a->segments[i] = noSegment();
  return a;
}

/* Whether bucket i of an array has memory. */
ALWAYS_INLINE bool hasSegment(const bucketArray *a, size_t i)
{
  const unsigned char *segment = a->segments[i >> a->t->segbits];
  return likely(segment && !isNoSegment(segment));
}
/* The alignment of overflow buckets: what their entries need, and linkTo. */
static size_t alignOfOverflow(const maptype *t)
{
  return linkBits == linkShift ? t->align : 16;
}
/* Bytes of a slab of n overflow buckets. */
static size_t bytesOfSlab(const maptype *t, size_t n)
{
  return sizeof(overflowSlab) + alignOfOverflow(t) - mallocAlign + bucketBytes(t, n);
}
/* Overflow bucket k of a slab. */
static bmap *overflowIn(const maptype *t, overflowSlab *s, size_t k)
{
  return (bmap *)(void *)(alignUp((unsigned char *)(s + 1), alignOfOverflow(t)) + bucketBytes(t, k));
}

/* Returns a slab of n overflow buckets; or NULL if there is no memory, or none that bmap.link can refer to. */
static overflowSlab *newOverflowSlab(const maptype *t, size_t n)
{
  size_t bytes = bytesOfSlab(t, n);
  overflowSlab *s = malloc(bytes);
  if (!s)
    return NULL;
  if (!fitsLink(overflowIn(t, s, 0)) || !fitsLink(overflowIn(t, s, n - 1))) {
    free(s);
    return NULL;
  }
  *s = (overflowSlab){.n = (uint32_t)n};
  return s;
}

/* How many overflow buckets the next slab of an array has: Go's one for each 16 buckets, then twice as many as the last one, but
 * not more than fill a segment. */
static size_t slabSize(const bucketArray *a, const overflowSlab *last)
{
  size_t n = last ? 2 * (size_t)last->n : a->B < 4 ? 1 : bucketShift((uint8_t)(a->B - 4)), most = segmentMask(a->t) + 1;
  return n < most ? n : most;
}

/* Adds a slab to an array, smaller where there is little memory. Returns false if there is none. */
static bool addOverflowSlab(bucketArray *a)
{
  overflowSlab *last = a->filling, *s = NULL;
  while (last && last->next)
    last = last->next;
  for (size_t n = slabSize(a, last); n && !s; n /= 2)
    s = newOverflowSlab(a->t, n);
  if (!s)
    return false;
  *(last ? &last->next : &a->slabs) = s;
  if (!last)
    a->filling = s;
  return true;
}

/* Sees to it that the next n calls of takeOverflow on an array succeed. Returns false if there is no memory. */
static bool reserveOverflow(bucketArray *a, size_t n)
{
  size_t room = 0;
  for (bmap *b = oneSegment(a) ? NULL : tailOf(a)->unlinked; b && room < n; b = overflowOf(b))
    room++;
  for (overflowSlab *s = a->filling; s; s = s->next)
    room += s->n - s->used;
  while (room < n) {
    if (!addOverflowSlab(a))
      return false;
    overflowSlab *s = a->filling;
    while (s->next)
      s = s->next;
    room += s->n;
  }
  return true;
}

/* Returns an empty overflow bucket, of which there must be one. */
static bmap *takeOverflow(bucketArray *a)
{
  bmap *b = oneSegment(a) ? NULL : tailOf(a)->unlinked;
  if (b) {
    tailOf(a)->unlinked = overflowOf(b);
  } else {
    while (a->filling->used == a->filling->n)
      a->filling = a->filling->next;
    b = overflowIn(a->t, a->filling, a->filling->used++);
  }
  *b = (bmap){.link = 0};
  HMAP_COUNT(touched, sizeof *b);
  return b;
}

/* Frees one segment, if there are any among the first n of an array; or passes over many that are not there. Returns false if
 * there are none left. */
static bool releaseSegment(bucketArray *a, size_t n)
{
  if (oneSegment(a) || a->released >= n)
    return false;
  for (size_t passed = 0; passed < maxPassed && a->released < n; passed++) {
    const unsigned char *segment = a->segments[a->released];
    const bool there = segment && !isNoSegment(segment);
    freeSegment(a, a->released++, NULL);
    if (there)
      break;
  }
  return true;
}
/* Frees a piece of what there is beside segments. Returns false if no more is left than freeArray takes at once. */
static bool releaseRest(bucketArray *a)
{
  overflowSlab *s = a->slabs;
  if (a->paged) {
    unmapSegments(a);
    return true;
  }
  if (s) {
    a->slabs = s->next;
    HMAP_COUNT(freed, bytesOfSlab(a->t, s->n));
    free(s);
    return true;
  }
  if (!a->mapped || a->bytes <= leastUnit())
    return false;
  unmapPiece(a);
  return true;
}
static void freeArray(bucketArray *a)
{
  HMAP_COUNT(freed, a->bytes);
  if (a->mapped)
    unmapArray(a);
  else
    free(a);
}

/* glibc gives the end of its heap back when 128 KiB of it are free, or, if a larger piece was once mapped and freed, twice as
 * much. GLib's arrays teach it so; segments are too small to, and where tables come and go each would begin with fresh pages, a
 * third of what its insertions take. So the size of an array that has gone is told, once and without touching memory; glibc
 * then keeps 8 MiB at most. */
static void teachMalloc(size_t bytes)
{
#ifdef __GLIBC__
  static size_t taught;
  bytes = bytes > leastPiece ? bytes : leastPiece;
  if (bytes > HMAP_KEPT || bytes <= __atomic_load_n(&taught, __ATOMIC_RELAXED))
    return;
  void *volatile piece = malloc(bytes);
  free(piece);
  __atomic_store_n(&taught, bytes, __ATOMIC_RELAXED);
#else
  (void)bytes;
#endif
}

/* Frees an array with all that it has. */
static void freeBuckets(bucketArray *a)
{
  if (!a)
    return;
  if (oneSegment(a) && !a->slabs) {
    freeArray(a);
    return;
  }
  const size_t bytes = oneSegment(a) || a->paged ? 0 : nsegments(a) * bytesOfSegment(a->t);
  if (a->paged)
    dropSegments(a);
  while (releaseSegment(a, nsegments(a)) || releaseRest(a))
    ;
  freeArray(a);
  if (bytes)
    teachMalloc(bytes);
}

static bool pinned(bucketArray *a)
{
  return __atomic_load_n(&a->pins, __ATOMIC_ACQUIRE) != 0;
}

/* Hands an array that the table does not need any more over to releaseRetired. */
static void retire(hmap *h, bucketArray *a)
{
  a->next = h->retired ? h->retired->next : a;
  if (h->retired)
    h->retired->next = a;
  h->retired = a;
}
/* Takes the first array off the ring. */
static bucketArray *unretire(hmap *h)
{
  bucketArray *a = h->retired->next;
  h->retired->next = a->next;
  if (h->retired == a)
    h->retired = NULL;
  return a;
}

/* Frees one piece of the first retired array; one that an iterator pins is put last instead. */
NOINLINE void releaseRetired(hmap *h)
{
  bucketArray *a = h->retired->next;
  if (pinned(a))
    h->retired = a;
  else if (!releaseSegment(a, nsegments(a)) && !releaseRest(a))
    freeArray(unretire(h));
}

/* Frees all retired arrays at once, even pinned ones. */
static void freeRetired(hmap *h)
{
  while (h->retired)
    freeBuckets(unretire(h));
}
