#!/bin/sh
# traces.sh: the traces of real programs in bench/traces have the same results on GLib and on hmap, and are all there.

. "$abs_top_srcdir/tests/tools/tools.sh"
have_glib || skip_all "built without GLib or without the shadow"
traces=$abs_top_srcdir/bench/traces

# counted NAME: what bench/traces/counts says of a trace.
counted() {
  hmap replay --check --json "$traces/$1.trace.xz" | "$PYTHON3" -c '
import json, sys
trace = json.load(sys.stdin)
print(sys.argv[1], trace["operations"], sum(kind["tables"] for kind in trace["kinds"].values()), trace["same"])' "$1"
}

check "there are a dozen" test "$(ls "$traces"/*.trace.xz | wc -l)" -ge 12
check "in 2 MiB" test "$(cat "$traces"/*.trace.xz | wc -c)" -le 2097152
check "each is counted" same "$(ls "$traces" | sed -n 's/\.trace\.xz//p')" "$(cut -d ' ' -f 1 "$traces/counts")"
while read -r name operations tables; do
  check "$name" same "$name $operations $tables True" "$(counted "$name")"
done <"$traces/counts"
done_testing
