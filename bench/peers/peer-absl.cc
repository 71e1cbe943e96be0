/* peer-absl.cc: absl::flat_hash_map. */
#include "peer.h"
#include <absl/container/flat_hash_map.h>

template <class K, class V> using map = absl::flat_hash_map<K, V>;

#include "peer-cxx.h"
