/* counters.c: what HMAP_STATS=FILE asks for. Each process appends one line a library to the file when it exits:
 *
 *   libhmap-search pid=4711 tables=2 entries=70000 growths=14 foreign=0
 *
 * entries were ever added, growths were begun, foreign calls went on to the library that ours stands before. Without HMAP_STATS a
 * table is not counted, and that is one flag test where an entry is added. */
#include "map.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#ifndef HMAP_LIBRARY
#define HMAP_LIBRARY "libhmap"
#endif

static struct {
  pthread_once_t once;
  char *file;
  size_t tables, entries, growths, foreign;
} counters = {.once = PTHREAD_ONCE_INIT};

static void countersInit(void)
{
  const char *file = secure_getenv("HMAP_STATS");
  if (file && *file)
    counters.file = strdup(file); /* the program may change its environment */
}

ALWAYS_INLINE void count(const hmap *h, size_t *counter)
{
  if (unlikely(flagsOf(h) & hashCounted))
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}
static void countGrowth(const hmap *h)
{
  count(h, &counters.growths);
}
ALWAYS_INLINE void countEntry(const hmap *h)
{
  count(h, &counters.entries);
}
static void countTable(hmap *h)
{
  pthread_once(&counters.once, countersInit);
  if (counters.file)
    setFlags(h, flagsOf(h) | hashCounted);
  count(h, &counters.tables);
}

__attribute__((destructor)) static void countersWrite(void)
{
  char line[256];
  if (!counters.file)
    return;
  int n = snprintf(line, sizeof line, HMAP_LIBRARY " pid=%ld tables=%zu entries=%zu growths=%zu foreign=%zu\n", (long)getpid(),
                   counters.tables, counters.entries, counters.growths, counters.foreign);
  int fd = open(counters.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0 || write(fd, line, (size_t)n) != n)
    fprintf(stderr, HMAP_LIBRARY ": HMAP_STATS: cannot write to %s: %s\n", counters.file, strerror(errno));
  if (fd >= 0)
    close(fd);
  free(counters.file);
  counters.file = NULL;
}
