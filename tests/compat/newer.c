/* newer.c: a program of a newer GLib's, whose functions it takes the addresses of, on a GLib that may lack them. Where a program
 * is not position-independent, such a function's address is a place in the program; to hand a foreign table on to that would be
 * to hand it to ourselves. Prints how many entries it got. */
#include <glib.h>
#include <stdio.h>

GPtrArray *g_hash_table_steal_all_keys(GHashTable *t);
GPtrArray *g_hash_table_get_keys_as_ptr_array(GHashTable *t);

static void onLog(const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  (void)level, (void)data;
  printf("%s: %s\n", domain, message);
}

static void __attribute__((noinline)) use(GPtrArray *(*function)(GHashTable *), GHashTable *t)
{
  GPtrArray *array = function(t);
  if (!array)
    return;
  printf("%u\n", array->len);
  g_ptr_array_unref(array);
}

/* The addresses are parts of the code here, so they have to be known when the program is linked. */
static void useBoth(GHashTable *t)
{
  use(g_hash_table_get_keys_as_ptr_array, t);
  use(g_hash_table_steal_all_keys, t);
  printf("%u left\n", g_hash_table_size(t));
  g_hash_table_unref(t);
}

int main(void)
{
  GHashTable *ours = g_hash_table_new(NULL, NULL);
  g_log_set_default_handler(onLog, NULL);
  for (int i = 0; i < 5; i++)
    g_hash_table_add(ours, GINT_TO_POINTER(i));
  useBoth(ours);
  useBoth(g_uri_parse_params("a=1&b=2&c=3", -1, "&", G_URI_PARAMS_NONE, NULL));
  return 0;
}
