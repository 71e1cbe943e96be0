/* peer-cxx.h: the C++ tables, which share an interface. To be included after peer.h and `template <class K, class V> using map =
 * ...;`. String keys are string_views that are made of the C string at each call, because all other peers store no more than a
 * pointer too. */
#include <string_view>

#define HAS_GROWTH true
#define HAS_HINT true
#define HAS_DELETE true
#define HAS_WALK true
#define HAS_REMOVAL true
#ifdef STRINGS
typedef map<std::string_view, uintptr_t> table;
#else
typedef map<key, uintptr_t> table;
#endif

static inline table *tableMake(size_t hint)
{
  table *t = new table;
  if (hint)
    t->reserve(hint);
  return t;
}
static inline void tablePut(table *t, key k, uintptr_t v)
{
  (*t)[k] = v;
}
static inline uintptr_t tableGet(table *t, key k)
{
  auto at = t->find(k);
  return at == t->end() ? 0 : at->second;
}
static inline bool tableDelete(table *t, key k)
{
  return t->erase(k) != 0;
}
static inline size_t tableWalk(table *t, uintptr_t *sum)
{
  size_t n = 0;
  for (const auto &entry : *t) {
    *sum += entry.second;
    n++;
  }
  return n;
}
static inline size_t tablePrune(table *t, uintptr_t most)
{
  size_t before = t->size();
  for (auto at = t->begin(); at != t->end();) {
    auto here = at++;
    if (here->second > most)
      t->erase(here);
  }
  return before - t->size();
}
static inline uintptr_t tableTake(table *t)
{
  auto first = t->begin();
  if (first == t->end())
    return 0;
  uintptr_t v = first->second;
  t->erase(first);
  return v;
}
static inline void tableFree(table *t)
{
  delete t;
}

#include "loops.h"
