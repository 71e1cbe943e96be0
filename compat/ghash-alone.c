/* ghash-alone.c: libhmap-ghash, which a program links instead of GLib. It is ghash.c once more, with include/hmap-glib.h for
 * GLib's header, and the few other functions of GLib's that such a program uses, written for libc alone.
 *
 * Each is defined here under GLib's name and exported under the one that the header gives it, hmap_ghash_*. A library that
 * exported GLib's own names, but not all of GLib, would get the calls of whatever library needs the real one and is loaded later;
 * and would be handed GLib's lists to free. */
#define HMAP_LIBRARY "libhmap-ghash"
#define HMAP_SEAM "ghash-alone.h"
#include "ghash.c"

#include "glib-memory.c"
#include "glib-messages.c"
#include "glib-list.c"
#include "glib-array.c"
#include "glib-file.c"
