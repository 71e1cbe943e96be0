/* fill: fills a table with numbers, and looks them up. Usage: fill ENTRIES. Writes into the file "pause" how many seconds of processor
 * time the longest insertion took: how long a program that answers requests would have stood still. */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* Another number for each i. */
static gpointer key_of(guint i)
{
    return GUINT_TO_POINTER(i * 2654435761u);
}

int main(int argc, char **argv)
{
    GHashTable *table = g_hash_table_new(NULL, NULL);
    guint entries = argc > 1 ? (guint)atoi(argv[1]) : 0, found = 0, i;
    double longest = 0;
    FILE *file = fopen("pause", "w");

    for (i = 0; i < entries; i++) {
        double before = now(), taken;

        g_hash_table_insert(table, key_of(i), GUINT_TO_POINTER(i + 1));
        taken = now() - before;
        if (taken > longest)
            longest = taken;
    }
    for (i = 0; i < entries; i++)
        found += GPOINTER_TO_UINT(g_hash_table_lookup(table, key_of(i))) == i + 1;
    g_print("%u entries, %u found\n", g_hash_table_size(table), found);
    if (file != NULL)
        fprintf(file, "%.9f\n", longest);
    return 0;
}
