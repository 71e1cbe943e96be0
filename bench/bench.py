#!/usr/bin/python3 -B
"""Measures hmap and other hash tables side by side and prints tables of their times, as ratios to GLib's.

Each peer is a program made from an adapter, peer-NAME, with the timing loops compiled in (loops.h). A round runs every peer in
turn, each in a fresh process, GLib first; each figure is the minimum over the rounds. Peers whose library is not installed are left
out, with a line that says which Debian package has it.

operations: insert    into an empty table that grows         update   another value for keys that are there
            hint      the same with room made before          churn    delete one key, insert another
            hit       look up keys that are there             iterate  visit all entries
            miss      look up keys that are not               delete   all keys, one by one
            batch     hits, many keys a call                  destroy  a full table
All are in ns an operation, or an entry; keys are looked up and deleted in random order.
keys:       random, sequential: integers of 64 bits           short    strings of 12 characters
            path      of 55 characters, 43 of them the same   text32   of 32 random characters
            crafted   of 32 characters that collide in g_str_hash
            mod32     integers that are equal modulo 2^32
"""

import argparse
import csv
import dataclasses
import math
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
INTS, STRINGS = ["random", "sequential", "mod32"], ["short", "path", "text32", "crafted"]
ORDINARY = ["random", "sequential", "short", "path"]
OPERATIONS = ["insert", "hint", "hit", "miss", "batch", "update", "churn", "iterate", "delete", "destroy"]
SIZES = [1000, 30000, 1000000, 10000000]
ROUNDS = {1000: 7, 30000: 7, 1000000: 4, 10000000: 2}
CRAFTED_SIZE = 50000


class Failed(Exception):
    """What ends the benchmark, and why."""


@dataclasses.dataclass
class Peer:
    """A table that is measured: how its programs are made, and where it cannot follow."""
    name: str
    source: str
    header: str = ""        # a header without which it is left out,
    package: str = ""       # and the Debian package that has it
    compiler: str = "CC"    # CC or CXX from the environment; or a command
    module: str = ""        # for pkg-config
    flags: list = dataclasses.field(default_factory=list)  # for the linker
    ours: str = ""          # our library that stands first, and the folder of the build where it is
    strings_only: bool = False
    slow: list = dataclasses.field(default_factory=list)  # keys that all collide in it

    @property
    def key_types(self):
        return ["strings"] if self.strings_only else ["ints", "strings"]


PEERS = [
    Peer("glib", "peer-glib.c", "glib.h", "libglib2.0-dev", module="glib-2.0", slow=["crafted", "mod32"]),
    Peer("hmap-glib", "peer-glib.c", "glib.h", "libglib2.0-dev", module="glib-2.0", ours="compat/hmap-glib"),
    Peer("hmap", "peer-hmap.c", ours="lib/hmap"),
    Peer("hsearch", "peer-hsearch.c", strings_only=True, slow=["path"]),
    Peer("musl-hsearch", "peer-hsearch.c", compiler="musl-gcc", package="musl-tools", flags=["-static"], strings_only=True),
    Peer("hmap-search", "peer-hsearch.c", ours="compat/hmap-search", strings_only=True),
    Peer("boost", "peer-boost.cc", "boost/unordered/unordered_flat_map.hpp", "libboost1.81-dev", "CXX"),
    Peer("absl", "peer-absl.cc", "absl/container/flat_hash_map.h", "libabsl-dev", "CXX", module="absl_flat_hash_map"),
    Peer("std", "peer-std.cc", "unordered_map", "g++", "CXX"),
    Peer("khash", "peer-khash.c", "htslib/khash.h", "libhts-dev"),
    Peer("uthash", "peer-uthash.c", "uthash.h", "uthash-dev"),
    Peer("go", "peer-go.go", compiler="go", package="golang-go"),
]


def say(text):
    """Progress, on a line of its own."""
    print(text, file=sys.stderr, flush=True)


def size_name(size):
    exponent = int(math.log10(size)) if size else 0
    return f"{size // 10 ** exponent}e{exponent}" if size >= 1000 and size % 10 ** exponent == 0 else str(size)


class Builder:
    """Makes the peers' programs, each once for integer keys and once for strings."""

    def __init__(self, top, work):
        self.top, self.bin = top, work / "bin"
        self.bin.mkdir(parents=True, exist_ok=True)
        self.environment = dict(os.environ, GOCACHE=str(self.bin / "go-cache"), GO111MODULE="off")

    def run(self, command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.returncode == 0, done.stderr

    def make(self, command, target, sources):
        """Runs the command that makes target, unless target is newer than its sources."""
        if target.exists() and all(target.stat().st_mtime > s.stat().st_mtime for s in [*sources, HERE / "bench.py"]):
            return
        good, errors = self.run(command)
        if not good:
            raise Failed(f"{shlex.join(map(str, command))}:\n{errors}")

    def compiler(self, peer):
        defaults = {"CC": "cc", "CXX": "c++"}
        return shlex.split(os.environ.get(peer.compiler) or defaults.get(peer.compiler, peer.compiler))

    def lacks(self, peer):
        """What is missing for a peer, or None."""
        compiler = self.compiler(peer)
        if not shutil.which(compiler[0]):
            return f"no {compiler[0]} (Debian: {peer.package or 'gcc'})"
        if peer.ours and not self.library(peer).exists():
            return f"{self.library(peer).name} was not built (see configure's summary)"
        if not peer.header:
            return None
        probe = self.bin / ("probe" + pathlib.Path(peer.source).suffix)
        probe.write_text(f"#include <{peer.header}>\n")
        good, _ = self.run([*compiler, *self.compile_flags(peer), "-fsyntax-only", probe])
        return None if good else f"no <{peer.header}> (Debian: {peer.package})"

    def library(self, peer):
        folder, name = peer.ours.split("/")
        return self.top / folder / ".libs" / f"lib{name}.so"

    def pkg_config(self, what, peer):
        if not peer.module:
            return []
        done = subprocess.run(["pkg-config", what, peer.module], capture_output=True, text=True)
        return shlex.split(done.stdout)

    def compile_flags(self, peer):
        standard = "-std=gnu++17" if peer.source.endswith(".cc") else "-std=gnu11"
        warnings = ["-Wall", "-Wextra", "-Werror"]
        return [standard, "-O2", *warnings, "-I", HERE.parent / "include", *self.sanitizers(peer), *self.pkg_config("--cflags", peer)]

    def sanitizers(self, peer):
        """A library of ours that was built with -fsanitize needs programs that were, too."""
        return shlex.split(os.environ.get("SANITIZED", "")) if peer.compiler in ("CC", "CXX") else []

    def link_flags(self, peer):
        ours = []
        if peer.ours:
            library = self.library(peer)
            ours = ["-L", library.parent, f"-Wl,-rpath,{library.parent}", "-l" + peer.ours.split("/")[1]]
        return [*peer.flags, *self.sanitizers(peer), *ours, *self.pkg_config("--libs", peer)]

    def program(self, peer, key_type):
        return self.bin / (peer.name if peer.compiler == "go" else f"{peer.name}-{key_type}")

    def build(self, peer):
        source = HERE / peer.source
        sources = [source, *HERE.glob("*.h")]
        if peer.compiler == "go":
            return self.make(["go", "build", "-o", self.bin / peer.name, source], self.bin / peer.name, sources)
        compiler, flags = self.compiler(peer), self.compile_flags(peer)
        for key_type in peer.key_types:
            # One object for all who share a source and a compiler: how it is linked is all that differs.
            unit = self.bin / f"{source.stem}-{key_type}-{pathlib.Path(compiler[0]).name}.o"
            program = self.program(peer, key_type)
            define = ["-DSTRINGS"] if key_type == "strings" else []
            self.make([*compiler, *flags, *define, "-c", source, "-o", unit], unit, sources)
            self.make([*compiler, unit, "-o", program, *self.link_flags(peer)], program, [unit])


@dataclasses.dataclass(frozen=True)
class Job:
    """One process: a peer, keys and a size, measured in one mode."""
    peer: str
    keys: str
    size: int
    mode: str = "speed"


class Bench:
    """Runs jobs and keeps the best of each figure."""

    def __init__(self, builder, ops):
        self.builder, self.ops = builder, ops
        self.peers = {}
        self.figures = {}   # (peer, keys, size, name): ns
        self.started = time.monotonic()

    def prepare(self, names):
        """Builds the peers of these names."""
        for peer in PEERS:
            if peer.name not in names:
                continue
            missing = self.builder.lacks(peer)
            if missing:
                say(f"{peer.name} is left out: {missing}")
                continue
            say(f"building {peer.name}")
            self.builder.build(peer)
            self.peers[peer.name] = peer

    def possible(self, job):
        """Whether a peer can do a job at all, and in a time that anybody would wait."""
        peer = self.peers.get(job.peer)
        if not peer or (peer.strings_only and (job.keys not in STRINGS or job.size > 1000000)):
            return False
        return not (job.keys in peer.slow and job.size > CRAFTED_SIZE)

    def run(self, job):
        peer = self.peers[job.peer]
        command = [self.builder.program(peer, "ints" if job.keys in INTS else "strings"),
                   f"keys={job.keys}", f"size={job.size}", f"mode={job.mode}"]
        if self.ops:
            command.append(f"ops=,{','.join(self.ops)},")
        if job.keys in peer.slow:
            command.append("lookups=1000")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(map(str, command))}: exit status {done.returncode}\n{done.stderr}")
        for line in done.stdout.split():
            name, value = line.split("=")
            cell = (job.peer, job.keys, job.size, name)
            self.figures[cell] = min(float(value), self.figures.get(cell, math.inf))

    def measure(self, jobs, rounds):
        """Runs the jobs in rounds, in the order of the list; rounds says how many for a job."""
        jobs = [job for job in jobs if self.possible(job)]
        turns = [(n, job) for n in range(max(map(rounds, jobs), default=0)) for job in jobs if n < rounds(job)]
        for i, (n, job) in enumerate(turns):
            seconds = int(time.monotonic() - self.started)
            what = f"round {n + 1}: {size_name(job.size)} {job.keys} {job.peer}"
            say(f"[{seconds // 60:2}:{seconds % 60:02}] {i + 1}/{len(turns)}, {what}")
            self.run(job)


def speed_jobs(peers, keys, sizes):
    """All peers in turn for each size and kind of keys."""
    return [Job(peer, k, size) for size in sizes for k in keys for peer in peers]


def ratio_table(figures, peers, keys, sizes):
    """The figures of one kind of keys: GLib's in ns, the others' as ratios to it, or where GLib has none, in ns."""
    lines = [f"| {keys} | | " + " | ".join(peers) + " |", "|---|---|" + "---:|" * len(peers)]
    for op in OPERATIONS:
        for size in sizes:
            row = [figures.get((peer, keys, size, op)) for peer in peers]
            if any(row):
                base = figures.get(("glib", keys, size, op))
                cells = [show_cell(value, base, peer) for value, peer in zip(row, peers)]
                lines.append(f"| {op} | {size_name(size)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def show_cell(value, base, peer):
    if value is None:
        return ""
    return f"{value:.1f} ns" if peer == "glib" or not base else f"{value / base:.2f}"


def write_csv(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(header)
        out.writerows(rows)


def listed(known):
    """An argument that is a list of known words."""
    def parse(text):
        words = text.split(",")
        for word in words:
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return words
    return parse


def sizes(text):
    return [int(float(word)) for word in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [peer.name for peer in PEERS]
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), help="the folder where hmap was built")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("bench-run"), help="for programs and results")
    parser.add_argument("--peers", type=listed(names), default=names, metavar="NAME,...", help=", ".join(names))
    parser.add_argument("--keys", type=listed(INTS + STRINGS), default=ORDINARY, metavar="KIND,...", help="see above")
    parser.add_argument("--sizes", type=sizes, default=SIZES, metavar="N,...", help="entries, such as 1e3,1e6")
    parser.add_argument("--ops", type=listed(OPERATIONS), default=[], metavar="NAME,...", help="see above")
    parser.add_argument("--rounds", type=int, help="for all sizes")
    return parser.parse_args()


def main():
    options = arguments()
    bench = Bench(Builder(options.build.resolve(), options.work.resolve()), options.ops)
    bench.prepare(options.peers)
    peers = list(bench.peers)
    bench.measure(speed_jobs(peers, options.keys, options.sizes), lambda job: options.rounds or ROUNDS.get(job.size, 3))
    for keys in options.keys:
        print(ratio_table(bench.figures, peers, keys, options.sizes), end="\n\n")
    write_csv(options.work / "results" / "speed.csv", ["peer", "keys", "size", "operation", "ns"],
              [[*cell, ns] for cell, ns in sorted(bench.figures.items())])


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"bench.py: {why}")
