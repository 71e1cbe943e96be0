/* test_ghash_alone.c: libhmap-ghash as a program without GLib sees it. What GLib has too is done twice, with GLib's own
 * functions, out of a library that is loaded for the purpose, and with ours, and both must come to the same. The table functions
 * are in tests/side_ghash_alone.c; here are those in which GLib 2.76 differs from older ones. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka.h needs those above */
#include <cmocka.h>

/* An allocation that is too large is to fail, and not to be reported. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "allocator_may_return_null=1";
}

/* The functions that are called on both sides, under their names in GLib. */
#define EACH_FUNCTION(X)              \
  X(g_list_alloc)                     \
  X(g_list_free)                      \
  X(g_list_free_1)                    \
  X(g_list_free_full)                 \
  X(g_list_append)                    \
  X(g_list_prepend)                   \
  X(g_list_insert)                    \
  X(g_list_insert_sorted)             \
  X(g_list_insert_sorted_with_data)   \
  X(g_list_insert_before)             \
  X(g_list_insert_before_link)        \
  X(g_list_concat)                    \
  X(g_list_remove)                    \
  X(g_list_remove_all)                \
  X(g_list_remove_link)               \
  X(g_list_delete_link)               \
  X(g_list_reverse)                   \
  X(g_list_copy)                      \
  X(g_list_copy_deep)                 \
  X(g_list_nth)                       \
  X(g_list_nth_prev)                  \
  X(g_list_nth_data)                  \
  X(g_list_find)                      \
  X(g_list_find_custom)               \
  X(g_list_position)                  \
  X(g_list_index)                     \
  X(g_list_last)                      \
  X(g_list_first)                     \
  X(g_list_length)                    \
  X(g_list_foreach)                   \
  X(g_list_sort)                      \
  X(g_list_sort_with_data)            \
  X(g_clear_list)                     \
  X(g_ptr_array_new)                  \
  X(g_ptr_array_sized_new)            \
  X(g_ptr_array_new_with_free_func)   \
  X(g_ptr_array_new_full)             \
  X(g_ptr_array_ref)                  \
  X(g_ptr_array_unref)                \
  X(g_ptr_array_free)                 \
  X(g_ptr_array_steal)                \
  X(g_ptr_array_set_free_func)        \
  X(g_ptr_array_set_size)             \
  X(g_ptr_array_add)                  \
  X(g_ptr_array_insert)               \
  X(g_ptr_array_remove_index)         \
  X(g_ptr_array_remove_index_fast)    \
  X(g_ptr_array_steal_index)          \
  X(g_ptr_array_steal_index_fast)     \
  X(g_ptr_array_remove)               \
  X(g_ptr_array_remove_fast)          \
  X(g_ptr_array_remove_range)         \
  X(g_ptr_array_sort)                 \
  X(g_ptr_array_sort_with_data)       \
  X(g_ptr_array_foreach)              \
  X(g_ptr_array_find)                 \
  X(g_ptr_array_find_with_equal_func) \
  X(g_malloc)                         \
  X(g_malloc_n)                       \
  X(g_malloc0_n)                      \
  X(g_realloc_n)                      \
  X(g_try_malloc)                     \
  X(g_try_malloc_n)                   \
  X(g_free)                           \
  X(g_strdup)                         \
  X(g_strndup)                        \
  X(g_strdup_printf)                  \
  X(g_strcmp0)                        \
  X(g_str_has_prefix)                 \
  X(g_str_has_suffix)                 \
  X(g_strfreev)                       \
  X(g_strdupv)                        \
  X(g_strv_length)                    \
  X(g_ascii_strdown)                  \
  X(g_ascii_strup)                    \
  X(g_print)                          \
  X(g_printerr)                       \
  X(g_log)                            \
  X(g_log_set_default_handler)        \
  X(g_log_default_handler)            \
  X(g_return_if_fail_warning)         \
  X(g_warn_message)                   \
  X(g_assertion_message)              \
  X(g_assertion_message_expr)         \
  X(g_error_free)                     \
  X(g_clear_error)                    \
  X(g_file_get_contents)              \
  X(g_hash_table_new)                 \
  X(g_hash_table_insert)              \
  X(g_hash_table_unref)               \
  X(g_hash_table_size)                \
  X(g_hash_table_lookup)              \
  X(g_hash_table_iter_next)           \
  X(g_str_hash)                       \
  X(g_str_equal)

#define FIELD(function) __typeof__(&function) function;
typedef struct api {
  EACH_FUNCTION(FIELD)
} api;
#define OURS(function) .function = function,
static const api ours = {EACH_FUNCTION(OURS)};
static api glibs;
static guint glibsVersion; /* 2.76.1 is 7601 */

static int load(void **state)
{
  void *library = dlopen("libglib-2.0.so.0", RTLD_NOW | RTLD_LOCAL);
  (void)state;
  if (!library)
    return 0;
#define LOAD(function) glibs.function = (__typeof__(&function))dlsym(library, #function);
  EACH_FUNCTION(LOAD)
  glibsVersion =
      *(const guint *)dlsym(library, "glib_minor_version") * 100 + *(const guint *)dlsym(library, "glib_micro_version");
  return 0;
}

#define NEED_GLIB()         \
  if (!glibs.g_list_append) \
  skip()

/* Random numbers: splitmix64, the same in every run. */
static guint64 randomState;
static guint randomBelow(guint n)
{
  guint64 x = randomState += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return (guint)((x ^ x >> 31) % n);
}

/* GLib is not there */

static void no_glib_in_the_process(void **state)
{
  char line[4096];
  FILE *maps = fopen("/proc/self/maps", "r");
  (void)state;
  if (!maps)
    skip();
  while (fgets(line, sizeof line, maps))
    assert_null(strstr(line, "libglib"));
  fclose(maps);
}

static void no_name_of_glibs(void **state)
{
  (void)state;
#define IS_ABSENT(function) assert_null(dlsym(RTLD_DEFAULT, #function));
  EACH_FUNCTION(IS_ABSENT)
}

static void iterators_have_glibs_size(void **state)
{
  (void)state;
  assert_int_equal(sizeof(GHashTableIter), sizeof(void *) == 8 ? 40 : 24);
}

/* Lists */

enum { lists = 2 };

static gint byTens(gconstpointer a, gconstpointer b)
{
  return GPOINTER_TO_INT(a) / 10 - GPOINTER_TO_INT(b) / 10;
}
static gint byTensWithData(gconstpointer a, gconstpointer b, gpointer data)
{
  return byTens(a, b) * GPOINTER_TO_INT(data);
}
static gpointer addData(gconstpointer data, gpointer more)
{
  return GINT_TO_POINTER((GPOINTER_TO_INT(data) + GPOINTER_TO_INT(more)) % 100);
}
static guint64 visited;
static void visit(gpointer data)
{
  visited = visited * 31 + GPOINTER_TO_UINT(data);
}
static void visitWith(gpointer data, gpointer factor)
{
  visited = visited * GPOINTER_TO_UINT(factor) + GPOINTER_TO_UINT(data);
}

/* The numbers of a step of the random test, drawn once for both sides. */
typedef struct step {
  guint operation, which, position;
  gpointer data;
} step;

/* Where in a list the step is; NULL behind its end. */
static GList *at(const api *g, const step *s, GList *list)
{
  return g->g_list_nth(list, s->position);
}

static GList *takeOutAndPutIn(const api *g, const step *s, GList *list)
{
  GList *node = at(g, s, list);
  list = g->g_list_remove_link(list, node);
  return node ? g->g_list_insert_before_link(list, g->g_list_nth(list, s->position / 2), node) : list;
}

static GList *putIn(const api *g, const step *s, GList *list)
{
  switch (s->operation) {
  case 0:
    return g->g_list_append(list, s->data);
  case 1:
    return g->g_list_prepend(list, s->data);
  case 2:
    return g->g_list_insert(list, s->data, (gint)s->position - 1);
  case 3:
    return g->g_list_insert_before(list, at(g, s, list), s->data);
  case 4:
    return g->g_list_insert_sorted(list, s->data, byTens);
  case 5:
    return g->g_list_insert_sorted_with_data(list, s->data, byTensWithData, GINT_TO_POINTER(-1));
  default:
    return takeOutAndPutIn(g, s, list);
  }
}

static GList *takeOut(const api *g, const step *s, GList *list)
{
  switch (s->operation) {
  case 7:
    return g->g_list_remove(list, s->data);
  case 8:
    return g->g_list_remove_all(list, s->data);
  case 9:
    return g->g_list_delete_link(list, at(g, s, list));
  case 10:
    if (s->position < 40)
      return list;
    g->g_list_free_full(list, visit);
    return NULL;
  default:
    if (s->position >= 40)
      g->g_clear_list(&list, s->which ? visit : NULL);
    return list;
  }
}

static GList *whole(const api *g, const step *s, GList *list)
{
  GList *old = list;
  switch (s->operation) {
  case 12:
    return g->g_list_reverse(list);
  case 13:
    return g->g_list_sort(list, byTens);
  case 14:
    return g->g_list_sort_with_data(list, byTensWithData, GINT_TO_POINTER(-1));
  case 15:
    list = g->g_list_copy(old);
    break;
  default:
    list = g->g_list_copy_deep(old, addData, s->data);
  }
  g->g_list_free(old);
  return list;
}

/* What the functions that only look find. */
static guint64 look(const api *g, const step *s, GList *list)
{
  GList *node = at(g, s, list), *found = g->g_list_find(list, s->data), *custom = g->g_list_find_custom(list, s->data, byTens);
  guint64 seen = visited + GPOINTER_TO_UINT(g->g_list_nth_data(list, s->position));
  seen = seen * 31 + (guint)g->g_list_position(list, node);
  seen = seen * 31 + (guint)g->g_list_position(list, found);
  seen = seen * 31 + (guint)g->g_list_position(list, custom);
  seen = seen * 31 + (guint)g->g_list_index(list, s->data);
  seen = seen * 31 + g->g_list_length(node);
  assert_ptr_equal(g->g_list_first(node ? node : list), list);
  assert_ptr_equal(g->g_list_nth_prev(node, s->position + 1), NULL);
  if (node)
    assert_ptr_equal(g->g_list_nth_prev(node, s->position), list);
  assert_ptr_equal(g->g_list_last(list), g->g_list_last(node ? node : list));
  visited = seen;
  g->g_list_foreach(list, visitWith, GINT_TO_POINTER(7));
  return visited;
}

static void applyToLists(const api *g, const step *s, GList **list)
{
  GList **l = &list[s->which];
  if (s->operation < 7)
    *l = putIn(g, s, *l);
  else if (s->operation < 12)
    *l = takeOut(g, s, *l);
  else if (s->operation < 17)
    *l = whole(g, s, *l);
  else if (s->position < 3) {
    list[0] = g->g_list_concat(list[0], list[1]);
    list[1] = NULL;
  }
}

static void assertSameList(GList *a, GList *b)
{
  GList *before = NULL;
  for (; a && b; before = a, a = a->next, b = b->next) {
    assert_ptr_equal(a->data, b->data);
    assert_ptr_equal(a->prev, before);
    assert_int_equal(!a->prev, !b->prev);
  }
  assert_true(!a && !b);
}

static void lists_are_glibs(void **state)
{
  GList *mine[lists] = {NULL}, *theirs[lists] = {NULL};
  (void)state;
  NEED_GLIB();
  randomState = 1;
  for (int i = 0; i < 40000; i++) {
    step s = {randomBelow(18), randomBelow(lists), randomBelow(50), GUINT_TO_POINTER(randomBelow(100))};
    visited = 0;
    applyToLists(&ours, &s, mine);
    guint64 seen = look(&ours, &s, mine[s.which]);
    visited = 0;
    applyToLists(&glibs, &s, theirs);
    assert_int_equal(seen, look(&glibs, &s, theirs[s.which]));
    for (int l = 0; l < lists; l++)
      assertSameList(mine[l], theirs[l]);
  }
  for (int l = 0; l < lists; l++) {
    ours.g_list_free(mine[l]);
    glibs.g_list_free(theirs[l]);
  }
}

/* A node from the middle stands for the rest of the list. */
static GList *middleOfAList(const api *g, GList **list)
{
  GList *node;
  *list = NULL;
  for (int i = 0; i < 6; i++)
    *list = g->g_list_append(*list, GINT_TO_POINTER(i));
  node = g->g_list_nth(*list, 3);
  assert_ptr_equal(g->g_list_prepend(node, GINT_TO_POINTER(10))->next, node);
  assert_ptr_equal(g->g_list_insert_sorted(node, GINT_TO_POINTER(0), byTens)->next, node);
  assert_ptr_equal(g->g_list_append(node, GINT_TO_POINTER(11)), node);
  assert_ptr_equal(g->g_list_remove(node, GINT_TO_POINTER(0)), node);
  return node;
}

static void nodes_from_the_middle(void **state)
{
  GList *mine, *theirs;
  (void)state;
  NEED_GLIB();
  assert_int_equal(ours.g_list_length(middleOfAList(&ours, &mine)), 4);
  assert_int_equal(glibs.g_list_length(middleOfAList(&glibs, &theirs)), 4);
  assertSameList(mine, theirs);
  assert_int_equal(ours.g_list_length(mine), 9);
  ours.g_list_free(mine);
  glibs.g_list_free(theirs);
}

/* Arrays */

static gint pointedByTens(gconstpointer a, gconstpointer b)
{
  return byTens(*(const gconstpointer *)a, *(const gconstpointer *)b);
}
static gint pointedByTensWithData(gconstpointer a, gconstpointer b, gpointer data)
{
  return pointedByTens(a, b) * GPOINTER_TO_INT(data);
}
static gboolean sameTens(gconstpointer a, gconstpointer b)
{
  return byTens(a, b) == 0;
}

static guint64 changeArray(const api *g, const step *s, GPtrArray *a)
{
  guint i = a->len ? s->position % a->len : 0;
  switch (s->operation) {
  case 0:
    g->g_ptr_array_insert(a, s->position == 0 ? -1 : (gint)i, s->data);
    return 0;
  case 1:
    return a->len ? GPOINTER_TO_UINT(g->g_ptr_array_remove_index(a, i)) : 0;
  case 2:
    return a->len ? GPOINTER_TO_UINT(g->g_ptr_array_remove_index_fast(a, i)) : 0;
  case 3:
    return a->len ? GPOINTER_TO_UINT(g->g_ptr_array_steal_index(a, i)) : 0;
  case 4:
    return a->len ? GPOINTER_TO_UINT(g->g_ptr_array_steal_index_fast(a, i)) : 0;
  case 5:
    return (guint64)g->g_ptr_array_remove(a, s->data);
  case 6:
    return (guint64)g->g_ptr_array_remove_fast(a, s->data);
  case 7:
    return g->g_ptr_array_remove_range(a, i, MIN(3, a->len - i)) == a;
  case 8:
    g->g_ptr_array_set_size(a, (gint)s->position);
    return 0;
  case 9:
    g->g_ptr_array_sort(a, pointedByTens);
    return 0;
  case 10:
    g->g_ptr_array_sort_with_data(a, pointedByTensWithData, GINT_TO_POINTER(-1));
    return 0;
  case 11:
    g->g_ptr_array_set_free_func(a, s->which ? visit : NULL);
    return 0;
  default:
    g->g_ptr_array_add(a, s->data);
    return 0;
  }
}

static guint64 lookAtArray(const api *g, const step *s, GPtrArray *a)
{
  guint i = 1000, j = 1000;
  guint64 seen = visited * 31 + (guint)g->g_ptr_array_find(a, s->data, &i);
  seen = seen * 31 + (guint)g->g_ptr_array_find_with_equal_func(a, s->data, sameTens, &j);
  seen = seen * 31 + (guint)g->g_ptr_array_find(a, s->data, NULL);
  visited = (seen * 31 + i) * 31 + j;
  g->g_ptr_array_foreach(a, visitWith, GINT_TO_POINTER(7));
  return visited * 31 + a->len;
}

static guint64 endArray(const api *g, GPtrArray *a)
{
  gsize n = 77;
  visited = 0;
  assert_ptr_equal(g->g_ptr_array_ref(a), a);
  g->g_ptr_array_set_free_func(a, visit);
  g->g_ptr_array_unref(a);
  gpointer *stolen = g->g_ptr_array_steal(a, &n);
  visited = visited * 31 + n;
  g->g_free(stolen);
  for (int i = 1; i < 5; i++)
    g->g_ptr_array_add(a, GINT_TO_POINTER(i));
  g->g_ptr_array_ref(a);
  assert_null(g->g_ptr_array_free(a, TRUE));
  assert_int_equal(a->len, 0);
  g->g_ptr_array_add(a, GINT_TO_POINTER(5));
  gpointer *segment = g->g_ptr_array_free(a, FALSE);
  visited = visited * 31 + GPOINTER_TO_UINT(segment[0]);
  g->g_free(segment);
  a = g->g_ptr_array_new_full(3, visit);
  g->g_ptr_array_add(a, GINT_TO_POINTER(6));
  g->g_ptr_array_unref(a);
  return visited;
}

static void arrays_are_glibs(void **state)
{
  (void)state;
  NEED_GLIB();
  GPtrArray *mine = ours.g_ptr_array_new(), *theirs = glibs.g_ptr_array_new();
  randomState = 2;
  for (int i = 0; i < 40000; i++) {
    step s = {randomBelow(18), randomBelow(2), randomBelow(60), GUINT_TO_POINTER(randomBelow(100))};
    visited = 0;
    guint64 seen = changeArray(&ours, &s, mine);
    seen = seen * 31 + lookAtArray(&ours, &s, mine);
    visited = 0;
    guint64 wanted = changeArray(&glibs, &s, theirs);
    assert_int_equal(seen, wanted * 31 + lookAtArray(&glibs, &s, theirs));
    assert_int_equal(mine->len, theirs->len);
    assert_memory_equal(mine->pdata ? mine->pdata : (void *)&s, theirs->pdata ? theirs->pdata : (void *)&s,
                        mine->len * sizeof(gpointer));
  }
  assert_int_equal(endArray(&ours, mine), endArray(&glibs, theirs));
}

/* What functions say: in a child, both of whose outputs are caught. */

typedef struct report {
  char text[8192];
  int status; /* as wait() tells it */
} report;

static void capture(void (*run)(const api *), const api *g, report *r)
{
  int ends[2];
  size_t n = 0;
  ssize_t got;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    setvbuf(stdout, NULL, _IONBF, 0);
    run(g);
    _exit(0);
  }
  close(ends[1]);
  while ((got = read(ends[0], r->text + n, sizeof r->text - 1 - n)) > 0)
    n += (size_t)got;
  r->text[n] = 0;
  close(ends[0]);
  assert_int_equal(waitpid(child, &r->status, 0), child);
}

/* Makes times and process numbers alike: each row of digits becomes a 0. */
static void maskNumbers(char *text)
{
  char *to = text;
  for (const char *from = text; *from; from++) {
    bool digit = g_ascii_isdigit(*from);
    if (!digit)
      *to++ = *from;
    else if (to == text || to[-1] != '0')
      *to++ = '0';
  }
  *to = 0;
}

/* What ours says comes to be what a newer GLib says, and then the two are the same to the last character. */
static const struct change {
  guint since;
  const char *ours, *theirs;
} changes[] = {
#define CHANGE(since, ours, theirs) {since, ours, theirs},
#include "glib-changes.h"
    {PRINTS_ALL_SINCE, "? ?.\n", "\xc3\xa4 \xe2\x80\x9c.\n"},
};

/* Appends a text's n characters to a report's. */
static void append(report *r, const char *text, size_t n)
{
  size_t end = strlen(r->text);
  assert_true(end + n < sizeof r->text);
  memcpy(r->text + end, text, n);
  r->text[end + n] = 0;
}

static void change(report *r, const struct change *to)
{
  static report was;
  const char *from = was.text, *found;
  was = *r;
  r->text[0] = 0;
  for (; (found = strstr(from, to->ours)); from = found + strlen(to->ours)) {
    append(r, from, (size_t)(found - from));
    append(r, to->theirs, strlen(to->theirs));
  }
  append(r, from, strlen(from));
}

static void changeToGlibs(report *r)
{
  for (guint i = 0; i < G_N_ELEMENTS(changes); i++)
    if (glibsVersion >= changes[i].since)
      change(r, &changes[i]);
  if (glibsVersion >= ABORTS_SINCE && WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGTRAP)
    r->status += SIGABRT - SIGTRAP;
}

/* Fails with the lines from the first difference on. */
static void assertSameText(const char *mine, const char *theirs)
{
  size_t line = 0, i = 0;
  for (; mine[i] && mine[i] == theirs[i]; i++)
    if (mine[i] == '\n')
      line = i + 1;
  if (mine[i] != theirs[i])
    fail_msg("ours: %.300s\nGLib's: %.300s", mine + line, theirs + line);
}

static void assertSame(void (*run)(const api *))
{
  static report mine, theirs;
  NEED_GLIB();
  capture(run, &ours, &mine);
  capture(run, &glibs, &theirs);
  maskNumbers(mine.text);
  maskNumbers(theirs.text);
  changeToGlibs(&mine);
  assertSameText(mine.text, theirs.text);
  assert_int_equal(mine.status, theirs.status);
}

static void useStrings(const api *g)
{
  char *array[] = {(char[]){"one"}, (char[]){"two"}, NULL};
  static const char *const some[] = {NULL, "", "a", "ab", "b", "AbZz@[`{", "a\xc3\xa4Z"};
  char **copy = g->g_strdupv(array);
  for (guint i = 1; i < G_N_ELEMENTS(some); i++) {
    char *four[] = {g->g_strdup(some[i]), g->g_strndup(some[i], 2), g->g_ascii_strdown(some[i], -1),
                    g->g_ascii_strup(some[i], 1)};
    for (guint j = 0; j < G_N_ELEMENTS(four); j++) {
      printf("%s,", four[j]);
      g->g_free(four[j]);
    }
    for (guint j = 1; j < G_N_ELEMENTS(some); j++)
      printf("%d %d ", g->g_str_has_prefix(some[i], some[j]), g->g_str_has_suffix(some[i], some[j]));
  }
  for (guint i = 0; i < G_N_ELEMENTS(some); i++)
    for (guint j = 0; j < G_N_ELEMENTS(some); j++) {
      int order = g->g_strcmp0(some[i], some[j]);
      printf("%c", order < 0 ? '<' : order > 0 ? '>' : '=');
    }
  printf("%s %s %c\n", copy[0], copy[1], "n0"[copy[2] == NULL]);
  printf("%s\n", g->g_strv_length(copy) == 2 ? "two" : "other");
  printf("%d %d %d\n", !g->g_strdup(NULL), !g->g_strndup(NULL, 5), !g->g_strdupv(NULL));
  g->g_strfreev(copy);
  g->g_strfreev(NULL);
}
static void strings_are_glibs(void **state)
{
  (void)state;
  assertSame(useStrings);
}

/* More than there ever is; not below 0 as a signed number where that is enough. */
static const gsize tooMuch = sizeof(gsize) == 8 ? (gsize)(G_MAXSSIZE / 2) : G_MAXSIZE - 4096;

static void useMemory(const api *g)
{
  printf("%d %d %d\n", !g->g_malloc(0), !g->g_malloc_n(0, 5), !g->g_realloc_n(g->g_malloc(5), 0, 1));
  printf("%d %d\n", !g->g_try_malloc(tooMuch), !g->g_try_malloc_n(G_MAXSIZE / 4, 8));
  char *zeroes = g->g_malloc0_n(3, 3);
  printf("%d\n", !memcmp(zeroes, "\0\0\0\0\0\0\0\0\0", 9));
  g->g_free(zeroes);
  g->g_free(NULL);
}
static void memory_is_glibs(void **state)
{
  (void)state;
  assertSame(useMemory);
}

static void readFile(const api *g, const char *name)
{
  GError *error = NULL;
  gchar *contents = NULL, *none = NULL;
  gsize length = 12345;
  gboolean good = g->g_file_get_contents(name, &contents, &length, &error);
  printf("%s: %s %d %.20s\n", name, good ? "good" : "bad", contents != NULL, contents ? contents : "none");
  printf("%s\n", length == (contents ? strlen(contents) : 0) ? "its length" : "another length");
  if (error) {
    printf("%c %s\n", 'a' + error->code, error->message);
    g->g_clear_error(&error);
  }
  printf("%d %d\n", error == NULL, g->g_file_get_contents("/nowhere", &none, NULL, NULL));
  g->g_free(contents);
  g->g_clear_error(&error);
  g->g_clear_error(NULL);
}
static void readFiles(const api *g)
{
  readFile(g, "/proc/self/status");
  readFile(g, "/etc/passwd");
  readFile(g, "/dev/null");
  readFile(g, "/");
  readFile(g, "/nowhere");
  readFile(g, "/etc/passwd/nowhere");
}
static void files_are_read_as_glib_does(void **state)
{
  (void)state;
  assertSame(readFiles);
}

static void printThings(const api *g)
{
  char text[3000];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = 0;
  g->g_print("%s %d\n", "a", 1);
  g->g_printerr("b\n");
  g->g_print("\xc3\xa4 \xe2\x80\x9c.\n");
  g->g_printerr("%s\n", text);
}
static void printing_is_glibs(void **state)
{
  (void)state;
  assertSame(printThings);
}

static void logThings(const api *g)
{
  static const char *const domains[] = {NULL, "domain"};
  for (guint i = 0; i < G_N_ELEMENTS(domains); i++)
    for (int level = G_LOG_LEVEL_CRITICAL; level <= G_LOG_LEVEL_DEBUG; level <<= 1)
      g->g_log(domains[i], (GLogLevelFlags)level, "%s %d", "something", 5);
  g->g_warn_message("domain", "file.c", 1, "function", "a == b");
  g->g_warn_message(NULL, "file.c", 1, "function", NULL);
  g->g_return_if_fail_warning("domain", "function", "a == b");
}
static void the_log_is_glibs(void **state)
{
  (void)state;
  assertSame(logThings);
}

static void logAll(const api *g)
{
  setenv("G_MESSAGES_DEBUG", "all", 1);
  logThings(g);
}
static void debug_messages_on_demand(void **state)
{
  static report r;
  (void)state;
  capture(logAll, &ours, &r);
  assert_non_null(strstr(r.text, "domain-INFO: "));
  assert_non_null(strstr(r.text, "): domain-DEBUG: "));
}

static void onLog(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
  printf("%s %x %s %s\n", domain ? domain : "none", (unsigned)level, message, (char *)data);
}
static void logToHandler(const api *g)
{
  printf("%d\n", g->g_log_set_default_handler(onLog, (char[]){"data"}) == NULL);
  logThings(g);
  printf("%d\n", g->g_log_set_default_handler(g->g_log_default_handler, NULL) == onLog);
  g->g_log("domain", G_LOG_LEVEL_WARNING, "to the default again");
}
static void handlers_get_what_glibs_get(void **state)
{
  (void)state;
  assertSame(logToHandler);
}

static void makeMistakes(const api *g)
{
  GList *volatile none = NULL;
  GPtrArray *volatile noArray = NULL, *array = g->g_ptr_array_new();
  GCompareFunc volatile noFunc = NULL;
  GCompareDataFunc volatile noDataFunc = NULL;
  const char *volatile noText = NULL;
  GList *list = g->g_list_append(NULL, array), wrong = {NULL, list, NULL}, wrongToo = {NULL, NULL, list};
  list = g->g_list_insert_sorted(list, NULL, noFunc);
  list = g->g_list_insert_sorted_with_data(list, NULL, noDataFunc, NULL);
  list = g->g_list_insert_before_link(list, NULL, none);
  list = g->g_list_insert_before_link(list, NULL, &wrong);
  list = g->g_list_insert_before_link(list, NULL, &wrongToo);
  GList *alone = g->g_list_insert_before(none, list, NULL);
  printf("%u\n", g->g_list_length(alone));
  g->g_list_free(alone);
  alone = g->g_list_alloc();
  printf("%d\n", g->g_list_insert_before_link(none, list, alone) == alone);
  g->g_list_free(alone);
  list = g->g_list_remove_link(list, &wrong);
  wrongToo.prev = list;
  list = g->g_list_remove_link(list, &wrongToo);
  printf("%d\n", g->g_list_find_custom(list, NULL, noFunc) == list);
  g->g_list_free(list);
  g->g_ptr_array_set_size(array, -1);
  g->g_ptr_array_insert(array, 5, NULL);
  g->g_ptr_array_insert(array, -5, NULL);
  g->g_ptr_array_insert(noArray, 0, NULL);
  printf("%d\n", g->g_ptr_array_remove_index(array, 5) == NULL);
  g->g_ptr_array_remove_index_fast(noArray, 5);
  g->g_ptr_array_steal_index(noArray, 5);
  g->g_ptr_array_steal_index_fast(array, 5);
  g->g_ptr_array_remove_range(array, 3, 4);
  g->g_ptr_array_remove_range(noArray, 3, 4);
  g->g_ptr_array_add(noArray, NULL);
  g->g_ptr_array_ref(noArray);
  g->g_ptr_array_unref(noArray);
  g->g_ptr_array_free(noArray, TRUE);
  g->g_ptr_array_steal(noArray, NULL);
  g->g_ptr_array_set_free_func(noArray, NULL);
  g->g_ptr_array_set_size(noArray, 1);
  g->g_ptr_array_remove(noArray, NULL);
  g->g_ptr_array_remove_fast(noArray, NULL);
  g->g_ptr_array_sort(noArray, NULL);
  g->g_ptr_array_sort_with_data(noArray, NULL, NULL);
  g->g_ptr_array_foreach(noArray, NULL, NULL);
  g->g_ptr_array_find(noArray, NULL, NULL);
  g->g_ptr_array_unref(array);
  g->g_strv_length((char **)(guintptr)noText);
  g->g_ascii_strup(noText, 1);
  g->g_ascii_strdown(noText, 1);
  g->g_str_has_prefix(noText, "");
  g->g_str_has_suffix("", noText);
  g->g_error_free((GError *)(guintptr)noText);
  printf("%u\n", g->g_hash_table_size((GHashTable *)(guintptr)noText));
}
static void mistakes_are_glibs(void **state)
{
  (void)state;
  assertSame(makeMistakes);
}

static void criticals_have_glibs_format(void **state)
{
  static report r;
  int length = 0;
  unsigned long pid;
  unsigned h, m, s, ms;
  (void)state;
  capture(makeMistakes, &ours, &r);
  const char *last = strstr(r.text, "\n(process:");
  for (const char *next = last; next; next = strstr(next + 1, "\n(process:"))
    last = next;
  assert_non_null(last);
  sscanf(last, "\n(process:%lu): GLib-CRITICAL **: %2u:%2u:%2u.%3u: %n", &pid, &h, &m, &s, &ms, &length);
  assert_true(length > 0);
  assert_string_equal(last + length, "g_hash_table_size: assertion 'hash_table != NULL' failed\n0\n");
}

/* Ends */

static void failAssertion(const api *g)
{
  g->g_assertion_message_expr("domain", "file.c", 1, "function", "a == b");
}
static void failToo(const api *g)
{
  g->g_assertion_message_expr(NULL, "file.c", 1, "function", NULL);
}
static void failWithMessage(const api *g)
{
  g->g_assertion_message("", "file.c", 1, "function", "message");
}
static void logError(const api *g)
{
  g->g_log("domain", G_LOG_LEVEL_ERROR, "an error");
}
static void logFatal(const api *g)
{
  g->g_log("domain", (GLogLevelFlags)(G_LOG_LEVEL_WARNING | G_LOG_FLAG_FATAL), "a warning");
}
static void ends_are_glibs(void **state)
{
  (void)state;
  assertSame(failAssertion);
  assertSame(failToo);
  assertSame(failWithMessage);
  assertSame(logError);
  assertSame(logFatal);
}

static void assertEnds(void (*run)(const api *), int signal, const char *text)
{
  static report r;
  capture(run, &ours, &r);
  assert_true(WIFSIGNALED(r.status));
  assert_int_equal(WTERMSIG(r.status), signal);
  if (!strstr(r.text, text))
    fail_msg("not in it: %s\n%s", text, r.text);
}

static void allocateTooMuch(const api *g)
{
  g->g_malloc(tooMuch);
}
static void allocateTooMany(const api *g)
{
  g->g_malloc_n(G_MAXSIZE / 4, 8);
}
static void no_memory_ends_the_program(void **state)
{
  (void)state;
  assertEnds(allocateTooMuch, SIGTRAP, ": failed to allocate ");
  assertEnds(allocateTooMuch, SIGTRAP, " bytes\n");
  assertEnds(allocateTooMany, SIGTRAP, ": overflow allocating ");
  assertEnds(allocateTooMany, SIGTRAP, "*8 bytes\n");
}

static void fatalCriticals(const api *g)
{
  setenv("G_DEBUG", "gc-friendly,fatal-criticals", 1);
  g->g_log("domain", G_LOG_LEVEL_WARNING, "not the last");
  makeMistakes(g);
  _exit(1);
}
static void fatalWarnings(const api *g)
{
  setenv("G_DEBUG", "fatal-warnings", 1);
  g->g_log("domain", G_LOG_LEVEL_WARNING, "the last");
  _exit(1);
}
static void g_debug_makes_criticals_fatal(void **state)
{
  (void)state;
  assertEnds(fatalCriticals, SIGTRAP, "not the last");
  assertEnds(fatalWarnings, SIGTRAP, "the last");
}

static void failMacros(const api *g)
{
  (void)g;
  switch (randomState) {
  case 0:
    g_assert(g == NULL);
    break;
  case 1:
    g_assert_cmpint(1 + 1, ==, 3);
    break;
  case 2:
    g_assert_cmpuint(2, <, 1);
    break;
  case 3:
    g_assert_cmpstr("a", ==, NULL);
    break;
  case 4:
    g_assert_null(g);
    break;
  case 5:
    g_assert_true(g == NULL);
    break;
  default:
    g_assert_not_reached();
  }
}
static void assertions_say_what_glibs_say(void **state)
{
  static const char *const texts[] = {
      ":failMacros: assertion failed: (g == NULL)\n",
      ":failMacros: assertion failed (1 + 1 == 3): (2 == 3)\n",
      ":failMacros: assertion failed (2 < 1): (2 < 1)\n",
      ":failMacros: assertion failed (\"a\" == NULL): (\"a\" == NULL)\n",
      ":failMacros: 'g' should be NULL\n",
      ":failMacros: 'g == NULL' should be TRUE\n",
      ":failMacros: code should not be reached\n",
  };
  (void)state;
  for (randomState = 0; randomState < G_N_ELEMENTS(texts); randomState++)
    assertEnds(failMacros, SIGABRT, texts[randomState]);
}

/* Tables: what differs from older GLibs, and from having GLib */

static void hashes_of_halves(void **state)
{
  const gint64 wide = (gint64)5 << 32 | 3;
  const gdouble one = 1, plus = 0.0, minus = -0.0;
  (void)state;
  assert_int_equal(g_int64_hash(&wide), 5 ^ 3);
  assert_int_equal(g_double_hash(&one), 0x3ff00000);
  assert_int_equal(g_double_hash(&minus), 0x80000000);
  GHashTable *t = g_hash_table_new(g_double_hash, g_double_equal);
  g_hash_table_add(t, (gpointer)(guintptr)&plus);
  assert_true(g_double_equal(&plus, &minus));
  assert_false(g_hash_table_contains(t, &minus)); /* because they have two hashes */
  assert_true(g_hash_table_contains(t, &plus));
  g_hash_table_unref(t);
}

static void arrays_of_a_table(void **state)
{
  GHashTable *t = g_hash_table_new_full(NULL, NULL, visit, NULL);
  (void)state;
  for (guint i = 1; i <= 100; i++)
    g_hash_table_insert(t, GUINT_TO_POINTER(i), GUINT_TO_POINTER(2 * i));
  GPtrArray *keys = g_hash_table_get_keys_as_ptr_array(t), *values = g_hash_table_get_values_as_ptr_array(t);
  assert_int_equal(keys->len, 100);
  for (guint i = 0; i < 100; i++)
    assert_int_equal(2 * GPOINTER_TO_UINT(g_ptr_array_index(keys, i)), GPOINTER_TO_UINT(g_ptr_array_index(values, i)));
  visited = 0;
  g_ptr_array_unref(keys);
  g_ptr_array_unref(values);
  keys = g_hash_table_steal_all_keys(t);
  assert_int_equal(visited, 0);
  assert_int_equal(g_hash_table_size(t), 0);
  g_ptr_array_unref(keys);
  assert_int_not_equal(visited, 0);
  g_hash_table_unref(t);
}

/* GLib's tables and ours do not know each other. */
static void useGlibsTable(const api *g)
{
  static GHashTable *volatile table; /* stays, for valgrind */
  (void)g;
  table = glibs.g_hash_table_new(NULL, NULL);
  ours.g_hash_table_size(table);
}
static void glibs_tables_are_refused(void **state)
{
  (void)state;
  NEED_GLIB();
  assertEnds(useGlibsTable, SIGABRT, "a GHashTable that libhmap-ghash did not make");
}

/* GLib's functions for strings are any other functions to us, and must do. */
static void glibs_functions_do(void **state)
{
  (void)state;
  NEED_GLIB();
  GHashTable *t = g_hash_table_new(glibs.g_str_hash, glibs.g_str_equal);
  g_hash_table_insert(t, (char[]){"key"}, t);
  assert_ptr_equal(g_hash_table_lookup(t, "key"), t);
  g_hash_table_unref(t);
}

int main(void)
{
  const struct CMUnitTest first[] = {
      cmocka_unit_test(no_glib_in_the_process),
      cmocka_unit_test(no_name_of_glibs),
      cmocka_unit_test(iterators_have_glibs_size),
      cmocka_unit_test(hashes_of_halves),
      cmocka_unit_test(arrays_of_a_table),
      cmocka_unit_test(criticals_have_glibs_format),
      cmocka_unit_test(debug_messages_on_demand),
      cmocka_unit_test(no_memory_ends_the_program),
      cmocka_unit_test(g_debug_makes_criticals_fatal),
      cmocka_unit_test(assertions_say_what_glibs_say),
  };
  const struct CMUnitTest besideGlib[] = {
      cmocka_unit_test(lists_are_glibs),
      cmocka_unit_test(nodes_from_the_middle),
      cmocka_unit_test(arrays_are_glibs),
      cmocka_unit_test(strings_are_glibs),
      cmocka_unit_test(memory_is_glibs),
      cmocka_unit_test(files_are_read_as_glib_does),
      cmocka_unit_test(printing_is_glibs),
      cmocka_unit_test(the_log_is_glibs),
      cmocka_unit_test(handlers_get_what_glibs_get),
      cmocka_unit_test(mistakes_are_glibs),
      cmocka_unit_test(ends_are_glibs),
      cmocka_unit_test(glibs_tables_are_refused),
      cmocka_unit_test(glibs_functions_do),
  };
  unsetenv("G_DEBUG");
  unsetenv("G_MESSAGES_DEBUG");
  int failed = cmocka_run_group_tests(first, NULL, NULL);
  return failed + cmocka_run_group_tests(besideGlib, load, NULL);
}
