/* test_misuse.c: a table has one writer or many readers, and breaking that ends the program with a message where it is seen.
 * Every case is two threads, one of which is stopped in the middle of a write, so that nothing is left to luck. Each runs in a
 * process of its own, which the message ends. */
#include "testing.h"
#include <semaphore.h>

static hmap *shared;
static hmap_iter walk;     /* one that began before the write */
static sem_t inside, done; /* the writer is in the middle; the other thread has done its deed */
static pthread_t writer;
static bool armed;
static void (*deed)(void);   /* what the other thread does */
static void (*write_)(void); /* how the writer writes */
static bool checked;

/* Stops the writer, in the middle of a write, until the other thread is done. */
static void stopHere(void)
{
  if (!armed || !pthread_equal(pthread_self(), writer))
    return;
  armed = false;
  sem_post(&inside);
  sem_wait(&done);
}
static void *writerThread(void *unused)
{
  writer = pthread_self();
  armed = true;
  write_();
  return unused;
}

/* The child: a table at the brink of growing, whose growth one thread begins; it is stopped where it asks for memory. */
static bool stopAtFive;
static void twoThreads(void)
{
  pthread_t thread;
  sem_init(&inside, 0, 0);
  sem_init(&done, 0, 0);
  memory.hook = stopAtFive ? NULL : stopHere; /* in equal, or where memory is asked for */
  assert_int_equal(pthread_create(&thread, NULL, writerThread, NULL), 0);
  sem_wait(&inside);
  deed();
  sem_post(&done);
  pthread_join(thread, NULL);
}
static void inChild(void)
{
  shared = fullTable(6);
  if (!checked)
    setFlags(shared, flagsOf(shared) & (uint8_t)~hashChecked);
  hmap_iter_init(&walk, shared);
  twoThreads();
  if (shared)
    ASSERT_SOUND(shared);
  hmap_free(shared);
}

static void writeNew(void)
{
  put(shared, 1000000, 0);
}

static void fatalWith(void (*what)(void), const char *message)
{
  char text[4096], line[200];
  checked = true;
  deed = what;
  write_ = writeNew;
  int status = runChild(inChild, text, sizeof text);
  snprintf(line, sizeof line, "hmap: fatal error: %s\n", message);
  if (!strstr(text, line))
    fail_msg("status %x and this on stderr: %s", (unsigned)status, text);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGABRT);
}
static void fineWith(void (*what)(void), bool check)
{
  char text[4096];
  checked = check;
  deed = what;
  write_ = writeNew;
  int status = runChild(inChild, text, sizeof text);
  if (status != 0 || strstr(text, "hmap:"))
    fail_msg("status %x and this on stderr: %s", (unsigned)status, text);
}

static void readIt(void)
{
  get(shared, 5);
}
static void readAbsent(void)
{
  has(shared, 999);
}
static void insertIt(void)
{
  put(shared, 2000000, 0);
}
static void assignExisting(void)
{
  put(shared, 5, 5);
}
static void deleteIt(void)
{
  cut(shared, 5);
}
static void deleteAbsent(void)
{
  cut(shared, 999);
}
static void clearIt(void)
{
  hmap_clear(shared);
}
static void freeIt(void)
{
  hmap_free(shared);
  shared = NULL;
}
static void cloneIt(void)
{
  hmap_free(hmap_clone(shared));
}
static void startWalk(void)
{
  hmap_iter it;
  hmap_iter_init(&it, shared);
}
static void goOnWalking(void)
{
  hmap_iter_next(&walk);
}

static void test_a_read_during_a_write(void **state)
{
  (void)state;
  fatalWith(readIt, "concurrent map read and map write");
  fatalWith(readAbsent, "concurrent map read and map write");
}
static void test_a_write_during_a_write(void **state)
{
  (void)state;
  fatalWith(insertIt, "concurrent map writes");
  fatalWith(deleteIt, "concurrent map writes");
  fatalWith(clearIt, "concurrent map writes");
}
static void test_a_write_that_changes_nothing_during_a_write(void **state)
{
  (void)state;
  fatalWith(assignExisting, "concurrent map writes");
  fatalWith(deleteAbsent, "concurrent map writes");
}
static void test_an_iteration_during_a_write(void **state)
{
  (void)state;
  fatalWith(startWalk, "concurrent map iteration and map write");
  fatalWith(goOnWalking, "concurrent map iteration and map write");
}
static void test_a_clone_during_a_write(void **state)
{
  (void)state;
  fatalWith(cloneIt, "concurrent map clone and map write");
}
static void test_a_free_during_a_write(void **state)
{
  (void)state;
  fatalWith(freeIt, "concurrent map free and map write");
}

/* Two writers that both began before either saw the other: the second to finish finds its mark gone. */
static void takeTheMark(void)
{
  setFlags(shared, flagsOf(shared) & (uint8_t)~hashWriting);
}
static void test_a_write_whose_mark_has_gone(void **state)
{
  (void)state;
  fatalWith(takeTheMark, "concurrent map writes");
}

/* Without hashChecked, as in the shims, nobody is stopped: programs that got away with it go on getting away with it. */
static void readEverything(void)
{
  for (uint64_t k = 0; k < capacity(6); k++)
    get(shared, k);
  while (hmap_iter_next(&walk))
    ;
  startWalk();
  put(shared, 5, 5);
  deleteAbsent();
  cloneIt();
}
static void test_without_the_check_nothing_is_stopped(void **state)
{
  (void)state;
  fineWith(readEverything, false);
}

/* A fork while another thread writes: in the new process that thread is gone, and so would the end of its write be. */
static void forkAndUse(void)
{
  int status;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    memory.hook = NULL;
    readEverything();
    putRange(shared, 3000, 4000);
    bool broken = hmap_check(shared) != NULL;
    hmap_free(shared);
    _exit(broken);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}
static void test_a_fork_during_a_write(void **state)
{
  (void)state;
  fineWith(forkAndUse, false);
}

/* While a callback runs the table is not marked: it may not return, and what it looks up is not misuse. */
static uint64_t identity(const void *key, const hmap_seed *seed)
{
  (void)seed;
  return *(const uint64_t *)key % 7;
}
static bool equalThatStops(const void *stored, const void *key)
{
  if (stopAtFive && *(const uint64_t *)key == 5)
    stopHere();
  return equalInts(stored, key);
}
static void userInChild(void)
{
  hmap_type type = {HMAP_BYTES, 8, 8, identity, equalThatStops};
  shared = hmap_make(&type, 0);
  putRange(shared, 0, capacity(5) + 1);
  assert_true(growing(shared));
  stopAtFive = true;
  twoThreads();
  ASSERT_SOUND(shared);
  hmap_free(shared);
}
static void assignFive(void)
{
  put(shared, 5, 5);
}
static void deleteFive(void)
{
  cut(shared, 5);
}
static void readOthers(void)
{
  for (uint64_t k = 6; k < capacity(5); k++)
    get(shared, k);
  startWalk();
}
static void test_no_mark_is_held_while_a_callback_runs(void **state)
{
  (void)state;
  char text[4096];
  void (*const writes[])(void) = {assignFive, deleteFive};
  for (int i = 0; i < 2; i++) {
    write_ = writes[i];
    deed = readOthers;
    int status = runChild(userInChild, text, sizeof text);
    if (status != 0)
      fail_msg("status %x and this on stderr: %s", (unsigned)status, text);
  }
}

/* Many readers at once are what a table allows. */
static void *readerThread(void *arg)
{
  hmap *h = arg;
  for (int round = 0; round < 20; round++) {
    hmap_iter it;
    hmap_stats s;
    size_t n = 0;
    for (uint64_t k = 0; k < 500; k++)
      if (!has(h, k))
        return NULL;
    for (hmap_iter_init(&it, h); hmap_iter_next(&it);)
      n++;
    hmap_getstats(h, &s);
    if (n != hmap_len(h) || s.len != n || hmap_check(h))
      return NULL;
    hmap_iter_init(&it, h);
    hmap_iter_next(&it);
    hmap_iter_end(&it);
  }
  return h;
}
static void test_many_readers_at_once(void **state)
{
  (void)state;
  enum { n = 6 };
  pthread_t threads[n];
  hmap *h = makeInts(0);
  putRange(h, 0, capacity(7) + 1);
  assert_true(growing(h));
  for (int i = 0; i < n; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, readerThread, h), 0);
  for (int i = 0; i < n; i++) {
    void *result;
    assert_int_equal(pthread_join(threads[i], &result), 0);
    assert_ptr_equal(result, h);
  }
  assert_int_equal(h->buckets->pins, 0);
  assert_int_equal(h->oldbuckets->pins, 0);
  hmap_free(h);
}

/* Tables that have nothing to do with each other may be made and used at once; their seeds still differ. */
static void *makerThread(void *arg)
{
  hmap_seed *seed = arg;
  hmap *h = makeInts(0);
  put(h, 1, 1);
  *seed = h->hash0;
  return h;
}
static void test_tables_made_at_once_have_seeds_of_their_own(void **state)
{
  (void)state;
  enum { n = 8 };
  pthread_t threads[n];
  hmap_seed made[n];
  void *tables[n];
  for (int i = 0; i < n; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, makerThread, &made[i]), 0);
  for (int i = 0; i < n; i++)
    assert_int_equal(pthread_join(threads[i], &tables[i]), 0);
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < i; j++)
      assert_true(made[i].k0 != made[j].k0 && made[i].k1 != made[j].k1);
    hmap_free(tables[i]);
  }
}

/* hmap.h forbids an equality function that writes to its table. One that does at every call must not keep a call for ever. */
static hmap *busy;
static size_t calls;
static enum { addAndRemove, addAndTakeBack, nwrites } writes;
static uint64_t oneHash(const void *key, const hmap_seed *seed)
{
  (void)key, (void)seed;
  return 7;
}
static bool equalThatWrites(const void *stored, const void *key)
{
  static bool writing;
  bool same = memcmp(stored, key, sizeof(uint64_t)) == 0;
  if (writing)
    return same;
  uint64_t other = 1000000 + calls, there;
  memcpy(&there, stored, sizeof there);
  if (calls++ < 2000) {
    writing = true;
    put(busy, other, 0);
    cut(busy, writes == addAndRemove ? there : other);
    writing = false;
  }
  return same;
}
static void test_an_equality_function_that_always_writes(void **state)
{
  (void)state;
  hmap_type type = {.kind = HMAP_BYTES, .key_size = 8, .elem_size = 8, .hash = oneHash, .equal = equalThatWrites};
  for (uint64_t n = 1; n < 40; n++)
    for (writes = 0; writes < nwrites; writes++) {
      busy = hmap_make(&type, 0);
      calls = 2000;
      putRange(busy, 0, n);
      calls = 0;
      assert_false(has(busy, 99));
      assert_in_range(calls, 1, 1999);
      calls = 0;
      assert_false(cut(busy, 99));
      assert_in_range(calls, 1, 1999);
      calls = 0;
      put(busy, 99, 99);
      assert_in_range(calls, 1, 1999);
      ASSERT_SOUND(busy);
      calls = 2000;
      assert_int_equal(get(busy, 99), 99);
      hmap_free(busy);
    }
  ASSERT_NOTHING_LEFT();
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_an_equality_function_that_always_writes),
      TEST(test_a_read_during_a_write),
      TEST(test_a_write_during_a_write),
      TEST(test_a_write_that_changes_nothing_during_a_write),
      TEST(test_an_iteration_during_a_write),
      TEST(test_a_clone_during_a_write),
      TEST(test_a_free_during_a_write),
      TEST(test_a_write_whose_mark_has_gone),
      TEST(test_without_the_check_nothing_is_stopped),
      TEST(test_a_fork_during_a_write),
      TEST(test_no_mark_is_held_while_a_callback_runs),
      TEST(test_many_readers_at_once),
      TEST(test_tables_made_at_once_have_seeds_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
