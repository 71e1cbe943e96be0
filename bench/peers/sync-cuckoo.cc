// sync-cuckoo.cc: libcuckoo's cuckoohash_map, for bench/sync.py. It wants hashes whose bits are all random.
#include <cstdint>
#include <cstring>
#include <functional>
#include <libcuckoo/cuckoohash_map.hh>

using word = std::uintptr_t;
template <class Key, class Hash, class Same> using Map = libcuckoo::cuckoohash_map<Key, word, Hash, Same>;
template <class Key> struct HashOf : std::hash<Key> {};
template <> struct HashOf<word> {
  std::size_t operator()(word x) const
  {
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
  }
};

template <class M, class Key> static bool load(const M *map, Key key)
{
  word found = 0;
  return map->find(key, found) && found;
}
template <class M, class Key> static void store(M *map, Key key, word value) { map->insert_or_assign(key, value); }
#include "sync-cxx.h"
