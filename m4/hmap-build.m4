# hmap-build.m4: the questions that hmap's own configure asks beyond the usual ones. (hmap.m4 is for other projects.)

# HMAP_TRY_FLAGS(VARIABLE, FLAGS)
# Appends to VARIABLE those of FLAGS that the compiler knows.
AC_DEFUN([HMAP_TRY_FLAGS],
[hmap_saved_CFLAGS=$CFLAGS
# -Werror, because clang only warns about options that it does not know.
for hmap_flag in $2; do
  AC_MSG_CHECKING([whether $CC knows $hmap_flag])
  CFLAGS="$hmap_saved_CFLAGS -Werror $hmap_flag"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
    [AC_MSG_RESULT([yes]); $1="$$1 $hmap_flag"],
    [AC_MSG_RESULT([no])])
done
CFLAGS=$hmap_saved_CFLAGS])

# HMAP_WARNINGS
# HMAP_CFLAGS gets the language and the warnings that all of our code compiles without.
AC_DEFUN([HMAP_WARNINGS],
[AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [stop at the first compiler warning])])
HMAP_CFLAGS="-std=gnu11"
HMAP_TRY_FLAGS([HMAP_CFLAGS],
  [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition dnl
-Wpointer-arith -Wundef -Wcast-qual -Wwrite-strings -Wvla -Wlogical-op])
# What __FILE__ says must not depend on where this is built.
HMAP_TRY_FLAGS([HMAP_CFLAGS], [-fmacro-prefix-map=$srcdir/=])
AS_IF([test "$enable_werror" = yes], [HMAP_CFLAGS="$HMAP_CFLAGS -Werror"])
AC_SUBST([HMAP_CFLAGS])])

# HMAP_SANITIZERS
# --enable-sanitizers=address,undefined adds -fsanitize=... to everything that is compiled and linked.
AC_DEFUN([HMAP_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers=LIST], [compile with -fsanitize=LIST, such as address,undefined])])
AS_CASE([$enable_sanitizers],
  [yes], [enable_sanitizers=address,undefined],
  ['' | no], [enable_sanitizers=])
AS_IF([test -n "$enable_sanitizers"],
  [HMAP_SANITIZE="-fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
   hmap_saved_CFLAGS=$CFLAGS
   CFLAGS="$CFLAGS $HMAP_SANITIZE"
   AC_LINK_IFELSE([AC_LANG_PROGRAM()], [],
     [AC_MSG_ERROR([$CC cannot link a program with -fsanitize=$enable_sanitizers])])
   CFLAGS=$hmap_saved_CFLAGS])
AC_SUBST([HMAP_SANITIZE])
AM_CONDITIONAL([SANITIZED], [test -n "$enable_sanitizers"])])

# HMAP_NEED_ELF
# The shims stand in front of other libraries by the rules of ELF; without export maps they could not.
AC_DEFUN([HMAP_NEED_ELF],
[AC_MSG_CHECKING([whether the linker takes export maps and -z nodelete])
hmap_saved_LDFLAGS=$LDFLAGS
LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map -Wl,-z,nodelete"
echo '{ global: f; local: *; };' >conftest.map
AC_LINK_IFELSE([AC_LANG_SOURCE([int f(void); int f(void) { return 0; }])],
  [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([hmap needs an ELF system and a linker such as GNU ld, gold or lld])])
rm -f conftest.map
LDFLAGS=$hmap_saved_LDFLAGS])

# HMAP_OPTIONAL(PREFIX, SWITCH, MODULE, DEBIAN-PACKAGE, WHAT-IS-LOST)
# A library that we can do without. --without-SWITCH, or its absence, leaves something out and says so.
AC_DEFUN([HMAP_OPTIONAL],
[AC_ARG_WITH([$2], [AS_HELP_STRING([--without-$2], [do as if $2 were absent])])
have_$1=no
AS_IF([test "$with_$2" != no], [PKG_CHECK_MODULES([$1], [$3], [have_$1=yes], [have_$1=no])])
AS_IF([test "$have_$1" = yes], [hmap_$1_summary=yes],
  [test "$with_$2" = no], [hmap_$1_summary="no, by --without-$2: $5"],
  [test "$with_$2" = yes], [AC_MSG_ERROR([--with-$2 was given, but $3 was not found (Debian: $4)])],
  [hmap_$1_summary="no, $3 was not found (Debian: $4): $5"
   AC_MSG_NOTICE([$3 was not found (Debian: $4): $5])])
AM_CONDITIONAL([HAVE_$1], [test "$have_$1" = yes])])

# HMAP_LIBDIR
# HMAP_PC_FOLDER is what the linker's word in a pkg-config file begins with where no linker looks by itself: some builds pass on
# that word and not the -L before it. Not elsewhere, because the system's folders must not come before others.
AC_DEFUN([HMAP_LIBDIR],
[HMAP_PC_FOLDER='-L${libdir},'
hmap_prefix=$prefix
test "$hmap_prefix" != NONE || hmap_prefix=$ac_default_prefix
AS_CASE([`prefix=$hmap_prefix; eval exec_prefix=$exec_prefix; test "$exec_prefix" != NONE || exec_prefix=$prefix; eval echo "$libdir"`],
  [/usr/lib | /usr/lib[[0-9]]* | /usr/lib/*-* | /lib*], [HMAP_PC_FOLDER=])
AC_SUBST([HMAP_PC_FOLDER])])

# HMAP_SHADOW
# The shadow names the system's GLib by its absolute path, GLIB_RUNTIME, which --with-glib-runtime can set.
AC_DEFUN([HMAP_SHADOW],
[AC_ARG_WITH([glib-runtime],
  [AS_HELP_STRING([--with-glib-runtime=FILE], [the system's libglib-2.0.so.0, where pkg-config does not tell])])
AC_SUBST([GLIB_RUNTIME], [$with_glib_runtime])
AS_IF([test "$have_GLIB" = yes && test -z "$GLIB_RUNTIME"],
  [GLIB_RUNTIME=`$PKG_CONFIG --variable=libdir glib-2.0`/libglib-2.0.so.0])
AS_IF([test "$have_GLIB" != yes], [hmap_shadow_summary="no, for want of libhmap-glib"],
  [test "$enable_shared" = no], [hmap_shadow_summary="no, by --disable-shared"],
  [test ! -e "$GLIB_RUNTIME"], [hmap_shadow_summary="no, there is no $GLIB_RUNTIME (--with-glib-runtime=FILE tells another)"],
  [hmap_shadow_summary="yes, of $GLIB_RUNTIME"])
AM_CONDITIONAL([SHADOW], [test "${hmap_shadow_summary%%,*}" = yes])])
