/* engine.c: the engine as one translation unit, each file after those that it uses. libhmap is this file; each shim includes it
 * with HMAP_API static. So a lookup is inlined into the function that the program calls, a static library is one object, and
 * nothing of the engine shows outside. */
#define _GNU_SOURCE                                /* secure_getenv */
#pragma GCC diagnostic ignored "-Wunused-function" /* no library uses all of it */
#include "map.h"
#include "hash.h"
#include "format.h"
#include "probe.h"
#include "seed.c"
#include "counters.c"
#include "pages.c"
#include "mem.c"
#include "empty.c"
#include "grow.c"
#include "map.c"
#include "walk.c"
#include "iter.c"
#include "alarm.c"
#include "clone.c"
#include "stats.c"
#include "dump.c"
#include "check.c"
#include "api.c"
