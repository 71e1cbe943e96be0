#!/bin/sh
# limit.sh COMMAND...: runs a test, which ends by itself. One that has not after HMAP_TEST_LIMIT seconds (900) hangs: where each
# thread of it and of its children stands is printed, and all of them are killed.

limit=${HMAP_TEST_LIMIT:-900}

tree() {
  echo "$1"
  for child in $(pgrep -P "$1"); do tree "$child"; done
}
stop() {
  processes=$(tree "$1")
  echo "Bail out! After $limit seconds it had not ended."
  for process in $processes; do
    gdb -batch -p "$process" -ex 'thread apply all backtrace' 2>&1 | sed 's/^/# /'
  done
  # shellcheck disable=SC2086 # one word each
  kill -KILL $processes
}
watch() {
  timeout "$limit" tail -s 0.1 --pid="$1" -f /dev/null
  [ $? != 124 ] || stop "$1"
}

# The test keeps this process, and is nobody's parent because of it.
(watch $$ &)
exec "$@"
