/* sync-range.c: visiting all entries.
 *
 * A walk goes through the hashes in the order of their bits from the lowest up, so by the number that the reversed hash is: in
 * that order the entries of a chain follow one another, in an array of any size, and those of the chains that it is divided into.
 * The cursor is where the walk has come to. A step finds the chain that the cursor's hash is in at that moment, lists under its
 * lock the entries from the cursor to the end of the chain, or to the end of what has been evacuated together, and moves the
 * cursor there. So no key is listed twice, and none that stays is missed, whatever the map grows or shrinks to in between.
 *
 * Then, without the lock, each key is looked up, so f gets what is there at that moment. While f runs the walk is in no read
 * section; only the entries that it has listed are held back (pins). */
#include "sync.h"

typedef struct walk {
  pins p; /* first: what is listed */
  hmap_sync *m;
  uint64_t gen, cursor;
  bool last; /* the step has come to the end of all hashes */
  size_t n, room;
} walk;

ALWAYS_INLINE uint64_t reversed(uint64_t x)
{
  x = (x >> 1 & 0x5555555555555555) | (x & 0x5555555555555555) << 1;
  x = (x >> 2 & 0x3333333333333333) | (x & 0x3333333333333333) << 2;
  x = (x >> 4 & 0x0f0f0f0f0f0f0f0f) | (x & 0x0f0f0f0f0f0f0f0f) << 4;
  return __builtin_bswap64(x);
}

/* Makes room for twice as many entries. Returns false if there is no memory. */
static bool moreRoom(walk *w)
{
  listed *list = malloc(2 * w->room * sizeof *list), *old = w->p.list;
  if (!list)
    return false;
  pthread_mutex_lock(&walks.mutex);
  w->p.list = list;
  pthread_mutex_unlock(&walks.mutex);
  if (old != w->p.few)
    free(old);
  w->room *= 2;
  return true;
}
/* Locks the chain that the cursor's hash is in. Sets *mask to the bits that all its hashes share which have not been seen yet. */
static bucket *lockChainAt(const walk *w, array *a, size_t *mask)
{
  const uint64_t hash = reversed(w->cursor);
  for (*mask = a->mask; !lockChain(bucketFor(a, hash)); *mask |= a->mask)
    a = LOAD(&a->next);
  return bucketFor(a, hash);
}
/* Lists the entries from the cursor to end. Returns false if there is no room for all. */
static bool listChain(walk *w, bucket *first, uint64_t end)
{
  const hmap_sync *m = w->m;
  visit v = {first, 0, m->pairs};
  w->n = 0;
  for (node *found; (found = nextNode(&v));) {
    uint64_t at = reversed(hashOfNode(m, found));
    if (at < w->cursor || at > end)
      continue;
    if (w->n == w->room)
      return false;
    if (m->pairs)
      w->p.list[w->n++].key = ((const pair *)(void *)found)->key;
    else
      STORE(&w->p.list[w->n++].n, found);
  }
  STORE(&w->p.n, m->pairs ? 0 : w->n);
  return true;
}
/* A step's list, with the cursor moved to the end of it. Returns 1; 0 if the walk is over; or -1 if there is no memory. */
static int listNext(walk *w, reader *r)
{
  openWrite();
  size_t mask;
  array *a = LOAD(&w->m->table);
  bool done = false, same = a->gen->number == w->gen;
  while (same && !done) {
    bucket *first = lockChainAt(w, a, &mask);
    uint64_t end = w->cursor | ~reversed(mask);
    done = listChain(w, first, end);
    unlockChain(first);
    if (done) {
      w->last = end == UINT64_MAX;
      w->cursor = end + 1;
    } else if (!moreRoom(w)) {
      break;
    }
  }
  closeWrite(r);
  return !same ? 0 : done ? 1 : -1;
}
/* Looks up what is listed at i, and holds on to what is there now. Returns 1; 0 if it is not there; or -1 if the walk is over. */
static int lookUpListed(walk *w, size_t i, const void **key, void **value)
{
  hmap_sync *m = w->m;
  listed *l = &w->p.list[i];
  reader *r = readLock();
  *key = m->pairs ? (const void *)&l->key : keyOfNode(m, l->n);
  uint64_t hash = m->pairs ? hashOfKey(m, m->alg, *key) : hashOfNode(m, l->n);
  HMAP_SYNC_POINT();
  node *n = lookUp(m, m->alg, m->pairs, hash, *key, value);
  if (n && !m->pairs) {
    STORE(&l->n, n);
    *key = keyOfNode(m, n);
  }
  int there = LOAD(&m->table)->gen->number == w->gen ? n != NULL : -1;
  readUnlock(r);
  return there;
}
/* Calls f for those that are listed and still there. Returns false if the walk is over. */
static bool callForListed(walk *w, bool (*f)(const void *key, void *value, void *arg), void *arg)
{
  for (size_t i = 0, n = w->n; i < n; i++) {
    const void *key;
    void *value = NULL;
    int there = lookUpListed(w, i, &key, &value);
    if (there < 0 || (there && !f(key, value, arg)))
      return false;
  }
  return !w->last;
}
