/* sync-cxx.h: what the C++ peers share. Each defines
 *
 *   template <class Key, class Hash, class Same> using Map    from Key to word
 *   template <class Key> using HashOf                         the library's hash function, or the one it asks for
 *   load(map, key), store(map, key, value)                    as mapLoad and mapStore of sync-peer.h
 *
 * and includes this file. Texts are kept as pointers, hashed and compared as strings. */
#include "sync-peer.h"
#include <string_view>

struct HashText {
  std::size_t operator()(const char *s) const { return HashOf<std::string_view>()(s); }
};
struct SameText {
  bool operator()(const char *a, const char *b) const { return std::strcmp(a, b) == 0; }
};
using Words = Map<word, HashOf<word>, std::equal_to<word>>;
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
static bool mapLoad(union mapKey key) { return words ? load(words, key.number) : load(texts, key.text); }
static void mapStore(union mapKey key, word value) { words ? store(words, key.number, value) : store(texts, key.text, value); }
static void mapDelete(union mapKey key) { words ? words->erase(key.number) : texts->erase(key.text); }
static void enterThread(void) {}
static void leaveThread(void) {}
