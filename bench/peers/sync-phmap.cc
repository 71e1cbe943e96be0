// sync-phmap.cc: phmap's parallel_flat_hash_map with a mutex for each of 16 parts, for bench/sync.py. Texts are kept as pointers,
// hashed and compared as strings.
#include "sync-peer.h"
#include <functional>
#include <mutex>
#include <parallel_hashmap/phmap.h>
#include <string_view>

struct HashText {
  std::size_t operator()(const char *s) const { return std::hash<std::string_view>()(s); }
};
struct SameText {
  bool operator()(const char *a, const char *b) const { return strcmp(a, b) == 0; }
};
template <class Key, class Hash, class Same>
using Map = phmap::parallel_flat_hash_map<Key, word, Hash, Same, std::allocator<std::pair<const Key, word>>, 4, std::mutex>;
using Words = Map<word, phmap::Hash<word>, std::equal_to<word>>;
using Texts = Map<const char *, HashText, SameText>;

static Words *words;
static Texts *texts;

static void makeMap(bool strings)
{
  if (strings)
    texts = new Texts;
  else
    words = new Words;
}
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
static bool mapLoad(union mapKey key) { return words ? load(words, key.number) : load(texts, key.text); }
static void mapStore(union mapKey key, word value) { words ? store(words, key.number, value) : store(texts, key.text, value); }
static void mapDelete(union mapKey key) { words ? words->erase(key.number) : texts->erase(key.text); }
static void enterThread(void) {}
static void leaveThread(void) {}
