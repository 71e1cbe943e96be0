// sync-tbb.cc: oneTBB's concurrent_hash_map, for bench/sync.py.
#include "sync-peer.h"
#include <functional>
#include <string_view>
#include <tbb/concurrent_hash_map.h>

struct ByText {
  static std::size_t hash(const char *s) { return std::hash<std::string_view>()(s); }
  static bool equal(const char *a, const char *b) { return std::strcmp(a, b) == 0; }
};
using Words = tbb::concurrent_hash_map<word, word>;
using Texts = tbb::concurrent_hash_map<const char *, word, ByText>;

static Words *words;
static Texts *texts;

static void makeMap(bool strings)
{
  if (strings)
    texts = new Texts;
  else
    words = new Words;
}
template <class Map, class Key> static bool load(Map *map, Key key)
{
  typename Map::const_accessor at;
  return map->find(at, key) && at->second;
}
template <class Map, class Key> static void store(Map *map, Key key, word value)
{
  typename Map::accessor at;
  map->insert(at, key);
  at->second = value;
}
static bool mapLoad(union mapKey key) { return words ? load(words, key.number) : load(texts, key.text); }
static void mapStore(union mapKey key, word value) { words ? store(words, key.number, value) : store(texts, key.text, value); }
static void mapDelete(union mapKey key) { words ? words->erase(key.number) : texts->erase(key.text); }
static void enterThread(void) {}
static void leaveThread(void) {}
