# shellcheck shell=sh
# tap.sh: what the test scripts share. To be sourced: . "$abs_top_srcdir/tests/tap.sh"
# A test calls check for each case and done_testing at the end; skip_all where it cannot run at all.

set -u
LC_ALL=C
export LC_ALL
cases=0

# check NAME COMMAND...: one case, passed if the command succeeds. What it prints is shown if it does not.
check() {
  name=$1
  shift
  cases=$((cases + 1))
  if output=$("$@" 2>&1); then
    echo "ok $cases - $name"
  else
    echo "not ok $cases - $name"
    printf '%s\n' "$output" | sed 's/^/# /'
  fi
}

# skip NAME WHY: a case that cannot be tried here.
skip() {
  cases=$((cases + 1))
  echo "ok $cases - $1 # SKIP $2"
}

skip_all() {
  echo "1..0 # SKIP $1"
  exit 0
}

done_testing() {
  echo "1..$cases"
}

# scratch NAME: makes an empty folder in the build tree for a test's files and goes there; $builddir names the way back.
scratch() {
  builddir=$PWD
  rm -rf "tests/scratch/$1"
  mkdir -p "tests/scratch/$1"
  cd "tests/scratch/$1" || exit 99
}

# same WANTED FOUND: the difference, if there is one.
same() {
  [ "$1" = "$2" ] || {
    printf 'wanted:\n%s\nfound:\n%s\n' "$1" "$2"
    return 1
  }
}
