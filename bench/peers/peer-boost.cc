/* peer-boost.cc: boost::unordered_flat_map. */
#include "peer.h"
#include <boost/unordered/unordered_flat_map.hpp>

template <class K, class V> using map = boost::unordered_flat_map<K, V>;

#include "peer-cxx.h"
