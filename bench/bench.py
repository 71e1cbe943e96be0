#!/usr/bin/python3 -B
"""Measures hmap and other hash tables side by side, in time and in memory, and holds the figures against hmap's goals.

Each peer is a program made from an adapter, peer-NAME, with the timing loops compiled in (loops.h). A round runs every peer in
turn, each in a fresh process, GLib first; each figure is the minimum over the rounds. Peers whose library is not installed are
left out, with a line that says which Debian package has it.

operations: insert    into an empty table that grows         update   another value for keys that are there
            hint      the same with room made before          churn    delete one key, insert another
            hit       look up keys that are there             iterate  visit all entries
            miss      look up keys that are not               delete   all keys, one by one
            batch     hits, many keys a call                  destroy  a full table
            life      make a table, three inserts, destroy it
in ns an operation, an entry, or a walk; other keys than these are looked up and deleted in random order. From 1e4 entries on, and where single inserts are
timed, what other processes do meanwhile is not counted, but for Go.
            prune     remove all but ten in one walk          rest     a walk over those ten
            take      remove any entry, until none is left (GLib's and others' time grows with the square: up to 3e4)
keys:       random, sequential: integers of 64 bits           short    strings of 12 characters
            path      of 55 characters, 43 of them the same   text32   of 32 random characters
            crafted   of 32 characters that collide in g_str_hash
            mod32     integers that are equal modulo 2^32
            ids       0, 1, 2, ...; pointers: from malloc; gaps: integers 1 to 15 apart; all used in the order of insertion

Without arguments everything is measured, which takes 30 minutes and wants a machine that does nothing else. All figures go
to WORK/results/figures.csv, and --from shows a file of them again. With any of --peers, --keys, --sizes and --ops only times are
measured, of these; with --goal, only what these goals need. Their figures go to WORK/results/part.csv.
"""

import argparse
import dataclasses
import math
import pathlib
import shlex
import subprocess
import sys
import time

from report import goals, tables
from report.figures import Figures
from runs import machine
from runs.jobs import CRAFTED_SIZE, OPERATIONS, SIZES, everything, merged, quick, smoke, speed
from runs.peers import INTS, NAMES, ORDINARY, PEERS, STRINGS, Builder, Failed, say


class Bench:
    """Runs jobs and keeps the best of each figure."""

    def __init__(self, builder):
        self.builder = builder
        self.peers = {}
        self.figures = Figures()
        self.said = set()
        self.started = time.monotonic()

    def prepare(self, names):
        """Builds the peers of these names."""
        for peer in PEERS:
            if peer.name in names:
                missing = self.builder.lacks(peer)
                if missing:
                    say(f"{peer.name} is left out: {missing}")
                    continue
                say(f"building {peer.name}")
                self.builder.build(peer)
                self.peers[peer.name] = peer

    def refusal(self, job):
        """Why a job is not done, or "" if it is. What is not obvious is said, once."""
        peer = self.peers.get(job.peer)
        if not peer or not peer.can(job.keys):
            return "it cannot"
        if peer.strings_only and (job.size > 1000000 or job.mode == "growth"):
            return self.once(f"{peer.name}: only tables of up to 1e6 entries, of a size that is known before")
        if job.keys in peer.slow and job.size > CRAFTED_SIZE:
            return self.once(f"{peer.name}: {job.keys} keys, all of which collide, only up to {CRAFTED_SIZE}")
        return ""

    def once(self, text):
        if text not in self.said:
            say(text)
        self.said.add(text)
        return text

    def command(self, job, last):
        peer = self.peers[job.peer]
        command = [self.builder.program(peer, job.keys), f"keys={job.keys}", f"size={job.size}", f"mode={job.mode}"]
        ops = job.ops_of(last)
        if ops:
            command.append(f"ops=,{','.join(ops)},")
        if job.lookups or job.keys in peer.slow:
            command.append(f"lookups={job.lookups or 1000}")
        return list(map(str, command))

    def environment(self, job):
        """Where memory is counted, by heap.c; and GLib's own allocator of small blocks is off, as later versions have none."""
        counted = job.mode in ("memory", "growth") and self.peers[job.peer].counted
        if not counted or self.builder.sanitizers(self.peers[job.peer]):
            return self.builder.environment
        return {**self.builder.environment, "LD_PRELOAD": str(self.builder.heap_counter()), "G_SLICE": "always-malloc"}

    def run(self, job, last):
        command = self.command(job, last)
        done = subprocess.run(command, env=self.environment(job), capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(command)}: exit status {done.returncode}\n{done.stderr}")
        for line in done.stdout.split():
            name, value = line.split("=")
            name, _, size = name.partition("@")
            self.figures.add((job.peer, job.keys, int(size or job.size), name), float(value))

    def measure(self, jobs, rounds):
        """Runs the jobs in rounds: all in turn, then again those that want more; where all keys collide, once. If rounds is
        not 0, each wants so many."""
        jobs = [dataclasses.replace(job, rounds=rounds or (1 if job.keys in self.peers[job.peer].slow else job.rounds))
                for job in jobs if not self.refusal(job)]
        turns = [(n, job) for n in range(max((job.rounds for job in jobs), default=0)) for job in jobs if n < job.rounds]
        for i, (n, job) in enumerate(turns):
            seconds = int(time.monotonic() - self.started)
            what = f"round {n + 1} of {job.rounds}: {job.mode}, {tables.size_name(job.size)} {job.keys}, {job.peer}"
            say(f"[{seconds // 60:2}:{seconds % 60:02}] {i + 1}/{len(turns)} {what}")
            self.run(job, n == job.rounds - 1)


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
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("."), help="the folder where hmap was built")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("bench-run"), help="for programs and results")
    parser.add_argument("--peers", type=listed(NAMES), metavar="NAME,...", help=", ".join(NAMES))
    parser.add_argument("--keys", type=listed(INTS + STRINGS), metavar="KIND,...", help="see above")
    parser.add_argument("--sizes", type=sizes, metavar="N,...", help="entries, such as 1e3,1e6")
    parser.add_argument("--ops", type=listed(OPERATIONS), metavar="NAME,...", help="see above")
    parser.add_argument("--rounds", type=int, default=0, help="the same number for all")
    parser.add_argument("--goal", type=listed(goals.NAMES), metavar="NAME,...", help=", ".join(goals.NAMES))
    parser.add_argument("--quick", action="store_true", help="a look at everything in less than two minutes")
    parser.add_argument("--smoke", action="store_true", help="run every loop once, to see that results are right; show nothing")
    parser.add_argument("--from", dest="csv", type=pathlib.Path, metavar="CSV", help="measure nothing, show these figures")
    return parser.parse_args()


def chosen(options):
    """The jobs that the arguments ask for, and the name of the file that gets their figures."""
    peers = [name for name in NAMES if name in (options.peers or NAMES)]
    part = options.peers or options.keys or options.sizes or options.ops
    if options.goal:
        jobs = [job for job in merged(job for name in options.goal for job in goals.by_name(name).needs) if job.peer in peers]
        jobs = [job for job in jobs if not options.keys or job.keys in options.keys]
        return [job for job in jobs if not options.sizes or job.size in options.sizes], "part"
    if options.smoke:
        return smoke(peers), "smoke"
    if options.quick:
        return quick(peers), "quick"
    if part:
        return speed(peers, options.keys or ORDINARY, options.sizes or SIZES, options.ops or ()), "part"
    return everything(peers), "figures"


def main():
    options = arguments()
    if options.csv:
        figures = Figures.read(options.csv)
    else:
        jobs, name = chosen(options)
        bench = Bench(Builder(options.build.resolve(), options.work.resolve() / "bin"))
        bench.prepare({job.peer for job in jobs})
        circumstances = machine.describe(bench.peers.values(), sys.argv[1:])
        bench.measure(jobs, options.rounds)
        figures = bench.figures
        figures.write(options.work / "results" / f"{name}.csv")
        (options.work / "results" / f"{name}.txt").write_text(circumstances)
    if options.goal:
        print(goals.table(figures, options.goal))
    elif not options.smoke:
        print(tables.tables(figures))
        print(goals.table(figures, goals.measured(figures)))


if __name__ == "__main__":
    try:
        main()
    except Failed as why:
        sys.exit(f"bench.py: {why}")
