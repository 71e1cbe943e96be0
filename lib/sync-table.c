/* sync-table.c: searching, and the steps that change chains and arrays. */
#include "sync.h"

/* For HMAP_STATS, see counters.c. */
ALWAYS_INLINE bool counting(void)
{
  return unlikely(counters.file != NULL);
}
/* Maps have been made, or freed, and entries gone with them. */
static void countMaps(int made, size_t gone)
{
  if (!counting())
    return;
  addTo(&counters.tables, made > 0);
  addTo(&counters.live, (size_t)made);
  addTo(&counters.present, -gone);
  addTo(&counters.buckets, made > 0 ? minBuckets : 0);
}
NOINLINE void countChange(int added)
{
  if (added > 0)
    addEntry();
  else
    addTo(&counters.present, (size_t)-1);
}
NOINLINE void countResize(const array *a, const array *next)
{
  addTo(&counters.buckets, next->mask + 1);
  addTo(next->mask > a->mask ? &counters.bigger : next->mask == a->mask ? &counters.samesize : &counters.shrinks, 1);
}
/* A chain has got another overflow bucket, and n buckets by that. */
NOINLINE void countTail(size_t n)
{
  addTo(&counters.overflow, 1);
  raiseTo(&counters.longest, n);
}

/* Where a search ended: at an entry, or at the end of its chain. */
typedef struct spot {
  node *n;        /* or NULL */
  bucket *b;      /* the bucket that it is in */
  bucket *before; /* and the one before that, or NULL */
  unsigned i;
  uint64_t version; /* of a bucket of pairs, before anything of it was read */
} spot;

/* The entry in a slot whose tophash has been seen, or NULL. */
ALWAYS_INLINE node *seenAt(bucket *b, unsigned i, bool pairs)
{
  return pairs ? (node *)(void *)&b->pairs[i] : LOAD(&b->slot[i]);
}
/* Searches a chain, or says no at once if it has been evacuated. */
ALWAYS_INLINE bool search(const hmap_sync *m, uint8_t alg, bool pairs, bucket *b, uint64_t hash, const void *key, spot *s)
{
  *s = (spot){.b = b};
  for (;;) {
    if (pairs)
      s->version = LOAD(&s->b->version);
    uint64_t head = LOAD(&s->b->head);
    if (unlikely(head & movedBit))
      return false;
    HMAP_SYNC_POINT();
    for (uint64_t found = slotsWith(head, topOf(hash)); found; found &= found - 1) {
      s->i = firstOf(found);
      s->n = seenAt(s->b, s->i, pairs);
      if (s->n && likely(holds(m, alg, s->n, hash, key)))
        return true;
    }
    s->n = NULL;
    bucket *next = LOAD(&s->b->overflow);
    if (likely(!next))
      return true;
    s->before = s->b;
    s->b = next;
  }
}
/* Searches without a lock, in a read section. Returns the key's entry with its value, or NULL. */
ALWAYS_INLINE node *lookUp(hmap_sync *m, uint8_t alg, bool pairs, uint64_t hash, const void *key, void **value)
{
  spot s;
  array *a = LOAD(&m->table);
  for (;;) {
    if (unlikely(!search(m, alg, pairs, bucketFor(a, hash), hash, key, &s))) {
      a = LOAD(&a->next);
      continue;
    }
    if (!s.n)
      return NULL;
    HMAP_SYNC_POINT();
    *value = LOAD(&s.n->value);
    HAPPENS_AFTER(HASH_TAG(hash));
    if (!pairs || likely(LOAD(&s.b->version) == s.version))
      return s.n;
  }
}

/* Threads that have waited for a lock for a while sleep until there is one. They wait at one of these, by the chain's address. */
enum { parkingCnt = 64, spins = 100 };

static struct {
  _Alignas(cacheLine) uint32_t turn; /* atomic; goes on when a lock there has been given up that somebody waits for */
} parking[parkingCnt];

ALWAYS_INLINE uint32_t *turnOf(const bucket *b)
{
  return &parking[((uintptr_t)b / cacheLine) * UINT64_C(0x9e3779b97f4a7c15) >> 58].turn;
}
/* Sleeps until a chain's lock may be free. Either the thread that gives it up sees that there are waiters, or this one that the
 * lock is free: both write before they look. */
NOINLINE void park(bucket *b)
{
  __atomic_fetch_add(&waiters, 1, __ATOMIC_SEQ_CST);
  uint32_t turn = LOAD(turnOf(b));
  if (LOAD(&b->head) & lockBit)
    futexWait(turnOf(b), turn, NULL);
  __atomic_fetch_sub(&waiters, 1, __ATOMIC_SEQ_CST);
}
NOINLINE void unpark(bucket *b)
{
  __atomic_fetch_add(turnOf(b), 1, __ATOMIC_SEQ_CST);
  futexWake(turnOf(b));
}

/* Locks a chain by its first bucket, if it is neither evacuated nor locked. */
ALWAYS_INLINE bool tryLockChain(bucket *b)
{
  uint64_t head = LOAD(&b->head);
  return !(head & (movedBit | lockBit)) && CAS(&b->head, &head, head | lockBit);
}
NOINLINE bool waitForChain(bucket *b)
{
  for (unsigned tries = 0; !tryLockChain(b); tries++) {
    if (LOAD(&b->head) & movedBit)
      return false;
    if (tries >= spins)
      park(b);
    else
      relax();
  }
  return true;
}
/* Locks a chain by its first bucket. Returns false, and locks nothing, if it has been evacuated. */
ALWAYS_INLINE bool lockChain(bucket *b)
{
  return likely(tryLockChain(b)) || waitForChain(b);
}
/* Unlocks it, and orders all that the call has written before what the thread reads in its next calls. */
ALWAYS_INLINE void unlockWith(bucket *b, uint64_t head)
{
  EXCHANGE(&b->head, head & ~(uint64_t)lockBit);
#if !defined __x86_64__ && !defined __i386__
  SYNC_FENCE();
#endif
  if (unlikely(LOAD(&waiters)))
    unpark(b);
}
ALWAYS_INLINE void unlockChain(bucket *b)
{
  unlockWith(b, LOAD_RELAXED(&b->head));
}

/* A head with another tophash for slot i. */
ALWAYS_INLINE uint64_t withTop(uint64_t head, unsigned i, uint8_t top)
{
  unsigned shift = 8 * (i + 1);
  return (head & ~((uint64_t)0xff << shift)) | (uint64_t)top << shift;
}
/* Puts an entry into an empty slot: a node itself, of a pair a copy. */
ALWAYS_INLINE void fillSlot(bool pairs, bucket *b, unsigned i, uint8_t top, node *n)
{
  uint64_t head = withTop(LOAD_RELAXED(&b->head), i, top);
  if (pairs) {
    const pair *from = (const pair *)(void *)n;
    STORE_RELAXED(&b->version, b->version + 1);
    STORE(&b->pairs[i].value, LOAD_RELAXED(&from->value));
    STORE(&b->pairs[i].key, LOAD_RELAXED(&from->key));
    HMAP_SYNC_POINT();
    PUBLISH(&b->head, head);
  } else {
    STORE(&b->head, head);
    HMAP_SYNC_POINT();
    PUBLISH(&b->slot[i], n);
  }
}
ALWAYS_INLINE void clearSlot(bool pairs, bucket *b, unsigned i)
{
  if (pairs)
    PUBLISH(&b->head, withTop(LOAD_RELAXED(&b->head), i, 0));
  else
    PUBLISH(&b->slot[i], NULL);
}
/* Finds an empty slot in a chain that is locked, in a new overflow bucket if need be. Returns false if there is no memory. */
static bool findRoom(const hmap_sync *m, bucket *b, spot *s)
{
  size_t n = 2;
  for (;; b = b->overflow, n++) {
    for (unsigned i = 0; i < slotCnt; i++)
      if (!entryAt(b, i, m->pairs)) {
        *s = (spot){.b = b, .i = i};
        return true;
      }
    if (!LOAD_RELAXED(&b->overflow))
      break;
  }
  tailBucket *o = calloc(1, offsetof(tailBucket, b) + (m->pairs ? sizeof(bucket) : cacheLine));
  if (!o)
    return false;
  STORE(&b->overflow, &o->b);
  if (counting())
    countTail(n);
  *s = (spot){.b = &o->b};
  return true;
}
/* Puts an entry into a chain that is locked. Returns false if there is no memory for an overflow bucket. */
static bool putNode(const hmap_sync *m, bucket *b, uint8_t top, node *n)
{
  spot s;
  if (!findRoom(m, b, &s))
    return false;
  fillSlot(m->pairs, s.b, s.i, top, n);
  return true;
}
/* Unlinks the overflow buckets of a chain that is locked that are empty. In a read section. */
static void dropEmpty(reader *r, bucket *b, bool pairs)
{
  for (bucket *next; (next = b->overflow);) {
    unsigned i = 0;
    while (i < slotCnt && !entryAt(next, i, pairs))
      i++;
    if (i < slotCnt) {
      b = next;
      continue;
    }
    STORE(&b->overflow, LOAD_RELAXED(&next->overflow));
    retire(r, &containerOf(next, tailBucket, b)->base, 0);
  }
}

/* Takes the entries of a chain, up to one of them, out of the array that an evacuation has put them in. */
static void takeBack(const hmap_sync *m, bucket *first, const node *end, const array *next)
{
  visit v = {first, 0, m->pairs};
  for (node *n; (n = nextNode(&v)) != end;) {
    uint64_t hash = hashOfNode(m, n);
    spot s;
    search(m, m->alg, m->pairs, bucketFor(next, hash), hash, keyOfNode(m, n), &s);
    clearSlot(m->pairs, s.b, s.i);
  }
}
/* Copies the entries of a chain that is locked to the next array. Returns false, with all as it was, if there is no memory. */
static bool copyChain(const hmap_sync *m, bucket *first, const array *next)
{
  visit v = {first, 0, m->pairs};
  size_t moved = 0;
  for (node *n; (n = nextNode(&v)); moved++) {
    uint64_t hash = hashOfNode(m, n);
    if (!putNode(m, bucketFor(next, hash), topOf(hash), n)) {
      takeBack(m, first, n, next);
      return false;
    }
  }
  if (counting())
    addTo(&counters.evacuated, moved);
  return true;
}
/* The chain of the next array that several of a's go to, so that it has to be locked; or NULL. In a larger array nobody else uses
 * the chains that one of a's is divided into before it is marked evacuated. */
static bucket *sharedTarget(const array *a, const bucket *first, const array *next)
{
  size_t i = (size_t)((const char *)first - (const char *)a->buckets) >> a->shift;
  return next->mask > a->mask ? NULL : bucketFor(next, i);
}
/* Evacuates a chain of a that is locked, which unlocks it. Returns false, with all as it was, if there is no memory, or another
 * chain is locked and this is not to wait for it. No chain of next has been evacuated yet: that only begins when a is done. */
static bool evacuate(hmap_sync *m, reader *r, array *a, bucket *first, array *next, bool wait)
{
  bucket *shared = sharedTarget(a, first, next);
  if (shared && !(wait ? lockChain(shared) : tryLockChain(shared)))
    return false;
  bool copied = copyChain(m, first, next);
  if (shared)
    unlockChain(shared);
  if (!copied)
    return false;
  HMAP_SYNC_POINT();
  unlockWith(first, LOAD_RELAXED(&first->head) | movedBit);
  if (__atomic_sub_fetch(&a->left, 1, __ATOMIC_SEQ_CST) == 0) {
    array *expected = a; /* after a Clear it is another, and a goes with its generation */
    if (CAS(&m->table, &expected, next))
      retireArray(r, a);
  }
  return true;
}
/* Evacuates a few chains, any but those that are locked, of a map that is growing or shrinking. A smaller array is the more
 * urgent: the chains are all but empty, and their memory is to come back. */
NOINLINE void helpGrowth(hmap_sync *m, reader *r, array *a, array *next)
{
  unsigned due = next->mask < a->mask ? 8 : 1;
  for (unsigned tries = 0; due && tries < 16; tries++) {
    bucket *b = bucketFor(a, __atomic_fetch_add(&a->cursor, 1, __ATOMIC_RELAXED));
    if (!tryLockChain(b))
      continue;
    due--;
    if (!evacuate(m, r, a, b, next, false))
      unlockChain(b);
  }
}
/* Begins to move to an array of another size. Returns false, and nothing has happened, if there is no memory for it. */
static bool startGrowth(array *a, size_t buckets)
{
  array *next = newTable(a->gen, buckets), *expected = NULL;
  if (!next)
    return false;
  if (!CAS(&a->next, &expected, next))
    freeTable(next); /* another thread was faster */
  else if (counting())
    countResize(a, next);
  return true;
}

static size_t entriesOf(generation *gen)
{
  size_t n = 0;
  for (unsigned i = 0; i < stripeCnt; i++)
    n += LOAD(&gen->stripes[i].count);
  return n;
}
/* Begins to grow above 4.5 entries a bucket, and to shrink to a quarter below 0.5. */
NOINLINE void resizeIfDue(hmap_sync *m, array *a)
{
  const size_t buckets = a->mask + 1, least = LOAD_RELAXED(&m->least);
  if (LOAD(&a->next) || LOAD(&m->table) != a)
    return;
  size_t n = entriesOf(a->gen);
  if (2 * n > 9 * buckets)
    startGrowth(a, 2 * buckets);
  else if (2 * n < buckets && buckets > least)
    startGrowth(a, buckets / 4 < least ? least : buckets / 4);
}

/* A write to one key: where it is, and what has to be done when its chain is unlocked. */
typedef struct entry {
  uint64_t hash;
  array *a;
  bucket *first;
  spot s;
  node *dead;     /* a node that was replaced or deleted, or NULL */
  uintptr_t kind; /* what of it is to be destroyed */
  int added;      /* entries: 1, 0, -1 */
} entry;

/* Finds a key's entry, in a read section, with its chain locked, in the array where it belongs. */
ALWAYS_INLINE void lockEntry(hmap_sync *m, uint8_t alg, bool pairs, reader *r, uint64_t hash, const void *key, entry *e)
{
  e->hash = hash;
  e->dead = NULL;
  e->kind = 0;
  e->added = 0;
  e->a = LOAD(&m->table);
  if (unlikely(LOAD(&e->a->next)))
    helpGrowth(m, r, e->a, LOAD(&e->a->next));
  for (;;) {
    e->first = bucketFor(e->a, hash);
    HMAP_SYNC_POINT();
    if (lockChain(e->first)) {
      array *next = LOAD(&e->a->next);
      if (likely(!next) || !evacuate(m, r, e->a, e->first, next, true))
        break;
    }
    e->a = LOAD(&e->a->next);
  }
  search(m, alg, pairs, e->first, hash, key, &e->s);
}
ALWAYS_INLINE void unlockEntry(hmap_sync *m, bool pairs, reader *r, entry *e)
{
  stripe *s = stripeOf(e->a->gen, e->hash);
  /* Counted before another thread can delete it: or the deletion alone would count, and the sum be less than none. */
  size_t count = e->added ? __atomic_add_fetch(&s->count, (size_t)e->added, __ATOMIC_SEQ_CST) : 0;
  if (unlikely(e->added < 0 && e->s.before))
    dropEmpty(r, e->first, pairs);
  unlockChain(e->first);
  HMAP_SYNC_POINT();
  if (e->added && counting())
    countChange(e->added);
  if (e->dead)
    retire(r, e->dead, e->kind);
  if (e->added && (count <= 16 || count % 16 == 0)) /* where a stripe has many, every sixteenth is looked at */
    resizeIfDue(m, e->a);
}

/* What a write may do to an entry. */

/* Gets ready what replaceEntry or insertEntry needs: a node, if it has to be another, and a slot. Returns false, and nothing has
 * changed, if there is no memory. */
ALWAYS_INLINE bool prepareEntry(hmap_sync *m, bool pairs, entry *e, const void *key, node **fresh)
{
  const bool there = e->s.n != NULL, needed = !pairs && (!there || m->owner);
  *fresh = NULL;
  if (needed && !(*fresh = newNode(m, e->hash, there ? keyOfNode(m, e->s.n) : key)))
    return false;
  if (there || findRoom(m, e->first, &e->s))
    return true;
  free(*fresh);
  return false;
}
ALWAYS_INLINE void insertEntry(bool pairs, entry *e, const void *key, void *value, node *fresh)
{
  pair p = {value, 0};
  HAPPENS_BEFORE(HASH_TAG(e->hash));
  if (pairs)
    p.key = read64(key);
  else
    fresh->value = value;
  fillSlot(pairs, e->s.b, e->s.i, topOf(e->hash), pairs ? (node *)(void *)&p : fresh);
  e->added = 1;
}
/* Where values are destroyed the old one has to go with a node of its own. */
ALWAYS_INLINE void replaceEntry(hmap_sync *m, bool pairs, entry *e, void *value, node *fresh)
{
  HAPPENS_BEFORE(HASH_TAG(e->hash));
  if (pairs || !m->owner) {
    PUBLISH(&e->s.n->value, value);
    return;
  }
  fresh->value = value;
  e->dead = e->s.n;
  e->kind = ownsValue;
  PUBLISH(&e->s.b->slot[e->s.i], fresh);
}
ALWAYS_INLINE void removeEntry(const hmap_sync *m, bool pairs, entry *e, bool steal)
{
  e->dead = pairs ? NULL : e->s.n;
  e->kind = !m->owner ? 0 : steal ? ownsKey : ownsKey | ownsValue;
  e->added = -1;
  clearSlot(pairs, e->s.b, e->s.i);
}

/* Evacuates some chains from number *from on, but for those that are locked, or begins a growth or shrinking that is due. Returns
 * whether there may be more to do. */
static bool resizeStep(hmap_sync *m, reader *r, const array **of, size_t *from)
{
  array *a = LOAD(&m->table), *next = LOAD(&a->next);
  if (!next) {
    resizeIfDue(m, a);
    return LOAD(&a->next) != NULL;
  }
  if (*of != a)
    *from = 0;
  *of = a;
  for (size_t end = *from + 1024; *from <= a->mask && *from < end; ++*from) {
    bucket *b = bucketNumber(a, *from);
    if (tryLockChain(b) && !evacuate(m, r, a, b, next, false))
      unlockChain(b);
  }
  return *from <= a->mask || LOAD(&m->table) != a;
}
/* Ends the growth or shrinking that a map is in, and those that are due then, as far as there is memory. For the barrier. */
static void finishResize(hmap_sync *m, reader *r)
{
  const array *of = NULL;
  size_t from = 0;
  for (bool more = true; more;) {
    openWrite();
    more = resizeStep(m, r, &of, &from);
    closeWrite(r);
  }
}
