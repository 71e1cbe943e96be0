// sync-phmap.cc: phmap's parallel_flat_hash_map with a mutex for each of 16 parts, for bench/sync.py.
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <parallel_hashmap/phmap.h>
#include <string_view>

using word = std::uintptr_t;
template <class Key, class Hash, class Same>
using Map = phmap::parallel_flat_hash_map<Key, word, Hash, Same, std::allocator<std::pair<const Key, word>>, 4, std::mutex>;
template <class Key> struct HashOf : std::hash<Key> {};
template <> struct HashOf<word> : phmap::Hash<word> {};

template <class M, class Key> static bool load(M *map, Key key)
{
  word found = 0;
  map->if_contains(key, [&](const auto &entry) { found = entry.second; });
  return found;
}
template <class M, class Key> static void store(M *map, Key key, word value)
{
  map->lazy_emplace_l(
      key, [&](auto &entry) { entry.second = value; }, [&](const auto &make) { make(key, value); });
}
#include "sync-cxx.h"
