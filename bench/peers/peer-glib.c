/* peer-glib.c: GHashTable, GLib's or, where that is linked first, libhmap-glib's. */
#include "peer.h"
#include <glib.h>

#define HAS_GROWTH true
#define HAS_DELETE true
#define HAS_WALK true
#define HAS_REMOVAL true
typedef GHashTable table;

static inline gpointer pointerTo(key k)
{
  return (gpointer)(uintptr_t)k;
}

static inline table *tableMake(size_t hint)
{
  (void)hint;
#ifdef STRINGS
  return g_hash_table_new(g_str_hash, g_str_equal);
#else
  return g_hash_table_new(g_direct_hash, NULL);
#endif
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  g_hash_table_insert(t, pointerTo(k), (gpointer)v);
}
static inline uintptr_t tableGet(table *t, key k)
{
  return (uintptr_t)g_hash_table_lookup(t, pointerTo(k));
}
static inline bool tableDelete(table *t, key k)
{
  return g_hash_table_remove(t, pointerTo(k));
}
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  GHashTableIter it;
  gpointer k, v;
  size_t n = 0;
  g_hash_table_iter_init(&it, t);
  for (; g_hash_table_iter_next(&it, &k, &v); n++)
    *sum += (uintptr_t)v;
  return n;
}
static gboolean isAbove(gpointer k, gpointer v, gpointer most)
{
  (void)k;
  return (uintptr_t)v > (uintptr_t)most;
}
static inline size_t tablePrune(table *t, uintptr_t most)
{
  return g_hash_table_foreach_remove(t, isAbove, (gpointer)most);
}
static inline uintptr_t tableTake(table *t)
{
  GHashTableIter it;
  gpointer v = NULL;
  g_hash_table_iter_init(&it, t);
  if (g_hash_table_iter_next(&it, NULL, &v))
    g_hash_table_iter_remove(&it);
  return (uintptr_t)v;
}
static inline void tableFree(table *t)
{
  g_hash_table_destroy(t);
}

#include "loops.h"
