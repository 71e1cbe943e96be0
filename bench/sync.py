#!/usr/bin/python3 -B
"""Measures libhmap-sync and other concurrent maps side by side: loads, and stores and deletes, by one and two threads.

Each peer is a program, sync-NAME, with the same loops (sync-peer.h). A round runs every peer in turn, each in a fresh process,
so that what else the machine does meets all alike; ratios are taken within a round. Peers whose library is not installed are
left out, with a line that says which Debian package has it.

For each cell (keys, entries, share of reads, threads) the table shows hmap's millions of operations a second, and how many times
a peer's that is: the median over the rounds, and the least and the greatest.
"""

import argparse
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
SHARES, THREADS = (100, 99, 90, 50), (1, 2)

# name in the table: program, extra argument, pkg-config module or command that it needs, Debian package
PEERS = {
    "hmap": ("sync-hmap.c", None, None, None),
    "sync.Map": ("sync-go.go", "syncmap", "go", "golang-go"),
    "map+RWMutex": ("sync-go.go", "locked", "go", "golang-go"),
    "GHashTable": ("sync-glib.c", None, "glib-2.0", "libglib2.0-dev"),
    "cds_lfht": ("sync-lfht.c", None, "liburcu-cds liburcu-memb", "liburcu-dev"),
    "TBB": ("sync-tbb.cc", None, "tbb", "libtbb-dev"),
}
GOALS = ("sync.Map", "GHashTable", "cds_lfht")  # to be ahead of in every cell with two threads


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libdir", required=True, help="where libhmap-sync.so is")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for the programs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="for one figure")
    parser.add_argument("--entries", type=int, nargs="+", default=[1000, 1000000])
    parser.add_argument("--keys", nargs="+", default=["words", "strings"], choices=["words", "strings"])
    parser.add_argument("--markdown", action="store_true", help="print the table as the README has it")
    return parser.parse_args()


def present(needs):
    """Whether a pkg-config module, or a command, is there."""
    if needs == "go":
        return shutil.which("go") is not None
    return needs is None or subprocess.run(["pkg-config", "--exists", *needs.split()], check=False).returncode == 0


def build(peer, options):
    """Makes a peer's program; returns its path."""
    source, _, needs, _ = PEERS[peer]
    program = options.work.resolve() / source.partition(".")[0]
    if source.endswith(".go"):
        cache = options.work.resolve() / "go-cache"
        command = ["go", "build", "-o", program, BENCH / "peers" / source]
        subprocess.run(command, check=True, env={**os.environ, "GOCACHE": str(cache), "GO111MODULE": "off"})
        return program
    flags = ["-O2", "-I", BENCH.parent / "include"]
    libraries = ["-L", options.libdir, "-Wl,-rpath," + str(pathlib.Path(options.libdir).resolve()), "-lhmap-sync"]
    if needs:
        asked = subprocess.run(["pkg-config", "--cflags", "--libs", *needs.split()], check=True, capture_output=True, text=True)
        libraries = asked.stdout.split()
    compiler = os.environ.get("CC", "cc").split()
    if source.endswith(".cc"):
        compiler = [*os.environ.get("CXX", "c++").split(), "-std=c++17"]
    subprocess.run([*compiler, *flags, BENCH / "peers" / source, "-o", program, *libraries, "-lpthread"], check=True)
    return program


def run(program, peer, keys, entries, seconds):
    """Runs a peer once; returns {(threads, share): millions of operations a second}."""
    extra = PEERS[peer][1]
    command = [program, *([extra] if extra else []), keys, str(entries), str(seconds)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(int(t), int(share)): float(rate) for t, share, rate in map(str.split, lines)}


def measure(programs, options):
    """Returns {peer: {cell: [rate of each round]}}."""
    rates = {peer: {} for peer in programs}
    for number in range(options.rounds):
        for keys in options.keys:
            for entries in options.entries:
                print(f"round {number + 1}: {keys}, {entries}", file=sys.stderr)
                for peer, program in programs.items():
                    for (threads, share), rate in run(program, peer, keys, entries, options.seconds).items():
                        rates[peer].setdefault((keys, entries, share, threads), []).append(rate)
    return rates


def ratios(rates, peer, cell):
    return [ours / theirs for ours, theirs in zip(rates["hmap"][cell], rates[peer][cell])]


def show(rates, options):
    peers = [peer for peer in rates if peer != "hmap"]
    rows = [["keys", "entries", "reads", "threads", "hmap", *peers]]
    for cell, ours in sorted(rates["hmap"].items(), key=lambda item: (item[0][3], item[0][0], item[0][1], -item[0][2])):
        keys, entries, share, threads = cell
        row = [keys, str(entries), f"{share} %", str(threads), f"{statistics.median(ours):.1f}"]
        for peer in peers:
            r = ratios(rates, peer, cell)
            row.append(f"{statistics.median(r):.2f} ({min(r):.2f}-{max(r):.2f})")
        rows.append(row)
    if options.markdown:
        rows.insert(1, ["---"] * len(rows[0]))
        print("\n".join("| " + " | ".join(row) + " |" for row in rows))
    else:
        widths = [max(map(len, column)) for column in zip(*rows)]
        print("\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths)) for row in rows))


def conclude(rates):
    """The goals: ahead in every cell with two threads; of TBB in the geometric mean of these."""
    cells = [cell for cell in rates["hmap"] if cell[3] == 2]
    print()
    for peer in (peer for peer in rates if peer != "hmap"):
        medians = {cell: statistics.median(ratios(rates, peer, cell)) for cell in cells}
        mean = math.exp(statistics.fmean(map(math.log, medians.values())))
        behind = [f"{keys} {entries} {share} %: {medians[keys, entries, share, 2]:.2f}"
                  for keys, entries, share, _ in cells if medians[keys, entries, share, 2] < 1]
        line = f"{peer}: with two threads {mean:.2f} in geometric mean, ahead in {len(cells) - len(behind)} of {len(cells)} cells"
        print(line + (f"; behind in {'; '.join(behind)}" if behind else ""))
        if (peer in GOALS and behind) or (peer == "TBB" and mean < 1):
            print(f"  the goal with {peer} is missed")


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    programs = {}
    for peer, (_, _, needs, package) in PEERS.items():
        if present(needs):
            programs[peer] = build(peer, options)
        else:
            print(f"{peer} is left out: {needs} is not installed (Debian: {package})", file=sys.stderr)
    rates = measure(programs, options)
    show(rates, options)
    conclude(rates)


if __name__ == "__main__":
    main()
