/* hmap-glib.h: GLib's GHashTable, GList and basic types, without GLib.
 *
 * For programs written against <glib.h> that need GLib for little else than GHashTable. Include this in its place, or leave the
 * source as it is and put the folder hmap-ghash into the include path, which holds a glib.h that includes this; link with
 * -lhmap-ghash. What is declared here behaves as GLib 2.76's, and what is not is not there. Tables are Go's map: they are
 * walked in an order of their own.
 *
 * Names: each GLib name is a macro for one of libhmap-ghash's, g_list_free for hmap_ghash_list_free. So GLib itself may be in the
 * same process, for another library's sake, and neither gets calls meant for the other. Types are declared under GLib's names;
 * so one source file can include this or GLib, not both. What one library made must not be given to the other.
 *
 * Ownership: what a function returns is said above it. "Freed with" names the only way to free it, except that memory from
 * g_malloc and its like, strings included, may go to free() as well as to g_free.
 *
 * Memory: nothing here fails for want of it. As in GLib, the program ends with a message, unless the name has "try" in it.
 *
 * Mistakes: a function that is given NULL for a table, and the like, writes a critical to standard error, in GLib's words and
 * format, and returns NULL, FALSE or 0. G_DEBUG=fatal-criticals or fatal-warnings in the environment ends the program there.
 *
 * Threads: any number of readers of one table, list or array, or one writer. References are counted atomically. */
#ifndef HMAP_GLIB_H
#define HMAP_GLIB_H

#ifdef __G_LIB_H__
#error "GLib's <glib.h> is included already; hmap-glib.h stands in its place"
#endif

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef HMAP_GHASH_API
#define HMAP_GHASH_API extern
#endif

/* Names */

#define g_hash_table_new hmap_ghash_hash_table_new
#define g_hash_table_new_full hmap_ghash_hash_table_new_full
#define g_hash_table_new_similar hmap_ghash_hash_table_new_similar
#define g_hash_table_ref hmap_ghash_hash_table_ref
#define g_hash_table_unref hmap_ghash_hash_table_unref
#define g_hash_table_destroy hmap_ghash_hash_table_destroy
#define g_hash_table_insert hmap_ghash_hash_table_insert
#define g_hash_table_replace hmap_ghash_hash_table_replace
#define g_hash_table_add hmap_ghash_hash_table_add
#define g_hash_table_remove hmap_ghash_hash_table_remove
#define g_hash_table_remove_all hmap_ghash_hash_table_remove_all
#define g_hash_table_steal hmap_ghash_hash_table_steal
#define g_hash_table_steal_extended hmap_ghash_hash_table_steal_extended
#define g_hash_table_steal_all hmap_ghash_hash_table_steal_all
#define g_hash_table_steal_all_keys hmap_ghash_hash_table_steal_all_keys
#define g_hash_table_steal_all_values hmap_ghash_hash_table_steal_all_values
#define g_hash_table_lookup hmap_ghash_hash_table_lookup
#define g_hash_table_lookup_extended hmap_ghash_hash_table_lookup_extended
#define g_hash_table_contains hmap_ghash_hash_table_contains
#define g_hash_table_size hmap_ghash_hash_table_size
#define g_hash_table_foreach hmap_ghash_hash_table_foreach
#define g_hash_table_find hmap_ghash_hash_table_find
#define g_hash_table_foreach_remove hmap_ghash_hash_table_foreach_remove
#define g_hash_table_foreach_steal hmap_ghash_hash_table_foreach_steal
#define g_hash_table_get_keys hmap_ghash_hash_table_get_keys
#define g_hash_table_get_values hmap_ghash_hash_table_get_values
#define g_hash_table_get_keys_as_array hmap_ghash_hash_table_get_keys_as_array
#define g_hash_table_get_keys_as_ptr_array hmap_ghash_hash_table_get_keys_as_ptr_array
#define g_hash_table_get_values_as_ptr_array hmap_ghash_hash_table_get_values_as_ptr_array
#define g_hash_table_iter_init hmap_ghash_hash_table_iter_init
#define g_hash_table_iter_next hmap_ghash_hash_table_iter_next
#define g_hash_table_iter_get_hash_table hmap_ghash_hash_table_iter_get_hash_table
#define g_hash_table_iter_remove hmap_ghash_hash_table_iter_remove
#define g_hash_table_iter_replace hmap_ghash_hash_table_iter_replace
#define g_hash_table_iter_steal hmap_ghash_hash_table_iter_steal

#define g_str_hash hmap_ghash_str_hash
#define g_str_equal hmap_ghash_str_equal
#define g_int_hash hmap_ghash_int_hash
#define g_int_equal hmap_ghash_int_equal
#define g_int64_hash hmap_ghash_int64_hash
#define g_int64_equal hmap_ghash_int64_equal
#define g_double_hash hmap_ghash_double_hash
#define g_double_equal hmap_ghash_double_equal
#define g_direct_hash hmap_ghash_direct_hash
#define g_direct_equal hmap_ghash_direct_equal

#define g_list_alloc hmap_ghash_list_alloc
#define g_list_free hmap_ghash_list_free
#define g_list_free_1 hmap_ghash_list_free_1
#define g_list_free_full hmap_ghash_list_free_full
#define g_list_append hmap_ghash_list_append
#define g_list_prepend hmap_ghash_list_prepend
#define g_list_insert hmap_ghash_list_insert
#define g_list_insert_sorted hmap_ghash_list_insert_sorted
#define g_list_insert_sorted_with_data hmap_ghash_list_insert_sorted_with_data
#define g_list_insert_before hmap_ghash_list_insert_before
#define g_list_insert_before_link hmap_ghash_list_insert_before_link
#define g_list_concat hmap_ghash_list_concat
#define g_list_remove hmap_ghash_list_remove
#define g_list_remove_all hmap_ghash_list_remove_all
#define g_list_remove_link hmap_ghash_list_remove_link
#define g_list_delete_link hmap_ghash_list_delete_link
#define g_list_reverse hmap_ghash_list_reverse
#define g_list_copy hmap_ghash_list_copy
#define g_list_copy_deep hmap_ghash_list_copy_deep
#define g_list_nth hmap_ghash_list_nth
#define g_list_nth_prev hmap_ghash_list_nth_prev
#define g_list_nth_data hmap_ghash_list_nth_data
#define g_list_find hmap_ghash_list_find
#define g_list_find_custom hmap_ghash_list_find_custom
#define g_list_position hmap_ghash_list_position
#define g_list_index hmap_ghash_list_index
#define g_list_last hmap_ghash_list_last
#define g_list_first hmap_ghash_list_first
#define g_list_length hmap_ghash_list_length
#define g_list_foreach hmap_ghash_list_foreach
#define g_list_sort hmap_ghash_list_sort
#define g_list_sort_with_data hmap_ghash_list_sort_with_data
#define g_clear_list hmap_ghash_clear_list

#define g_ptr_array_new hmap_ghash_ptr_array_new
#define g_ptr_array_sized_new hmap_ghash_ptr_array_sized_new
#define g_ptr_array_new_with_free_func hmap_ghash_ptr_array_new_with_free_func
#define g_ptr_array_new_full hmap_ghash_ptr_array_new_full
#define g_ptr_array_ref hmap_ghash_ptr_array_ref
#define g_ptr_array_unref hmap_ghash_ptr_array_unref
#define g_ptr_array_free hmap_ghash_ptr_array_free
#define g_ptr_array_steal hmap_ghash_ptr_array_steal
#define g_ptr_array_set_free_func hmap_ghash_ptr_array_set_free_func
#define g_ptr_array_set_size hmap_ghash_ptr_array_set_size
#define g_ptr_array_add hmap_ghash_ptr_array_add
#define g_ptr_array_insert hmap_ghash_ptr_array_insert
#define g_ptr_array_remove_index hmap_ghash_ptr_array_remove_index
#define g_ptr_array_remove_index_fast hmap_ghash_ptr_array_remove_index_fast
#define g_ptr_array_steal_index hmap_ghash_ptr_array_steal_index
#define g_ptr_array_steal_index_fast hmap_ghash_ptr_array_steal_index_fast
#define g_ptr_array_remove hmap_ghash_ptr_array_remove
#define g_ptr_array_remove_fast hmap_ghash_ptr_array_remove_fast
#define g_ptr_array_remove_range hmap_ghash_ptr_array_remove_range
#define g_ptr_array_sort hmap_ghash_ptr_array_sort
#define g_ptr_array_sort_with_data hmap_ghash_ptr_array_sort_with_data
#define g_ptr_array_foreach hmap_ghash_ptr_array_foreach
#define g_ptr_array_find hmap_ghash_ptr_array_find
#define g_ptr_array_find_with_equal_func hmap_ghash_ptr_array_find_with_equal_func

#define g_malloc hmap_ghash_malloc
#define g_malloc0 hmap_ghash_malloc0
#define g_realloc hmap_ghash_realloc
#define g_malloc_n hmap_ghash_malloc_n
#define g_malloc0_n hmap_ghash_malloc0_n
#define g_realloc_n hmap_ghash_realloc_n
#define g_try_malloc hmap_ghash_try_malloc
#define g_try_malloc0 hmap_ghash_try_malloc0
#define g_try_realloc hmap_ghash_try_realloc
#define g_try_malloc_n hmap_ghash_try_malloc_n
#define g_try_malloc0_n hmap_ghash_try_malloc0_n
#define g_free hmap_ghash_free
#define g_memdup2 hmap_ghash_memdup2

#define g_strdup hmap_ghash_strdup
#define g_strndup hmap_ghash_strndup
#define g_strdup_printf hmap_ghash_strdup_printf
#define g_strdup_vprintf hmap_ghash_strdup_vprintf
#define g_strcmp0 hmap_ghash_strcmp0
#define g_str_has_prefix hmap_ghash_str_has_prefix
#define g_str_has_suffix hmap_ghash_str_has_suffix
#define g_strfreev hmap_ghash_strfreev
#define g_strdupv hmap_ghash_strdupv
#define g_strv_length hmap_ghash_strv_length
#define g_ascii_strdown hmap_ghash_ascii_strdown
#define g_ascii_strup hmap_ghash_ascii_strup

#define g_print hmap_ghash_print
#define g_printerr hmap_ghash_printerr
#define g_log hmap_ghash_log
#define g_logv hmap_ghash_logv
#define g_log_set_default_handler hmap_ghash_log_set_default_handler
#define g_log_default_handler hmap_ghash_log_default_handler
#define g_return_if_fail_warning hmap_ghash_return_if_fail_warning
#define g_warn_message hmap_ghash_warn_message
#define g_assertion_message hmap_ghash_assertion_message
#define g_assertion_message_expr hmap_ghash_assertion_message_expr

#define g_error_free hmap_ghash_error_free
#define g_clear_error hmap_ghash_clear_error
#define g_file_error_quark hmap_ghash_file_error_quark
#define g_file_get_contents hmap_ghash_file_get_contents

/* Macros */

#define GLIB_MAJOR_VERSION 2
#define GLIB_MINOR_VERSION 76
#define GLIB_MICRO_VERSION 0
#define GLIB_CHECK_VERSION(major, minor, micro) \
  (GLIB_MAJOR_VERSION > (major) ||              \
   (GLIB_MAJOR_VERSION == (major) &&            \
    (GLIB_MINOR_VERSION > (minor) || (GLIB_MINOR_VERSION == (minor) && GLIB_MICRO_VERSION >= (micro)))))

#ifdef __cplusplus
#define G_BEGIN_DECLS extern "C" {
#define G_END_DECLS }
#else
#define G_BEGIN_DECLS
#define G_END_DECLS
#endif

#define G_GNUC_CONST __attribute__((__const__))
#define G_GNUC_PURE __attribute__((__pure__))
#define G_GNUC_MALLOC __attribute__((__malloc__))
#define G_GNUC_UNUSED __attribute__((__unused__))
#define G_GNUC_NORETURN __attribute__((__noreturn__))
#define G_GNUC_WARN_UNUSED_RESULT __attribute__((__warn_unused_result__))
#define G_GNUC_NULL_TERMINATED __attribute__((__sentinel__))
#define G_GNUC_PRINTF(format, arguments) __attribute__((__format__(__printf__, format, arguments)))
#define G_LIKELY(expr) __builtin_expect(!!(expr), 1)
#define G_UNLIKELY(expr) __builtin_expect(!!(expr), 0)

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#undef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#undef MAX
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#undef ABS
#define ABS(a) ((a) < 0 ? -(a) : (a))
#undef CLAMP
#define CLAMP(x, low, high) ((x) > (high) ? (high) : (x) < (low) ? (low) : (x))
#define G_N_ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define G_STRUCT_OFFSET(type, member) ((glong)offsetof(type, member))

#define G_STRINGIFY(text) G_STRINGIFY_ARG(text)
#define G_STRINGIFY_ARG(text) #text
#define G_STRLOC __FILE__ ":" G_STRINGIFY(__LINE__)
#define G_STRFUNC ((const char *)__func__)
#define G_STMT_START do
#define G_STMT_END while (0)

/* Integers in pointers */
#define GINT_TO_POINTER(i) ((gpointer)(gintptr)(gint)(i))
#define GPOINTER_TO_INT(p) ((gint)(gintptr)(p))
#define GUINT_TO_POINTER(u) ((gpointer)(guintptr)(guint)(u))
#define GPOINTER_TO_UINT(p) ((guint)(guintptr)(p))
#define GSIZE_TO_POINTER(s) ((gpointer)(gsize)(s))
#define GPOINTER_TO_SIZE(p) ((gsize)(p))

/* Basic types, all of the sizes that they have in GLib */

G_BEGIN_DECLS

typedef char gchar;
typedef short gshort;
typedef int gint;
typedef long glong;
typedef gint gboolean; /* TRUE or FALSE */
typedef unsigned char guchar;
typedef unsigned short gushort;
typedef unsigned int guint;
typedef unsigned long gulong;
typedef float gfloat;
typedef double gdouble;
typedef int8_t gint8;
typedef uint8_t guint8;
typedef int16_t gint16;
typedef uint16_t guint16;
typedef int32_t gint32;
typedef uint32_t guint32;
typedef int64_t gint64;
typedef uint64_t guint64;
typedef size_t gsize;
typedef ptrdiff_t gssize;
typedef intptr_t gintptr;
typedef uintptr_t guintptr;
typedef void *gpointer;
typedef const void *gconstpointer;
typedef guint32 GQuark;
typedef gchar **GStrv;

#define G_MINSHORT SHRT_MIN
#define G_MAXSHORT SHRT_MAX
#define G_MAXUSHORT USHRT_MAX
#define G_MININT INT_MIN
#define G_MAXINT INT_MAX
#define G_MAXUINT UINT_MAX
#define G_MINLONG LONG_MIN
#define G_MAXLONG LONG_MAX
#define G_MAXULONG ULONG_MAX
#define G_MININT8 INT8_MIN
#define G_MAXINT8 INT8_MAX
#define G_MAXUINT8 UINT8_MAX
#define G_MININT16 INT16_MIN
#define G_MAXINT16 INT16_MAX
#define G_MAXUINT16 UINT16_MAX
#define G_MININT32 INT32_MIN
#define G_MAXINT32 INT32_MAX
#define G_MAXUINT32 UINT32_MAX
#define G_MININT64 INT64_MIN
#define G_MAXINT64 INT64_MAX
#define G_MAXUINT64 UINT64_MAX
#define G_MAXSIZE SIZE_MAX
#define G_MINSSIZE PTRDIFF_MIN
#define G_MAXSSIZE PTRDIFF_MAX
#define G_MINFLOAT FLT_MIN
#define G_MAXFLOAT FLT_MAX
#define G_MINDOUBLE DBL_MIN
#define G_MAXDOUBLE DBL_MAX

#if INTPTR_MAX == INT64_MAX
#define G_GSIZE_MODIFIER "l"
#define GLIB_SIZEOF_VOID_P 8
#else
#define G_GSIZE_MODIFIER ""
#define GLIB_SIZEOF_VOID_P 4
#endif
#if LONG_MAX == INT64_MAX
#define G_GINT64_MODIFIER "l"
#else
#define G_GINT64_MODIFIER "ll"
#endif
#define G_GSIZE_FORMAT G_GSIZE_MODIFIER "u"
#define G_GSSIZE_FORMAT G_GSIZE_MODIFIER "i"
#define G_GINT16_FORMAT "hi"
#define G_GUINT16_FORMAT "hu"
#define G_GINT32_FORMAT "i"
#define G_GUINT32_FORMAT "u"
#define G_GINT64_FORMAT G_GINT64_MODIFIER "i"
#define G_GUINT64_FORMAT G_GINT64_MODIFIER "u"
#define G_GINT64_CONSTANT(number) INT64_C(number)
#define G_GUINT64_CONSTANT(number) UINT64_C(number)

/* Functions that a program hands in. Each may call anything here, unless the function that takes it says otherwise. */
typedef guint (*GHashFunc)(gconstpointer key);
typedef gboolean (*GEqualFunc)(gconstpointer a, gconstpointer b);
typedef void (*GDestroyNotify)(gpointer data);
typedef void (*GFreeFunc)(gpointer data);
typedef void (*GFunc)(gpointer data, gpointer user_data);
typedef void (*GHFunc)(gpointer key, gpointer value, gpointer user_data);
typedef gboolean (*GHRFunc)(gpointer key, gpointer value, gpointer user_data);
typedef gint (*GCompareFunc)(gconstpointer a, gconstpointer b); /* below, at or above 0, as strcmp */
typedef gint (*GCompareDataFunc)(gconstpointer a, gconstpointer b, gpointer user_data);
typedef gpointer (*GCopyFunc)(gconstpointer src, gpointer data);

/* Memory. All but the try functions end the program if there is none. Zero bytes are NULL. Freed with g_free. */

/* Returns n_bytes bytes; malloc0's are zero. */
HMAP_GHASH_API gpointer g_malloc(gsize n_bytes);
HMAP_GHASH_API gpointer g_malloc0(gsize n_bytes);
/* Returns mem with another size, perhaps elsewhere; mem is freed then. mem may be NULL. */
HMAP_GHASH_API gpointer g_realloc(gpointer mem, gsize n_bytes);
/* The same for n_blocks times n_block_bytes. */
HMAP_GHASH_API gpointer g_malloc_n(gsize n_blocks, gsize n_block_bytes);
HMAP_GHASH_API gpointer g_malloc0_n(gsize n_blocks, gsize n_block_bytes);
HMAP_GHASH_API gpointer g_realloc_n(gpointer mem, gsize n_blocks, gsize n_block_bytes);
/* The same, but NULL if there is no memory. g_try_realloc has left mem as it was then. */
HMAP_GHASH_API gpointer g_try_malloc(gsize n_bytes);
HMAP_GHASH_API gpointer g_try_malloc0(gsize n_bytes);
HMAP_GHASH_API gpointer g_try_realloc(gpointer mem, gsize n_bytes);
HMAP_GHASH_API gpointer g_try_malloc_n(gsize n_blocks, gsize n_block_bytes);
HMAP_GHASH_API gpointer g_try_malloc0_n(gsize n_blocks, gsize n_block_bytes);
/* Frees memory from the functions above, or NULL. */
HMAP_GHASH_API void g_free(gpointer mem);
/* Returns a copy of byte_size bytes, or NULL if mem is NULL or there are none. */
HMAP_GHASH_API gpointer g_memdup2(gconstpointer mem, gsize byte_size);

#define g_new(type, n) ((type *)g_malloc_n((gsize)(n), sizeof(type)))
#define g_new0(type, n) ((type *)g_malloc0_n((gsize)(n), sizeof(type)))
#define g_renew(type, mem, n) ((type *)g_realloc_n((mem), (gsize)(n), sizeof(type)))
#define g_try_new(type, n) ((type *)g_try_malloc_n((gsize)(n), sizeof(type)))
#define g_try_new0(type, n) ((type *)g_try_malloc0_n((gsize)(n), sizeof(type)))
#define g_slice_new(type) g_new(type, 1)
#define g_slice_new0(type) g_new0(type, 1)
#define g_slice_free(type, mem) g_free((type *)(mem))

/* Strings. Those returned are new, freed with g_free. */

/* Returns a copy of str, or NULL for NULL; strndup copies at most n bytes, and the memory is n + 1 bytes long. */
HMAP_GHASH_API gchar *g_strdup(const gchar *str) G_GNUC_MALLOC;
HMAP_GHASH_API gchar *g_strndup(const gchar *str, gsize n) G_GNUC_MALLOC;
/* Returns what printf would print. */
HMAP_GHASH_API gchar *g_strdup_printf(const gchar *format, ...) G_GNUC_PRINTF(1, 2) G_GNUC_MALLOC;
HMAP_GHASH_API gchar *g_strdup_vprintf(const gchar *format, va_list args) G_GNUC_PRINTF(1, 0) G_GNUC_MALLOC;
/* strcmp, with NULL before all strings. */
HMAP_GHASH_API int g_strcmp0(const char *str1, const char *str2);
HMAP_GHASH_API gboolean g_str_has_prefix(const gchar *str, const gchar *prefix);
HMAP_GHASH_API gboolean g_str_has_suffix(const gchar *str, const gchar *suffix);
/* Frees an array of strings that ends with NULL, and the strings. str_array may be NULL. */
HMAP_GHASH_API void g_strfreev(gchar **str_array);
/* Returns a copy of such an array and its strings, freed with g_strfreev; NULL for NULL. */
HMAP_GHASH_API gchar **g_strdupv(gchar **str_array);
/* Returns how many strings there are before the NULL. */
HMAP_GHASH_API guint g_strv_length(gchar **str_array);
/* Returns a copy of len bytes of str, or all if len is below 0, with ASCII's letters in lower or upper case. */
HMAP_GHASH_API gchar *g_ascii_strdown(const gchar *str, gssize len) G_GNUC_MALLOC;
HMAP_GHASH_API gchar *g_ascii_strup(const gchar *str, gssize len) G_GNUC_MALLOC;

/* Characters of ASCII, whatever the locale; others are nothing. Arguments are evaluated once. */
static inline gboolean hmap_ghash_ascii_between(gchar low, gchar c, gchar high)
{
  return low <= c && c <= high;
}
static inline gboolean hmap_ghash_ascii_isalpha(gchar c)
{
  return hmap_ghash_ascii_between('a', c, 'z') || hmap_ghash_ascii_between('A', c, 'Z');
}
static inline gboolean hmap_ghash_ascii_isalnum(gchar c)
{
  return hmap_ghash_ascii_isalpha(c) || hmap_ghash_ascii_between('0', c, '9');
}
static inline gboolean hmap_ghash_ascii_isspace(gchar c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}
static inline gchar hmap_ghash_ascii_tolower(gchar c)
{
  return (gchar)(hmap_ghash_ascii_between('A', c, 'Z') ? c - 'A' + 'a' : c);
}
static inline gchar hmap_ghash_ascii_toupper(gchar c)
{
  return (gchar)(hmap_ghash_ascii_between('a', c, 'z') ? c - 'a' + 'A' : c);
}
#define g_ascii_isalpha(c) hmap_ghash_ascii_isalpha(c)
#define g_ascii_isalnum(c) hmap_ghash_ascii_isalnum(c)
#define g_ascii_isdigit(c) hmap_ghash_ascii_between('0', (c), '9')
#define g_ascii_islower(c) hmap_ghash_ascii_between('a', (c), 'z')
#define g_ascii_isupper(c) hmap_ghash_ascii_between('A', (c), 'Z')
#define g_ascii_isspace(c) hmap_ghash_ascii_isspace(c)
#define g_ascii_tolower(c) hmap_ghash_ascii_tolower(c)
#define g_ascii_toupper(c) hmap_ghash_ascii_toupper(c)

/* Messages */

#ifndef G_LOG_DOMAIN
#define G_LOG_DOMAIN ((gchar *)0)
#endif

typedef enum {
  G_LOG_FLAG_RECURSION = 1 << 0,
  G_LOG_FLAG_FATAL = 1 << 1,
  G_LOG_LEVEL_ERROR = 1 << 2, /* always the last: ends the program */
  G_LOG_LEVEL_CRITICAL = 1 << 3,
  G_LOG_LEVEL_WARNING = 1 << 4,
  G_LOG_LEVEL_MESSAGE = 1 << 5,
  G_LOG_LEVEL_INFO = 1 << 6,  /* shown if G_MESSAGES_DEBUG names the domain, or is "all" */
  G_LOG_LEVEL_DEBUG = 1 << 7, /* likewise */
  G_LOG_LEVEL_MASK = ~(G_LOG_FLAG_RECURSION | G_LOG_FLAG_FATAL)
} GLogLevelFlags;

typedef void (*GLogFunc)(const gchar *log_domain, GLogLevelFlags log_level, const gchar *message, gpointer user_data);

/* Print to standard output and standard error, from UTF-8 to the locale's characters. */
HMAP_GHASH_API void g_print(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
HMAP_GHASH_API void g_printerr(const gchar *format, ...) G_GNUC_PRINTF(1, 2);
/* Hands a message to the log's handler, and ends the program if the level is fatal. log_domain may be NULL. */
HMAP_GHASH_API void g_log(const gchar *log_domain, GLogLevelFlags log_level, const gchar *format, ...) G_GNUC_PRINTF(3, 4);
HMAP_GHASH_API void g_logv(const gchar *log_domain, GLogLevelFlags log_level, const gchar *format, va_list args)
    G_GNUC_PRINTF(3, 0);
/* Makes log_func, or g_log_default_handler if it is NULL, the handler. Returns the one before. user_data stays the caller's. */
HMAP_GHASH_API GLogFunc g_log_set_default_handler(GLogFunc log_func, gpointer user_data);
/* Writes a message to standard error, or to standard output below the level of messages. */
HMAP_GHASH_API void g_log_default_handler(const gchar *log_domain, GLogLevelFlags log_level, const gchar *message,
                                          gpointer unused_data);
/* What g_return_if_fail and its like call. */
HMAP_GHASH_API void g_return_if_fail_warning(const char *log_domain, const char *pretty_function, const char *expression);
HMAP_GHASH_API void g_warn_message(const char *domain, const char *file, int line, const char *func, const char *warnexpr);
HMAP_GHASH_API void g_assertion_message(const char *domain, const char *file, int line, const char *func,
                                        const char *message) G_GNUC_NORETURN;
HMAP_GHASH_API void g_assertion_message_expr(const char *domain, const char *file, int line, const char *func,
                                             const char *expr) G_GNUC_NORETURN;
/* What the comparing assertions call: numbers with their format for printf, and strings, which may be NULL. */
HMAP_GHASH_API void hmap_ghash_assertion_numbers(const char *domain, const char *file, int line, const char *func,
                                                 const char *expr, const char *format, ...) G_GNUC_NORETURN;
HMAP_GHASH_API void hmap_ghash_assertion_strings(const char *domain, const char *file, int line, const char *func,
                                                 const char *expr, const char *str1, const char *cmp,
                                                 const char *str2) G_GNUC_NORETURN;

#define g_error(...)                                     \
  G_STMT_START                                           \
  {                                                      \
    g_log(G_LOG_DOMAIN, G_LOG_LEVEL_ERROR, __VA_ARGS__); \
    for (;;)                                             \
      ;                                                  \
  }                                                      \
  G_STMT_END
#define g_critical(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_CRITICAL, __VA_ARGS__)
#define g_warning(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, __VA_ARGS__)
#define g_message(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, __VA_ARGS__)
#define g_info(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_INFO, __VA_ARGS__)
#define g_debug(...) g_log(G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG, __VA_ARGS__)

#ifdef G_DISABLE_CHECKS
#define g_return_if_fail(expr) \
  G_STMT_START                 \
  {                            \
    (void)0;                   \
  }                            \
  G_STMT_END
#define g_return_val_if_fail(expr, val) \
  G_STMT_START                          \
  {                                     \
    (void)0;                            \
  }                                     \
  G_STMT_END
#define g_return_if_reached() return
#define g_return_val_if_reached(val) return (val)
#else
#define g_return_if_fail(expr)                                  \
  G_STMT_START                                                  \
  {                                                             \
    if (G_UNLIKELY(!(expr))) {                                  \
      g_return_if_fail_warning(G_LOG_DOMAIN, G_STRFUNC, #expr); \
      return;                                                   \
    }                                                           \
  }                                                             \
  G_STMT_END
#define g_return_val_if_fail(expr, val)                         \
  G_STMT_START                                                  \
  {                                                             \
    if (G_UNLIKELY(!(expr))) {                                  \
      g_return_if_fail_warning(G_LOG_DOMAIN, G_STRFUNC, #expr); \
      return (val);                                             \
    }                                                           \
  }                                                             \
  G_STMT_END
#define HMAP_GHASH_REACHED() g_critical("file %s: line %d (%s): should not be reached", __FILE__, __LINE__, G_STRFUNC)
#define g_return_if_reached() \
  G_STMT_START                \
  {                           \
    HMAP_GHASH_REACHED();     \
    return;                   \
  }                           \
  G_STMT_END
#define g_return_val_if_reached(val) \
  G_STMT_START                       \
  {                                  \
    HMAP_GHASH_REACHED();            \
    return (val);                    \
  }                                  \
  G_STMT_END
#endif

#define g_warn_if_reached() g_warn_message(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, NULL)
#define g_warn_if_fail(expr)                                              \
  G_STMT_START                                                            \
  {                                                                       \
    if (G_UNLIKELY(!(expr)))                                              \
      g_warn_message(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, #expr); \
  }                                                                       \
  G_STMT_END

/* Assertions end the program. */
#ifdef G_DISABLE_ASSERT
#define g_assert(expr) \
  G_STMT_START         \
  {                    \
    (void)0;           \
  }                    \
  G_STMT_END
#define g_assert_not_reached() __builtin_unreachable()
#else
#define g_assert(expr)                                                              \
  G_STMT_START                                                                      \
  {                                                                                 \
    if (G_UNLIKELY(!(expr)))                                                        \
      g_assertion_message_expr(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, #expr); \
  }                                                                                 \
  G_STMT_END
#define g_assert_not_reached() g_assertion_message_expr(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, NULL)
#endif
#define HMAP_GHASH_ASSERT_SHOULD(good, text)                                  \
  G_STMT_START                                                                \
  {                                                                           \
    if (G_UNLIKELY(!(good)))                                                  \
      g_assertion_message(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, text); \
  }                                                                           \
  G_STMT_END
#define g_assert_true(expr) HMAP_GHASH_ASSERT_SHOULD((expr), "'" #expr "' should be TRUE")
#define g_assert_false(expr) HMAP_GHASH_ASSERT_SHOULD(!(expr), "'" #expr "' should be FALSE")
#define g_assert_null(expr) HMAP_GHASH_ASSERT_SHOULD((expr) == NULL, "'" #expr "' should be NULL")
#define g_assert_nonnull(expr) HMAP_GHASH_ASSERT_SHOULD((expr) != NULL, "'" #expr "' should not be NULL")
#define HMAP_GHASH_ASSERT_COMPARE(type, format, n1, cmp, n2, text)                                                          \
  G_STMT_START                                                                                                              \
  {                                                                                                                         \
    type hmap_n1_ = (n1), hmap_n2_ = (n2);                                                                                  \
    if (G_UNLIKELY(!(hmap_n1_ cmp hmap_n2_)))                                                                               \
      hmap_ghash_assertion_numbers(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, text, format " " #cmp " " format, hmap_n1_, \
                                   hmap_n2_);                                                                               \
  }                                                                                                                         \
  G_STMT_END
#define g_assert_cmpint(n1, cmp, n2) HMAP_GHASH_ASSERT_COMPARE(gint64, "%" G_GINT64_FORMAT, n1, cmp, n2, #n1 " " #cmp " " #n2)
#define g_assert_cmpuint(n1, cmp, n2) HMAP_GHASH_ASSERT_COMPARE(guint64, "%" G_GUINT64_FORMAT, n1, cmp, n2, #n1 " " #cmp " " #n2)
#define g_assert_cmpstr(s1, cmp, s2)                                                                                             \
  G_STMT_START                                                                                                                   \
  {                                                                                                                              \
    const char *hmap_s1_ = (s1), *hmap_s2_ = (s2);                                                                               \
    if (G_UNLIKELY(!(g_strcmp0(hmap_s1_, hmap_s2_) cmp 0)))                                                                      \
      hmap_ghash_assertion_strings(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, #s1 " " #cmp " " #s2, hmap_s1_, #cmp, hmap_s2_); \
  }                                                                                                                              \
  G_STMT_END

/* GList: a doubly linked list, which its first node stands for; NULL is the empty list. Functions that return a list return its
 * first node, and the one given before is out of date. Data stays the caller's, except where a function for it is given. */

typedef struct _GList GList;
struct _GList {
  gpointer data;
  GList *next;
  GList *prev;
};

#define g_list_next(list) ((list) ? ((GList *)(list))->next : NULL)
#define g_list_previous(list) ((list) ? ((GList *)(list))->prev : NULL)
#define g_list_free1 g_list_free_1

/* Returns a node by itself, without data; freed with g_list_free. */
HMAP_GHASH_API GList *g_list_alloc(void) G_GNUC_WARN_UNUSED_RESULT;
/* Frees all nodes from list on. */
HMAP_GHASH_API void g_list_free(GList *list);
/* Frees one node, which knows of no others. */
HMAP_GHASH_API void g_list_free_1(GList *list);
/* Calls free_func on all data, then frees the nodes. */
HMAP_GHASH_API void g_list_free_full(GList *list, GDestroyNotify free_func);
/* The same for a variable, which is NULL before anything is freed; with destroy NULL data is left alone. */
HMAP_GHASH_API void g_clear_list(GList **list_ptr, GDestroyNotify destroy);

/* Put a new node with data at the end, at the beginning, at a position (the end if it is below 0 or too large), before a node
 * (the end if sibling is NULL), or behind all that compare below it. */
HMAP_GHASH_API GList *g_list_append(GList *list, gpointer data) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_prepend(GList *list, gpointer data) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_insert(GList *list, gpointer data, gint position) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_insert_before(GList *list, GList *sibling, gpointer data) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_insert_sorted(GList *list, gpointer data, GCompareFunc func) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_insert_sorted_with_data(GList *list, gpointer data, GCompareDataFunc func,
                                                     gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
/* Puts a node by itself, which becomes the list's, before a node, or at the end if sibling is NULL. */
HMAP_GHASH_API GList *g_list_insert_before_link(GList *list, GList *sibling, GList *link_) G_GNUC_WARN_UNUSED_RESULT;
/* Joins two lists into one. */
HMAP_GHASH_API GList *g_list_concat(GList *list1, GList *list2) G_GNUC_WARN_UNUSED_RESULT;

/* Take out and free the first node with data, all nodes with data, or one node. */
HMAP_GHASH_API GList *g_list_remove(GList *list, gconstpointer data) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_remove_all(GList *list, gconstpointer data) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_delete_link(GList *list, GList *link_) G_GNUC_WARN_UNUSED_RESULT;
/* Takes a node out, which is a list by itself then, and the caller's. */
HMAP_GHASH_API GList *g_list_remove_link(GList *list, GList *llink) G_GNUC_WARN_UNUSED_RESULT;

/* Turns a list around. */
HMAP_GHASH_API GList *g_list_reverse(GList *list) G_GNUC_WARN_UNUSED_RESULT;
/* Sort by merging: equals stay in order. */
HMAP_GHASH_API GList *g_list_sort(GList *list, GCompareFunc compare_func) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_sort_with_data(GList *list, GCompareDataFunc compare_func,
                                            gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;
/* Return a new list with the same data, or with what func, if it is not NULL, makes of it. */
HMAP_GHASH_API GList *g_list_copy(GList *list) G_GNUC_WARN_UNUSED_RESULT;
HMAP_GHASH_API GList *g_list_copy_deep(GList *list, GCopyFunc func, gpointer user_data) G_GNUC_WARN_UNUSED_RESULT;

/* Return a node, or its data: n nodes on or back, or NULL if there are fewer; with data, or for which func(its data, data)
 * returns 0, or NULL if there is none; the last; the first. */
HMAP_GHASH_API GList *g_list_nth(GList *list, guint n);
HMAP_GHASH_API GList *g_list_nth_prev(GList *list, guint n);
HMAP_GHASH_API gpointer g_list_nth_data(GList *list, guint n);
HMAP_GHASH_API GList *g_list_find(GList *list, gconstpointer data);
HMAP_GHASH_API GList *g_list_find_custom(GList *list, gconstpointer data, GCompareFunc func);
HMAP_GHASH_API GList *g_list_last(GList *list);
HMAP_GHASH_API GList *g_list_first(GList *list);
/* Return the position of a node, or of the first with data; -1 if there is none. */
HMAP_GHASH_API gint g_list_position(GList *list, GList *llink);
HMAP_GHASH_API gint g_list_index(GList *list, gconstpointer data);
/* Returns the number of nodes from list on. */
HMAP_GHASH_API guint g_list_length(GList *list);
/* Calls func on all data. func may take out the node that it was called for. */
HMAP_GHASH_API void g_list_foreach(GList *list, GFunc func, gpointer user_data);

/* GPtrArray: an array of pointers that grows, with a number of references. Pointers stay the caller's, unless the array has a
 * function to free them with. */

typedef struct _GPtrArray GPtrArray;
struct _GPtrArray {
  gpointer *pdata; /* to read and overwrite; moves when the array grows */
  guint len;
};

#define g_ptr_array_index(array, index_) ((array)->pdata)[index_]

/* Return an empty array with one reference, perhaps with room for reserved_size pointers, and with a function to free them. */
HMAP_GHASH_API GPtrArray *g_ptr_array_new(void);
HMAP_GHASH_API GPtrArray *g_ptr_array_sized_new(guint reserved_size);
HMAP_GHASH_API GPtrArray *g_ptr_array_new_with_free_func(GDestroyNotify element_free_func);
HMAP_GHASH_API GPtrArray *g_ptr_array_new_full(guint reserved_size, GDestroyNotify element_free_func);
/* Adds a reference. Returns the array. */
HMAP_GHASH_API GPtrArray *g_ptr_array_ref(GPtrArray *array);
/* Gives a reference up. With the last one the pointers are freed, if there is a function for them, and the array. */
HMAP_GHASH_API void g_ptr_array_unref(GPtrArray *array);
/* Gives a reference up. With free_segment the pointers are freed too, if there is a function for them, and NULL is returned;
 * without, they are returned as memory for g_free. Whoever has another reference keeps an empty array. */
HMAP_GHASH_API gpointer *g_ptr_array_free(GPtrArray *array, gboolean free_segment);
/* Empties an array into memory that the caller frees with g_free; or NULL, if the array never had any. *len becomes the number of
 * pointers; len may be NULL. */
HMAP_GHASH_API gpointer *g_ptr_array_steal(GPtrArray *array, gsize *len);
/* Sets the function that pointers are freed with from now on; NULL for none. */
HMAP_GHASH_API void g_ptr_array_set_free_func(GPtrArray *array, GDestroyNotify element_free_func);
/* Sets the number of pointers: NULLs are added, or the last ones removed and freed. */
HMAP_GHASH_API void g_ptr_array_set_size(GPtrArray *array, gint length);
/* Put a pointer at the end, or at index_, which may be -1 for the end. */
HMAP_GHASH_API void g_ptr_array_add(GPtrArray *array, gpointer data);
HMAP_GHASH_API void g_ptr_array_insert(GPtrArray *array, gint index_, gpointer data);
/* Remove and free the pointer at index_; the fast one puts the last in its place. Return it, for comparison only if it was
 * freed. */
HMAP_GHASH_API gpointer g_ptr_array_remove_index(GPtrArray *array, guint index_);
HMAP_GHASH_API gpointer g_ptr_array_remove_index_fast(GPtrArray *array, guint index_);
/* The same without freeing. */
HMAP_GHASH_API gpointer g_ptr_array_steal_index(GPtrArray *array, guint index_);
HMAP_GHASH_API gpointer g_ptr_array_steal_index_fast(GPtrArray *array, guint index_);
/* Remove and free the first that is data. Return whether there was one. */
HMAP_GHASH_API gboolean g_ptr_array_remove(GPtrArray *array, gpointer data);
HMAP_GHASH_API gboolean g_ptr_array_remove_fast(GPtrArray *array, gpointer data);
/* Removes and frees length pointers from index_ on. Returns the array. */
HMAP_GHASH_API GPtrArray *g_ptr_array_remove_range(GPtrArray *array, guint index_, guint length);
/* Sort. Comparing functions get pointers to two pointers of the array. Equals stay in order. */
HMAP_GHASH_API void g_ptr_array_sort(GPtrArray *array, GCompareFunc compare_func);
HMAP_GHASH_API void g_ptr_array_sort_with_data(GPtrArray *array, GCompareDataFunc compare_func, gpointer user_data);
/* Calls func on all pointers. */
HMAP_GHASH_API void g_ptr_array_foreach(GPtrArray *array, GFunc func, gpointer user_data);
/* Return whether a pointer is there, or one for which equal_func(it, needle) is true, and put its place into *index_. equal_func
 * may be NULL, for comparing pointers; index_ may be NULL. */
HMAP_GHASH_API gboolean g_ptr_array_find(GPtrArray *haystack, gconstpointer needle, guint *index_);
HMAP_GHASH_API gboolean g_ptr_array_find_with_equal_func(GPtrArray *haystack, gconstpointer needle, GEqualFunc equal_func,
                                                         guint *index_);

/* GHashTable */

typedef struct _GHashTable GHashTable;

/* A walk, on the caller's stack. It may be copied and abandoned. */
typedef struct _GHashTableIter {
  gpointer private1, private2, private3;
  int private4;
  gboolean private5;
  gpointer private6;
} GHashTableIter;

/* Return a new table with one reference, given up with g_hash_table_unref or g_hash_table_destroy. hash_func may be NULL, for
 * g_direct_hash; key_equal_func may be NULL, for comparing pointers. The table owns keys and values for which it has a destroy
 * function: it calls that when they leave it other than by stealing. */
HMAP_GHASH_API GHashTable *g_hash_table_new(GHashFunc hash_func, GEqualFunc key_equal_func);
HMAP_GHASH_API GHashTable *g_hash_table_new_full(GHashFunc hash_func, GEqualFunc key_equal_func, GDestroyNotify key_destroy_func,
                                                 GDestroyNotify value_destroy_func);
/* Returns a new, empty table with the functions of another one. */
HMAP_GHASH_API GHashTable *g_hash_table_new_similar(GHashTable *other_hash_table);
/* Adds a reference; any thread may. Returns the table. */
HMAP_GHASH_API GHashTable *g_hash_table_ref(GHashTable *hash_table);
/* Gives a reference up; any thread may. With the last one all entries are freed, and the table. */
HMAP_GHASH_API void g_hash_table_unref(GHashTable *hash_table);
/* Removes and frees all entries, and gives a reference up. */
HMAP_GHASH_API void g_hash_table_destroy(GHashTable *hash_table);

/* Set the value of a key. Both are the table's then. If the key was there, insert keeps the stored key and frees the one given;
 * replace and add store the one given and free the old one; the old value is freed. add's value is the key itself. Return whether
 * the key is new. */
HMAP_GHASH_API gboolean g_hash_table_insert(GHashTable *hash_table, gpointer key, gpointer value);
HMAP_GHASH_API gboolean g_hash_table_replace(GHashTable *hash_table, gpointer key, gpointer value);
HMAP_GHASH_API gboolean g_hash_table_add(GHashTable *hash_table, gpointer key);

/* Remove a key and its value, and free them, or steal them, without freeing. Return whether the key was there. */
HMAP_GHASH_API gboolean g_hash_table_remove(GHashTable *hash_table, gconstpointer key);
HMAP_GHASH_API gboolean g_hash_table_steal(GHashTable *hash_table, gconstpointer key);
/* Steals, and hands the stored key and the value to the caller; NULL and NULL if the key is not there. Either may be NULL. */
HMAP_GHASH_API gboolean g_hash_table_steal_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *stolen_key,
                                                    gpointer *stolen_value);
/* The same with all entries. */
HMAP_GHASH_API void g_hash_table_remove_all(GHashTable *hash_table);
HMAP_GHASH_API void g_hash_table_steal_all(GHashTable *hash_table);
/* Remove all entries, free the values (keys), and return the keys (values), in an array that frees them as the table would have;
 * given up with g_ptr_array_unref. */
HMAP_GHASH_API GPtrArray *g_hash_table_steal_all_keys(GHashTable *hash_table);
HMAP_GHASH_API GPtrArray *g_hash_table_steal_all_values(GHashTable *hash_table);

/* Returns the value of a key, which stays the table's; NULL if the key is not there. */
HMAP_GHASH_API gpointer g_hash_table_lookup(GHashTable *hash_table, gconstpointer key);
/* Returns whether a key is there, with the stored key and the value, or NULL and NULL. orig_key and value may be NULL. */
HMAP_GHASH_API gboolean g_hash_table_lookup_extended(GHashTable *hash_table, gconstpointer lookup_key, gpointer *orig_key,
                                                     gpointer *value);
/* Returns whether a key is there. */
HMAP_GHASH_API gboolean g_hash_table_contains(GHashTable *hash_table, gconstpointer key);
/* Returns the number of entries. */
HMAP_GHASH_API guint g_hash_table_size(GHashTable *hash_table);

/* Call a function on each entry. It may overwrite values; adding or removing keys ends the walk, with a critical.
 *   find                           returns the first value for which predicate returns true, or NULL
 *   foreach_remove, foreach_steal  remove those for which func returns true, and return their number */
HMAP_GHASH_API void g_hash_table_foreach(GHashTable *hash_table, GHFunc func, gpointer user_data);
HMAP_GHASH_API gpointer g_hash_table_find(GHashTable *hash_table, GHRFunc predicate, gpointer user_data);
HMAP_GHASH_API guint g_hash_table_foreach_remove(GHashTable *hash_table, GHRFunc func, gpointer user_data);
HMAP_GHASH_API guint g_hash_table_foreach_steal(GHashTable *hash_table, GHRFunc func, gpointer user_data);

/* Return the keys or the values, which stay the table's.
 *   get_keys, get_values  in a list, freed with g_list_free. Its order is the reverse of a walk's.
 *   as_array              followed by NULL, in memory freed with g_free. *length becomes their number; length may be NULL.
 *   as_ptr_array          in an array, given up with g_ptr_array_unref */
HMAP_GHASH_API GList *g_hash_table_get_keys(GHashTable *hash_table);
HMAP_GHASH_API GList *g_hash_table_get_values(GHashTable *hash_table);
HMAP_GHASH_API gpointer *g_hash_table_get_keys_as_array(GHashTable *hash_table, guint *length);
HMAP_GHASH_API GPtrArray *g_hash_table_get_keys_as_ptr_array(GHashTable *hash_table);
HMAP_GHASH_API GPtrArray *g_hash_table_get_values_as_ptr_array(GHashTable *hash_table);

/* Starts a walk. Adding or removing a key other than through iter ends it. */
HMAP_GHASH_API void g_hash_table_iter_init(GHashTableIter *iter, GHashTable *hash_table);
/* Moves to the next entry. Returns TRUE, with its key and value, which stay the table's, in *key and *value (either may be NULL);
 * FALSE at the end. */
HMAP_GHASH_API gboolean g_hash_table_iter_next(GHashTableIter *iter, gpointer *key, gpointer *value);
HMAP_GHASH_API GHashTable *g_hash_table_iter_get_hash_table(GHashTableIter *iter);
/* Remove the entry that iter is at, with or without freeing it, or set its value and free the old one. The walk goes on. */
HMAP_GHASH_API void g_hash_table_iter_remove(GHashTableIter *iter);
HMAP_GHASH_API void g_hash_table_iter_steal(GHashTableIter *iter);
HMAP_GHASH_API void g_hash_table_iter_replace(GHashTableIter *iter, gpointer value);

#define g_hash_table_freeze(hash_table) ((void)(hash_table))
#define g_hash_table_thaw(hash_table) ((void)(hash_table))

/* Functions for tables: of strings, of what pointers to gint, gint64 and gdouble point to, and of pointers. Their values are
 * GLib's since 2.76, and stay so. */
HMAP_GHASH_API guint g_str_hash(gconstpointer v);
HMAP_GHASH_API gboolean g_str_equal(gconstpointer v1, gconstpointer v2);
HMAP_GHASH_API guint g_int_hash(gconstpointer v);
HMAP_GHASH_API gboolean g_int_equal(gconstpointer v1, gconstpointer v2);
HMAP_GHASH_API guint g_int64_hash(gconstpointer v);
HMAP_GHASH_API gboolean g_int64_equal(gconstpointer v1, gconstpointer v2);
HMAP_GHASH_API guint g_double_hash(gconstpointer v);
HMAP_GHASH_API gboolean g_double_equal(gconstpointer v1, gconstpointer v2);
HMAP_GHASH_API guint g_direct_hash(gconstpointer v) G_GNUC_CONST;
HMAP_GHASH_API gboolean g_direct_equal(gconstpointer v1, gconstpointer v2) G_GNUC_CONST;

/* Errors, and a file's contents: what small programs read their input with */

typedef struct _GError {
  GQuark domain; /* what code belongs to */
  gint code;
  gchar *message;
} GError;

#define G_FILE_ERROR g_file_error_quark()
typedef enum {
  G_FILE_ERROR_EXIST,
  G_FILE_ERROR_ISDIR,
  G_FILE_ERROR_ACCES,
  G_FILE_ERROR_NAMETOOLONG,
  G_FILE_ERROR_NOENT,
  G_FILE_ERROR_NOTDIR,
  G_FILE_ERROR_NXIO,
  G_FILE_ERROR_NODEV,
  G_FILE_ERROR_ROFS,
  G_FILE_ERROR_TXTBSY,
  G_FILE_ERROR_FAULT,
  G_FILE_ERROR_LOOP,
  G_FILE_ERROR_NOSPC,
  G_FILE_ERROR_NOMEM,
  G_FILE_ERROR_MFILE,
  G_FILE_ERROR_NFILE,
  G_FILE_ERROR_BADF,
  G_FILE_ERROR_INVAL,
  G_FILE_ERROR_PIPE,
  G_FILE_ERROR_AGAIN,
  G_FILE_ERROR_INTR,
  G_FILE_ERROR_IO,
  G_FILE_ERROR_PERM,
  G_FILE_ERROR_NOSYS,
  G_FILE_ERROR_FAILED
} GFileError;

HMAP_GHASH_API GQuark g_file_error_quark(void);
/* Frees an error. */
HMAP_GHASH_API void g_error_free(GError *error);
/* Frees the error in a variable, if there is one, and sets that to NULL. error may be NULL. */
HMAP_GHASH_API void g_clear_error(GError **error);
/* Reads a file. Returns TRUE, with its bytes and a NUL behind them, freed with g_free, in *contents, and their number in *length;
 * or FALSE, with *contents NULL, *length 0 and an error in *error, freed with g_error_free. length and error may be NULL. */
HMAP_GHASH_API gboolean g_file_get_contents(const gchar *filename, gchar **contents, gsize *length, GError **error);

/* Variables that free what they hold when they go out of scope, and macros that empty a variable */

#define g_clear_pointer(pp, destroy)       \
  G_STMT_START                             \
  {                                        \
    __typeof__(pp) hmap_pp_ = (pp);        \
    __typeof__(*(pp)) hmap_p_ = *hmap_pp_; \
    *hmap_pp_ = NULL;                      \
    if (hmap_p_)                           \
      (destroy)(hmap_p_);                  \
  }                                        \
  G_STMT_END
static inline gpointer hmap_ghash_steal_pointer(gpointer pp)
{
  gpointer *ptr = (gpointer *)pp, p = *ptr;
  *ptr = NULL;
  return p;
}
#define g_steal_pointer(pp) ((__typeof__(*(pp)))hmap_ghash_steal_pointer(pp))

static inline void hmap_ghash_auto_free(void *variable)
{
  g_free(*(gpointer *)variable);
}
#define HMAP_GHASH_CLEANUP(type, free_function)              \
  static inline void hmap_ghash_auto_##type(type **variable) \
  {                                                          \
    if (*variable)                                           \
      free_function(*variable);                              \
  }
HMAP_GHASH_CLEANUP(GHashTable, g_hash_table_unref)
HMAP_GHASH_CLEANUP(GList, g_list_free)
HMAP_GHASH_CLEANUP(GPtrArray, g_ptr_array_unref)
HMAP_GHASH_CLEANUP(GError, g_error_free)
static inline void hmap_ghash_auto_GStrv(GStrv *variable)
{
  g_strfreev(*variable);
}
#define g_autofree __attribute__((cleanup(hmap_ghash_auto_free)))
#define g_autoptr(type) __attribute__((cleanup(hmap_ghash_auto_##type))) type *
#define g_auto(type) __attribute__((cleanup(hmap_ghash_auto_##type))) type

G_END_DECLS

#endif
