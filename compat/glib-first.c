/* glib-first.c: an object file for the link lines of hmap env. A program that calls none of GHashTable's functions itself, but
 * whose libraries do, has to need libhmap-glib all the same, because only the program's own order counts; and many linkers drop
 * what is not referred to. So this refers to it. Standing in the archive that pkg-config names, it works where a build passes on
 * names of libraries and no options. */
extern char g_hash_table_new[];
__attribute__((used)) static const char *const needed = g_hash_table_new;
