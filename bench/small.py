#!/usr/bin/python3 -B
"""Measures the whole life of small GHashTables, libhmap-glib's against GLib's: made, N keys inserted, these and N others looked
up, one walk, given up; N from 0 to 64, for integers, sets, strings, strings under the program's own functions, and tables that own
their keys. In instructions (callgrind; they are the same in every run) and in times (the best of many, each process twice). Then
large tables under the program's own functions: a good hash, one whose low twelve bits are 0, and one that is constant.

The tables go to WORK/results/small.md, the figures to small.csv beside it.
"""

import argparse
import csv
import pathlib
import re
import shutil
import subprocess
import sys

from report.figures import geometric_mean
from report.tables import markdown, size_name
from runs import machine
from runs.peers import PEERS, Builder, Failed, say

SOURCE = pathlib.Path(__file__).resolve().parent / "runs" / "small.c"
KINDS = {"ints": "ints", "set": "set of ints", "strings": "strings", "own": "strings, own functions", "full": "strings, owned"}
SIZES, CELLS, QUICK = [0, 1, 2, 3, 4, 6, 8, 12, 16, 32, 64], [0, 1, 2, 3, 4, 6, 8, 12, 16, 32], [0, 1, 3, 8, 32]
HASHES = {"good": [1000, 30000, 1000000], "zeros": [1000, 30000], "constant": [1000]}
OPS = ["insert", "hit", "miss", "churn"]


class Pair:
    """The program with GLib's table and with ours."""

    def __init__(self, build, work):
        self.builder = Builder(build, work / "bin")
        self.programs = {}
        for peer in PEERS:
            if peer.source == "peer-glib.c":
                missing = self.builder.lacks(peer)
                if missing:
                    say(f"small tables are left out: {missing}")
                    sys.exit(0)
                program = work / "bin" / f"small-{peer.name}"
                self.builder.make([*self.builder.command("CC"), *self.builder.compile_flags(peer), SOURCE, "-o", program,
                                   *self.builder.link_flags(peer)], program, [SOURCE])
                self.programs[peer.name] = program

    def run(self, command):
        done = self.builder.run(command)
        if done.returncode != 0:
            raise Failed(f"{command}: exit status {done.returncode}\n{done.stderr}")
        return done

    def instructions(self, peer, kind, n):
        done = self.run(["valgrind", "--tool=callgrind", "--toggle-collect=counted", "--callgrind-out-file=/dev/null",
                         self.programs[peer], "life", kind, n, 4])
        return int(re.search(r"Collected : (\d+)", done.stderr).group(1))

    def time(self, peer, kind, n):
        return min(float(self.run([self.programs[peer], "life", kind, n, 2000]).stdout.split("=")[1]) for _ in range(2))

    def large(self, peer, hash_name, n):
        return {op: float(ns) for op, ns in (line.split("=") for line in
                                              self.run([self.programs[peer], "large", hash_name, n, 0]).stdout.split())}


def ratios(measure, sizes):
    """{(kind, n): ours / GLib's}."""
    cells = {}
    for kind, n in [(kind, n) for kind in KINDS for n in sizes] + [("again", 3)]:
        cells[kind, n] = measure("hmap-glib", kind, n) / measure("glib", kind, n)
    return cells


def life_table(cells, sizes):
    rows = [[text] + [f"{cells[kind, n]:.2f}" for n in sizes] for kind, text in KINDS.items()]
    return markdown(["entries", *map(str, sizes)], rows)


def goal(text, limit, value):
    return [text, f"{limit:.2f}", f"{value:.2f}", "met" if value <= limit else "**missed**"]


def goals(what, cells):
    """The goals for one of the two measures. Tables of 64 entries are none of the cells."""
    inside = [ratio for (kind, n), ratio in cells.items() if n in CELLS and kind in KINDS]
    return [goal(f"whole life, {what}, geometric mean over the {len(inside)} cells", 0.65, geometric_mean(inside)),
            goal(f"any of the cells, {what} ({sum(ratio > 1 for ratio in inside)} are above 1)", 1.0, max(inside)),
            goal(f"empty table: create and unref, {what}", 0.5, cells["ints", 0]),
            goal(f"3 insertions and remove_all, {what}", 1.0, cells["again", 3])]


def large_tables(pair, hashes):
    """The table and the goals of large tables under the program's own functions."""
    found = {}
    for hash_name, sizes in hashes.items():
        for n in sizes:
            ours, theirs = pair.large("hmap-glib", hash_name, n), pair.large("glib", hash_name, n)
            found[hash_name, n] = [ours[op] / theirs[op] for op in OPS]
    rows = [[f"{name} {size_name(n)}", *(f"{ratio:.2f}" for ratio in row)] for (name, n), row in found.items()]
    of = {kind: [ratio for (name, _), row in found.items() for ratio in row if (name == "good") == (kind == "good")]
          for kind in ("good", "poor")}
    return markdown(["own hash", *OPS], rows), [
        goal("own functions, hit, miss, insert, churn, mean", 0.8, geometric_mean(of["good"])),
        goal("poor ones, each", 1.0, max(of["poor"]))]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), help="the folder where hmap was built")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("bench-run"), help="for programs and results")
    parser.add_argument("--quick", action="store_true", help="fewer sizes, and of large tables only the smallest")
    parser.add_argument("--smoke", action="store_true", help="run every kind once, to see that it works; show nothing")
    parser.add_argument("--no-times", action="store_true", help="instructions only, for a machine that does other things")
    return parser.parse_args()


def main():
    options = arguments()
    work = options.work.resolve()
    sizes = QUICK if options.quick else SIZES
    text, rows, figures = [machine.describe([], sys.argv[1:]).replace("bench.py", "small.py").replace("- packages: \n", "")], [], {}
    pair = Pair(options.build.resolve(), work)
    if options.smoke:
        for peer in pair.programs:
            for kind in [*KINDS, "again"]:
                pair.run([pair.programs[peer], "life", kind, 8, 1])
            for name in HASHES:
                pair.large(peer, name, 100)
        return
    measures = {"instructions": pair.instructions, "time": pair.time}
    if not shutil.which("valgrind"):
        say("no valgrind: instructions are left out (Debian: valgrind)")
        del measures["instructions"]
    if options.no_times:
        del measures["time"]
    for what, measure in measures.items():
        say(f"small tables: {what}")
        figures[what] = ratios(measure, sizes)
        rows += goals(what, figures[what])
        text.append(f"Whole life, {what}, ours over GLib's:\n\n{life_table(figures[what], sizes)}")
    if not options.no_times:
        say("large tables under the program's own functions")
        table, more = large_tables(pair, {name: of[:1] for name, of in HASHES.items()} if options.quick else HASHES)
        rows += more
        text.append(f"Own functions, time, ours over GLib's:\n\n{table}")
    text.append(markdown(["goal", "at most", "measured", " "], rows))
    (work / "results").mkdir(parents=True, exist_ok=True)
    (work / "results" / "small.md").write_text("\n\n".join(text) + "\n")
    with open(work / "results" / "small.csv", "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["measure", "kind", "entries", "ratio"])
        out.writerows([what, *cell, f"{ratio:.4f}"] for what, cells in figures.items() for cell, ratio in cells.items())
    print("\n\n".join(text))


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"small.py: {why}")
