#!/bin/sh
# debian.sh SUITE FOLDER COMMAND: runs a shell command in a Debian of its own, as root in a copy of this source tree, as somebody
# would who has just installed that system. The system is made in FOLDER/SUITE by debootstrap where it is not there yet; the copy is
# made each time. Takes root, and what the machine's own apt names as Debian's mirror.

set -eu
[ $# = 3 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
suite=$1 command=$3
die() { printf 'debian.sh: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || die "this takes root"
command -v debootstrap >/dev/null || die "debootstrap is not installed (Debian: debootstrap)"
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
mkdir -p "$2"
root=$(CDPATH='' cd -- "$2" && pwd)/$suite

if [ ! -e "$root.made" ]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' | head -n 1)
  [ -n "$mirror" ] || die "apt knows no mirror of Debian (apt-get update makes it look)"
  echo "== making a Debian $suite in $root"
  rm -rf "$root"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log"; die "debootstrap failed"; }
  touch "$root.made"
fi
cp /etc/resolv.conf "$root/etc"

# What git knows, as it is now, or all of a release.
rm -rf "$root/srv/hmap"
mkdir "$root/srv/hmap"
cd "$source"
if [ -e .git ]; then git ls-files -z; else find . ! -type d -print0; fi |
  tar c --null --files-from=- --ignore-failed-read | tar x -C "$root/srv/hmap"

# In namespaces of its own: no mount is left behind, and no process. The root is a mount point, as in a system.
# shellcheck disable=SC2016 # for the inner shell
exec unshare --mount --pid --fork --kill-child sh -c '
  mount --bind "$1" "$1" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
    exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      sh -c "cd /srv/hmap && $2"' enter "$root" "$command"
