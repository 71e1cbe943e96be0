# hmap.m4: for the configure.ac of a project that uses hsearch or GHashTable. One line links it to hmap where that is installed:
#
#   m4_ifdef([HMAP_HSEARCH], [HMAP_HSEARCH])
#   m4_ifdef([HMAP_GHASHTABLE], [HMAP_GHASHTABLE])
#
# so that who makes configure without this file gets what there was before. --without-hmap, or its absence, leaves everything as
# it was; with --with-hmap its absence is an error.

# HMAP_OPTION
# --with-hmap, --without-hmap
AC_DEFUN([HMAP_OPTION],
[AC_ARG_WITH([hmap],
  [AS_HELP_STRING([--with-hmap], [insist on hmap's hash tables; --without-hmap keeps those of libc and GLib])])])

# _HMAP_ABSENT(WHAT, HOW-TO-SAY-IT)
# It cannot be had, and somebody may have insisted on it.
AC_DEFUN([_HMAP_ABSENT],
[AS_IF([test "$with_hmap" = yes], [AC_MSG_ERROR([--with-hmap was given, but $1])], [$2([$1])])])

# HMAP_HSEARCH
# For hcreate, hsearch and hdestroy: LIBS gets libhmap-search, after a try with a program and with a library that a program is
# linked to. hmap_hsearch is set to yes or no.
AC_DEFUN([HMAP_HSEARCH],
[AC_REQUIRE([HMAP_OPTION])
AC_REQUIRE([AC_PROG_CC])
hmap_hsearch=no
AS_IF([test "$with_hmap" != no],
  [PKG_CHECK_MODULES([HMAP_SEARCH], [hmap-search],
    [hmap_saved_LIBS=$LIBS
     LIBS="$HMAP_SEARCH_LIBS $LIBS"
     _HMAP_TRY_HSEARCH([hmap_hsearch=yes],
       [LIBS=$hmap_saved_LIBS
        _HMAP_ABSENT([hsearch stays libc's: what is linked with $HMAP_SEARCH_LIBS does not get libhmap-search, see config.log],
          [AC_MSG_WARN])])],
    [_HMAP_ABSENT([hmap-search is not installed: hsearch stays libc's], [AC_MSG_NOTICE])])])])

# _HMAP_TRY_HSEARCH(IF-OURS, IF-NOT)
# Whether LIBS brings libhmap-search into a program that calls hsearch, and into one that only has a library which does. The second
# has to need it by itself, because only the program's order of libraries counts; a linker that drops what is not called
# (--as-needed, the default of some compilers) would leave it on libc.
AC_DEFUN([_HMAP_TRY_HSEARCH],
[AC_MSG_CHECKING([whether hsearch is hmap's, called by programs and by libraries])
hmap_saved_LDFLAGS=$LDFLAGS hmap_inner_LIBS=$LIBS hmap_program=no hmap_library=no
AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <search.h>]], [[ENTRY item = { 0, 0 }; return !hsearch (item, FIND)]])],
  [_HMAP_HOLDS([hmap_program])])
cat >hmaptry.c <<'_HMAP'
#include <search.h>
int hmap_try (void);
int hmap_try (void) { ENTRY item = { 0, 0 }; return !hsearch (item, FIND); }
_HMAP
AS_IF([AC_RUN_LOG([$CC $CFLAGS $CPPFLAGS $LDFLAGS -shared -fPIC -o libhmaptry.so hmaptry.c $LIBS >&AS_MESSAGE_LOG_FD])],
  [LDFLAGS="$LDFLAGS -L." LIBS="-lhmaptry $LIBS"])
# Where nothing can be shared there is no such library.
AS_IF([test -f libhmaptry.so],
  [AC_LINK_IFELSE([AC_LANG_PROGRAM([[int hmap_try (void);]], [[return hmap_try ()]])],
    [_HMAP_HOLDS([hmap_library])], [hmap_library=$hmap_program])],
  [hmap_library=$hmap_program])
LDFLAGS=$hmap_saved_LDFLAGS LIBS=$hmap_inner_LIBS
rm -f hmaptry.c libhmaptry.so
AC_MSG_RESULT([$hmap_program, $hmap_library])
AS_IF([test $hmap_program$hmap_library = yesyes], [$1], [$2])])

# _HMAP_HOLDS(VARIABLE)
# yes if what was linked has libhmap-search: as a library that it needs, or inside, which has its name too.
AC_DEFUN([_HMAP_HOLDS], [AS_IF([grep libhmap-search conftest$EXEEXT >/dev/null], [$1=yes])])

# HMAP_GHASHTABLE
# To be called after the PKG_CHECK_MODULES([PREFIX], [... glib-2.0 ...]) of the project. At the end of configure libhmap-glib stands
# before GLib in each variable that names GLib and ends with LIBS, LIBADD or LDADD, so that their order on a link line does not
# matter. hmap_ghashtable is set to yes or no.
AC_DEFUN([HMAP_GHASHTABLE],
[AC_REQUIRE([HMAP_OPTION])
hmap_ghashtable=no
AS_IF([test "$with_hmap" != no],
  [PKG_CHECK_MODULES([HMAP_GLIB], [hmap-glib], [hmap_ghashtable=yes],
    [_HMAP_ABSENT([hmap-glib is not installed: GHashTable stays GLib's], [AC_MSG_NOTICE])])])
AC_CONFIG_COMMANDS_PRE([_HMAP_GLIB_FIRST])])

AC_DEFUN([_HMAP_GLIB_FIRST],
[AS_IF([test "$hmap_ghashtable" = yes],
  [for hmap_variable in `set | sed -n 's/^\([[A-Za-z0-9_]]*L\(IBS\|IBADD\|DADD\)\)=.*-lglib-2\.0.*/\1/p' | grep -v '_cv_'`; do
    eval "hmap_value=\$$hmap_variable"
    AS_CASE([$hmap_value], ["$HMAP_GLIB_LIBS"*], [], [eval "$hmap_variable=\"\$HMAP_GLIB_LIBS \$hmap_value\""])
   done])])
