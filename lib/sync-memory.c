/* sync-memory.c: read sections, and how memory and values go when no reader can see them any more.
 *
 * Whatever leaves the map while readers may still look at it is given to liburcu's thread, which waits for them. An array, an
 * overflow bucket or a whole generation goes by a callback of its own. Nodes are too many for that: each stripe piles them up and
 * has one callback under way at most, for which the memory is in the stripe. When it runs, it frees the pile that it took the
 * last time, takes what has come since, and asks to be called again, until there is nothing. So retiring a node is one
 * compare-and-swap, needs no memory, and costs a call to liburcu a grace period and not a node. */
#include "sync.h"
#include <sys/mman.h>

enum { maxHeapBytes = 64 << 10 };

static node pileEnd; /* the last of each pile, so that an empty one is not NULL */

static struct {
  pthread_mutex_t mutex; /* held from before a fork until after it */
  bool forking;          /* atomic */
} forks = {PTHREAD_MUTEX_INITIALIZER, false};

ALWAYS_INLINE void readLock(void)
{
  _urcu_bp_read_lock();
}
ALWAYS_INLINE void readUnlock(void)
{
  HAPPENS_BEFORE(&gracePeriod);
  _urcu_bp_read_unlock();
}

NOINLINE void waitForFork(void)
{
  readUnlock();
  if (_urcu_bp_read_ongoing()) { /* the fork waits for us */
    readLock();
    return;
  }
  pthread_mutex_lock(&forks.mutex);
  readLock(); /* before the next fork can begin, which then waits for us */
  pthread_mutex_unlock(&forks.mutex);
}
/* Opens a read section for a write. Not while a fork is under way: before_fork sets the flag and then waits for a grace period,
 * so those that did not see it have ended by then. */
ALWAYS_INLINE void writeLock(void)
{
  readLock();
  if (unlikely(LOAD(&forks.forking)))
    waitForFork();
}

/* Calls f, as a callback of liburcu, when all read sections that are open now have ended. */
static void defer(struct rcu_head *head, void (*f)(struct rcu_head *))
{
  HAPPENS_BEFORE(&gracePeriod);
  urcu_bp_call_rcu(head, f);
}

/* Memory, all zero; so large pieces come untouched from the system and go back to it. */
static void *newBytes(size_t bytes)
{
  if (bytes <= maxHeapBytes)
    return calloc(1, bytes);
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}
static void freeBytes(void *p, size_t bytes)
{
  if (bytes <= maxHeapBytes)
    free(p);
  else
    munmap(p, bytes);
}

static size_t bytesOfArray(size_t buckets, uint8_t shift)
{
  return sizeof(array) + (buckets << shift) + cacheLine - 1;
}
/* Returns an empty array of that many buckets, a power of two; or NULL if there is no memory. */
static array *newTable(generation *gen, size_t buckets)
{
  const uint8_t shift = gen->pairs ? 7 : 6;
  if (buckets > SIZE_MAX / 4 >> shift)
    return NULL;
  array *a = newBytes(bytesOfArray(buckets, shift));
  if (!a)
    return NULL;
  a->buckets = (bucket *)(((uintptr_t)(a + 1) + cacheLine - 1) / cacheLine * cacheLine);
  a->mask = buckets - 1;
  a->left = buckets;
  a->gen = gen;
  a->shift = shift;
  return a;
}
static void freeOverflow(struct rcu_head *rcu)
{
  HAPPENS_AFTER(&gracePeriod);
  free(containerOf(rcu, tailBucket, rcu));
  HAPPENS_BEFORE(&gracePeriod);
}
static void freeTable(array *a)
{
  for (size_t i = 0; i <= a->mask; i++)
    for (bucket *b = bucketNumber(a, i)->overflow, *next; b; b = next) {
      next = b->overflow;
      free(containerOf(b, tailBucket, b));
    }
  freeBytes(a, bytesOfArray(a->mask + 1, a->shift));
}
static void freeEvacuated(struct rcu_head *rcu)
{
  HAPPENS_AFTER(&gracePeriod);
  freeTable(containerOf(rcu, array, rcu));
  HAPPENS_BEFORE(&gracePeriod);
}

/* Returns a node without a value, or NULL if there is no memory. */
static node *newNode(const hmap_sync *m, uint64_t hash, const void *key)
{
  size_t size = m->alg == algStr ? strlen(key) + 1 : m->keysize;
  node *n = malloc(m->keyoff + size);
  if (!n)
    return NULL;
  if (hashIsStored(m->alg))
    *storedHash(n) = hash;
  memcpy(keyOfNode(m, n), key, size);
  return n;
}
static void freeNode(const generation *gen, node *n)
{
  if (gen->destroy)
    gen->destroy(LOAD(&n->value));
  free(n);
}

/* Returns a generation with an empty array, which has the one reference; or NULL if there is no memory. */
static generation *newGeneration(const hmap_sync *m)
{
  generation *gen = calloc(1, sizeof *gen);
  if (!gen)
    return NULL;
  gen->destroy = m->destroy;
  gen->pairs = m->pairs;
  gen->refs = 1;
  for (unsigned i = 0; i < stripeCnt; i++)
    gen->stripes[i].s.gen = gen;
  gen->table = newTable(gen, minBuckets);
  if (!gen->table) {
    free(gen);
    return NULL;
  }
  return gen;
}
static void dropGeneration(generation *gen)
{
  if (__atomic_sub_fetch(&gen->refs, 1, __ATOMIC_ACQ_REL) == 0)
    free(gen);
}

/* The callback of a stripe. */
static void reclaim(struct rcu_head *rcu)
{
  HAPPENS_AFTER(&gracePeriod);
  stripe *s = containerOf(rcu, stripe, rcu);
  for (node *n = s->waiting, *next; n != &pileEnd; n = next) {
    next = n->retired;
    freeNode(s->gen, n);
  }
  node *end = &pileEnd;
  s->waiting = EXCHANGE(&s->fresh, &pileEnd);
  if (s->waiting != &pileEnd || !CAS(&s->fresh, &end, NULL))
    defer(&s->rcu, reclaim);
  else
    dropGeneration(s->gen);
  HAPPENS_BEFORE(&gracePeriod);
}
/* Gives a node up that nobody can find any more. In a read section. */
static void retire(stripe *s, node *n)
{
  node *top = LOAD(&s->fresh);
  do
    n->retired = top ? top : &pileEnd;
  while (!CAS(&s->fresh, &top, n));
  if (top)
    return;
  __atomic_add_fetch(&s->gen->refs, 1, __ATOMIC_RELAXED);
  s->waiting = &pileEnd;
  defer(&s->rcu, reclaim);
}

static void freeGeneration(struct rcu_head *rcu)
{
  HAPPENS_AFTER(&gracePeriod);
  generation *gen = containerOf(rcu, generation, rcu);
  for (array *a = gen->table, *next; a; a = next) {
    next = a->next;
    for (size_t i = 0; i <= a->mask && !gen->pairs; i++) {
      visit v = {bucketNumber(a, i), 0, false};
      if (!(v.b->head & movedBit))
        for (node *n; (n = nextNode(&v));)
          freeNode(gen, n);
    }
    freeTable(a);
  }
  dropGeneration(gen);
  HAPPENS_BEFORE(&gracePeriod);
}
/* Gives up all that can be reached from an array that has been taken out of its map. In a read section. */
static void retireGeneration(array *a)
{
  a->gen->table = a;
  defer(&a->gen->rcu, freeGeneration);
}
