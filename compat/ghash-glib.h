/* ghash-glib.h: what ghash.c needs of GLib when it stands in front of it: GLib itself. ghash-alone.h is its counterpart. */
#define G_LOG_DOMAIN "GLib"
#define GLIB_DISABLE_DEPRECATION_WARNINGS
#undef GLIB_VERSION_MAX_ALLOWED
#undef GLIB_VERSION_MIN_REQUIRED
#undef G_DISABLE_CHECKS
#include <glib.h>
#undef g_str_equal

/* Since GLib 2.76. */
GPtrArray *g_hash_table_steal_all_keys(GHashTable *hash_table);
GPtrArray *g_hash_table_steal_all_values(GHashTable *hash_table);
GPtrArray *g_hash_table_get_keys_as_ptr_array(GHashTable *hash_table);
GPtrArray *g_hash_table_get_values_as_ptr_array(GHashTable *hash_table);

/* Of no header: since GLib 2.79 they are in the object of GLib's tables, and its main loop uses them. An archive without them
 * would bring that object into a static program too. */
guint g_uint_hash(gconstpointer v);
gboolean g_uint_equal(gconstpointer v1, gconstpointer v2);

guint g_uint_hash(gconstpointer v)
{
  return *(const guint *)v;
}

gboolean g_uint_equal(gconstpointer v1, gconstpointer v2)
{
  return *(const guint *)v1 == *(const guint *)v2;
}

#include "ghash-foreign.c"
