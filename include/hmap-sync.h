/* hmap-sync.h: Go's sync.Map for C: a map that any number of threads read and write at once, and whose reads wait for nobody.
 *
 * Glossary
 *   key           a byte string of fixed size, or a C string; copied into the map, and freed by it
 *   value         a word, such as a pointer; the map's own reference to it begins when it is stored and ends in destroy
 *   read section  a stretch of a thread's work, from hmap_sync_read_lock to hmap_sync_read_unlock, during which nothing that it
 *                 may have seen is destroyed. Each call opens one of its own; sections nest.
 *
 * Guarantees. The letters are those that tests/test_sync*.c name.
 *   R  Reads: hmap_sync_load takes no lock, writes to no memory that others see, and never waits, whatever other threads do
 *      or whether they run at all. It may begin again, once for each entry that others put into the same bucket meanwhile.
 *   W  Writes: all calls but Range and Len are atomic: each takes effect at one moment between its beginning and its return, and
 *      that order is one that a map used by a single thread could have had (linearizability). A write waits for other
 *      writes to the same one of the map's chains, which hold about four keys, and for nothing else.
 *   B  What comes before: all that a thread did before it stored a value happens before what a thread does that got this value
 *      from the map, as with release and acquire in C11.
 *   G  hmap_sync_range calls f at most once a key; exactly once for a key that is there throughout; never for an entry
 *      deleted before the walk came to it; once or not at all for one that was added meanwhile. With each key it passes the
 *      value that it has at that moment. After hmap_sync_clear it ends. f may call every function on this map but hmap_sync_free.
 *   C  hmap_sync_clear is one atomic step for all keys; memory goes back to the system, also after many deletions.
 *   L  hmap_sync_len counts every insertion and deletion that returned before the call, and none that began after it.
 *   D  Destruction: for each value that was stored, destroy runs exactly once: after the value was replaced, deleted or cleared
 *      or the map freed, and after every read section has ended that was open then. It runs in a thread of liburcu's, and may
 *      call every function of this header but hmap_sync_barrier and those about fork. A long read section, which a slow f
 *      is too, delays destruction and the return of memory, and nothing else.
 *   N  No call waits for readers, hmap_sync_barrier and hmap_sync_before_fork apart; so also not from within f or destroy.
 *   M  No memory: a call that reports ENOMEM has changed nothing, and the caller still owns the value. Deletion needs no memory;
 *      growing that cannot be had is done without, and tried again.
 * An exception to R and M is the first call of each thread: it makes the thread known to liburcu, which takes a lock (and so
 * waits for a fork under way) and memory; where there is none, liburcu ends the program.
 *
 * Keys that are there at the same moment never share an entry, whatever their hashes; a hash is keyed with a random seed a map.
 */
#ifndef HMAP_SYNC_H
#define HMAP_SYNC_H

#include <hmap.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A concurrent map from keys to words. */
typedef struct hmap_sync hmap_sync;

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
} hmap_sync_type;

/* In all functions below, key points to key_size bytes, or with HMAP_STRING to the string's first character. Where a value is
 * returned and the type has retain, it has been retained for the caller (not for f in Range). Where the type has only destroy,
 * the caller may use the value until the end of a read section that it opened before the call. Result pointers may be NULL; then
 * nothing is stored or retained. They are set only where the return value says that there is something. */

/* Makes an empty map. Returns it, for the caller to free with hmap_sync_free; or NULL with errno
 *   EINVAL  type is NULL or has a size, kind or pair of functions that is not allowed
 *   ENOMEM  there is no memory for it
 * The first call in a process starts liburcu's thread; where that is not possible, liburcu ends the program. */
HMAP_API hmap_sync *hmap_sync_make(const hmap_sync_type *type);

/* Frees a map, which may be NULL. No other call on it may be under way or follow, but read sections may be open: its values are
 * destroyed, by liburcu's thread, when they have ended. Does not wait for that; hmap_sync_barrier does. */
HMAP_API void hmap_sync_free(hmap_sync *m);

/* Looks a key up. Returns true and its value, or false if it is absent. */
HMAP_API bool hmap_sync_load(hmap_sync *m, const void *key, void **value);

/* Sets a key's value. Returns true; or false with errno ENOMEM. */
HMAP_API bool hmap_sync_store(hmap_sync *m, const void *key, void *value);

/* Returns 1 and a key's value in *actual if it is there; or stores value and returns 0, with value in *actual (retained, like any
 * that is returned: others may have deleted it by then); or -1 with errno ENOMEM. Value stays the caller's unless it returns 0.
 */
HMAP_API int hmap_sync_load_or_store(hmap_sync *m, const void *key, void *value, void **actual);

/* Deletes a key. Returns true and the value that it had, or false if it was absent. */
HMAP_API bool hmap_sync_load_and_delete(hmap_sync *m, const void *key, void **value);

/* Deletes a key. Returns true if it was there. */
HMAP_API bool hmap_sync_delete(hmap_sync *m, const void *key);

/* Sets a key's value. Returns 1 and the value that it had before; 0 if it was absent; or -1 with errno ENOMEM. */
HMAP_API int hmap_sync_swap(hmap_sync *m, const void *key, void *value, void **previous);

/* Sets a key's value if it is there and has the value old; values are compared as words. Returns 1 if it was set, 0 if not, or -1
 * with errno ENOMEM. Value stays the caller's unless it returns 1. */
HMAP_API int hmap_sync_compare_and_swap(hmap_sync *m, const void *key, void *old, void *value);

/* Deletes a key if it has the value old; values are compared as words. Returns true if it was deleted. */
HMAP_API bool hmap_sync_compare_and_delete(hmap_sync *m, const void *key, void *old);

/* Calls f for the entries, see G above, until it returns false. The key and value that f gets are the map's, and valid until f
 * returns. Returns true; or false with errno ENOMEM, when more than 64 keys share a chain and there is no memory to list them:
 * the walk has then ended early. Costs nothing in proportion to the map before the first call of f. */
HMAP_API bool hmap_sync_range(hmap_sync *m, bool (*f)(const void *key, void *value, void *arg), void *arg);

/* Removes all entries. Returns true; or false with errno ENOMEM, and the map is as it was. */
HMAP_API bool hmap_sync_clear(hmap_sync *m);

/* Returns the number of entries, see L above. */
HMAP_API size_t hmap_sync_len(hmap_sync *m);

/* Opens and closes a read section of the calling thread. Threads need no registration. */
HMAP_API void hmap_sync_read_lock(void);
HMAP_API void hmap_sync_read_unlock(void);

/* Waits until every value and all memory that was given up before the call, in any map, has been destroyed and freed: before a
 * plugin with a destroy function is unloaded, say, or a search for leaks. What destroy functions give up in turn is not waited
 * for. Not to be called in a read section or a destroy function: it would wait for itself. */
HMAP_API void hmap_sync_barrier(void);

/* Around a fork whose child uses maps and does not just exec: before_fork, then one of the others in parent and child. They wait
 * for open read sections to end and keep new writes waiting meanwhile, so that the child finds every map whole and liburcu at
 * work. They call the handlers of liburcu-bp and its call_rcu, so a program that does so itself calls these instead. May be
 * given to pthread_atfork. Not to be called in a read section or a destroy function. */
HMAP_API void hmap_sync_before_fork(void);
HMAP_API void hmap_sync_after_fork_parent(void);
HMAP_API void hmap_sync_after_fork_child(void);

#ifdef __cplusplus
}
#endif

#endif
