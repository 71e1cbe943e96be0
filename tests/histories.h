/* histories.h: every history of a table up to a length, for test_histories.c and test_histories_glib.c.
 *
 * A history is a sequence of operations from a start. All that it can change lies in a few regions of memory, the first of which
 * is the arena that the code under test gets for malloc's; so a step back is a copy, and two histories that led to the same bytes
 * have the same futures, which are looked at once. What only counts (hmap.seq and the like) the subject sets to the same before
 * it is compared. States are told apart by 64 bits of a hash: of 10^6, two are taken for one with a probability of 10^-7.
 *
 * HMAP_TEST_DEPTH says how long histories are. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory whose addresses are the same whenever the same has been asked for and freed. */
enum { arenaSize = 160 << 10, arenaBlocks = 512, arenaAlign = 64 };
static struct {
  uint32_t top, n;
  struct {
    uint32_t at, size;
  } blocks[arenaBlocks]; /* in the order of addresses */
  bool refuses;
} arena;
static _Alignas(arenaAlign) unsigned char arenaBytes[arenaSize];

static void *arenaMalloc(size_t size)
{
  uint32_t at = 0, i = 0;
  size_t want = (size + 1 + 15) & ~(size_t)15;
  if (arena.refuses) {
    errno = ENOMEM;
    return NULL;
  }
  for (; i < arena.n && arena.blocks[i].at - at < want; i++)
    at = arena.blocks[i].at + arena.blocks[i].size;
  if (arena.n == arenaBlocks || at + want > arenaSize)
    abort();
  memmove(&arena.blocks[i + 1], &arena.blocks[i], (arena.n++ - i) * sizeof *arena.blocks);
  arena.blocks[i].at = at;
  arena.blocks[i].size = (uint32_t)want;
  if (at + want > arena.top)
    arena.top = at + (uint32_t)want;
  return memset(arenaBytes + at, 0xa5, want);
}
static void *arenaCalloc(size_t n, size_t size)
{
  void *p = arenaMalloc(n * size);
  return p ? memset(p, 0, n * size) : NULL;
}
static void arenaFree(void *p)
{
  uint32_t i = 0;
  while (p && (i == arena.n || arenaBytes + arena.blocks[i].at != p))
    if (i++ == arena.n)
      abort(); /* this was not, or is no more, a block */
  if (!p)
    return;
  memset(p, 0xdd, arena.blocks[i].size);
  memmove(&arena.blocks[i], &arena.blocks[i + 1], (--arena.n - i) * sizeof *arena.blocks);
  arena.top = arena.n ? arena.blocks[arena.n - 1].at + arena.blocks[arena.n - 1].size : 0;
}

#define malloc arenaMalloc
#define calloc arenaCalloc
#define free arenaFree
#include TESTED
#undef malloc
#undef calloc
#undef free

/* What a subject tells of itself. */
enum { maxRegions = 4, maxDepth = 16 };
typedef struct operation {
  const char *name;
  bool (*f)(unsigned i); /* returns false if there is no such thing to do now; fails the test if the result is wrong */
  unsigned n;            /* i is below */
} operation;
typedef struct region {
  void *p;
  size_t size;
} region;
typedef struct subject {
  const operation *operations; /* the last has no name */
  void (*look)(void);          /* fails the test if the table is not as the model says */
  void (*level)(void);         /* sets what only counts to the same */
  hmap *(*table)(void);
  void (*fill)(unsigned fillers, unsigned keys); /* makes a table with so many keys, those that meet and others that fill it */
  void (*done)(void);                            /* frees it */
  void (*regions)(struct region *r);             /* names what operations change, beside the arena */
} subject;

static struct {
  const subject *of;
  region regions[maxRegions];
  struct {
    const char *name;
    unsigned i;
  } path[maxDepth];
  unsigned length;
  double histories; /* so far, in all; those that were looked at once count for all */
  size_t steps, allSteps;
} search;

/* Fails a test, with the history that led there. */
#define broken(...)                                                        \
  do {                                                                     \
    for (unsigned n_ = 0; n_ < search.length; n_++)                        \
      print_message("# %s %u\n", search.path[n_].name, search.path[n_].i); \
    fail_msg(__VA_ARGS__);                                                 \
  } while (0)

/* What a history has led to. */
typedef struct snapshot {
  __typeof__(arena) blocks;
  unsigned char bytes[arenaSize], regions[8 << 10];
} snapshot;
static snapshot *snapshots; /* one a step */

static void save(snapshot *s)
{
  unsigned char *to = s->regions;
  s->blocks.top = arena.top;
  memcpy(&s->blocks, &arena, offsetof(__typeof__(arena), blocks) + arena.n * sizeof *arena.blocks);
  memcpy(s->bytes, arenaBytes, arena.top);
  for (unsigned i = 0; i < maxRegions && search.regions[i].p; to += search.regions[i++].size)
    memcpy(to, search.regions[i].p, search.regions[i].size);
}
static void restore(const snapshot *s)
{
  const unsigned char *from = s->regions;
  memcpy(&arena, &s->blocks, offsetof(__typeof__(arena), blocks) + s->blocks.n * sizeof *arena.blocks);
  memcpy(arenaBytes, s->bytes, arena.top);
  for (unsigned i = 0; i < maxRegions && search.regions[i].p; from += search.regions[i++].size)
    memcpy(search.regions[i].p, from, search.regions[i].size);
}

/* The states that have been seen, with how many histories lead on from each. */
typedef struct seenState {
  uint64_t hash;
  double histories;
} seenState;
static struct {
  seenState *states;
  size_t n, mask;
} seen;

static seenState *findState(uint64_t hash)
{
  size_t i = (size_t)hash & seen.mask;
  while (seen.states[i].hash && seen.states[i].hash != hash)
    i = (i + 1) & seen.mask;
  return &seen.states[i];
}
static void addState(uint64_t hash, double histories)
{
  if (2 * seen.n++ >= seen.mask) {
    seenState *old = seen.states;
    size_t n = old ? seen.mask + 1 : 0;
    seen.mask = n ? 2 * n - 1 : 0xffff;
    seen.states = calloc(seen.mask + 1, sizeof *old);
    for (size_t i = 0; i < n; i++)
      if (old[i].hash)
        *findState(old[i].hash) = old[i];
    free(old);
  }
  *findState(hash) = (seenState){hash, histories};
}
static uint64_t hashState(unsigned left)
{
  hmap_seed seed = {left, 1};
  seed.k1 = memhash(arenaBytes, arena.top, &seed);
  seed.k1 ^= memhash(arena.blocks, arena.n * sizeof *arena.blocks, &seed);
  for (unsigned i = 0; i < maxRegions && search.regions[i].p; i++)
    seed.k1 ^= memhash(search.regions[i].p, search.regions[i].size, &seed);
  return memhash(&seed, sizeof seed, &seed) | 1;
}

/* Follows every history of that many more operations from the present state, which stays as it is. Returns how many there are. */
static double follow(unsigned left)
{
  if (left == 0)
    return 1;
  search.of->level();
  uint64_t hash = hashState(left);
  if (seen.states && findState(hash)->hash)
    return findState(hash)->histories;
  snapshot *here = &snapshots[search.length];
  double histories = 0;
  save(here);
  for (const operation *op = search.of->operations; op->name; op++)
    for (unsigned i = 0; i < op->n; i++) {
      search.path[search.length].name = op->name;
      search.path[search.length++].i = i;
      if (op->f(i)) {
        search.steps++;
        search.of->look();
        histories += follow(left - 1);
        restore(here);
      }
      search.length--;
    }
  addState(hash, histories);
  return histories;
}

static void searchFrom(const subject *s, const char *what)
{
  const char *depth = getenv("HMAP_TEST_DEPTH");
  unsigned length = depth ? (unsigned)atoi(depth) : getenv("HMAP_TEST_QUICK") ? 2 : 4;
  assert_in_range(length, 1, maxDepth);
  memset(search.regions, 0, sizeof search.regions);
  s->regions(search.regions);
  search.length = 0;
  search.steps = 0;
  snapshots = snapshots ? snapshots : calloc(maxDepth, sizeof *snapshots);
  s->look();
  double histories = follow(length);
  search.histories += histories;
  search.allSteps += search.steps;
  if (getenv("HMAP_TEST_VERBOSE") || depth)
    print_message("# %-60s %14.0f histories of %u, %9zu steps, %8zu states\n", what, histories, length, search.steps, seen.n);
  free(seen.states);
  memset(&seen, 0, sizeof seen);
}

/* Starts */

enum {
  nKeys = 3,     /* the keys that meet, */
  keyBucket = 5, /* and where */
  maxOthers = 120,
  allKeys = nKeys + maxOthers,
  incrementalB = directB + 1, /* the smallest array that is left in steps */
  full = 13 << incrementalB >> 1,
  thin = 1 << minShrinkB >> 1,
  evacuated = keyBucket - 3
};

static void evacuateTo(hmap *h, size_t n)
{
  while (growing(h) && h->nevacuate < n)
    assert_true(evacuate(h));
}
/* A settled table of at least 2^B buckets, however few entries there are. */
static void growTo(hmap *h, uint8_t B)
{
  while (h->B < B) {
    size_t count = h->count;
    h->count = h->B ? (size_t)13 << h->B >> 1 : bucketCnt;
    assert_true(hashGrow(h));
    h->count = count;
    evacuateTo(h, SIZE_MAX);
  }
}
static void raiseIt(hmap *h)
{
  setFlags(h, flagsOf(h) | hashAlarm);
  h->easy = 0;
}
static void beginGrowth(hmap *h)
{
  assert_true(hashGrow(h));
  evacuateTo(h, evacuated);
}
static void raiseInGrowth(hmap *h)
{
  beginGrowth(h);
  raiseIt(h);
}
static void beginReseeding(hmap *h)
{
  raiseIt(h);
  soundAlarm(h);
  evacuateTo(h, evacuated);
}

/* What tables are like at the start. */
static bool isEmptyTable(const hmap *h)
{
  return !h->buckets;
}
static bool isHalfFull(const hmap *h)
{
  return isHalfBucket(h) && shouldGrow(h);
}
static bool isFull(const hmap *h)
{
  return shouldGrow(h) && overLoadFactor(h->count + 1, h->B);
}
static bool isGrowing(const hmap *h)
{
  return growing(h) && h->B > h->oldbuckets->B && h->nevacuate == evacuated;
}
static bool isSameSize(const hmap *h)
{
  return growing(h) && flagsOf(h) & sameSizeGrow && h->nevacuate == evacuated;
}
static bool isThin(const hmap *h)
{
  return !shouldShrink(h) && tooFewEntries(h->count - 1, h->mask);
}
static bool isShrinking(const hmap *h)
{
  return growing(h) && shrinking(h) && h->nevacuate == evacuated;
}
static bool isRaised(const hmap *h)
{
  return flagsOf(h) & hashAlarm;
}
static bool isRaisedInGrowth(const hmap *h)
{
  return isRaised(h) && isGrowing(h);
}
static bool isReseeded(const hmap *h)
{
  return isReseeding(h) && isSameSize(h);
}

static const struct start {
  const char *name;
  unsigned fillers, keys;
  uint8_t B;             /* at least */
  void (*then)(hmap *h); /* or NULL */
  bool (*is)(const hmap *h);
  bool alarm;
} starts[] = {
    {"empty", 0, 0, 0, NULL, isEmptyTable, false},
    {"half a bucket", halfCnt - 1, 1, 0, NULL, isHalfFull, false},
    {"a full bucket", bucketCnt - 2, 2, 0, NULL, isFull, false},
    {"about to grow", full - 2, 2, 0, NULL, isFull, false},
    {"growing", full - 2, 2, 0, beginGrowth, isGrowing, false},
    {"growing to the same size", full - 4, 2, 0, beginGrowth, isSameSize, false},
    {"about to shrink", thin - nKeys, nKeys, minShrinkB, NULL, isThin, false},
    {"shrinking", thin - nKeys - 1, nKeys, minShrinkB, beginGrowth, isShrinking, false},
    {"alarm raised", full - 4, 2, 0, raiseIt, isRaised, true},
    {"alarm raised in a growth", full - 2, 2, 0, raiseInGrowth, isRaisedInGrowth, true},
    {"reseeding", full - 4, 2, 0, beginReseeding, isReseeded, true},
};

/* Every history from every start. alarms: the table can have its alarm. */
static void searchAll(const subject *s, const char *name, bool alarms)
{
  search.of = s;
  for (const struct start *at = starts; at < starts + sizeof starts / sizeof *starts; at++) {
    char what[80];
    if (at->alarm && !alarms)
      continue;
    s->fill(at->fillers, at->keys);
    growTo(s->table(), at->B);
    if (at->then)
      at->then(s->table());
    assert_true(at->is(s->table()));
    snprintf(what, sizeof what, "%s, %s", name, at->name);
    searchFrom(s, what);
    s->done();
    assert_int_equal(arena.n, 0);
  }
}

/* The end of all tests. */
static int summary(void **state)
{
  (void)state;
  print_message("# %.0f histories, %zu steps in all\n", search.histories, search.allSteps);
  return 0;
}
