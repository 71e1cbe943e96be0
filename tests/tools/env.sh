#!/bin/sh
# env.sh: projects that know nothing of hmap link to it when they are built under hmap env, whatever their build system.
# (ways-in.sh has those that link to it by themselves.)

. "$abs_top_srcdir/tests/tools/tools.sh"
have_glib || skip_all "built without GLib or without the shadow"
unset GLIB_CFLAGS GLIB_LIBS # configure would take them for the answers of pkg-config
legacy=$abs_top_srcdir/tests/legacy
cp -r "$legacy" legacy && chmod -R u+w legacy && cp -r legacy/wordfreq-hsearch legacy/wordfreq-glib .
mkdir legacy/wordfreq-meson/copies && cp -r wordfreq-hsearch wordfreq-glib legacy/wordfreq-meson/copies
printf 'the one and the other and the third\n' >text

# counts LIBRARY PROGRAM: the program counts words, and the library counts a table.
counts() {
  rm -f stats
  HMAP_STATS=$top/stats "$2" text >words.found && grep -q "^ *3[ 	]*the$\|^the[ 	]*3$" words.found &&
    grep -q "^$1 .* tables=1 .*entries=[1-9]" stats || {
    cat words.found stats
    return 1
  }
}

quietly() {
  "$@" >quiet.log 2>&1 || { tail -n 30 quiet.log; return 1; }
}

# stock_and_switched NAME HSEARCH-PROGRAM GLIB-PROGRAM
both_count() {
  counts libhmap-search "$1" && counts libhmap-glib "$2"
}

autotools() {
  for project in legacy/wordfreq-hsearch legacy/wordfreq-glib; do
    (cd $project && quietly autoreconf --install && quietly hmap env ./configure && quietly hmap env $MAKE) || return 1
  done
}
if command -v autoreconf >/dev/null; then
  check "Autotools" autotools
  check "they are on hmap" both_count legacy/wordfreq-hsearch/wordfreq legacy/wordfreq-glib/wordfreq
else
  skip "Autotools" "autoconf or automake is not installed"
fi

check "a plain Makefile" quietly hmap env $MAKE -C legacy/wordfreq-make
check "its programs are on hmap" both_count legacy/wordfreq-make/wordfreq-hsearch legacy/wordfreq-make/wordfreq-glib
check "without hmap env they are not" eval 'quietly $MAKE -B -C legacy/wordfreq-make &&
  ! counts libhmap-search legacy/wordfreq-make/wordfreq-hsearch >/dev/null 2>&1'
by_shell() {
  eval "$("$bin/hmap" env)" && quietly $MAKE -B -C legacy/wordfreq-make
}
check "by eval in a shell" eval '(by_shell) && both_count legacy/wordfreq-make/wordfreq-hsearch \
  legacy/wordfreq-make/wordfreq-glib'
check "the linker is told to drop what is not needed, and obeys" eval '
  LDFLAGS=-Wl,--as-needed quietly hmap env $MAKE -B -C legacy/wordfreq-make &&
    both_count legacy/wordfreq-make/wordfreq-hsearch legacy/wordfreq-make/wordfreq-glib'

# A program that makes its tables through a library only, as a CMake project that names its libraries and passes no options.
through_library() {
  printf '#include <glib.h>\nvoid *made(void) { return g_hash_table_new(0, 0); }\n' >made.c
  printf '#include <glib.h>\nvoid *made(void);\nint main(void) { g_print("%%u", g_random_int()); return !made(); }\n' >main.c
  eval "$("$bin/hmap" env)"
  # shellcheck disable=SC2046,SC2086 # words
  compile libmade.so made.c -shared -fPIC $LDFLAGS $(pkg-config --cflags glib-2.0) $(pkg-config --libs-only-l glib-2.0) &&
    compile through main.c -Wl,--as-needed $LDFLAGS $(pkg-config --cflags glib-2.0) -L. -lmade -Wl,-rpath,"$PWD" $(pkg-config \
      --libs-only-l glib-2.0) &&
    HMAP_STATS=$PWD/through.stats ./through >/dev/null && grep -q "^libhmap-glib .* tables=1 " through.stats
}
check "a program whose library makes the tables, where options get lost" eval '(through_library)'

if command -v cmake >/dev/null; then
  check "CMake" eval 'quietly hmap env cmake -S legacy/wordfreq-cmake -B cmake && quietly hmap env cmake --build cmake'
  check "its programs are on hmap" both_count cmake/wordfreq-hsearch cmake/wordfreq-glib
else
  skip "CMake" "cmake is not installed"
fi
if command -v meson >/dev/null && command -v ninja >/dev/null; then
  check "Meson" eval 'quietly hmap env meson setup meson legacy/wordfreq-meson && quietly hmap env ninja -C meson'
  check "its programs are on hmap" both_count meson/wordfreq-hsearch meson/wordfreq-glib
else
  skip "Meson" "meson or ninja is not installed"
fi

# The overlay says what the system's own file says, but for our library in front.
overlay() {
  for option in --modversion --cflags --variable=glib_mkenums; do
    same "$(pkg-config $option glib-2.0)" "$(hmap env pkg-config $option glib-2.0)" || return 1
  done
  same "-lhmap-glib-first -lglib-2.0" "$(hmap env pkg-config --libs-only-l glib-2.0 | sed 's/ *$//')"
}
check "pkg-config says the same of GLib" overlay
check "within itself it changes nothing" eval 'same "$(hmap env env | grep "^LIBS\|^LDFLAGS\|^PKG_" | sort)" \
  "$(hmap env "$bin/hmap" env env | grep "^LIBS\|^LDFLAGS\|^PKG_" | sort)"'
check "what is set already stays" eval 'LDFLAGS=-Wl,-O1 LIBS=-lm PKG_CONFIG_PATH=/some/where hmap env >set &&
  grep -q "^export LDFLAGS=.*-lhmap-search.* -Wl,-O1.$" set &&
  grep -q "^export LIBS=.-Wl,.*-lhmap-search,--pop-state -lm.$" set && grep -q "^export PKG_CONFIG_PATH=.*/build:/some/where$" set'
check "the command's status is its own" ends 7 hmap env sh -c 'exit 7'

check "a command that there is not" refuses 127 "nosuch cannot be run: No such file or directory" env nosuch
check "a command in a folder that is none" refuses 126 "./text/nosuch cannot be run: Not a directory" env ./text/nosuch
check "a command that is none" eval 'chmod 644 text && refuses 126 "./text cannot be run: Permission denied" env ./text'
check "an option that there is not" refuses 2 "--all" env --all
check "a cache with a space in its name" eval 'XDG_CACHE_HOME="$top/sp ace" refuses 2 "on which builds break: set XDG_CACHE_HOME" env'
check "a cache with other bytes in its name" eval 'XDG_CACHE_HOME=$(printf "%s/x\377" "$top") refuses 2 "on which builds break" env &&
  XDG_CACHE_HOME="$top/a\\1b" refuses 126 "on which builds break" env true'
odd_pc() {
  mkdir -p "$(printf 'pc\377')" &&
    sed "$(printf 's/^Description:.*/Description: Biblioth\350que/')" "$(pkg-config --variable=pcfiledir glib-2.0)/glib-2.0.pc" \
      >"$(printf 'pc\377')/glib-2.0.pc" && PKG_CONFIG_PATH=$(printf "%s/pc\377" "$top") ends 0 hmap env true
}
check "a pkg-config file with other bytes" odd_pc
make_old
check "a GLib with a function that ours lacks is refused" eval 'cp -r pc newpc 2>/dev/null ||
  mkdir newpc; sed "s,^libdir=.*,libdir=$top/newer," "$(pkg-config --variable=pcfiledir glib-2.0)/glib-2.0.pc" \
    >newpc/glib-2.0.pc &&
  PKG_CONFIG_PATH=$top/newpc refuses 2 "g_hash_table_bind, which this libhmap-glib lacks: update hmap first" env'
check "an installation without libraries is refused" eval 'cp -a root bare && rm "bare${lib#"$top"/root}"/libhmap-search.so* &&
  bin=$top/bare${bin#"$top"/root} refuses 2 "libhmap-search.so.1 is missing: install hmap" env'
check "an installation without files for development is refused" eval 'cp -a root users && rm "users${lib#"$top"/root}"/libhmap-search.so &&
  bin=$top/users${bin#"$top"/root} refuses 2 "libhmap-search.so is missing: install hmap" env'
done_testing
