/* endless.c: does as many operations with tables as one likes, which hold the same in the end however many there were. ./endless
 * OPERATIONS: prints a number that depends on all results, and, on standard error, the most memory that the process had, in KiB. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { keys = 50000, kinds = 3 };

static char *strings[keys];

/* Functions of the program's own. */
static guint ownHash(gconstpointer key)
{
  return (guint)atoi((const char *)key + 4) * 7;
}
static gboolean ownEqual(gconstpointer a, gconstpointer b)
{
  return strcmp(a, b) == 0;
}

static void tellPeak(void)
{
  char line[128];
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, "VmHWM:", 6) == 0)
      fprintf(stderr, "%ld\n", atol(line + 6));
}

int main(int argc, char **argv)
{
  guint64 seed = 1, checks = 0;
  GHashTable *tables[kinds] = {g_hash_table_new(NULL, NULL), g_hash_table_new(g_str_hash, g_str_equal),
                               g_hash_table_new(ownHash, ownEqual)};
  for (int i = 0; i < keys; i++)
    strings[i] = g_strdup_printf("key %d", i);
  for (long n = argc > 1 ? atol(argv[1]) : 0; n > 0; n--) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    char *key = strings[(seed >> 33) % keys];
    GHashTable *t = tables[(seed >> 20) % kinds];
    switch (seed >> 62) {
    case 0:
      checks += (guint64)g_hash_table_insert(t, key, key);
      break;
    case 1:
      checks += 2 * (guint64)g_hash_table_remove(t, key);
      break;
    default:
      checks += 5 * (guint64)(g_hash_table_lookup(t, key) != NULL);
    }
  }
  printf("%" G_GUINT64_FORMAT "\n", checks);
  tellPeak();
  return 0;
}
