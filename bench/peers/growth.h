/* growth.h: what loops.h measures while one table grows: how long each single insert takes, the longest removal, and memory.
 * Prints NAME@ENTRIES=VALUE for figures that belong to another number of entries than all. */

static int compareTimes(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* The slowest insert of each of 250 stretches, for plots. */
static void reportStretches(const uint32_t *ns)
{
  size_t stretch = (asked.size + 249) / 250;
  uint32_t slowest = 0;
  for (size_t i = 1; i <= asked.size; i++) {
    if (ns[i - 1] > slowest)
      slowest = ns[i - 1];
    if (i % stretch == 0) {
      printf("slowest@%zu=%" PRIu32 "\n", i, slowest);
      slowest = 0;
    }
  }
}

static void reportPercentiles(uint32_t *ns)
{
  static const struct {
    const char *name;
    double part;
  } marks[] = {{"p50", 0.5},       {"p90", 0.9},         {"p99", 0.99}, {"p99.9", 0.999},
               {"p99.99", 0.9999}, {"p99.999", 0.99999}, {"longest", 1}};
  qsort(ns, asked.size, sizeof *ns, compareTimes);
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    printf("%s=%" PRIu32 "\n", marks[i].name, ns[(size_t)((double)(asked.size - 1) * marks[i].part)]);
}

/* The clock, and how long this thread has had a processor. That takes a system call, so it is asked only now and then: since the
 * last time the thread has had it always, but for what is to be found out. */
typedef struct clocks {
  uint64_t wall, own;
} clocks;

static clocks readClocks(void)
{
  clocks c = {0, timeOf(CLOCK_THREAD_CPUTIME_ID)};
  c.wall = now();
  return c;
}

/* How much of the time from start to the clocks' wall this thread had a processor. */
static uint64_t ownTime(uint64_t start, clocks before, clocks after)
{
  uint64_t wall = after.wall - start, own = after.own - before.own, earlier = start - before.wall;
  return own < earlier ? 0 : own - earlier < wall ? own - earlier : wall;
}

static inline void putOne(table *t, size_t i)
{
  tablePut(t, stored[i], i + 1);
}
static inline void deleteOne(table *t, size_t i)
{
  (void)tableDelete(t, stored[i]);
}

/* How long each of all writes takes. What takes longer than any usual one is looked at again: time that other processes had
 * is not the table's. */
static inline void timeEach(table *t, void (*write)(table *t, size_t i), uint32_t *ns)
{
  enum { slow = 5000, often = 1024 };
  clocks known = readClocks();
  uint64_t start = known.wall;
  for (size_t i = 0; i < asked.size; i++) {
    write(t, i);
    uint64_t end = now(), time = end - start;
    if (time > slow || i % often == 0) {
      clocks here = readClocks();
      if (time > slow)
        time = ownTime(start, known, here);
      known = here;
      end = here.wall;
    }
    ns[i] = (uint32_t)time;
    start = end;
  }
}

static void measureLatency(void)
{
  uint32_t *ns = (uint32_t *)allocate(asked.size * sizeof *ns), longest = 0;
  memset(ns, 1, asked.size * sizeof *ns); /* its page faults are not the table's */
  table *t = newTable();
  timeEach(t, putOne, ns);
  reportStretches(ns);
  reportPercentiles(ns);
  if (!HAS_DELETE)
    return;
  timeEach(t, deleteOne, ns);
  for (size_t i = 0; i < asked.size; i++)
    longest = ns[i] > longest ? ns[i] : longest;
  printf("longest-removal=%" PRIu32 "\n", longest);
}

/* Reads a file of /proc without the heap. */
static const char *readProc(const char *name)
{
  static char text[4096];
  int fd = open(name, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (n < 0)
    fail("cannot read %s", name);
  close(fd);
  text[n] = 0;
  return text;
}
/* Bytes of memory that are there, now and at most since resetPeak. */
static size_t statusBytes(const char *field)
{
  const char *at = strstr(readProc("/proc/self/status"), field);
  return at ? strtoul(at + strlen(field), NULL, 10) * 1024 : 0;
}
static size_t resident(void)
{
  return statusBytes("VmRSS:");
}
static size_t residentPeak(void)
{
  return statusBytes("VmHWM:");
}
static void resetPeak(void)
{
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "5", 1) != 1)
    fail("cannot write to /proc/self/clear_refs");
  close(fd);
}

/* Bytes that malloc and mmap have handed out, now and at most, from heap.c where that is preloaded. */
typedef struct heapUse {
  size_t now, peak;
} heapUse;

static heapUse heap(void)
{
  static const heapUse none = {0, 0};
  static const heapUse *counted;
  if (!counted) {
    counted = (const heapUse *)dlsym(RTLD_DEFAULT, "heapCount");
    if (!counted)
      counted = &none;
  }
  return *counted;
}

/* What many tables of a small size take, each. */
static void measureMemory(void)
{
  const size_t n = 10000;
  table **tables = (table **)calloc(n, sizeof *tables);
  tables[0] = fill(newTable()); /* what is only made once */
  size_t heapBefore = heap().now, before = resident();
  for (size_t i = 1; i < n; i++)
    tables[i] = fill(newTable());
  if (heapBefore)
    printf("heap=%.1f\n", (double)(heap().now - heapBefore) / (double)(n - 1));
  printf("resident=%.1f\n", (double)(resident() - before) / (double)(n - 1));
}

static void reportMemory(size_t entries, size_t heapBefore, size_t before)
{
  heapUse h = heap();
  if (heapBefore) {
    printf("heap@%zu=%zu\n", entries, h.now - heapBefore);
    printf("heap-peak@%zu=%zu\n", entries, h.peak - heapBefore);
  }
  printf("resident@%zu=%zu\n", entries, resident() - before);
  printf("resident-peak@%zu=%zu\n", entries, residentPeak() - before);
}

/* What one table takes on its way: at 1000, 30000, a million and ten millions, and at every twentieth more. */
static void measureGrowth(void)
{
  static char output[1 << 16];
  setvbuf(stdout, output, _IOFBF, sizeof output);
  resetPeak();
  size_t heapBefore = heap().now, before = resident(), next = 1000;
  table *t = newTable();
  for (size_t i = 1; i <= asked.size; i++) {
    tablePut(t, stored[i - 1], i);
    if (i == next || i == 30000 || i == 1000000 || i == 10000000)
      reportMemory(i, heapBefore, before);
    if (i == next)
      next += next / 20;
  }
}
