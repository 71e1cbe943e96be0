/* A program with GHashTable, for the tests of the command hmap. Its first argument says what it prints of a table of numbers:
 * "size", "order" (as a walk finds them, into order.txt too), "pid" (something that no two runs have in common) or "wrong" (a
 * size that is another one on hmap). */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean onHmap(void)
{
  char line[4096];
  gboolean found = FALSE;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps && fgets(line, sizeof line, maps))
    found = found || strstr(line, "libhmap-glib");
  if (maps)
    fclose(maps);
  return found;
}

static void walk(GHashTable *table)
{
  GHashTableIter iter;
  gpointer key;
  FILE *out = fopen("order.txt", "w");
  g_hash_table_iter_init(&iter, table);
  while (g_hash_table_iter_next(&iter, &key, NULL)) {
    printf("%d\n", GPOINTER_TO_INT(key));
    fprintf(out, "%d\n", GPOINTER_TO_INT(key));
  }
  fclose(out);
}

int main(int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "size";
  GHashTable *table = g_hash_table_new(NULL, NULL);
  for (int i = 0; i < 100; i++)
    g_hash_table_add(table, GINT_TO_POINTER(i + 1));
  if (!strcmp(what, "order"))
    walk(table);
  else if (!strcmp(what, "pid"))
    printf("%ld\n", (long)getpid());
  else
    printf("%u\n", g_hash_table_size(table) + (!strcmp(what, "wrong") && onHmap()));
  g_hash_table_unref(table);
  return 0;
}
