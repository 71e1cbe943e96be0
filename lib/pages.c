/* pages.c: memory that comes from the system and not from malloc.
 *
 * The segments of an array of 128 KiB or more are mapped in one piece, one behind the other, as glibc's malloc does with the
 * arrays that other tables have: what goes with a table then does not make malloc join all the small pieces that the program has
 * freed before (malloc_consolidate), each of which it would have to read from memory. And as there, once a table of a size has
 * gone, the next ones of that size get their segments from malloc, which has kept them: for a program that makes and destroys
 * tables, pages that the system has to clear first are what costs most. Where the system has none, segments come from malloc as
 * well.
 *
 * From 8 MiB on they are advised for huge pages, which saves the waits for an address's translation. The price is that the system
 * clears 2 MiB at once, at most one such page in an operation (growWork).
 *
 * What evacuation or removals leave goes back to the system in units of a huge page or of 32 KiB, as soon as no segment is in
 * them. */
#include "map.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { hugePage = 2 << 20 };

/* A test build has others. */
#ifndef HMAP_PAGED
#define HMAP_PAGED (128 << 10) /* bytes of segments from which on they are mapped, */
#define HMAP_HUGE (8 << 20)    /* and on huge pages; */
#define HMAP_KEPT (4 << 20)    /* and how many malloc may keep of a table that has gone, see teachMalloc */
#define HMAP_WATCHED (__lsan_register_root_region || underMemcheck())
#endif

/* LeakSanitizer looks for pointers in what malloc gave, but not in pages of the system's, unless it is told. Its functions are
 * there only in a program that it was built into. */
void __lsan_register_root_region(const void *p, size_t size) __attribute__((weak));
void __lsan_unregister_root_region(const void *p, size_t size) __attribute__((weak));
static void showPages(const void *p, size_t size)
{
  if (__lsan_register_root_region)
    __lsan_register_root_region(p, size);
}
static void hidePages(const void *p, size_t size)
{
  if (__lsan_unregister_root_region)
    __lsan_unregister_root_region(p, size);
}

/* Whether valgrind looks in this process for memory that nothing points to. GLib asks the same, by valgrind's header; this is
 * what valgrind's memory checker needs in any process to find allocations. */
static bool underMemcheck(void)
{
  const char *preloaded = secure_getenv("LD_PRELOAD");
  return preloaded && strstr(preloaded, "vgpreload_memcheck");
}

static struct {
  pthread_once_t once;
  bool watched;   /* somebody looks for leaks, and would not find those of what is in the pages of a lost table */
  size_t largest; /* bytes of the segments of the largest paged array that went with its table; relaxed atomic */
} paging = {.once = PTHREAD_ONCE_INIT};

static void pagesInit(void)
{
  paging.watched = HMAP_WATCHED;
}
static bool isWatched(void)
{
  pthread_once(&paging.once, pagesInit);
  return paging.watched;
}

static void *mapPages(size_t bytes)
{
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return NULL;
  HMAP_COUNT(maps, 1);
  return p;
}
/* If the system refuses, because it would be left with too many pieces, the memory is at least emptied. */
static void unmapPages(unsigned char *p, size_t bytes)
{
  if (bytes && munmap(p, bytes) != 0)
    madvise(p, bytes, MADV_DONTNEED);
}
static void refuseHuge(void *p, size_t bytes)
{
#ifdef MADV_NOHUGEPAGE
  madvise(p, bytes, MADV_NOHUGEPAGE);
#endif
}

static bucketArray *mapArray(size_t bytes)
{
  bucketArray *a = mapPages(bytes);
  if (!a)
    return NULL;
  refuseHuge(a, bytes);
  a->mapped = true;
  showPages(a, bytes);
  return a;
}
/* The least number of bytes that go back at once. */
static size_t leastUnit(void)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return page > 32 << 10 ? page : 32 << 10;
}
/* Gives the last piece of a mapped array back to the system. */
static void unmapPiece(bucketArray *a)
{
  const size_t unit = leastUnit(), left = (a->bytes - 1) / unit * unit;
  HMAP_COUNT(freed, a->bytes - left);
  hidePages(a, a->bytes);
  showPages(a, left);
  unmapPages((unsigned char *)a + left, a->bytes - left);
  a->bytes = (uint32_t)left;
}
static void unmapArray(bucketArray *a)
{
  hidePages(a, a->bytes);
  munmap(a, a->bytes);
}

/* Bytes of a segment in pages, and of all of an array. */
ALWAYS_INLINE size_t spacing(const maptype *t)
{
  return bucketBytes(t, segmentMask(t) + 1);
}
ALWAYS_INLINE size_t bytesOfSegments(const bucketArray *a)
{
  return nsegments(a) * spacing(a->t);
}
ALWAYS_INLINE unsigned char *pagesOf(const bucketArray *a, size_t k)
{
  return tailOf(a)->pages + k * spacing(a->t);
}
ALWAYS_INLINE bool onHugePages(const bucketArray *a)
{
  return a->paged && tailOf(a)->unit == hugePage;
}

/* mapPages, on huge pages if the system has any: at their beginning, and advised for them. */
static unsigned char *mapHuge(size_t bytes)
{
  unsigned char *p = mapPages(bytes + hugePage), *from;
  if (!p)
    return NULL;
  from = alignUp(p, hugePage);
  unmapPages(p, (size_t)(from - p));
  unmapPages(from + bytes, (size_t)(p + hugePage - from));
#ifdef MADV_HUGEPAGE
  madvise(from, bytes, MADV_HUGEPAGE);
#endif
  return from;
}
ALWAYS_INLINE size_t wholeUnits(size_t bytes)
{
  const size_t unit = leastUnit();
  return (bytes + unit - 1) / unit * unit;
}
/* Maps the segments of a new array, if it can and they have at least from bytes. */
static void mapSegments(bucketArray *a, size_t from)
{
  const size_t bytes = bytesOfSegments(a), unit = leastUnit();
  const bool huge = bytes >= HMAP_HUGE && unit < hugePage;
  if (bytes < from || (!huge && bytes <= __atomic_load_n(&paging.largest, __ATOMIC_RELAXED)) || isWatched())
    return;
  unsigned char *p = huge ? mapHuge(wholeUnits(bytes)) : mapPages(wholeUnits(bytes));
  if (!p)
    return;
  if (!huge)
    refuseHuge(p, wholeUnits(bytes));
  a->paged = true;
  tailOf(a)->pages = p;
  tailOf(a)->unit = huge ? hugePage : unit;
}
/* Gives all segments of a paged array back. */
static void unmapSegments(bucketArray *a)
{
  unmapPages(tailOf(a)->pages, wholeUnits(bytesOfSegments(a)));
  a->paged = false;
  a->released = (uint32_t)nsegments(a);
}
/* The same, with their table: the next one of that size may have what malloc has kept. */
static void dropSegments(bucketArray *a)
{
  const size_t bytes = bytesOfSegments(a);
  if (bytes <= HMAP_KEPT && bytes > __atomic_load_n(&paging.largest, __ATOMIC_RELAXED))
    __atomic_store_n(&paging.largest, bytes, __ATOMIC_RELAXED);
  unmapSegments(a);
}

/* Whether a segment from first to last is there. From the end, because evacuation frees them from the beginning. */
static bool anySegment(const bucketArray *a, size_t first, size_t last)
{
  for (size_t k = last + 1; k-- > first;)
    if (a->segments[k] && !isNoSegment(a->segments[k]))
      return true;
  return false;
}
/* Segment k has gone: gives the units back that no segment is in any more. */
static void releasePages(bucketArray *a, size_t k)
{
  const size_t unit = tailOf(a)->unit, step = spacing(a->t), n = nsegments(a);
  for (size_t at = k * step / unit * unit; at < (k + 1) * step; at += unit) {
    const size_t last = (at + unit - 1) / step, bytes = at + unit < n * step ? unit : n * step - at;
    if (anySegment(a, at / step, last < n ? last : n - 1))
      continue;
    HMAP_COUNT(freed, bytes);
    madvise(tailOf(a)->pages + at, bytes, MADV_DONTNEED);
  }
}
