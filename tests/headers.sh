#!/bin/sh
# headers.sh: every public header compiles by itself, without a warning, in each language that it is meant for.

. "$abs_top_srcdir/tests/tap.sh"
scratch headers
strict="-Wall -Wextra -Wpedantic -Wshadow -Werror -I$abs_top_srcdir/include"

# try COMPILER STANDARD HEADER: twice included, because that must be harmless too.
try() {
  printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$3" "$3" >"try.${2%%[0-9]*}"
  # shellcheck disable=SC2086 # words
  $1 -std="$2" $strict -fsyntax-only "try.${2%%[0-9]*}"
}

for path in "$abs_top_srcdir"/include/*.h "$abs_top_srcdir"/include/*/*.h; do
  header=${path#"$abs_top_srcdir/include/"}
  for standard in c99 c11; do
    check "$header as $standard" try "$CC" "$standard" "$header"
  done
  if [ -n "$CXX" ]; then
    check "$header as c++17" try "$CXX" c++17 "$header"
  else
    skip "$header as c++17" "no C++ compiler"
  fi
done

# A program written for GLib, which uses every kind of macro, with no more than the include path.
cat >program.c <<'END'
#include <glib.h>

static gint down(gconstpointer a, gconstpointer b)
{
  return GPOINTER_TO_INT(b) - GPOINTER_TO_INT(a);
}

static gint positive(gint n)
{
  g_return_val_if_fail(n > 0, 0);
  return ABS(n);
}

static void use_table(void)
{
  g_autoptr(GHashTable) t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autofree gchar *name = g_strdup_printf("%" G_GSIZE_FORMAT " %" G_GINT64_FORMAT, (gsize)1, G_GINT64_CONSTANT(2));
  GHashTableIter iter;
  gpointer key, value;
  guint seen = 0;

  g_hash_table_insert(t, g_strdup(name), GINT_TO_POINTER(-3));
  g_hash_table_iter_init(&iter, t);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    g_assert_cmpstr((const gchar *)key, ==, "1 2");
    g_assert_cmpint(GPOINTER_TO_INT(value), ==, -3);
    g_hash_table_iter_remove(&iter);
    seen++;
  }
  g_assert_cmpuint(seen, ==, 1);
}

static void use_lists(void)
{
  GList *list = NULL, *l;
  GPtrArray *array = g_ptr_array_new_with_free_func(g_free);
  gint i, *numbers = g_new0(gint, 4), smallest = 3;

  for (i = 0; i < 4; i++)
    list = g_list_prepend(list, GINT_TO_POINTER(i));
  list = g_list_sort(list, down);
  for (l = g_list_last(list); l; l = g_list_previous(l))
    numbers[GPOINTER_TO_UINT(l->data)] = positive(CLAMP(GPOINTER_TO_INT(l->data), 1, 2));
  for (i = 0; i < 4; i++)
    smallest = MIN(smallest, numbers[i]);
  g_assert_true(smallest == 1 && MAX(numbers[2], numbers[3]) == 2);
  g_clear_list(&list, NULL);
  g_assert_null(list);
  g_ptr_array_add(array, g_steal_pointer(&numbers));
  g_assert(numbers == NULL && g_ptr_array_index(array, 0) != NULL);
  g_clear_pointer(&array, g_ptr_array_unref);
}

int main(void)
{
  GError *error = NULL;
  gchar *text;

  use_table();
  use_lists();
  if (g_file_get_contents("/nonexistent", &text, NULL, &error) || error->code != G_FILE_ERROR_NOENT)
    g_error("no error");
  g_clear_error(&error);
  if (FALSE)
    g_assert_not_reached();
  g_print("%s: all is well\n", G_STRFUNC);
  return 0;
}
END
cp program.c program.cc

# run COMPILER STANDARD SOURCE
run() {
  # shellcheck disable=SC2086 # words
  $1 $CFLAGS $SANITIZED -std="$2" $strict -I"$abs_top_srcdir/include/hmap-ghash" "$3" -o program \
    "$builddir/compat/.libs/libhmap-ghash.a" -lpthread && same "main: all is well" "$(./program 2>&1)"
}
check "a program for GLib, without GLib, as c99" run "$CC" c99 program.c
check "a program for GLib, without GLib, as c11" run "$CC" c11 program.c
if [ -n "$CXX" ]; then
  check "a program for GLib, without GLib, as c++17" run "$CXX" c++17 program.cc
else
  skip "a program for GLib, without GLib, as c++17" "no C++ compiler"
fi
done_testing
