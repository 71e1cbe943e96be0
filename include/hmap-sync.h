/* hmap-sync.h: Go's sync.Map for C: a map that any number of threads read and write at once, and whose reads wait for nobody.
 *
 * Glossary
 *   key           a byte string of fixed size, or a C string; copied into the map, and freed by it
 *   value         a word, such as a pointer; the map's own reference to it begins when it is stored and ends in destroy
 *   read section  a stretch of a thread's work, from hmap_sync_read_lock to hmap_sync_read_unlock, during which nothing that it
 *                 may have seen is destroyed. Each call opens one of its own; sections nest.
 *   chain         the map's unit of locking: about four keys
 *
 * Guarantees. The letters are those that tests/test_sync*.c name.
 *   R  Reads: hmap_sync_load takes no lock, writes to no memory that others write to, and never waits, whatever other threads do
 *      or whether they run at all. It may begin again, once for each entry that others put into the same bucket meanwhile.
 *   W  Writes: all calls but those on all entries (Range, DeleteIf, LoadMany, Len) are atomic: each takes effect at one moment
 *      between its beginning and its return, and that order is one that a map used by a single thread could have had
 *      (linearizability), also across several maps. A write waits for other writes to its key's chain, first spinning and then
 *      asleep, and for nothing else but a fork under way and, where half of what E allows or more than eight arrays wait
 *      already, a thread that has been interrupted while it moved that along, in a few steps that call nobody.
 *   B  What comes before: all that a thread did before it stored a value happens before what a thread does that got this value
 *      from the map, as with release and acquire in C11.
 *   G  hmap_sync_range calls f at most once a key; exactly once for a key that is there throughout; never for an entry
 *      deleted before the walk came to it; once or not at all for one that was added meanwhile. With each key it passes the
 *      value that it has at that moment. After hmap_sync_clear it ends. f may call every function on this map but hmap_sync_free,
 *      and take its time: meanwhile the walk holds back the entries of one chain, and no other memory.
 *   C  hmap_sync_clear is one atomic step for all keys; memory goes back to the system, also after many deletions: all of it with
 *      the next hmap_sync_barrier, and most of it as the deletions go on.
 *   L  hmap_sync_len counts every insertion and deletion that returned before the call, and none that began after it.
 *   D  Destruction: for each value that was stored, destroy runs exactly once: after the value was replaced, deleted or cleared
 *      or the map freed, and after every read section has ended that was open then. It runs in a thread that writes to a map,
 * ends a read section of its own or calls hmap_sync_barrier, when that thread has no section open and the map's locks are free;
 * or in a thread of the library's, soon, if there is no such. So no lock may be held during these calls that destroy takes.
 *      destroy may call every function of this header; hmap_sync_barrier refuses.
 *   E  Memory is bounded: what has left the maps of the process and has not been destroyed and freed yet are, for each thread,
 *      at most 512 entries, and what has been retired since the oldest read section that is still open began, and a third of that
 *      for the time after. So a section that sleeps costs what is retired meanwhile, and delays nothing else.
 *   N  No call waits for readers, but hmap_sync_barrier does; so also not from within f or destroy.
 *   M  No memory: a call that reports ENOMEM has changed nothing, and the caller still owns the value. Deletion needs no memory;
 *      growing that cannot be had is done without, and tried again.
 *   S  Signals: a thread of the library's has all of them blocked, also in a forked child.
 *   F  Fork: a child finds every map whole and may use it, without any preparation. (What another thread's destroy was at in
 *      that moment counts as destroyed.) The fork waits for writes under way, not for readers, f or destroy; writes wait for it.
 * An exception to M: more than 64 threads at once need memory for each, at its first call; where there is none, the program ends.
 *
 * Keys that are there at the same moment never share an entry, whatever their hashes; a hash is keyed with a random seed a map.
 *
 * Values are compared as words in CompareAndSwap and CompareAndDelete. A pointer that was freed may come back from malloc, so an
 * equal word is not always the same object: hold a read section, or a reference, from the load of old to the comparison.
 */
#ifndef HMAP_SYNC_H
#define HMAP_SYNC_H

#include <hmap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A concurrent map from keys to words. */
typedef struct hmap_sync hmap_sync;

/* A result that must be looked at. */
#define HMAP_SYNC_CHECK __attribute__((warn_unused_result))

/* What a map holds. The map copies it. */
typedef struct hmap_sync_type {
  enum hmap_kind kind; /* HMAP_BYTES: keys are key_size bytes; HMAP_STRING: NUL-terminated strings */
  size_t key_size;     /* bytes, 1 to 2^20; with HMAP_STRING 0 */
  /* Both or neither, and only with HMAP_BYTES; as in hmap_type. They may run while a chain is locked, so they must not call
   * functions on the map. */
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
  /* Takes a reference to a value that the map is about to return, for the caller; or NULL. Must not write to a map. */
  void (*retain)(void *value);
  /* Releases the map's own reference to a value; or NULL. */
  void (*destroy)(void *value);
  /* Releases what the bytes of a stored key refer to, when the key has left the map and nobody can see it any more; or NULL. The
   * bytes are the map's. A call takes its key over if it has added it: if its outcome is HMAP_SYNC_ABSENT and it has set a value.
   */
  void (*destroy_key)(void *key);
} hmap_sync_type;

/* What became of a call: a struct, so that it cannot be taken for a truth. */
enum hmap_sync_outcome {
  HMAP_SYNC_FAILED = -1, /* there was no memory: nothing has changed, and errno is ENOMEM */
  HMAP_SYNC_ABSENT = 0,  /* the key was not there */
  HMAP_SYNC_FOUND = 1    /* it was */
};
typedef struct hmap_sync_result {
  enum hmap_sync_outcome outcome;
} hmap_sync_result;

/* In all functions below, key points to key_size bytes, or with HMAP_STRING to the string's first character. (In hmap.h it points
 * to a pointer to that. Such a key does not compile here; a key of HMAP_BYTES that is a char pointer has to be cast to const void
 * *.) Where a value is returned and the type has retain, it has been retained for the caller (not for f in Range). Where the type
 * has only destroy, the caller may use the value until the end of a read section that it opened before the call. Result pointers
 * may be NULL; then nothing is stored or retained. They are set only where the return value says that there is something. */

/* Makes an empty map. Returns it, for the caller to free with hmap_sync_free; or NULL with errno
 *   EINVAL  type is NULL or has a size, kind or pair of functions that is not allowed
 *   ENOMEM  there is no memory for it */
HMAP_API HMAP_SYNC_CHECK hmap_sync *hmap_sync_make(const hmap_sync_type *type);

/* Frees a map, which may be NULL. No other call on it may be under way or follow, but read sections may be open: its values are
 * destroyed when they have ended. Does not wait for that; hmap_sync_barrier does. */
HMAP_API void hmap_sync_free(hmap_sync *m);

/* Looks a key up. Returns true and its value, or false if it is absent. */
HMAP_API bool hmap_sync_load(hmap_sync *m, const void *key, void **value);

/* Looks n keys up, several at a time, which is faster in a map larger than the cache. Sets found[i], and values[i] where that is
 * true. Returns how many were found. Not atomic: each is looked up at a moment of its own. */
HMAP_API size_t hmap_sync_load_many(hmap_sync *m, size_t n, const void *const *keys, void **values, bool *found);

/* Sets a key's value. Returns true; or false with errno ENOMEM. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_store(hmap_sync *m, const void *key, void *value);

/* Returns HMAP_SYNC_FOUND and a key's value in *actual if it is there; or stores value and returns HMAP_SYNC_ABSENT, with value
 * in *actual (retained, like any that is returned: others may have deleted it by then); or HMAP_SYNC_FAILED. Value stays the
 * caller's unless it returns HMAP_SYNC_ABSENT. */
HMAP_API HMAP_SYNC_CHECK hmap_sync_result hmap_sync_load_or_store(hmap_sync *m, const void *key, void *value, void **actual);

/* Deletes a key. Returns true and the value that it had, or false if it was absent. */
HMAP_API bool hmap_sync_load_and_delete(hmap_sync *m, const void *key, void **value);

/* Deletes a key. Returns true if it was there. */
HMAP_API bool hmap_sync_delete(hmap_sync *m, const void *key);

/* Deletes a key, and hands the map's own reference to its value over to the caller, in *value, which must not be NULL: neither
 * retain nor destroy is called. Other threads may see the value until their read sections end. Returns false if it was absent. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_steal(hmap_sync *m, const void *key, void **value);

/* Sets a key's value. Returns HMAP_SYNC_FOUND and the value that it had before; HMAP_SYNC_ABSENT; or HMAP_SYNC_FAILED. */
HMAP_API HMAP_SYNC_CHECK hmap_sync_result hmap_sync_swap(hmap_sync *m, const void *key, void *value, void **previous);

/* Sets a key's value if it is there and has the value old. Returns HMAP_SYNC_FOUND if it was set, HMAP_SYNC_ABSENT if not, or
 * HMAP_SYNC_FAILED. Value stays the caller's unless it returns HMAP_SYNC_FOUND. */
HMAP_API HMAP_SYNC_CHECK hmap_sync_result hmap_sync_compare_and_swap(hmap_sync *m, const void *key, void *old, void *value);

/* Deletes a key if it has the value old. Returns true if it was deleted. */
HMAP_API bool hmap_sync_compare_and_delete(hmap_sync *m, const void *key, void *old);

/* Decides what becomes of a key, which no other call can change meanwhile. *value is its value, or NULL if it is not found; with
 * HMAP_SYNC_SET the key gets what f leaves there, and the old value, if any, is destroyed. f must not write to a map (the program
 * would end), fork or leave by another way than return; and writes to the same chain wait for it. */
enum hmap_sync_action { HMAP_SYNC_KEEP, HMAP_SYNC_SET, HMAP_SYNC_DELETE };
typedef enum hmap_sync_action hmap_sync_update(bool found, void **value, void *arg);

/* Calls f once for a key, and does what it returns, in one atomic step. Returns HMAP_SYNC_FOUND or HMAP_SYNC_ABSENT, as f was
 * told; or HMAP_SYNC_FAILED, and f has not been called. */
HMAP_API HMAP_SYNC_CHECK hmap_sync_result hmap_sync_compute(hmap_sync *m, const void *key, hmap_sync_update *f, void *arg);

/* Calls f for the entries, see G above, until it returns false. The key and value that f gets are the map's, and valid until f
 * returns. Returns true; or false with errno ENOMEM, when more than 64 keys share a chain and there is no memory to list them:
 * the walk has then ended early. Costs nothing in proportion to the map before the first call of f. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_range(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg);

/* Calls f as hmap_sync_range does, for all entries, and deletes those for which it returns true and that have the same value
 * then. *deleted, unless it is NULL, is how many. Returns what hmap_sync_range does. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_delete_if(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg,
                                                  size_t *deleted);

/* Removes all entries. Returns true; or false with errno ENOMEM, and the map is as it was. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_clear(hmap_sync *m);

/* Makes room for so many entries, and keeps it; 0 lets the map shrink again as far as its entries allow. Takes time in proportion
 * to the map, in which other calls go on. Returns true; or false with errno ENOMEM. */
HMAP_API HMAP_SYNC_CHECK bool hmap_sync_reserve(hmap_sync *m, size_t entries);

/* Returns the number of entries, see L above. */
HMAP_API size_t hmap_sync_len(hmap_sync *m);

/* Figures of one moment, roughly. */
typedef struct hmap_sync_statistics {
  size_t entries;
  size_t buckets, bytes; /* of six entries each, but for overflow buckets; and what these take */
  size_t moving;         /* buckets whose entries have still to go to the next array, while the map grows or shrinks */
  size_t waiting;        /* of the process: what has left maps and has not been destroyed and freed yet */
} hmap_sync_statistics;

/* Fills *s in; if m is NULL, only what is the process's. */
HMAP_API void hmap_sync_stats(hmap_sync *m, hmap_sync_statistics *s);

/* Opens and closes a read section of the calling thread. Threads need no registration. Sections nest up to 65,535 deep. */
HMAP_API void hmap_sync_read_lock(void);
HMAP_API void hmap_sync_read_unlock(void);

/* Waits until every value and all memory that was given up before the call, in any map, has been destroyed and freed: before a
 * plugin with a destroy function is unloaded, say, or a search for leaks. Destroys itself what it can. What destroy functions
 * give up in turn is not waited for. Ends the growing or shrinking that maps are in, and the library's thread (which comes back
 * when needed). Returns true; or false with errno EDEADLK  it was called in a read section, a destroy function, or an f: it would
 * wait for itself ENOSYS   the kernel no longer does membarrier(2), because of a seccomp filter: what waits stays */
HMAP_API bool hmap_sync_barrier(void);

/* What a fork does by itself, by pthread_atfork from the first call on (F): for a program that makes a child in a way that runs
 * no handlers, or wants its own handlers between these. before_fork, then one of the others in parent and child; they nest. */
HMAP_API void hmap_sync_before_fork(void);
HMAP_API void hmap_sync_after_fork_parent(void);
HMAP_API void hmap_sync_after_fork_child(void);

#ifdef __cplusplus
}
#endif

/* A key as hmap.h wants strings, a pointer to a char pointer, does not compile. (The library itself, which defines the functions,
 * does without.) */
#ifdef __cplusplus
bool hmap_sync_load(hmap_sync *m, const char *const *key, void **value) = delete;
bool hmap_sync_store(hmap_sync *m, const char *const *key, void *value) = delete;
hmap_sync_result hmap_sync_load_or_store(hmap_sync *m, const char *const *key, void *value, void **actual) = delete;
bool hmap_sync_load_and_delete(hmap_sync *m, const char *const *key, void **value) = delete;
bool hmap_sync_delete(hmap_sync *m, const char *const *key) = delete;
bool hmap_sync_steal(hmap_sync *m, const char *const *key, void **value) = delete;
hmap_sync_result hmap_sync_swap(hmap_sync *m, const char *const *key, void *value, void **previous) = delete;
hmap_sync_result hmap_sync_compare_and_swap(hmap_sync *m, const char *const *key, void *old, void *value) = delete;
bool hmap_sync_compare_and_delete(hmap_sync *m, const char *const *key, void *old) = delete;
hmap_sync_result hmap_sync_compute(hmap_sync *m, const char *const *key, hmap_sync_update *f, void *arg) = delete;
#elif __STDC_VERSION__ >= 201112L && !defined HMAP_SYNC_ANY_KEY
struct hmap_sync_the_key_is_the_string_itself {
  char unused;
};
#define HMAP_SYNC_KEY(key) \
  _Generic((key),                                                              \
      char **: (struct hmap_sync_the_key_is_the_string_itself){0},             \
      const char **: (struct hmap_sync_the_key_is_the_string_itself){0},       \
      char *const *: (struct hmap_sync_the_key_is_the_string_itself){0},       \
      const char *const *: (struct hmap_sync_the_key_is_the_string_itself){0}, \
      default: (key))
#define hmap_sync_load(m, key, value) hmap_sync_load(m, HMAP_SYNC_KEY(key), value)
#define hmap_sync_store(m, key, value) hmap_sync_store(m, HMAP_SYNC_KEY(key), value)
#define hmap_sync_load_or_store(m, key, value, actual) hmap_sync_load_or_store(m, HMAP_SYNC_KEY(key), value, actual)
#define hmap_sync_load_and_delete(m, key, value) hmap_sync_load_and_delete(m, HMAP_SYNC_KEY(key), value)
#define hmap_sync_delete(m, key) hmap_sync_delete(m, HMAP_SYNC_KEY(key))
#define hmap_sync_steal(m, key, value) hmap_sync_steal(m, HMAP_SYNC_KEY(key), value)
#define hmap_sync_swap(m, key, value, previous) hmap_sync_swap(m, HMAP_SYNC_KEY(key), value, previous)
#define hmap_sync_compare_and_swap(m, key, old, value) hmap_sync_compare_and_swap(m, HMAP_SYNC_KEY(key), old, value)
#define hmap_sync_compare_and_delete(m, key, old) hmap_sync_compare_and_delete(m, HMAP_SYNC_KEY(key), old)
#define hmap_sync_compute(m, key, f, arg) hmap_sync_compute(m, HMAP_SYNC_KEY(key), f, arg)
#endif

/* Functions of a user's own name and types for a map, so that the compiler sees a wrong key or value. K: a type of 1 to 2^20
 * bytes without padding, passed by value; with HMAP_SYNC_STRINGS keys are strings. V: a pointer type, or an integer type no
 * larger.
 *
 *   HMAP_SYNC_WORDS(sessions, uint64_t, struct session *);
 *   sessions s = sessions_make(NULL, freeSession);
 *   if (sessions_load(s, 4711, &session)) ...
 *
 * NAME is a type, of what NAME_make(retain, destroy) returns, with .map NULL and errno where hmap_sync_make returns NULL. Then
 * there are NAME_free, _load, _store, _load_or_store, _swap, _compare_and_swap, _load_and_delete, _delete and _len, as above, but
 * that the pointers for results must not be NULL. For the other functions there is .map. */
#define HMAP_SYNC_WORDS(NAME, K, V) HMAP_SYNC_TYPED(NAME, HMAP_BYTES, sizeof(K), K, &key, V)
#define HMAP_SYNC_STRINGS(NAME, V) HMAP_SYNC_TYPED(NAME, HMAP_STRING, 0, const char *, key, V)
#define HMAP_SYNC_TYPED(NAME, KIND, SIZE, K, KEY, V)                                                     \
  typedef struct NAME {                                                                                  \
    hmap_sync *map;                                                                                      \
  } NAME;                                                                                                \
  static inline NAME NAME##_make(void (*retain)(void *value), void (*destroy)(void *value))              \
  {                                                                                                      \
    hmap_sync_type type = {KIND, SIZE, NULL, NULL, retain, destroy, NULL};                               \
    NAME made = {hmap_sync_make(&type)};                                                                 \
    return made;                                                                                         \
  }                                                                                                      \
  static inline void NAME##_free(NAME m)                                                                 \
  {                                                                                                      \
    hmap_sync_free(m.map);                                                                               \
  }                                                                                                      \
  static inline bool NAME##_load(NAME m, K key, V *value)                                                \
  {                                                                                                      \
    void *v;                                                                                             \
    bool found = (hmap_sync_load)(m.map, KEY, &v);                                                       \
    if (found)                                                                                           \
      *value = (V)(uintptr_t)v;                                                                          \
    return found;                                                                                        \
  }                                                                                                      \
  static inline HMAP_SYNC_CHECK bool NAME##_store(NAME m, K key, V value)                                \
  {                                                                                                      \
    return (hmap_sync_store)(m.map, KEY, (void *)(uintptr_t)value);                                      \
  }                                                                                                      \
  static inline HMAP_SYNC_CHECK hmap_sync_result NAME##_load_or_store(NAME m, K key, V value, V *actual) \
  {                                                                                                      \
    void *v;                                                                                             \
    hmap_sync_result r = (hmap_sync_load_or_store)(m.map, KEY, (void *)(uintptr_t)value, &v);            \
    if (r.outcome != HMAP_SYNC_FAILED)                                                                   \
      *actual = (V)(uintptr_t)v;                                                                         \
    return r;                                                                                            \
  }                                                                                                      \
  static inline HMAP_SYNC_CHECK hmap_sync_result NAME##_swap(NAME m, K key, V value, V *previous)        \
  {                                                                                                      \
    void *v;                                                                                             \
    hmap_sync_result r = (hmap_sync_swap)(m.map, KEY, (void *)(uintptr_t)value, &v);                     \
    if (r.outcome == HMAP_SYNC_FOUND)                                                                    \
      *previous = (V)(uintptr_t)v;                                                                       \
    return r;                                                                                            \
  }                                                                                                      \
  static inline HMAP_SYNC_CHECK hmap_sync_result NAME##_compare_and_swap(NAME m, K key, V old, V value)  \
  {                                                                                                      \
    return (hmap_sync_compare_and_swap)(m.map, KEY, (void *)(uintptr_t)old, (void *)(uintptr_t)value);   \
  }                                                                                                      \
  static inline bool NAME##_load_and_delete(NAME m, K key, V *value)                                     \
  {                                                                                                      \
    void *v;                                                                                             \
    bool found = (hmap_sync_load_and_delete)(m.map, KEY, &v);                                            \
    if (found)                                                                                           \
      *value = (V)(uintptr_t)v;                                                                          \
    return found;                                                                                        \
  }                                                                                                      \
  static inline bool NAME##_delete(NAME m, K key)                                                        \
  {                                                                                                      \
    return (hmap_sync_delete)(m.map, KEY);                                                               \
  }                                                                                                      \
  static inline size_t NAME##_len(NAME m)                                                                \
  {                                                                                                      \
    return hmap_sync_len(m.map);                                                                         \
  }                                                                                                      \
  typedef NAME NAME##_is_a_map

#endif
