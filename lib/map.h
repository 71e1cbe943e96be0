/* map.h: the structures of the engine and the small functions that read them. map.c explains how they work together. */
#ifndef HMAP_MAP_H
#define HMAP_MAP_H

#include <errno.h>
#include <hmap.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* bench/loadfactor.sh tries others. */
#ifndef HMAP_LOADFACTOR
#define HMAP_LOADFACTOR 13
#endif

/* A test build defines this to count what an operation moves, touches, maps and frees. */
#ifndef HMAP_COUNT
#define HMAP_COUNT(what, n) ((void)0)
#endif

enum {
  bucketCntBits = 3,
  bucketCnt = 1 << bucketCntBits,  /* slots a bucket */
  halfCnt = bucketCnt / 2,         /* slots of a half bucket */
  loadFactorNum = HMAP_LOADFACTOR, /* average slots in use a bucket at which a table grows: 13/2, see map.c */
  loadFactorDen = 2,
  maxKeySize = 128, /* a larger key or elem stands behind a pointer */
  maxElemSize = 128,
  maxBytes = 1 << 20, /* the largest key or elem there may be */
  maxB = 31           /* stored hashes have 32 bits, and bucketArray counts with as many */
};

/* What a byte of bmap.tophash says of its slot. The order matters: isEmpty and evacuated compare.
 *
 *   value  name            meaning                                          may stand together with
 *   0      emptyRest       empty, and so is all that follows in the chain   emptyRest and noSlot after it only
 *   1      emptyOne        empty                                            any but evacuated*
 *   2      evacuatedX      its entry moved to the new array, same index     evacuated* only
 *   3      evacuatedY      its entry moved to the new array, upper half     evacuated* only
 *   4      evacuatedEmpty  was empty when its bucket was evacuated          evacuated* only
 *   4      noSlot          the last four of a half bucket: not there        any
 *   5-255  the top eight bits of the hash, 5 added to those below 5         any but evacuated* */
enum { emptyRest = 0, emptyOne = 1, evacuatedX = 2, evacuatedY = 3, evacuatedEmpty = 4, noSlot = 4, minTopHash = 5 };

/* hmap.flags, relaxed atomics */
enum {
  hashWriting = 4,  /* a thread is writing to the table */
  sameSizeGrow = 8, /* the growth under way is to an array of the same size */
  hashChecked = 16, /* misuse is looked for: hashWriting is kept */
  hashCounted = 32  /* HMAP_STATS is set: what happens to the table is counted */
};

/* The metadata of a bucket. An array has them dense, four a cache line, apart from the blocks that hold hashes, keys and
 * elems, so that a miss costs one line.
 *
 *   0         8        9      12         16
 *   | tophash | filter |      | overflow |                       bmap i
 *   | hash 0..7 (if stored) | key 0 elem 0 | ... | key 7 elem 7 |  block i
 *
 * filter has at least the bit of each key that stands in a later bucket of the chain (filterBit): most misses end at the first
 * bucket. */
typedef struct bmap {
  uint8_t tophash[bucketCnt];
  uint8_t filter;
  bool wide; /* the block holds a pointer to a block in the widest of the table's formats */
  bool half; /* has but the first four slots: the only bucket of a small table */
  uint8_t unused;
  uint32_t overflow; /* 0: last of its chain; else 1 + the number of the overflow bucket that follows */
} bmap;
_Static_assert(sizeof(bmap) == 16, "four bmaps a cache line");

/* In front of each allocation of bmaps and blocks: an array of 2^B buckets with the first overflow buckets behind them, or a
 * chunk of further overflow buckets.
 *
 *   | bucketArray | 2^B bmaps | tail bmaps of overflow buckets | pad | a block for each | */
typedef struct bucketArray {
  _Alignas(16) struct bucketArray *next; /* chunk: the chunk made before it; retired array: the next of the ring */
  struct bucketArray *chunks;            /* the newest chunk; NULL while the overflow buckets of the array itself suffice */
  const struct maptype *t;               /* how its blocks look */
  uint32_t n;                            /* bmaps here */
  uint32_t tail;                         /* the last of them, which are overflow buckets; in a chunk all are */
  uint32_t first;                        /* the number of the first of those; an array's own begin with 0 */
  uint32_t nextOverflow;                 /* overflow buckets handed out so far, which is the number of the next */
  uint32_t released;                     /* bmaps, from the first, whose memory has gone back to the system */
  uint32_t pins;                         /* iterators that may still read this array; relaxed atomic */
} bucketArray;
_Static_assert(sizeof(bucketArray) == 48 || sizeof(void *) != 8, "bmaps stay aligned, small tables small");

/* How keys are hashed and compared. */
enum hashalg {
  alg64,   /* 8 bytes that are their own hash: not stored, hashed again when moved */
  alg32,   /* 4 bytes, likewise */
  algStr,  /* const char * */
  algMem,  /* bytes */
  algUser, /* the functions of hmap_type */
  algShim  /* functions that only the shim knows, 32-bit hashes: the stored hash is theirs, and mix32 spreads it */
};

/* What the engine knows of a table's entries. */
typedef struct maptype {
  uint8_t alg;       /* enum hashalg */
  bool stored;       /* a block begins with eight 32-bit hashes */
  bool callbacks;    /* comparing runs code that is not ours, which may write to the table */
  bool indirectkey;  /* the slot holds a pointer to the key */
  bool indirectelem; /* likewise */
  uint32_t keysize;  /* bytes of a key and an elem, wherever they stand */
  uint32_t elemsize;
  uint32_t slotoff; /* of slot 0 in a block */
  uint32_t elemoff; /* of the elem in a slot */
  uint32_t slotsize;
  uint32_t blocksize;
  const struct maptype *formats; /* NULL, or the formats that blocks of this table may have, see format.h; the last holds all */
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
} maptype;

/* The table. */
struct hmap {
  size_t count; /* entries; first, as in Go */
  uint8_t flags;
  uint8_t B;             /* log2 of the number of buckets; holds up to loadFactor * 2^B entries */
  uint8_t format;        /* which of t->formats the next array has: all entries so far fit in it */
  uint8_t tag;           /* whatever the table's owner wants to know of it */
  uint32_t noverflow;    /* overflow buckets in use in the current array */
  hmap_seed hash0;       /* the seed */
  bmap *buckets;         /* array of 2^B buckets; NULL until the first entry */
  unsigned char *blocks; /* and their blocks */
  bmap *oldbuckets;      /* the array before this one, half its size or the same; not NULL only while growing */
  bucketArray *retired;  /* ring of arrays on their way back to the system; points to the last */
  const maptype *t;      /* what the table holds, in the format of the current array */
  uint32_t nevacuate;    /* old buckets below this one have been evacuated, and their memory may be gone */
  uint32_t nwide;        /* buckets whose block is elsewhere */
  uint32_t seq;          /* changes with every write that moves, adds or removes an entry */
  uint32_t nclear;       /* times cleared or deleted to empty, which ends iterators */
};

/* A slot of a chain. */
typedef struct place {
  bmap *b; /* NULL: nowhere */
  unsigned char *block;
  const maptype *t; /* how the block looks */
  bmap *head;       /* the chain's first bucket */
  bmap *buckets;    /* the array that it is in */
  unsigned i;
} place;

ALWAYS_INLINE uint8_t flagsOf(const hmap *h)
{
  return __atomic_load_n(&h->flags, __ATOMIC_RELAXED);
}
ALWAYS_INLINE void setFlags(hmap *h, uint8_t flags)
{
  __atomic_store_n(&h->flags, flags, __ATOMIC_RELAXED);
}

/* Ends the program because it broke the rule that a table has one writer or many readers. */
_Noreturn NOINLINE void fatal(const char *what)
{
  static const char prefix[] = "hmap: fatal error: ";
  if (write(STDERR_FILENO, prefix, sizeof prefix - 1) >= 0 && write(STDERR_FILENO, what, strlen(what)) >= 0)
    (void)!write(STDERR_FILENO, "\n", 1);
  abort();
}

/* Marks a table as being written to, around anything that changes it. Never around a callback, which may not return. */
ALWAYS_INLINE void beginWrite(hmap *h)
{
  uint8_t flags = flagsOf(h);
  if (flags & hashChecked) {
    if (unlikely(flags & hashWriting))
      fatal("concurrent map writes");
    setFlags(h, flags | hashWriting);
  }
}
ALWAYS_INLINE void endWrite(hmap *h)
{
  uint8_t flags = flagsOf(h);
  if (flags & hashChecked) {
    if (unlikely(!(flags & hashWriting)))
      fatal("concurrent map writes");
    setFlags(h, flags & (uint8_t)~hashWriting);
  }
}
ALWAYS_INLINE void checkRead(const hmap *h, const char *what)
{
  if (unlikely(flagsOf(h) & hashWriting))
    fatal(what);
}

ALWAYS_INLINE size_t bucketShift(uint8_t B)
{
  return (size_t)1 << (B & (sizeof(size_t) * 8 - 1));
}
ALWAYS_INLINE size_t bucketMask(uint8_t B)
{
  return bucketShift(B) - 1;
}
ALWAYS_INLINE bool isEmpty(uint8_t top)
{
  return top <= emptyOne;
}
ALWAYS_INLINE bool evacuated(const bmap *b)
{
  return b->tophash[0] > emptyOne && b->tophash[0] < minTopHash;
}
ALWAYS_INLINE uint8_t tophash(uint64_t hash)
{
  uint8_t top = (uint8_t)(hash >> 56);
  return top < minTopHash ? (uint8_t)(top + minTopHash) : top;
}
/* From the tophash, because an evacuation has no more of the upper bits. */
ALWAYS_INLINE uint8_t filterBit(uint8_t top)
{
  return (uint8_t)(1u << (top & 7));
}

ALWAYS_INLINE bucketArray *arrayOf(bmap *buckets)
{
  return (bucketArray *)(void *)buckets - 1;
}
ALWAYS_INLINE bool growing(const hmap *h)
{
  return h->oldbuckets != NULL;
}
ALWAYS_INLINE uint8_t oldB(const hmap *h)
{
  return (uint8_t)(flagsOf(h) & sameSizeGrow ? h->B : h->B - 1);
}
ALWAYS_INLINE size_t noldbuckets(const hmap *h)
{
  return bucketShift(oldB(h));
}
ALWAYS_INLINE size_t oldbucketmask(const hmap *h)
{
  return noldbuckets(h) - 1;
}
/* The formats of the current and the old array of a table that holds what t says, in whatever format. */
ALWAYS_INLINE const maptype *newType(const hmap *h, const maptype *t)
{
  return t->formats ? h->t : t;
}
ALWAYS_INLINE const maptype *oldType(const hmap *h, const maptype *t)
{
  return t->formats ? arrayOf(h->oldbuckets)->t : t;
}
/* Whether an old bucket has been evacuated. Below nevacuate the bucket itself may not be there any more. */
ALWAYS_INLINE bool bucketEvacuated(const hmap *h, size_t oldbucket)
{
  return oldbucket < h->nevacuate || evacuated(&h->oldbuckets[oldbucket]);
}

/* Whether count entries are too many for 2^B buckets. */
ALWAYS_INLINE bool overLoadFactor(size_t count, uint8_t B)
{
  return count > bucketCnt && count > loadFactorNum * (bucketShift(B) / loadFactorDen);
}
/* Whether there are about as many overflow buckets as buckets: then most are nearly empty, and a growth to the same size
 * packs them. */
ALWAYS_INLINE bool tooManyOverflowBuckets(uint32_t noverflow, uint8_t B)
{
  return noverflow >= bucketShift(B);
}
/* Whether an eighth of the buckets have their block elsewhere: a growth to the same size puts them in one piece again. */
ALWAYS_INLINE bool tooManyWideBuckets(uint32_t nwide, uint8_t B)
{
  return nwide > bucketShift(B) >> 3;
}

ALWAYS_INLINE bmap *bmapsOf(bucketArray *a)
{
  return (bmap *)(void *)(a + 1);
}
/* Where the blocks of an allocation of n buckets begin; on a cache line where there are enough of them to care. */
ALWAYS_INLINE size_t blockOffset(size_t n)
{
  size_t off = sizeof(bucketArray) + n * sizeof(bmap);
  return n < 64 ? off : (off + 63) & ~(size_t)63;
}
ALWAYS_INLINE unsigned char *blocksOf(bucketArray *a)
{
  return (unsigned char *)a + blockOffset(a->n);
}

ALWAYS_INLINE uint32_t *hashesOf(unsigned char *block)
{
  return (uint32_t *)(void *)block;
}
ALWAYS_INLINE unsigned char *slotOf(const maptype *t, unsigned char *block, unsigned i)
{
  return block + t->slotoff + (size_t)i * t->slotsize;
}
/* The bytes of a key or elem, wherever they stand. */
ALWAYS_INLINE void *keyOf(const maptype *t, unsigned char *slot)
{
  return t->indirectkey ? *(void **)(void *)slot : slot;
}
ALWAYS_INLINE void *elemOf(const maptype *t, unsigned char *slot)
{
  return t->indirectelem ? *(void **)(void *)(slot + t->elemoff) : slot + t->elemoff;
}

enum { nformats = 4 };
/* The format that holds every entry. */
ALWAYS_INLINE const maptype *wideFormat(const maptype *t)
{
  return &t->formats[nformats - 1];
}

/* Makes p, whose block is that of its bucket in an array of format t, follow to where the block really is. */
ALWAYS_INLINE void resolveBlock(const maptype *t, place *p)
{
  p->t = t;
  if (t->formats && unlikely(p->b->wide)) {
    memcpy(&p->block, p->block, sizeof(unsigned char *));
    p->t = wideFormat(t);
  }
}

/* The first bucket of chain i of an array of format t. */
ALWAYS_INLINE place bucketAt(const maptype *t, bmap *buckets, unsigned char *blocks, size_t i)
{
  bmap *b = &buckets[i];
  place p = {b, blocks + i * t->blocksize, t, b, buckets, 0};
  resolveBlock(t, &p);
  return p;
}

/* The first bucket of chain i of the old array. */
ALWAYS_INLINE place oldBucketAt(const hmap *h, const maptype *t, size_t i)
{
  return bucketAt(oldType(h, t), h->oldbuckets, blocksOf(arrayOf(h->oldbuckets)), i);
}

/* A bucket and its block: what fits in two registers, so that a place never has to have an address. */
typedef struct bucketRef {
  bmap *b;
  unsigned char *block;
} bucketRef;

/* Overflow bucket number k of an array: behind its buckets, or in a chunk, of which each is twice the one before. */
NOINLINE bucketRef overflowBucket(bmap *buckets, uint32_t k)
{
  bucketArray *a = arrayOf(buckets);
  if (k >= a->tail)
    for (a = a->chunks; k < a->first; a = a->next)
      ;
  size_t i = a->n - a->tail + (k - a->first);
  return (bucketRef){bmapsOf(a) + i, blocksOf(a) + i * a->t->blocksize};
}

/* Moves p to an overflow bucket of its array. */
ALWAYS_INLINE void toOverflow(place *p, uint32_t k)
{
  bucketRef r = overflowBucket(p->buckets, k);
  p->b = r.b;
  p->block = r.block;
  resolveBlock(arrayOf(p->buckets)->t, p);
}

/* Moves p to the next bucket of its chain. Returns false if there is none. */
ALWAYS_INLINE bool nextInChain(place *p)
{
  if (!p->b->overflow)
    return false;
  toOverflow(p, p->b->overflow - 1);
  return true;
}

/* Sizes of at most 128 bytes stand in the slot, aligned as the largest power of two that divides them, or 16. */
static inline uint32_t alignOf(uint32_t size)
{
  uint32_t align = size ? size & -size : 1;
  return align > 16 ? 16 : align;
}
static inline uint32_t roundUp(uint32_t n, uint32_t align)
{
  return (n + align - 1) / align * align;
}

/* Lays slots and blocks out. */
static inline void layout(maptype *t)
{
  uint32_t key = t->indirectkey ? sizeof(void *) : t->keysize, elem = t->indirectelem ? sizeof(void *) : t->elemsize;
  uint32_t align = alignOf(key) > alignOf(elem) ? alignOf(key) : alignOf(elem);
  t->slotoff = t->stored ? bucketCnt * sizeof(uint32_t) : 0;
  t->elemoff = roundUp(key, alignOf(elem));
  t->slotsize = roundUp(t->elemoff + elem, align);
  t->blocksize = roundUp(t->slotoff + bucketCnt * t->slotsize, 16);
}

#endif
