#!/usr/bin/python3 -B
"""Measures libhmap-sync and other concurrent maps side by side: loads, and stores and deletes, by one and two threads.

Each peer is a program, sync-NAME, with the same loops (sync-peer.h). A round runs every peer in turn, each in a fresh process,
so that what else the machine does meets all alike; ratios are taken within a round. Peers whose library is not installed are
left out, with a line that says which Debian package has it. The newest boost, Go and phmap that a Debian release has are fetched, from
Debian 13, and unpacked in the work folder (--no-fetch does without).

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

from report import pages
from report.tables import markdown

BENCH = pathlib.Path(__file__).resolve().parent
SHARES, THREADS = (100, 99, 90, 50), (1, 2)

# name in the table: program, extra argument, pkg-config module, command or header that it needs, Debian package
PEERS = {
    "hmap": ("sync-hmap.c", None, None, None),
    "sync.Map": ("sync-go.go", "syncmap", "go", "golang-go"),
    "map+RWMutex": ("sync-go.go", "locked", "go", "golang-go"),
    "sync.Map 1.24": ("sync-go.go", "syncmap", "usr/lib/go-1.24/bin/go", "golang-1.24-go"),
    "map+RWMutex 1.24": ("sync-go.go", "locked", "usr/lib/go-1.24/bin/go", "golang-1.24-go"),
    "GHashTable": ("sync-glib.c", None, "glib-2.0", "libglib2.0-dev"),
    "cds_lfht": ("sync-lfht.c", None, "liburcu-cds liburcu-memb", "liburcu-dev"),
    "TBB": ("sync-tbb.cc", None, "tbb", "libtbb-dev"),
    "ck_ht": ("sync-ck.c", None, "ck", "libck-dev"),
    "boost": ("sync-boost.cc", None, "usr/include/boost/unordered/concurrent_flat_map.hpp", "libboost1.88-dev"),
    "libcuckoo": ("sync-cuckoo.cc", None, "usr/include/libcuckoo/cuckoohash_map.hh", "libcuckoo-dev"),
    "phmap": ("sync-phmap.cc", None, "usr/include/parallel_hashmap/phmap.h", "libparallel-hashmap-dev"),
}
FETCHED = ("golang-1.24-go", "golang-1.24-src", "libboost1.88-dev", "libcuckoo-dev", "libparallel-hashmap-dev")
NAMED = {"sync.Map": "what Go's `sync.Map` does", "map+RWMutex": "Go's map under a lock", "GHashTable": "`GHashTable` under a lock",
         "sync.Map 1.24": "Go 1.24's `sync.Map`", "map+RWMutex 1.24": "Go 1.24's map under a lock", "cds_lfht": "`cds_lfht`",
         "ck_ht": "`ck_ht`", "boost": "`boost::concurrent_flat_map`"}
GOALS = ("sync.Map", "GHashTable", "cds_lfht")  # to be ahead of in every cell with two threads
MEAN_GOALS = ("TBB", "ck_ht", "boost", "libcuckoo", "phmap", "sync.Map 1.24")  # and in geometric mean of all cells


def mirror_of_debian():
    """Where this machine's apt gets Debian from, or None."""
    try:
        told = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages", "Label: Debian"],
                              stdout=subprocess.PIPE, text=True, check=False).stdout.split()
    except OSError:
        return None
    return told[0] if told else None


def fetch(work):
    """Unpacks packages of Debian 13 in a folder of the work folder, once; returns it, or None if they cannot be had."""
    root = work.resolve() / "debian-13"
    if (root / "complete").exists():
        return root
    mirror = mirror_of_debian()
    if not mirror:
        print("Debian 13's packages cannot be had: apt knows no mirror of Debian", file=sys.stderr)
        return None
    for folder in ("lists/partial", "cache/archives/partial", "packages"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (root / "sources.list").write_text(f"deb [signed-by={keyring}] {mirror} trixie main\n", encoding="ascii")
    apt = ["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={root}/sources.list", "-o", "Dir::Etc::sourceparts=/dev/null",
           "-o", f"Dir::State::lists={root}/lists", "-o", f"Dir::Cache={root}/cache", "-o", "APT::Sandbox::User=root"]
    try:
        subprocess.run([*apt, "update"], check=True, stdout=sys.stderr)
        subprocess.run([*apt, "download", *FETCHED], check=True, stdout=sys.stderr, cwd=root / "packages")
        for package in (root / "packages").glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"Debian 13's packages cannot be had: {error}", file=sys.stderr)
        return None
    (root / "complete").touch()
    return root


def lookup(needs, root):
    """The path of a file that a peer needs, in the machine's own folders or the fetched ones; or None."""
    for base in filter(None, (pathlib.Path("/"), root)):
        if (base / needs).exists():
            return base / needs
    return None


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libdir", required=True, help="where libhmap-sync.so is")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for the programs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="for one figure")
    parser.add_argument("--entries", type=int, nargs="+", default=[1000, 1000000])
    parser.add_argument("--keys", nargs="+", default=["words", "strings"], choices=["words", "strings"])
    parser.add_argument("--no-fetch", action="store_true", help="no packages of Debian 13")
    parser.add_argument("--page", type=pathlib.Path, help="doc/sync.md, to write the figures into instead of printing them")
    return parser.parse_args()


def present(needs, root):
    """Whether a pkg-config module, a command or a file is there."""
    if needs == "go":
        return shutil.which("go") is not None
    if needs and "/" in needs:
        return lookup(needs, root) is not None
    return needs is None or subprocess.run(["pkg-config", "--exists", *needs.split()], check=False).returncode == 0


def build_go(peer, program, options, root):
    needs = PEERS[peer][2]
    go = "go" if needs == "go" else str(lookup(needs, root))
    cache = options.work.resolve() / "go-cache"
    environment = {**os.environ, "GOCACHE": str(cache), "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
    if needs != "go":
        environment["GOROOT"] = str(pathlib.Path(go).parent.parent)
    subprocess.run([go, "build", "-o", program, BENCH / "peers" / "sync-go.go"], check=True, env=environment)


def build(peer, options, root):
    """Makes a peer's program; returns its path."""
    source, _, needs, _ = PEERS[peer]
    program = options.work.resolve() / ("sync-" + peer.replace(" ", "-"))
    if source.endswith(".go"):
        build_go(peer, program, options, root)
        return program
    flags, libraries = ["-O2", "-I", BENCH.parent / "include"], []
    if not needs:
        libraries = ["-L", options.libdir, "-Wl,-rpath," + str(pathlib.Path(options.libdir).resolve()), "-lhmap-sync"]
    elif "/" in needs:
        base = lookup(needs, root)
        if not base.is_relative_to("/usr/include"):
            flags += ["-isystem", root / "usr/include"]
    else:
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


def table(rates):
    """Rows of words, the first of them the head."""
    peers = [peer for peer in rates if peer != "hmap"]
    rows = [["keys", "entries", "reads", "threads", "hmap", *peers]]
    for cell, ours in sorted(rates["hmap"].items(), key=lambda item: (item[0][3], item[0][0], item[0][1], -item[0][2])):
        keys, entries, share, threads = cell
        row = [keys, str(entries), f"{share} %", str(threads), f"{statistics.median(ours):.1f}"]
        for peer in peers:
            r = ratios(rates, peer, cell)
            row.append(f"{statistics.median(r):.2f} ({min(r):.2f}-{max(r):.2f})")
        rows.append(row)
    return rows


def show(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    print("\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths)) for row in rows) + "\n")


def geometric_mean(medians):
    return math.exp(statistics.fmean(map(math.log, medians)))


def conclude(rates):
    """The goals, in words: of some peers ahead in every cell with two threads; of the newer ones in the geometric mean of all cells,
    and with boost nowhere below 0.7. And {peer: its mean with two threads}."""
    lines, means = [], {}
    for peer in (peer for peer in rates if peer != "hmap"):
        medians = {cell: statistics.median(ratios(rates, peer, cell)) for cell in rates["hmap"]}
        mean = geometric_mean(medians.values())
        both = means[peer] = geometric_mean([ratio for cell, ratio in medians.items() if cell[3] == 2])
        behind = [f"{keys} {entries} {share} % {threads}: {ratio:.2f}"
                  for (keys, entries, share, threads), ratio in medians.items() if ratio < 1]
        line = f"{peer}: {mean:.2f} in geometric mean, {both:.2f} with two threads, ahead in {len(medians) - len(behind)} of {len(medians)}"
        lines.append(line + (f"; behind in {'; '.join(behind)}" if behind else ""))
        behind_both = any(ratio < 1 for cell, ratio in medians.items() if cell[3] == 2)
        if (peer in GOALS and behind_both) or (peer in MEAN_GOALS and mean < 1) or (peer == "boost" and min(medians.values()) < 0.7):
            lines.append(f"  the goal with {peer} is missed")
    return lines, means


def publish(rates, page):
    """Writes the cells with two threads into the page, and the sentence that it begins with."""
    rows = [row[:3] + row[4:] for row in table(rates) if row[3] in ("threads", "2")]
    lines, means = conclude(rates)
    pages.fill(page, "figures", "\n".join([markdown(rows[0], rows[1:]), "", *(f"- {line.strip()}" for line in lines)]))
    times = ", ".join(f"{mean:.2f} times {NAMED.get(peer, peer)}" for peer, mean in means.items())
    pages.fill(page, "summary", f"> With two threads `libhmap-sync` does {times} in geometric mean, operations a second.")


def main():
    options = arguments()
    options.work.mkdir(parents=True, exist_ok=True)
    root = None if options.no_fetch else fetch(options.work)
    programs = {}
    for peer, (_, _, needs, package) in PEERS.items():
        if present(needs, root):
            programs[peer] = build(peer, options, root)
        else:
            print(f"{peer} is left out: {needs} is not installed (Debian: {package})", file=sys.stderr)
    rates = measure(programs, options)
    if options.page:
        publish(rates, options.page)
    else:
        show(table(rates))
        print("\n".join(conclude(rates)[0]))


if __name__ == "__main__":
    main()
