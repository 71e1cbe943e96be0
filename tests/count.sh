#!/bin/sh
# count.sh STATUS FILE.trs...: the closing line of make check, from the results of Automake's test driver, and its exit status.

status=$1
shift
for file; do
  # A test without results never ran, because it did not compile, say.
  [ -e "$file" ] && cat "$file" || echo ':test-result: ERROR'
done | ${AWK:-awk} -v status="$status" '
  /^:test-result:/ {
    if ($2 == "PASS" || $2 == "XFAIL") passed++
    else if ($2 == "SKIP") skipped++
    else failed++
  }
  END {
    if (status && !failed) failed = 1
    printf "%d passed, %d failed", passed, failed
    if (skipped) printf ", %d skipped", skipped
    print ""
    exit failed > 0
  }'
