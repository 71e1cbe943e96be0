/* side_names.c: a program that has functions of its own by the names of GLib's, and tables with them. */
#include <glib.h>
#include <stdio.h>
#include <strings.h>
#undef g_str_equal

guint g_str_hash(gconstpointer key)
{
  guint h = 0;
  for (const char *p = key; *p; p++)
    h = h * 31 + (guint)(*p | 32);
  return h;
}
gboolean g_str_equal(gconstpointer a, gconstpointer b)
{
  return strcasecmp(a, b) == 0;
}

int main(void)
{
  GHashTable *t = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_insert(t, "Abc", "found");
  printf("%s\n", g_hash_table_contains(t, "aBC") ? "found" : "not found");
  g_hash_table_unref(t);
  return 0;
}
