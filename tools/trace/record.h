/* record.h: what the two recording libraries ask of record.c. Every call but recordPeek wants the lock held; none calls a
 * function of the program's. */
#include "format.h"
#include <stddef.h>

/* A table that is recorded. */
typedef struct traced traced;

/* What a caller has to know of a table before he holds the lock. */
typedef struct tracedFacts {
  bool traced; /* else the rest is nothing */
  uint8_t kind, flags;
  unsigned (*hash)(const void *key); /* traceOwn: the program's */
} tracedFacts;

/* A key. The rest counts in tables of traceOwn only: the key in the table that it is equal to, if there is one. */
typedef struct tracedKey {
  const void *pointer, *stored;
  bool isStored;
  uint32_t hash;
} tracedKey;

void hmap_record_lock(void);
void hmap_record_unlock(void);
tracedFacts hmap_record_peek(const void *address);

/* The record of a table, or NULL if it is not recorded. */
traced *hmap_record_find(const void *address);
traced *hmap_record_create(const void *address, uint8_t kind, uint8_t flags, uint64_t nel, unsigned (*hash)(const void *key));
void hmap_record_ref(traced *t);

/* A reference is given up, by opUnref or opDestroy. */
void hmap_record_unref(traced *t, unsigned op);
void hmap_record_store(traced *t, unsigned op, bool isNew, const tracedKey *key, const void *value);
void hmap_record_key(traced *t, unsigned op, bool result, const tracedKey *key);
void hmap_record_op(traced *t, unsigned op, uint64_t size);

/* Walks: id is the address of the iterator, or of what stands for one. */
void hmap_record_walk(traced *t, const void *id, unsigned how);
void hmap_record_step(traced *t, const void *id, const void *key);
void hmap_record_act(traced *t, const void *id, unsigned act, const void *value);
void hmap_record_walked(traced *t, const void *id, bool complete);
