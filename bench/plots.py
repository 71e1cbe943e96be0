#!/usr/bin/python3 -B
"""Publishes what bench.py measured: draws doc/*.svg with gnuplot and writes doc/speed.md, all from one file of figures. The sentence
with which that page begins goes into README.md (readme.py)."""

import argparse
import pathlib
import shutil
import subprocess
import sys

import readme
from report import goals, pages, tables
from report.figures import Figures, geometric_mean
from runs.jobs import SIZES
from runs.peers import ORDINARY, Failed

# In shades that are seen on white and on black.
GREY = "#808080"
COLOURS = {"glib": "#4f7fd9", "hmap-glib": "#e8590c", "hmap": "#f0a030", "boost": "#2f9e63", "absl": "#b15fc9", "std": "#9a8250",
           "khash": "#1b9aaa", "go": "#cf5a7c"}
OURS = ("hmap-glib", "hmap")


class Plot:
    """A gnuplot script with its data, that draws one SVG of several panels."""

    def __init__(self, width, height):
        self.lines = [f'set terminal svg size {width},{height} dynamic font "sans-serif,13"', "set encoding utf8",
                      f'set border 3 lc rgb "{GREY}"', f'set tics nomirror textcolor rgb "{GREY}"',
                      f'set grid lc rgb "{GREY}" lw 0.3 dt 3', "unset key", "unset mxtics", "unset mytics", "set multiplot"]
        self.blocks = 0

    def add(self, *lines):
        self.lines += lines

    def panel(self, left, bottom, right, top, title, x, y):
        """Where the next curves go, in parts of the whole."""
        self.add(f"set lmargin at screen {left}", f"set rmargin at screen {right}",
                 f"set bmargin at screen {bottom}", f"set tmargin at screen {top}")
        for what, text in ("title", title), ("xlabel", x), ("ylabel", y):
            self.add(f'set {what} "{text}" textcolor rgb "{GREY}"')

    def curves(self, found):
        """Draws peers' points: (peer, how, list of pairs) each."""
        plots = []
        for peer, how, points in found:
            self.blocks += 1
            self.add(f"$data{self.blocks} << END", *(f"{x} {y}" for x, y in points), "END")
            width = 2.5 if peer in OURS else 1.5
            plots.append(f'$data{self.blocks} with {how} lc rgb "{COLOURS[peer]}" lw {width}')
        self.add("plot " + ", ".join(plots) if plots else "plot NaN", "unset label")

    def legend(self, peers, y):
        """Names, in their colours, in one row at this height."""
        for i, peer in enumerate(peers):
            at = f"screen {(i + 0.5) / len(peers):.3f}, screen {y} center"
            self.add(f'set label {100 + i} "{peer}" at {at} textcolor rgb "{COLOURS[peer]}"')

    def draw(self, path):
        done = subprocess.run(["gnuplot"], input="\n".join(self.lines), capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"gnuplot: {done.stderr}")
        path.write_text(done.stdout)


def throughput(figures):
    """Lookups and inserts a second, over the size of the table."""
    plot, peers = Plot(1000, 700), figures.having(0, COLOURS)
    plot.legend(peers, 0.025)
    plot.add("set logscale xy", "set xrange [700:15000000]", 'set xtics ("1e3" 1e3, "3e4" 3e4, "1e6" 1e6, "1e7" 1e7)')
    for row, (op, span) in enumerate({"hit": "[0.5:500]", "insert": "[0.5:100]"}.items()):
        plot.add(f"set yrange {span}", 'set ytics ("1" 1, "3" 3, "10" 10, "30" 30, "100" 100, "300" 300)')
        for column, keys in enumerate(["random", "short", "path"]):
            left, bottom = 0.07 + column * 0.32, 0.59 - row * 0.46
            plot.panel(left, bottom, left + 0.26, bottom + 0.35, f"{op}, {tables.KINDS[keys]}", "entries" if row else "",
                       "" if column else "million a second")
            plot.curves((peer, "linespoints pt 7 ps 0.4", rates(figures, peer, keys, op)) for peer in peers
                        if rates(figures, peer, keys, op))
    return plot


def rates(figures, peer, keys, op):
    found = [(size, figures.get(peer, keys, size, op)) for size in SIZES]
    return [(size, 1000 / ns) for size, ns in found if ns]


def series(figures, peer, keys, name):
    """A peer's figures of one name, by size."""
    return sorted((cell[2], value) for cell, value in figures.values.items() if (cell[0], cell[1], cell[3]) == (peer, keys, name))


def latency(figures):
    """The slowest insert of each stretch on the way to a full table: ours as a line, those of others as dots, and as spikes from
    a tenth of a millisecond on."""
    found = {peer: series(figures, peer, "random", "slowest") for peer in ("glib", "boost", "go", "hmap-glib")}
    plot = Plot(1000, 420)
    plot.legend([peer for peer in found if found[peer]], 0.03)
    plot.add("set logscale y", "set yrange [1e2:1e9]", 'set format x "%.0s %c"',
             'set ytics ("100 ns" 1e2, "1 µs" 1e3, "10 µs" 1e4, "100 µs" 1e5, "1 ms" 1e6, "10 ms" 1e7, "100 ms" 1e8, "1 s" 1e9)')
    plot.panel(0.08, 0.2, 0.97, 0.9, "slowest single insert of each stretch, random integers", "entries in the table", "")
    others = [peer for peer in found if found[peer] and peer not in OURS]
    curves = [(peer, "points pt 7 ps 0.25", found[peer]) for peer in others]
    curves += [(peer, "impulses", [point for point in found[peer] if point[1] >= 1e5] or [(0, 0)]) for peer in others]
    plot.curves(curves + [(peer, "lines", found[peer]) for peer in OURS if found.get(peer)])
    return plot


def memory(figures):
    """Resident bytes an entry while one table grows."""
    plot, peers = Plot(1000, 420), [peer for peer in COLOURS if peer != "hmap" and series(figures, peer, "random", "resident")]
    plot.legend(peers, 0.03)
    plot.add("set logscale x", "set xrange [30000:10000000]", "set yrange [0:120]", "set ytics 20",
             'set xtics ("3e4" 3e4, "1e5" 1e5, "1e6" 1e6, "1e7" 1e7)')
    for column, (keys, title) in enumerate({"random": "random integers", "short": "strings"}.items()):
        left = 0.07 + column * 0.48
        plot.panel(left, 0.2, left + 0.42, 0.9, title, "entries", "" if column else "resident bytes an entry")
        found = {peer: series(figures, peer, keys, "resident") for peer in peers}
        plot.curves((peer, "lines", [(n, b / n) for n, b in found[peer] if n >= 30000]) for peer in peers)
    return plot


PLOTS = {"throughput": throughput, "latency": latency, "memory": memory}


def short_table(figures):
    """libhmap-glib's times as ratios to GLib's: for each operation and size, the geometric mean over the ordinary keys."""
    sizes = [size for size in SIZES if figures.get("glib", "random", size, "hit")]
    rows = []
    for op in goals.SEVEN:
        found = [[figures.ratio("hmap-glib", "glib", keys, size, op) for keys in ORDINARY] for size in sizes]
        rows.append([op, *(f"{geometric_mean(filter(None, ratios)):.2f}" if any(ratios) else "" for ratios in found)])
    return tables.markdown(["libhmap-glib / GLib", *map(tables.size_name, sizes)], rows)


def page(figures, machine, small):
    """doc/speed.md."""
    mean = "{0:.2f}".format(*goals.by_name("mean").values(figures))
    pictures = "\n\n".join(f"![{name}]({name}.svg)" for name in PLOTS)
    return f"""# Speed

> `libhmap-glib` takes {mean} of GLib's time: the geometric mean of hit, miss, insert, update, churn, iterate and destroy, over four kinds
> of keys and tables of 1e3 to 1e7 entries.

All of this page was made by `make plots` from what `make bench` measured; `bench/bench.py --help` explains operations and keys.
Times of GLib are in ns an operation, those of the others are ratios to it, or in ns where GLib has none. Each is the minimum over
the rounds of a run.

{machine}
{pictures}

The pictures show, from top to bottom: operations a second over the size of a table; the slowest single insert of each 250th of
the way to a full table, the best of all rounds; and resident bytes an entry while one table grows. From 10,000 entries on, and
where single inserts are timed, what other processes do meanwhile is not counted, except with Go, whose collector has threads of
its own.

## GLib and libhmap-glib

Times of `libhmap-glib` over GLib's, so below 1 is faster; for each operation and size the geometric mean over random integers,
sequential ones, short strings and long ones:

{short_table(figures)}

## Goals

{goals.table(figures, goals.NAMES)}

{small}## Figures

Memory: bytes a table for 0 to 8 entries; beyond that bytes an entry, and the peak on the way over what the table has then. *heap*
is what malloc and mmap have handed out, *resident* what the kernel says.

{tables.tables(figures)}"""


def small_tables(results):
    """What small.py measured, if it did: a part of the page."""
    measured = results / "small.md"
    return f"## Small tables\n\nBy `make bench-small`.\n\n{measured.read_text()}\n" if measured.exists() else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=pathlib.Path, help="the figures")
    parser.add_argument("top", type=pathlib.Path, help="the folder with README.md and doc")
    options = parser.parse_args()
    if not shutil.which("gnuplot"):
        raise Failed("no gnuplot (Debian: gnuplot-nox)")
    if not options.csv.exists():
        raise Failed(f"no {options.csv}: make bench first")
    figures, machine = Figures.read(options.csv), options.csv.with_suffix(".txt").read_text()
    for name, plot in PLOTS.items():
        plot(figures).draw(options.top / "doc" / f"{name}.svg")
    (options.top / "doc" / "speed.md").write_text(page(figures, machine, small_tables(options.csv.parent)))
    pages.fill(options.top / "README.md", "pages", readme.sentences(options.top))


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"plots.py: {why}")
