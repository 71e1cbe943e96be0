/* ghash-kinds.c: the kinds of tables, which differ in how keys are hashed and compared, and lookup, find and put for each.
 *
 *   kind    functions                        hash                            stored with the key
 *   Direct  g_direct_hash, g_direct_equal    keyed, of the pointer           nothing
 *   Str     g_str_hash, g_str_equal          keyed, of the string            32 bits of it
 *   Int     g_int_hash, g_int_equal          keyed, of what the key points   32 bits of it
 *   Int64   g_int64_hash, g_int64_equal        to
 *   Double  g_double_hash, g_double_equal
 *   User    any others                       theirs, mixed with the seed     theirs
 *
 * For the known pairs the engine's keyed hash stands in, and nobody can tell. Where only one of the two is known, the table is a
 * User table: hash is called once an operation, and equal(stored key, given key) only where all 32 bits of the hashes agree. */

#define EACH_KIND(X) X(Direct) X(Str) X(Int) X(Int64) X(Double) X(User)
#define KIND(K) kind##K,
enum { EACH_KIND(KIND) };

/* A table. Its first word is the mark: GLib's tables begin with a size, a power of two. */
struct _GHashTable {
  guint64 mark;  /* tableMark */
  guint version; /* of the keys, even, for iterators to compare; odd once an entry has been removed and walks are not over yet */
  gatomicrefcount ref_count;
  hmap h;                                              /* its tag: the kind, and in plainBits what format.h says */
  GHashFunc hash_func;                                 /* never NULL */
  GEqualFunc key_equal_func;                           /* or NULL, which compares pointers */
  GDestroyNotify key_destroy_func, value_destroy_func; /* or NULL */
};
static const guint64 tableMark = 0x62696c6770616d68; /* "hmapglib" */

/* maptype.rehash of the kinds. */
#define REHASH(K) static uint64_t rehash##K(const maptype *t, unsigned char *slot, const hmap_seed *seed)
REHASH(Direct);
REHASH(Str);
REHASH(Int);
REHASH(Int64);
REHASH(Double);

/* How entries lie in a block: behind the stored hashes, if there are any, a key and a value, each with as much room as format.h
 * finds for it. */
#define BLOCKSIZE(isStored, key, elem) (bucketCnt * (((isStored) ? sizeof(uint32_t) : 0) + (key) + (elem)))
#define FORMAT(number, all, isCommon, isLone, sip, algorithm, isStored, runsUserCode, key, elem)                         \
  {                                                                                                                      \
    .alg = (algorithm), .stored = (isStored), .callbacks = (runsUserCode), .keysize = (key), .elemsize = (elem),         \
    .slotoff = (isStored) ? bucketCnt * sizeof(uint32_t) : 0, .elemoff = (key), .slotsize = (key) + (elem),              \
    .blocksize = BLOCKSIZE(isStored, key, elem), .segbits = SEGBITS(BLOCKSIZE(isStored, key, elem)), .format = (number), \
    .formats = (all), .common = (isCommon), .lone = (isLone), .align = 8, .rehash = (sip),                               \
  }
#define FORMATS(name, all, isCommon, isLone, sip, ...)                                        \
  static const maptype name[nformats] = {                                                     \
      FORMAT(0, all, isCommon, isLone, sip, __VA_ARGS__, 4, 0),                               \
      FORMAT(1, all, isCommon, isLone, sip, __VA_ARGS__, 4, 4),                               \
      FORMAT(2, all, isCommon, isLone, sip, __VA_ARGS__, sizeof(gpointer), 0),                \
      FORMAT(3, all, isCommon, isLone, sip, __VA_ARGS__, sizeof(gpointer), sizeof(gpointer)), \
  }
FORMATS(typeDirect, typeDirect, false, false, rehashDirect, sizeof(gpointer) == 8 ? alg64 : alg32, false, false);
FORMATS(plainDirect, NULL, true, false, NULL, sizeof(gpointer) == 8 ? alg64 : alg32, false, false);
FORMATS(loneDirect, NULL, true, true, NULL, sizeof(gpointer) == 8 ? alg64 : alg32, false, false);
FORMATS(typeStr, typeStr, false, false, rehashStr, algStr, true, false);
FORMATS(plainStr, NULL, true, false, NULL, algStr, true, false);
FORMATS(loneStr, NULL, true, true, NULL, algStr, true, false);
FORMATS(typeInt, typeInt, false, false, rehashInt, algMem, true, false);
FORMATS(typeInt64, typeInt64, false, false, rehashInt64, algMem, true, false);
FORMATS(typeDouble, typeDouble, false, false, rehashDouble, algMem, true, false);
FORMATS(plainUser, NULL, true, false, NULL, algShim, true, true);
FORMATS(loneUser, NULL, true, true, NULL, algShim, true, true);
FORMATS(typeUser, typeUser, false, false, NULL, algShim, true, true);

/* Reading an entry. */
ALWAYS_INLINE gpointer keyIn(const maptype *t, unsigned char *block, unsigned i)
{
  return (gpointer)wordKey(t, slotOf(t, block, i));
}
ALWAYS_INLINE gpointer keyAt(const place *at)
{
  return keyIn(at->t, at->block, at->i);
}
ALWAYS_INLINE gpointer valueAt(const place *at)
{
  return (gpointer)wordElem(at->t, slotOf(at->t, at->block, at->i));
}

/* A plain table is not checked. */
ALWAYS_INLINE void checkReader(const GHashTable *t, const maptype *type)
{
  if (type->formats)
    checkRead(&t->h, "a GHashTable is read and written at the same time");
}

/* What a gint, gint64 or gdouble is to hash and comparison. */
ALWAYS_INLINE guint64 intBits(gconstpointer key)
{
  return read32(key);
}
ALWAYS_INLINE guint64 int64Bits(gconstpointer key)
{
  return read64(key);
}
/* 0.0 and -0.0 are equal, but one key only if they have one hash: until GLib 2.75 they did. */
static bool zerosDiffer;
ALWAYS_INLINE guint64 doubleBits(gconstpointer key)
{
  const guint64 minusZero = (guint64)1 << 63;
  guint64 bits = read64(key);
  return bits == minusZero && !zerosDiffer ? 0 : bits;
}
/* What is not a number equals nothing, not even itself, so it may stand anywhere: each somewhere else, and they make no chain. */
ALWAYS_INLINE bool isNumber(guint64 bits)
{
  return (bits & ~(guint64)0 >> 1) <= (guint64)0x7ff << 52;
}

/* The hash of a key. */
ALWAYS_INLINE keyhash hashBits(const GHashTable *t, const maptype *type, guint64 bits)
{
  return keyhash64(&t->h, type, bits);
}
ALWAYS_INLINE keyhash hashDirect(const GHashTable *t, const maptype *type, gconstpointer key)
{
  return hashBits(t, type, (uintptr_t)key);
}
ALWAYS_INLINE keyhash hashStr(const GHashTable *t, const maptype *type, gconstpointer key)
{
  return strkeyhash(&t->h, type, key);
}
ALWAYS_INLINE keyhash hashInt(const GHashTable *t, const maptype *type, gconstpointer key)
{
  return hashBits(t, type, intBits(key));
}
ALWAYS_INLINE keyhash hashInt64(const GHashTable *t, const maptype *type, gconstpointer key)
{
  return hashBits(t, type, int64Bits(key));
}
ALWAYS_INLINE keyhash hashDouble(const GHashTable *t, const maptype *type, gconstpointer key)
{
  guint64 bits = doubleBits(key);
  return hashBits(t, type, isNumber(bits) ? bits : bits + t->h.seq);
}
ALWAYS_INLINE keyhash shimKey(const GHashTable *t, const maptype *type, guint stored)
{
  return (keyhash){shimHash(&t->h, hashesLone(&t->h, type), stored), stored, 0, 0};
}
/* GLib takes 2 for 0 and 1, so these three meet there, and their keys are compared. */
ALWAYS_INLINE keyhash hashUser(const GHashTable *t, const maptype *type, gconstpointer key)
{
  guint stored = t->hash_func(key);
  if (stored < 2)
    stored = 2;
  return shimKey(t, type, stored);
}

#define REHASH_BITS(K, bits)                          \
  REHASH(K)                                           \
  {                                                   \
    const void *key = (const void *)wordKey(t, slot); \
    guint64 word = bits(key);                         \
    return siphash13(&word, sizeof word, seed);       \
  }
#define SELF(key) ((uintptr_t)(key))
REHASH_BITS(Direct, SELF)
REHASH_BITS(Int, intBits)
REHASH_BITS(Int64, int64Bits)
REHASH(Double)
{
  guint64 bits = doubleBits((const void *)wordKey(t, slot));
  if (!isNumber(bits))
    bits = (uintptr_t)slot;
  return siphash13(&bits, sizeof bits, seed);
}
REHASH(Str)
{
  const char *key = (const char *)wordKey(t, slot);
  return siphash13(key, strlen(key), seed);
}

/* Whether slot i of a block has the key. */
#define SAME(K) \
  ALWAYS_INLINE bool same##K(const hmap *h, const maptype *t, unsigned char *block, unsigned i, const keyhash *k, const void *key)
SAME(Direct)
{
  (void)h, (void)k;
  return keyIn(t, block, i) == key;
}
SAME(Str)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && sameString(keyIn(t, block, i), key, k->n);
}
SAME(Int)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && intBits(keyIn(t, block, i)) == intBits(key);
}
SAME(Int64)
{
  (void)h;
  return hashesOf(block)[i] == k->stored && int64Bits(keyIn(t, block, i)) == int64Bits(key);
}
SAME(Double)
{
  (void)h;
  guint64 bits = doubleBits(key);
  return hashesOf(block)[i] == k->stored && doubleBits(keyIn(t, block, i)) == bits && isNumber(bits);
}
SAME(User)
{
  const GHashTable *owner = (const GHashTable *)(const void *)((const char *)h - offsetof(GHashTable, h));
  gpointer there = keyIn(t, block, i);
  if (hashesOf(block)[i] != k->stored)
    return false;
  return owner->key_equal_func ? owner->key_equal_func(there, key) : there == key;
}

/* Writing entries */

/* As many entries as GLib's largest table takes. */
enum { maxEntries = 2021161080 };

/* There is no room for a new entry, by memory or by number. Ends the program. */
_Noreturn NOINLINE void noRoom(const GHashTable *t)
{
  if (t->h.count > maxEntries)
    g_error("adding more entries to hash table would overflow");
  g_error("%s: failed to allocate %" G_GSIZE_FORMAT " bytes", G_STRLOC, bytesOfSegment(t->h.t));
}

/* Fills the place that a new key has been given. */
ALWAYS_INLINE void writeNew(GHashTable *t, place at, gpointer key, gpointer value)
{
  if (unlikely(!at.b || t->h.count > maxEntries || !setEntry(&t->h, &at, (uintptr_t)key, (uintptr_t)value, NULL)))
    noRoom(t);
  t->version += 2;
}

/* Sets the value of the key at a place. */
ALWAYS_INLINE void setValue(GHashTable *t, place at, gpointer key, gpointer value)
{
  beginWrite(&t->h);
  if (unlikely(!setEntry(&t->h, &at, (uintptr_t)key, (uintptr_t)value, NULL)))
    noRoom(t);
  endWrite(&t->h);
}

/* Frees a key and a value that are not in the table any more. */
static void destroyEntry(const GHashTable *t, gpointer key, gpointer value)
{
  if (t->key_destroy_func)
    t->key_destroy_func(key);
  if (t->value_destroy_func)
    t->value_destroy_func(value);
}

/* Sets the value of a key that is there, and the key too if newKey says so; then frees the key that is not kept, and the
 * value. */
ALWAYS_INLINE void overwrite(GHashTable *t, place at, gpointer key, gpointer value, bool newKey)
{
  gpointer oldKey = keyAt(&at), oldValue = valueAt(&at);
  setValue(t, at, newKey ? key : oldKey, value);
  destroyEntry(t, newKey ? oldKey : key, oldValue);
}

/* The same in a plain table of this type, where key and value fit. Returns false: the key is not new. */
ALWAYS_INLINE bool overwritePlain(GHashTable *t, place at, const maptype *type, gpointer key, gpointer value, bool newKey)
{
  unsigned char *slot = slotOf(type, at.block, at.i);
  gpointer oldKey = (gpointer)wordKey(type, slot), oldValue = (gpointer)wordElem(type, slot), kept = newKey ? key : oldKey;
  if (unlikely(!formatFits(type, formatFor((uintptr_t)kept, (uintptr_t)value)))) { /* a set, and an equal key as value */
    overwrite(t, at, key, value, newKey);
    return false;
  }
  setWords(type, slot, (uintptr_t)kept, (uintptr_t)value);
  if (unlikely(t->key_destroy_func || t->value_destroy_func))
    destroyEntry(t, newKey ? oldKey : key, oldValue);
  return false;
}

static bool putAgain(GHashTable *t, gpointer key, gpointer value, bool newKey);

/* Adds a key that is not there to a plain table, where that takes more than filling a slot. Returns true: the key is new. */
NOINLINE bool addPlain(GHashTable *t, gpointer key, gpointer value, bool newKey, keyhash k)
{
  if (unlikely(flagsOf(&t->h) & hashAlarm) && soundAlarm(&t->h))
    return putAgain(t, key, value, newKey);
  wantFormat(&t->h, (uintptr_t)key, (uintptr_t)value);
  place at, vacant = {0};
  if (taggedLone(&t->h)) {
    mapaddLone(&t->h, t->h.t, k, key, &at);
  } else {
    at = mapbucket(&t->h, t->h.t, k.hash);
    mapadd(&t->h, t->h.t, k, &at, &vacant);
  }
  writeNew(t, at, key, value);
  return true;
}

/* Whether a table has no buckets and so no seed, and a lookup is over before it has begun; but for the program's own functions,
 * which are called as GLib calls them. A plain table has buckets. */
ALWAYS_INLINE bool isBare(const GHashTable *t, const maptype *type)
{
  return type->formats && !type->callbacks && unlikely(!t->h.buckets);
}

/* put for the first entry. That is taken for a set's only if it comes by g_hash_table_add or g_hash_table_replace: maps often
 * begin with a value that happens to equal the key. */
NOINLINE bool putFirst(GHashTable *t, gpointer key, gpointer value, bool newKey)
{
  wantFormat(&t->h, (uintptr_t)key, (uintptr_t)value);
  if (!firstBuckets(&t->h, !newKey))
    noRoom(t);
  if (!t->h.t->stored)
    chooseShift(&t->h, (uintptr_t)key);
  return putAgain(t, key, value, newKey);
}

/* What every operation by key is, compiled for each kind, and once more for the commonest formats of the commonest kinds, where
 * all blocks of a table look the same.
 *
 *   lookup  returns a key's value, or NULL
 *   find    returns whether a key is there, and its place
 *   put     inserts or overwrites, and returns whether the key is new
 *
 * Only adding a key moves others. */
#define READING(K, name, type, access)                                      \
  static gpointer lookup##name(const GHashTable *t, gconstpointer key)      \
  {                                                                         \
    place at;                                                               \
    checkReader(t, type);                                                   \
    if (isBare(t, type))                                                    \
      return NULL;                                                          \
    keyhash k = hash##K(t, type, key);                                      \
    return access(&t->h, type, k, key, same##K, &at) ? valueAt(&at) : NULL; \
  }                                                                         \
  static bool find##name(const GHashTable *t, gconstpointer key, place *at) \
  {                                                                         \
    checkReader(t, type);                                                   \
    if (isBare(t, type))                                                    \
      return false;                                                         \
    keyhash k = hash##K(t, type, key);                                      \
    return access(&t->h, type, k, key, same##K, at);                        \
  }
#define ANY_FORMAT(K)                                                                                                     \
  READING(K, K, type##K, mapaccess)                                                                                       \
  static bool put##K(GHashTable *t, gpointer key, gpointer value, bool newKey)                                            \
  {                                                                                                                       \
    place at;                                                                                                             \
    if (unlikely(!t->h.buckets))                                                                                          \
      return putFirst(t, key, value, newKey);                                                                             \
    if (type##K->rehash && unlikely(flagsOf(&t->h) & hashAlarm) && !find##K(t, key, &at)) /* overwriting moves nothing */ \
      soundAlarm(&t->h);                                                                                                  \
    keyhash k = hash##K(t, type##K, key);                                                                                 \
    wantFormat(&t->h, (uintptr_t)key, (uintptr_t)value);                                                                  \
    bool found = mapassign(&t->h, type##K, k, key, same##K, &at);                                                         \
    if (found)                                                                                                            \
      overwrite(t, at, key, value, newKey);                                                                               \
    else                                                                                                                  \
      writeNew(t, at, key, value);                                                                                        \
    return !found;                                                                                                        \
  }
EACH_KIND(ANY_FORMAT)

/* The same for plain tables, and for lone ones. A key and a value that do not fit in all its blocks are left to the function for
 * any table. */
#define PLAIN(K, name, constant)                                                            \
  READING(K, name, constant, mapaccessb)                                                    \
  static bool put##name(GHashTable *t, gpointer key, gpointer value, bool newKey)           \
  {                                                                                         \
    const maptype *type = constant;                                                         \
    place at, vacant;                                                                       \
    keyhash k = hash##K(t, type, key);                                                      \
    if (unlikely(!formatFits(type, formatFor((uintptr_t)key, (uintptr_t)value))))           \
      return put##K(t, key, value, newKey);                                                 \
    if (probe(&t->h, type, &k, key, same##K, &at, &vacant))                                 \
      return overwritePlain(t, at, type, key, value, newKey);                               \
    if (!mapinsertEasily(&t->h, type, k, &vacant))                                          \
      return addPlain(t, key, value, newKey, k);                                            \
    setWords(type, slotOf(type, vacant.block, vacant.i), (uintptr_t)key, (uintptr_t)value); \
    t->version += 2;                                                                        \
    return true;                                                                            \
  }
PLAIN(Direct, Direct0, &plainDirect[0])
PLAIN(Direct, LoneDirect0, &loneDirect[0])
PLAIN(Direct, Direct1, &plainDirect[1])
PLAIN(Direct, LoneDirect1, &loneDirect[1])
PLAIN(Direct, Direct2, &plainDirect[2])
PLAIN(Direct, LoneDirect2, &loneDirect[2])
PLAIN(Direct, Direct3, &plainDirect[3])
PLAIN(Direct, LoneDirect3, &loneDirect[3])
PLAIN(Str, Str2, &plainStr[2])
PLAIN(Str, LoneStr2, &loneStr[2])
PLAIN(Str, Str3, &plainStr[3])
PLAIN(Str, LoneStr3, &loneStr[3])

/* The rest of each for a key of which the program's function has said its hash, in any table under such functions. */
NOINLINE gpointer lookupHashed(const GHashTable *t, guint stored, gconstpointer key)
{
  place at;
  keyhash k = shimKey(t, typeUser, stored);
  return mapaccess(&t->h, typeUser, k, key, sameUser, &at) ? valueAt(&at) : NULL;
}
NOINLINE bool findHashed(const GHashTable *t, guint stored, gconstpointer key, place *at)
{
  keyhash k = shimKey(t, typeUser, stored);
  return mapaccess(&t->h, typeUser, k, key, sameUser, at);
}
NOINLINE bool putHashed(GHashTable *t, guint stored, gpointer key, gpointer value, bool newKey)
{
  place at;
  keyhash k = shimKey(t, typeUser, stored);
  wantFormat(&t->h, (uintptr_t)key, (uintptr_t)value);
  bool found = mapassign(&t->h, typeUser, k, key, sameUser, &at);
  if (found)
    overwrite(t, at, key, value, newKey);
  else
    writeNew(t, at, key, value);
  return !found;
}

/* The same for plain tables under the program's own functions. These may change the table, and what it is: the hash function
 * before the search, the equality function in the midst of it, which probe tells by at.b. Then it goes on as in any table. */
#define PLAIN_USER(name, constant, lower)                                                   \
  ALWAYS_INLINE bool is##name(const GHashTable *t)                                          \
  {                                                                                         \
    return likely(t->h.tag == (kindUser << plainBits | (lower)));                           \
  }                                                                                         \
  static gpointer lookup##name(const GHashTable *t, gconstpointer key)                      \
  {                                                                                         \
    place at = {0};                                                                         \
    keyhash k = hashUser(t, constant, key);                                                 \
    if (is##name(t) && probe(&t->h, constant, &k, key, sameUser, &at, NULL))                \
      return valueAt(&at);                                                                  \
    return likely(at.b != NULL) ? NULL : lookupHashed(t, k.stored, key);                    \
  }                                                                                         \
  static bool find##name(const GHashTable *t, gconstpointer key, place *at)                 \
  {                                                                                         \
    *at = (place){0};                                                                       \
    keyhash k = hashUser(t, constant, key);                                                 \
    if (is##name(t) && probe(&t->h, constant, &k, key, sameUser, at, NULL))                 \
      return true;                                                                          \
    return unlikely(!at->b) && findHashed(t, k.stored, key, at);                            \
  }                                                                                         \
  static bool put##name(GHashTable *t, gpointer key, gpointer value, bool newKey)           \
  {                                                                                         \
    const maptype *type = constant;                                                         \
    place at, vacant;                                                                       \
    keyhash k = hashUser(t, type, key);                                                     \
    if (!is##name(t) || !formatFits(type, formatFor((uintptr_t)key, (uintptr_t)value)))     \
      return putHashed(t, k.stored, key, value, newKey);                                    \
    if (probe(&t->h, type, &k, key, sameUser, &at, &vacant))                                \
      return overwritePlain(t, at, type, key, value, newKey);                               \
    if (unlikely(!at.b))                                                                    \
      return putHashed(t, k.stored, key, value, newKey);                                    \
    if (!mapinsertEasily(&t->h, type, k, &vacant))                                          \
      return addPlain(t, key, value, newKey, k);                                            \
    setWords(type, slotOf(type, vacant.block, vacant.i), (uintptr_t)key, (uintptr_t)value); \
    t->version += 2;                                                                        \
    return true;                                                                            \
  }
PLAIN_USER(User2, &plainUser[2], 1 + 2)
PLAIN_USER(User3, &plainUser[3], 1 + 3)
PLAIN_USER(LoneUser2, &loneUser[2], 1 + nformats + 2)
PLAIN_USER(LoneUser3, &loneUser[3], 1 + nformats + 3)

/* Which function it is for a table: by the kind and whether it is plain, in hmap.tag. */
#define TAGGED(kind, any, plain0, plain1, plain2, plain3, lone0, lone1, lone2, lone3)                                   \
  [(kind) << plainBits] = any, [(kind) << plainBits | 1] = plain0, [(kind) << plainBits | 2] = plain1,                  \
             [(kind) << plainBits | 3] = plain2, [(kind) << plainBits | 4] = plain3, [(kind) << plainBits | 5] = lone0, \
             [(kind) << plainBits | 6] = lone1, [(kind) << plainBits | 7] = lone2, [(kind) << plainBits | 8] = lone3,   \
             [(kind) << plainBits | alarmedTag] = any
#define TAGGED_ANY(kind, any) TAGGED(kind, any, any, any, any, any, any, any, any, any)
/* lone: f with Lone behind it, or f, where lone tables are as others. */
#define BY_TAG(f, lone)                                                                                                        \
  {                                                                                                                            \
    TAGGED(kindDirect, f##Direct, f##Direct0, f##Direct1, f##Direct2, f##Direct3, lone##Direct0, lone##Direct1, lone##Direct2, \
           lone##Direct3),                                                                                                     \
        TAGGED(kindStr, f##Str, f##Str, f##Str, f##Str2, f##Str3, f##Str, f##Str, lone##Str2, lone##Str3),                     \
        TAGGED_ANY(kindInt, f##Int), TAGGED_ANY(kindInt64, f##Int64), TAGGED_ANY(kindDouble, f##Double),                       \
        TAGGED(kindUser, f##User, f##User, f##User, f##User2, f##User3, f##User, f##User, lone##User2, lone##User3),           \
  }
static gpointer (*const lookupBy[])(const GHashTable *t, gconstpointer key) = BY_TAG(lookup, lookupLone);
static bool (*const findBy[])(const GHashTable *t, gconstpointer key, place *at) = BY_TAG(find, findLone);
static bool (*const putBy[])(GHashTable *t, gpointer key, gpointer value, bool newKey) = BY_TAG(put, putLone);

/* put, when the table has changed so much that its function may be another. */
static bool putAgain(GHashTable *t, gpointer key, gpointer value, bool newKey)
{
  return putBy[t->h.tag](t, key, value, newKey);
}

static const maptype *typeOf(guint8 kind)
{
#define TYPE(K) type##K,
  static const maptype *const types[] = {EACH_KIND(TYPE)};
  return types[kind];
}

/* The functions as they stand here, whatever the dynamic linker makes of their names. (SYMBOL: a header may have renamed one.) */
#define SYMBOL(function) SYMBOL_TEXT(function)
#define SYMBOL_TEXT(symbol) #symbol
#define OWN(function, ...) static __typeof__(function) own_##function __attribute__((__VA_ARGS__ alias(SYMBOL(function))))
OWN(g_str_hash);
OWN(g_str_equal);
OWN(g_int_hash);
OWN(g_int_equal);
OWN(g_int64_hash);
OWN(g_int64_equal);
OWN(g_double_hash);
OWN(g_double_equal);
OWN(g_direct_hash, const, );
OWN(g_direct_equal, const, );

/* The kinds' functions. Each has up to three addresses: the one that the program sees, which in a program that is not position
 * independent is a place in the program; the function here; and GLib's, which GLib hands out. */
typedef struct kindFunctions {
  GHashFunc hash;
  GEqualFunc equal;
} kindFunctions;
static const kindFunctions ownFunctions[kindUser] = {
    [kindDirect] = {own_g_direct_hash, own_g_direct_equal}, [kindStr] = {own_g_str_hash, own_g_str_equal},
    [kindInt] = {own_g_int_hash, own_g_int_equal},          [kindInt64] = {own_g_int64_hash, own_g_int64_equal},
    [kindDouble] = {own_g_double_hash, own_g_double_equal},
};

/* The other addresses, each asked for once: when a hash function is first seen that is none of those, and when an equality
 * function is that belongs to one. */
static struct {
  pthread_once_t hashes, equals;
  kindFunctions glibs[kindUser], seen[kindUser];
  GHashFunc last; /* a hash function that was none of those; relaxed atomic */
} others = {.hashes = PTHREAD_ONCE_INIT, .equals = PTHREAD_ONCE_INIT};

#define SEEN(function, own) ((function) != (own) && LEADS_HERE(function) ? (function) : NULL)
#define OTHERS(K, what, function)               \
  others.glibs[kind##K].what = GLIBS(function); \
  others.seen[kind##K].what = SEEN(function, own_##function);
static void hashesInit(void)
{
  OTHERS(Direct, hash, g_direct_hash)
  OTHERS(Str, hash, g_str_hash)
  OTHERS(Int, hash, g_int_hash)
  OTHERS(Int64, hash, g_int64_hash)
  OTHERS(Double, hash, g_double_hash)
}
static void equalsInit(void)
{
  OTHERS(Direct, equal, g_direct_equal)
  OTHERS(Str, equal, g_str_equal)
  OTHERS(Int, equal, g_int_equal)
  OTHERS(Int64, equal, g_int64_equal)
  OTHERS(Double, equal, g_double_equal)
}

static bool isHashOf(unsigned kind, GHashFunc f)
{
  return f == ownFunctions[kind].hash || f == others.glibs[kind].hash || f == others.seen[kind].hash;
}
static bool isEqualOf(unsigned kind, GEqualFunc f)
{
  if (!f)
    return kind == kindDirect;
  if (f == ownFunctions[kind].equal)
    return true;
  pthread_once(&others.equals, equalsInit);
  return f == others.glibs[kind].equal || f == others.seen[kind].equal;
}

static guint8 kindOf(GHashFunc hash, GEqualFunc equal)
{
  if (!hash)
    hash = own_g_direct_hash;
  if (!equal && hash == own_g_direct_hash)
    return kindDirect;
  for (guint8 kind = 0; kind < kindUser; kind++)
    if (hash == ownFunctions[kind].hash && equal == ownFunctions[kind].equal)
      return kind;
  if (hash == __atomic_load_n(&others.last, __ATOMIC_RELAXED))
    return kindUser;
  pthread_once(&others.hashes, hashesInit);
  bool known = false;
  for (guint8 kind = 0; kind < kindUser; kind++)
    if (isHashOf(kind, hash)) {
      if (isEqualOf(kind, equal))
        return kind;
      known = true;
    }
  if (!known)
    __atomic_store_n(&others.last, hash, __ATOMIC_RELAXED);
  return kindUser;
}
