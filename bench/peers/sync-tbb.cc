// sync-tbb.cc: oneTBB's concurrent_hash_map, for bench/sync.py.
#include <cstdint>
#include <cstring>
#include <functional>
#include <tbb/concurrent_hash_map.h>

using word = std::uintptr_t;
template <class Key, class Hash, class Same> struct HashCompare {
  static std::size_t hash(const Key &key) { return Hash()(key); }
  static bool equal(const Key &a, const Key &b) { return Same()(a, b); }
};
template <class Key, class Hash, class Same> using Map = tbb::concurrent_hash_map<Key, word, HashCompare<Key, Hash, Same>>;
template <class Key> using HashOf = std::hash<Key>;

template <class M, class Key> static bool load(const M *map, Key key)
{
  typename M::const_accessor at;
  return map->find(at, key) && at->second;
}
template <class M, class Key> static void store(M *map, Key key, word value)
{
  typename M::accessor at;
  map->insert(at, key);
  at->second = value;
}
#include "sync-cxx.h"
