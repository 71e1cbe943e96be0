/* test_counters.c: HMAP_STATS. Each case works in a child process and compares the line that this leaves with what the table's
 * own figures, the test's counts of memory and arithmetic say. */
#include "testing.h"

/* Where the child is told to write, and what it wrote. */
static char folder[] = "/tmp/hmap-test-XXXXXX";
static char file[64];
static char text[4000];

static int makeFolder(void **state)
{
  (void)state;
  assert_non_null(mkdtemp(folder));
  snprintf(file, sizeof file, "%s/stats", folder);
  return 0;
}
static int removeFolder(void **state)
{
  (void)state;
  unlink(file);
  return rmdir(folder);
}

static void startAnew(const char *stats)
{
  memset(&counters, 0, sizeof counters);
  counters.once = (pthread_once_t)PTHREAD_ONCE_INIT;
  if (stats)
    setenv("HMAP_STATS", stats, 1);
  else
    unsetenv("HMAP_STATS");
}

static void readText(void)
{
  int fd = open(file, O_RDONLY);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  assert_true(n >= 0);
  text[n] = 0;
  if (fd >= 0)
    close(fd);
}

/* Runs f in a child that exits in good order, and reads what it left. */
static void (*work)(void);
static void workAndExit(void)
{
  startAnew(file);
  work();
  exit(0);
}
static void watch(void (*f)(void))
{
  char said[400];
  unlink(file);
  work = f;
  assert_int_equal(runChild(workAndExit, said, sizeof said), 0);
  assert_string_equal(said, "");
  readText();
}

/* Line number n of the text, or "". */
static const char *line(unsigned n)
{
  const char *p = text;
  for (; n && *p; n--)
    p = strchr(p, '\n') + 1;
  return p;
}
/* The number in a line's field. */
static size_t field(const char *of, const char *name)
{
  char wanted[32];
  snprintf(wanted, sizeof wanted, " %s=", name);
  const char *p = strstr(of, wanted);
  if (!p || p > strchr(of, '\n'))
    fail_msg("no%s in %s", wanted, of);
  return strtoull(p + strlen(wanted), NULL, 10);
}

/* Tables that are not freed, and still not lost. */
static hmap *volatile kept[8];
static hmap *keep(hmap *h)
{
  static size_t n;
  return kept[__atomic_fetch_add(&n, 1, __ATOMIC_RELAXED)] = h;
}

static void makeTwoTables(void)
{
  hmap *a = makeInts(0), *b = keep(makeInts(100));
  putRange(a, 0, 27); /* grows at 5, 9, 14 and 27, the first time from half a bucket to a whole one */
  putRange(a, 0, 27);
  putRange(b, 0, 100);
  cut(b, 5);
  hmap_free(a);
  setenv("HMAP_STATS", "/nowhere/at/all", 1); /* too late to matter */
}
static void test_a_line_at_exit(void **state)
{
  (void)state;
  watch(makeTwoTables);
  long pid = 0;
  int end = 0;
  assert_int_equal(sscanf(text,
                          "libhmap pid=%ld program=test_counters tables=2 live=1 entries=127 peak=127 growths=4 bigger=3 "
                          "samesize=1 shrinks=0 evacuated=%*u buckets=%*u overflow=%*u longest=%*u alarms=0 foreign=0%n",
                          &pid, &end),
                   1);
  assert_true(pid > 1 && end > 0);
  assert_string_equal(text + end, "\n");
}
static void test_a_line_is_appended(void **state)
{
  (void)state;
  watch(makeTwoTables);
  size_t length = strlen(text);
  char said[400];
  assert_int_equal(runChild(workAndExit, said, sizeof said), 0);
  readText();
  assert_true(strlen(text) >= 2 * length - 10); /* a pid may be shorter */
  assert_int_equal(field(line(1), "entries"), 127);
  assert_string_equal(line(2), "");
}

/* What a table says of itself, for the parent. */
static void tell(const char *name, size_t n)
{
  FILE *f = fopen(file, "a");
  fprintf(f, "told %s=%zu\n", name, n);
  fclose(f);
}

static void moveMany(void)
{
  hmap *h = makeInts(0);
  size_t bigger = 0, smaller = 0;
  resetCounts();
  for (uint64_t i = 0; i < 20000; i++) {
    uint8_t before = h->B;
    put(h, i, i);
    bigger += h->B != before;
  }
  for (uint64_t i = 0; i < 20000; i++) {
    uint8_t before = h->B;
    cut(h, i);
    smaller += h->B != before;
  }
  tell("moved", counted.moved);
  tell("bigger", bigger);
  tell("smaller", smaller);
  hmap_free(h);
}
static void test_growths_and_evacuated_entries(void **state)
{
  (void)state;
  watch(moveMany);
  assert_int_equal(field(line(3), "evacuated"), field(line(0), "moved"));
  assert_int_equal(field(line(3), "bigger"), field(line(1), "bigger"));
  assert_int_equal(field(line(3), "shrinks"), field(line(2), "smaller"));
  assert_int_equal(field(line(3), "samesize"), 1);
  assert_true(field(line(2), "smaller") > 2);
  assert_true(field(line(0), "moved") > 10000);
}

static void fillThree(void)
{
  hmap *a = keep(makeInts(0)), *b = makeInts(0), *c;
  putRange(a, 0, 100);
  c = hmap_clone(a);  /* 200 */
  putRange(b, 0, 50); /* 250 */
  for (uint64_t i = 0; i < 100; i++)
    cut(a, i);
  hmap_clear(c);       /* 50 */
  putRange(c, 0, 150); /* 200 */
  hmap_free(b);        /* 150 */
  putRange(a, 0, 60);  /* 210 */
  hmap_free(c);
}
static void test_peak_is_of_all_tables_at_once(void **state)
{
  (void)state;
  watch(fillThree);
  assert_int_equal(field(text, "peak"), 250);
  assert_int_equal(field(text, "entries"), 100 + 100 + 50 + 150 + 60);
  assert_int_equal(field(text, "tables"), 3);
  assert_int_equal(field(text, "live"), 1);
}

static void tooLarge(void)
{
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8};
  hmap_free(makeInts(0));
  assert_null(hmap_make(&type, SIZE_MAX));
}
static void test_a_table_that_could_not_be_made_is_none(void **state)
{
  (void)state;
  watch(tooLarge);
  assert_int_equal(field(text, "tables"), 1);
  assert_int_equal(field(text, "live"), 0);
  assert_int_equal(field(text, "longest"), 0);
}

static void chainUp(void)
{
  hmap *h = keep(makeInts(capacity(6)));
  for (int i = 0; i < 30; i++)
    put(h, keyWith(h, 5, 63), 1);
  hmap_stats s;
  hmap_getstats(h, &s);
  tell("longest", s.longest_chain);
  tell("overflow", s.noverflow);
  tell("buckets", s.nbuckets);
}
static void test_overflow_and_the_longest_chain(void **state)
{
  (void)state;
  watch(chainUp);
  assert_int_equal(field(line(0), "longest"), 4); /* 30 entries by 8 */
  assert_int_equal(field(line(3), "longest"), 4);
  assert_int_equal(field(line(3), "overflow"), field(line(1), "overflow"));
  assert_int_equal(field(line(3), "buckets"), field(line(2), "buckets"));
}

/* Entries that share their low bits meet in one chain when the table shrinks. */
static void shrinkToAChain(void)
{
  uint64_t last;
  hmap *h = keep(thinTable(8, &last));
  for (int i = 0; i < 30; i++) {
    cut(h, last--);
    put(h, keyWith(h, 5, 15), 1);
  }
  for (; last; last--)
    cut(h, last);
  hmap_stats s;
  hmap_getstats(h, &s);
  tell("longest", s.longest_chain);
}
static void test_the_longest_chain_of_a_table_that_shrank(void **state)
{
  (void)state;
  watch(shrinkToAChain);
  assert_true(field(line(0), "longest") >= 4); /* 30 entries by 8 */
  assert_int_equal(field(line(1), "longest"), field(line(0), "longest"));
}

static void haveAnAlarm(void)
{
  countAlarm(keep(makeInts(0)));
  countForeign();
  countForeign();
}
static void test_alarms_and_foreign_calls(void **state)
{
  (void)state;
  watch(haveAnAlarm);
  assert_int_equal(field(text, "alarms"), 1);
  assert_int_equal(field(text, "foreign"), 2);
}

static void forkOnce(void)
{
  int status;
  hmap *h = keep(makeInts(0)), *g = keep(makeInts(0));
  putRange(h, 0, 1000);
  putRange(g, 0, 10);
  pid_t child = fork();
  if (child == 0) {
    hmap_free(h);
    putRange(g, 10, 15);
    exit(0);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
}
static void test_a_forked_child_counts_what_it_does(void **state)
{
  (void)state;
  watch(forkOnce);
  const char *child = line(0), *parent = line(1);
  assert_int_not_equal(field(child, "pid"), field(parent, "pid"));
  assert_int_equal(field(child, "tables"), 0);
  assert_int_equal(field(child, "live"), 1);
  assert_int_equal(field(child, "entries"), 5);
  assert_int_equal(field(child, "peak"), 1010);
  assert_int_equal(field(child, "bigger"), 1);
  assert_int_equal(field(parent, "tables"), 2);
  assert_int_equal(field(parent, "live"), 2);
  assert_int_equal(field(parent, "entries"), 1010);
  assert_int_equal(field(parent, "peak"), 1010);
  assert_string_equal(line(2), "");
}

static void goElsewhere(void)
{
  assert_int_equal(chdir(folder), 0);
  startAnew("stats");
  keep(makeInts(0));
  assert_int_equal(chdir("/"), 0);
}
static void test_a_relative_name_is_of_the_first_directory(void **state)
{
  (void)state;
  watch(goElsewhere);
  assert_int_equal(field(text, "tables"), 1);
}

enum { threads = 4, each = 20000 };
static void *fillOne(void *arg)
{
  (void)arg;
  putRange(keep(makeInts(0)), 0, each);
  return NULL;
}
static void fillInThreads(void)
{
  pthread_t ids[threads];
  for (int i = 0; i < threads; i++)
    pthread_create(&ids[i], NULL, fillOne, NULL);
  for (int i = 0; i < threads; i++)
    pthread_join(ids[i], NULL);
}
static void test_threads_lose_no_count(void **state)
{
  (void)state;
  watch(fillInThreads);
  assert_int_equal(field(text, "tables"), threads);
  assert_int_equal(field(text, "entries"), threads * each);
  assert_int_equal(field(text, "peak"), threads * each);
}

static void renamed(void)
{
  static char name[] = "a b\nc=d\xc3\xa4";
  program_invocation_short_name = name;
  keep(makeInts(0));
}
static void test_a_program_name_is_one_field(void **state)
{
  (void)state;
  watch(renamed);
  assert_non_null(strstr(text, " program=a?b?c=d?? tables=1 "));
}

static void test_nothing_is_counted_unless_asked(void **state)
{
  (void)state;
  static const __typeof__(counters) none;
  const size_t n = sizeof none - offsetof(__typeof__(none), file);
  const char *const names[] = {NULL, ""};
  for (int i = 0; i < 2; i++) {
    startAnew(names[i]);
    hmap *h = makeInts(0);
    assert_false(flagsOf(h) & hashCounted);
    putRange(h, 0, 1000);
    cut(h, 5);
    countAlarm(h);
    countForeign();
    hmap_clear(h);
    hmap_free(h);
    assert_memory_equal(&counters.file, &none.file, n);
  }
}

static void writeNowhere(void)
{
  startAnew("/nowhere/at/all");
  hmap_free(makeInts(0));
  exit(0);
}
static void test_a_file_that_cannot_be_written_is_reported(void **state)
{
  (void)state;
  char said[400];
  assert_int_equal(runChild(writeNowhere, said, sizeof said), 0);
  assert_non_null(strstr(said, "libhmap: HMAP_STATS: cannot write to /nowhere/at/all: No such file or directory\n"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_a_line_at_exit),
      TEST(test_a_line_is_appended),
      TEST(test_growths_and_evacuated_entries),
      TEST(test_peak_is_of_all_tables_at_once),
      TEST(test_a_table_that_could_not_be_made_is_none),
      TEST(test_overflow_and_the_longest_chain),
      TEST(test_the_longest_chain_of_a_table_that_shrank),
      TEST(test_alarms_and_foreign_calls),
      TEST(test_a_forked_child_counts_what_it_does),
      TEST(test_a_relative_name_is_of_the_first_directory),
      TEST(test_threads_lose_no_count),
      TEST(test_a_program_name_is_one_field),
      TEST(test_nothing_is_counted_unless_asked),
      TEST(test_a_file_that_cannot_be_written_is_reported),
  };
  return cmocka_run_group_tests(tests, makeFolder, removeFolder);
}
