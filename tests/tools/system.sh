#!/bin/sh
# system.sh: hmap system on, status and off, in a mount namespace that has its own /etc and its own GLib to be upgraded.

# As root the whole script runs in a namespace of its own, where it can.
if [ "$(id -u)" = 0 ] && [ -z "${in_namespace-}" ] && unshare --mount true 2>/dev/null; then
  exec env in_namespace=yes unshare --mount /bin/sh "$0"
fi
. "$abs_top_srcdir/tests/tools/tools.sh"
check "a word that there is not" refuses 2 "invalid choice: 'up'" system up
check "no word" refuses 2 "arguments are required: on|off|status" system
have_glib || skip_all "built without GLib or without the shadow"
as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"

# without_root WORD: it takes root.
without_root() {
  if [ "$(id -u)" = 0 ]; then
    $as_nobody "$bin/hmap" system "$1" 2>found
  else
    hmap system "$1" 2>found
  fi
  same "hmap system: this takes root: sudo hmap system $1" "$(cat found)"
}
if [ "$(id -u)" != 0 ] || $as_nobody test -x "$bin/hmap" 2>/dev/null; then
  check "on takes root" without_root on
  check "off takes root" without_root off
fi

# The rest is tried where /etc is a copy and the installation is on a file system that only root can write to.
if [ -z "${in_namespace-}" ]; then
  skip "all of the rest" "this takes root and a mount namespace"
  done_testing
  exit
fi
compile_table && make_old && cp -a /etc etc && rm -f etc/ld.so.conf.d/00-hmap.conf || exit 99
mount --bind etc /etc && mount -t tmpfs none /mnt && cp -a root /mnt && ldconfig || exit 99
real=$(realpath "$real")
prefix=${bin#"$top/root"}
prefix=/mnt/root${prefix%/bin}
bin=/mnt/root${bin#"$top/root"} lib=/mnt/root${lib#"$top/root"}

# status_is STATUS TEXT
status_is() {
  ends "$1" hmap system status >found && grep -q "$2" found || {
    cat found
    return 1
  }
}

# on_hmap NUMBER: so many tables of ours in a program that knows nothing of it.
on_hmap() {
  rm -f stats
  HMAP_STATS=$top/stats ./table >/dev/null
  same "$1" "$(sed -n 's/.* tables=\([0-9]*\) .*/\1/p' stats 2>/dev/null)"
}

# upgrade FILE: it is the system's GLib now.
upgrade() {
  umount "$real" 2>/dev/null
  mount --bind "$1" "$real" && ldconfig
}

check "it is off" status_is 1 "off: hmap system on switches it on"
check "a program is on GLib's tables" on_hmap ""
check "on" says "on: programs that start now find $lib/hmap/shadow before" system on
check "a program is on ours" on_hmap 1
check "it is on" status_is 0 "^on: $lib/hmap/shadow stands before "
check "on twice" says "on: " system on
check "check says so" eval 'hmap check ./table | grep "on hmap     GHashTable already"'
check "run runs it all the same" eval 'rm -f stats; HMAP_STATS=$top/stats hmap run ./table && grep -c tables=1 stats'
check "relink has nothing to do" refuses 2 "runs on hmap already" relink ./table -o never
check "an upgrade of GLib" eval 'cp "$real" upgraded && upgrade upgraded && on_hmap 1 && status_is 0 "^on"'
upgrade newer/libglib-2.0.so.0
check "one to a GLib with a function that ours lacks: status tells" refuses 2 \
  "g_hash_table_bind, which this libhmap-glib lacks: update hmap first" system status
check "and off works" eval 'hmap system off && test ! -e /etc/ld.so.conf.d/00-hmap.conf'
check "and on is refused" refuses 2 "g_hash_table_bind, which this libhmap-glib lacks: update hmap first" system on
# The machine of an ELF file is at offset 18.
cp upgraded foreign && printf '\026' | dd of=foreign bs=1 seek=18 conv=notrunc 2>/dev/null
upgrade foreign
check "a GLib of another architecture is refused" refuses 2 "is for ELF64 IBM S/390, hmap for ELF64" system on
umount "$real" && ldconfig
check "off twice" says "off already" system off
check "a program is on GLib's tables again" on_hmap ""

check "a shadow that others may change is refused" eval 'chmod 777 "$lib/hmap" &&
  refuses 2 "others than root may change $lib/hmap, and setuid programs would load from it: install hmap elsewhere" system on'
chmod 755 "$lib/hmap"
check "and so is a library that they may change" eval 'chmod o+w "$lib/hmap/shadow/libglib-2.0.so.0" &&
  refuses 2 "others than root may change $lib/hmap/shadow/libglib-2.0.so.0, and setuid programs would load" system on'
chmod o-w "$lib/hmap/shadow/libglib-2.0.so.0"
check "and so is what the shadow names" eval 'chmod o+w "$lib/hmap/shadow/libhmap-shadow.so.1" &&
  refuses 2 "others than root may change $lib/hmap/shadow/libhmap-shadow.so.1" system on'
chmod o-w "$lib/hmap/shadow/libhmap-shadow.so.1"
# As /usr/local/lib is on Debian; the group of an access control list stands in the bits of the file's group.
by_group() {
  chgrp 50 "$1" && chmod g+w "$1" && refuses 2 "others than root may change $1, and setuid programs would load from it" system on
  status=$?
  chgrp 0 "$1" && chmod g-w "$1"
  return $status
}
check "and a folder or a library that a group may change" eval 'by_group "$lib" && by_group "$lib/hmap/shadow" &&
  by_group "$lib/hmap/shadow/libglib-2.0.so.0" && by_group "$(realpath "$lib/libhmap-glib.so.1")"'
check "a sticky bit of a file tells nothing" eval 'chmod 1666 "$lib/hmap/shadow/libglib-2.0.so.0" &&
  refuses 2 "others than root may change $lib/hmap/shadow/libglib-2.0.so.0" system on'
chmod 644 "$lib/hmap/shadow/libglib-2.0.so.0"
# An entry for a user, as the kernel takes it: version 2, then tag, rights and number of each.
by_list() {
  "$PYTHON3" -c 'import os, struct, sys
entries = [(1, 7, -1), (2, 7, 65534), (4, 5, -1), (16, 7, -1), (32, 5, -1)]
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries))' "$1" ||
    return
  refuses 2 "others than root may change $1" system on
  status=$?
  "$PYTHON3" -c 'import os, sys; os.removexattr(sys.argv[1], "system.posix_acl_access")' "$1" && chmod g-w "$1"
  return $status
}
check "and what an access control list gives somebody" eval 'by_list "$lib/hmap/shadow" && by_list "$lib/hmap/shadow/libglib-2.0.so.0"'
check "a shadow whose GLib is missing is refused" eval 'cp -a /mnt/root /mnt/lost &&
  patchelf --replace-needed "$(patchelf --print-needed "$lib/hmap/shadow/libhmap-shadow.so.1" | grep /)" /no/libglib-2.0.so.0 \
  "/mnt/lost${lib#/mnt/root}/hmap/shadow/libhmap-shadow.so.1" && bin=/mnt/lost${bin#/mnt/root} refuses 2 \
    "/no/libglib-2.0.so.0, which is not there: install GLib" system on'
check "an installation without the shadow is refused" eval 'rm -r "/mnt/lost${lib#/mnt/root}/hmap" &&
  bin=/mnt/lost${bin#/mnt/root} refuses 2 "install hmap built with GLib and with shared libraries" system on'
check "a library that does not load is refused" eval 'cp -a /mnt/root /mnt/broken &&
  patchelf --add-needed libnosuch.so "$(realpath "/mnt/broken${lib#/mnt/root}/libhmap-glib.so.1")" &&
  bin=/mnt/broken${bin#/mnt/root} refuses 2 "failed, nothing was changed" system on && test ! -e /etc/ld.so.conf.d/00-hmap.conf'
check "a configuration that reads something else first is refused, and undone" eval 'cp /etc/ld.so.conf saved &&
  { dirname "$real"; cat saved; } >/etc/ld.so.conf &&
  refuses 2 "so this is undone" system on && test ! -e /etc/ld.so.conf.d/00-hmap.conf; cp saved /etc/ld.so.conf && ldconfig'
check "make uninstall switches it off first" eval 'hmap system on && (cd "$builddir" &&
  $MAKE uninstall prefix="$prefix") >uninstall.log 2>&1 &&
  grep -q "^off: " uninstall.log && test ! -e /etc/ld.so.conf.d/00-hmap.conf && test ! -e "$bin/hmap" && on_hmap ""'
done_testing
