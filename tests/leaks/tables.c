/* tables.c: leaves tables behind at its end, which keep all alive that a tool for leaks may look for.
 *
 *   tables STATE N [KIND]
 *     STATE  map, set; thin: an iterator has removed most; growing: some more entries than N
 *     N      entries a table
 *     KIND   only the GHashTable of this kind, instead of one of each; without GLib, it is hsearch's table
 *
 * Prints how many entries there are. */
#ifdef WITH_GLIB
#include <glib.h>
#endif
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key of its own, which every kind tells from those of other numbers. */
static char *newKey(const char *kind, unsigned i)
{
  char *key = calloc(1, 16);
  double real = i;
  if (strcmp(kind, "str") == 0)
    snprintf(key, 16, "%u", i);
  else if (strcmp(kind, "double") == 0)
    memcpy(key, &real, sizeof real);
  else
    memcpy(key, &i, sizeof i);
  return key;
}

#ifdef WITH_GLIB
static guint userHash(gconstpointer key)
{
  return *(const guint *)key * 7;
}
/* g_hash_table_new's arguments, and what is left. */
static struct {
  const char *name;
  GHashFunc hash;
  GEqualFunc equal;
  GHashTable *table;
} kinds[] = {
    {"str", g_str_hash, g_str_equal, NULL},       {"int", g_int_hash, g_int_equal, NULL},
    {"int64", g_int64_hash, g_int64_equal, NULL}, {"double", g_double_hash, g_double_equal, NULL},
    {"user", userHash, g_int_equal, NULL},        {"direct", NULL, NULL, NULL},
};
static void add(GHashTable *table, const char *kind, const char *state, unsigned i)
{
  char *key = newKey(kind, i);
  g_hash_table_insert(table, key, strcmp(state, "set") == 0 ? key : malloc(4));
}
/* Removes all but every twentieth entry. */
static void thinOut(GHashTable *table)
{
  GHashTableIter it;
  gpointer key, value;
  g_hash_table_iter_init(&it, table);
  for (unsigned i = 0; g_hash_table_iter_next(&it, &key, &value); i++)
    if (i % 20) {
      g_hash_table_iter_remove(&it);
      free(key);
      free(value);
    }
}
static unsigned fillTables(const char *state, unsigned n, const char *only)
{
  unsigned entries = 0;
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    if (only && strcmp(only, kinds[k].name) != 0)
      continue;
    GHashTable *table = kinds[k].table = g_hash_table_new(kinds[k].hash, kinds[k].equal);
    for (unsigned i = 0; i < n; i++)
      add(table, kinds[k].name, state, i);
    if (strcmp(state, "thin") == 0)
      thinOut(table);
    if (strcmp(state, "thin") == 0 || strcmp(state, "growing") == 0)
      for (unsigned i = n; i < n + n / 50 + 3; i++)
        add(table, kinds[k].name, state, i);
    entries += g_hash_table_size(table);
  }
  return entries;
}
#else
static unsigned fillTables(const char *state, unsigned n, const char *only)
{
  (void)state, (void)only;
  hcreate(n < 50 ? 100 : 2 * n);
  for (unsigned i = 0; i < n; i++)
    hsearch((ENTRY){newKey("str", i), malloc(4)}, ENTER);
  return n;
}
#endif

int main(int argc, char **argv)
{
  if (argc > 2)
    printf("%u\n", fillTables(argv[1], (unsigned)atoi(argv[2]), argv[3]));
  return 0;
}
