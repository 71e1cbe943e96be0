#!/bin/sh
# exports.sh: what the built libraries show to others is what they say, and they are linked as libraries that stand in front of
# others have to be.

. "$abs_top_srcdir/tests/tap.sh"
[ -z "$SANITIZED" ] || skip_all "a sanitizer adds symbols of its own"

# The names between global: and local: in an export map.
names_of_map() {
  sed -n '/global:/,/local:/s/^ *\([a-z_0-9]*\);.*/\1/p' "$abs_top_srcdir/$1" | sort
}

# The functions that a header declares.
names_of_header() {
  sed -n 's/^HMAP_API.*[ *]\(hmap_[a-z_0-9]*\)(.*/\1/p' "$abs_top_srcdir/include/$1" | sort
}

# The functions that hmap-glib.h declares, by the names that it gives them.
names_of_glib_header() {
  echo '#include <hmap-glib.h>' | $CC -E -P -I"$abs_top_srcdir/include" - |
    sed -n 's/^extern .*[ *]\(hmap_ghash_[a-z_0-9]*\)(.*/\1/p' | sort
}

# Dynamic symbols, without a version node's own.
names_of_library() {
  $NM -D --defined-only "$1" | sed '/ A /d; s/.* //; s/@.*//' | sort
}

# The compiler's own helpers for 32-bit position-independent code are the same in every object and may meet.
names_of_archive() {
  $NM -g --defined-only "$1" | awk 'NF == 3 && $3 !~ /^__x86\.get_pc_thunk\./ { print $3 }' | sort
}

symbol_versions() {
  $NM -D --defined-only "$1" | sed -n 's/.*@@*//p' | sort -u
}

# Without the dynamic linker, which thread-local variables bring in.
needed() {
  readelf -d "$1" | sed -n '/\[ld-/d; s/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

has() {
  readelf -d "$1" | grep -q "$2" || { readelf -d "$1"; return 1; }
}

lacks_ifuncs() {
  ! readelf --dyn-syms -W "$1" | grep IFUNC
}

# The functions that doc/ghash.md lists, and the tests that it names beside them, one a line.
names_of_table() {
  sed -n 's/^| \(g_[a-z_0-9]*\) .*/\1/p' "$abs_top_srcdir/doc/ghash.md" | sort
}
tests_of_table() {
  sed -n '/^| g_/{s/^| [^|]*|[^|]*|\([^|]*\)|.*/\1/p}' "$abs_top_srcdir/doc/ghash.md" | grep -o '\*[^*]*\*\|`[^`]*`' | sort -u
}

# missing_tests: of the tests on standard input, those that are nowhere.
missing_tests() {
  while read -r test; do
    case $test in
      \**) grep -q "{\"$(echo "$test" | tr -d '*')\"," "$abs_top_srcdir/tests/side_ghash.c" ;;
      *) grep -q "cmocka_unit_test($(echo "$test" | tr -d '\`'))" "$abs_top_srcdir/tests/test_ghash.c" ;;
    esac || echo "$test"
  done
}

# What GLib's archive has in the object of its tables. Whatever refers to a name of these pulls that object in, so ours has them all.
names_of_glibs_object() {
  glib_archive=$(pkg-config --variable=libdir glib-2.0)/libglib-2.0.a
  $NM -g --defined-only "$glib_archive" 2>/dev/null | awk '/^[^ ]*:$/ { here = /ghash/ } here && NF == 3 { print $3 }' | sort
}
names_of_uint='g_uint_equal
g_uint_hash'

# examine NAME FOLDER MAP NEEDED [NAMES]: all there is to say about one library.
examine() {
  library=$2/.libs/lib$1.so.1 archive=$2/.libs/lib$1.a
  check "lib$1 exports its public names and no other" same "$(names_of_map "$3")" "$(names_of_library "$library")"
  check "lib$1.a shows its public names${5:+, those of the object in GLib} and no other" same "$({ names_of_map "$3"; echo "${5-}"; } | sed '/^$/d' | sort)" \
    "$(names_of_archive "$archive")"
  check "lib$1.a is one object" same 1 "$(ar t "$archive" | wc -l)"
  check "lib$1 is called lib$1.so.1" has "$library" "SONAME.*\[lib$1.so.1\]"
  check "lib$1 needs nothing else" same "$4" "$(needed "$library")"
  check "lib$1 is never unloaded" has "$library" "NODELETE"
  check "lib$1 exports no ifunc" lacks_ifuncs "$library"
  check "lib$1 does not bind its own functions locally" same "" "$(readelf -d "$library" | grep SYMBOLIC)"
}

check "libhmap's map lists what hmap.h declares" same "$(names_of_header hmap.h)" "$(names_of_map lib/libhmap.map)"
examine hmap lib lib/libhmap.map libc.so.6
examine hmap-search compat compat/hsearch.map libc.so.6
check "libhmap's symbols have its version" same HMAP_1 "$(symbol_versions lib/.libs/libhmap.so.1)"
# An existing binary asks for hsearch@GLIBC_2.2.5; a version of another name would be passed over in silence.
check "libhmap-search's symbols have no version" same "" "$(symbol_versions compat/.libs/libhmap-search.so.1)"

check "libhmap-ghash's map lists what hmap-glib.h declares" same "$(names_of_glib_header)" "$(names_of_map compat/ghash-alone.map)"
examine hmap-ghash compat compat/ghash-alone.map libc.so.6
check "libhmap-ghash's symbols have no version" same "" "$(symbol_versions compat/.libs/libhmap-ghash.so.1)"
check "libhmap-ghash exports no name of GLib's" same "" "$(names_of_map compat/ghash-alone.map | grep -v '^hmap_ghash_')"
check "libhmap-ghash has what libhmap-glib has" same "$(names_of_map compat/ghash.map | sed 's/^g_/hmap_ghash_/')" \
  "$(names_of_map compat/ghash-alone.map | grep 'hash_table_\|_hash$\|[a-z0-9]_equal$')"

check "libhmap-sync's map lists what hmap-sync.h declares" same "$(names_of_header hmap-sync.h)" "$(names_of_map lib/sync.map)"
examine hmap-sync lib lib/sync.map libc.so.6
check "libhmap-sync's symbols have its version" same HMAP_SYNC_1 "$(symbol_versions lib/.libs/libhmap-sync.so.1)"

if [ -n "$GLIB_LIBS" ]; then
  examine hmap-glib compat compat/ghash.map "$(printf 'libglib-2.0.so.0\nlibc.so.6')" "$names_of_uint"
  if [ -n "$(names_of_glibs_object)" ]; then
    check "libhmap-glib.a has every name that GLib's own object has" same "" \
      "$(names_of_glibs_object | grep -vxF "$(names_of_archive compat/.libs/libhmap-glib.a)")"
  else
    skip "libhmap-glib.a has every name that GLib's own object has" "there is no libglib-2.0.a"
  fi
  check "libhmap-glib's symbols have no version" same "" "$(symbol_versions compat/.libs/libhmap-glib.so.1)"
  check "libhmap-glib has all 35 functions of ghash.h" same 35 "$(names_of_map compat/ghash.map | grep -c g_hash_table_)"
  check "doc/ghash.md lists each of them once, and the ten hash and equality functions" same "$(names_of_map compat/ghash.map)" "$(names_of_table)"
  check "doc/ghash.md names tests that there are" same "" "$(tests_of_table | missing_tests)"
  check "hmap-glib.pc names our library before GLib" same "-lhmap-glib -lglib-2.0" \
    "$(PKG_CONFIG_PATH=compat pkg-config --libs-only-l hmap-glib | sed 's/ *$//')"
else
  skip "libhmap-glib" "built without GLib"
fi

# What debian/ says that a library has: the lines below its own in a .symbols file.
symbols_of_package() {
  awk -v library="$2.so.1" '/^[^ *|]/ { here = $1 == library } here && /^ / { sub(/@.*/, ""); print $1 }' \
    "$abs_top_srcdir/debian/$1.symbols" | grep -v '^HMAP_' | sort
}
check "debian/ lists libhmap's names" same "$(names_of_map lib/libhmap.map)" "$(symbols_of_package libhmap1 libhmap)"
check "debian/ lists libhmap-search's" same "$(names_of_map compat/hsearch.map)" "$(symbols_of_package libhmap-search1 libhmap-search)"
check "debian/ lists libhmap-ghash's" same "$(names_of_map compat/ghash-alone.map)" "$(symbols_of_package libhmap-ghash1 libhmap-ghash)"
check "debian/ lists libhmap-glib's" same "$(names_of_map compat/ghash.map)" "$(symbols_of_package libhmap-glib1 libhmap-glib)"
check "debian/ lists libhmap-sync's" same "$(names_of_map lib/sync.map)" "$(symbols_of_package libhmap-sync1 libhmap-sync)"
done_testing
