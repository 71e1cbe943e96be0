/* loops.h: what is timed, compiled into each adapter around its table. To be included last; see peer.h.
 *
 * Prints NAME=NANOSECONDS of one operation each, the best of several passes. A pass is at least passOps operations long, so that
 * the clock costs nothing, and goes over a small table in many different orders, so that the processor cannot learn one. All
 * results are checked: a wrong one ends the program. */

static const size_t passOps = 32768; /* operations of a pass, at least */
enum {
  enoughPasses = 3,       /* passes go on until there are so many */
  enoughTime = 10000000,  /* that took so many ns, */
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

#ifndef HAS_REMOVAL
#define HAS_REMOVAL false
static inline size_t tablePrune(table *t, uintptr_t most)
{
  (void)t, (void)most;
  return 0;
}
static inline uintptr_t tableTake(table *t)
{
  (void)t;
  return 0;
}
#endif

/* Large tables are timed by the clock of the thread, which does not count what other processes do meanwhile. To read it takes
 * half a microsecond, so small ones, whose best pass nobody interrupts, are timed by the usual clock. */
static uint64_t passTime(void)
{
  return asked.size < 10000 ? now() : timeOf(CLOCK_THREAD_CPUTIME_ID);
}

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

/* What comes in the i-th place of n things. */
static size_t inTurn(size_t i, size_t n, uint64_t salt)
{
  return inOrder() ? i : permute(i, n, salt);
}

/* Keys in the order in which they are looked up. Of a small table each pass has all keys, several times, each time in another
 * order; of a large one, every pass has other keys, until all (or as many as asked.lookups) have been looked up. */
typedef struct sequence {
  key *keys;
  size_t n;        /* all keys */
  size_t distinct; /* of them, from the first, are different */
  size_t pass;     /* keys of a pass; the last may have fewer */
  size_t at;       /* where the next pass begins */
  uintptr_t *sums; /* of the values in each pass: entry i has i + 1 */
} sequence;

/* The keys of all entries or, where there are more than asked.lookups, of so many; with all, the others follow. */
static sequence makeSequence(uint64_t (*number)(size_t), bool all)
{
  size_t size = asked.size, distinct = size < asked.lookups ? size : asked.lookups;
  size_t rounds = distinct == size ? (passOps + size - 1) / size : 1;
  sequence s = {NULL, rounds * distinct, distinct, rounds > 1 ? rounds * distinct : passOps, 0, NULL};
  if (!all)
    size = distinct;
  s.keys = (key *)allocate((s.n - distinct + size) * sizeof *s.keys);
  s.sums = (uintptr_t *)calloc(s.n / s.pass + 1, sizeof *s.sums);
  for (size_t i = 0; i < size; i++) {
    size_t entry = inTurn(i, asked.size, 0);
    s.keys[i] = lookupKey(number(entry));
    if (i < distinct)
      s.sums[i / s.pass] += (entry + 1) * rounds;
  }
  for (size_t i = size; i < s.n; i++)
    s.keys[i] = s.keys[inTurn(i % size, size, i / size)];
  return s;
}

/* A pass of a sequence. */
typedef struct range {
  size_t from, to;
  uintptr_t sum;
} range;

static range nextPass(sequence *s)
{
  range r = {s->at, s->n - s->at < s->pass ? s->n : s->at + s->pass, s->sums[s->at / s->pass]};
  s->at = r.to == s->n ? 0 : r.to;
  return r;
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

static void hitPass(cell *c)
{
  range r = nextPass(&hits);
  uintptr_t sum = 0;
  uint64_t start = passTime();
  for (size_t i = r.from; i < r.to; i++)
    sum += tableGet(filled, hits.keys[i]);
  addPass(c, passTime() - start, r.to - r.from);
  expect("hit", sum, r.sum);
}

static void missPass(cell *c)
{
  range r = nextPass(&misses);
  uintptr_t sum = 0;
  uint64_t start = passTime();
  for (size_t i = r.from; i < r.to; i++)
    sum += tableGet(filled, misses.keys[i]);
  addPass(c, passTime() - start, r.to - r.from);
  expect("miss", sum, 0);
}

static void batchPass(cell *c)
{
  const size_t batch = 256;
  range r = nextPass(&hits);
  uintptr_t sum = 0;
  size_t found = 0;
  uint64_t start = passTime();
  for (size_t i = r.from; i < r.to; i += batch)
    found += tableGetMany(filled, r.to - i < batch ? r.to - i : batch, hits.keys + i, &sum);
  addPass(c, passTime() - start, r.to - r.from);
  expect("batch, entries", found, r.to - r.from);
  expect("batch", sum, r.sum);
}

static void updatePass(cell *c)
{
  range r = nextPass(&hits);
  uint64_t start = passTime();
  for (size_t i = r.from; i < r.to; i++)
    tablePut(filled, hits.keys[i], i + 1);
  addPass(c, passTime() - start, r.to - r.from);
  for (size_t i = r.to - r.from > hits.distinct ? r.to - hits.distinct : r.from; i < r.to; i++)
    expect("update", tableGet(filled, hits.keys[i]), i + 1);
}

/* How many tables, or walks over one, make a pass. */
static size_t tablesOfPass(void)
{
  return (passOps + asked.size - 1) / asked.size;
}

static void iteratePass(cell *c)
{
  uintptr_t sum = 0;
  size_t n = 0, times = tablesOfPass();
  uint64_t start = passTime();
  for (size_t i = 0; i < times; i++)
    n += tableWalk(filled, &sum);
  addPass(c, passTime() - start, n);
  expect("iterate, entries", n, times * asked.size);
  expect("iterate", sum, (uintptr_t)(times * (asked.size * (asked.size + 1) / 2)));
}

static const key *inside, *outside; /* the keys of hits and misses, until churn exchanges them */

/* Puts the keys outside in place of those inside, one by one; the next round puts them back. */
static void churnPass(cell *c)
{
  size_t deleted = 0;
  uint64_t start = passTime();
  for (size_t round = 0; round < hits.n; round += hits.distinct) {
    for (size_t i = round; i < round + hits.distinct; i++) {
      deleted += tableDelete(filled, inside[i]);
      tablePut(filled, outside[i], i + 1);
    }
    const key *swap = inside;
    inside = outside, outside = swap;
  }
  addPass(c, passTime() - start, hits.n);
  expect("churn", deleted, hits.n);
  for (size_t i = hits.n - hits.distinct; i < hits.n; i++) {
    expect("churn, new key", tableGet(filled, inside[i]), i + 1);
    expect("churn, old key", tableGet(filled, outside[i]), 0);
  }
}

/* Removes all entries but ten in a walk, and then walks over those ten, a hundred times. */
static void prunePass(cell *prune, cell *rest)
{
  enum { left = 10, walks = 100 };
  uint64_t pruneTime = 0, walkTime = 0;
  size_t removed = 0, seen = 0, tables = tablesOfPass();
  uintptr_t sum = 0;
  for (size_t i = 0; i < tables; i++) {
    table *t = fill(newTable());
    uint64_t start = passTime();
    removed += tablePrune(t, left);
    uint64_t middle = passTime();
    for (int walk = 0; walk < walks; walk++)
      seen += tableWalk(t, &sum);
    walkTime += passTime() - middle;
    pruneTime += middle - start;
    tableFree(t);
  }
  expect("prune", removed, tables * (asked.size - left));
  expect("rest, entries", seen, tables * walks * left);
  expect("rest", sum, tables * walks * (left * (left + 1) / 2));
  addPass(prune, pruneTime, removed);
  addPass(rest, walkTime, tables * walks);
}

/* Takes any entry, until there is none. */
static void takePass(cell *c)
{
  uint64_t time = 0;
  uintptr_t sum = 0;
  for (size_t i = 0; i < tablesOfPass(); i++) {
    table *t = fill(newTable());
    uint64_t start = passTime();
    for (size_t k = 0; k < asked.size; k++)
      sum += tableTake(t);
    time += passTime() - start;
    expect("take, left", tableTake(t), 0);
    tableFree(t);
  }
  expect("take", sum, (uintptr_t)(tablesOfPass() * (asked.size * (asked.size + 1) / 2)));
  addPass(c, time, tablesOfPass() * asked.size);
}

/* Create, three inserts, destroy. */
static void lifePass(cell *c)
{
  uint64_t start = passTime();
  for (size_t i = 0; i < tablesOfPass(); i++)
    tableFree(fill(newTable()));
  addPass(c, passTime() - start, tablesOfPass());
}

static void measure(const char *name, void (*pass)(cell *c))
{
  cell c = {name, 0, 0, 0};
  while (wanted(name) && !enough(&c))
    pass(&c);
  report(&c);
}

static void measureRemoval(void)
{
  cell prune = {"prune", 0, 0, 0}, rest = {"rest", 0, 0, 0};
  while ((wanted(prune.name) || wanted(rest.name)) && !enough(&prune))
    prunePass(&prune, &rest);
  report(&prune);
  report(&rest);
  measure("take", takePass);
}

/* Fills tables and destroys them; the last one stays, as `filled`. */
static void insertPass(cell *insert, cell *destroy)
{
  uint64_t filling = 0, freeing = 0;
  size_t nfrees = 0;
  for (size_t i = 0; i < tablesOfPass(); i++) {
    uint64_t start = passTime();
    if (filled) {
      tableFree(filled);
      nfrees++;
    }
    uint64_t middle = passTime();
    filled = fill(newTable());
    filling += passTime() - middle;
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
    uint64_t start = passTime();
    table *t = fill(tableMake(HAS_HINT ? asked.size : 0));
    uint64_t middle = passTime();
    for (size_t k = 0; deleting && k < asked.size; k++)
      deleted += tableDelete(t, hits.keys[k]);
    deleteTime += passTime() - middle;
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
  uint64_t start = passTime();
  tableFree(filled);
  uint64_t time = passTime() - start;
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
  measure("hit", hitPass);
  measure("miss", missPass);
  if (HAS_BATCH)
    measure("batch", batchPass);
  if (HAS_WALK)
    measure("iterate", iteratePass);
  measure("update", updatePass);
  if (HAS_DELETE)
    measure("churn", churnPass);
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
    measure("life", lifePass);
  else if (strcmp(asked.mode, "removal") == 0) {
    if (HAS_REMOVAL)
      measureRemoval();
  } else if (strcmp(asked.mode, "latency") == 0)
    measureLatency();
  else if (strcmp(asked.mode, "memory") == 0)
    measureMemory();
  else if (strcmp(asked.mode, "growth") == 0)
    measureGrowth();
  else
    fail("no such mode");
  return 0;
}
