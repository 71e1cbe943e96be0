/* inside.h: what tests share that contain the source which they test, TESTED. Its calls for memory come here, so that a test
 * can count them, refuse them, or stop a write in the middle of one. */
#ifndef INSIDE_H
#define INSIDE_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
/* cmocka.h needs those above */
#include <cmocka.h>
#ifdef assert_uint_in_range /* cmocka 2, which does not like the old name */
#undef assert_in_range
#define assert_in_range assert_uint_in_range
#endif

/* Tests with threads count too. */
#define ADD(counter, n) ((void)__atomic_fetch_add(&(counter), (n), __ATOMIC_RELAXED))

/* The memory that it has, and what is to be refused. */
static struct {
  size_t calls;        /* allocations asked for */
  size_t failAt;       /* the number of the one that fails, from 1; 0: none does */
  bool failAll;        /* all fail */
  size_t failLarge;    /* those of that many bytes and more fail; 0: none */
  bool keepPages;      /* munmap fails */
  size_t page;         /* what the system says a page has; 0: the truth */
  size_t live, mapped; /* blocks not freed, bytes not unmapped */
  size_t heap, peak;   /* bytes of the blocks not freed, and of what is mapped, at most so far */
  size_t asked, most;  /* bytes that malloc and calloc were asked for so far, and at most at once */
  size_t unmapped;     /* bytes in use that went back to the system so far */
  void (*hook)(void);  /* called before each allocation */
} memory;

static inline bool mayAllocate(size_t bytes)
{
  size_t call = __atomic_add_fetch(&memory.calls, 1, __ATOMIC_RELAXED);
  if (memory.hook)
    memory.hook();
  if (!memory.failAll && call != memory.failAt && (!memory.failLarge || bytes < memory.failLarge))
    return true;
  errno = ENOMEM;
  return false;
}
/* Raises a maximum. Roughly so, where threads do it at once. */
static inline void atLeast(size_t *most, size_t n)
{
  if (__atomic_load_n(most, __ATOMIC_RELAXED) < n)
    __atomic_store_n(most, n, __ATOMIC_RELAXED);
}
static inline void notePeak(void)
{
  atLeast(&memory.peak, __atomic_load_n(&memory.heap, __ATOMIC_RELAXED) + __atomic_load_n(&memory.mapped, __ATOMIC_RELAXED));
}
static inline void *noteBlock(void *p, size_t n)
{
  if (!p)
    return NULL;
  ADD(memory.live, 1);
  ADD(memory.heap, malloc_usable_size(p));
  ADD(memory.asked, n);
  atLeast(&memory.most, n);
  notePeak();
  return p;
}
static inline void *testMalloc(size_t n)
{
  void *p = noteBlock(mayAllocate(n) ? malloc(n) : NULL, n);
  return p ? memset(p, 0xa5, n) : NULL; /* nobody may count on zeroes */
}
static inline void *testCalloc(size_t n, size_t size)
{
  return noteBlock(mayAllocate(n * size) ? calloc(n, size) : NULL, n * size);
}
static inline void testFree(void *p)
{
  if (!p)
    return;
  ADD(memory.live, -(size_t)1);
  ADD(memory.heap, -malloc_usable_size(p));
  free(p);
}
static inline char *testStrdup(const char *s)
{
  char *p = testMalloc(strlen(s) + 1);
  return p ? strcpy(p, s) : NULL;
}
static inline size_t wholePages(size_t n)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (n + page - 1) / page * page;
}
static inline void *testMmap(void *p, size_t n, int prot, int flags, int fd, off_t offset)
{
  void *q = mayAllocate(n) ? mmap(p, n, prot, flags, fd, offset) : MAP_FAILED;
  if (q != MAP_FAILED)
    ADD(memory.mapped, wholePages(n));
  notePeak();
  return q;
}
/* How many bytes from p on have memory behind them, as the system says. */
static inline size_t residentBytes(void *p, size_t n)
{
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = wholePages(n) / page;
  unsigned char *in = malloc(pages);
  size_t bytes = 0;
  assert_non_null(in);
  assert_int_equal(mincore(p, n, in), 0);
  for (size_t i = 0; i < pages; i++)
    bytes += in[i] & 1 ? page : 0;
  free(in);
  return bytes;
}
static inline int testMunmap(void *p, size_t n)
{
  if (memory.keepPages) {
    errno = ENOMEM;
    return -1;
  }
  ADD(memory.mapped, -wholePages(n));
  ADD(memory.unmapped, residentBytes(p, n));
  return munmap(p, n);
}
static inline int testMadvise(void *p, size_t n, int advice)
{
  if (advice == MADV_DONTNEED)
    ADD(memory.unmapped, residentBytes(p, n));
  return madvise(p, n, advice);
}
static inline long testSysconf(int name)
{
  return name == _SC_PAGESIZE && memory.page ? (long)memory.page : sysconf(name);
}

#define malloc testMalloc
#define calloc testCalloc
#define free testFree
#define mmap testMmap
#define munmap testMunmap
#define madvise testMadvise
#define sysconf testSysconf
#undef strdup
#define strdup testStrdup
#include TESTED
#undef malloc
#undef calloc
#undef free
#undef mmap
#undef munmap
#undef madvise
#undef sysconf
#undef strdup

/* All that a test made has gone back. */
#define ASSERT_NOTHING_LEFT()           \
  do {                                  \
    assert_int_equal(memory.live, 0);   \
    assert_int_equal(memory.mapped, 0); \
  } while (0)

/* Random numbers: splitmix64, from HMAP_TEST_SEED or the same in every run. */
static uint64_t randomState;

static inline uint64_t nextRandom(uint64_t *state)
{
  uint64_t x = *state += 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}
static inline uint64_t random64(void)
{
  return nextRandom(&randomState);
}
static inline size_t randomBelow(size_t n)
{
  return (size_t)(random64() % n);
}

/* To begin a test with: nothing counted, so that one failure does not bring the next about, and a secret that makes the same
 * seeds in every run. */
static inline void startInside(void)
{
  const char *text = getenv("HMAP_TEST_SEED");
  memset(&memory, 0, sizeof memory);
  randomState = text ? strtoull(text, NULL, 0) : 2;
  unsetenv("HMAP_SEED");
  newSeed();
  seeds.secret = (hmap_seed){random64(), random64()};
  seeds.given = sipDraw(0, forTable, &seeds.secret);
  seeds.counter = 0;
  startStream();
}

/* How often to do a thing that is done n times: less under valgrind and the like. */
static inline bool quick(void)
{
  return getenv("HMAP_TEST_QUICK") != NULL;
}
static inline size_t times(size_t n)
{
  return quick() ? n / 20 + 1 : n;
}

/* Runs f in a child process; returns its wait status, and what it wrote to stderr in text. */
static inline int runChild(void (*f)(void), char *text, size_t size)
{
  int fds[2], status;
  size_t n = 0;
  assert_int_equal(pipe(fds), 0);
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    struct rlimit noCore = {0, 0};
    setrlimit(RLIMIT_CORE, &noCore);
    signal(SIGABRT, SIG_DFL);
    dup2(fds[1], STDERR_FILENO);
    close(fds[0]);
    f();
    _exit(0);
  }
  close(fds[1]);
  for (ssize_t got; n + 1 < size && (got = read(fds[0], text + n, size - 1 - n)) > 0;)
    n += (size_t)got;
  text[n] = 0;
  close(fds[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

#endif
