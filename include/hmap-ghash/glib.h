/* glib.h: found instead of GLib's by a program that has this folder in its include path. See hmap-glib.h. */
#include "../hmap-glib.h"
