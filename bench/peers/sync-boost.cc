// sync-boost.cc: boost::concurrent_flat_map, for bench/sync.py.
#include <boost/unordered/concurrent_flat_map.hpp>
#include <cstdint>
#include <cstring>

using word = std::uintptr_t;
template <class Key, class Hash, class Same> using Map = boost::concurrent_flat_map<Key, word, Hash, Same>;
template <class Key> using HashOf = boost::hash<Key>;

template <class M, class Key> static bool load(const M *map, Key key)
{
  word found = 0;
  map->cvisit(key, [&](const auto &entry) { found = entry.second; });
  return found;
}
template <class M, class Key> static void store(M *map, Key key, word value) { map->insert_or_assign(key, value); }
#include "sync-cxx.h"
