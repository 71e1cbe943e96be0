/* glib-memory.c: g_malloc and its like, on malloc, and strings. */

/* Returns memory that may be NULL because none was asked for, but not because there is none. */
static gpointer orEnd(gpointer mem, gsize n_bytes)
{
  if (unlikely(!mem && n_bytes > 0))
    g_error("%s: failed to allocate %" G_GSIZE_FORMAT " bytes", G_STRLOC, n_bytes);
  return mem;
}

static bool overflows(gsize n_blocks, gsize n_block_bytes)
{
  return n_block_bytes > 0 && n_blocks > G_MAXSIZE / n_block_bytes;
}
static gsize timesOrEnd(gsize n_blocks, gsize n_block_bytes)
{
  if (unlikely(overflows(n_blocks, n_block_bytes)))
    g_error("%s: overflow allocating %" G_GSIZE_FORMAT "*%" G_GSIZE_FORMAT " bytes", G_STRLOC, n_blocks, n_block_bytes);
  return n_blocks * n_block_bytes;
}

gpointer g_try_malloc(gsize n_bytes)
{
  return n_bytes > 0 ? malloc(n_bytes) : NULL;
}

gpointer g_try_malloc0(gsize n_bytes)
{
  return n_bytes > 0 ? calloc(1, n_bytes) : NULL;
}

gpointer g_try_realloc(gpointer mem, gsize n_bytes)
{
  if (n_bytes > 0)
    return realloc(mem, n_bytes);
  free(mem);
  return NULL;
}

gpointer g_try_malloc_n(gsize n_blocks, gsize n_block_bytes)
{
  return overflows(n_blocks, n_block_bytes) ? NULL : g_try_malloc(n_blocks * n_block_bytes);
}

gpointer g_try_malloc0_n(gsize n_blocks, gsize n_block_bytes)
{
  return overflows(n_blocks, n_block_bytes) ? NULL : g_try_malloc0(n_blocks * n_block_bytes);
}

gpointer g_malloc(gsize n_bytes)
{
  return orEnd(g_try_malloc(n_bytes), n_bytes);
}

gpointer g_malloc0(gsize n_bytes)
{
  return orEnd(g_try_malloc0(n_bytes), n_bytes);
}

gpointer g_realloc(gpointer mem, gsize n_bytes)
{
  return orEnd(g_try_realloc(mem, n_bytes), n_bytes);
}

gpointer g_malloc_n(gsize n_blocks, gsize n_block_bytes)
{
  return g_malloc(timesOrEnd(n_blocks, n_block_bytes));
}

gpointer g_malloc0_n(gsize n_blocks, gsize n_block_bytes)
{
  return g_malloc0(timesOrEnd(n_blocks, n_block_bytes));
}

gpointer g_realloc_n(gpointer mem, gsize n_blocks, gsize n_block_bytes)
{
  return g_realloc(mem, timesOrEnd(n_blocks, n_block_bytes));
}

void g_free(gpointer mem)
{
  free(mem);
}

gpointer g_memdup2(gconstpointer mem, gsize byte_size)
{
  return mem && byte_size > 0 ? memcpy(g_malloc(byte_size), mem, byte_size) : NULL;
}

/* Strings */

gchar *g_strdup(const gchar *str)
{
  return str ? g_memdup2(str, strlen(str) + 1) : NULL;
}

/* The rest of the memory is zeroes, as programs that fill it later expect. */
gchar *g_strndup(const gchar *str, gsize n)
{
  return str ? strncpy(g_malloc0(n + 1), str, n) : NULL;
}

gchar *g_strdup_vprintf(const gchar *format, va_list args)
{
  char *str;
  if (vasprintf(&str, format, args) >= 0)
    return str;
  if (errno == ENOMEM)
    orEnd(NULL, strlen(format));
  return NULL;
}

gchar *g_strdup_printf(const gchar *format, ...)
{
  va_list args;
  va_start(args, format);
  gchar *str = g_strdup_vprintf(format, args);
  va_end(args);
  return str;
}

int g_strcmp0(const char *str1, const char *str2)
{
  if (!str1 || !str2)
    return (str1 != NULL) - (str2 != NULL);
  return strcmp(str1, str2);
}

gboolean g_str_has_prefix(const gchar *str, const gchar *prefix)
{
  g_return_val_if_fail(str != NULL, FALSE);
  g_return_val_if_fail(prefix != NULL, FALSE);
  return strncmp(str, prefix, strlen(prefix)) == 0;
}

gboolean g_str_has_suffix(const gchar *str, const gchar *suffix)
{
  g_return_val_if_fail(str != NULL, FALSE);
  g_return_val_if_fail(suffix != NULL, FALSE);
  gsize n = strlen(str), m = strlen(suffix);
  return m <= n && strcmp(str + (n - m), suffix) == 0;
}

void g_strfreev(gchar **str_array)
{
  for (gchar **s = str_array; s && *s; s++)
    g_free(*s);
  g_free(str_array);
}

guint g_strv_length(gchar **str_array)
{
  guint n = 0;
  g_return_val_if_fail(str_array != NULL, 0);
  while (str_array[n])
    n++;
  return n;
}

gchar **g_strdupv(gchar **str_array)
{
  if (!str_array)
    return NULL;
  guint n = g_strv_length(str_array);
  gchar **copy = g_new0(gchar *, n + 1);
  for (guint i = 0; i < n; i++)
    copy[i] = g_strdup(str_array[i]);
  return copy;
}

static gchar *mapped(const gchar *str, gssize len, gchar (*map)(gchar))
{
  gchar *copy = g_strndup(str, len < 0 ? strlen(str) : (gsize)len);
  for (gchar *s = copy; *s; s++)
    *s = map(*s);
  return copy;
}

gchar *g_ascii_strdown(const gchar *str, gssize len)
{
  g_return_val_if_fail(str != NULL, NULL);
  return mapped(str, len, hmap_ghash_ascii_tolower);
}

gchar *g_ascii_strup(const gchar *str, gssize len)
{
  g_return_val_if_fail(str != NULL, NULL);
  return mapped(str, len, hmap_ghash_ascii_toupper);
}
