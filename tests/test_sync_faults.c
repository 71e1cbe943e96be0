/* test_sync_faults.c: what threads, signals, forks and sleepers do to a map, by the guarantees' letters in hmap-sync.h; each by
 * counting, or by whether it ends at all (tests/limit.sh stops what does not). */
#include "sync_testing.h"
#include <dirent.h>

static hmap_sync *shared;
static bool stop; /* atomic */

static size_t waitingNow(void)
{
  hmap_sync_statistics s;
  hmap_sync_stats(NULL, &s);
  return s.waiting;
}
static void ignoreValue(void *value)
{
  (void)value;
}

/* E: what a thread retires goes while it writes, whether values are replaced, or keys come and go. */
static void test_E_the_writer_pays(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  size_t most = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    put(m, i % 100, 1);
    if (i % 3 == 0)
      cut(m, i % 50);
    most = waitingNow() > most ? waitingNow() : most;
  }
  assert_true(most > 0 && most <= 512);
  hmap_sync_free(m);
  settle();
}
/* E: the same with threads that all write. Their sections can be stopped anywhere, so what is retired in a while comes on top. */
static size_t mostWaiting; /* atomic */
static void *overwrite(void *number)
{
  for (uint64_t i = 0; i < times(40000); i++) {
    put(shared, i % 1000, (uintptr_t)number);
    if (i % 64 == 0)
      atLeast(&mostWaiting, waitingNow());
  }
  return NULL;
}
static void test_E_writers_together(void **state)
{
  (void)state;
  shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  inThreads(4, overwrite);
  assert_true(hmap_sync_barrier());
  assert_int_equal(waitingNow(), 0);
  hmap_sync_free(shared);
  settle();
}
/* E, N: a section that sleeps costs what is retired meanwhile, and that goes while others go on writing, in small pieces. */
static __thread size_t destroyedInCall; /* by this thread */
static size_t mostInCall;
static void countInCall(void *value)
{
  (void)value;
  destroyedInCall++;
}
static void test_E_after_a_long_section(void **state)
{
  (void)state;
  enum { long_ = 50000 };
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  hmap_sync_read_lock();
  for (uint64_t i = 0; i < long_; i++)
    put(m, i % 100, 1);
  assert_in_range(waitingNow(), long_ - 100, long_ + 512);
  hmap_sync_read_unlock();
  for (uint64_t i = 0; i < long_ / 2; i++)
    put(m, i % 100, 1);
  assert_true(waitingNow() <= 512);
  hmap_sync_free(m);
  settle();
}
static void test_E_no_call_destroys_many(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = countInCall});
  hmap_sync_read_lock();
  for (uint64_t i = 0; i < 5000; i++)
    put(m, i % 100, 1);
  hmap_sync_read_unlock();
  for (uint64_t i = 0; i < 5000; i++) {
    destroyedInCall = 0;
    put(m, i % 100, 1);
    mostInCall = destroyedInCall > mostInCall ? destroyedInCall : mostInCall;
  }
  assert_true(mostInCall <= payAtOnce);
  hmap_sync_free(m);
  settle();
}
/* E: sections within sections, and writes within those: the outermost end pays. */
static void test_E_within_sections(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  size_t most = 0;
  for (uint64_t i = 0; i < 20000; i++) {
    hmap_sync_read_lock();
    hmap_sync_read_lock();
    put(m, i % 100, 1);
    hmap_sync_read_unlock();
    hmap_sync_read_unlock();
    most = waitingNow() > most ? waitingNow() : most;
  }
  assert_true(most <= 512);
  hmap_sync_free(m);
  settle();
}
/* E: another thread that is interrupted while it has what waits, which is what a loaded machine does to the reaper. */
static bool held; /* atomic */
static void *holdPiles(void *record)
{
  reader *own = me();
  enter(own);
  pthread_mutex_lock(&leftovers.mutex);
  lockBusy(record);
  STORE(&held, true);
  usleep(50000);
  unlockBusy(record);
  pthread_mutex_unlock(&leftovers.mutex);
  STORE(&held, false);
  leave(own);
  return NULL;
}
static void test_E_beside_a_thread_that_is_interrupted(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  size_t waits = 0, heap = 0;
  pthread_t thread;
  put(m, 1, 1);
  assert_int_equal(pthread_create(&thread, NULL, holdPiles, me()), 0);
  while (!LOAD(&held))
    usleep(100);
  while (LOAD(&held)) { /* it grows and shrinks, too */
    for (uint64_t i = 100; i < 300; i++)
      put(m, i % 200, 1);
    for (uint64_t i = 100; i < 200; i++)
      assert_true(cut(m, i));
    waits = waitingNow() > waits ? waitingNow() : waits;
    heap = LOAD(&memory.heap) > heap ? LOAD(&memory.heap) : heap;
  }
  pthread_join(thread, NULL);
  assert_in_range(waits, 1, 512);
  assert_in_range(heap, 1, 400000);
  hmap_sync_free(m);
  settle();
}
/* D: without further calls, a value is destroyed all the same. */
static bool destroyedIt; /* atomic */
static void noteDestruction(void *value)
{
  (void)value;
  STORE(&destroyedIt, true);
}
static void test_D_of_a_map_that_rests(void **state)
{
  (void)state;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = noteDestruction});
  put(m, 1, 1);
  assert_true(cut(m, 1));
  while (!LOAD(&destroyedIt))
    usleep(1000);
  hmap_sync_free(m);
  settle();
}
/* D: the barrier, while other threads retire and destroy slowly, returns after all that was given up before it. */
enum { slowValues = 400 };
static int slowlyDestroyed[slowValues]; /* atomic */
static void destroySlowly(void *value)
{
  if ((uintptr_t)value % 16 == 0)
    usleep(300);
  if (value)
    ADD(slowlyDestroyed[(uintptr_t)value], 1);
}
static void *replaceOthers(void *unused)
{
  (void)unused;
  while (!LOAD(&stop))
    for (uint64_t k = 1000; k < 1040; k++)
      put(shared, k, 0);
  return NULL;
}
static void test_D_barriers_wait_for_all(void **state)
{
  (void)state;
  pthread_t thread;
  stop = false;
  shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = destroySlowly});
  assert_int_equal(pthread_create(&thread, NULL, replaceOthers, NULL), 0);
  for (uintptr_t i = 1; i < slowValues; i++) {
    put(shared, 1, i);
    assert_true(cut(shared, 1));
    if (i % 40)
      continue;
    assert_true(hmap_sync_barrier());
    for (uintptr_t j = 1; j <= i; j++)
      assert_int_equal(LOAD(&slowlyDestroyed[j]), 1);
  }
  STORE(&stop, true);
  pthread_join(thread, NULL);
  hmap_sync_free(shared);
  settle();
}
static void callBarrier(void *value)
{
  errno = 0;
  MUST(!hmap_sync_barrier() && errno == EDEADLK);
  *(bool *)value = true;
}
static bool barrierInF(const void *key, void *value, void *arg)
{
  (void)key, (void)value;
  errno = 0;
  *(bool *)arg = !hmap_sync_barrier() && errno == EDEADLK;
  return true;
}
static void test_D_barriers_refuse_to_wait_for_themselves(void **state)
{
  (void)state;
  bool refused = false;
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = callBarrier});
  put(m, 1, (uintptr_t)&refused);
  assert_true(cut(m, 1));
  assert_true(hmap_sync_barrier());
  assert_true(refused);
  hmap_sync_free(m);
  m = makeWords();
  put(m, 1, 1);
  refused = false;
  assert_true(hmap_sync_range(m, barrierInF, &refused));
  assert_true(refused);
  hmap_sync_read_lock();
  errno = 0;
  assert_false(hmap_sync_barrier());
  assert_int_equal(errno, EDEADLK);
  hmap_sync_read_unlock();
  hmap_sync_free(m);
  settle();
}

/* G: while f takes its time another thread makes the map grow and shrink, many times. The walk is not deeper for it, holds back
 * no array, and sees each key that stays once. */
enum { staying = 5 };
static int seen[staying];
static size_t heaviest, waitingMost; /* that the walk saw; bytes, entries */
static bool slowF(const void *key, void *value, void *arg)
{
  uint64_t k = read64(key);
  (void)value, (void)arg;
  if (k < staying)
    seen[k]++;
  for (int cycle = 0; cycle < 2000; cycle++) {
    for (uint64_t i = 100; i < 200; i++)
      put(shared, i, 1);
    for (uint64_t i = 100; i < 200; i++)
      assert_true(cut(shared, i));
    size_t heap = __atomic_load_n(&memory.heap, __ATOMIC_RELAXED), waiting = waitingNow();
    heaviest = heap > heaviest ? heap : heaviest;
    waitingMost = waiting > waitingMost ? waiting : waitingMost;
  }
  return true;
}
static void slowWalk(hmap_sync_type type)
{
  shared = makeMap(type);
  memset(seen, 0, sizeof seen);
  heaviest = waitingMost = 0;
  for (uint64_t k = 0; k < staying; k++)
    put(shared, k, 1);
  assert_true(hmap_sync_range(shared, slowF, NULL));
  assert_in_range(heaviest, 1, 400000);
  assert_in_range(waitingMost, 0, 512);
  for (int k = 0; k < staying; k++)
    assert_int_equal(seen[k], 1);
  hmap_sync_free(shared);
  settle();
}
static void test_G_walks_hold_back_nothing_else(void **state)
{
  (void)state;
  slowWalk((hmap_sync_type){.key_size = 8});
  slowWalk((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
}
/* G: what f gets is whole until it returns, also if it is deleted meanwhile and others write. */
static void destroyCell(void *value)
{
  *(uint64_t *)value = 0xdead;
  free(value);
}
static void putCell(hmap_sync *m, uint64_t key)
{
  uint64_t *cell = malloc(sizeof *cell);
  *cell = key;
  assert_true(hmap_sync_store(m, &key, cell));
}
static bool deleteAllAndLook(const void *key, void *value, void *arg)
{
  uint64_t k = read64(key);
  (void)arg;
  for (uint64_t i = 0; i < 300; i++)
    hmap_sync_delete(shared, &i);
  for (uint64_t i = 0; i < 1000; i++)
    putCell(shared, 1000 + i % 10);
  assert_true(read64(key) == k && (k >= 1000 || *(uint64_t *)value == k));
  return k < 1000;
}
static void test_G_what_f_gets_stays(void **state)
{
  (void)state;
  for (int i = 0; i < 20; i++) {
    shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = destroyCell});
    for (uint64_t k = 0; k < 300; k++)
      putCell(shared, k);
    assert_true(hmap_sync_range(shared, deleteAllAndLook, NULL));
    hmap_sync_free(shared);
  }
  hmap_sync_barrier();
}

/* C: after deletions and a barrier the memory has come back, however many there were and wherever they stopped. */
static void test_C_memory_comes_back(void **state)
{
  (void)state;
  const uint64_t all = 100000, stay[] = {0, 10, 1000, 9999, 40000};
  for (unsigned i = 0; i < sizeof stay / sizeof *stay; i++) {
    hmap_sync *m = makeWords();
    for (uint64_t k = 0; k < all; k++)
      put(m, k, 1);
    for (uint64_t k = stay[i]; k < all; k++)
      assert_true(cut(m, k));
    assert_true(hmap_sync_barrier());
    hmap_sync_statistics s;
    hmap_sync_stats(m, &s);
    assert_int_equal(s.entries, stay[i]);
    assert_int_equal(s.moving, 0);
    assert_true(s.buckets <= minBuckets || s.buckets <= 2 * stay[i]);
    assert_true(memory.mapped + memory.heap < 10000 + s.bytes * 2);
    assertSound(m);
    hmap_sync_free(m);
    settle();
  }
}

/* W: a write to another chain does not wait for one that is held up, while the map grows or while it shrinks. */
static uint64_t lowHash(const void *key, const hmap_seed *seed)
{
  (void)seed;
  return read64(key);
}
static bool holdUp, heldUp; /* atomic */
static bool slowEqual(const void *stored, const void *key)
{
  if (read64(stored) == 1 && read64(key) == 1 && LOAD(&holdUp)) {
    STORE(&heldUp, true);
    while (LOAD(&holdUp))
      usleep(100);
  }
  return read64(stored) == read64(key);
}
static void *storeOne(void *unused)
{
  (void)unused;
  put(shared, 1, 2);
  return NULL;
}
static void holdUpOne(pthread_t *thread)
{
  heldUp = false;
  STORE(&holdUp, true);
  assert_int_equal(pthread_create(thread, NULL, storeOne, NULL), 0);
  while (!LOAD(&heldUp))
    usleep(100);
}
/* Whether a key can be in the chain that is held up, in the smallest array as in any. */
static bool sameChain(uint64_t key)
{
  return (memhash64(key, &shared->seed) ^ memhash64(1, &shared->seed)) % minBuckets == 0;
}
static void test_W_writes_pass_one_that_is_held_up(void **state)
{
  (void)state;
  pthread_t thread;
  shared = makeMap((hmap_sync_type){.key_size = 8, .hash = lowHash, .equal = slowEqual});
  for (uint64_t k = 1; k < 3000; k++)
    put(shared, k, 1);
  holdUpOne(&thread);
  for (uint64_t k = 3000; k < 20000; k++)
    if (!sameChain(k))
      put(shared, k, 1);
  STORE(&holdUp, false);
  pthread_join(thread, NULL);
  holdUpOne(&thread);
  for (uint64_t k = 2; k < 20000; k++)
    if (!sameChain(k))
      assert_true(cut(shared, k));
  STORE(&holdUp, false);
  pthread_join(thread, NULL);
  assertSound(shared);
  hmap_sync_free(shared);
  settle();
}
/* W: a write that waits for long does so in the kernel: it takes no time of the processor that another could have. */
static void test_W_waiting_sleeps(void **state)
{
  (void)state;
  pthread_t thread, second;
  struct timespec before, after;
  clockid_t clock;
  shared = makeMap((hmap_sync_type){.key_size = 8, .hash = lowHash, .equal = slowEqual});
  put(shared, 1, 1);
  holdUpOne(&thread);
  assert_int_equal(pthread_create(&second, NULL, storeOne, NULL), 0);
  assert_int_equal(pthread_getcpuclockid(second, &clock), 0);
  while (!LOAD(&waiters))
    usleep(100);
  usleep(20000);
  assert_int_equal(clock_gettime(clock, &before), 0);
  usleep(200000);
  assert_int_equal(clock_gettime(clock, &after), 0);
  assert_true(after.tv_sec == before.tv_sec && after.tv_nsec - before.tv_nsec < 20000000);
  STORE(&holdUp, false);
  pthread_join(thread, NULL);
  pthread_join(second, NULL);
  assert_int_equal(LOAD(&waiters), 0);
  hmap_sync_free(shared);
  settle();
}

/* Whether a thread is there, and which signals it blocks. */
static bool blockedBy(long thread, uint64_t *blocked)
{
  char name[100], line[200];
  snprintf(name, sizeof name, "/proc/self/task/%ld/status", thread);
  FILE *f = fopen(name, "r");
  while (f && fgets(line, sizeof line, f))
    if (strncmp(line, "SigBlk:", 7) == 0)
      *blocked = strtoull(line + 7, NULL, 16);
  if (f)
    fclose(f);
  return f != NULL;
}
/* All but SIGKILL and SIGSTOP, which cannot be, and the two or three of libc's. */
static bool areAll(uint64_t blocked)
{
  return (~blocked & ~(UINT64_C(1) << 8 | UINT64_C(1) << 18 | UINT64_C(7) << 31) & (UINT64_MAX >> 1)) == 0;
}
/* An emulator keeps signals for itself, and its masks are what the kernel shows. */
static bool masksAreShown(void)
{
  sigset_t all, before;
  uint64_t blocked = 0;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  blockedBy((long)syscall(SYS_gettid), &blocked);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return areAll(blocked);
}
/* S: the threads of the process but the caller's have all signals blocked. Returns how many there are. */
static size_t othersBlockAll(void)
{
  size_t others = 0;
  for (int i = 0; i < 3000 && !others; i++) { /* the library's thread may be about to begin */
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks);
    for (struct dirent *d; (d = readdir(tasks));) {
      uint64_t blocked = 0;
      long thread = atol(d->d_name);
      if (thread == 0 || thread == (long)syscall(SYS_gettid) || !blockedBy(thread, &blocked))
        continue;
      MUST(areAll(blocked));
      others++;
    }
    closedir(tasks);
    if (!others)
      usleep(1000);
  }
  return others;
}
static void test_S_signals_are_blocked(void **state)
{
  (void)state;
#if !defined __SANITIZE_THREAD__ /* has a thread of its own */
  if (!masksAreShown())
    skip();
  hmap_sync *m = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  put(m, 1, 1);
  assert_true(cut(m, 1));
  assert_int_equal(othersBlockAll(), 1);
  hmap_sync_free(m);
  settle();
#endif
}

/* Threads and fork do not go together under sanitizers, see test_sync_torture.c. */
#if !defined __SANITIZE_THREAD__ && !defined __SANITIZE_ADDRESS__
static int statusOfChild(void (*inChild)(void))
{
  int status;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    inChild();
    _exit(0);
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}
/* F: a plain fork, while others write, and a child that does all there is to do. S: also there signals are blocked. */
static void *writeOn(void *number)
{
  for (uint64_t i = 0; !LOAD(&stop); i++) {
    put(shared, i % 3000, (uintptr_t)number);
    cut(shared, (i * 7) % 3000);
  }
  return NULL;
}
static void useAll(void)
{
  for (uint64_t k = 0; k < 3000; k++) {
    MUST(hmap_sync_store(shared, &k, word(5)));
    MUST(get(shared, k) == 5);
  }
  MUST(hmap_sync_len(shared) == 3000);
  hmap_sync *m = hmap_sync_make(&(hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  uint64_t key = 1;
  MUST(m && hmap_sync_store(m, &key, word(1)) && hmap_sync_delete(m, &key));
  MUST(!masksAreShown() || othersBlockAll() == 1);
  hmap_sync_free(m);
  hmap_sync_free(shared);
  MUST(hmap_sync_barrier());
  MUST(waitingNow() == 0);
}
static void test_F_plain_fork(void **state)
{
  (void)state;
  pthread_t threads[3];
  shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  stop = false;
  for (uintptr_t i = 0; i < 3; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, writeOn, word(i)), 0);
  for (size_t i = 0; i < times(40); i++)
    assert_int_equal(statusOfChild(useAll), 0);
  STORE(&stop, true);
  for (unsigned i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  hmap_sync_free(shared);
  settle();
}
/* F: a program may call the handlers itself too. */
static void test_F_handlers_nest(void **state)
{
  (void)state;
  int status;
  shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  hmap_sync_before_fork();
  pid_t pid = fork();
  if (pid == 0) {
    hmap_sync_after_fork_child();
    useAll();
    _exit(0);
  }
  hmap_sync_after_fork_parent();
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  hmap_sync_free(shared);
  settle();
}
/* F, N: a fork does not wait for a walk whose f waits for the fork, nor do writes then; and the child goes on with a walk of its
 * own. */
static void nothing(void)
{
}
static void *forkAndStore(void *unused)
{
  (void)unused;
  int status;
  pid_t pid = fork();
  if (pid == 0)
    _exit(0);
  MUST(waitpid(pid, &status, 0) == pid && status == 0);
  put(shared, 77, 1);
  return NULL;
}
static bool waitForFork_(const void *key, void *value, void *arg)
{
  pthread_t thread;
  (void)key, (void)value, (void)arg;
  MUST(pthread_create(&thread, NULL, forkAndStore, NULL) == 0);
  pthread_join(thread, NULL);
  return false;
}
static bool forkInF(const void *key, void *value, void *arg)
{
  (void)key, (void)value;
  if (!*(int *)arg)
    assert_int_equal(statusOfChild(nothing), 0);
  ++*(int *)arg;
  return true;
}
static void test_F_forks_do_not_wait_for_readers(void **state)
{
  (void)state;
  int calls = 0;
  shared = makeWords();
  put(shared, 1, 1);
  assert_true(hmap_sync_range(shared, waitForFork_, NULL));
  assert_int_equal(get(shared, 77), 1);
  hmap_sync_read_lock();
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, forkAndStore, NULL), 0);
  pthread_join(thread, NULL);
  hmap_sync_read_unlock();
  assert_true(hmap_sync_range(shared, forkInF, &calls));
  assert_int_equal(calls, 2);
  hmap_sync_free(shared);
  settle();
}
#define FORK_TESTS TEST(test_F_plain_fork), TEST(test_F_handlers_nest), TEST(test_F_forks_do_not_wait_for_readers),
#else
#define FORK_TESTS
#endif

/* Threads that leave a section open when they end, or what they retired. */
static void *leaveOpen(void *unused)
{
  (void)unused;
  hmap_sync_read_lock();
  put(shared, 1, 1);
  put(shared, 1, 1);
  return NULL;
}
static void test_threads_that_end_in_a_section(void **state)
{
  (void)state;
  shared = makeMap((hmap_sync_type){.key_size = 8, .destroy = ignoreValue});
  for (int i = 0; i < 10; i++)
    inThreads(2, leaveOpen);
  hmap_sync_free(shared);
  settle();
}
/* More threads at once than there are records without memory for them. */
static pthread_barrier_t together;
static void *useTogether(void *number)
{
  pthread_barrier_wait(&together);
  put(shared, (uintptr_t)number, 1);
  pthread_barrier_wait(&together);
  return NULL;
}
static void test_many_threads(void **state)
{
  (void)state;
  enum { many = pooledReaders + 20 };
  static pthread_t threads[many];
  size_t before = memory.live;
  shared = makeWords();
  pthread_barrier_init(&together, NULL, many);
  for (uintptr_t i = 0; i < many; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, useTogether, word(i)), 0);
  for (unsigned i = 0; i < many; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&together);
  assert_int_equal(hmap_sync_len(shared), many);
  hmap_sync_free(shared);
  assert_true(hmap_sync_barrier());
  assert_in_range(memory.live - before, 1, 25); /* the records, which the next threads will have */
  memory.live = before;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(test_E_the_writer_pays),
      TEST(test_E_writers_together),
      TEST(test_E_after_a_long_section),
      TEST(test_E_no_call_destroys_many),
      TEST(test_E_within_sections),
      TEST(test_E_beside_a_thread_that_is_interrupted),
      TEST(test_D_of_a_map_that_rests),
      TEST(test_D_barriers_wait_for_all),
      TEST(test_D_barriers_refuse_to_wait_for_themselves),
      TEST(test_G_walks_hold_back_nothing_else),
      TEST(test_G_what_f_gets_stays),
      TEST(test_C_memory_comes_back),
      TEST(test_W_writes_pass_one_that_is_held_up),
      TEST(test_W_waiting_sleeps),
      TEST(test_S_signals_are_blocked),
      FORK_TESTS TEST(test_threads_that_end_in_a_section),
      TEST(test_many_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
