/* read.c: reads a trace, record by record, and sees to it that each one can be done: what comes out of here needs no further
 * checks, whatever the file holds. Strings that were hidden are made up here. */
#define _GNU_SOURCE
#include "format.h"
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A key of a table whose functions are the program's: what they said of it. */
typedef struct object {
  uint64_t class; /* two with one class are equal; noClass: equal to none */
  uint32_t hash;
} object;
static const uint64_t noClass = UINT64_MAX;

/* A table, as far as the trace tells. */
typedef struct tracedTable {
  uint64_t id, n, peak, refs, lastKey, lastValue;
  object **objects; /* by class; NULL where there is none */
  size_t room;
  void *slot; /* the replayer's */
  uint8_t kind, flags;
} tracedTable;

/* A record. The pointers hold until the next one is read. */
typedef struct record {
  unsigned op;
  bool result;
  tracedTable *table;
  uint64_t key;             /* a word, or the number of a blob */
  object *object, *old;     /* traceOwn: the stored key that it is equal to; the one that leaves the table */
  uint32_t hash;            /* traceOwn: of a key that is equal to none */
  uint64_t value, n;        /* n: entries, before; of opCreate, nel of hcreate */
  unsigned how, act, flags; /* of a walk */
  uint64_t steps, nacted, *acted;
} record;

static struct {
  const char *name;
  FILE *file;
  uint64_t offset, sum; /* of what has been read */
  jmp_buf end;          /* where reading goes on when there is no more */
  bool hidden, truncated;
  char *program;
  unsigned wordBits;
  uint64_t nthreads, why; /* why it ends */
  tracedTable **tables, *last;
  uint64_t lastId;
  size_t ntables, roomTables;
  struct string {
    const unsigned char *bytes;
    uint64_t n;
  } * blobs, lastHidden;
  size_t nblobs, roomBlobs;
  void *made; /* hidden: the strings that there are, a tree of their sums */
  uint64_t *acted;
  size_t roomActed;
} in;

/* Ends with one line. */
__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "%s: ", in.name);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(2);
}
__attribute__((noreturn)) static void damaged(const char *what)
{
  die("damaged, %s at byte %" PRIu64, what, in.offset);
}

static void *orDie(void *memory)
{
  if (!memory)
    die("out of memory");
  return memory;
}

/* Returns an array with room for one more. */
static void *withRoom(void *array, size_t *room, size_t n, size_t size)
{
  if (n < *room)
    return array;
  *room = 2 * n + 16;
  return orDie(realloc(array, *room * size));
}

/* ---- the arena: what is stored in tables lies here, and is known by where it lies */

static struct {
  unsigned char *base;
  size_t used, size;
  object *freed; /* objects to be used again; linked by class */
} arena;

static void makeArena(void)
{
  arena.size = (size_t)1 << (sizeof(void *) == 8 ? 34 : 29);
  arena.base = mmap(NULL, arena.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (arena.base == MAP_FAILED)
    die("out of memory");
}

static void *take(size_t n)
{
  n = (n + 7) & ~(size_t)7;
  if (n > arena.size - arena.used)
    die("too large to replay here");
  arena.used += n;
  return arena.base + arena.used - n;
}

static object *newObject(uint64_t class, uint32_t hash)
{
  object *o = arena.freed;
  if (o)
    arena.freed = (object *)(uintptr_t)o->class;
  else
    o = take(sizeof *o);
  *o = (object){class, hash};
  return o;
}

static void freeObject(object *o)
{
  o->class = (uintptr_t)arena.freed;
  arena.freed = o;
}

/* ---- bytes */

/* The file ends here, before it should. */
__attribute__((noreturn)) static void cutOff(void)
{
  in.truncated = true;
  longjmp(in.end, 1);
}

static unsigned getByte(void)
{
  int c = getc_unlocked(in.file);
  if (c == EOF)
    cutOff();
  in.offset++;
  in.sum = traceSum(in.sum, (unsigned char)c);
  return (unsigned)c;
}

static uint64_t getVarint(void)
{
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    unsigned byte = getByte();
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return value;
  }
  damaged("a number too long");
}

static uint64_t getBelow(uint64_t limit, const char *what)
{
  uint64_t value = getVarint();
  if (value >= limit)
    damaged(what);
  return value;
}

/* Reads bytes into the arena, and a NUL behind them. A file that claims more than it has does not get the memory. */
static const unsigned char *getBytes(uint64_t n)
{
  size_t used = arena.used;
  if (n >= arena.size)
    damaged("a string too long");
  unsigned char *bytes = take((size_t)n + 1);
  arena.used = used; /* until they have come */
  for (uint64_t i = 0; i < n; i++)
    bytes[i] = (unsigned char)getByte();
  bytes[n] = 0;
  arena.used = used;
  return take((size_t)n + 1);
}

/* ---- blobs */

static void addBlob(const unsigned char *bytes, uint64_t n)
{
  in.blobs = withRoom(in.blobs, &in.roomBlobs, in.nblobs, sizeof *in.blobs);
  in.blobs[in.nblobs++] = (struct string){bytes, n};
}

static int compareSums(const void *a, const void *b)
{
  return (a > b) - (a < b);
}

/* Whether a string is a new one, which it is from now on no longer. */
static bool isNew(const unsigned char *bytes, uint64_t n)
{
  uint64_t sum = traceSumStart;
  for (uint64_t i = 0; i < n; i++)
    sum = traceSum(sum, bytes[i]);
  const void *key = (const void *)(uintptr_t)sum;
  if (tfind(key, &in.made, compareSums))
    return false;
  orDie(tsearch(key, &in.made, compareSums));
  return true;
}

static uint64_t nextRandom(uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

/* Chooses the last seven characters so that g_str_hash comes out as wanted: any 32-bit number has seven digits to base 33. */
static void aimHash(unsigned char *bytes, uint64_t n, uint32_t wanted)
{
  enum { digits = 7, base = 33, first = 'A' };
  memset(bytes + n - digits, first, digits);
  uint32_t rest = wanted - strHash(bytes, n);
  for (uint64_t i = n; i > n - digits; i--, rest /= base)
    bytes[i - 1] = (unsigned char)(first + rest % base);
}

/* Changes a string to the k-th that has its length and its g_str_hash: one character more, the next one 33 less, or the other way
 * round. Returns false if there is none. */
static bool sameHash(unsigned char *bytes, uint64_t n, uint64_t k)
{
  if (k / 2 + 2 > n)
    return false;
  unsigned char *at = bytes + n - 2 - k / 2;
  bool up = k % 2 == 0;
  if (up ? at[0] > 125 || at[1] < 34 : at[0] < 2 || at[1] > 93)
    return false;
  at[0] = (unsigned char)(up ? at[0] + 1 : at[0] - 1), at[1] = (unsigned char)(up ? at[1] - 33 : at[1] + 33);
  return true;
}

/* Makes up a string in place of one that was hidden. As many of its first characters as told are the last string's; where its
 * hash is told to be that of another string, it is, if that can be had. */
static void fillHidden(unsigned char *bytes, uint64_t n, uint64_t common, const struct string *same, uint64_t try)
{
  uint64_t state = in.nblobs << 16 | try;
  if (common)
    memcpy(bytes, in.lastHidden.bytes, common);
  for (uint64_t i = common; i < n; i++)
    bytes[i] = (unsigned char)('a' + nextRandom(&state) % 26);
  if (same && n >= common + 7) {
    aimHash(bytes, n, strHash(same->bytes, same->n));
  } else if (same && n == same->n) {
    memcpy(bytes, same->bytes, n);
    for (uint64_t k = 0, found = 0; found <= try && k < 2 * n; k++)
      found += sameHash(bytes, n, k);
  } else if (try > 40) {
    for (uint64_t i = 0; i < n; i++)
      bytes[i] = (unsigned char)(1 + nextRandom(&state) % 255);
  }
}

static void readHidden(void)
{
  uint64_t n = getBelow(arena.size, "a string too long"), common = getVarint(),
           same = getBelow(in.nblobs + 1, "a string's number");
  if (common > n || common > in.lastHidden.n)
    damaged("a string's beginning");
  unsigned char *bytes = take((size_t)n + 1);
  bytes[n] = 0;
  for (uint64_t try = 0; try < 1000; try++) {
    fillHidden(bytes, n, common, same ? &in.blobs[same - 1] : NULL, try);
    if (isNew(bytes, n))
      break;
  }
  addBlob(bytes, n);
  in.lastHidden = in.blobs[in.nblobs - 1];
}

/* ---- tables */

static tracedTable *readTable(bool isSame)
{
  if (!isSame) {
    in.lastId = getBelow(in.ntables, "a table's number");
    in.last = in.tables[in.lastId];
  }
  if (!in.last)
    damaged("a table that is not there");
  return in.last;
}

static void createTable(bool isSame, record *r)
{
  uint64_t id = isSame ? in.lastId : getVarint();
  if (id > in.ntables || (id < in.ntables && in.tables[id]))
    damaged("a new table's number");
  in.tables = withRoom(in.tables, &in.roomTables, id, sizeof(tracedTable *));
  in.ntables += id == in.ntables;
  r->table = in.last = in.tables[id] = orDie(calloc(1, sizeof *r->table));
  r->table->id = in.lastId = id;
  r->table->kind = (uint8_t)getBelow(traceKinds, "a kind of table");
  r->table->flags = (uint8_t)getBelow(8, "a table's flags");
  r->table->refs = 1;
  r->n = getVarint();
}

/* The replayer is done with a table. */
static void freeTable(tracedTable *t)
{
  for (size_t i = 0; i < t->room; i++)
    if (t->objects[i])
      freeObject(t->objects[i]);
  free(t->objects);
  free(t);
}

/* The table's number is free again. */
static void dropTable(tracedTable *t)
{
  in.tables[t->id] = NULL;
  in.last = NULL;
}

/* ---- records */

static uint64_t getDelta(uint64_t *last)
{
  return *last += unzigzag(getVarint());
}

static object *objectOf(const tracedTable *t, uint64_t class)
{
  return class < t->room ? t->objects[class] : NULL;
}

static void setObject(tracedTable *t, uint64_t class, object *o)
{
  if (class >= t->room) {
    size_t room = t->room;
    t->objects = withRoom(t->objects, &t->room, class, sizeof *t->objects);
    memset(t->objects + room, 0, (t->room - room) * sizeof *t->objects);
  }
  t->objects[class] = o;
}

static void checkBlob(const tracedTable *t, uint64_t number)
{
  uint64_t size = t->kind == traceInt ? 4 : t->kind == traceInt64 || t->kind == traceDouble ? 8 : 0;
  if (number >= in.nblobs || (size && in.blobs[number].n != size))
    damaged("the number of a string");
}

/* A key, which the table has if isStored says so. */
static void readKey(record *r, bool isStored)
{
  tracedTable *t = r->table;
  r->object = NULL;
  if (t->kind == traceOwn && !isStored) {
    r->hash = (uint32_t)getBelow((uint64_t)1 << 32, "a hash");
    return;
  }
  r->key = getDelta(&t->lastKey);
  if (t->kind == traceOwn && !(r->object = objectOf(t, r->key)))
    damaged("a key that the table does not have");
  if (t->kind != traceOwn && t->kind != traceDirect)
    checkBlob(t, r->key);
}

static void readStore(record *r)
{
  tracedTable *t = r->table;
  bool replaces = r->op >= opReplace && r->op <= opAdd;
  readKey(r, !r->result);
  if (t->kind == traceOwn && r->result) {
    uint64_t class = getBelow(t->n + t->peak + 1, "a key's number");
    if (objectOf(t, class))
      damaged("a key's number");
    setObject(t, class, r->object = newObject(class, r->hash));
  } else if (t->kind == traceOwn && replaces) {
    r->old = r->object;
    setObject(t, r->key, r->object = newObject(r->key, r->old->hash));
  }
  if (r->op == opInsert || r->op == opReplace || r->op == opEnter)
    r->value = getDelta(&t->lastValue);
  t->n += r->result;
  if (t->n > t->peak)
    t->peak = t->n;
}

/* One entry less. */
static void lose(record *r)
{
  if (r->table->n-- == 0)
    damaged("a key that the table does not have");
}

static void readRemoval(record *r)
{
  readKey(r, r->result);
  if (!r->result)
    return;
  lose(r);
  if (r->table->kind == traceOwn) {
    r->old = r->object;
    setObject(r->table, r->key, NULL);
  }
}

/* The entries that a walk did something with: keys, or objects, each with a value. */
static void readActed(record *r)
{
  r->nacted = getBelow(r->n + 1, "a walk");
  for (uint64_t i = 0; i < r->nacted; i++) {
    in.acted = withRoom(in.acted, &in.roomActed, 2 * i + 1, sizeof *in.acted);
    readKey(r, true);
    in.acted[2 * i] = r->object ? (uintptr_t)r->object : r->key;
    in.acted[2 * i + 1] = r->act == actReplace ? getDelta(&r->table->lastValue) : 0;
    if (r->act == actReplace)
      continue;
    lose(r);
    if (r->object)
      setObject(r->table, r->key, NULL);
  }
  r->acted = in.acted;
}

/* All entries go. Whoever reads records frees their objects, which in.acted lists. */
static void empty(record *r)
{
  tracedTable *t = r->table;
  r->nacted = 0;
  for (size_t i = 0; i < t->room; i++)
    if (t->objects[i]) {
      in.acted = withRoom(in.acted, &in.roomActed, 2 * r->nacted + 1, sizeof *in.acted);
      in.acted[2 * r->nacted++] = (uintptr_t)t->objects[i];
      t->objects[i] = NULL;
    }
  r->acted = in.acted;
  t->n = 0;
}

static void readWalk(record *r)
{
  r->how = (unsigned)getBelow(traceWalks, "a walk");
  r->act = (unsigned)getBelow(traceActs, "a walk");
  r->flags = (unsigned)getBelow(4, "a walk");
  r->steps = getVarint();
  if (r->flags & walkAll) {
    if (r->act == actNone || r->act == actReplace || r->steps != r->n)
      damaged("a walk");
    empty(r);
  } else if (r->act != actNone) {
    readActed(r);
  }
}

static void readTableRecord(record *r, bool isSame)
{
  if (r->op == opCreate) {
    createTable(isSame, r);
    return;
  }
  tracedTable *t = r->table = readTable(isSame);
  r->n = t->n;
  if ((t->kind == traceSearch) != (r->op >= opEnter) && r->op != opDestroy && r->op != opForget)
    damaged("an operation that the table does not have");
  if ((r->op >= opInsert && r->op <= opAdd) || r->op == opEnter)
    readStore(r);
  else if (r->op == opRemove || r->op == opSteal || r->op == opStealExtended)
    readRemoval(r);
  else if ((r->op >= opLookup && r->op <= opContains) || r->op == opFind)
    readKey(r, r->result);
  else if (r->op == opEnterFull)
    readKey(r, false);
  else if (r->op >= opRemoveAll && r->op <= opStealAllValues)
    empty(r);
  else if (r->op == opWalk)
    readWalk(r);
  else if (r->op == opRef)
    t->refs++;
  else if (r->op == opUnref || r->op == opDestroy) {
    if (r->result != (--t->refs == 0))
      damaged("the end of a table");
    if (r->op == opDestroy)
      empty(r);
  }
  if (r->op == opForget || ((r->op == opUnref || r->op == opDestroy) && r->result))
    dropTable(t);
}

/* The end that was written as one. */
static void readEnd(void)
{
  uint64_t sum = in.sum;
  in.why = getBelow(3, "the reason for its end");
  for (int shift = 0; shift < 64; shift += 8)
    if (getByte() != (unsigned char)(sum >> shift))
      damaged("the sum of all bytes before is another");
  if (getc_unlocked(in.file) != EOF)
    damaged("something behind its end");
}

/* Reads the next record of an operation. Returns false at the end. */
static bool readRecord(record *r)
{
  for (;;) {
    if (setjmp(in.end))
      return false;
    uint64_t sum = in.sum;
    unsigned byte = getByte();
    *r = (record){.op = byte >> traceOpShift, .result = byte & traceTrue};
    switch (r->op) {
    case opNothing: /* the program was killed; what was made ready for more is empty */
      for (int c; (c = getc_unlocked(in.file)) != EOF;)
        if (c || byte)
          damaged("a record that there is not");
      in.truncated = true;
      return false;
    case opEnd:
      in.sum = sum;
      readEnd();
      return false;
    case opThread:
      in.nthreads += getBelow(in.nthreads + 1, "a thread's number") == in.nthreads;
      break;
    case opBlob: {
      uint64_t n = getVarint();
      addBlob(getBytes(n), n);
      break;
    }
    case opHidden:
      readHidden();
      break;
    default:
      if (r->op >= traceOps)
        damaged("a record that there is not");
      readTableRecord(r, byte & traceSame);
      return true;
    }
  }
}

static void readHeader(void)
{
  char magic[traceMagicSize];
  if (setjmp(in.end))
    die("no trace of hmap record's: it is too short");
  for (unsigned i = 0; i < traceMagicSize; i++)
    if ((unsigned char)(magic[i] = (char)getByte()) != (unsigned char)TRACE_MAGIC[i])
      die("no trace of hmap record's");
  if (getVarint() != traceVersion)
    die("of another version of hmap record: record it anew");
  in.hidden = getVarint() & traceHidden;
  in.wordBits = (unsigned)getVarint();
  if (in.wordBits != 8 * sizeof(void *))
    die("recorded where addresses have %u bits; here they have %zu", in.wordBits, 8 * sizeof(void *));
  uint64_t n = getBelow(4096, "the program's name");
  in.program = (char *)(uintptr_t)getBytes(n);
}

static void openTrace(const char *name)
{
  in.name = name;
  in.sum = traceSumStart;
  in.lastId = UINT64_MAX;
  makeArena();
  in.file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
  if (!in.file)
    die("%s", strerror(errno));
  readHeader();
}
