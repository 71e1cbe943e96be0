/* peer-hmap.c: the engine, through the functions of hmap.h. */
#include "peer.h"
#include <hmap.h>

#define HAS_GROWTH true
#define HAS_HINT true
#define HAS_DELETE true
#define HAS_WALK true
#define HAS_BATCH true
#define HAS_REMOVAL true
typedef hmap table;

static inline table *tableMake(size_t hint)
{
#ifdef STRINGS
  static const hmap_type type = {HMAP_STRING, 0, sizeof(uintptr_t), NULL, NULL};
#else
  static const hmap_type type = {HMAP_BYTES, sizeof(key), sizeof(uintptr_t), NULL, NULL};
#endif
  return hmap_make(&type, hint);
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  *(uintptr_t *)hmap_assign(t, &k) = v;
}
static inline uintptr_t tableGet(table *t, key k)
{
  uintptr_t *v = (uintptr_t *)hmap_access(t, &k);
  return v ? *v : 0;
}
static inline size_t tableGetMany(table *t, size_t n, const key *keys, uintptr_t *sum)
{
  void *elems[256];
  size_t found = hmap_get_many(t, n, keys, elems);
  for (size_t i = 0; i < n; i++)
    *sum += elems[i] ? *(uintptr_t *)elems[i] : 0;
  return found;
}
static inline bool tableDelete(table *t, key k)
{
  return hmap_delete(t, &k);
}
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  hmap_iter it;
  size_t n = 0;
  hmap_iter_init(&it, t);
  for (; hmap_iter_next(&it); n++)
    *sum += *(uintptr_t *)it.elem;
  return n;
}
static inline size_t tablePrune(table *t, uintptr_t most)
{
  hmap_iter it;
  size_t n = 0;
  hmap_iter_init(&it, t);
  while (hmap_iter_next(&it)) {
    key k = *(const key *)it.key;
    if (*(uintptr_t *)it.elem > most)
      n += hmap_delete(t, &k);
  }
  return n;
}
static inline uintptr_t tableTake(table *t)
{
  hmap_iter it;
  hmap_iter_init(&it, t);
  if (!hmap_iter_next(&it))
    return 0;
  key k = *(const key *)it.key;
  uintptr_t v = *(uintptr_t *)it.elem;
  hmap_iter_end(&it);
  hmap_delete(t, &k);
  return v;
}
static inline void tableFree(table *t)
{
  hmap_free(t);
}

#include "loops.h"
