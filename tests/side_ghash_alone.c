/* side_ghash_alone.c: tests/side_ghash.c without GLib, on include/hmap-glib.h and libhmap-ghash. The little of GLib that it uses
 * beyond what they have is here; what GLib makes itself, an ordinary table stands for. */
#define _GNU_SOURCE /* side_ghash.c wants it */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct GString {
  gchar *str;
} GString;

static GString *g_string_new(const gchar *text)
{
  GString *string = g_new(GString, 1);
  string->str = g_strdup(text ? text : "");
  return string;
}

G_GNUC_PRINTF(2, 3) static void g_string_append_printf(GString *string, const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *more = g_strdup_vprintf(format, args), *both = g_strdup_printf("%s%s", string->str, more);
  va_end(args);
  g_free(string->str);
  g_free(more);
  string->str = both;
}

static void g_string_append_c(GString *string, gchar c)
{
  g_string_append_printf(string, "%c", c);
}

static void g_string_free(GString *string, gboolean all)
{
  g_assert(all);
  g_free(string->str);
  g_free(string);
}

#define G_URI_PARAMS_NONE 0
static GHashTable *g_uri_parse_params(const gchar *params, gssize length, const gchar *separators, int flags, gpointer error)
{
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_assert(length < 0 && flags == 0 && !error);
  while (*params) {
    gsize n = strcspn(params, separators), name = strcspn(params, "=");
    g_hash_table_insert(t, g_strndup(params, name), g_strndup(params + name + 1, n - name - 1));
    params += params[n] ? n + 1 : n;
  }
  return t;
}

#include "side_ghash.c"
