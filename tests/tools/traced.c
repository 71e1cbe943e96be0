/* traced.c: uses tables in every way that there is, to be recorded. ./traced SEED OPERATIONS [threads|fork|kill|search]: the last
 * line that it prints depends on nothing but that. */
#define _GNU_SOURCE
#include <glib.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kinds = 8, keys = 300 };

typedef struct state {
  guint64 seed;
  GHashTable *tables[kinds];
  gint ints[keys];
  gint64 longs[keys];
  gdouble doubles[keys];
  char *strings[keys], *shouted[keys]; /* shouted: the same in capitals */
  unsigned todo;                       /* operations */
  guint checks;                        /* of results */
} state;

static unsigned roll(state *s, unsigned n)
{
  s->seed = s->seed * 6364136223846793005 + 1442695040888963407;
  return (unsigned)(s->seed >> 33) % n;
}

static guint caseHash(gconstpointer key)
{
  guint h = 7;
  for (const char *p = key; *p; p++)
    h = h * 31 + (guint)g_ascii_toupper(*p);
  return h % 64; /* collisions */
}
static gboolean caseEqual(gconstpointer a, gconstpointer b)
{
  return strcasecmp(a, b) == 0;
}

/* A destroy function that uses another table. */
static GHashTable *others;
static void freeAndCount(gpointer key)
{
  if (others)
    g_hash_table_insert(others, GINT_TO_POINTER(g_hash_table_size(others) % 50), key);
  g_free(key);
}

static void makeTables(state *s)
{
  s->tables[0] = g_hash_table_new(NULL, NULL);
  s->tables[1] = g_hash_table_new(g_str_hash, g_str_equal);
  s->tables[2] = g_hash_table_new(g_int_hash, g_int_equal);
  s->tables[3] = g_hash_table_new(g_int64_hash, g_int64_equal);
  s->tables[4] = g_hash_table_new(g_double_hash, g_double_equal);
  s->tables[5] = g_hash_table_new(caseHash, caseEqual);
  s->tables[6] = g_hash_table_new_full(g_str_hash, g_str_equal, freeAndCount, NULL);
  s->tables[7] = g_hash_table_new_full(caseHash, caseEqual, g_free, NULL);
}

static bool pointers; /* as keys: the order of entries, and so what the program does, varies with them */

/* A key for the table of that number; a copy where the table frees it, or where copies are to be looked for. */
static gpointer keyFor(state *s, unsigned kind, bool owned)
{
  unsigned i = roll(s, keys);
  switch (kind) {
  case 0:
    return pointers && i % 3 ? (gpointer)s->strings[i] : GUINT_TO_POINTER(i * 16);
  case 2:
    return &s->ints[i];
  case 3:
    return &s->longs[i];
  case 4:
    return &s->doubles[i];
  case 5:
    return roll(s, 2) ? s->strings[i] : s->shouted[i];
  default:
    return owned ? g_strdup(s->strings[i]) : s->strings[i];
  }
}

static gboolean oneInThree(gpointer key, gpointer value, gpointer data)
{
  state *s = data;
  (void)key, (void)value;
  s->checks++;
  return roll(s, 3) == 0;
}
static void look(gpointer key, gpointer value, gpointer data)
{
  (void)value;
  g_hash_table_lookup(data, key); /* the table that is walked */
}

static void walkWithIterator(state *s, GHashTable *t, bool frees)
{
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    unsigned what = roll(s, 12);
    if (what == 0)
      g_hash_table_iter_remove(&iter);
    else if (what == 1 && !frees)
      g_hash_table_iter_steal(&iter);
    else if (what == 2)
      g_hash_table_iter_replace(&iter, GUINT_TO_POINTER(roll(s, 1000)));
    else if (what == 3)
      s->checks += g_hash_table_contains(t, key);
    else if (what == 4 && roll(s, 20) == 0)
      break;
  }
}

static void useOnce(state *s)
{
  unsigned kind = roll(s, kinds);
  GHashTable *t = s->tables[kind];
  bool frees = kind >= 6;
  guint n;
  gpointer a, b;
  switch (roll(s, 60)) {
  case 0 ... 11:
    s->checks += (guint)g_hash_table_insert(t, keyFor(s, kind, true), GUINT_TO_POINTER(roll(s, 5)));
    break;
  case 12 ... 15:
    s->checks += (guint)g_hash_table_replace(t, keyFor(s, kind, true), s->strings[roll(s, keys)]);
    break;
  case 16 ... 18:
    s->checks += (guint)g_hash_table_add(t, keyFor(s, kind, true));
    break;
  case 19 ... 32:
    s->checks += g_hash_table_lookup(t, keyFor(s, kind, false)) != NULL;
    break;
  case 33 ... 35:
    s->checks += (guint)g_hash_table_lookup_extended(t, keyFor(s, kind, false), &a, &b);
    break;
  case 36 ... 38:
    s->checks += (guint)g_hash_table_contains(t, keyFor(s, kind, false));
    break;
  case 39 ... 44:
    s->checks += (guint)g_hash_table_remove(t, keyFor(s, kind, false));
    break;
  case 45:
    if (!frees)
      s->checks += (guint)g_hash_table_steal(t, keyFor(s, kind, false));
    break;
  case 46:
    if (g_hash_table_steal_extended(t, keyFor(s, kind, false), &a, &b) && frees)
      g_free(a);
    break;
  case 47:
    s->checks += g_hash_table_size(t);
    break;
  case 48:
    g_hash_table_foreach(t, look, t);
    break;
  case 49:
    g_hash_table_find(t, oneInThree, s);
    break;
  case 50:
    g_hash_table_foreach_remove(t, oneInThree, s);
    break;
  case 51:
    if (!frees)
      g_hash_table_foreach_steal(t, oneInThree, s);
    break;
  case 52:
    g_list_free(g_hash_table_get_keys(t));
    break;
  case 53:
    g_list_free(g_hash_table_get_values(t));
    break;
  case 54:
    g_free(g_hash_table_get_keys_as_array(t, &n));
    s->checks += n;
    break;
  case 55 ... 57:
    walkWithIterator(s, t, frees);
    break;
  case 58:
    if (roll(s, 10) == 0)
      g_hash_table_remove_all(t);
    break;
  default:
    if (roll(s, 10) == 0) {
      g_hash_table_unref(g_hash_table_ref(t));
      GHashTable *same = g_hash_table_new_similar(t);
      g_hash_table_destroy(t);
      s->tables[kind] = same;
    }
  }
}

static void prepare(state *s)
{
  for (int i = 0; i < keys; i++) {
    s->ints[i] = i * i, s->longs[i] = (gint64)i << 33, s->doubles[i] = i / 3.0;
    s->strings[i] = g_strdup_printf("key %d", i);
    s->shouted[i] = g_ascii_strup(s->strings[i], -1);
  }
  makeTables(s);
}

static void *use(void *data)
{
  state *s = data;
  for (unsigned n = s->todo; n; n--)
    useOnce(s);
  for (int i = 0; i < kinds; i += 2)
    g_hash_table_destroy(s->tables[i]);
  return NULL;
}

static state *newState(unsigned seed, unsigned n)
{
  state *s = g_new0(state, 1);
  s->seed = seed, s->todo = n;
  prepare(s);
  return s;
}

/* Both APIs, so that libc's table is full once. */
static void searchToo(unsigned n)
{
  struct hsearch_data t = {0};
  ENTRY *found;
  hcreate(n);
  hcreate_r(3, &t);
  for (unsigned i = 0; i < n; i++) {
    ENTRY e = {g_strdup_printf("%u", i % (n / 2)), GUINT_TO_POINTER(i)};
    hsearch(e, i % 3 ? ENTER : FIND);
    hsearch_r(e, ENTER, &found, &t);
    hsearch_r(e, FIND, &found, &t);
  }
  hdestroy();
}

int main(int argc, char **argv)
{
  unsigned seed = (unsigned)atoi(argv[1]), n = (unsigned)atoi(argv[2]);
  const char *mode = argc > 3 ? argv[3] : "";
  state *s = newState(seed, n);
  others = g_hash_table_new(NULL, NULL);
  pointers = !strcmp(mode, "threads");
  if (!strcmp(mode, "threads")) {
    pthread_t threads[4];
    others = NULL;
    for (unsigned i = 0; i < 4; i++)
      pthread_create(&threads[i], NULL, use, newState(seed + i, n));
    for (int i = 0; i < 4; i++)
      pthread_join(threads[i], NULL);
  } else if (!strcmp(mode, "fork")) {
    for (unsigned i = 0; i < n / 2; i++)
      useOnce(s);
    for (int i = 0; i < 3; i++)
      if (fork() == 0) {
        s->seed += (guint64)i;
        use(s);
        exit(0);
      }
    while (wait(NULL) > 0)
      ;
  } else if (!strcmp(mode, "search")) {
    searchToo(n);
  }
  use(s);
  if (!strcmp(mode, "kill"))
    raise(SIGKILL);
  printf("%u\n", s->checks);
  return 0;
}
