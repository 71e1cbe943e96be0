/* sync-memory.c: the memory of arrays, entries and generations, and how they go. Arrays and generations go in steps, so that
 * nobody who is given one to free has to stop for long. */
#include "sync.h"
#include <malloc.h>
#include <sys/mman.h>

enum {
  maxHeapBytes = 64 << 10,
  freeAtOnce = 256 << 10, /* bytes of an array that go back to the system in one step */
  chainsAtOnce = 16       /* and chains whose overflow buckets, or entries, do */
};

/* Memory, all zero; so large pieces come untouched from the system and go back to it. */
static void *newBytes(size_t bytes)
{
  if (bytes <= maxHeapBytes)
    return calloc(1, bytes);
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? NULL : p;
}
static void freeBytes(void *p, size_t bytes)
{
  if (bytes <= maxHeapBytes)
    free(p);
  else
    munmap(p, bytes);
}

static size_t bytesOfArray(size_t buckets, uint8_t shift)
{
  return sizeof(array) + (buckets << shift) + cacheLine - 1;
}
/* Frees overflow buckets, and then an array's memory from its end, up to what is left for the last step. left counts the chains
 * down, and cursor the bytes. */
static bool stepOfArray(array *a)
{
  for (unsigned n = 0; n < chainsAtOnce && a->left; n++)
    for (bucket *b = bucketNumber(a, --a->left)->overflow, *next; b; b = next) {
      next = b->overflow;
      free(containerOf(b, tailBucket, b));
    }
  if (a->left || a->cursor <= freeAtOnce)
    return !a->left;
  size_t rest = (a->cursor - 1) / freeAtOnce * freeAtOnce;
  munmap((char *)a + rest, a->cursor - rest);
  a->cursor = rest;
  return false;
}
/* From now on an array is only something to be freed. */
static void prepareToFree(array *a)
{
  a->left = a->mask + 1;
  a->cursor = bytesOfArray(a->mask + 1, a->shift);
}
static bool stepOfEvacuated(bulk *l, node **batch)
{
  array *a = containerOf(l, array, l);
  (void)batch;
  if (a->next) /* until now others might have been looking for a chain to evacuate */
    prepareToFree(a);
  a->next = NULL;
  return stepOfArray(a);
}
static void freeArray(array *a)
{
  if (bytesOfArray(a->mask + 1, a->shift) <= maxHeapBytes)
    free(a);
  else
    munmap(a, a->cursor);
}
static void freeEvacuated(bulk *l)
{
  freeArray(containerOf(l, array, l));
}
/* Returns an empty array of that many buckets, a power of two; or NULL if there is no memory. */
static array *newTable(generation *gen, size_t buckets)
{
  const uint8_t shift = gen->pairs ? 7 : 6;
  if (buckets > SIZE_MAX / 4 >> shift) {
    errno = ENOMEM;
    return NULL;
  }
  array *a = newBytes(bytesOfArray(buckets, shift));
  if (!a)
    return NULL;
  a->buckets = (bucket *)(((uintptr_t)(a + 1) + cacheLine - 1) / cacheLine * cacheLine);
  a->mask = buckets - 1;
  a->left = buckets;
  a->gen = gen;
  a->shift = shift;
  return a;
}
/* Frees one that nobody else has seen. */
static void freeTable(array *a)
{
  freeBytes(a, bytesOfArray(a->mask + 1, a->shift));
}
/* An array that has been evacuated. In a read section. */
static void retireArray(reader *r, array *a)
{
  a->l.step = stepOfEvacuated;
  a->l.done = freeEvacuated;
  retire(r, &a->l.base, isLarge);
}

/* Returns a node without a value, or NULL if there is no memory. */
static node *newNode(const hmap_sync *m, uint64_t hash, const void *key)
{
  size_t size = m->alg != algStr ? m->keysize : likely(lengthIn(hash) < 0xffff) ? lengthIn(hash) + 1 : strlen(key) + 1;
  node *n = malloc(m->keyoff + size);
  if (!n)
    return NULL;
  if (m->owner)
    *ownerOf(n) = m->owner;
  if (hashIsStored(m->alg))
    *storedHash(m, n) = hash;
  memcpy(keyOfNode(m, n), key, size);
  return n;
}

/* The owner of a map's entries, or NULL if there is no memory. */
static const owner *ownerFor(const hmap_sync_type *type, uint32_t keyoff)
{
  static owner *owners;
  owner *all = LOAD(&owners);
  for (owner *o = all; o; o = o->next)
    if (o->destroy == type->destroy && o->destroyKey == type->destroy_key && o->keyoff == keyoff)
      return o;
  owner *o = aligned_alloc(_Alignof(owner), sizeof *o); /* it stays; tests that count blocks pass this one over */
  if (!o)
    return NULL;
  *o = (owner){type->destroy, type->destroy_key, keyoff, all};
  while (!CAS(&owners, &o->next, o))
    ;
  return o;
}

/* Returns a generation with an empty array; or NULL if there is no memory. */
static generation *newGeneration(hmap_sync *m)
{
  char *p = calloc(1, sizeof(generation) + cacheLine - 1);
  if (!p)
    return NULL;
  generation *gen = (generation *)(void *)(p + -(uintptr_t)p % cacheLine);
  gen->memory = p;
  gen->kind = m->owner ? ownsValue | ownsKey : 0;
  gen->pairs = m->pairs;
  gen->number = __atomic_add_fetch(&m->generations, 1, __ATOMIC_RELAXED);
  gen->table = newTable(gen, LOAD_RELAXED(&m->least));
  if (!gen->table) {
    free(p);
    return NULL;
  }
  return gen;
}
static void freeGeneration(bulk *l)
{
  free(containerOf(l, generation, l)->memory);
}
/* Gives up the entries of some chains of the first array, in the end the array, and in the end all. */
static bool stepOfGeneration(bulk *l, node **batch)
{
  generation *gen = containerOf(l, generation, l);
  array *a = gen->table;
  size_t end = gen->chain + chainsAtOnce;
  for (; !gen->pairs && gen->chain <= a->mask && gen->chain < end; gen->chain++) {
    visit v = {bucketNumber(a, gen->chain), 0, false};
    if (!(v.b->head & movedBit))
      for (node *n; (n = nextNode(&v));)
        pushOn(batch, n, gen->kind);
  }
  if (gen->chain <= a->mask && !gen->pairs)
    return false;
  if (!gen->freeing)
    prepareToFree(a);
  gen->freeing = true;
  if (!stepOfArray(a))
    return false;
  gen->table = a->next;
  gen->chain = 0;
  gen->freeing = false;
  freeArray(a);
  return !gen->table;
}
/* Gives up all that can be reached from an array that has been taken out of its map. In a read section. */
static void retireGeneration(reader *r, array *a)
{
  a->gen->table = a;
  a->gen->l.step = stepOfGeneration;
  a->gen->l.done = freeGeneration;
  retire(r, &a->gen->l.base, isLarge);
}
