/* probe.h: the one probe loop. Every lookup, insertion and deletion of every kind of key is probe() with another function to
 * compare a slot; that function is a constant at each call, so the compiler makes a loop of its own for it. */
#ifndef HMAP_PROBE_H
#define HMAP_PROBE_H

#include "format.h"
#include "hash.h"
#include "map.h"

/* A set of slots of one bucket: a bit a slot, from the lowest. */
typedef unsigned slots;

#define EACH_BYTE 0x0101010101010101u

/* The tophash bytes of a bucket as a word, slot 0's the lowest byte. */
ALWAYS_INLINE uint64_t topsOf(const bmap *b)
{
  uint64_t w = 0;
  memcpy(&w, b->tophash, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  w = __builtin_bswap64(w);
#endif
  return w;
}
ALWAYS_INLINE void setTops(bmap *b, uint64_t w)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  w = __builtin_bswap64(w);
#endif
  memcpy(b->tophash, &w, sizeof w);
}

#ifdef __SSE2__
#include <emmintrin.h>
ALWAYS_INLINE __m128i tophashes(const bmap *b)
{
  return _mm_loadl_epi64((const __m128i *)(const void *)b->tophash);
}
/* Slots whose tophash is that of a hash: no more than eight, because the upper bytes of the word are 0, and that is not. */
ALWAYS_INLINE slots matchTophash(const bmap *b, uint64_t hash)
{
  __m128i top = _mm_set1_epi32((int)((uint32_t)(hash >> 56) * 0x01010101u)); /* as tophash has it, but in fewer steps */
  return (slots)_mm_movemask_epi8(_mm_cmpeq_epi8(tophashes(b), _mm_max_epu8(top, _mm_set1_epi8(minTopHash))));
}
/* Slots whose tophash is at most top. */
ALWAYS_INLINE slots matchUpTo(const bmap *b, uint8_t top)
{
  __m128i w = tophashes(b);
  return (slots)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(w, _mm_set1_epi8((char)top)), w)) & 0xff;
}
#else
/* The top bits of the bytes, as a set. */
ALWAYS_INLINE slots topBits(uint64_t x)
{
  return (slots)((x >> 7 & EACH_BYTE) * 0x0102040810204080u >> 56);
}
/* Exact: the shorter test, (x-1) & ~x, also reports a slot above a true match, and so could a stale key. */
ALWAYS_INLINE slots matchTophash(const bmap *b, uint64_t hash)
{
  uint64_t x = topsOf(b) ^ EACH_BYTE * tophash(hash), low = 0x7f * EACH_BYTE;
  return topBits(~(((x & low) + low) | x | low));
}
/* Slots whose tophash is at most top, which is below 128. */
ALWAYS_INLINE slots matchUpTo(const bmap *b, uint8_t top)
{
  uint64_t x = topsOf(b), low = 0x7f * EACH_BYTE;
  return topBits(~(((x & low) + EACH_BYTE * (uint64_t)(0x7f - top)) | x));
}
#endif

ALWAYS_INLINE slots matchEmpty(const bmap *b)
{
  return matchUpTo(b, emptyOne);
}
ALWAYS_INLINE slots matchFull(const bmap *b)
{
  return ~matchUpTo(b, evacuatedEmpty) & 0xff;
}
ALWAYS_INLINE unsigned firstSlot(slots s)
{
  return (unsigned)__builtin_ctz(s);
}

/* How many slots a set has. */
ALWAYS_INLINE unsigned countSlots(slots s)
{
  s -= s >> 1 & 0x55;
  s = (s & 0x33) + (s >> 2 & 0x33);
  return (s + (s >> 4)) & 0xf;
}
/* One more than the last of a set, or 0. */
ALWAYS_INLINE unsigned endOf(slots s)
{
  return 31 - (unsigned)__builtin_clz(2 * s + 1);
}
/* Empties slot i of a bucket that is its whole chain, and marks the end of the chain. All in a register: a byte stored would have
 * to reach the cache before the word it is in can be read. */
ALWAYS_INLINE void emptySlot(bmap *b, unsigned i)
{
  unsigned n = endOf(matchFull(b) & ~(1u << i));
  uint64_t w = topsOf(b) & ~((uint64_t)0xff << 8 * i), keep = ((uint64_t)1 << 4 * n << 4 * n) - 1;
  setTops(b, (w | (uint64_t)emptyOne << 8 * i) & keep);
}

/* What is known of a key that is looked for. */
typedef struct keyhash {
  uint64_t hash;
  uint32_t stored; /* the part of it that blocks store */
  size_t n;        /* bytes, if it is a string */
  uint64_t old;    /* while the table is reseeding, its hash in the old array */
} keyhash;

/* Whether a table has had its alarm. A type that is a constant says no without looking. */
ALWAYS_INLINE bool alarmed(const hmap *h, const maptype *t)
{
  return !t->common && unlikely(flagsOf(h) & hashSip);
}
/* Whether the hashes of keys can be made again from what stands in the table. */
ALWAYS_INLINE bool quickHash(const maptype *t)
{
  return t->alg == alg64 || t->alg == alg32 || t->alg == algShim;
}
/* Whether t is a constant that stands for the type of lone tables; */
ALWAYS_INLINE bool isLoneType(const maptype *t)
{
  return t->common && t->lone;
}
/* whether hashes are products, since h is lone. */
ALWAYS_INLINE bool hashesLone(const hmap *h, const maptype *t)
{
  return quickHash(t) && (t->common ? t->lone : t->formats && taggedLone(h));
}
/* The keyed hash of a word, in a table of type t; */
ALWAYS_INLINE uint64_t keyed64(const hmap *h, const maptype *t, bool lone, uint64_t x)
{
  if (lone)
    return x * hashWords[1];
  return alarmed(h, t) ? siphash13(&x, sizeof x, &h->hash0) : memhash64(x, &h->hash0);
}
/* and of what the shim's own functions say of a key; */
ALWAYS_INLINE uint64_t shimHash(const hmap *h, bool lone, uint32_t stored)
{
  return lone ? stored * hashWords[1] : mix32(stored, &h->hash0);
}
/* all that there is to know of it; */
ALWAYS_INLINE keyhash keyhash64(const hmap *h, const maptype *t, uint64_t x)
{
  uint64_t hash = keyed64(h, t, hashesLone(h, t), x), old = 0;
  if (alarmed(h, t) && isReseeding(h))
    old = memhash64(x, h->oldbuckets->seed);
  return (keyhash){hash, (uint32_t)hash, 0, old};
}
/* and of bytes. */
ALWAYS_INLINE keyhash keyhashMem(const hmap *h, const maptype *t, const void *key, size_t n)
{
  uint64_t hash, old = 0;
  if (alarmed(h, t)) {
    hash = siphash13(key, n, &h->hash0);
    if (isReseeding(h))
      old = memhash(key, n, h->oldbuckets->seed);
  } else
    hash = memhash(key, n, &h->hash0);
  return (keyhash){hash, (uint32_t)hash, n, old};
}
ALWAYS_INLINE keyhash strkeyhash(const hmap *h, const maptype *t, const char *s)
{
  return keyhashMem(h, t, s, strlen(s));
}

/* Says whether slot i of a block holds the key. */
typedef bool slotequal(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key);

/* The first bucket of the chain where a key with this hash stands or would stand: in the old array until that bucket has been
 * evacuated; but where the table is reseeding, it would stand in the new one. The table must have buckets. */
ALWAYS_INLINE place mapbucket(const hmap *h, const maptype *t, uint64_t hash)
{
  if (isLoneType(t)) {
    bmap *b = onlyBucket(h);
    return (place){b, (unsigned char *)(b + 1), t, b, h->buckets, 0, 0};
  }
  if (unlikely(growing(h)) && (t->common || !isReseeding(h))) {
    size_t old = (size_t)hash & oldbucketmask(h);
    if (!bucketEvacuated(h, old))
      return oldBucketAt(h, t, old);
  }
  return bucketAt(newType(h, t), h->buckets, (size_t)hash & h->mask);
}

/* The hash of a key with the functions of its type, which may write to the table and so change its seed. */
static uint64_t userHash(const hmap *h, const maptype *t, const void *key)
{
  hmap_seed seed;
  uint64_t hash;
  do {
    seed = h->hash0;
    hash = memhash64(t->hash(key, &seed), &seed);
  } while (seed.k0 != h->hash0.k0 || seed.k1 != h->hash0.k1);
  return hash;
}

/* The hash of a key after a comparison may have changed the seed. */
NOINLINE keyhash rehash(const hmap *h, const maptype *t, uint32_t stored, const void *key)
{
  if (t->alg == algShim)
    return (keyhash){shimHash(h, hashesLone(h, t), stored), stored, 0, 0};
  uint64_t hash = userHash(h, t, key);
  return (keyhash){hash, (uint32_t)hash, 0, 0};
}

/* The bytes of a slot that are its key, kept while a comparison runs code that may change the table. */
typedef union slotKey {
  uintptr_t word;
  unsigned char bytes[maxKeySize];
} slotKey;
ALWAYS_INLINE void keepKey(const maptype *t, unsigned char *slot, slotKey *key)
{
  if (t->alg == algShim)
    key->word = wordKey(t, slot);
  else
    memcpy(key->bytes, slot, t->indirectkey ? sizeof(void *) : t->keysize);
}
static bool isKept(const maptype *t, unsigned char *slot, const slotKey *key)
{
  if (t->alg == algShim)
    return wordKey(t, slot) == key->word;
  return memcmp(slot, key->bytes, t->indirectkey ? sizeof(void *) : t->keysize) == 0;
}

/* Finds the entry at p again after a comparison has changed the table; where it still stands at p, there. Returns false if it has
 * gone. */
NOINLINE bool findKept(const hmap *h, const maptype *t, const keyhash *k, const slotKey *key, place *p)
{
  place found = {0}, q = mapbucket(h, t, k->hash);
  do
    for (slots m = matchTophash(q.b, k->hash); m; m &= m - 1) {
      q.i = firstSlot(m);
      if (hashesOf(q.block)[q.i] != k->stored || !isKept(q.t, slotOf(q.t, q.block, q.i), key))
        continue;
      if (!found.b || (q.b == p->b && q.i == p->i))
        found = q;
    }
  while (nextInChain(&q));
  if (found.b)
    *p = found;
  return found.b != NULL;
}

/* Whether a key may still be in the old array of a table that is reseeding. */
ALWAYS_INLINE bool inOldArray(const hmap *h, const maptype *t, const keyhash *k)
{
  return alarmed(h, t) && isReseeding(h) && !bucketEvacuated(h, (size_t)k->old & oldbucketmask(h));
}

/* Has a block fetched while the bmap that says which slot to read or to write is on its way, so that this waits for memory once.
 */
ALWAYS_INLINE void prefetchBlock(const maptype *t, const unsigned char *block)
{
  __builtin_prefetch(block);
  if (t->blocksize > 64)
    __builtin_prefetch(block + 64);
  if (t->blocksize > 128)
    __builtin_prefetch(block + 128);
}

/* Notes the first empty slot of a bucket, if it has one. */
ALWAYS_INLINE void noteVacant(const place *p, place *vacant)
{
  slots m = matchEmpty(p->b);
  if (m) {
    *vacant = *p;
    vacant->i = firstSlot(m);
  }
}

/* Finds a key in a table that has buckets. If it is there, returns true and its place in *at. If not, returns false with *at at
 * the chain's first bucket, and, where vacant is not NULL, the first empty slot that was seen in *vacant (or its b NULL).
 * A comparison may run the user's code, and that may write to this table: then all that was found is void and the search
 * begins again with a new *k; should that go on, it ends by going on behind the entry that was compared, or, where that has gone,
 * there and then. If the table has no buckets after that, or t is a constant, which may be its type no more, it returns false
 * with at->b NULL. */
enum { maxSearches = 64 };
ALWAYS_INLINE bool probe(const hmap *h, const maptype *t, keyhash *k, const void *key, slotequal *equal, place *at, place *vacant)
{
  unsigned searches = 0;
again:;
  keyhash here = *k; /* as it is in the array that is searched */
  bool inOld = inOldArray(h, t, k);
  if (inOld)
    here = (keyhash){k->old, (uint32_t)k->old, k->n, 0};
inArray:;
  uint32_t seq = h->seq;
  place p = inOld ? oldBucketAt(h, t, (size_t)k->old & oldbucketmask(h)) : mapbucket(h, t, k->hash);
  *at = p;
  if (vacant) {
    *vacant = (place){0};
    if (!isLoneType(t))
      prefetchBlock(t, p.block);
  }
  for (;;) {
    for (slots m = matchTophash(p.b, here.hash); m; m &= m - 1) {
      if (!vacant && !isLoneType(t))
        prefetchBlock(t, p.block); /* here, the processor does it ahead of the bmap if lookups of late were hits, and only then */
      p.i = firstSlot(m);
      slotKey kept;
      if (t->callbacks && !t->common)
        keepKey(p.t, slotOf(p.t, p.block, p.i), &kept);
      bool same = equal(h, p.t, p.block, p.i, &here, key);
      if (t->callbacks && unlikely(h->seq != seq)) {
        *k = rehash(h, t, k->stored, key);
        if (t->common || !h->buckets) {
          at->b = NULL;
          return false;
        }
        if (++searches < maxSearches)
          goto again;
        *at = mapbucket(h, t, k->hash);
        if (vacant)
          *vacant = (place){0};
        if (!findKept(h, t, k, &kept, &p))
          return false;
        here = *k;
        seq = h->seq;
        m = matchTophash(p.b, here.hash) & ~0u << p.i;
      }
      if (likely(same)) {
        *at = p;
        return true;
      }
    }
    if (vacant && !vacant->b)
      noteVacant(&p, vacant);
    if (isLoneType(t) || likely(!filterHas(p.b, here.hash))) {
      if (!inOld)
        return false;
      inOld = false;
      here = *k;
      goto inArray;
    }
    nextInChain(&p);
  }
}

#endif
