/* hsearch.c: libhmap-search, which a program links in front of libc to have hsearch(3) on hmap. All six functions behave as
 * glibc's do, but for two things: a table has no capacity and grows for as long as there is memory, and where glibc crashes
 * because there is no table or no key, they return an error.
 *
 * A caller may keep the ENTRY * that he gets until hdestroy, and write through it. So entries do not stand in buckets, which
 * growth moves, but in slabs, which nothing moves; a slot of a bucket is one pointer to an entry:
 *
 *   struct hsearch_data        table                 slab (the newest)        slab
 *   +----------------+      +-----------+          +----------------+      +----------------+
 *   | table         -+----->| mark      |    +---->| next          -+----->| next: NULL     |
 *   | size, filled   |      | h  -------+-+  |     | n, used        |      | n, used        |
 *   +----------------+      | slabs ----+-|--+     | entry 0        |      | entry 0        |
 *                           +-----------+ |    +-->| entry 1        |      | ...            |
 *                                         |    |   | ...            |      | entry n-1      |
 *                        hmap's buckets <-+    |   +----------------+      +----------------+
 *                        | 8 hashes | ENTRY * -+ ... ENTRY * |
 *
 * struct hsearch_data is the caller's: he may copy and move it, so nothing points to it, and it has room for no more than the one
 * pointer. Keys are the caller's too. They are never copied or freed, and read only where the 32 stored bits of the hash agree:
 * growth reads none, so a key that was freed or changed behind the table's back does no harm to others. */
#define HMAP_API static
#define HMAP_SHIM
#define HMAP_LIBRARY "libhmap-search"
#include "../lib/engine.c"
#include <limits.h>
#include <search.h>

enum {
  firstSlab = 30,     /* entries in the first slab; each has twice as many as the one before it, */
  maxSlab = 64 << 10, /* but not more than this many bytes, so that no call asks for much at once */
  maxRoom = 50000     /* entries that hcreate makes room for at most: a program that names a million mostly has few, and those
                         would touch as many segments; what comes after that is a growth like any other */
};

/* Entries that stay where they are. */
typedef struct slab {
  struct slab *next; /* the one made before */
  size_t n, used;    /* entries there is room for; taken */
  ENTRY entries[];
} slab;

/* What a struct hsearch_data points to. */
typedef struct searchTable {
  uint64_t mark; /* tableMark: a debugger, and a test, can tell our tables from libc's */
  hmap h;
  slab *slabs; /* the newest first; NULL without entries */
} searchTable;
static const uint64_t tableMark = 0x6863726165736d68; /* "hmsearch" */

/* What a struct hsearch_data is to us. The two numbers are for who reads them in glibc's, and are never read here but to keep
 * them plausible. */
typedef struct __attribute__((may_alias)) searchData {
  searchTable *table;    /* NULL: none was made */
  unsigned size, filled; /* filled < size */
} searchData;
_Static_assert(sizeof(searchData) == sizeof(struct hsearch_data), "fits in libc's struct");

/* The table of hcreate, hsearch and hdestroy. */
static searchData global;

static uint64_t rehashEntryKey(const maptype *t, unsigned char *slot, const hmap_seed *seed)
{
  const ENTRY *e = *(ENTRY **)(void *)slot;
  (void)t;
  return siphash13(e->key, strlen(e->key), seed);
}

/* A key, for the engine, is the address of an entry. Its layout as constants, so that the probe loop is compiled for it. */
static const maptype entryType = {
    .alg = algStr,
    .rehash = rehashEntryKey,
    .stored = true,
    .keysize = sizeof(ENTRY *),
    .slotoff = bucketCnt * sizeof(uint32_t),
    .elemoff = sizeof(ENTRY *),
    .slotsize = sizeof(ENTRY *),
    .blocksize = bucketCnt * (sizeof(uint32_t) + sizeof(ENTRY *)),
    .align = 8,
    .segbits = SEGBITS(bucketCnt * (sizeof(uint32_t) + sizeof(ENTRY *))),
};

/* The slot of an entry. */
ALWAYS_INLINE ENTRY **entrySlot(const maptype *t, unsigned char *block, unsigned i)
{
  return (ENTRY **)(void *)slotOf(t, block, i);
}

ALWAYS_INLINE bool equalEntry(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k,
                              const void *key)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && sameString((*entrySlot(t, block, i))->key, key, k->n);
}

/* HMAP_CHECK=1 asks for an end with a message where threads use a table in a way that they may not. */
static bool checkAsked(void)
{
  const char *s = secure_getenv("HMAP_CHECK");
  return s && strcmp(s, "1") == 0;
}

/* Returns an empty table with room for nel entries, or as many as is good, or NULL if there is no memory. */
static searchTable *newTable(size_t nel)
{
  searchTable *t = malloc(sizeof *t);
  if (!t)
    return NULL;
  if (!makemap(&t->h, &entryType, nel < maxRoom ? nel : maxRoom)) {
    free(t);
    return NULL;
  }
  t->mark = tableMark;
  t->slabs = NULL;
  if (checkAsked())
    setFlags(&t->h, flagsOf(&t->h) | hashChecked);
  return t;
}

/* Puts an empty slab in front of a table's. Returns it, or NULL if there is no memory. */
static slab *newSlab(searchTable *t)
{
  const size_t most = (maxSlab - sizeof(slab)) / sizeof(ENTRY);
  size_t n = t->slabs ? 2 * t->slabs->n : firstSlab;
  if (n > most)
    n = most;
  slab *s = malloc(sizeof *s + n * sizeof(ENTRY));
  if (!s)
    return NULL;
  s->next = t->slabs;
  s->n = n;
  s->used = 0;
  t->slabs = s;
  return s;
}

/* Returns memory for one more entry, or NULL if there is none. */
static ENTRY *newEntry(searchTable *t)
{
  slab *s = t->slabs;
  if (!s || s->used == s->n)
    s = newSlab(t);
  return s ? &s->entries[s->used++] : NULL;
}

/* Returns the entry with a key, or NULL with errno ESRCH. Writes nothing, so any number of threads may do it at once. */
static ENTRY *find(const searchTable *t, const char *key)
{
  if (t && t->h.buckets) {
    place at;
    keyhash k = strkeyhash(&t->h, &entryType, key);
    checkRead(&t->h, "hsearch FIND during ENTER");
    if (mapaccessb(&t->h, &entryType, k, key, equalEntry, &at))
      return *entrySlot(&entryType, at.block, at.i);
  }
  errno = ESRCH;
  return NULL;
}

/* Writes a new entry to its slot. Returns it, or NULL, with the slot empty again, if there is no memory. */
static ENTRY *fillEntry(searchTable *t, place *at, ENTRY item)
{
  ENTRY *e = newEntry(t);
  if (!e) {
    mapdelete(&t->h, at);
    return NULL;
  }
  *e = item;
  *entrySlot(&entryType, at->block, at->i) = e;
  return e;
}

/* Lets the numbers in the caller's struct say what they would in glibc's, had that a larger table. */
static void updateNumbers(searchData *d)
{
  size_t n = d->table->h.count;
  d->filled = n < UINT_MAX ? (unsigned)n : UINT_MAX - 1;
  if (d->filled >= d->size)
    d->size = d->size < UINT_MAX / 2 ? 2 * d->size + 1 : UINT_MAX;
}

/* Returns the entry with item's key, which is added if it is not there; or NULL with errno ENOMEM and the table as it was. What
 * the engine tries in vain, a growth for instance, leaves no trace in errno. */
static ENTRY *enter(searchData *d, ENTRY item)
{
  searchTable *t = d->table;
  if (t) {
    place at;
    int before = errno;
    ENTRY *e = NULL;
    heedAlarm(&t->h);
    if (needBuckets(&t->h)) {
      keyhash k = strkeyhash(&t->h, &entryType, item.key);
      bool found = mapassign(&t->h, &entryType, k, item.key, equalEntry, &at);
      if (found)
        e = *entrySlot(&entryType, at.block, at.i);
      else if (at.b && (e = fillEntry(t, &at, item)))
        updateNumbers(d);
    }
    errno = before;
    if (e)
      return e;
  }
  errno = ENOMEM;
  return NULL;
}

static int create(size_t nel, searchData *d)
{
  const unsigned lastPrime = UINT_MAX - 4; /* the largest size that glibc's tables can have */
  int before = errno;
  if (d->table)
    return 0;
  searchTable *t = nel <= lastPrime ? newTable(nel) : NULL;
  if (!t) {
    errno = ENOMEM;
    return 0;
  }
  *d = (searchData){.table = t, .size = nel < 3 ? 3 : (unsigned)nel | 1};
  errno = before;
  return 1;
}

static ENTRY *search(ENTRY item, ACTION action, searchData *d)
{
  if (unlikely(!item.key)) {
    errno = EINVAL;
    return NULL;
  }
  return action == ENTER ? enter(d, item) : find(d->table, item.key);
}

static void destroy(searchData *d)
{
  searchTable *t = d->table;
  int before = errno;
  if (!t)
    return;
  checkRead(&t->h, "hdestroy during ENTER");
  d->table = NULL;
  mapfree(&t->h);
  while (t->slabs) {
    slab *s = t->slabs;
    t->slabs = s->next;
    free(s);
  }
  free(t);
  errno = before;
}

/* Makes a table.
 *   nel   how many entries there will be, about; it may hold any number. Up to 50,000 of them come without growth.
 *   htab  the caller's, all zero bytes, or what hdestroy_r left. He may copy or move it later.
 * Returns 1. The table belongs to htab, and hdestroy_r frees it. Or returns 0, with *htab as it was, and
 *   errno EINVAL     htab is NULL
 *   errno ENOMEM     there is no memory, or nel is more than glibc allows
 *   errno unchanged  htab has a table already (or is not all zero, which looks the same) */
int hcreate_r(size_t nel, struct hsearch_data *htab)
{
  if (!htab) {
    errno = EINVAL;
    return 0;
  }
  return create(nel, (searchData *)(void *)htab);
}

/* Looks an entry up, or adds it.
 *   item    the key, a string that is not copied: with ENTER it must stay for as long as the table does; and with ENTER its data
 *   action  FIND; or ENTER, which adds item if there is no entry with its key. Any other value does what FIND does.
 *   retval  gets the entry, or NULL. It stays in place until hdestroy_r. Its data may be overwritten, its key with an equal one.
 *   htab    from hcreate_r
 * Returns 1 if *retval is an entry; one that was there is unchanged, and so is errno. Or returns 0, the table as it was, and
 *   errno ESRCH   FIND: there is no such entry, or no table
 *   errno ENOMEM  ENTER: there is no memory for one more, or no table
 *   errno EINVAL  htab or item.key is NULL
 * Any number of threads may FIND at once, if none ENTERs. */
int hsearch_r(ENTRY item, ACTION action, ENTRY **retval, struct hsearch_data *htab)
{
  if (unlikely(!htab)) {
    *retval = NULL;
    errno = EINVAL;
    return 0;
  }
  *retval = search(item, action, (searchData *)(void *)htab);
  return *retval != NULL;
}

/* Frees a table and its entries, but not what their keys and data point to. htab stays the caller's, and may go to hcreate_r
 * again. Does nothing to one without a table; if htab is NULL, sets errno to EINVAL. */
void hdestroy_r(struct hsearch_data *htab)
{
  if (!htab) {
    errno = EINVAL;
    return;
  }
  destroy((searchData *)(void *)htab);
}

/* hcreate_r for the one table of the process that hsearch uses. */
int hcreate(size_t nel)
{
  return create(nel, &global);
}

/* hsearch_r on the one table of the process. Returns the entry, or NULL with errno as described there. */
ENTRY *hsearch(ENTRY item, ACTION action)
{
  return search(item, action, &global);
}

/* Frees the one table of the process, if there is one, as hdestroy_r does. */
void hdestroy(void)
{
  destroy(&global);
}
