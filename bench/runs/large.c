/* large.c: a GHashTable of 300,000,000 integers, at whose size GLib once crashed (252,645,135). Prints its size, how many of
 * every seventh key do not have their value, and what it took. Built by hand, with or without libhmap-glib in front:
 *
 *   cc -O2 bench/runs/large.c -o large $(pkg-config --cflags glib-2.0) -lhmap-glib -lglib-2.0 && ./large */
#include <glib.h>
#include <stdio.h>
#include <sys/resource.h>

enum { entries = 300000000 };

int main(void)
{
  gint64 start = g_get_monotonic_time();
  GHashTable *t = g_hash_table_new(NULL, NULL);
  struct rusage used;
  guint wrong = 0;
  for (guint i = 1; i <= entries; i++)
    g_hash_table_insert(t, GUINT_TO_POINTER(i), GUINT_TO_POINTER(i ^ 5));
  for (guint i = 1; i <= entries; i += 7)
    wrong += GPOINTER_TO_UINT(g_hash_table_lookup(t, GUINT_TO_POINTER(i))) != (i ^ 5);
  getrusage(RUSAGE_SELF, &used);
  printf("%u entries, %u wrong, %.0f s, %.1f GB at most\n", g_hash_table_size(t), wrong,
         (double)(g_get_monotonic_time() - start) / 1e6, (double)used.ru_maxrss / 1e6);
  g_hash_table_destroy(t);
  return wrong != 0;
}
