#!/bin/sh
# ways-in.sh: what doc/ways-in.md tells works as it stands there: programs whose tables are made by libraries of the project end on
# hmap although the linker drops whatever a program does not call itself; and where they do not, it is said.

. "$abs_top_srcdir/tests/tools/tools.sh"
have_glib || skip_all "built without GLib or without the shadow"
pkg-config --exists gio-2.0 || skip_all "there is no gio-2.0"
unset GLIB_CFLAGS GLIB_LIBS # configure would take them for the answers of pkg-config
page=$abs_top_srcdir/doc/ways-in.md

# The installed files of pkg-config, for the folder in which the libraries lie here.
mkdir pc nopc
for file in "$lib"/pkgconfig/*.pc; do
  sed "s,^libdir=.*,libdir=$lib," "$file" >"pc/${file##*/}"
done
ACLOCAL_PATH=$(dirname "$(find "$top/root" -path '*/aclocal/hmap.m4')")
PKG_CONFIG_PATH=$top/pc
export ACLOCAL_PATH PKG_CONFIG_PATH

# A compiler as some systems have it.
printf '#!/bin/sh\nexec %s -Wl,--as-needed "$@"\n' "$CC" >as-needed
chmod +x as-needed
printf 'the one and the other and the third\n' >text

# shown LANGUAGE: the lines in this language that the page shows.
shown() {
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" "$page"
}

quietly() {
  "$@" >quiet.log 2>&1 || { tail -n 30 quiet.log; return 1; }
}

# fresh FOLDER: a copy of the project, and of the one whose sources it includes.
fresh() {
  mkdir "$1" && cp -r "$abs_top_srcdir/tests/legacy/wordfreq-libtool" "$abs_top_srcdir/tests/legacy/wordfreq-hsearch" \
    "$abs_top_srcdir/tests/legacy/wordfreq-glib" "$1" && chmod -R u+w "$1" && cd "$1/wordfreq-libtool" || exit
}

# counts FOLDER: both programs there count words, and on which tables.
counts() {
  rm -f stats
  for program in wordfreq gwordfreq; do
    HMAP_STATS=$top/stats LD_LIBRARY_PATH=$1/.libs "$1/$program" "$top/text" >words.found && grep -q '^ *3 *the$' words.found || {
      cat words.found
      return 1
    }
  done
  [ ! -e stats ] || sed -n 's/^\([a-z-]*\) .*/\1/p' stats
}
both="libhmap-search
libhmap-glib"

# ---- Autotools

# autotools FOLDER COMMAND...: configures and makes the project, with the command's words and a variable or two before configure.
autotools() (
  fresh "$1"
  shift
  quietly autoreconf --install && quietly "$@" && cat quiet.log && quietly hmap_or_not "$1" $MAKE
)
hmap_or_not() {
  if [ "$1" = hmap ]; then shift; hmap env "$@"; else shift; "$@"; fi
}
# lasting FOLDER: a project with the page's lines in its configure.ac. small FOLDER: the same with a configure that takes no time.
lasting() (
  fresh "$1"
  add_lines
)
small() (
  mkdir -p "$1/wordfreq-libtool" && cd "$1/wordfreq-libtool" || exit
  printf '%s\n' 'AC_INIT([small], [1])' AC_PROG_CC 'AC_SEARCH_LIBS([hsearch])' 'PKG_CHECK_MODULES([GLIB], [glib-2.0])' \
    'AC_CONFIG_FILES([found])' AC_OUTPUT >configure.ac
  echo '@LIBS@ @GLIB_LIBS@' >found.in
  add_lines
)
add_lines() {
  shown m4 >lines
  sed -i -e '/^AC_CONFIG_FILES/{' -e 'e cat lines' -e '}' configure.ac
  quietly autoreconf --install
}
# configured FOLDER ARGUMENT...: what configure says, in a project where it is there.
configured() (
  cd "$1/wordfreq-libtool" || exit
  shift
  ./configure CC="$top/as-needed" LDFLAGS="-Wl,-rpath,$lib" "$@" 2>&1
)
# stays ARGUMENT...: configured so, the small project has nothing of hmap.
stays() {
  configured small "$@" >stays.log && ! grep hmap small/wordfreq-libtool/found || { cat stays.log; return 1; }
}
if command -v autoreconf >/dev/null && command -v libtoolize >/dev/null; then
  check "under hmap env, libtool" autotools env hmap env ./configure CC="$top/as-needed"
  check "it is on hmap" eval 'same "$both" "$(counts env/wordfreq-libtool)"'
  check "check says so" eval 'LD_LIBRARY_PATH=env/wordfreq-libtool/.libs says "on hmap     hsearch already" check \
    env/wordfreq-libtool/.libs/wordfreq'
  # GIO_LIBS comes first on the link line.
  by_hand() {
    autotools hand ./configure CC="$top/as-needed" LDFLAGS="-Wl,-rpath,$lib" LIBS="$(pkg-config --libs hmap-search)" \
      GIO_LIBS="$(pkg-config --libs gio-2.0 gobject-2.0 hmap-glib)"
  }
  check "by LIBS, and by the LIBS of several modules" by_hand
  check "it is on hmap" eval 'same "$both" "$(counts hand/wordfreq-libtool)"'

  dropped() {
    autotools dropped ./configure CC="$top/as-needed" LDFLAGS="-L$lib -Wl,-rpath,$lib" LIBS=-lhmap-search &&
      LD_LIBRARY_PATH=dropped/wordfreq-libtool/.libs says "bound to    libc.so.6, which comes before libhmap-search.so.1: libwords.so.0 \
needs that, and the program itself has to, before libc.so.6 (hmap env, or hmap relink)" check dropped/wordfreq-libtool/.libs/wordfreq
  }
  check "by a word that the linker drops: check says why that is libc's" dropped
  check "and GLib's" eval 'LD_LIBRARY_PATH=dropped/wordfreq-libtool/.libs says \
    "bound to    libglib-2.0.so.0, as nothing here needs libhmap-glib.so.1" check dropped/wordfreq-libtool/.libs/gwordfreq'

  check "HMAP_HSEARCH and HMAP_GHASHTABLE: configure is made" lasting lines
  configured lines >lines.log
  check "it has tried a program and a library" eval 'cat lines.log; grep -q "by libraries\.\.\. yes, yes$" lines.log'
  check "it compiles" quietly $MAKE -C lines/wordfreq-libtool
  check "it is on hmap" eval 'same "$both" "$(counts lines/wordfreq-libtool)"'
  check "a smaller project" small small
  # A package that names a library which the linker drops.
  mkdir torn && cp pc/* torn && sed -i 's/^first=.*/first=/' torn/hmap-search.pc
  check "a library's hsearch would stay libc's: configure says so" eval 'PKG_CONFIG_PATH=$top/torn configured small >torn.log;
    cat torn.log; grep -q "by libraries\.\.\. yes, no$" torn.log && grep -q "WARNING: hsearch stays libc.s" torn.log &&
    ! grep hmap-search small/wordfreq-libtool/found'
  check "with --with-hmap that is an error" eval '! PKG_CONFIG_PATH=$top/torn configured small --with-hmap >torn.log &&
    grep -q "error: --with-hmap was given, but hsearch stays libc.s" torn.log'
  check "without shared libraries it is right too" eval 'configured small CC="$CC -static" >static.log; cat static.log;
    grep -q "by libraries\.\.\. yes, yes$" static.log'
  check "--without-hmap leaves all as it was" stays --without-hmap
  check "and so does hmap's absence, which is said" eval 'PKG_CONFIG_PATH=$top/nopc stays &&
    grep -q "hmap-search is not installed: hsearch stays libc.s" stays.log &&
    grep -q "hmap-glib is not installed: GHashTable stays GLib.s" stays.log'
  check "with --with-hmap it is an error" eval '! PKG_CONFIG_PATH=$top/nopc configured small --with-hmap >absent.log &&
    grep -q "error: --with-hmap was given, but hmap-search is not installed" absent.log'
  check "without hmap.m4 the lines are none" eval 'rm -r small && ACLOCAL_PATH= small small && stays &&
    ! grep "command not found" stays.log'
else
  skip "Autotools" "autoconf, automake or libtool is not installed"
fi

# ---- Meson and CMake

meson_lasting() (
  fresh meson
  { echo "project('wordfreq', 'c')" && shown meson && cat <<'TXT'; } >meson.build
gio = dependency('gio-2.0')
words = shared_library('words', 'words.c')
gwords = shared_library('gwords', 'gwords.c', dependencies: dependency('glib-2.0'))
executable('wordfreq', 'main.c', link_with: words)
executable('gwordfreq', 'gmain.c', link_with: gwords, dependencies: [gio, hmap_glib])
TXT
  LDFLAGS="-Wl,-rpath,$lib" quietly meson setup build && cp quiet.log ../../meson.log && quietly ninja -C build
)
if command -v meson >/dev/null && command -v ninja >/dev/null; then
  check "Meson, whatever the order" meson_lasting
  check "it says what it took" eval 'grep "hsearch *: YES" meson.log && grep "GHashTable *: YES" meson.log'
  check "it is on hmap" eval 'same "$both" "$(counts meson/wordfreq-libtool/build)"'
else
  skip "Meson" "meson or ninja is not installed"
fi

cmake_lasting() (
  fresh cmake
  { echo 'cmake_minimum_required(VERSION 3.13)
project(wordfreq LANGUAGES C)' && shown cmake && cat <<'TXT'; } >CMakeLists.txt
pkg_check_modules(GIO REQUIRED IMPORTED_TARGET gio-2.0)
add_library(words SHARED words.c)
add_library(gwords SHARED gwords.c)
target_link_libraries(gwords PRIVATE PkgConfig::GIO)
add_executable(wordfreq main.c)
target_link_libraries(wordfreq PRIVATE words)
add_executable(gwordfreq gmain.c)
target_link_libraries(gwordfreq PRIVATE gwords PkgConfig::GIO)
TXT
  quietly cmake -S . -B build -DCMAKE_C_COMPILER="$top/as-needed" -DCMAKE_EXE_LINKER_FLAGS="-Wl,-rpath,$lib" &&
    quietly cmake --build build
)
if command -v cmake >/dev/null; then
  check "CMake, whatever the order" cmake_lasting
  check "it is on hmap" eval 'same "$both" "$(counts cmake/wordfreq-libtool/build)"'
else
  skip "CMake" "cmake is not installed"
fi
done_testing
