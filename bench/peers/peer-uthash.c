/* peer-uthash.c: uthash, whose tables are lists of the program's own structs. */
#include "peer.h"
#include <uthash.h>

#define HAS_GROWTH true
#define HAS_DELETE true
#define HAS_WALK true
typedef struct entry {
  key k;
  uintptr_t v;
  UT_hash_handle hh;
} entry;
typedef entry *table; /* NULL: empty */

#ifdef STRINGS
#define FIND(head, key, out) HASH_FIND_STR(head, key, out)
#define ADD(head, e) HASH_ADD_KEYPTR(hh, head, (e)->k, strlen((e)->k), e)
#else
#define FIND(head, key, out) HASH_FIND(hh, head, &(key), sizeof(key), out)
#define ADD(head, e) HASH_ADD(hh, head, k, sizeof((e)->k), e)
#endif

static inline table *tableMake(size_t hint)
{
  (void)hint;
  return (table *)calloc(1, sizeof(table));
}
static inline entry *find(table *t, key k)
{
  entry *e;
  FIND(*t, k, e);
  return e;
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  entry *e = find(t, k);
  if (!e) {
    e = (entry *)allocate(sizeof *e);
    e->k = k;
    ADD(*t, e);
  }
  e->v = v;
}
static inline uintptr_t tableGet(table *t, key k)
{
  entry *e = find(t, k);
  return e ? e->v : 0;
}
static inline bool tableDelete(table *t, key k)
{
  entry *e = find(t, k);
  if (!e)
    return false;
  HASH_DEL(*t, e);
  free(e);
  return true;
}
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  size_t n = 0;
  for (entry *e = *t; e; e = (entry *)e->hh.next, n++)
    *sum += e->v;
  return n;
}
static inline void tableFree(table *t)
{
  entry *e, *next;
  HASH_ITER(hh, *t, e, next)
  {
    HASH_DEL(*t, e);
    free(e);
  }
  free(t);
}

#include "loops.h"
