/* peer-std.cc: std::unordered_map. */
#include "peer.h"
#include <unordered_map>

template <class K, class V> using map = std::unordered_map<K, V>;

#include "peer-cxx.h"
