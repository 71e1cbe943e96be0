/* sync-range.c: visiting all entries.
 *
 * A walk goes over the chains of the array that was the map's first when it began, which its read section keeps. It takes each
 * chain's lock to list its nodes: those of its first bucket's keys, wherever the map's growth, and further growths since, have
 * put them. A key's chain can only be evacuated, down the arrays, and is listed in the one array where it is found not to be; so
 * no key is listed twice, and none that stays is missed. Then, without the lock, each key is looked up, so f gets what is there
 * at that moment. */
#include "sync.h"

enum { fewNodes = 64 };

/* A key that is listed: its node, or itself. */
typedef union listed {
  node *n;
  uint64_t key;
} listed;

typedef struct walk {
  hmap_sync *m;
  generation *gen;
  bool (*f)(const void *key, void *value, void *arg);
  void *arg;
  listed *list; /* few, or memory of its own */
  size_t n, room;
  bool failed;
  listed few[fewNodes];
} walk;

/* Makes room for twice as many nodes. Returns false if there is no memory. */
static bool moreRoom(walk *w)
{
  listed *list = malloc(2 * w->room * sizeof *list);
  if (!list)
    return false;
  if (w->list != w->few)
    free(w->list);
  w->list = list;
  w->room *= 2;
  return true;
}
/* Lists the nodes of a chain whose hash is want where mask has bits. Returns false if there is no room for all. */
static bool listChain(walk *w, bucket *first, size_t want, size_t mask)
{
  visit v = {first, 0, w->m->pairs};
  w->n = 0;
  for (node *n; (n = nextNode(&v));)
    if (((size_t)hashOfNode(w->m, n) & mask) == want) {
      if (w->n == w->room)
        return false;
      w->list[w->n++] = w->m->pairs ? (listed){.key = ((const pair *)(void *)n)->key} : (listed){.n = n};
    }
  return true;
}
/* Calls f for those that are listed and still there. Returns false if the walk is over. */
static bool callForListed(walk *w)
{
  for (size_t i = 0; i < w->n; i++) {
    const hmap_sync *m = w->m;
    const void *key = m->pairs ? (const void *)&w->list[i].key : keyOfNode(m, w->list[i].n);
    uint64_t hash = m->pairs ? hashOfKey(m, m->alg, key) : hashOfNode(m, w->list[i].n);
    void *value;
    HMAP_SYNC_POINT();
    bool found = lookUp(w->m, m->alg, m->pairs, hash, key, &value);
    if (LOAD(&m->table)->gen != w->gen || (found && !w->f(key, value, w->arg)))
      return false;
  }
  return true;
}
/* Visits the entries whose hash is want where mask has bits and that a chain of a had or has. Returns false if the walk is over.
 */
static bool visitChain(walk *w, array *a, bucket *first, size_t want, size_t mask)
{
  if (!lockChain(first)) {
    array *next = LOAD(&a->next);
    size_t common = mask & next->mask;
    for (size_t i = want & common; i <= next->mask; i += common + 1)
      if (!visitChain(w, next, bucketNumber(next, i), want | i, mask | next->mask))
        return false;
    return true;
  }
  bool all = listChain(w, first, want, mask);
  unlockChain(first);
  if (all)
    return callForListed(w);
  if (moreRoom(w))
    return visitChain(w, a, first, want, mask);
  w->failed = true;
  return false;
}
