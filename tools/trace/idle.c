/* idle.c: what replay.c calls, in a form that does nothing: the rest of what it takes is its own. */
#define _GNU_SOURCE
#include <glib.h>
#include <search.h>

static GHashTable *const none = (GHashTable *)-1;

GHashTable *g_hash_table_new(GHashFunc hash_func, GEqualFunc key_equal_func)
{
  return (void)hash_func, (void)key_equal_func, none;
}
GHashTable *g_hash_table_new_full(GHashFunc hash_func, GEqualFunc key_equal_func, GDestroyNotify key_destroy_func,
                                  GDestroyNotify value_destroy_func)
{
  return (void)hash_func, (void)key_equal_func, (void)key_destroy_func, (void)value_destroy_func, none;
}

#define IDLE(type, name, parameters, ...) \
  type name parameters                    \
  {                                       \
    return __VA_ARGS__;                   \
  }
#define TABLE GHashTable *hash_table
#define VOID (void)hash_table
IDLE(GHashTable *, g_hash_table_ref, (TABLE), hash_table)
IDLE(void, g_hash_table_unref, (TABLE), VOID)
IDLE(void, g_hash_table_destroy, (TABLE), VOID)
IDLE(gboolean, g_hash_table_insert, (TABLE, gpointer key, gpointer value), VOID, (void)key, (void)value, TRUE)
IDLE(gboolean, g_hash_table_replace, (TABLE, gpointer key, gpointer value), VOID, (void)key, (void)value, TRUE)
IDLE(gboolean, g_hash_table_add, (TABLE, gpointer key), VOID, (void)key, TRUE)
IDLE(gpointer, g_hash_table_lookup, (TABLE, gconstpointer key), VOID, (void)key, NULL)
IDLE(gboolean, g_hash_table_lookup_extended, (TABLE, gconstpointer key, gpointer *orig_key, gpointer *value), VOID, (void)key,
     (void)orig_key, (void)value, FALSE)
IDLE(gboolean, g_hash_table_contains, (TABLE, gconstpointer key), VOID, (void)key, FALSE)
IDLE(gboolean, g_hash_table_remove, (TABLE, gconstpointer key), VOID, (void)key, FALSE)
IDLE(gboolean, g_hash_table_steal, (TABLE, gconstpointer key), VOID, (void)key, FALSE)
IDLE(gboolean, g_hash_table_steal_extended, (TABLE, gconstpointer key, gpointer *stolen_key, gpointer *stolen_value), VOID,
     (void)key, (void)stolen_key, (void)stolen_value, FALSE)
IDLE(void, g_hash_table_remove_all, (TABLE), VOID)
IDLE(void, g_hash_table_steal_all, (TABLE), VOID)
IDLE(guint, g_hash_table_size, (TABLE), VOID, 0)
IDLE(void, g_hash_table_foreach, (TABLE, GHFunc func, gpointer data), VOID, (void)func, (void)data)
IDLE(gpointer, g_hash_table_find, (TABLE, GHRFunc func, gpointer data), VOID, (void)func, (void)data, NULL)
IDLE(guint, g_hash_table_foreach_remove, (TABLE, GHRFunc func, gpointer data), VOID, (void)func, (void)data, 0)
IDLE(guint, g_hash_table_foreach_steal, (TABLE, GHRFunc func, gpointer data), VOID, (void)func, (void)data, 0)
IDLE(GList *, g_hash_table_get_keys, (TABLE), VOID, NULL)
IDLE(GList *, g_hash_table_get_values, (TABLE), VOID, NULL)
IDLE(gpointer *, g_hash_table_get_keys_as_array, (TABLE, guint *length), VOID, *length = 0, NULL)
IDLE(void, g_hash_table_iter_init, (GHashTableIter * iter, TABLE), VOID, (void)iter)
IDLE(gboolean, g_hash_table_iter_next, (GHashTableIter * iter, gpointer *key, gpointer *value), (void)iter, (void)key,
     (void)value, FALSE)
IDLE(void, g_hash_table_iter_remove, (GHashTableIter * iter), (void)iter)
IDLE(void, g_hash_table_iter_steal, (GHashTableIter * iter), (void)iter)
IDLE(void, g_hash_table_iter_replace, (GHashTableIter * iter, gpointer value), (void)iter, (void)value)

/* Their addresses are taken. */
#define HASH(name)                                            \
  IDLE(guint, g_##name##_hash, (gconstpointer v), (void)v, 0) \
  IDLE(gboolean, g_##name##_equal, (gconstpointer v1, gconstpointer v2), (void)v1, (void)v2, FALSE)
#undef g_str_equal
HASH(direct)
HASH(str)
HASH(int)
HASH(int64)
HASH(double)

IDLE(void, g_list_free, (GList * list), (void)list)
#undef g_free
IDLE(void, g_free, (gpointer mem), (void)mem)

IDLE(int, hcreate_r, (size_t nel, struct hsearch_data *htab), (void)nel, (void)htab, 1)
IDLE(int, hsearch_r, (ENTRY item, ACTION action, ENTRY **retval, struct hsearch_data *htab), (void)item, (void)action,
     (void)retval, (void)htab, 0)
IDLE(void, hdestroy_r, (struct hsearch_data * htab), (void)htab)
