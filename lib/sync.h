/* sync.h: the structures of the concurrent map, and the small functions that read them. sync.c explains how they work together.
 */
#ifndef HMAP_SYNC_INTERNAL_H
#define HMAP_SYNC_INTERNAL_H

#include "hash.h"
#include <hmap-sync.h>
#include <sched.h>
#include <urcu/urcu-bp.h>

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#elif __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
/* Inlined, liburcu's read sections are a few instructions; its header says that this is for code under any licence. They use a
 * struct that is misaligned and that liburcu protects in ways unknown to sanitizers, so there they stay in the library. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define _urcu_bp_read_lock urcu_bp_read_lock
#define _urcu_bp_read_unlock urcu_bp_read_unlock
#define _urcu_bp_read_ongoing urcu_bp_read_ongoing
#else
#include <urcu/static/urcu-bp.h>
#endif
/* liburcu is not compiled with the thread sanitizer, so the sanitizer is told what a grace period orders: all that comes before
 * the end of a read section happens before the callbacks that waited for it, and they before what waits for them. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
static char gracePeriod; /* only its address counts */
#define HAPPENS_BEFORE(tag) __tsan_release(tag)
#define HAPPENS_AFTER(tag) __tsan_acquire(tag)
#else
#define HAPPENS_BEFORE(tag) ((void)0)
#define HAPPENS_AFTER(tag) ((void)0)
#endif

/* A test build makes this a delay: the places where another thread's step is most awkward. */
#ifndef HMAP_SYNC_POINT
#define HMAP_SYNC_POINT() ((void)0)
#endif

/* The struct that a member is in. (liburcu's own macro casts a const away.) */
#define containerOf(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* What several threads use at once is only ever read and written through these. */
#define LOAD(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define LOAD_RELAXED(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define STORE_RELAXED(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define EXCHANGE(p, v) __atomic_exchange_n(p, v, __ATOMIC_ACQ_REL)
#define CAS(p, expected, v) __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* An entry in memory of its own. All but the value is constant from the moment when others can see it. Behind it come, where keys
 * are not their own hash, the hash, and then the key (map's keyoff says where). */
typedef struct node {
  void *value;          /* atomic */
  struct node *retired; /* once it has left the map: the next of its pile */
} node;

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
  struct rcu_head rcu;
  bucket b;
} tailBucket;

/* An array of buckets, and the one that it is being evacuated to. */
typedef struct array {
  bucket *buckets;    /* behind this struct, on a cache line */
  size_t mask;        /* number of buckets less one; that number is a power of two */
  struct array *next; /* atomic; NULL until a growth begins */
  struct generation *gen;
  uint8_t shift;         /* log2 of the bytes from one bucket to the next */
  char apart[cacheLine]; /* reads need what is above, and growth writes what is below */
  size_t left;           /* buckets not evacuated; atomic */
  size_t cursor;         /* where the next write looks for one to evacuate; atomic */
  struct rcu_head rcu;
} array;

/* What insertions and deletions of one part of the keys write, on a cache line of its own. */
typedef struct stripe {
  size_t count;  /* entries; atomic */
  node *fresh;   /* pile of retired nodes; atomic. NULL: no callback is under way */
  node *waiting; /* those that the callback under way will free */
  struct generation *gen;
  struct rcu_head rcu;
} stripe;

/* All that one Clear replaces: what lived between two of them. */
typedef struct generation {
  union {
    stripe s;
    char line[cacheLine];
  } stripes[stripeCnt];
  void (*destroy)(void *value);
  bool pairs;
  size_t refs;  /* 1 for the map, 1 for each callback under way; atomic */
  array *table; /* once it has been replaced: the first of its arrays */
  struct rcu_head rcu;
} generation;

/* The map. All but table is constant. */
struct hmap_sync {
  array *table; /* the first array that is not yet evacuated, where every search begins; atomic */
  hmap_seed seed;
  uint8_t alg; /* enum hashalg */
  bool pairs;  /* entries are pairs, not nodes */
  uint32_t keysize, keyoff;
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
  void (*retain)(void *value);
  void (*destroy)(void *value);
};

ALWAYS_INLINE uint8_t topOf(uint64_t hash)
{
  uint8_t top = (uint8_t)(hash >> 56);
  return top ? top : 1;
}
ALWAYS_INLINE stripe *stripeOf(generation *gen, uint64_t hash)
{
  return &gen->stripes[(hash >> 48) % stripeCnt].s;
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
ALWAYS_INLINE uint64_t *storedHash(node *n)
{
  return (uint64_t *)(void *)(n + 1);
}
ALWAYS_INLINE bool hashIsStored(uint8_t alg)
{
  return alg != alg64 && alg != alg32;
}

ALWAYS_INLINE uint64_t hashOfKey(const hmap_sync *m, uint8_t alg, const void *key)
{
  switch (alg) {
  case alg64:
    return memhash64(read64(key), &m->seed);
  case alg32:
    return memhash64(read32(key), &m->seed);
  case algStr:
    return strhash(key, &m->seed);
  case algMem:
    return memhash(key, m->keysize, &m->seed);
  default:
    return memhash64(m->hash(key, &m->seed), &m->seed);
  }
}
/* Never calls the user's function. */
ALWAYS_INLINE uint64_t hashOfNode(const hmap_sync *m, node *n)
{
  return hashIsStored(m->alg) ? *storedHash(n) : hashOfKey(m, m->alg, keyOfNode(m, n)); /* read plainly: it has the lock */
}
ALWAYS_INLINE bool holds(const hmap_sync *m, uint8_t alg, node *n, uint64_t hash, const void *key)
{
  const unsigned char *stored = keyOfNode(m, n);
  if (hashIsStored(alg) && *storedHash(n) != hash)
    return false;
  switch (alg) {
  case alg64:
    return LOAD((const uint64_t *)(const void *)stored) == read64(key);
  case alg32:
    return read32(stored) == read32(key);
  case algStr:
    return strcmp((const char *)stored, key) == 0;
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
