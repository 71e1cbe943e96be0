/* ghash-foreign.c: GLib's own functions, for tables that are not ours.
 *
 * libglib binds its own calls of g_hash_table_new to itself, so it makes tables of its own, and hands some of them out
 * (g_uri_parse_params). Whoever has such a table calls our functions with it. They know it by its first word, which is not our
 * mark, and hand the call on to the function of the same name in GLib. That is looked for when it is first needed:
 *
 *   1. behind our library in the order in which the program was linked. This also finds the right one where a shadow library that
 *      names ours and the real libglib goes by the name of libglib-2.0.so.0;
 *   2. from the beginning of that order, where GLib stands before us in it.
 *
 * A fully static program has only one set of functions, ours, and so no foreign tables. */
#include <dlfcn.h>
#include <link.h>

/* The functions that are looked for. */
#define EACH_OF_GLIBS(X)                  \
  X(g_hash_table_new)                     \
  X(g_hash_table_new_full)                \
  X(g_hash_table_new_similar)             \
  X(g_hash_table_ref)                     \
  X(g_hash_table_unref)                   \
  X(g_hash_table_destroy)                 \
  X(g_hash_table_insert)                  \
  X(g_hash_table_replace)                 \
  X(g_hash_table_add)                     \
  X(g_hash_table_remove)                  \
  X(g_hash_table_remove_all)              \
  X(g_hash_table_steal)                   \
  X(g_hash_table_steal_extended)          \
  X(g_hash_table_steal_all)               \
  X(g_hash_table_steal_all_keys)          \
  X(g_hash_table_steal_all_values)        \
  X(g_hash_table_lookup)                  \
  X(g_hash_table_lookup_extended)         \
  X(g_hash_table_contains)                \
  X(g_hash_table_size)                    \
  X(g_hash_table_foreach)                 \
  X(g_hash_table_find)                    \
  X(g_hash_table_foreach_remove)          \
  X(g_hash_table_foreach_steal)           \
  X(g_hash_table_get_keys)                \
  X(g_hash_table_get_values)              \
  X(g_hash_table_get_keys_as_array)       \
  X(g_hash_table_get_keys_as_ptr_array)   \
  X(g_hash_table_get_values_as_ptr_array) \
  X(g_hash_table_iter_init)               \
  X(g_hash_table_iter_next)               \
  X(g_hash_table_iter_get_hash_table)     \
  X(g_hash_table_iter_remove)             \
  X(g_hash_table_iter_replace)            \
  X(g_hash_table_iter_steal)              \
  X(g_str_hash)                           \
  X(g_str_equal)                          \
  X(g_int_hash)                           \
  X(g_int_equal)                          \
  X(g_int64_hash)                         \
  X(g_int64_equal)                        \
  X(g_double_hash)                        \
  X(g_double_equal)                       \
  X(g_direct_hash)                        \
  X(g_direct_equal)

#define NUMBER(function) number_##function,
enum { EACH_OF_GLIBS(NUMBER) glibsCount };
#define NAME(function) #function,
static const char *const glibsNames[] = {EACH_OF_GLIBS(NAME)};

/* What has been found so far; absent where GLib has no such function. */
static void *glibsFound[glibsCount];
static char absent;

/* Whether two functions belong to the same object. */
static bool sameObject(void *a, void *b)
{
  Dl_info ofA, ofB;
  return dladdr(a, &ofA) && dladdr(b, &ofB) && ofA.dli_fbase == ofB.dli_fbase;
}

/* Looks for GLib's function from the beginning. What is found may also be a place in a program that is not position-independent
 * and takes the function's address: that would lead back to us. */
static void *searchFromBeginning(const char *name)
{
  void *function = dlsym(RTLD_DEFAULT, name);
  return function && sameObject(function, dlsym(RTLD_DEFAULT, "glib_check_version")) ? function : NULL;
}

/* Returns GLib's function of that name, or NULL if there is none. */
static void *searchGlib(const char *name)
{
  void *function = dlsym(RTLD_NEXT, name);
  if (!function)
    function = searchFromBeginning(name);
  return function && !sameObject(function, &absent) ? function : NULL;
}

/* searchGlib by number, once for each. */
static void *glibs(unsigned number)
{
  void *function = __atomic_load_n(&glibsFound[number], __ATOMIC_ACQUIRE);
  if (unlikely(!function)) {
    function = searchGlib(glibsNames[number]);
    __atomic_store_n(&glibsFound[number], function ? function : &absent, __ATOMIC_RELEASE);
  }
  return function == &absent ? NULL : function;
}
/* GLib's function of this name, or NULL. */
#define GLIBS(function) ((__typeof__(&function))glibs(number_##function))

/* Whether the address that we see for a function by one of these names, which is neither ours nor GLib's, leads to one of them: a
 * program that is not position-independent has such places. Else it is another function, which the program or a library of its
 * has by that name. */
static bool leadsHere(unsigned number, void *address)
{
#ifdef __GLIBC__
  enum { unknown, no, yes };
  static uint8_t found[glibsCount];
  uint8_t leads = __atomic_load_n(&found[number], __ATOMIC_RELAXED);
  if (leads == unknown) {
    Dl_info info;
    void *symbol = NULL;
    bool isPlace =
        dladdr1(address, &info, &symbol, RTLD_DL_SYMENT) && symbol && ((const ElfW(Sym) *)symbol)->st_shndx == SHN_UNDEF;
    leads = isPlace ? yes : no;
    __atomic_store_n(&found[number], leads, __ATOMIC_RELAXED);
  }
  return leads == yes;
#else
  (void)number, (void)address;
  return true;
#endif
}
#define LEADS_HERE(function) leadsHere(number_##function, (void *)(guintptr)(function))

/* The same, for a call with a foreign table, which is counted. */
static void *forForeign(unsigned number)
{
  void *function = glibs(number);
  countForeign();
  if (!function)
    fatal("a GHashTable that hmap did not make, and no GLib to ask");
  return function;
}
#define FOREIGN(function) ((__typeof__(&function))forForeign(number_##function))
