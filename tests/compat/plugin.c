/* plugin.c: what a program loads at run time and exchanges tables with, see tables.c. It links to GLib as any plugin does. */
#include <glib.h>

GHashTable *pluginMake(void);
int pluginSum(GHashTable *t);
void pluginChange(GHashTable *t);
int pluginSelfTest(void);

/* A table of the plugin's. */
GHashTable *pluginMake(void)
{
  GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (int i = 0; i < 100; i++)
    g_hash_table_insert(t, g_strdup_printf("plugin%d", i), g_strdup_printf("%d", i));
  return t;
}

/* The sum of the values of somebody's table. */
int pluginSum(GHashTable *t)
{
  GHashTableIter iter;
  gpointer value;
  int sum = 0;
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, NULL, &value))
    sum += (int)g_ascii_strtoll(value, NULL, 10);
  return sum;
}

/* Removes a key from somebody's table and adds fifty. */
void pluginChange(GHashTable *t)
{
  g_hash_table_remove(t, "a");
  for (int i = 0; i < 50; i++)
    g_hash_table_insert(t, g_strdup_printf("added%d", i), g_strdup("1"));
}

/* For a program without GLib: the plugin's own table and one of GLib's. */
int pluginSelfTest(void)
{
  GHashTable *made = pluginMake(), *uri = g_uri_parse_params("a=1&b=2&c=3", -1, "&", G_URI_PARAMS_NONE, NULL);
  pluginChange(uri);
  pluginChange(made);
  int sum = pluginSum(made) + 10000 * pluginSum(uri);
  g_hash_table_unref(made);
  g_hash_table_unref(uri);
  return sum;
}
