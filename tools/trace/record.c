/* record.c: libhmap-record, which writes the trace that hmap record asks for. The two libraries that stand in front of GLib and
 * of libc, record-glib.c and record-search.c, tell it what was called and what came of it.
 *
 * HMAP_TRACE names the file. It is written through a window that is mapped, so that a program that is killed leaves all that it
 * has done, and opened by its name for each window, because programs close descriptors that they do not know. A forked child goes
 * on with a copy of what its parent had written, in FILE.PID; so does a program that another one starts, without a copy.
 *
 * A table is known by its address. Of its contents only what the encoding needs is kept: the words before, for differences; and
 * for tables with functions of the program's own, which stored key has which number. */
#define _GNU_SOURCE
#include "record.h"
#include <errno.h>
#include <fcntl.h>
#include <hmap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { windowSize = 1 << 20, maxRegions = 100, regionShift = 40, anchorBits = 12, maxWalks = 16 };

/* A walk that has begun. */
typedef struct walk {
  struct walk *next;
  const void *id, *current; /* the iterator; the key where it stands */
  uint64_t steps, *acted;   /* since the last record of it; keys that act was done with, and a value with each */
  size_t nacted, room;
  uint8_t how, act;
  bool at; /* current counts */
} walk;

struct traced {
  uint64_t id, n, refs;
  uint64_t lastKey, lastValue;
  const void *address;
  unsigned (*hash)(const void *key);
  hmap *classes; /* traceOwn: the number of each stored key */
  uint64_t *freeClasses;
  size_t nfree, roomFree;
  uint64_t nextClass;
  walk *walks;
  uint8_t kind, flags;
};

static struct {
  pthread_mutex_t lock;
  pthread_once_t once;
  bool on, hide;
  char *file;                            /* absolute */
  uint64_t limit, start, inherited, sum; /* bytes; where the window begins; of the parent's file, to be copied first; traceSum */
  unsigned char *window, *at, *end;      /* NULL before the first record */
  hmap *tables, *strings, *numbers, *hashes; /* by address; blobs by content; hidden strings by g_str_hash */
  uint64_t nblobs, ntables, lastTable, thread, nthreads;
  uint64_t *freeTables;
  size_t nfree, roomFree;
  uint64_t regions[maxRegions]; /* where each begins */
  unsigned nregions;
  const char *last; /* the last hidden string */
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static __thread uint64_t threadNumber; /* from 1 on */

/* ---- the file */

static void complain(const char *why)
{
  fprintf(stderr, "hmap record: %s: %s; the trace ends here\n", trace.file, why);
}

/* Opens the next window. Returns false if it cannot be had: recording is over. */
static bool openWindow(void)
{
  int fd = open(trace.file, O_RDWR | O_CLOEXEC | O_NOFOLLOW), error = fd < 0 ? errno : 0;
  void *window = MAP_FAILED;
  if (fd >= 0 && !(error = posix_fallocate(fd, (off_t)trace.start, windowSize))) {
    window = mmap(NULL, windowSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)trace.start);
    error = errno;
  }
  if (fd >= 0)
    close(fd);
  if (window == MAP_FAILED) {
    trace.on = false;
    trace.window = trace.at = trace.end = NULL;
    complain(strerror(error));
    return false;
  }
  trace.window = trace.at = window;
  trace.end = trace.window + windowSize;
  return true;
}

static void closeWindow(void)
{
  if (trace.window)
    munmap(trace.window, windowSize);
  trace.window = trace.at = trace.end = NULL;
}

static uint64_t written(void)
{
  return trace.start + (uint64_t)(trace.at - trace.window);
}

static void put(const void *bytes, size_t n)
{
  const unsigned char *from = bytes;
  while (n && trace.on) {
    if (trace.at == trace.end) {
      closeWindow();
      trace.start += windowSize;
      if (!openWindow())
        return;
    }
    size_t part = (size_t)(trace.end - trace.at);
    part = part < n ? part : n;
    for (size_t i = 0; i < part; i++)
      trace.sum = traceSum(trace.sum, from[i]);
    memcpy(trace.at, from, part);
    trace.at += part, from += part, n -= part;
  }
}

static void putVarint(uint64_t value)
{
  unsigned char bytes[10], *p = bytes;
  for (; value >= 0x80; value >>= 7)
    *p++ = (unsigned char)(value | 0x80);
  *p++ = (unsigned char)value;
  put(bytes, (size_t)(p - bytes));
}

static void putBytes(const void *bytes, size_t n)
{
  putVarint(n);
  put(bytes, n);
}

static void putOp(unsigned op, unsigned bits)
{
  unsigned char byte = (unsigned char)(op << traceOpShift | bits);
  put(&byte, 1);
}

/* The trace ends. The lock is held, or nobody else is there. */
static void finish(unsigned why)
{
  if (!trace.on)
    return;
  if (trace.window) {
    uint64_t sum = trace.sum;
    putOp(opEnd, 0);
    putVarint(why);
    for (int shift = 0; shift < 64; shift += 8)
      put(&(unsigned char){(unsigned char)(sum >> shift)}, 1);
    uint64_t size = written();
    closeWindow();
    if (trace.on && truncate(trace.file, (off_t)size))
      complain(strerror(errno));
  }
  trace.on = false;
}

/* NULL ends the trace. */
static void *orFinish(void *memory)
{
  if (!memory)
    finish(endMemory);
  return memory;
}

static void *grown(void *array, size_t *room, size_t n, size_t size)
{
  if (n < *room)
    return array;
  void *bigger = orFinish(realloc(array, (2 * *room + 8) * size));
  if (bigger)
    *room = 2 * *room + 8;
  return bigger;
}

/* Makes the file, which must not be there yet: its name is HMAP_TRACE's, or that with the number of the process behind it. */
static bool makeFile(void)
{
  int fd = open(trace.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno == EEXIST) {
    size_t n = strlen(trace.file) + 24;
    char *name = malloc(n);
    if (!name)
      return false;
    snprintf(name, n, "%s.%ld", trace.file, (long)getpid());
    free(trace.file);
    trace.file = name;
    fd = open(trace.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  }
  if (fd < 0)
    return false;
  close(fd);
  return true;
}

static void putHeader(void)
{
  trace.sum = traceSumStart;
  put(TRACE_MAGIC, traceMagicSize);
  putVarint(traceVersion);
  putVarint(trace.hide ? traceHidden : 0);
  putVarint(8 * sizeof(void *));
  putBytes(program_invocation_short_name, strlen(program_invocation_short_name));
}

/* What the parent had written when it forked. */
static bool copyInherited(const char *from)
{
  unsigned char buffer[1 << 16];
  uint64_t left = trace.inherited;
  trace.sum = traceSumStart;
  int fd = open(from, O_RDONLY | O_CLOEXEC);
  while (fd >= 0 && left && trace.on) {
    ssize_t n = read(fd, buffer, left < sizeof buffer ? (size_t)left : sizeof buffer);
    if (n <= 0)
      break;
    put(buffer, (size_t)n);
    left -= (uint64_t)n;
  }
  if (fd >= 0)
    close(fd);
  return left == 0;
}

/* Sees to it that there is a file, before the first record. */
static bool begun(void)
{
  if (!trace.on || trace.window)
    return trace.on;
  char *parents = trace.inherited ? strdup(trace.file) : NULL;
  trace.start = 0;
  if (!makeFile()) {
    trace.on = false;
    complain(strerror(errno));
  } else if (openWindow()) {
    if (!trace.inherited)
      putHeader();
    else if (!parents || !copyInherited(parents))
      trace.on = false;
  }
  free(parents);
  return trace.on;
}

/* ---- forks, the beginning and the end */

static void beforeFork(void)
{
  pthread_mutex_lock(&trace.lock);
}
static void afterForkHere(void)
{
  pthread_mutex_unlock(&trace.lock);
}
/* The child's file is made at its first record, if one comes. */
static void afterForkThere(void)
{
  if (trace.window) {
    trace.inherited = written();
    closeWindow();
  }
  pthread_mutex_init(&trace.lock, NULL);
}

static void beginTrace(void)
{
  const char *file = secure_getenv("HMAP_TRACE"), *limit = secure_getenv("HMAP_TRACE_LIMIT");
  const hmap_type byAddress = {.key_size = sizeof(void *), .elem_size = sizeof(traced *)};
  const hmap_type byString = {.kind = HMAP_STRING, .elem_size = sizeof(uint64_t)};
  const hmap_type byNumber = {.key_size = 16, .elem_size = sizeof(uint64_t)};
  const hmap_type byHash = {.key_size = 4, .elem_size = sizeof(uint64_t)};
  if (!file || *file != '/' || !(trace.file = strdup(file)))
    return;
  trace.limit = limit ? strtoull(limit, NULL, 10) : UINT64_MAX;
  trace.hide = secure_getenv("HMAP_TRACE_HASH_STRINGS") != NULL;
  trace.tables = hmap_make(&byAddress, 0);
  trace.strings = hmap_make(&byString, 0);
  trace.numbers = hmap_make(&byNumber, 0);
  trace.hashes = hmap_make(&byHash, 0);
  trace.lastTable = UINT64_MAX;
  trace.on = trace.tables && trace.strings && trace.numbers && trace.hashes;
  pthread_atfork(beforeFork, afterForkHere, afterForkThere);
}

__attribute__((destructor)) static void endTrace(void)
{
  pthread_mutex_lock(&trace.lock);
  finish(endExit);
  pthread_mutex_unlock(&trace.lock);
}

void hmap_record_lock(void)
{
  pthread_once(&trace.once, beginTrace);
  pthread_mutex_lock(&trace.lock);
}
void hmap_record_unlock(void)
{
  pthread_mutex_unlock(&trace.lock);
}

/* ---- words, blobs and keys */

/* Addresses as distances: those of one region keep theirs to each other, and it begins at a place that depends on its number
 * alone, so that two runs of a program give one trace. What lies below 4 GiB, or beyond what can be an address, is as it is. */
static uint64_t plainWord(const void *pointer)
{
  uint64_t word = (uintptr_t)pointer;
  const uint64_t near = (uint64_t)1 << (regionShift - 1);
  if (sizeof(void *) < 8 || word < (uint64_t)1 << 32 || word >= (uint64_t)1 << 47)
    return word;
  for (unsigned i = 0; i < trace.nregions; i++)
    if (word - trace.regions[i] + near < 2 * near)
      return word - trace.regions[i] + ((uint64_t)(i + 1) << regionShift);
  if (trace.nregions == maxRegions)
    return word;
  trace.regions[trace.nregions++] = word >> anchorBits << anchorBits;
  return plainWord(pointer);
}

/* Of a hidden string: its length, what it has in common with the one before, and a string that g_str_hash takes it for. */
static void putHidden(const char *string, size_t n)
{
  uint32_t hash = strHash((const unsigned char *)string, n);
  size_t common = 0;
  while (trace.last && common < n && string[common] == trace.last[common])
    common++;
  uint64_t *same = hmap_access(trace.hashes, &hash), *first;
  putOp(opHidden, 0);
  putVarint(n);
  putVarint(common);
  putVarint(same ? *same + 1 : 0);
  if (!same && (first = orFinish(hmap_assign(trace.hashes, &hash))))
    *first = trace.nblobs;
  trace.last = string;
}

/* The number of a string, which is written when it is met first. */
static uint64_t stringNumber(const char *string)
{
  uint64_t *number = hmap_access(trace.strings, &string);
  if (number)
    return *number;
  const char *copy = orFinish(strdup(string));
  if (!copy || !(number = orFinish(hmap_assign(trace.strings, &copy))))
    return 0;
  if (trace.hide) {
    putHidden(copy, strlen(copy));
  } else {
    putOp(opBlob, 0);
    putBytes(copy, strlen(copy));
  }
  return *number = trace.nblobs++;
}

/* The same for what a gint, gint64 or gdouble is. */
static uint64_t numberOf(const void *bytes, size_t n)
{
  uint64_t content[2] = {n, 0};
  memcpy(&content[1], bytes, n);
  uint64_t *number = hmap_access(trace.numbers, content);
  if (number)
    return *number;
  if (!(number = orFinish(hmap_assign(trace.numbers, content))))
    return 0;
  putOp(opBlob, 0);
  putBytes(bytes, n);
  return *number = trace.nblobs++;
}

static bool pushed(uint64_t **array, size_t *n, size_t *room, uint64_t value)
{
  uint64_t *bigger = grown(*array, room, *n, sizeof value);
  if (!bigger)
    return false;
  *array = bigger;
  bigger[(*n)++] = value;
  return true;
}

static uint64_t classOf(traced *t, const void *stored)
{
  uint64_t *class = hmap_access(t->classes, &stored);
  return class ? *class : UINT64_MAX;
}

static uint64_t addClass(traced *t, const void *stored)
{
  uint64_t *class = orFinish(hmap_assign(t->classes, &stored));
  if (!class)
    return 0;
  return *class = t->nfree ? t->freeClasses[--t->nfree] : t->nextClass++;
}

static void dropClass(traced *t, const void *stored)
{
  uint64_t class = classOf(t, stored);
  if (class != UINT64_MAX && pushed(&t->freeClasses, &t->nfree, &t->roomFree, class))
    hmap_delete(t->classes, &stored);
}

static void dropClasses(traced *t)
{
  hmap_clear(t->classes);
  t->nextClass = t->nfree = 0;
}

/* What stands for a key in the trace: a word, the number of a blob, or of a stored key. */
static uint64_t identity(traced *t, const void *key)
{
  switch (t->kind) {
  case traceDirect:
    return plainWord(key);
  case traceInt:
    return numberOf(key, 4);
  case traceInt64:
  case traceDouble:
    return numberOf(key, 8);
  case traceOwn:
    return classOf(t, key);
  default:
    return stringNumber(key);
  }
}

static void putDelta(uint64_t *last, uint64_t value)
{
  putVarint(zigzag(value - *last));
  *last = value;
}

/* ---- tables */

static void putThread(void)
{
  if (!threadNumber)
    threadNumber = ++trace.nthreads;
  if (threadNumber == trace.thread)
    return;
  trace.thread = threadNumber;
  putOp(opThread, 0);
  putVarint(threadNumber - 1);
}

/* A record of a table. */
static void putTableOp(traced *t, unsigned op, bool result)
{
  bool same = t->id == trace.lastTable;
  putThread();
  putOp(op, (result ? traceTrue : 0) | (same ? traceSame : 0));
  if (!same)
    putVarint(t->id);
  trace.lastTable = t->id;
}

/* Whether something may be recorded. */
static bool ready(void)
{
  if (!begun())
    return false;
  if (written() < trace.limit)
    return true;
  finish(endLimit);
  return false;
}

traced *hmap_record_find(const void *address)
{
  traced **found = trace.on ? hmap_access(trace.tables, &address) : NULL;
  return found && ready() ? *found : NULL;
}

tracedFacts hmap_record_peek(const void *address)
{
  hmap_record_lock();
  traced **found = trace.on ? hmap_access(trace.tables, &address) : NULL;
  tracedFacts facts = {0};
  if (found)
    facts = (tracedFacts){true, (*found)->kind, (*found)->flags, (*found)->hash};
  hmap_record_unlock();
  return facts;
}

static void freeWalk(walk *w)
{
  free(w->acted);
  free(w);
}

/* A table leaves the trace. */
static void dropTable(traced *t)
{
  while (t->walks) {
    walk *next = t->walks->next;
    freeWalk(t->walks);
    t->walks = next;
  }
  pushed(&trace.freeTables, &trace.nfree, &trace.roomFree, t->id);
  hmap_delete(trace.tables, &t->address);
  hmap_free(t->classes);
  free(t->freeClasses);
  free(t);
}

/* Something has happened to a table that nobody told us. */
static void forget(traced *t)
{
  putTableOp(t, opForget, false);
  dropTable(t);
}

static traced *newTraced(const void *address, uint8_t kind)
{
  const hmap_type byAddress = {.key_size = sizeof(void *), .elem_size = sizeof(uint64_t)};
  traced *t = orFinish(calloc(1, sizeof *t));
  if (t && kind == traceOwn && !(t->classes = orFinish(hmap_make(&byAddress, 0)))) {
    free(t);
    return NULL;
  }
  traced **slot = t ? orFinish(hmap_assign(trace.tables, &address)) : NULL;
  if (slot)
    *slot = t;
  return slot ? t : NULL;
}

traced *hmap_record_create(const void *address, uint8_t kind, uint8_t flags, uint64_t nel, unsigned (*hash)(const void *key))
{
  if (!ready())
    return NULL;
  traced *old = hmap_record_find(address), *t;
  if (old)
    forget(old);
  if (!(t = newTraced(address, kind)))
    return NULL;
  t->id = trace.nfree ? trace.freeTables[--trace.nfree] : trace.ntables++;
  t->address = address, t->kind = kind, t->flags = flags, t->hash = hash, t->refs = 1;
  putTableOp(t, opCreate, false);
  putVarint(kind);
  putVarint(flags);
  putVarint(nel);
  return t;
}

/* ---- walks */

static walk *findWalk(traced *t, const void *id)
{
  walk *w = t->walks;
  while (w && w->id != id)
    w = w->next;
  return w;
}

/* Writes what a walk has done since its last record. */
static void putWalk(traced *t, walk *w, bool complete)
{
  bool all = complete && (w->act == actRemove || w->act == actSteal) && w->nacted / 2 == w->steps && t->n == 0;
  putTableOp(t, opWalk, complete);
  putVarint(w->how);
  putVarint(w->act);
  putVarint((complete ? walkComplete : 0) | (all ? walkAll : 0));
  putVarint(w->steps);
  if (w->act != actNone && !all) {
    putVarint(w->nacted / 2);
    for (size_t i = 0; i < w->nacted; i += 2) {
      putDelta(&t->lastKey, w->acted[i]);
      if (w->act == actReplace)
        putDelta(&t->lastValue, w->acted[i + 1]);
    }
  }
  w->steps = w->nacted = 0, w->act = actNone;
}

static void closeWalk(traced *t, walk *w, bool complete)
{
  walk **link = &t->walks;
  if (w->steps || complete)
    putWalk(t, w, complete);
  while (*link != w)
    link = &(*link)->next;
  *link = w->next;
  freeWalk(w);
}

/* Before something else is recorded of a table: what walks have removed comes first; and what changes the table ends them, but
 * for the one that does it. */
static void settleWalks(traced *t, bool changes, const walk *but)
{
  for (walk *w = t->walks, *next; w; w = next) {
    next = w->next;
    if (w == but)
      continue;
    if (changes)
      closeWalk(t, w, false);
    else if (w->nacted)
      putWalk(t, w, false);
  }
}

void hmap_record_walk(traced *t, const void *id, unsigned how)
{
  unsigned n = 0;
  settleWalks(t, false, NULL);
  for (walk *w = t->walks, *next; w; w = next) {
    next = w->next;
    if (w->id == id || ++n >= maxWalks)
      closeWalk(t, w, false);
  }
  walk *w = orFinish(calloc(1, sizeof *w));
  if (w)
    *w = (walk){.id = id, .how = (uint8_t)how, .next = t->walks}, t->walks = w;
}

void hmap_record_step(traced *t, const void *id, const void *key)
{
  walk *w = findWalk(t, id);
  if (!w) { /* a copy of an iterator */
    hmap_record_walk(t, id, walkIter);
    w = findWalk(t, id);
  }
  if (w)
    w->steps++, w->current = key, w->at = true;
}

void hmap_record_act(traced *t, const void *id, unsigned act, const void *value)
{
  walk *w = findWalk(t, id);
  if (!w || !w->at)
    return forget(t);
  if (w->nacted && w->act != act)
    putWalk(t, w, false);
  settleWalks(t, act != actReplace, w);
  uint64_t key = identity(t, w->current);
  w->act = (uint8_t)act;
  if (!pushed(&w->acted, &w->nacted, &w->room, key) || !pushed(&w->acted, &w->nacted, &w->room, plainWord(value)) ||
      act == actReplace)
    return;
  t->n--;
  w->at = false;
  if (t->kind == traceOwn)
    dropClass(t, w->current);
}

void hmap_record_walked(traced *t, const void *id, bool complete)
{
  walk *w = findWalk(t, id);
  if (w)
    closeWalk(t, w, complete);
}

/* ---- operations */

void hmap_record_ref(traced *t)
{
  t->refs++;
  putTableOp(t, opRef, false);
}

void hmap_record_unref(traced *t, unsigned op)
{
  bool last = --t->refs == 0;
  if (last || op == opDestroy)
    settleWalks(t, true, NULL);
  putTableOp(t, op, last);
  if (op == opDestroy) {
    t->n = 0;
    if (t->kind == traceOwn)
      dropClasses(t);
  }
  if (last)
    dropTable(t);
}

/* A key that is given: if it is stored already, what stands for that; else, in tables of traceOwn, its hash. */
static void putKey(traced *t, const tracedKey *key, uint64_t number)
{
  if (t->kind == traceOwn && !key->isStored)
    putVarint(key->hash);
  else
    putDelta(&t->lastKey, number);
}

/* The number of a given key, before the record begins. Returns false if the stored key is not one that we know. */
static bool numbered(traced *t, const tracedKey *key, uint64_t *number)
{
  *number = 0;
  if (t->kind != traceOwn)
    *number = identity(t, key->pointer);
  else if (key->isStored && (*number = classOf(t, key->stored)) == UINT64_MAX) {
    forget(t);
    return false;
  }
  return true;
}

/* A stored key gives way to the one that is given. */
static void replaceKey(traced *t, const tracedKey *key, uint64_t number)
{
  for (walk *w = t->walks; w; w = w->next)
    if (w->at && identity(t, w->current) == number)
      w->current = key->pointer;
  if (t->kind != traceOwn || key->stored == key->pointer)
    return;
  hmap_delete(t->classes, &key->stored);
  uint64_t *class = orFinish(hmap_assign(t->classes, &key->pointer));
  if (class)
    *class = number;
}

void hmap_record_store(traced *t, unsigned op, bool isNew, const tracedKey *key, const void *value)
{
  uint64_t number, word = plainWord(value);
  if (!numbered(t, key, &number))
    return;
  settleWalks(t, isNew, NULL);
  putTableOp(t, op, isNew);
  putKey(t, key, number);
  t->n += isNew;
  if (t->kind == traceOwn && isNew)
    putVarint(addClass(t, key->pointer));
  else if (!isNew && op >= opReplace && op <= opAdd)
    replaceKey(t, key, number);
  if (op == opInsert || op == opReplace || op == opEnter)
    putDelta(&t->lastValue, word);
}

void hmap_record_key(traced *t, unsigned op, bool result, const tracedKey *key)
{
  uint64_t number;
  bool removes = op == opRemove || op == opSteal || op == opStealExtended;
  if (!numbered(t, key, &number))
    return;
  settleWalks(t, removes && result, NULL);
  putTableOp(t, op, result);
  if (t->kind == traceOwn && !result && key->isStored) { /* a value of NULL: a hit for the table, if not for who asked */
    putVarint(key->hash);
    return;
  }
  putKey(t, key, number);
  if (!removes || !result)
    return;
  t->n--;
  if (t->kind == traceOwn)
    dropClass(t, key->stored);
}

/* An operation without a key. size is what the table was seen to hold, for those that tell. */
void hmap_record_op(traced *t, unsigned op, uint64_t size)
{
  bool empties = op >= opRemoveAll && op <= opStealAllValues;
  settleWalks(t, empties, NULL);
  if (!empties && size != t->n) {
    forget(t);
    return;
  }
  putTableOp(t, op, false);
  if (!empties)
    return;
  t->n = 0;
  if (t->kind == traceOwn)
    dropClasses(t);
}
