/* format.h: blocks with only as much room as their entries need.
 *
 * The GHashTable shim's keys and elems are pointers, but many tables hold small integers, and in a set every elem is its key.
 * Such a table has four formats. An array has the one that held all entries when it was made. An entry that comes later and does
 * not fit makes only its own bucket wide: the bucket's block moves to memory of its own, in the last format, and no entry changes
 * its place. The next array is made for it.
 *
 *   format         0     1     2      3
 *   bytes of key   4     4     void*  void*
 *   bytes of elem  =key  4     =key   void*
 *
 * What two formats hold, their bitwise or holds. (A small key beside a large elem, or the other way round, would save nothing:
 * the slot keeps the alignment of a pointer.) */
#ifndef HMAP_FORMAT_H
#define HMAP_FORMAT_H

#include "map.h"

enum { wholeFormat = 2 };

ALWAYS_INLINE uintptr_t wordAt(const unsigned char *p, uint32_t size)
{
  uint32_t small;
  uintptr_t word;
  if (size == sizeof small) {
    memcpy(&small, p, sizeof small);
    return small;
  }
  memcpy(&word, p, sizeof word);
  return word;
}
ALWAYS_INLINE void setWord(unsigned char *p, uint32_t size, uintptr_t word)
{
  uint32_t small = (uint32_t)word;
  if (size == sizeof small)
    memcpy(p, &small, sizeof small);
  else
    memcpy(p, &word, sizeof word);
}

ALWAYS_INLINE uintptr_t wordKey(const maptype *t, unsigned char *slot)
{
  return wordAt(slot, t->keysize);
}
ALWAYS_INLINE uintptr_t wordElem(const maptype *t, unsigned char *slot)
{
  return t->elemsize ? wordAt(slot + t->elemoff, t->elemsize) : wordKey(t, slot);
}
ALWAYS_INLINE void setWords(const maptype *t, unsigned char *slot, uintptr_t key, uintptr_t elem)
{
  setWord(slot, t->keysize, key);
  if (t->elemsize)
    setWord(slot + t->elemoff, t->elemsize, elem);
}

/* The smallest format that holds an entry. */
ALWAYS_INLINE unsigned formatFor(uintptr_t key, uintptr_t elem)
{
  if (key > UINT32_MAX)
    return elem == key ? 2 : 3;
  return elem == key ? 0 : elem > UINT32_MAX ? 3 : 1;
}
ALWAYS_INLINE bool formatFits(const maptype *t, unsigned format)
{
  return (t->format | format) == t->format;
}

/* The lower bits of hmap.tag: 0; or 1 + the format that every block of the table has. Such a table is plain: a maptype that is a
 * constant, with formats NULL, may stand for its own. Tables that are checked for misuse are not plain; and one that was alarmed
 * has a tag of its own, so that whoever expects the fast hash does not know it.
 *
 * A plain table that never was more than one bucket without overflow is lone, 1 + nformats + the format. Most tables never are
 * anything else, and there a hash has nothing to choose: it is but a fingerprint. So where it can be made again without the key's
 * own functions (quickHash), it is a product that needs no seed, and becomes the keyed hash when the table leaves that state
 * (retop). */
enum { plainBits = 4, plainMask = (1 << plainBits) - 1, alarmedTag = plainMask };

static bool isPlain(const hmap *h)
{
  return h->t->formats && !(flagsOf(h) & hashChecked) && h->nwide == 0 && (!growing(h) || h->oldbuckets->t == h->t);
}
ALWAYS_INLINE bool taggedPlain(const hmap *h)
{
  return (h->tag & plainMask) - 1u < 2 * nformats;
}
ALWAYS_INLINE bool taggedLone(const hmap *h)
{
  return (h->tag & plainMask) - 1u - nformats < nformats;
}
/* The bucket of a table that has but one. */
ALWAYS_INLINE bmap *onlyBucket(const hmap *h)
{
  return bmapIn(h->buckets->segments[0], 0);
}
/* Whether a table with buckets is one bucket and nothing else. */
ALWAYS_INLINE bool isAlone(const hmap *h)
{
  return h->B == 0 && !growing(h) && (onlyBucket(h)->link & ~(uint64_t)bucketHalf) == 0;
}

/* Called when the formats of a table's blocks may have changed, or whether it is one bucket. */
static void formatsChanged(hmap *h)
{
  const bool lone = taggedLone(h) && isAlone(h);
  unsigned lower = flagsOf(h) & hashSip ? alarmedTag : isPlain(h) ? 1u + h->t->format + (lone ? nformats : 0) : 0;
  h->tag = (uint8_t)((h->tag & ~plainMask) | lower);
}
/* A table has got its first bucket. It does not become lone again later, when a write may know a key's hash already. */
static void becomeLone(hmap *h)
{
  if (isPlain(h))
    h->tag = (uint8_t)((h->tag & ~plainMask) | (1u + nformats + h->t->format));
}
/* Sees to it that the next array has room for an entry that is about to come. */
ALWAYS_INLINE void wantFormat(hmap *h, uintptr_t key, uintptr_t elem)
{
  unsigned format = h->format | formatFor(key, elem);
  if (unlikely(format != h->format)) {
    h->format = (uint8_t)format;
    h->easy = 0; /* a table of one bucket grows to it at once */
  }
}

#endif
