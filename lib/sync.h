/* sync.h: the structures of the concurrent map, and the small functions that read them. sync.c explains how they work together.
 */
#ifndef HMAP_SYNC_INTERNAL_H
#define HMAP_SYNC_INTERNAL_H

#include "hash.h"
#define HMAP_SYNC_ANY_KEY
#include <hmap-sync.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
/* ThreadSanitizer sees what its own compiler made and the calls of libc, so it is told what orders these here: whoever finds an
 * entry comes after who put it there, and what is destroyed comes after the sections that might have seen it. The functions are
 * there in a program that is made with -fsanitize=thread, and NULL in others. */
void __tsan_acquire(void *tag) __attribute__((weak));
void __tsan_release(void *tag) __attribute__((weak));
static char gracePeriod;        /* only its address counts */
static uint64_t hashTags[1024]; /* and theirs: one for the entries of some hashes */
#ifdef __SANITIZE_THREAD__
#define HAPPENS_BEFORE(tag) __tsan_release(tag)
#define HAPPENS_AFTER(tag) __tsan_acquire(tag)
#else
#define HAPPENS_BEFORE(tag) (unlikely(__tsan_release != NULL) ? __tsan_release(tag) : (void)0)
#define HAPPENS_AFTER(tag) (unlikely(__tsan_acquire != NULL) ? __tsan_acquire(tag) : (void)0)
#endif
#define HASH_TAG(hash) (&hashTags[(hash) >> 32 & 1023])

/* A test build makes this a delay: the places where another thread's step is most awkward. */
#ifndef HMAP_SYNC_POINT
#define HMAP_SYNC_POINT() ((void)0)
#endif

ALWAYS_INLINE void relax(void)
{
#if defined __x86_64__ || defined __i386__
  __builtin_ia32_pause();
#elif defined __aarch64__
  __asm__ volatile("yield");
#endif
}

/* The struct that a member is in. */
#define containerOf(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* What several threads use at once is only ever read and written through these. sync.c says why these orders. */
#define LOAD(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define LOAD_RELAXED(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define STORE_SEQ(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
#define STORE_RELAXED(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define EXCHANGE(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define CAS(p, expected, v) __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
/* A store by which a call takes effect. */
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
#define PUBLISH(p, v) STORE(p, v)
#else
#define PUBLISH(p, v) STORE_SEQ(p, v)
#endif
/* A fence that ThreadSanitizer understands. */
#ifdef __SANITIZE_THREAD__
static uint32_t fenceWord;
#define SYNC_FENCE() ((void)__atomic_fetch_add(&fenceWord, 0, __ATOMIC_SEQ_CST))
#else
#define SYNC_FENCE() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* What a map's entries need when they go, where that is more than their memory. One for all maps that need the same; never freed,
 * because an entry may go after its map. */
typedef struct owner {
  void (*destroy)(void *value);
  void (*destroyKey)(void *key);
  uint32_t keyoff;
  struct owner *next;
} owner;

/* An entry in memory of its own. All but the value is constant from the moment when others can see it. Behind it come, where the
 * type has destroy functions, its owner; where keys are not their own hash, the hash; and then the key (map's keyoff says where).
 */
typedef struct node {
  void *value;    /* atomic */
  uintptr_t next; /* once it has left the map: the next of its pile, and in the low bits what is to be done with it: */
} node;

enum {
  ownsValue = 1, /* destroy its value */
  ownsKey = 2,   /* destroy its key */
  isLarge = 4,   /* it is a bulk */
  kindMask = 7
};

/* Something that is given back in steps, because there is much of it. */
typedef struct bulk {
  node base;
  bool (*step)(struct bulk *l, node **batch); /* does some, puts nodes to be disposed of on batch; true: that was all */
  void (*done)(struct bulk *l);               /* frees l */
} bulk;

/* An entry in its slot, where keys are eight bytes and values need no destruction. Begins as a node does. */
typedef struct pair {
  void *value;  /* atomic */
  uint64_t key; /* atomic */
} pair;

enum { slotCnt = 6, minBuckets = 8, stripeCnt = 8, cacheLine = 64 };

/* A bucket: one cache line, or two where entries are pairs.
 *
 *   0         1..6        7     8          16                                       64
 *   | control | tophashes |     | overflow | slot 0 | ... | slot 5 (pointers to nodes) |
 *   | control | tophashes |     | overflow | version | pair 0 | ... | pair 5    |      |
 *                                          16        24                         120    128
 *
 * Nodes: what a slot points to is there. A tophash is only a hint that saves looking, but one that may never be missing: it is
 * set before its slot, and stays at least until the slot is empty. Pairs: an entry is there if its tophash is not 0. Before a
 * pair is written to, which its tophash then shows, version is raised: a reader that finds it unchanged after it has read a pair
 * knows that the slot was not used anew meanwhile.
 *
 * Whole words are read and written, so that they are atomic. Only the holder of the lock of a chain's first bucket writes to it.
 */
typedef struct bucket {
  _Alignas(8) uint64_t head; /* control byte (in a chain's first bucket) and tophashes, from the lowest byte; atomic */
  struct bucket *overflow;   /* atomic */
  union {
    node *slot[slotCnt]; /* atomic */
    struct {
      uint64_t version; /* atomic */
      pair pairs[slotCnt];
    };
  };
} bucket;
_Static_assert(offsetof(bucket, slot[slotCnt]) == cacheLine || sizeof(void *) != 8, "a bucket of nodes is a cache line");
_Static_assert(sizeof(bucket) <= 2 * cacheLine, "and one of pairs is two");

/* The control byte. */
enum {
  lockBit = 1, /* a write is at work on the chain */
  movedBit = 2 /* all of the chain is in the next array, and nothing here changes any more */
};

/* An overflow bucket, which goes when it is empty. */
typedef struct tailBucket {
  node base;
  bucket b;
} tailBucket;

/* An array of buckets, and the one that it is being evacuated to. */
typedef struct array {
  bulk l;
  bucket *buckets;    /* behind this struct, on a cache line */
  size_t mask;        /* number of buckets less one; that number is a power of two */
  struct array *next; /* atomic; NULL until a growth begins */
  struct generation *gen;
  uint8_t shift;         /* log2 of the bytes from one bucket to the next */
  char apart[cacheLine]; /* reads need what is above, and growth writes what is below */
  size_t left;           /* buckets not evacuated; atomic */
  size_t cursor;         /* where the next write looks for one to evacuate; atomic. Then, where freeing it has come to */
} array;

/* What insertions and deletions of one part of the keys write, on a cache line of its own. */
typedef struct stripe {
  _Alignas(cacheLine) size_t count; /* entries; atomic */
} stripe;

/* All that one Clear replaces: what lived between two of them. */
typedef struct generation {
  bulk l;
  stripe stripes[stripeCnt];
  uintptr_t kind; /* of its nodes */
  bool pairs;
  uint64_t number; /* of the map's generations */
  void *memory;    /* this struct is on a cache line in it */
  array *table;    /* once it has been replaced: the first of its arrays */
  size_t chain;    /* and the one of that whose entries go next */
  bool freeing;    /* all have gone, and the array itself is next */
} generation;

/* The map. All but table is constant. */
struct hmap_sync {
  array *table; /* the first array that is not yet evacuated, where every search begins; atomic */
  hmap_seed seed;
  uint8_t alg; /* enum hashalg */
  bool pairs;  /* entries are pairs, not nodes */
  uint32_t keysize, keyoff;
  const owner *owner;   /* NULL: nodes only have to be freed */
  uint64_t generations; /* so far; atomic */
  size_t least;         /* buckets; atomic */
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
  void (*retain)(void *value);
  struct hmap_sync *nextMap, **before; /* of maps */
};

ALWAYS_INLINE uint8_t topOf(uint64_t hash)
{
  uint8_t top = (uint8_t)(hash >> 56);
  return top ? top : 1;
}
ALWAYS_INLINE stripe *stripeOf(generation *gen, uint64_t hash)
{
  return &gen->stripes[(hash >> 36) % stripeCnt];
}
ALWAYS_INLINE bucket *bucketNumber(const array *a, size_t i)
{
  return (bucket *)(void *)((char *)a->buckets + (i << a->shift));
}
ALWAYS_INLINE bucket *bucketFor(const array *a, uint64_t hash)
{
  return bucketNumber(a, (size_t)hash & a->mask);
}
ALWAYS_INLINE unsigned char *keyOfNode(const hmap_sync *m, node *n)
{
  return (unsigned char *)n + m->keyoff;
}
ALWAYS_INLINE uint64_t *storedHash(const hmap_sync *m, node *n)
{
  return (uint64_t *)(void *)((char *)n + m->keyoff - sizeof(uint64_t));
}
ALWAYS_INLINE const owner **ownerOf(node *n)
{
  return (const owner **)(void *)(n + 1);
}
ALWAYS_INLINE bool hashIsStored(uint8_t alg)
{
  return alg != alg64 && alg != alg32;
}

/* A string's hash has its length in it, up to what 16 bits hold, so that comparing hashes compares lengths. */
ALWAYS_INLINE uint64_t hashOfString(const hmap_sync *m, const char *s)
{
  size_t n = strlen(s);
  return (memhash(s, n, &m->seed) & ~((uint64_t)0xffff << 40)) | (uint64_t)(n < 0xffff ? n : 0xffff) << 40;
}
ALWAYS_INLINE size_t lengthIn(uint64_t hash)
{
  return hash >> 40 & 0xffff;
}
ALWAYS_INLINE uint64_t hashOfKey(const hmap_sync *m, uint8_t alg, const void *key)
{
  switch (alg) {
  case alg64:
    return memhash64(read64(key), &m->seed);
  case alg32:
    return memhash64(read32(key), &m->seed);
  case algStr:
    return hashOfString(m, key);
  case algMem:
    return memhash(key, m->keysize, &m->seed);
  default:
    return memhash64(m->hash(key, &m->seed), &m->seed);
  }
}
/* Never calls the user's function. */
ALWAYS_INLINE uint64_t hashOfNode(const hmap_sync *m, node *n)
{
  return hashIsStored(m->alg) ? *storedHash(m, n) : hashOfKey(m, m->alg, keyOfNode(m, n)); /* read plainly: it has the lock */
}
/* Whether n bytes are the same. */
ALWAYS_INLINE bool sameBytes(const unsigned char *a, const unsigned char *b, size_t n)
{
  if (n > 64)
    return memcmp(a, b, n) == 0;
  if (n > 16) {
    for (size_t i = 0; i < n - 16; i += 16)
      if ((read64(a + i) ^ read64(b + i)) | (read64(a + i + 8) ^ read64(b + i + 8)))
        return false;
    return !((read64(a + n - 16) ^ read64(b + n - 16)) | (read64(a + n - 8) ^ read64(b + n - 8)));
  }
  if (n >= 8)
    return !((read64(a) ^ read64(b)) | (read64(a + n - 8) ^ read64(b + n - 8)));
  if (n >= 4)
    return !((read32(a) ^ read32(b)) | (read32(a + n - 4) ^ read32(b + n - 4)));
  return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}
/* Of strings whose hashes agree, so their lengths do. */
ALWAYS_INLINE bool sameStrings(const unsigned char *a, const unsigned char *b, size_t length)
{
  return likely(length < 0xffff) ? sameBytes(a, b, length) : strcmp((const char *)a, (const char *)b) == 0;
}
ALWAYS_INLINE bool holds(const hmap_sync *m, uint8_t alg, node *n, uint64_t hash, const void *key)
{
  const unsigned char *stored = keyOfNode(m, n);
  HAPPENS_AFTER(HASH_TAG(hash));
  if (hashIsStored(alg) && *storedHash(m, n) != hash)
    return false;
  switch (alg) {
  case alg64:
    return LOAD((const uint64_t *)(const void *)stored) == read64(key);
  case alg32:
    return read32(stored) == read32(key);
  case algStr:
    return sameStrings(stored, key, lengthIn(hash));
  case algMem:
    return memcmp(stored, key, m->keysize) == 0;
  default:
    return m->equal(stored, key);
  }
}

/* The slots of a bucket whose tophash is top: for slot i, the highest bit of byte 1 + i. Exact, as in probe.h. */
ALWAYS_INLINE uint64_t slotsWith(uint64_t head, uint8_t top)
{
  const uint64_t low = 0x7f7f7f7f7f7f7f7f, slotBytes = 0x00ffffffffffff00;
  uint64_t x = head ^ UINT64_C(0x0101010101010101) * top;
  return ~(((x & low) + low) | x | low) & slotBytes;
}
ALWAYS_INLINE unsigned firstOf(uint64_t slotsFound)
{
  return (unsigned)__builtin_ctzll(slotsFound) / 8 - 1;
}

/* The entry in a slot of a chain that is locked, or NULL. */
ALWAYS_INLINE node *entryAt(bucket *b, unsigned i, bool pairs)
{
  if (!pairs)
    return LOAD_RELAXED(&b->slot[i]);
  return LOAD_RELAXED(&b->head) >> 8 * (i + 1) & 0xff ? (node *)(void *)&b->pairs[i] : NULL;
}

/* Visits the entries of a chain that is locked one after another, beginning with {first bucket, 0, pairs}. */
typedef struct visit {
  bucket *b;
  unsigned i;
  bool pairs;
} visit;

static node *nextNode(visit *v)
{
  for (; v->b; v->b = LOAD(&v->b->overflow), v->i = 0)
    while (v->i < slotCnt) {
      node *n = entryAt(v->b, v->i++, v->pairs);
      if (n)
        return n;
    }
  return NULL;
}

#endif
