#!/bin/sh
# cross.sh ARCHITECTURE...: the tests of the engine, of hsearch, of libhmap-ghash and of the concurrent map, built by Debian's cross
# compilers for other processors (arm64, armhf, ppc64el, riscv64, s390x) and run by qemu. As root, in a Debian that one may install
# things in: tests/debian.sh trixie FOLDER "sh tests/cross.sh arm64 s390x". What the tests count stands in the last line.

set -eu
cd "$(dirname "$0")/.."
jobs=$(getconf _NPROCESSORS_ONLN)
export DEBIAN_FRONTEND=noninteractive

# The compiler's name for an architecture, then qemu's.
names() {
  case $1 in
  arm64) echo aarch64-linux-gnu aarch64 ;;
  armhf) echo arm-linux-gnueabihf arm ;;
  ppc64el) echo powerpc64le-linux-gnu ppc64le ;;
  riscv64) echo riscv64-linux-gnu riscv64 ;;
  s390x) echo s390x-linux-gnu s390x ;;
  *) echo "cross.sh: no processor $1: arm64, armhf, ppc64el, riscv64 or s390x" >&2; return 2 ;;
  esac
}

# Each by itself: not all compilers can be there at once. A mirror that lacks something is not the tests' affair.
tools() {
  dpkg --add-architecture "$1"
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "gcc-$2" "libc6-dev-$1-cross" "libcmocka-dev:$1" qemu-user-static >"$1.log" 2>&1 && return
  tail -n 3 "$1.log"
  echo "== $1 is skipped: its compiler and libraries cannot be had"
  mkdir -p "build-$1/tests"
  echo "0 passed, 0 failed, 1 skipped" >"build-$1/tests/count"
  return 1
}

# run ARCHITECTURE TRIPLET EMULATOR
run() {
  tools "$1" "$2" || return 0
  HMAP_BUILD=$PWD/build-$1 ./bootstrap build CC="$2-gcc" CFLAGS="-g -O1" PKG_CONFIG_LIBDIR="/usr/lib/$2/pkgconfig" \
    --build="$(uname -m)-pc-linux-gnu" --host="$2" --without-glib --with-cmocka --enable-werror &&
    make -C "build-$1" --no-print-directory -j "$jobs" check-emulated EMULATOR="qemu-$3-static"
}

status=0 counts=""
for architecture in "$@"; do
  found=$(names "$architecture")
  # shellcheck disable=SC2086 # two words
  run "$architecture" $found || status=1
  counts="$counts $(cat "build-$architecture/tests/count" 2>/dev/null || echo "0 passed, 1 failed, 0 skipped")"
done
echo "$counts" | tr -d ',' | awk '{for (i = 1; i < NF; i += 2) n[$(i + 1)] += $i}
  END {printf "%d passed, %d failed, %d skipped\n", n["passed"], n["failed"], n["skipped"]}'
exit $status
