/* sync-table.c: searching, and the steps that change chains and arrays. */
#include "sync.h"

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
/* Searches without a lock, in a read section. Returns whether the key is there, with its value. */
ALWAYS_INLINE bool lookUp(hmap_sync *m, uint8_t alg, bool pairs, uint64_t hash, const void *key, void **value)
{
  spot s;
  array *a = LOAD(&m->table);
  for (;;) {
    if (unlikely(!search(m, alg, pairs, bucketFor(a, hash), hash, key, &s))) {
      a = LOAD(&a->next);
      continue;
    }
    if (!s.n)
      return false;
    HMAP_SYNC_POINT();
    *value = LOAD(&s.n->value);
    if (!pairs || likely(LOAD(&s.b->version) == s.version))
      return true;
  }
}

/* Locks a chain by its first bucket. Returns false, and locks nothing, if it has been evacuated. */
static bool lockChain(bucket *b)
{
  for (unsigned tries = 1;; tries++) {
    uint64_t head = LOAD(&b->head);
    if (head & movedBit)
      return false;
    if (!(head & lockBit) && CAS(&b->head, &head, head | lockBit))
      return true;
    if (tries % 64 == 0)
      sched_yield();
  }
}
static void unlockChain(bucket *b)
{
  STORE(&b->head, LOAD_RELAXED(&b->head) & ~(uint64_t)lockBit);
}

/* A head with another tophash for slot i. */
ALWAYS_INLINE uint64_t withTop(uint64_t head, unsigned i, uint8_t top)
{
  unsigned shift = 8 * (i + 1);
  return (head & ~((uint64_t)0xff << shift)) | (uint64_t)top << shift;
}
/* Puts an entry into an empty slot: a node itself, of a pair a copy. */
static void fillSlot(bool pairs, bucket *b, unsigned i, uint8_t top, node *n)
{
  uint64_t head = withTop(LOAD_RELAXED(&b->head), i, top);
  if (pairs) {
    const pair *from = (const pair *)(void *)n;
    STORE_RELAXED(&b->version, b->version + 1);
    STORE(&b->pairs[i].value, LOAD_RELAXED(&from->value));
    STORE(&b->pairs[i].key, LOAD_RELAXED(&from->key));
    HMAP_SYNC_POINT();
    STORE(&b->head, head);
  } else {
    STORE_RELAXED(&b->head, head);
    HMAP_SYNC_POINT();
    STORE(&b->slot[i], n);
  }
}
static void clearSlot(bool pairs, bucket *b, unsigned i)
{
  if (pairs)
    STORE(&b->head, withTop(LOAD_RELAXED(&b->head), i, 0));
  else
    STORE(&b->slot[i], NULL);
}
/* Puts an entry into a chain that is locked. Returns false if there is no memory for an overflow bucket. */
static bool putNode(const hmap_sync *m, bucket *b, uint8_t top, node *n)
{
  for (;; b = b->overflow) {
    for (unsigned i = 0; i < slotCnt; i++)
      if (!entryAt(b, i, m->pairs)) {
        fillSlot(m->pairs, b, i, top, n);
        return true;
      }
    if (!LOAD_RELAXED(&b->overflow))
      break;
  }
  tailBucket *o = calloc(1, offsetof(tailBucket, b) + (m->pairs ? sizeof(bucket) : cacheLine));
  if (!o)
    return false;
  fillSlot(m->pairs, &o->b, 0, top, n);
  STORE(&b->overflow, &o->b);
  return true;
}
/* Empties a slot of a chain that is locked, and unlinks its overflow bucket if that is empty then. In a read section. */
static void emptySlot(const hmap_sync *m, const spot *s)
{
  clearSlot(m->pairs, s->b, s->i);
  if (!s->before)
    return;
  for (unsigned i = 0; i < slotCnt; i++)
    if (entryAt(s->b, i, m->pairs))
      return;
  STORE(&s->before->overflow, LOAD_RELAXED(&s->b->overflow));
  defer(&containerOf(s->b, tailBucket, b)->rcu, freeOverflow);
}

/* Takes the entries of a chain, up to one of them, out of the array that an evacuation has put them in. */
static void takeBack(const hmap_sync *m, bucket *first, const node *end, const array *next)
{
  visit v = {first, 0, m->pairs};
  for (node *n; (n = nextNode(&v)) != end;) {
    uint64_t hash = hashOfNode(m, n);
    bucket *target = bucketFor(next, hash);
    spot s;
    lockChain(target);
    search(m, m->alg, m->pairs, target, hash, keyOfNode(m, n), &s);
    clearSlot(m->pairs, s.b, s.i);
    unlockChain(target);
  }
}
/* Evacuates a chain of a that is locked, which unlocks it. Returns false, with all as it was, if there is no memory.
 * No chain of next has been evacuated yet: that only begins when a is done. Its locks are taken because a bucket of a smaller
 * array has entries of several old ones. */
static bool evacuate(hmap_sync *m, array *a, bucket *first, array *next)
{
  visit v = {first, 0, m->pairs};
  for (node *n; (n = nextNode(&v));) {
    uint64_t hash = hashOfNode(m, n);
    bucket *target = bucketFor(next, hash);
    lockChain(target);
    bool placed = putNode(m, target, topOf(hash), n);
    unlockChain(target);
    if (!placed) {
      takeBack(m, first, n, next);
      return false;
    }
  }
  HMAP_SYNC_POINT();
  STORE(&first->head, (LOAD_RELAXED(&first->head) | movedBit) & ~(uint64_t)lockBit);
  if (__atomic_sub_fetch(&a->left, 1, __ATOMIC_ACQ_REL) == 0) {
    array *expected = a; /* after a Clear it is another, and a goes with its generation */
    if (CAS(&m->table, &expected, next))
      defer(&a->rcu, freeEvacuated);
  }
  return true;
}
/* Evacuates one chain, any, if the map is growing. */
static void helpGrowth(hmap_sync *m, array *a)
{
  array *next = LOAD(&a->next);
  for (unsigned tries = 0; next && tries < 16; tries++) {
    bucket *b = bucketFor(a, __atomic_fetch_add(&a->cursor, 1, __ATOMIC_RELAXED));
    if (lockChain(b)) {
      if (!evacuate(m, a, b, next))
        unlockChain(b);
      return;
    }
  }
}
/* Begins to move to an array of another size. Without memory for it, nothing happens. */
static void startGrowth(array *a, size_t buckets)
{
  array *next = newTable(a->gen, buckets), *expected = NULL;
  if (next && !CAS(&a->next, &expected, next))
    freeTable(next); /* another thread was faster */
}

static size_t entriesOf(generation *gen)
{
  size_t n = 0;
  for (unsigned i = 0; i < stripeCnt; i++)
    n += LOAD(&gen->stripes[i].s.count);
  return n;
}
/* Begins to grow above 4.5 entries a bucket, and to shrink to a quarter below 0.5. count is a stripe's new one; where that is
 * large, every sixteenth is looked at. */
static void resizeIfDue(hmap_sync *m, array *a, size_t count)
{
  const size_t buckets = a->mask + 1;
  if ((count > 16 && count % 16) || LOAD(&a->next) || LOAD(&m->table) != a)
    return;
  size_t n = entriesOf(a->gen);
  if (2 * n > 9 * buckets)
    startGrowth(a, 2 * buckets);
  else if (2 * n < buckets && buckets > minBuckets)
    startGrowth(a, buckets / 4 < minBuckets ? minBuckets : buckets / 4);
}

/* A write to one key: where it is, and what has to be done when its chain is unlocked. */
typedef struct entry {
  uint64_t hash;
  array *a;
  bucket *first;
  spot s;
  node *dead; /* a node that was replaced or deleted, or NULL */
  int added;  /* entries: 1, 0, -1 */
} entry;

/* Finds a key's entry, in a read section, with its chain locked, in the array where it belongs. */
static void lockEntry(hmap_sync *m, uint64_t hash, const void *key, entry *e)
{
  *e = (entry){.hash = hash, .a = LOAD(&m->table)};
  helpGrowth(m, e->a);
  for (;;) {
    e->first = bucketFor(e->a, hash);
    HMAP_SYNC_POINT();
    if (lockChain(e->first)) {
      array *next = LOAD(&e->a->next);
      if (!next || !evacuate(m, e->a, e->first, next))
        break;
    }
    e->a = LOAD(&e->a->next);
  }
  search(m, m->alg, m->pairs, e->first, hash, key, &e->s);
}
static void unlockEntry(hmap_sync *m, entry *e)
{
  stripe *s = stripeOf(e->a->gen, e->hash);
  /* Counted before another thread can delete it: or the deletion alone would count, and the sum be less than none. */
  size_t count = e->added ? __atomic_add_fetch(&s->count, (size_t)e->added, __ATOMIC_ACQ_REL) : 0;
  unlockChain(e->first);
  HMAP_SYNC_POINT();
  if (e->dead)
    retire(s, e->dead);
  if (e->added)
    resizeIfDue(m, e->a, count);
}

/* The three things that a write may do. The first two return false, and nothing has changed, if there is no memory. */
static bool addEntry(hmap_sync *m, entry *e, const void *key, void *value)
{
  pair p = {value, 0};
  node *n = m->pairs ? (node *)(void *)&p : newNode(m, e->hash, key);
  if (!n)
    return false;
  if (m->pairs)
    p.key = read64(key);
  else
    n->value = value;
  if (!putNode(m, e->first, topOf(e->hash), n)) {
    if (!m->pairs)
      free(n);
    return false;
  }
  e->added = 1;
  return true;
}
/* Where values are destroyed the old one has to go with a node of its own. */
static bool setEntry(hmap_sync *m, entry *e, void *value)
{
  if (!m->destroy) {
    STORE(&e->s.n->value, value);
    return true;
  }
  node *n = newNode(m, e->hash, keyOfNode(m, e->s.n));
  if (!n)
    return false;
  n->value = value;
  e->dead = e->s.n;
  STORE(&e->s.b->slot[e->s.i], n);
  return true;
}
static void removeEntry(const hmap_sync *m, entry *e)
{
  e->dead = m->pairs ? NULL : e->s.n;
  e->added = -1;
  emptySlot(m, &e->s);
}
