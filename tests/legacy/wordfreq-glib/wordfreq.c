/* wordfreq: counts the words of texts. Usage: wordfreq FILE... */

#include <glib.h>

static void count_words(GHashTable *words, const char *text)
{
    while (*text != '\0') {
        const char *start;
        char *word;
        guint count;

        while (*text != '\0' && !g_ascii_isalnum(*text))
            text++;
        start = text;
        while (g_ascii_isalnum(*text))
            text++;
        if (text == start)
            break;
        word = g_ascii_strdown(start, text - start);
        count = GPOINTER_TO_UINT(g_hash_table_lookup(words, word));
        g_hash_table_insert(words, word, GUINT_TO_POINTER(count + 1));
    }
}

static gint by_count(gconstpointer a, gconstpointer b, gpointer user_data)
{
    GHashTable *words = user_data;
    guint x = GPOINTER_TO_UINT(g_hash_table_lookup(words, a));
    guint y = GPOINTER_TO_UINT(g_hash_table_lookup(words, b));

    if (x != y)
        return x < y ? 1 : -1;
    return g_strcmp0(a, b);
}

static void print_words(GHashTable *words)
{
    GList *sorted = g_list_sort_with_data(g_hash_table_get_keys(words), by_count, words);
    GList *l;

    for (l = sorted; l != NULL; l = l->next)
        g_print("%7u %s\n", GPOINTER_TO_UINT(g_hash_table_lookup(words, l->data)), (char *)l->data);
    g_list_free(sorted);
}

int main(int argc, char **argv)
{
    GHashTable *words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GError *error = NULL;
    int i;

    for (i = 1; i < argc; i++) {
        char *text;

        if (!g_file_get_contents(argv[i], &text, NULL, &error)) {
            g_printerr("wordfreq: %s\n", error->message);
            g_error_free(error);
            g_hash_table_destroy(words);
            return 1;
        }
        count_words(words, text);
        g_free(text);
    }
    print_words(words);
    g_print("%u different words\n", g_hash_table_size(words));
    g_hash_table_destroy(words);
    return 0;
}
