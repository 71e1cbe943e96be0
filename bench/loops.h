/* loops.h: what is timed, compiled into each adapter around its table. To be included last; see peer.h.
 *
 * Prints NAME=NANOSECONDS of one operation each, the best of several passes. A pass is at least passOps operations long, so that
 * the clock costs nothing, and goes over a small table in many different orders, so that the processor cannot learn one. All
 * results are checked: a wrong one ends the program. */

enum {
  passOps = 32768,        /* operations of a pass, at least */
  enoughPasses = 3,       /* passes go on until there are so many */
  enoughTime = 4000000,   /* that took so many ns, */
  tooMuchTime = 100000000 /* and never begin again after so many */
};

/* What an adapter lacks. */
#ifndef HAS_GROWTH
#define HAS_GROWTH false
#endif
#ifndef HAS_HINT
#define HAS_HINT false
#endif
#ifndef HAS_DELETE
#define HAS_DELETE false
static inline bool tableDelete(table *t, key k)
{
  (void)t, (void)k;
  return false;
}
#endif
#ifndef HAS_WALK
#define HAS_WALK false
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  (void)t, (void)sum;
  return 0;
}
#endif
#ifndef HAS_BATCH
#define HAS_BATCH false
static inline size_t tableGetMany(table *t, size_t n, const key *keys, uintptr_t *sum)
{
  (void)t, (void)n, (void)keys, (void)sum;
  return 0;
}
#endif

/* An operation's figure. */
typedef struct cell {
  const char *name;
  double best, total; /* ns: an operation in the best pass, and all passes */
  unsigned passes;
} cell;

static void addPass(cell *c, uint64_t ns, size_t ops)
{
  double each = (double)ns / (double)ops;
  if (c->passes++ == 0 || each < c->best)
    c->best = each;
  c->total += (double)ns;
}
static bool enough(const cell *c)
{
  return c->total > tooMuchTime || (c->total > enoughTime && c->passes >= enoughPasses);
}
static bool wanted(const char *name)
{
  char word[32];
  snprintf(word, sizeof word, ",%s,", name);
  return !*asked.ops || strstr(asked.ops, word);
}
static void report(const cell *c)
{
  if (c->passes && wanted(c->name))
    printf("%s=%.4f\n", c->name, c->best);
}

static void expect(const char *op, uint64_t found, uint64_t right)
{
  if (found != right)
    fail("%s: %" PRIu64 " where %" PRIu64 " is right", op, found, right);
}

/* Keys in the order in which they are looked up. */
typedef struct sequence {
  key *keys;
  size_t n;        /* keys of a pass: rounds, each of the same keys in another order */
  size_t distinct; /* keys of a round */
  uintptr_t sum;   /* of the values in a pass: entry i has i + 1 */
} sequence;

/* The keys of all entries or, where there are more than asked.lookups, of so many; with all, the others follow. */
static sequence makeSequence(uint64_t (*number)(size_t), bool all)
{
  size_t size = asked.size, distinct = size < asked.lookups ? size : asked.lookups;
  size_t rounds = distinct == size ? (passOps + size - 1) / size : 1;
  sequence s = {NULL, rounds * distinct, distinct, 0};
  if (!all)
    size = distinct;
  s.keys = (key *)allocate((s.n - distinct + size) * sizeof *s.keys);
  for (size_t i = 0; i < size; i++) {
    size_t entry = permute(i, asked.size, 0);
    s.keys[i] = lookupKey(number(entry));
    s.sum += i < distinct ? (entry + 1) * rounds : 0;
  }
  for (size_t i = size; i < s.n; i++)
    s.keys[i] = s.keys[permute(i % size, size, i / size)];
  return s;
}

static key *stored;           /* the keys that are inserted, in that order */
static sequence hits, misses; /* keys that are looked up */
static table *filled;         /* the table with all entries */

/* An empty table that knows no more than it has to. */
static table *newTable(void)
{
  return tableMake(HAS_GROWTH ? 0 : asked.size);
}
static table *fill(table *t)
{
  for (size_t i = 0; i < asked.size; i++)
    tablePut(t, stored[i], i + 1);
  return t;
}

/* Each pass returns how many ns it took. */
static uint64_t hitPass(void)
{
  uintptr_t sum = 0;
  uint64_t start = now();
  for (size_t i = 0; i < hits.n; i++)
    sum += tableGet(filled, hits.keys[i]);
  uint64_t time = now() - start;
  expect("hit", sum, hits.sum);
  return time;
}

static uint64_t missPass(void)
{
  uintptr_t sum = 0;
  uint64_t start = now();
  for (size_t i = 0; i < misses.n; i++)
    sum += tableGet(filled, misses.keys[i]);
  uint64_t time = now() - start;
  expect("miss", sum, 0);
  return time;
}

static uint64_t batchPass(void)
{
  const size_t batch = 256;
  uintptr_t sum = 0;
  size_t found = 0;
  uint64_t start = now();
  for (size_t i = 0; i < hits.n; i += batch)
    found += tableGetMany(filled, hits.n - i < batch ? hits.n - i : batch, hits.keys + i, &sum);
  uint64_t time = now() - start;
  expect("batch, entries", found, hits.n);
  expect("batch", sum, hits.sum);
  return time;
}

static uint64_t updatePass(void)
{
  uint64_t start = now();
  for (size_t i = 0; i < hits.n; i++)
    tablePut(filled, hits.keys[i], i + 1);
  uint64_t time = now() - start;
  for (size_t i = hits.n - hits.distinct; i < hits.n; i++)
    expect("update", tableGet(filled, hits.keys[i]), i + 1);
  return time;
}

/* How many tables, or walks over one, make a pass. */
static size_t tablesOfPass(void)
{
  return (passOps + asked.size - 1) / asked.size;
}

static uint64_t iteratePass(void)
{
  uintptr_t sum = 0;
  size_t n = 0, times = tablesOfPass();
  uint64_t start = now();
  for (size_t i = 0; i < times; i++)
    n += tableWalk(filled, &sum);
  uint64_t time = now() - start;
  expect("iterate, entries", n, times * asked.size);
  expect("iterate", sum, (uintptr_t)(times * (asked.size * (asked.size + 1) / 2)));
  return time;
}

static const key *inside, *outside; /* the keys of hits and misses, until churn exchanges them */

/* Puts the keys outside in place of those inside, one by one; the next round puts them back. */
static uint64_t churnPass(void)
{
  size_t deleted = 0;
  uint64_t start = now();
  for (size_t round = 0; round < hits.n; round += hits.distinct) {
    for (size_t i = round; i < round + hits.distinct; i++) {
      deleted += tableDelete(filled, inside[i]);
      tablePut(filled, outside[i], i + 1);
    }
    const key *swap = inside;
    inside = outside, outside = swap;
  }
  uint64_t time = now() - start;
  expect("churn", deleted, hits.n);
  for (size_t i = hits.n - hits.distinct; i < hits.n; i++) {
    expect("churn, new key", tableGet(filled, inside[i]), i + 1);
    expect("churn, old key", tableGet(filled, outside[i]), 0);
  }
  return time;
}

/* Create, three inserts, destroy. */
static uint64_t lifePass(void)
{
  uint64_t start = now();
  for (size_t i = 0; i < tablesOfPass(); i++)
    tableFree(fill(newTable()));
  return now() - start;
}

static void measure(const char *name, uint64_t (*pass)(void), size_t ops)
{
  cell c = {name, 0, 0, 0};
  while (wanted(name) && !enough(&c))
    addPass(&c, pass(), ops);
  report(&c);
}

/* Fills tables and destroys them; the last one stays, as `filled`. */
static void insertPass(cell *insert, cell *destroy)
{
  uint64_t filling = 0, freeing = 0;
  size_t nfrees = 0;
  for (size_t i = 0; i < tablesOfPass(); i++) {
    uint64_t start = now();
    if (filled) {
      tableFree(filled);
      nfrees++;
    }
    uint64_t middle = now();
    filled = fill(newTable());
    filling += now() - middle;
    freeing += middle - start;
  }
  addPass(insert, filling, tablesOfPass() * asked.size);
  if (nfrees)
    addPass(destroy, freeing, nfrees * asked.size);
}

/* Fills tables with a hint and, if that is wanted, deletes all from them. */
static void deletePass(cell *insert, cell *deletion, bool deleting)
{
  uint64_t fillTime = 0, deleteTime = 0;
  size_t deleted = 0, n = tablesOfPass() * asked.size;
  for (size_t i = 0; i < tablesOfPass(); i++) {
    uint64_t start = now();
    table *t = fill(tableMake(HAS_HINT ? asked.size : 0));
    uint64_t middle = now();
    for (size_t k = 0; deleting && k < asked.size; k++)
      deleted += tableDelete(t, hits.keys[k]);
    deleteTime += now() - middle;
    fillTime += middle - start;
    tableFree(t);
  }
  expect("delete", deleted, deleting ? n : 0);
  addPass(insert, fillTime, n);
  if (deleting)
    addPass(deletion, deleteTime, n);
}

static void measureInsert(cell *destroy)
{
  cell insert = {HAS_GROWTH ? "insert" : "hint", 0, 0, 0};
  do
    insertPass(&insert, destroy);
  while ((wanted(insert.name) || wanted("destroy")) && !enough(&insert));
  report(&insert);
}

static void measureDestroy(cell *destroy)
{
  uint64_t start = now();
  tableFree(filled);
  uint64_t time = now() - start;
  if (tablesOfPass() == 1)
    addPass(destroy, time, asked.size);
  report(destroy);
}

static void measureDelete(void)
{
  cell insert = {"hint", 0, 0, 0}, deletion = {"delete", 0, 0, 0};
  bool hint = HAS_HINT && HAS_GROWTH && wanted("hint"), deleting = HAS_DELETE && wanted("delete");
  while ((hint || deleting) && !enough(&insert))
    deletePass(&insert, &deletion, deleting);
  if (hint)
    report(&insert);
  report(&deletion);
}

static void measureSpeed(void)
{
  cell destroy = {"destroy", 0, 0, 0};
  hits = makeSequence(present, wanted("delete"));
  misses = makeSequence(absent, false);
  inside = hits.keys, outside = misses.keys;
  measureInsert(&destroy);
  measure("hit", hitPass, hits.n);
  measure("miss", missPass, misses.n);
  if (HAS_BATCH)
    measure("batch", batchPass, hits.n);
  if (HAS_WALK)
    measure("iterate", iteratePass, tablesOfPass() * asked.size);
  measure("update", updatePass, hits.n);
  if (HAS_DELETE)
    measure("churn", churnPass, hits.n);
  measureDestroy(&destroy);
  measureDelete();
}

#include "growth.h"

int main(int argc, char **argv)
{
  (void)argc;
  readArguments(argv);
  stored = (key *)allocate(asked.size * sizeof *stored);
  for (size_t i = 0; i < asked.size; i++)
    stored[i] = newKey(present(i));
  if (strcmp(asked.mode, "speed") == 0)
    measureSpeed();
  else if (strcmp(asked.mode, "life") == 0)
    measure("life", lifePass, tablesOfPass());
  else if (strcmp(asked.mode, "latency") == 0)
    measureLatency();
  else if (strcmp(asked.mode, "memory") == 0)
    measureMemory();
  else if (strcmp(asked.mode, "growth") == 0)
    measureGrowth();
  else
    fail("no such mode");
  return 0;
}
