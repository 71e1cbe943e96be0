/* peer-khash.c: klib's khash, as it comes with htslib. */
#include "peer.h"
#include <htslib/khash.h>

#define HAS_GROWTH true
#define HAS_HINT true
#define HAS_DELETE true
#define HAS_WALK true
#ifdef STRINGS
KHASH_MAP_INIT_STR(peer, uintptr_t)
#else
KHASH_MAP_INIT_INT64(peer, uintptr_t)
#endif
typedef khash_t(peer) table;

static inline table *tableMake(size_t hint)
{
  table *t = kh_init(peer);
  if (hint)
    kh_resize(peer, t, (khint_t)((double)hint / __ac_HASH_UPPER) + 1);
  return t;
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  int absent;
  khint_t i = kh_put(peer, t, k, &absent);
  kh_val(t, i) = v;
}
static inline uintptr_t tableGet(table *t, key k)
{
  khint_t i = kh_get(peer, t, k);
  return i == kh_end(t) ? 0 : kh_val(t, i);
}
static inline bool tableDelete(table *t, key k)
{
  khint_t i = kh_get(peer, t, k);
  if (i == kh_end(t))
    return false;
  kh_del(peer, t, i);
  return true;
}
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  size_t n = 0;
  for (khint_t i = kh_begin(t); i != kh_end(t); i++)
    if (kh_exist(t, i)) {
      *sum += kh_val(t, i);
      n++;
    }
  return n;
}
static inline void tableFree(table *t)
{
  kh_destroy(peer, t);
}

#include "loops.h"
