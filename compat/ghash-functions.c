/* ghash-functions.c: the ten hash and equality functions. They return bit for bit what GLib's do, because programs store the
 * values. */

/* GLib 2.75 changed g_int64_hash and g_double_hash, so those ask the GLib in the process. A static program has no GLib to ask,
 * but the one that it was built with. libhmap-ghash is what its header says. */
enum { glibHashesHalves = GLIB_CHECK_VERSION(2, 75, 0) };

/* The hash of 64 bits since then. */
static guint halvesHash(gconstpointer v)
{
  guint64 bits = read64(v);
  return (guint)(bits >> 32 ^ bits);
}

/* Returns the hash of a string: Bernstein's, with signed characters. */
guint g_str_hash(gconstpointer v)
{
  guint32 h = 5381;
  for (const signed char *p = v; *p; p++)
    h = h * 33 + (guint32)*p;
  return h;
}

/* Returns whether two strings are equal. */
gboolean g_str_equal(gconstpointer v1, gconstpointer v2)
{
  return strcmp(v1, v2) == 0;
}

/* Returns the hash of the gint that v points to: itself. */
guint g_int_hash(gconstpointer v)
{
  return (guint) * (const gint *)v;
}

/* Returns whether two gints are equal. */
gboolean g_int_equal(gconstpointer v1, gconstpointer v2)
{
  return *(const gint *)v1 == *(const gint *)v2;
}

/* Returns the hash of the gint64 that v points to: until GLib 2.75 its lower half, then both halves' exclusive or. */
guint g_int64_hash(gconstpointer v)
{
  GHashFunc hash = GLIBS(g_int64_hash);
  if (hash)
    return hash(v);
  return glibHashesHalves ? halvesHash(v) : (guint) * (const gint64 *)v;
}

/* Returns whether two gint64s are equal. */
gboolean g_int64_equal(gconstpointer v1, gconstpointer v2)
{
  return *(const gint64 *)v1 == *(const gint64 *)v2;
}

/* Returns the hash of the gdouble that v points to: until GLib 2.75 its integral part, then what g_int64_hash makes of its
 * bits. */
guint g_double_hash(gconstpointer v)
{
  GHashFunc hash = GLIBS(g_double_hash);
  if (hash)
    return hash(v);
  return glibHashesHalves ? halvesHash(v) : (guint)(gint64) * (const gdouble *)v;
}

/* Returns whether two gdoubles are equal. */
gboolean g_double_equal(gconstpointer v1, gconstpointer v2)
{
  return *(const gdouble *)v1 == *(const gdouble *)v2;
}

/* Returns the hash of a pointer: its lower 32 bits. */
guint g_direct_hash(gconstpointer v)
{
  return GPOINTER_TO_UINT(v);
}

/* Returns whether two pointers are equal. */
gboolean g_direct_equal(gconstpointer v1, gconstpointer v2)
{
  return v1 == v2;
}
