# hmap.m4: for the configure.ac of a project that uses hsearch or GHashTable. One line links it to hmap where that is installed;
# --without-hmap, or its absence, leaves everything as it was.

# HMAP_OPTION
# --without-hmap
AC_DEFUN([HMAP_OPTION],
[AC_ARG_WITH([hmap], [AS_HELP_STRING([--without-hmap], [keep the hash tables of libc and GLib])])])

# HMAP_HSEARCH
# For hcreate, hsearch and hdestroy: LIBS gets libhmap-search. hmap_hsearch is set to yes or no.
AC_DEFUN([HMAP_HSEARCH],
[AC_REQUIRE([HMAP_OPTION])
hmap_hsearch=no
AS_IF([test "$with_hmap" != no],
  [PKG_CHECK_MODULES([HMAP_SEARCH], [hmap-search],
    [hmap_hsearch=yes; LIBS="$HMAP_SEARCH_LIBS $LIBS"],
    [AC_MSG_NOTICE([hmap-search is not installed: hsearch stays libc's])])])])

# HMAP_GHASHTABLE(PREFIX)
# To be called after PKG_CHECK_MODULES([PREFIX], [glib-2.0 ...]): PREFIX_LIBS gets libhmap-glib before GLib. hmap_ghashtable is set
# to yes or no.
AC_DEFUN([HMAP_GHASHTABLE],
[AC_REQUIRE([HMAP_OPTION])
hmap_ghashtable=no
AS_IF([test "$with_hmap" != no],
  [PKG_CHECK_MODULES([HMAP_GLIB], [hmap-glib],
    [hmap_ghashtable=yes; $1_LIBS="$HMAP_GLIB_LIBS $$1_LIBS"],
    [AC_MSG_NOTICE([hmap-glib is not installed: GHashTable stays GLib's])])])])
