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

/* bench/runs/loadfactor.sh tries others. */
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
  maxChain = 12,      /* buckets of a chain; a longer one raises the alarm, see alarm.c */
  maxB = 31,          /* stored hashes have 32 bits, and hmap.mask */
  minShrinkB = 5,     /* a smaller table does not shrink */
  minSegbits = 3,     /* a segment has at least so many buckets, see SEGBITS, */
  maxSegbits = 9,     /* and at most so many */
  maxSegment = 1 << maxSegbits,
  segmentBytes = 32 << 10 /* and at most so many bytes */
};

/* What a byte of bmap.tophash says of its slot. The order matters: isEmpty and evacuated compare.
 *
 *   value  name            meaning                                          may stand together with
 *   0      emptyRest       empty, and so is all that follows in the chain   emptyRest and noSlot after it only
 *   1      emptyOne        empty                                            any but evacuated*
 *   2      evacuatedX      its entry moved to the new array, same low bits  evacuated* only
 *   3      evacuatedY      its entry moved to the new array, upper half     evacuated* only
 *   4      evacuatedEmpty  was empty when its bucket was evacuated          evacuated* only
 *   4      noSlot          the last four of a half bucket: not there        any
 *   5-255  the top eight bits of the hash, or 5 if they are less            any but evacuated* */
enum { emptyRest = 0, emptyOne = 1, evacuatedX = 2, evacuatedY = 3, evacuatedEmpty = 4, noSlot = 4, minTopHash = 5 };

/* hmap.flags, relaxed atomics */
enum {
  hashHinted = 1,   /* made with room for as many entries as somebody expects: does not shrink until it has outgrown that */
  reseeding = 2,    /* the growth under way is to another seed, see alarm.c */
  hashWriting = 4,  /* a thread is writing to the table */
  sameSizeGrow = 8, /* the growth under way is to an array of the same size */
  hashChecked = 16, /* misuse is looked for: hashWriting is kept */
  hashCounted = 32, /* HMAP_STATS is set: what happens to the table is counted */
  hashAlarm = 64,   /* a chain has grown past what chance allows: the next assignment sounds the alarm, see alarm.c */
  hashSip = 128     /* it has: keys are hashed with SipHash */
};

/* The metadata of a bucket, apart from its block of hashes, keys and elems, so that a miss costs one cache line.
 *
 *   0         8        9       10      16
 *   | tophash | filter | flags | overflow |                      bmap
 *   | hash 0..7 (if stored) | key 0 elem 0 | ... | key 7 elem 7 |  block
 *
 * The last eight bytes are one number: in 48 bits the address of the bucket that follows in the chain, or 0, which is enough for
 * every address that systems hand out unasked (linkTo). filter has at least the bit of each key that stands in a later bucket of
 * the chain (filterBit): most misses end at the first bucket. */
typedef struct bmap {
  uint8_t tophash[bucketCnt];
  uint64_t link; /* from the lowest bit: 8 of filter, 8 of flags, 48 of the overflow bucket's address, see linkTo */
} bmap;
_Static_assert(sizeof(bmap) == 16, "four bmaps a cache line");

/* Flags in bmap.link. */
enum {
  bucketWide = 0x100, /* the block holds a pointer to a block in the widest of the table's formats */
  bucketHalf = 0x200, /* has but the first four slots: the only bucket of a small table */
  bucketNone = 0x400  /* stands for one that has no memory yet, see emptySegment */
};

/* Buckets come in segments of 2^segbits, at most 32 KiB each, so that an array grows into memory and out of it in small pieces,
 * and the new array has what the old one has left. A segment's address is where its blocks begin; its bmaps lie before,
 * the first one last.
 *
 *   | bmap n-1 ... bmap 1, bmap 0 | block 0 | block 1 | ... | block n-1 |
 *                                 ^ segment
 *
 * An overflow bucket looks like a segment of one bucket, and comes from a slab of them. */
typedef struct overflowSlab {
  _Alignas(8) struct overflowSlab *next; /* the one made after this */
  uint32_t n, used;                      /* buckets; handed out, from the first */
} overflowSlab;
_Static_assert(sizeof(overflowSlab) == 16, "bmaps stay aligned");

/* An array of 2^B buckets. Where that is one segment or less, it follows in the same piece of memory. */
typedef struct bucketArray {
  union {
    overflowSlab *filling;    /* the slab that has the next overflow bucket; those before are full */
    struct bucketArray *next; /* retired: the next of the ring */
    hmap_seed *seed; /* while the table is reseeding, the old array's: what it was filled with. It gets no more entries */
  };
  const struct maptype *t; /* how its blocks look */
  overflowSlab *slabs;     /* its overflow buckets, from the first; NULL while there are none */
  uint32_t bytes;          /* of this struct and what stands behind it in the same piece of memory */
  uint32_t released;       /* segments, from the first, that have been freed */
  uint32_t pins;           /* iterators that may still read this array; relaxed atomic */
  uint8_t B;
  bool mapped;               /* that memory is the system's, not malloc's */
  bool paged;                /* and so is that of the segments, see pages.c */
  unsigned char *segments[]; /* noSegment() until one of its buckets is written to, and when a removal has emptied them; NULL if
                                evacuation has yet to come to it, or it has been passed and freed */
} bucketArray;
_Static_assert((offsetof(bucketArray, segments) + sizeof(unsigned char *)) % 8 == 0, "bmaps stay aligned");

/* What a directory of several segments has behind it. */
typedef struct arrayTail {
  bmap *unlinked;       /* overflow buckets of segments that have been freed, for the next chains; a chain */
  uint32_t first;       /* the buckets of a walk before this one, counted from its start, are empty or not there */
  uint32_t swept;       /* a bucket such that, when it was looked at, those before it in its segment were empty, and it was not */
  unsigned char *pages; /* of a paged array: where its segments are, one behind the other */
  size_t unit;          /* how many bytes of them go back at once */
} arrayTail;

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
  uint8_t segbits;               /* log2 of the buckets in a segment */
  uint8_t format;                /* its index in formats */
  bool common;                   /* a constant that stands for the type of tables that were not alarmed */
  uint8_t align;                 /* of blocks */
  bool lone;                     /* and that are one bucket, see format.h */
  const struct maptype *formats; /* NULL, or the formats that blocks of this table may have, see format.h; the last holds all */
  uint64_t (*rehash)(const struct maptype *t, unsigned char *slot, const hmap_seed *seed); /* SipHash of the key in a slot; NULL
                                                                                              for what others hash */
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
} maptype;

/* The table. */
struct hmap {
  size_t count; /* entries; first, as in Go */
  uint8_t flags;
  uint8_t B;               /* log2 of the number of buckets; holds up to loadFactor * 2^B entries */
  uint8_t format;          /* which of t->formats the next array has: all entries so far fit in it */
  uint8_t tag;             /* the upper bits are the owner's, the lower see plainBits in format.h */
  uint32_t mask;           /* 2^B - 1 */
  hmap_seed hash0;         /* the seed */
  bucketArray *buckets;    /* 2^B buckets; NULL until the first entry */
  bucketArray *oldbuckets; /* the array before this one, half its size, the same, or larger; not NULL only while growing */
  bucketArray *retired;    /* ring of arrays on their way back to the system; points to the last */
  const maptype *t;        /* what the table holds, in the format of the current array */
  uint32_t nevacuate;      /* old buckets below this one have been evacuated, and their memory may be gone */
  uint32_t noverflow;      /* overflow buckets in use in the current array */
  uint32_t nwide;          /* buckets whose block is elsewhere */
  uint32_t seq;            /* changes with every write that moves, adds or removes an entry */
  uint32_t easy;           /* below this count, an insertion into a vacant slot has nothing else to do (easyBelow) */
  uint32_t nclear;         /* times cleared or deleted to empty, which ends iterators */
  uint32_t order;          /* where walks begin; drawn with the seed, and tells nothing of it */
};

/* A slot of a chain. */
typedef struct place {
  bmap *b; /* NULL: nowhere */
  unsigned char *block;
  const maptype *t; /* how the block looks */
  bmap *head;       /* the chain's first bucket */
  bucketArray *a;   /* the array that it is in */
  unsigned i;
  uint32_t bucket; /* the chain's number */
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
ALWAYS_INLINE unsigned tophash(uint64_t hash)
{
  unsigned top = (unsigned)(hash >> 56);
  return top < minTopHash ? minTopHash : top;
}
/* From the tophash, because an evacuation has no more of the upper bits. */
ALWAYS_INLINE unsigned filterBit(unsigned top)
{
  return 1u << (top & 7);
}

/* Whether a key with this hash may stand in a later bucket of the chain. */
ALWAYS_INLINE bool filterHas(const bmap *b, uint64_t hash)
{
  return b->link >> (tophash(hash) & 7) & 1;
}

ALWAYS_INLINE uint8_t filterOf(const bmap *b)
{
  return (uint8_t)b->link;
}
ALWAYS_INLINE bool isWide(const bmap *b)
{
  return b->link & bucketWide;
}
ALWAYS_INLINE bool isHalf(const bmap *b)
{
  return b->link & bucketHalf;
}
#if defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64)
/* These processors can ignore an address's top byte, and some allocators keep a tag there (MTE, HWASan): it is stored as it is,
 * and the lowest four bits of an address, which are 0, are not. */
enum { linkBits = 12, linkShift = 8 }; /* where the address begins in a link, and by how much it is shifted */
#define LINK_TAG 0xff00000000000000u
ALWAYS_INLINE uint64_t addressIn(uint64_t link)
{
  return link >> linkBits << linkBits;
}
ALWAYS_INLINE bmap *fromLink(uint64_t link)
{
  return (bmap *)((link & LINK_TAG) | (addressIn(link) & ~LINK_TAG) >> linkShift);
}
ALWAYS_INLINE uint64_t linkTo(const void *overflow)
{
  uint64_t p = (uint64_t)overflow;
  return (p & LINK_TAG) | (addressIn(p << linkShift) & ~LINK_TAG);
}
#else
enum { linkBits = 16, linkShift = 16 };
ALWAYS_INLINE uint64_t addressIn(uint64_t link)
{
  return link >> linkBits << linkBits;
}
ALWAYS_INLINE bmap *fromLink(uint64_t link)
{
  return (bmap *)(intptr_t)((int64_t)link >> linkShift);
}
ALWAYS_INLINE uint64_t linkTo(const void *overflow)
{
  return (uint64_t)(intptr_t)overflow << linkShift;
}
#endif
ALWAYS_INLINE bmap *overflowOf(const bmap *b)
{
  return fromLink(b->link);
}
ALWAYS_INLINE bool fitsLink(const void *p)
{
  return fromLink(linkTo(p)) == p;
}

ALWAYS_INLINE bool growing(const hmap *h)
{
  return h->oldbuckets != NULL;
}
ALWAYS_INLINE size_t noldbuckets(const hmap *h)
{
  return bucketShift(h->oldbuckets->B);
}
ALWAYS_INLINE bool isReseeding(const hmap *h)
{
  return unlikely(flagsOf(h) & reseeding);
}
ALWAYS_INLINE bool shrinking(const hmap *h)
{
  return h->B < h->oldbuckets->B;
}
ALWAYS_INLINE size_t oldbucketmask(const hmap *h)
{
  return bucketMask(h->oldbuckets->B);
}
/* The formats of the current and the old array of a table that holds what t says, in whatever format. */
ALWAYS_INLINE const maptype *newType(const hmap *h, const maptype *t)
{
  return t->formats ? h->t : t;
}
ALWAYS_INLINE const maptype *oldType(const hmap *h, const maptype *t)
{
  return t->formats ? h->oldbuckets->t : t;
}
/* Whether an old bucket has been evacuated. They are in order; below nevacuate the bucket itself may not be there any more. */
ALWAYS_INLINE bool bucketEvacuated(const hmap *h, size_t oldbucket)
{
  return oldbucket < h->nevacuate;
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
/* Whether there are fewer entries than buckets: then most memory is empty, and a walk finds nothing for most of its time. */
ALWAYS_INLINE bool tooFewEntries(size_t count, uint32_t mask)
{
  return count < (mask & ~(((uint32_t)1 << minShrinkB) / 2 - 1));
}
/* Whether an eighth of the buckets have their block elsewhere: a growth to the same size puts them in one piece again. */
ALWAYS_INLINE bool tooManyWideBuckets(uint32_t nwide, uint8_t B)
{
  return nwide > bucketShift(B) >> 3;
}

/* Walks visit groups of that many neighbouring buckets, see walk.c. */
enum { groupBits = sizeof(size_t) == 8 ? 3 : 2, groupCnt = 1 << groupBits };
ALWAYS_INLINE size_t segmentMask(const maptype *t)
{
  return ((size_t)1 << t->segbits) - 1;
}
/* The number of the bucket that a walk over an array begins with, in a large one the first of a segment. */
ALWAYS_INLINE size_t walkStart(const hmap *h, const bucketArray *a)
{
  uint8_t bits = a->B > a->t->segbits ? a->t->segbits : groupBits;
  return (size_t)h->order << bits & bucketMask(a->B);
}
/* Bytes of n buckets: bmaps and blocks. */
ALWAYS_INLINE size_t bucketBytes(const maptype *t, size_t n)
{
  return n * (sizeof(bmap) + t->blocksize);
}
/* How many segments an array's directory has. */
ALWAYS_INLINE size_t nsegments(const bucketArray *a)
{
  return a->B > a->t->segbits ? bucketShift((uint8_t)(a->B - a->t->segbits)) : 1;
}
/* Whether the only segment is part of the array's own piece of memory. */
ALWAYS_INLINE bool oneSegment(const bucketArray *a)
{
  return a->B <= a->t->segbits;
}
/* What stands behind the directory of an array of several segments. */
ALWAYS_INLINE arrayTail *tailOf(const bucketArray *a)
{
  return (arrayTail *)(uintptr_t)&a->segments[nsegments(a)];
}
ALWAYS_INLINE unsigned char *alignUp(unsigned char *p, size_t align)
{
  return p + (-(uintptr_t)p & (align - 1));
}
ALWAYS_INLINE bmap *bmapIn(unsigned char *segment, size_t i)
{
  return (bmap *)(void *)segment - 1 - i;
}

/* What stands for a segment that has not been written to: buckets without entries. Each copy of the library in a process has its
 * own, so a flag tells and not the address. */
static const bmap emptySegment[maxSegment] = {[0 ... maxSegment - 1] = {.link = bucketNone}};

ALWAYS_INLINE bool inEmptySegment(const bmap *b)
{
  return b->link & bucketNone;
}
ALWAYS_INLINE unsigned char *noSegment(void)
{
  return (unsigned char *)(uintptr_t)(emptySegment + maxSegment);
}
ALWAYS_INLINE bool isNoSegment(const unsigned char *segment)
{
  return inEmptySegment((const bmap *)(const void *)segment - 1);
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
  if (t->formats && unlikely(isWide(p->b))) {
    memcpy(&p->block, p->block, sizeof(unsigned char *));
    p->t = wideFormat(t);
  }
}

/* The block of bucket i in an array of format t, if the bucket is not wide. */
ALWAYS_INLINE unsigned char *blockAt(const maptype *t, const bucketArray *a, size_t i)
{
  return a->segments[i >> t->segbits] + (i & segmentMask(t)) * t->blocksize;
}

/* The first bucket of chain i of an array of format t. */
ALWAYS_INLINE place bucketAt(const maptype *t, bucketArray *a, size_t i)
{
  unsigned char *segment = a->segments[i >> t->segbits];
  size_t k = i & segmentMask(t);
  bmap *b = bmapIn(segment, k);
  place p = {b, segment + k * t->blocksize, t, b, a, 0, (uint32_t)i};
  resolveBlock(t, &p);
  return p;
}

/* The first bucket of chain i of the old array. */
ALWAYS_INLINE place oldBucketAt(const hmap *h, const maptype *t, size_t i)
{
  return bucketAt(oldType(h, t), h->oldbuckets, i);
}

/* Moves p to an overflow bucket of its chain, whose array has format t. */
ALWAYS_INLINE void toOverflow(const maptype *t, place *p, bmap *b)
{
  p->b = b;
  p->block = (unsigned char *)(b + 1);
  resolveBlock(t, p);
}

/* Moves p to the next bucket of its chain. Returns false if there is none. */
ALWAYS_INLINE bool nextInChain(place *p)
{
  bmap *b = overflowOf(p->b);
  HMAP_COUNT(steps, 1);
  if (!b)
    return false;
  toOverflow(p->t->formats ? p->a->t : p->t, p, b);
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

/* log2 of the buckets in a segment, a constant where the size of a block is one. */
#define SEGMENT_HOLDS(bits, blocksize) ((sizeof(bmap) + (blocksize)) << (bits) <= segmentBytes)
#define SEGBITS(blocksize)                    \
  (uint8_t)(SEGMENT_HOLDS(9, blocksize)   ? 9 \
            : SEGMENT_HOLDS(8, blocksize) ? 8 \
            : SEGMENT_HOLDS(7, blocksize) ? 7 \
            : SEGMENT_HOLDS(6, blocksize) ? 6 \
            : SEGMENT_HOLDS(5, blocksize) ? 5 \
            : SEGMENT_HOLDS(4, blocksize) ? 4 \
                                          : 3)

/* Lays slots and blocks out. */
static inline void layout(maptype *t)
{
  uint32_t key = t->indirectkey ? sizeof(void *) : t->keysize, elem = t->indirectelem ? sizeof(void *) : t->elemsize;
  uint32_t align = alignOf(key) > alignOf(elem) ? alignOf(key) : alignOf(elem);
  t->align = align == 16 ? 16 : 8; /* at least that of stored hashes and pointers */
  t->slotoff = t->stored ? bucketCnt * sizeof(uint32_t) : 0;
  t->elemoff = roundUp(key, alignOf(elem));
  t->slotsize = roundUp(t->elemoff + elem, align);
  t->blocksize = roundUp(t->slotoff + bucketCnt * t->slotsize, 16);
  t->segbits = SEGBITS(t->blocksize);
}

#endif
