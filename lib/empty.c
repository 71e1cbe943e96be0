/* empty.c: segments that removals have emptied.
 *
 * A removal by key makes a table with too few entries shrink, but one that is part of a walk must not move any entry. What it
 * can do is to give the memory of a whole segment back as soon as its last entry has gone: the directory says noSegment() again,
 * and walks pass over it in one step. So removing nearly everything in a walk leaves few segments, and whoever takes any entry
 * and removes it, again and again, finds the next one in the first segment that is left.
 *
 * Nobody counts the entries of a segment. A removal that empties a bucket looks on from there to the next that is not empty, and
 * remembers that one (arrayTail.swept); only when that is emptied too, it looks on: once over the segment, however many go. */
#include "map.h"

ALWAYS_INLINE bool chainEmpty(const bmap *head)
{
  return head->tophash[0] == emptyRest;
}
/* The first bucket from i up to end, all in one segment, whose chain has entries, or end. */
static size_t firstInUse(const bucketArray *a, size_t i, size_t end)
{
  while (i < end && chainEmpty(bmapIn(a->segments[i >> a->t->segbits], i & segmentMask(a->t))))
    i++;
  return i;
}

/* Takes the overflow buckets of an empty chain from it, for other chains of the array. */
static void unlinkOverflow(hmap *h, bucketArray *a, const bmap *head)
{
  bmap *first = overflowOf(head), *last = first, *next;
  if (!first)
    return;
  for (;; last = next) {
    h->noverflow -= a == h->buckets;
    if (!(next = overflowOf(last)))
      break;
  }
  last->link = linkTo(tailOf(a)->unlinked);
  tailOf(a)->unlinked = first;
}

/* The bucket that a walk over an array may begin with, since those before it are empty. */
ALWAYS_INLINE size_t firstBucket(const hmap *h, const bucketArray *a)
{
  return (walkStart(h, a) + tailOf(a)->first) & bucketMask(a->B);
}
/* Whether there are buckets before it in its segment: then insertions must not pass it unseen. */
ALWAYS_INLINE bool firstInside(const bucketArray *a)
{
  return !oneSegment(a) && tailOf(a)->first & segmentMask(a->t);
}

/* Moves the place where walks begin over segments that are not there. */
static void passAbsent(const hmap *h, bucketArray *a)
{
  const size_t n = bucketShift(a->B);
  size_t first = tailOf(a)->first & ~segmentMask(a->t);
  while (first < n && !hasSegment(a, (walkStart(h, a) + first) & (n - 1)))
    first += segmentMask(a->t) + 1;
  if (first > tailOf(a)->first)
    tailOf(a)->first = (uint32_t)first;
}

/* An entry comes to a bucket: walks must not begin behind it. Also takes them back a little, so that this ends. */
ALWAYS_INLINE void fillBucket(const hmap *h, bucketArray *a, size_t bucket)
{
  if (likely(!firstInside(a)))
    return;
  const size_t back = tailOf(a)->first - groupCnt, at = (bucket - walkStart(h, a)) & bucketMask(a->B) & ~(size_t)(groupCnt - 1);
  tailOf(a)->first = (uint32_t)(at < back ? at : back);
}

/* Gives the memory of an empty segment back. */
static void dropSegment(hmap *h, bucketArray *a, size_t bucket)
{
  const size_t segment = bucket >> a->t->segbits;
  for (size_t k = 0; k <= segmentMask(a->t); k++)
    unlinkOverflow(h, a, bmapIn(a->segments[segment], k));
  freeSegment(a, segment, noSegment());
  passAbsent(h, a);
}

/* Whether the memory of an empty segment may go. */
static bool droppable(const hmap *h, bucketArray *a)
{
  return !pinned(a) && h->nwide == 0 && !(flagsOf(h) & hashHinted);
}

/* Moves the place where walks begin over buckets that are empty; and over a whole segment, even if it never was anything else. */
static void moveFirst(hmap *h, bucketArray *a)
{
  passAbsent(h, a);
  arrayTail *tail = tailOf(a);
  if (tail->first >= bucketShift(a->B))
    return;
  const size_t first = firstBucket(h, a), end = (first | segmentMask(a->t)) + 1, next = firstInUse(a, first, end);
  if (next == end && droppable(h, a)) {
    dropSegment(h, a, first & ~segmentMask(a->t));
  } else if (next >= first + groupCnt && next < end && !growing(h)) {
    tail->first += (uint32_t)((next - first) & ~(size_t)(groupCnt - 1));
    h->easy = 0;
  }
}

/* The chain that p is in has become empty. If its segment has too, and nobody needs that, gives it back. */
NOINLINE void bucketEmptied(hmap *h, const place *p)
{
  bucketArray *a = p->a;
  if (oneSegment(a))
    return;
  moveFirst(h, a);
  arrayTail *tail = tailOf(a);
  const size_t start = p->bucket & ~segmentMask(a->t), end = start + segmentMask(a->t) + 1;
  const bool here = tail->swept >= start && tail->swept < end;
  if ((here && tail->swept != p->bucket) || !hasSegment(a, start))
    return;
  size_t next = firstInUse(a, here ? tail->swept : start, end);
  if (next == end)
    next = firstInUse(a, start, end);
  tail->swept = next < end ? (uint32_t)next : UINT32_MAX;
  if (next == end && droppable(h, a))
    dropSegment(h, a, start);
}

/* Walks begin at the first bucket again: the start of walks has changed, or there are entries before it. */
static void restartWalks(hmap *h)
{
  bucketArray *arrays[] = {h->buckets, h->oldbuckets};
  for (unsigned i = 0; i < 2; i++)
    if (arrays[i] && !oneSegment(arrays[i]))
      tailOf(arrays[i])->first = 0;
}

/* Sees to it that bucket i of an array of h can be written to. Returns false if there is no memory. */
NOINLINE bool makeSegment(const hmap *h, bucketArray *a, size_t i)
{
  if (!newSegment(a, i >> a->t->segbits))
    return false;
  const size_t first = (i - walkStart(h, a)) & bucketMask(a->B) & ~segmentMask(a->t);
  if (first < tailOf(a)->first)
    tailOf(a)->first = (uint32_t)first;
  return true;
}
ALWAYS_INLINE bool needSegment(const hmap *h, bucketArray *a, size_t i)
{
  return hasSegment(a, i) || makeSegment(h, a, i);
}
