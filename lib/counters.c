/* counters.c: what HMAP_STATS=FILE asks for. Each process appends one line a library to the file when it exits:
 *
 *   libhmap-search pid=4711 program=arp-scan tables=2 live=1 entries=70000 peak=60000 growths=15 bigger=14 samesize=1 shrinks=0
 *     evacuated=81000 buckets=32768 overflow=2840 longest=3 alarms=0 foreign=0          (one line; man hmap-stats explains)
 *
 * Without HMAP_STATS a table is not counted, and that is one flag test where an entry comes or goes. All counts are the
 * process's: a table has no room for its own. A forked child counts what it does itself, from the entries and tables that it was
 * born with. */
#include "probe.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#ifndef HMAP_LIBRARY
#define HMAP_LIBRARY "libhmap"
#endif

static struct {
  pthread_once_t once;
  bool off;                          /* nobody asked, and that is known; atomic */
  char *file;                        /* NULL: nobody asked */
  size_t tables, live;               /* made; not freed yet */
  size_t entries, present, peak;     /* added; there now, in all tables; the most that were there at once */
  size_t bigger, samesize, shrinks;  /* growths begun, by what for */
  size_t evacuated;                  /* entries moved by them */
  size_t buckets, overflow, longest; /* made, but for overflow buckets; those; buckets of the longest chain, if it has two */
  size_t alarms, foreign;            /* tables that had to take SipHash; calls handed on to the library that ours stands before */
} counters = {.once = PTHREAD_ONCE_INIT};

ALWAYS_INLINE size_t addTo(size_t *counter, size_t n)
{
  return __atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}
static void raiseTo(size_t *counter, size_t n)
{
  size_t old = __atomic_load_n(counter, __ATOMIC_RELAXED);
  while (old < n && !__atomic_compare_exchange_n(counter, &old, n, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
}

/* In a forked child: nothing has been done yet, but what is there is there. */
static void countersForked(void)
{
  size_t live = counters.live, present = counters.present;
  memset(&counters.tables, 0, sizeof counters - offsetof(__typeof__(counters), tables));
  counters.live = live;
  counters.present = counters.peak = present;
}

/* Returns a file's name that holds in other directories too; or NULL if there is no memory. */
static char *absoluteName(const char *file)
{
  char *here = *file == '/' ? NULL : getcwd(NULL, 0), *name;
  if (!here)
    return strdup(file);
  size_t n = strlen(here) + strlen(file) + 2;
  if ((name = malloc(n)))
    snprintf(name, n, "%s/%s", here, file);
  free(here);
  return name;
}

/* At the first table, because the program may change its environment and directory. */
static void countersInit(void)
{
  const char *file = secure_getenv("HMAP_STATS");
  if (file && *file && (counters.file = absoluteName(file)))
    pthread_atfork(NULL, NULL, countersForked);
}

ALWAYS_INLINE bool isCounted(const hmap *h)
{
  return unlikely(flagsOf(h) & hashCounted);
}

/* A table has got an array of 2^B buckets. */
static void countBuckets(const hmap *h)
{
  if (isCounted(h))
    addTo(&counters.buckets, bucketShift(h->B));
}
/* A table has been made. */
NOINLINE void countTableIfAsked(hmap *h)
{
  pthread_once(&counters.once, countersInit);
  __atomic_store_n(&counters.off, !counters.file, __ATOMIC_RELEASE);
  if (!counters.file)
    return;
  setFlags(h, flagsOf(h) | hashCounted);
  addTo(&counters.tables, 1);
  addTo(&counters.live, 1);
  if (h->buckets)
    countBuckets(h);
}
ALWAYS_INLINE void countTable(hmap *h)
{
  if (unlikely(!__atomic_load_n(&counters.off, __ATOMIC_ACQUIRE)))
    countTableIfAsked(h);
}
/* n entries have left a table. */
ALWAYS_INLINE void countRemoved(const hmap *h, size_t n)
{
  if (isCounted(h))
    addTo(&counters.present, -n);
}
/* A table is about to be freed. */
static void countFreed(const hmap *h)
{
  countRemoved(h, h->count);
  if (isCounted(h))
    addTo(&counters.live, (size_t)-1);
}
/* What old held has left the table that old was; what becomes of old does not count. */
static void countDetached(hmap *old)
{
  countRemoved(old, old->count);
  setFlags(old, flagsOf(old) & (uint8_t)~hashCounted);
}

NOINLINE void addEntry(void)
{
  addTo(&counters.entries, 1);
  raiseTo(&counters.peak, addTo(&counters.present, 1));
}
/* An entry has been added. */
ALWAYS_INLINE void countEntry(const hmap *h)
{
  if (isCounted(h))
    addEntry();
}

/* A growth has begun, from an array of 2^oldB buckets. */
static void countGrowth(const hmap *h, uint8_t oldB)
{
  countBuckets(h);
  if (isCounted(h))
    addTo(h->B > oldB ? &counters.bigger : h->B == oldB ? &counters.samesize : &counters.shrinks, 1);
}
/* The entries of the chain that begins at p are about to be moved. */
static void countEvacuated(const hmap *h, place p)
{
  if (isCounted(h))
    do
      addTo(&counters.evacuated, countSlots(matchFull(p.b)));
    while (nextInChain(&p));
}
/* An overflow bucket has been linked. */
static void countOverflow(const hmap *h)
{
  if (isCounted(h))
    addTo(&counters.overflow, 1);
}
/* An entry has come into bucket b of a chain. */
static void countChain(const hmap *h, const bmap *first, const bmap *b)
{
  size_t n = 1;
  if (!isCounted(h))
    return;
  for (; first != b; first = overflowOf(first))
    n++;
  raiseTo(&counters.longest, n);
}
/* A table had to take a new seed and SipHash. */
static void countAlarm(const hmap *h)
{
  if (isCounted(h))
    addTo(&counters.alarms, 1);
}
/* A call with a table that is not ours has been handed on. */
static void countForeign(void)
{
  pthread_once(&counters.once, countersInit);
  if (counters.file)
    addTo(&counters.foreign, 1);
}

/* Puts the program's name into a field, with a question mark for each byte that is not a visible ASCII character. */
static void programName(char *name, size_t size)
{
  snprintf(name, size, "%s", program_invocation_short_name);
  for (; *name; name++)
    if (*name <= ' ' || *name > '~')
      *name = '?';
}

/* Writes the line. Returns its length. */
static int countersLine(char *line, size_t size)
{
  char program[64];
  programName(program, sizeof program);
  size_t longest = counters.longest ? counters.longest : counters.entries != 0;
  return snprintf(line, size,
                  HMAP_LIBRARY " pid=%ld program=%s tables=%zu live=%zu entries=%zu peak=%zu growths=%zu bigger=%zu samesize=%zu "
                               "shrinks=%zu evacuated=%zu buckets=%zu overflow=%zu longest=%zu alarms=%zu foreign=%zu\n",
                  (long)getpid(), program, counters.tables, counters.live, counters.entries, counters.peak,
                  counters.bigger + counters.samesize + counters.shrinks, counters.bigger, counters.samesize, counters.shrinks,
                  counters.evacuated, counters.buckets, counters.overflow, longest, counters.alarms, counters.foreign);
}

__attribute__((destructor)) static void countersWrite(void)
{
  char line[800];
  if (!counters.file)
    return;
  int n = countersLine(line, sizeof line);
  /* Not to wait, at the end of a program, until somebody reads a pipe. */
  int fd = open(counters.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
  if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) || write(fd, line, (size_t)n) != n)
    fprintf(stderr, HMAP_LIBRARY ": HMAP_STATS: cannot write to %s: %s\n", counters.file, strerror(errno));
  if (fd >= 0)
    close(fd);
  free(counters.file);
  counters.file = NULL;
}
