#!/usr/bin/python3 -B
"""Replays the traces in bench/traces and tells what they hold and what they take, in instructions as valgrind counts them, which other
work on the machine does not disturb. Arguments: the installed command hmap, the folder with the traces, and the file for make plots.
The exit status is 1 if a result differs."""

import json
import pathlib
import subprocess
import sys

import page


def main():
    hmap, traces, result = map(pathlib.Path, sys.argv[1:])
    found = {}
    for trace in sorted(traces.glob("*.xz")):
        print(trace.name, file=sys.stderr, flush=True)
        done = subprocess.run([hmap, "replay", "--json", "--check", "--instructions", trace], stdout=subprocess.PIPE, check=False)
        if done.returncode not in (0, 1):
            sys.exit(done.returncode)
        found[trace.name.removesuffix(".trace.xz")] = json.loads(done.stdout)
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(found, indent=1))
    print(page.traces_table(found))
    return any(not told["same"] for told in found.values())


if __name__ == "__main__":
    sys.exit(main())
