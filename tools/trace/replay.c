/* replay.c: does again what a trace says that a program did with its tables, checks each result, and tells on one line what it
 * took. Linked three times: with GLib and libc; with libhmap-glib and libhmap-search in front of them; and with idle.c, which
 * does nothing, to see what replaying takes itself.
 *
 * A piece of the trace is made ready first, with every key and value in its place; then it is done, and only that is measured:
 * what callgrind counts and what the clock sees is doPiece. Keys that are only looked for stand beside the piece, as a program's
 * do that has just made them; keys that are stored lie in the arena, in the order in which they came. */
#include "read.c"
#include <dlfcn.h>
#include <glib.h>
#include <search.h>
#include <time.h>

enum { pieceSize = 2048, probeRoom = 1 << 18 };

/* A table. What is in it is freed by functions of ours where it was by functions of the program's. */
typedef struct slot {
  GHashTable *table;
  struct hsearch_data search;
} slot;

/* A walk to be made. */
typedef struct plan {
  unsigned how, act;
  bool complete, all;
  uint64_t steps, nacted; /* for a complete one, entries that there are */
  uint64_t *acted;        /* sorted */
} plan;

/* An operation, ready to be done. */
typedef struct action {
  uint8_t op;
  bool result;
  slot *on;
  gpointer key, value;
  union {
    uint64_t n; /* what the table holds, before */
    plan *walk;
    struct {
      uint8_t kind, flags;
      uint32_t nel;
    } made;
  };
} action;

static struct {
  bool longest; /* time each operation with one key */
  action actions[pieceSize];
  size_t n;
  unsigned char probes[probeRoom];
  size_t used;
  object *objects[4 * pieceSize]; /* to be freed after the piece */
  size_t nobjects;
  tracedTable *tables[pieceSize];
  size_t ntables;
  uint64_t done, nanoseconds, first, slowest, refused; /* operations; what they took, and the first tables before them */
  uint64_t sum, freed;                                 /* of results; of what was freed, in any order */
  uint64_t wrong, firstWrong;
} my;

/* ---- results */

/* A key or value as a number that is the same in every process. */
static uint64_t identify(gconstpointer pointer)
{
  uint64_t inArena = (uintptr_t)pointer - (uintptr_t)arena.base, inProbes = (uintptr_t)pointer - (uintptr_t)my.probes;
  return inArena < arena.size ? inArena : inProbes < sizeof my.probes ? inProbes : (uintptr_t)pointer;
}

static void note(uint64_t result)
{
  my.sum = (my.sum ^ result) * 0x9e3779b97f4a7c15;
  my.sum ^= my.sum >> 29;
}

/* One of several whose order does not count. */
static uint64_t mixed(uint64_t x)
{
  x *= 0xff51afd7ed558ccd;
  return x ^ x >> 32;
}

static void expect(bool right)
{
  if (G_UNLIKELY(!right) && my.wrong++ == 0)
    my.firstWrong = my.done;
}

/* ---- the functions of a table */

static guint ownHash(gconstpointer key)
{
  return ((const object *)key)->hash;
}
static gboolean ownEqual(gconstpointer a, gconstpointer b)
{
  const object *x = a, *y = b;
  return x->class == y->class && x->class != noClass;
}
static void freeKey(gpointer key)
{
  my.freed += mixed(identify(key));
}
static void freeValue(gpointer value)
{
  my.freed += 3 * mixed(identify(value));
}

static const GHashFunc hashes[] = {g_direct_hash, g_str_hash, g_int_hash, g_int64_hash, g_double_hash, ownHash};
static const GEqualFunc equals[] = {g_direct_equal, g_str_equal, g_int_equal, g_int64_equal, g_double_equal, ownEqual};

static void makeTable(const action *a)
{
  GDestroyNotify key = a->made.flags & traceFreesKeys ? freeKey : NULL;
  GDestroyNotify value = a->made.flags & traceFreesValues ? freeValue : NULL;
  if (a->made.kind == traceSearch)
    expect(hcreate_r(a->made.nel, &a->on->search));
  else if (key || value)
    a->on->table = g_hash_table_new_full(hashes[a->made.kind], equals[a->made.kind], key, value);
  else
    a->on->table = g_hash_table_new(hashes[a->made.kind], equals[a->made.kind]);
}

/* ---- walks */

static int compareActed(const void *a, const void *b)
{
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* A walk on its way. */
typedef struct walker {
  const plan *p;
  uint64_t steps, acted, sum;
} walker;

/* Where a key stands among those that something is done with, or NULL. */
static const uint64_t *actedOn(walker *w, gconstpointer key)
{
  uint64_t wanted = (uintptr_t)key;
  return w->p->nacted ? bsearch(&wanted, w->p->acted, w->p->nacted, 2 * sizeof wanted, compareActed) : NULL;
}

static void step(walker *w, gconstpointer key)
{
  w->steps++;
  w->sum += mixed(identify(key));
}

static void eachEntry(gpointer key, gpointer value, gpointer data)
{
  (void)value;
  step(data, key);
}

static gboolean testEntry(gpointer key, gpointer value, gpointer data)
{
  walker *w = data;
  (void)value;
  step(w, key);
  if (w->p->how == walkFind)
    return !w->p->complete && w->steps == w->p->steps;
  bool acts = w->p->all || actedOn(w, key);
  w->acted += acts;
  return acts;
}

static void actHere(walker *w, GHashTableIter *iter, gconstpointer key)
{
  const uint64_t *acted = w->p->all ? NULL : actedOn(w, key);
  if (!w->p->all && !acted)
    return;
  w->acted++;
  if (w->p->act == actRemove)
    g_hash_table_iter_remove(iter);
  else if (w->p->act == actSteal)
    g_hash_table_iter_steal(iter);
  else
    g_hash_table_iter_replace(iter, (gpointer)(uintptr_t)acted[1]);
}

/* As far as the program went, or as it takes to meet all entries that it did something with. */
static void iterate(walker *w, GHashTable *table)
{
  const plan *p = w->p;
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, table);
  while ((p->complete || p->all || w->acted < p->nacted || (!p->nacted && w->steps < p->steps)) &&
         g_hash_table_iter_next(&iter, &key, &value)) {
    step(w, key);
    if (p->act != actNone)
      actHere(w, &iter, key);
  }
}

static void walk(GHashTable *table, const plan *p)
{
  walker w = {.p = p};
  if (p->how == walkForeach && p->complete)
    g_hash_table_foreach(table, eachEntry, &w);
  else if (p->how == walkFind)
    g_hash_table_find(table, testEntry, &w);
  else if (p->how == walkForeachRemove && p->complete)
    w.acted = g_hash_table_foreach_remove(table, testEntry, &w);
  else if (p->how == walkForeachSteal && p->complete)
    w.acted = g_hash_table_foreach_steal(table, testEntry, &w);
  else
    iterate(&w, table);
  expect(w.acted == (p->all ? p->steps : p->nacted));
  if (p->complete) {
    expect(w.steps == p->steps);
    note(w.sum);
  }
}

/* ---- listings */

static void noteList(GList *list, uint64_t wanted)
{
  uint64_t n = 0, sum = 0;
  for (const GList *l = list; l; l = l->next, n++)
    sum += mixed(identify(l->data));
  g_list_free(list);
  expect(n == wanted);
  note(sum);
}

static void noteArray(gpointer *array, uint64_t n, uint64_t wanted)
{
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n; i++)
    sum += mixed(identify(array[i]));
  expect(n == wanted);
  note(sum);
}

static void noteKeysArray(GHashTable *table, uint64_t wanted)
{
  guint n;
  gpointer *array = g_hash_table_get_keys_as_array(table, &n);
  noteArray(array, n, wanted);
  g_free(array);
}

/* ---- operations */

static void search(const action *a)
{
  ENTRY item = {a->key, a->value}, *found = NULL;
  int done = hsearch_r(item, a->op == opEnter ? ENTER : FIND, &found, &a->on->search);
  expect(done == (a->op == opEnter || a->result));
  note(done ? mixed(identify(found->data)) : 0);
}

static void lookupExtended(const action *a)
{
  gpointer key = NULL, value = NULL;
  gboolean found = g_hash_table_lookup_extended(a->on->table, a->key, &key, &value);
  expect(found == a->result);
  note(identify(key) ^ mixed(identify(value)));
}

static void stealExtended(const action *a)
{
  gpointer key = NULL, value = NULL;
  expect(g_hash_table_steal_extended(a->on->table, a->key, &key, &value) == a->result);
  note(identify(key) ^ mixed(identify(value)));
}

static void lookup(const action *a)
{
  gpointer value = g_hash_table_lookup(a->on->table, a->key);
  expect((value != NULL) == a->result);
  note(identify(value));
}

/* Does one operation. */
static void perform(const action *a)
{
  GHashTable *t = a->on->table;
  switch (a->op) {
  case opCreate:
    return makeTable(a);
  case opRef:
    g_hash_table_ref(t);
    return;
  case opUnref:
    return g_hash_table_unref(t);
  case opDestroy:
  case opForget:
    return t ? g_hash_table_destroy(t) : hdestroy_r(&a->on->search);
  case opInsert:
  case opInsertSelf:
    return expect(g_hash_table_insert(t, a->key, a->value) == a->result);
  case opReplace:
  case opReplaceSelf:
    return expect(g_hash_table_replace(t, a->key, a->value) == a->result);
  case opAdd:
    return expect(g_hash_table_add(t, a->key) == a->result);
  case opLookup:
    return lookup(a);
  case opLookupExtended:
    return lookupExtended(a);
  case opContains:
    return expect(g_hash_table_contains(t, a->key) == a->result);
  case opRemove:
    return expect(g_hash_table_remove(t, a->key) == a->result);
  case opSteal:
    return expect(g_hash_table_steal(t, a->key) == a->result);
  case opStealExtended:
    return stealExtended(a);
  case opRemoveAll:
    return g_hash_table_remove_all(t);
  case opStealAll:
  case opStealAllKeys: /* GLib has these two, and some below, since 2.76 only; the nearest that every GLib has stands in */
  case opStealAllValues:
    return g_hash_table_steal_all(t);
  case opSize:
    return expect(g_hash_table_size(t) == a->n);
  case opGetKeys:
    return noteList(g_hash_table_get_keys(t), a->n);
  case opGetValues:
    return noteList(g_hash_table_get_values(t), a->n);
  case opKeysArray:
  case opKeysPtrArray:
  case opValuesPtrArray:
    return noteKeysArray(t, a->n);
  case opWalk:
    return walk(t, a->walk);
  case opEnter:
  case opFind:
    return search(a);
  default:
    return;
  }
}

static bool hasKey(unsigned op)
{
  return (op >= opInsert && op <= opStealExtended) || op == opEnter || op == opFind;
}

static uint64_t now(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* With the time that each operation with a key takes. */
static void doTimed(void)
{
  for (size_t i = 0; i < my.n; i++, my.done++) {
    uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
    perform(&my.actions[i]);
    uint64_t taken = now(CLOCK_THREAD_CPUTIME_ID) - start;
    if (hasKey(my.actions[i].op) && taken > my.slowest)
      my.slowest = taken;
  }
}

/* What is measured. */
__attribute__((noinline)) static void doPiece(void)
{
  for (size_t i = 0; i < my.n; i++, my.done++)
    perform(&my.actions[i]);
}

/* ---- making ready */

static void finishPiece(void)
{
  uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
  if (my.longest)
    doTimed();
  else
    doPiece();
  my.nanoseconds += now(CLOCK_THREAD_CPUTIME_ID) - start;
  for (size_t i = 0; i < my.n; i++)
    if (my.actions[i].op == opWalk) {
      free(my.actions[i].walk->acted);
      free(my.actions[i].walk);
    }
  for (size_t i = 0; i < my.nobjects; i++)
    freeObject(my.objects[i]);
  for (size_t i = 0; i < my.ntables; i++) {
    free(my.tables[i]->slot);
    freeTable(my.tables[i]);
  }
  my.n = my.used = my.nobjects = my.ntables = 0;
}

static void *probe(const void *bytes, size_t n)
{
  void *copy = my.probes + my.used;
  memcpy(copy, bytes, n);
  my.used += (n + 7) & ~(size_t)7;
  return copy;
}

/* Where the key of a record is given from: stored, or only looked for. */
static gpointer keyOf(const record *r, bool stored)
{
  const struct string *s;
  switch (r->table->kind) {
  case traceDirect:
    return (gpointer)(uintptr_t)r->key;
  case traceOwn:
    if (stored && r->object)
      return r->object;
    return probe(&(object){r->object ? r->object->class : noClass, r->object ? r->object->hash : r->hash}, sizeof(object));
  default:
    s = &in.blobs[r->key];
    return stored || s->n >= pieceSize ? (gpointer)(uintptr_t)s->bytes : probe(s->bytes, s->n + 1);
  }
}

static plan *planOf(const record *r)
{
  plan *p = orDie(calloc(1, sizeof *p));
  size_t bytes = 2 * r->nacted * sizeof *r->acted;
  *p = (plan){.how = r->how, .act = r->act, .steps = r->steps, .complete = r->flags & walkComplete && r->steps == r->n};
  p->all = r->flags & walkAll;
  if (p->all || !r->nacted)
    return p;
  p->nacted = r->nacted;
  p->acted = orDie(malloc(bytes));
  memcpy(p->acted, r->acted, bytes);
  for (uint64_t i = 0; i < p->nacted; i++)
    if (r->table->kind != traceOwn && r->table->kind != traceDirect)
      p->acted[2 * i] = (uintptr_t)in.blobs[p->acted[2 * i]].bytes;
  qsort(p->acted, p->nacted, 2 * sizeof *p->acted, compareActed);
  return p;
}

/* Objects that a record takes out of their table. */
static void release(const record *r)
{
  bool listed = r->table->kind == traceOwn && r->act != actReplace && (r->op == opWalk || r->nacted);
  if (r->old)
    my.objects[my.nobjects++] = r->old;
  if (listed && r->nacted > pieceSize) {
    finishPiece();
    for (uint64_t i = 0; i < r->nacted; i++)
      freeObject((object *)(uintptr_t)r->acted[2 * i]);
  } else if (listed) {
    for (uint64_t i = 0; i < r->nacted; i++)
      my.objects[my.nobjects++] = (object *)(uintptr_t)r->acted[2 * i];
  }
}

static void makeReady(const record *r)
{
  tracedTable *t = r->table;
  if (r->op == opCreate)
    t->slot = orDie(calloc(1, sizeof(slot)));
  if (r->op == opEnterFull) { /* where there is room, it would be done */
    my.refused++;
    return;
  }
  action a = {.op = (uint8_t)r->op, .result = r->result, .on = t->slot, .n = r->n};
  bool self = r->op == opInsertSelf || r->op == opReplaceSelf || r->op == opAdd;
  if (hasKey(r->op))
    a.key = keyOf(r, (r->op >= opInsert && r->op <= opAdd && (r->result || r->op >= opReplace)) || r->op == opEnter);
  a.value = self ? a.key : (gpointer)(uintptr_t)r->value;
  if (r->op == opCreate)
    a.made.kind = t->kind, a.made.flags = t->flags, a.made.nel = r->n > UINT32_MAX ? UINT32_MAX : (uint32_t)r->n;
  if (r->op == opWalk)
    a.walk = planOf(r);
  my.actions[my.n++] = a;
  if (((r->op == opUnref || r->op == opDestroy) && r->result) || r->op == opForget)
    my.tables[my.ntables++] = t;
  release(r);
}

static bool isFull(void)
{
  return my.n == pieceSize || my.used > probeRoom - 2 * pieceSize || my.nobjects > 2 * pieceSize;
}

/* A process's first tables take longer: functions are looked for, seeds made. Told apart from the rest. */
static void makeFirst(void)
{
  object own = {1, 1};
  gpointer key = &own; /* bytes that will do for each kind */
  uint64_t start = now(CLOCK_THREAD_CPUTIME_ID);
  for (unsigned kind = traceDirect; kind < traceSearch; kind++) {
    GHashTable *table = g_hash_table_new(hashes[kind], equals[kind]);
    g_hash_table_insert(table, key, key);
    g_hash_table_lookup(table, key);
    g_hash_table_unref(table);
  }
  my.first = now(CLOCK_THREAD_CPUTIME_ID) - start;
}

/* ---- what is told */

static struct {
  uint64_t tables, ops[traceOps], largest, entries; /* the most entries of a table, and their sum */
  uint64_t sizes[4];                                /* by the most entries: none, up to 8, up to 1,000, more */
} seen[traceKinds];

static void countTable(const tracedTable *t)
{
  unsigned size = t->peak == 0 ? 0 : t->peak <= 8 ? 1 : t->peak <= 1000 ? 2 : 3;
  seen[t->kind].tables++;
  seen[t->kind].sizes[size]++;
  seen[t->kind].entries += t->peak;
  if (t->peak > seen[t->kind].largest)
    seen[t->kind].largest = t->peak;
}

static void count(const record *r)
{
  seen[r->table->kind].ops[r->op]++;
  if (((r->op == opUnref || r->op == opDestroy) && r->result) || r->op == opForget)
    countTable(r->table);
}

/* What is in the tables that are there at the end. */
static void checkRest(void)
{
  for (size_t i = 0; i < in.ntables; i++) {
    const tracedTable *t = in.tables[i];
    if (!t)
      continue;
    countTable(t);
    if (t->kind != traceSearch)
      expect(g_hash_table_size(((slot *)t->slot)->table) == t->n);
  }
}

static void tellKind(unsigned kind)
{
  static const char *const kinds[] = {EACH_TRACE_KIND(TRACE_NAME)};
  static const char *const ops[] = {EACH_TRACE_OP(TRACE_OP_NAME)};
  const char *comma = "";
  printf("\"%s\": {\"tables\": %" PRIu64 ", \"largest\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"sizes\": [%" PRIu64 ", %" PRIu64
         ", %" PRIu64 ", %" PRIu64 "], \"operations\": {",
         kinds[kind], seen[kind].tables, seen[kind].largest, seen[kind].entries, seen[kind].sizes[0], seen[kind].sizes[1],
         seen[kind].sizes[2], seen[kind].sizes[3]);
  for (unsigned op = 0; op < traceOps; op++)
    if (seen[kind].ops[op]) {
      printf("%s\"%s\": %" PRIu64, comma, ops[op], seen[kind].ops[op]);
      comma = ", ";
    }
  printf("}}");
}

/* The most memory that the process had, which getrusage mixes up with what its parent had. */
static long peakKib(void)
{
  char line[128];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "VmHWM: %ld", &kib) == 1)
      break;
  if (status)
    fclose(status);
  return kib;
}

static void tellString(const char *name, const char *s)
{
  printf("\"%s\": \"", name);
  for (; *s; s++)
    putchar(*s < ' ' || *s > '~' || *s == '"' || *s == '\\' ? '?' : *s);
  printf("\", ");
}

/* The file that a function comes from. */
static const char *libraryOf(const void *function)
{
  Dl_info info;
  return dladdr(function, &info) && info.dli_fname ? info.dli_fname : "";
}

/* One line of JSON. */
static void tell(void)
{
  const char *comma = "";
  putchar('{');
  tellString("program", in.program);
  tellString("library", libraryOf((const void *)(uintptr_t)g_hash_table_new));
  printf("\"operations\": %" PRIu64 ", \"nanoseconds\": %" PRIu64 ", \"first\": %" PRIu64 ", \"sum\": \"%016" PRIx64
         "\", \"wrong\": %" PRIu64 ", \"first_wrong\": %" PRIu64 ", \"longest\": %" PRIu64 ", \"kib\": %ld, \"refused\": %" PRIu64
         ", \"threads\": %" PRIu64 ", \"hidden\": %s, \"truncated\": %s, \"full\": %s, \"kinds\": {",
         my.done, my.nanoseconds, my.first, my.sum + my.freed, my.wrong, my.firstWrong, my.slowest, peakKib(), my.refused,
         in.nthreads, in.hidden ? "true" : "false", in.truncated ? "true" : "false", in.why == endExit ? "false" : "true");
  for (unsigned kind = 0; kind < traceKinds; kind++)
    if (seen[kind].tables) {
      printf("%s", comma);
      tellKind(kind);
      comma = ", ";
    }
  puts("}}");
}

/* Replays the trace of that name, or of standard input by the name -. --longest: times each operation. Returns 1 if a result was
 * another. */
int main(int argc, char **argv)
{
  record r;
  my.longest = argc == 3 && strcmp(argv[2], "--longest") == 0;
  if (argc < 2)
    return 2;
  openTrace(argv[1]);
  makeFirst();
  while (readRecord(&r)) {
    count(&r);
    makeReady(&r);
    if (isFull())
      finishPiece();
  }
  finishPiece();
  checkRest();
  tell();
  return my.wrong != 0;
}
