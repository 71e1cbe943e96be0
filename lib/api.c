/* api.c: the public functions of hmap.h. */

/* A table as hmap_make returns it. */
typedef struct table {
  hmap h;
  maptype t;
} table;

ALWAYS_INLINE bool equal64(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h, (void)k;
  return read64(slotOf(t, block, i)) == read64(key);
}
ALWAYS_INLINE bool equal32(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h, (void)k;
  return read32(slotOf(t, block, i)) == read32(key);
}
ALWAYS_INLINE bool equalStr(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && sameString(*(char **)(void *)slotOf(t, block, i), *(char *const *)key, k->n);
}
ALWAYS_INLINE bool equalMem(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && memcmp(keyOf(t, slotOf(t, block, i)), key, t->keysize) == 0;
}
ALWAYS_INLINE bool equalUser(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && t->equal(keyOf(t, slotOf(t, block, i)), key);
}

/* The hash of a key of a table of type t. */
ALWAYS_INLINE keyhash keyhashOf(const hmap *h, const maptype *t, enum hashalg alg, const void *key)
{
  switch (alg) {
  case alg64:
    return keyhash64(h, t, read64(key));
  case alg32:
    return keyhash64(h, t, read32(key));
  case algStr:
    return strkeyhash(h, t, *(char *const *)key);
  case algMem:
    return keyhashMem(h, t, key, h->t->keysize);
  default: {
    uint64_t hash = userHash(h, h->t, key);
    return (keyhash){hash, (uint32_t)hash, 0, 0};
  }
  }
}

/* Defines f for each way in which keys are hashed and compared, as constants: f##64, f##32, and so on, each a function of its
 * own, so that the short ones stay short. */
#define FOR_EACH_ALG(type, f, table)            \
  NOINLINE type f##64(table, const void *key)   \
  {                                             \
    return f(h, alg64, equal64, key);           \
  }                                             \
  NOINLINE type f##32(table, const void *key)   \
  {                                             \
    return f(h, alg32, equal32, key);           \
  }                                             \
  NOINLINE type f##Str(table, const void *key)  \
  {                                             \
    return f(h, algStr, equalStr, key);         \
  }                                             \
  NOINLINE type f##Mem(table, const void *key)  \
  {                                             \
    return f(h, algMem, equalMem, key);         \
  }                                             \
  NOINLINE type f##User(table, const void *key) \
  {                                             \
    return f(h, algUser, equalUser, key);       \
  }

/* Calls the one of them that fits the table's type. The commonest types have functions of their own, see COMMON_TYPE. */
#define BY_ALG(f, h, key)   \
  switch ((h)->t->alg) {    \
  case alg64:               \
    return f##64(h, key);   \
  case alg32:               \
    return f##32(h, key);   \
  case algStr:              \
    return f##Str(h, key);  \
  case algMem:              \
    return f##Mem(h, key);  \
  default:                  \
    return f##User(h, key); \
  }

static uint8_t algOf(const hmap_type *type)
{
  if (type->hash)
    return algUser;
  if (type->kind == HMAP_STRING)
    return algStr;
  return type->key_size == 8 ? alg64 : type->key_size == 4 ? alg32 : algMem;
}

static bool validType(const hmap_type *type)
{
  if (!type || type->elem_size > maxBytes || (type->hash == NULL) != (type->equal == NULL))
    return false;
  if (type->kind == HMAP_STRING)
    return !type->hash && (type->key_size == 0 || type->key_size == sizeof(char *));
  return type->kind == HMAP_BYTES && type->key_size > 0 && type->key_size <= maxBytes;
}

/* maptype.rehash for this API's tables. */
static uint64_t rehashKey(const maptype *t, unsigned char *slot, const hmap_seed *seed)
{
  const void *key = keyOf(t, slot);
  uint64_t word = t->alg == alg64 ? read64(key) : t->alg == alg32 ? read32(key) : 0;
  if (t->alg == algStr)
    return siphash13(*(char *const *)key, strlen(*(char *const *)key), seed);
  return t->alg == algMem ? siphash13(key, t->keysize, seed) : siphash13(&word, sizeof word, seed);
}

static maptype maptypeOf(const hmap_type *type)
{
  size_t key = type->kind == HMAP_STRING ? sizeof(char *) : type->key_size;
  maptype t = {
      .alg = algOf(type),
      .callbacks = type->equal != NULL,
      .indirectkey = key > maxKeySize,
      .indirectelem = type->elem_size > maxElemSize,
      .keysize = (uint32_t)key,
      .elemsize = (uint32_t)type->elem_size,
      .hash = type->hash,
      .equal = type->equal,
  };
  t.stored = t.alg != alg64 && t.alg != alg32;
  t.rehash = t.alg == algUser ? NULL : rehashKey;
  layout(&t);
  return t;
}

/* The commonest types, as constants: 8 bytes, their own hash, or strings; and an elem of 8 bytes. */
#define COMMON_TYPE(algorithm, isStored, key)                                                                          \
  {                                                                                                                    \
    .common = true, .alg = (algorithm), .stored = (isStored), .keysize = (key), .elemsize = 8,                         \
    .slotoff = (isStored) ? bucketCnt * 4 : 0, .elemoff = 8, .slotsize = 16, .align = 8,                               \
    .blocksize = bucketCnt * (((isStored) ? 4 : 0) + 16), .segbits = SEGBITS(bucketCnt * (((isStored) ? 4 : 0) + 16)), \
  }
static const maptype commonWords = COMMON_TYPE(alg64, false, 8), commonStrings = COMMON_TYPE(algStr, true, sizeof(char *));

/* hmap.tag of tables with these types. */
enum { tagOther, tagWords = 1 << plainBits, tagStrings = 2 << plainBits };

static uint8_t tagOf(const maptype *t)
{
  if (t->elemsize != 8 || t->slotsize != 16)
    return tagOther;
  return t->alg == alg64 ? tagWords : t->alg == algStr ? tagStrings : tagOther;
}

hmap *hmap_make(const hmap_type *type, size_t hint)
{
  if (!validType(type)) {
    errno = EINVAL;
    return NULL;
  }
  table *m = malloc(sizeof *m);
  if (!m)
    return NULL;
  m->t = maptypeOf(type);
  if (!makemap(&m->h, &m->t, hint)) {
    free(m);
    errno = ENOMEM;
    return NULL;
  }
  setFlags(&m->h, flagsOf(&m->h) | hashChecked);
  m->h.tag = tagOf(&m->t);
  return &m->h;
}

void hmap_free(hmap *h)
{
  if (!h)
    return;
  checkRead(h, "concurrent map free and map write");
  mapfree(h);
  free(h);
}

size_t hmap_len(const hmap *h)
{
  return h ? h->count : 0;
}

/* Whether key can be a key of the table at all. */
ALWAYS_INLINE bool validKey(const hmap *h, const void *key)
{
  return h && key && (h->t->alg != algStr || *(char *const *)key);
}

ALWAYS_INLINE void *apiAccess(const hmap *h, enum hashalg alg, slotequal *equal, const void *key)
{
  place at;
  if (!h->buckets)
    return NULL;
  keyhash k = keyhashOf(h, h->t, alg, key);
  if (!mapaccess(h, h->t, k, key, equal, &at))
    return NULL;
  return elemOf(h->t, slotOf(h->t, at.block, at.i));
}

FOR_EACH_ALG(void *, apiAccess, const hmap *h)

NOINLINE void *accessOther(const hmap *h, const void *key)
{
  if (unlikely(!validKey(h, key)))
    return NULL;
  checkRead(h, "concurrent map read and map write");
  BY_ALG(apiAccess, h, key)
}

/* The same for a table of a common type. */
ALWAYS_INLINE void *accessCommon(const hmap *h, const maptype *t, enum hashalg alg, slotequal *equal, const void *key)
{
  place at;
  checkRead(h, "concurrent map read and map write");
  if (unlikely(!h->buckets))
    return NULL;
  keyhash k = keyhashOf(h, t, alg, key);
  return mapaccessb(h, t, k, key, equal, &at) ? slotOf(t, at.block, at.i) + t->elemoff : NULL;
}
NOINLINE void *accessStrings(const hmap *h, const void *key)
{
  return *(char *const *)key ? accessCommon(h, &commonStrings, algStr, equalStr, key) : NULL;
}

void *hmap_access(const hmap *h, const void *key)
{
  if (likely(h && key)) {
    if (h->tag == tagWords)
      return accessCommon(h, &commonWords, alg64, equal64, key);
    if (h->tag == tagStrings)
      return accessStrings(h, key);
  }
  return accessOther(h, key);
}

enum { batchCnt = 16 };

/* Has the memory fetched that a lookup will read, first the bmap, then the slot; for strings also the key. */
ALWAYS_INLINE void prefetchSlots(const maptype *t, const place *p, const keyhash *k, unsigned char **slot, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    slots m = matchTophash(p[i].b, k[i].hash);
    slot[i] = m ? slotOf(t, p[i].block, firstSlot(m)) : NULL;
    if (!m)
      continue;
    if (t->stored)
      __builtin_prefetch(p[i].block);
    __builtin_prefetch(slot[i]);
  }
}
/* Looks up to batchCnt keys up, each step for all before the next one. */
ALWAYS_INLINE size_t accessBatch(const hmap *h, const maptype *t, enum hashalg alg, slotequal *equal, size_t n,
                                 const unsigned char *keys, void **elems)
{
  keyhash k[batchCnt];
  place p[batchCnt];
  unsigned char *slot[batchCnt];
  size_t found = 0;
  for (size_t i = 0; alg == algStr && i < n; i++)
    __builtin_prefetch(*(char *const *)(const void *)(keys + i * t->keysize));
  for (size_t i = 0; i < n; i++) {
    k[i] = keyhashOf(h, t, alg, keys + i * t->keysize);
    p[i] = mapbucket(h, t, k[i].hash);
    __builtin_prefetch(p[i].b);
  }
  prefetchSlots(t, p, k, slot, n);
  for (size_t i = 0; (alg == algStr || t->indirectkey) && i < n; i++)
    if (slot[i])
      __builtin_prefetch(*(char **)(void *)slot[i]);
  for (size_t i = 0; i < n; i++) {
    place at;
    bool there = mapaccess(h, t, k[i], keys + i * t->keysize, equal, &at);
    elems[i] = there ? elemOf(t, slotOf(t, at.block, at.i)) : NULL;
    found += there;
  }
  return found;
}

static bool anyNull(const void *keys, size_t n)
{
  char *const *s = keys;
  while (n && s[n - 1])
    n--;
  return n != 0;
}

size_t hmap_get_many(const hmap *h, size_t n, const void *keys, void **elems)
{
  const unsigned char *key = keys;
  const size_t size = h ? h->t->keysize : 0;
  size_t found = 0;
  bool batches = h && h->buckets && (h->tag == tagWords || h->tag == tagStrings);
  if (h)
    checkRead(h, "concurrent map read and map write");
  for (size_t i = 0; i < n;) {
    size_t m = n - i < batchCnt ? n - i : batchCnt;
    if (batches && h->tag == tagWords)
      found += accessBatch(h, &commonWords, alg64, equal64, m, key + i * size, elems + i);
    else if (batches && !anyNull(key + i * size, m))
      found += accessBatch(h, &commonStrings, algStr, equalStr, m, key + i * size, elems + i);
    else
      for (size_t j = i; j < i + m; j++)
        found += (elems[j] = hmap_access(h, key + j * size)) != NULL;
    i += m;
  }
  return found;
}

/* Writes key and a zero elem into a new slot. Returns false, with nothing to free, if there is no memory. */
static bool fillSlot(const maptype *t, unsigned char *slot, const void *key)
{
  void *keyCopy = t->indirectkey ? malloc(t->keysize) : NULL;
  void *elem = t->indirectelem ? calloc(1, t->elemsize) : NULL;
  if ((t->indirectkey && !keyCopy) || (t->indirectelem && !elem)) {
    free(keyCopy);
    free(elem);
    return false;
  }
  memset(slot, 0, t->slotsize);
  if (keyCopy)
    memcpy(slot, &keyCopy, sizeof keyCopy);
  if (elem)
    memcpy(slot + t->elemoff, &elem, sizeof elem);
  memcpy(keyOf(t, slot), key, t->keysize);
  return true;
}

ALWAYS_INLINE void *apiAssign(hmap *h, enum hashalg alg, slotequal *equal, const void *key)
{
  heedAlarm(h);
  const maptype *t = h->t;
  place at = {0};
  bool found = false, first = alg == alg64 && !h->buckets;
  if (needBuckets(h)) {
    if (first)
      chooseShift(h, read64(key));
    keyhash k = keyhashOf(h, t, alg, key);
    found = mapassign(h, t, k, key, equal, &at);
  }
  if (unlikely(!at.b)) {
    errno = ENOMEM;
    return NULL;
  }
  unsigned char *slot = slotOf(t, at.block, at.i);
  if (!found && unlikely(!fillSlot(t, slot, key))) {
    mapdelete(h, &at);
    errno = ENOMEM;
    return NULL;
  }
  return elemOf(t, slot);
}

FOR_EACH_ALG(void *, apiAssign, hmap *h)

NOINLINE void *assignOther(hmap *h, const void *key)
{
  if (unlikely(!validKey(h, key))) {
    errno = EINVAL;
    return NULL;
  }
  checkRead(h, "concurrent map writes");
  BY_ALG(apiAssign, h, key)
}

/* The same for a table of a common type; what takes more than a slot is left to assignOther. */
ALWAYS_INLINE void *assignCommon(hmap *h, const maptype *t, enum hashalg alg, slotequal *equal, const void *key)
{
  place at, vacant;
  if (unlikely(!h->buckets))
    return assignOther(h, key);
  checkRead(h, "concurrent map writes");
  keyhash k = keyhashOf(h, t, alg, key);
  if (probe(h, t, &k, key, equal, &at, &vacant))
    return slotOf(t, at.block, at.i) + t->elemoff;
  beginWrite(h);
  bool easy = mapinsertEasily(h, t, k, &vacant);
  endWrite(h);
  if (!easy)
    return assignOther(h, key);
  unsigned char *slot = slotOf(t, vacant.block, vacant.i);
  memcpy(slot, key, t->keysize);
  return memset(slot + t->elemoff, 0, t->elemsize);
}
NOINLINE void *assignStrings(hmap *h, const void *key)
{
  return *(char *const *)key ? assignCommon(h, &commonStrings, algStr, equalStr, key) : assignOther(h, key);
}

void *hmap_assign(hmap *h, const void *key)
{
  if (likely(h && key)) {
    if (h->tag == tagWords)
      return assignCommon(h, &commonWords, alg64, equal64, key);
    if (h->tag == tagStrings)
      return assignStrings(h, key);
  }
  return assignOther(h, key);
}

ALWAYS_INLINE bool apiDelete(hmap *h, enum hashalg alg, slotequal *equal, const void *key)
{
  place at;
  if (h->count == 0)
    return false;
  keyhash k = keyhashOf(h, h->t, alg, key);
  if (!mapaccessw(h, h->t, k, key, equal, &at))
    return false;
  freeSlot(h->t, slotOf(h->t, at.block, at.i));
  mapdelete(h, &at);
  maybeShrink(h);
  return true;
}

FOR_EACH_ALG(bool, apiDelete, hmap *h)

bool hmap_delete(hmap *h, const void *key)
{
  if (unlikely(!validKey(h, key)))
    return false;
  checkRead(h, "concurrent map writes");
  BY_ALG(apiDelete, h, key)
}

void hmap_clear(hmap *h)
{
  if (h)
    mapclear(h);
}

hmap *hmap_clone(const hmap *h)
{
  if (!h) {
    errno = EINVAL;
    return NULL;
  }
  checkRead(h, "concurrent map clone and map write");
  table *m = malloc(sizeof *m);
  if (!m)
    return NULL;
  m->t = *h->t;
  if (!mapclone(&m->h, &m->t, h)) {
    free(m);
    errno = ENOMEM;
    return NULL;
  }
  setFlags(&m->h, flagsOf(&m->h) | hashChecked);
  m->h.tag = tagOf(&m->t);
  formatsChanged(&m->h);
  return &m->h;
}

void hmap_iter_init(hmap_iter *it, const hmap *h)
{
  if (h)
    checkRead(h, "concurrent map iteration and map write");
  mapiterinit(it, h);
}

bool hmap_iter_next(hmap_iter *it)
{
  if (it->h)
    checkRead(it->h, "concurrent map iteration and map write");
  return mapiternext(it);
}

void hmap_iter_end(hmap_iter *it)
{
  mapiterend(it);
}

void hmap_getstats(const hmap *h, hmap_stats *s)
{
  memset(s, 0, sizeof *s);
  if (h)
    mapstats(h, s);
}

bool hmap_dump(const hmap *h, FILE *out)
{
  if (!h)
    return fputs("no table\n", out) >= 0;
  checkRead(h, "concurrent map dump and map write");
  mapdump(h, out);
  return fflush(out) == 0 && !ferror(out);
}

const char *hmap_check(const hmap *h)
{
  return h ? mapcheck(h) : NULL;
}
