/* memory.c: what a GHashTable takes. Built twice by memory.sh, for GLib and for libhmap-glib; prints bytes a table for small ones
 * and bytes an entry for large ones, one line a size, for direct integers, strings with pointers, and sets of both. */
#include <glib.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

enum kind { ints, strings, intSet, stringSet, kinds };

static char (*text)[24];

static gpointer keyOf(enum kind kind, guint i)
{
  return kind == ints || kind == intSet ? GUINT_TO_POINTER(i * 7 + 1) : text[i];
}

static GHashTable *fill(enum kind kind, guint n)
{
  gboolean direct = kind == ints || kind == intSet;
  GHashTable *t = g_hash_table_new(direct ? NULL : g_str_hash, direct ? NULL : g_str_equal);
  for (guint i = 0; i < n; i++)
    if (kind == intSet || kind == stringSet)
      g_hash_table_add(t, keyOf(kind, i));
    else
      g_hash_table_insert(t, keyOf(kind, i), kind == ints ? GUINT_TO_POINTER(i + 3) : text[i] + 1);
  return t;
}

/* Bytes of the heap and of mappings in use. */
static gsize resident(void)
{
  long pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (!f || fscanf(f, "%*d %ld", &pages) != 1)
    g_error("cannot read /proc/self/statm");
  fclose(f);
  return (gsize)pages * (gsize)sysconf(_SC_PAGESIZE);
}
static gsize inUse(guint n)
{
  return n > 1000 ? resident() : mallinfo2().uordblks;
}

static double measure(enum kind kind, guint n)
{
  enum { many = 2000 };
  static GHashTable *tables[many];
  guint count = n > 8 ? 1 : many;
  gsize before = inUse(n);
  for (guint i = 0; i < count; i++)
    tables[i] = fill(kind, n);
  double bytes = (double)(inUse(n) - before) / count;
  for (guint i = 0; i < count; i++)
    g_hash_table_destroy(tables[i]);
  return n > 8 ? bytes / n : bytes;
}

int main(void)
{
  static const guint sizes[] = {0, 1, 4, 8, 1000, 1000000};
  text = g_malloc(1000000 * sizeof *text);
  for (guint i = 0; i < 1000000; i++)
    g_snprintf(text[i], sizeof *text, "key %u", i);
  g_hash_table_destroy(fill(strings, 100)); /* what is only made once */
  for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
    printf("%u", sizes[s]);
    for (guint kind = 0; kind < kinds; kind++)
      printf(" %.1f", measure(kind, sizes[s]));
    printf("\n");
  }
  return 0;
}
