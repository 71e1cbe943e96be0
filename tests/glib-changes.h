/* glib-changes.h: libhmap-ghash behaves as GLib 2.76. Here is all in which newer ones do not, since when (2.76.1 is 7601), and
 * nothing else in the tests knows of newer versions. tests/side-by-side.sh reads these lines, too: each is whole, and without a
 * backslash. */

/* g_print() into a pipe writes what the locale lacks as it is, and no question mark. */
#define PRINTS_ALL_SINCE 8503
/* A fatal message ends with SIGABRT, not with SIGTRAP. */
#define ABORTS_SINCE 8700

/* CHANGE(since, what it said, what it says) */
#ifdef CHANGE
CHANGE(8101, "'index_ <= (gint)rarray->len'", "'index_ < 0 || (guint) index_ <= rarray->len'")
CHANGE(8601, "< (gssize) ri->hash_table->size'", "< ri->hash_table->size || ri->position == ITER_POSITION_INVALID'")
CHANGE(8601, "'ri->position >= 0'", "'ri->position != ITER_POSITION_INVALID'")
CHANGE(8601, "'(gsize) ri->position < ri->hash_table->size'", "'ri->position < ri->hash_table->size'")
#endif
