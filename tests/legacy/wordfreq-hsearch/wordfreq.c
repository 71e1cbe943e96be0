/* wordfreq: counts the words of texts. Usage: wordfreq [FILE...] */

#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 100000 /* hsearch tables cannot grow */
#define MAX_LENGTH 100

struct word {
    char *text;
    unsigned long count;
};

static struct word words[MAX_WORDS];
static size_t nwords;

static void die(const char *what)
{
    fprintf(stderr, "wordfreq: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct word *new_word(const char *text)
{
    struct word *w = &words[nwords++];

    if (nwords == MAX_WORDS || (w->text = strdup(text)) == NULL)
        die("too many words");
    return w;
}

static void count_word(char *text)
{
    ENTRY item = { text, NULL }, *found;

    if ((found = hsearch(item, FIND)) == NULL) {
        struct word *w = new_word(text);

        item.key = w->text;
        item.data = w;
        if ((found = hsearch(item, ENTER)) == NULL)
            die("hsearch");
    }
    ((struct word *)found->data)->count++;
}

static void read_words(FILE *in)
{
    char text[MAX_LENGTH + 1];
    size_t len = 0;
    int c;

    do {
        c = getc(in);
        if (c != EOF && isalnum(c)) {
            if (len < MAX_LENGTH)
                text[len++] = (char)tolower(c);
        } else if (len > 0) {
            text[len] = '\0';
            count_word(text);
            len = 0;
        }
    } while (c != EOF);
}

static int by_count(const void *a, const void *b)
{
    const struct word *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->text, y->text);
}

int main(int argc, char **argv)
{
    size_t i;
    int a;

    if (hcreate(MAX_WORDS) == 0)
        die("hcreate");
    if (argc < 2)
        read_words(stdin);
    for (a = 1; a < argc; a++) {
        FILE *in = fopen(argv[a], "r");

        if (in == NULL)
            die(argv[a]);
        read_words(in);
        fclose(in);
    }
    qsort(words, nwords, sizeof words[0], by_count);
    for (i = 0; i < nwords; i++) {
        printf("%7lu %s\n", words[i].count, words[i].text);
        free(words[i].text);
    }
    hdestroy();
    return 0;
}
