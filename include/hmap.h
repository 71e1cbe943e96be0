/* hmap.h: Go's map for C.
 *
 * Glossary
 *   key, elem   what a table maps from and to; both are byte strings of a size that the table's type fixes
 *   bucket      eight slots and the eight tophash bytes that say what is in them
 *   slot        room for one key and its elem
 *   overflow    a bucket linked behind a full one
 *   growing     while a table moves, write by write, from its old array of buckets to a new one
 *
 * Ownership: a table owns its memory and the bytes that were copied into its slots; it never owns what a pointer among those
 * bytes points to. Pointers into slots belong to the table and hold until its next assign, delete, clear or free.
 *
 * Threads: any number of readers (access, get_many, len, iteration, stats, dump, check, clone), or one writer. Breaking that rule
 * is detected where possible and then ends the program with a message that begins with "hmap: fatal error:".
 */
#ifndef HMAP_H
#define HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifndef HMAP_API
#define HMAP_API extern
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A table. */
typedef struct hmap hmap;

/* 128 random bits, one seed a table; a hash function that mixes them in well keeps crafted keys from colliding. */
typedef struct hmap_seed {
  uint64_t k0, k1;
} hmap_seed;

/* What keys are. */
enum hmap_kind {
  HMAP_BYTES = 0, /* key_size bytes, compared and hashed as bytes (so without padding), or with the functions of the type */
  HMAP_STRING = 1 /* a const char * to a NUL-terminated string; the table keeps the pointer, the caller the string */
};

/* How a table's keys and elems look. The table copies it. */
typedef struct hmap_type {
  enum hmap_kind kind;
  size_t key_size;  /* bytes, 1 to 2^20; with HMAP_STRING 0 or sizeof(char *). Over 128 bytes a key stands behind a pointer. */
  size_t elem_size; /* bytes, 0 to 2^20. Over 128 bytes an elem stands behind a pointer. */
  /* Both or neither, and only with HMAP_BYTES. hash: any 64-bit function of the key, the same whenever equal says true; called
   * once an operation and never on a stored key. equal: called with the stored key first, and only where the hashes agree in
   * 32 bits. Neither may write to the table. */
  uint64_t (*hash)(const void *key, const hmap_seed *seed);
  bool (*equal)(const void *stored, const void *key);
} hmap_type;

/* Makes an empty table.
 *   type  what it holds; copied
 *   hint  how many entries to make room for, 0 if not known; that room stays, however few there are, until more have come
 * Returns the table, which the caller frees with hmap_free; or NULL with errno
 *   EINVAL  type is NULL or has a size, kind or pair of functions that is not allowed
 *   ENOMEM  memory for the table, or for hint entries, cannot be had */
HMAP_API hmap *hmap_make(const hmap_type *type, size_t hint);

/* Frees a table and all that it owns; h may be NULL. Iterators over it become invalid. */
HMAP_API void hmap_free(hmap *h);

/* Returns the number of entries; 0 for NULL. */
HMAP_API size_t hmap_len(const hmap *h);

/* Looks a key up.
 *   key  points to key_size bytes
 * Returns a pointer to the key's elem in the table, never NULL for a key that is there, even where elem_size is 0 (the pointer
 * is then not to be read); NULL if the key is absent or h is NULL. */
HMAP_API void *hmap_access(const hmap *h, const void *key);

/* Looks many keys up at once. In a table that is larger than the processor's cache this takes a fraction of the time, because the
 * memory that one key needs is fetched while others are looked at.
 *   n      how many keys
 *   keys   points to the keys, one behind the other, key_size bytes each
 *   elems  room for n pointers; the i-th becomes what hmap_access would return for the i-th key
 * Returns how many keys are there. h may be NULL: none is. */
HMAP_API size_t hmap_get_many(const hmap *h, size_t n, const void *keys, void **elems);

/* Makes sure that a key is there, and returns where its elem stands. A new elem is all zero bytes; for a key that was there
 * already, the stored key stays and the elem is as it was.
 *   key  points to key_size bytes, which a new entry copies
 * Returns a pointer to the elem as hmap_access does, for the caller to write elem_size bytes; or NULL with errno
 *   ENOMEM  there is no memory for one more entry; the table is as it was
 *   EINVAL  h or key is NULL, or the string that key points to is NULL */
HMAP_API void *hmap_assign(hmap *h, const void *key);

/* Removes a key and its elem. Returns true if it was there, false if not or if h is NULL. Needs no memory. */
HMAP_API bool hmap_delete(hmap *h, const void *key);

/* Removes all entries and takes a new seed; h may be NULL. Iterators end. Needs no memory. */
HMAP_API void hmap_clear(hmap *h);

/* Copies a table: its entries (keys and elems byte by byte) and its seed. Returns the copy, which the caller frees with
 * hmap_free; or NULL with errno ENOMEM, or EINVAL if h is NULL. h is not changed. */
HMAP_API hmap *hmap_clone(const hmap *h);

/* An iterator, on the caller's stack. key and elem are for the caller to read, the rest is the library's. */
typedef struct hmap_iter {
  const void *key; /* the current entry's key and elem, in the table; NULL before the first hmap_iter_next and after the last */
  void *elem;
  const hmap *h;
  void *buckets, *oldbuckets, *overflow, *first, *block;
  size_t start, bucket, rest;
  hmap_seed seed;
  uint32_t nclear, moved;
  uint8_t B, group, offset, chain, state, reseeding, plain;
} hmap_iter;

/* Starts a walk over a table, which may be NULL, at a random bucket and slot. The table may be read, written, cleared and grown
 * during the walk (by one thread), but not freed, and
 *   - an entry that is there from the first call to the last is returned exactly once;
 *   - an entry that was deleted before the walk came to it is not returned;
 *   - an entry that was added during the walk is returned once or not at all; after hmap_clear the walk ends.
 * The walk pins the arrays that it reads. hmap_iter_end, or walking until hmap_iter_next returns false, releases them; a walk
 * that is abandoned keeps them from being freed before the table is. (If a table is attacked while a walk goes on that began during
 * a growth, and has become twice as large since, that walk may miss entries.)
 * Copies of an iterator count as the same walk: end one. */
HMAP_API void hmap_iter_init(hmap_iter *it, const hmap *h);

/* Moves to the next entry. Returns true with it->key and it->elem set, or false at the end, with both NULL. */
HMAP_API bool hmap_iter_next(hmap_iter *it);

/* Ends a walk early. Nothing happens if it has ended already. */
HMAP_API void hmap_iter_end(hmap_iter *it);

/* What hmap_getstats tells. */
typedef struct hmap_stats {
  size_t len;           /* entries */
  size_t nbuckets;      /* buckets in the array, without overflow buckets */
  size_t noverflow;     /* overflow buckets in use behind them */
  size_t noldbuckets;   /* while growing or shrinking: buckets in the old array, otherwise 0 */
  size_t nevacuated;    /* meanwhile: below this number all of those have been evacuated */
  size_t longest_chain; /* buckets in the longest chain, 0 for a table that never held anything */
  size_t bytes;         /* memory the table holds, without what keys and elems point to */
  double load;          /* entries a bucket */
} hmap_stats;

/* Fills s with a table's figures; reads every bucket. h may be NULL: all zero. */
HMAP_API void hmap_getstats(const hmap *h, hmap_stats *s);

/* Draws a table's buckets for people; reads no key or elem. h may be NULL, which is said. Each line is a chain:
 *
 *   entries 14, buckets 4, overflow buckets 0, load 3.50
 *   growing: old buckets, 1 of 2 evacuated
 *            0  [ X  Y  X ..  X  Y .. ..]  X 0, Y 2
 *            1  [9a 31 -- 5c 77 e0 1f 06] -> #0 [c1 .. .. .. .. .. .. ..]
 *   new buckets
 *            0  [d2 84 19 .. .. .. .. ..]
 *            1  empty
 *            2  [07 f3 .. .. .. .. .. ..]
 *            3  empty
 *
 *   9a    the tophash of an entry: the top eight bits of its key's hash, 5 added to those below 5
 *   --    an empty slot; ..  the same, and all that follows in the chain is empty
 *   X, Y  an entry that growth has moved to the new bucket that the end of the line gives. A table that shrinks says
 *         "shrinking:" and has X only.
 *   -> #  the chain goes on in overflow bucket 0, 1, ...
 *
 * Returns true, or false with errno if writing to out failed. */
HMAP_API bool hmap_dump(const hmap *h, FILE *out);

/* Checks every invariant of a table, which may be NULL; reads every bucket, and no key or elem but those that are their own hash.
 * Returns NULL if all hold, or else a constant string that names the first that does not. */
HMAP_API const char *hmap_check(const hmap *h);

/* Shorthands for the commonest keys. The table's key_size must be 4 or 8, or its kind HMAP_STRING. */
static inline void *hmap_access_fast32(const hmap *h, uint32_t key)
{
  return hmap_access(h, &key);
}
static inline void *hmap_assign_fast32(hmap *h, uint32_t key)
{
  return hmap_assign(h, &key);
}
static inline bool hmap_delete_fast32(hmap *h, uint32_t key)
{
  return hmap_delete(h, &key);
}
static inline void *hmap_access_fast64(const hmap *h, uint64_t key)
{
  return hmap_access(h, &key);
}
static inline void *hmap_assign_fast64(hmap *h, uint64_t key)
{
  return hmap_assign(h, &key);
}
static inline bool hmap_delete_fast64(hmap *h, uint64_t key)
{
  return hmap_delete(h, &key);
}
static inline void *hmap_access_faststr(const hmap *h, const char *key)
{
  return hmap_access(h, &key);
}
static inline void *hmap_assign_faststr(hmap *h, const char *key)
{
  return hmap_assign(h, &key);
}
static inline bool hmap_delete_faststr(hmap *h, const char *key)
{
  return hmap_delete(h, &key);
}

#ifdef __cplusplus
}
#endif

#endif
