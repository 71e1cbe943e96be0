// sync-boost.cc: boost::concurrent_flat_map, for bench/sync.py. Texts are kept as pointers, hashed and compared as strings.
#include "sync-peer.h"
#include <boost/unordered/concurrent_flat_map.hpp>
#include <string_view>

struct HashText {
  std::size_t operator()(const char *s) const { return boost::hash<std::string_view>()(s); }
};
struct SameText {
  bool operator()(const char *a, const char *b) const { return strcmp(a, b) == 0; }
};
using Words = boost::concurrent_flat_map<word, word>;
using Texts = boost::concurrent_flat_map<const char *, word, HashText, SameText>;

static Words *words;
static Texts *texts;

static void makeMap(bool strings)
{
  if (strings)
    texts = new Texts;
  else
    words = new Words;
}
template <class Map, class Key> static bool load(const Map *map, Key key)
{
  word found = 0;
  map->cvisit(key, [&](const auto &entry) { found = entry.second; });
  return found;
}
static bool mapLoad(union mapKey key) { return words ? load(words, key.number) : load(texts, key.text); }
static void mapStore(union mapKey key, word value)
{
  words ? words->insert_or_assign(key.number, value) : texts->insert_or_assign(key.text, value);
}
static void mapDelete(union mapKey key) { words ? words->erase(key.number) : texts->erase(key.text); }
static void enterThread(void) {}
static void leaveThread(void) {}
