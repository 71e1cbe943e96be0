#!/usr/bin/python3 -B
"""Publishes what programs.py and traces.py measured: writes doc/programs.md, and draws doc/programs.svg with gnuplot. Arguments: the
folder with their results, and the one with doc."""

import json
import math
import pathlib
import subprocess
import sys

GREY = "#808080"


def mean(ratios):
    found = [r for r in ratios if r]
    return math.exp(sum(map(math.log, found)) / len(found)) if found else None


def text(ratio):
    return f"{ratio:.2f}" if ratio is not None else ""


def figures(result):
    whole, replay = result.get("whole", {}), result["replay"]
    return {"whole": whole.get("cpu"), "noise": whole.get("noise"), "wall": whole.get("wall"),
            "replay": replay.get("seconds", {}).get("ratio"), "instructions": replay.get("instructions", {}).get("ratio"),
            "memory": replay.get("kib", {}).get("ratio"), "same": "same" if replay["same"] else "**differ**",
            "output": whole.get("output", "")}


def seen(result):
    kinds = result["replay"]["kinds"].values()
    return f"{sum(k['tables'] for k in kinds)}, {max((k['largest'] for k in kinds), default=0)}"


def table(results):
    lines = ["| program | tables, largest | output | CPU s | CPU | noise | wall | replay | instructions | memory | results |",
             "|---|---|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for result in results:
        f = figures(result)
        cells = [text(f[name]) for name in ("whole", "noise", "wall", "replay", "instructions", "memory")]
        lines.append(f"| {result['name']} | {seen(result)} | {f['output']} | {text(result.get('whole', {}).get('seconds'))} | "
                     f"{' | '.join(cells)} | {f['same']} |")
    return "\n".join(lines)


def trace_row(name, told):
    kinds = told["kinds"]
    tables = sum(kind["tables"] for kind in kinds.values())
    counted = told["instructions"]
    cells = [name, ", ".join(kinds), tables, f"{sum(kind['entries'] for kind in kinds.values()) / tables:.1f}", told["operations"],
             *(f"{counted[side] / told['operations']:.1f}" for side in ("stock", "hmap")), text(counted["ratio"]),
             "same" if told["same"] else "**differ**"]
    return f"| {' | '.join(map(str, cells))} |"


def traces_table(found):
    ratio = mean(told["instructions"]["ratio"] for told in found.values())
    return "\n".join(["| trace | keys | tables | entries a table | operations | instructions each, stock | on hmap | ratio | results |",
                      "|---|---|---:|---:|---:|---:|---:|---:|---|",
                      *(trace_row(name, told) for name, told in found.items()), f"| geometric mean | | | | | | | {text(ratio)} | |"])


def summary(results, machine):
    """The sentence for README.md."""
    found = [figures(r) for r in results]
    same = sum(f["same"] == "same" for f in found)
    whole, replay = mean(f["whole"] for f in found), mean(f["replay"] for f in found)
    alone = f", and their tables alone, replayed, {text(replay)} of GLib's or libc's" if replay else ""
    return (f"{same} of {len(found)} programs of Debian's had the same result of each operation on hmap; they took {text(whole)} of stock's "
            f"processor time{alone}, in geometric mean{', on a busy machine' * ('busy' in machine)}.")


def goals(results):
    found = [(r["name"], figures(r)) for r in results]
    replay, whole = mean(f["replay"] for _, f in found), mean(f["whole"] for _, f in found)
    slower = [name for name, f in found if (f["replay"] or 0) > 1]
    above = [name for name, f in found if (f["whole"] or 0) > 1 + abs((f["noise"] or 1) - 1)]
    return f"""| goal | measured |
|---|---|
| replays: 0.60 of GLib's time in geometric mean | {text(replay) or '-'} |
| no replay above 1.0 | {', '.join(slower) or 'none'} |
| whole programs: 0.95 in geometric mean | {text(whole) or '-'} |
| none above 1.0 and noise | {', '.join(above) or 'none'} |"""


def draw(results, path):
    """One mark a program: replay from left to right, the whole program from bottom to top."""
    points = [f'{f["replay"]} {f["whole"]} "{r["name"]}"' for r in results for f in [figures(r)] if f["replay"] and f["whole"]]
    script = "\n".join([
        'set terminal svg size 800,600 dynamic font "sans-serif,12"', "set encoding utf8", f'set border 3 lc rgb "{GREY}"', "unset key",
        f'set tics nomirror textcolor rgb "{GREY}"', f'set grid lc rgb "{GREY}" lw 0.3 dt 3', "set xrange [0:*]", "set yrange [0:*]",
        f'set xlabel "replay of its tables, hmap / GLib" textcolor rgb "{GREY}"',
        f'set ylabel "whole program, CPU, hmap / GLib" textcolor rgb "{GREY}"', "$data << END", *points, "END",
        f'plot $data using 1:2 with points pt 7 ps 0.6 lc rgb "#e8590c", $data using 1:2:3 with labels offset 0,0.6 textcolor rgb "{GREY}" '
        'font "sans-serif,9", 1 with lines dt 2 lc rgb "#4f7fd9"'])
    done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"page.py: gnuplot: {done.stderr}")
    path.write_text(done.stdout)


def traces_part(path):
    """The small traces, if they were counted."""
    if not path.exists():
        return ""
    return f"""
## Small traces

What is in `bench/traces/`, recorded from these programs with smaller inputs: `make count-traces`. Instructions are what valgrind
counts in the operations, without what replaying takes itself; other work on the machine does not disturb them.

{traces_table(json.loads(path.read_text()))}
"""


def main():
    source, top = map(pathlib.Path, sys.argv[1:])
    measured = json.loads((source / "results.json").read_text())
    results = measured["programs"]
    draw(results, top / "doc" / "programs.svg")
    (top / "doc" / "programs.md").write_text(f"""# Real programs

> {summary(results, measured['machine'])}

All of this page was made by `make plots` from what `make bench-programs` and `make count-traces` measured: programs of Debian's, with
inputs that `bench/programs/inputs.py` makes. Each ratio is hmap's over stock's.

- **output**: what the program printed and wrote on hmap, byte by byte: *same* as stock; *order*, the same lines in another order, or
  binary files as long as stock's, as these programs write in the order of a table; *varies*, stock differs from itself, too.
- **CPU s**, **CPU**, **wall**: the whole program, stock's user and system time, hmap's over that, and from its start to its end; the
  least of {measured['rounds']} runs each, in turn.
- **noise**: stock over stock, by the same measure in the same rounds: what of CPU means nothing.
- **replay**: what the program does with its tables and nothing else (`hmap record`, `hmap replay`), processor time.
  **instructions**: what valgrind counts of that. **memory**: the peak of the replay.
- **results**: whether each result of the replay is the same on both.

{measured['machine']}

![programs](programs.svg)

## Goals

{goals(results)}

## Figures

{table(results)}
{traces_part(source / 'traces.json')}""")


if __name__ == "__main__":
    main()
