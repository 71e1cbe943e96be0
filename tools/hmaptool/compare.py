"""hmap compare: a program as it is and on hmap, side by side: does it do the same, how fast, in how much memory."""

import argparse
import dataclasses
import hashlib
import os
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time

from hmaptool import program as programs
from hmaptool import relink, run, stats
from hmaptool.failure import Failed

SUMMARY = "Run a program as it is and on hmap, compare all that it prints and writes, and show time and memory"
ENOUGH = 5            # stock runs that do the same before a difference is taken for one
LARGEST = 1 << 30     # bytes of the current folder that are copied for each run
TIME = "/usr/bin/time"
COUNTS = ("tables", "entries", "growths", "foreign")


def add_arguments(parser):
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each side (default 5); times are their medians")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]", help="what to compare")


@dataclasses.dataclass
class Side:
    """How one side is started."""
    name: str
    argv: list
    executable: str
    environment: dict


@dataclasses.dataclass
class Outcome:
    """What one run did: a digest of each thing that is compared, under its name."""
    done: dict
    seconds: float
    kib: int = 0
    counts: dict = dataclasses.field(default_factory=dict)  # library: stats.Counts


def main(args):
    if args.runs < 1:
        raise Failed(f"--runs {args.runs}: give a number from 1 on")
    name, *arguments = run.command(args.command)
    with tempfile.TemporaryDirectory(prefix="hmap-compare-") as folder:
        work = Work(folder)
        stock, switched = sides(name, arguments, work)
        work.take_input()
        outcomes = runs(work, stock, switched, args.runs)
        different = report(work, outcomes)
        if different:
            print(f"kept       {work.keep()}")
    return 1 if different else 0


# ---- the sides

def sides(name, arguments, work):
    """Stock and switched, started by the same name."""
    found = programs.find(name)
    path = os.path.realpath(found)
    backup = path + relink.BACKUP
    if os.path.exists(backup) and relink.needs_ours(path):  # relinked in place: both sides are there
        stock, switched, environment = backup, path, dict(os.environ)
    else:
        program = run.examined(found)
        if program.switched:
            raise Failed(f"{path} runs on hmap already: compare what it was relinked from, or switch hmap system off first")
        stock = program.script or path
        switched, environment = run.prepared(program)
    if switched != stock:  # a copy has another path, which a program may print
        name = work.link(os.path.basename(path))
    elif "/" in name or not shutil.which(name):  # it will run in another folder, and is looked for on PATH alone
        name = os.path.abspath(found)
    argv = [name, *arguments]
    return Side("stock", argv, stock, dict(os.environ)), Side("on hmap", argv, switched, environment)


class Work:
    """The folder in which both sides run, one after the other, at the same place and with the same input."""

    def __init__(self, folder):
        self.folder = folder
        self.input = os.path.join(folder, "input")
        self.stdin = os.path.join(folder, "stdin")
        self.place = os.path.join(folder, "run")
        self.name = None

    def link(self, name):
        """A name under which either side is started."""
        os.mkdir(os.path.join(self.folder, "bin"))
        self.name = os.path.join(self.folder, "bin", name)
        return self.name

    def take_input(self):
        """Copies the current folder, and standard input if that is not a terminal."""
        size = sum(os.lstat(os.path.join(d, f)).st_size for d, _, files in os.walk(".") for f in files)
        if size > LARGEST:
            raise Failed(f"this folder holds {size >> 20} MiB, and each run gets a copy: go to one that holds the input only")
        copy_tree(".", self.input, leave=self.folder)
        with open(self.stdin, "wb") as file:
            if not sys.stdin.isatty():
                shutil.copyfileobj(sys.stdin.buffer, file)

    def prepare(self, executable):
        shutil.rmtree(self.place, ignore_errors=True)
        for sub in "home", "tmp", "runtime":
            os.makedirs(os.path.join(self.place, sub), mode=0o700)
        copy_tree(self.input, os.path.join(self.place, "folder"))
        if self.name:
            if os.path.lexists(self.name):
                os.unlink(self.name)
            os.symlink(executable, self.name)

    def environment(self, side):
        return {**side.environment, "HOME": f"{self.place}/home", "TMPDIR": f"{self.place}/tmp", "PWD": f"{self.place}/folder",
                "XDG_RUNTIME_DIR": f"{self.place}/runtime", "HMAP_STATS": f"{self.folder}/stats"}

    def same_lines(self, name):
        """Whether the first runs of both sides have the same lines in this output or file."""
        texts = []
        for side in "stock", "on hmap":
            path = next((p for p in (os.path.join(self.folder, side, "folder", name), os.path.join(self.folder, side, name))
                         if os.path.isfile(p)), None)
            if not path:
                return False
            with open(path, "rb") as file:
                texts.append(sorted(file.read().split(b"\n")))
        return texts[0] == texts[1]

    def keep(self):
        """The first run of each side, for somebody to look at."""
        kept = tempfile.mkdtemp(prefix="hmap-compare-")
        for name in "stock", "on hmap":
            os.rename(os.path.join(self.folder, name), os.path.join(kept, name.replace(" ", "-")))
        return kept


def copy_tree(source, copy, leave=None):
    """Everything in a folder, as it is, but for one folder that may be in it."""
    def is_left(folder, names):
        return {n for n in names if leave and os.path.realpath(os.path.join(folder, n)) == os.path.realpath(leave)}

    try:
        shutil.copytree(source, copy, symlinks=True, ignore=is_left)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        raise Failed(f"{path} cannot be copied ({why}), and each run gets a copy of this folder: "
                     "go to one that holds the input only") from None


# ---- runs

def runs(work, stock, switched, number):
    """{side: [Outcome]}, in turn. Two stock runs at least, and more of them if there is a difference, which may be the program's
    own."""
    outcomes = {"stock": [one_run(work, stock)], "on hmap": [one_run(work, switched)]}
    for _ in range(number - 1):
        outcomes["stock"].append(one_run(work, stock))
        outcomes["on hmap"].append(one_run(work, switched))
    while len(outcomes["stock"]) < (ENOUGH if verdict(outcomes)[1] else 2):
        outcomes["stock"].append(one_run(work, stock))
    return outcomes


def one_run(work, side):
    work.prepare(side.executable)
    outputs = [os.path.join(work.place, name) for name in ("standard output", "standard error")]
    memory = os.path.join(work.folder, "memory")
    # time is a small process: what this one takes would be counted as the program's.
    prefix = [TIME, "--format=%M", f"--output={memory}", "--"] if os.path.exists(TIME) else []
    with open(work.stdin, "rb") as stdin, open(outputs[0], "wb") as stdout, open(outputs[1], "wb") as stderr:
        start = time.perf_counter()
        status = subprocess.run(prefix + side.argv, stdin=stdin, stdout=stdout, stderr=stderr, cwd=f"{work.place}/folder",
                                env=work.environment(side), check=False).returncode
        seconds = time.perf_counter() - start
    outcome = Outcome({"exit status": status, **digests(work.place)}, seconds, last_number(memory), taken_counts(work))
    if not os.path.exists(os.path.join(work.folder, side.name)):
        os.rename(work.place, os.path.join(work.folder, side.name))
    return outcome


def last_number(path):
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read().split()[-1])
    except (OSError, IndexError):
        return 0


def taken_counts(work):
    """{library: what it counted, summed over the processes}."""
    counts = {}
    path = os.path.join(work.folder, "stats")
    if os.path.exists(path):
        for (_, library), counted in stats.read(path).items():
            counts[library] = counts[library] + counted if library in counts else counted
        os.unlink(path)
    return counts


def digests(place):
    """One for each output, file and folder, under its name."""
    found = {}
    for folder, folders, files in os.walk(place):
        for name in files + (folders if folder != place else []):
            path = os.path.join(folder, name)
            found[os.path.relpath(path, place).removeprefix("folder/")] = digest(path)
    return found


def digest(path):
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return mode, os.readlink(path)
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        open_up(path, mode)
    if not stat.S_ISREG(mode):
        return mode, ""
    with open(path, "rb") as file:
        return mode, hashlib.sha256(file.read()).hexdigest()


def open_up(path, mode):
    """Makes a file or folder one that can be read and removed, once its mode has been noted."""
    wanted = 0o700 if stat.S_ISDIR(mode) else 0o400
    if (mode & wanted) != wanted:
        os.chmod(path, stat.S_IMODE(mode) | wanted)


# ---- what came of it

def verdict(outcomes):
    """The names of what is the same in all runs, of what differs, and of what differs from one stock run to the next already."""
    names = sorted({name for side in outcomes.values() for outcome in side for name in outcome.done})
    same, different, fickle = [], [], []
    for name in names:
        stock, switched = ({outcome.done.get(name) for outcome in outcomes[side]} for side in ("stock", "on hmap"))
        (fickle if len(stock) > 1 else same if stock == switched else different).append(name)
    return same, different, fickle


def report(work, outcomes):
    same, different, fickle = verdict(outcomes)
    order = [name for name in different if work.same_lines(name)]
    other = [name for name in different if name not in order]
    for word, names, remark in [("same", same, ""), ("DIFFERS", other, ""),
                                ("DIFFERS", order, ": the same lines in another order"),
                                ("varies", fickle, ": not comparable, two stock runs differ")]:
        if names:
            print(f"{word:10} {in_words(names)}{remark}")
    stock, switched = outcomes["stock"], outcomes["on hmap"]
    seconds = [statistics.median(o.seconds for o in side) for side in (stock, switched)]
    print(f"time       {duration(seconds[0])} stock, {duration(seconds[1])} on hmap, ratio {seconds[1] / seconds[0]:.2f} "
          f"(medians of {len(switched)} runs in turn)")
    memory = [max(o.kib for o in side) for side in (stock, switched)]
    print(f"memory     {memory[0] / 1024:.1f} MB stock, {memory[1] / 1024:.1f} MB on hmap, at the peak" if all(memory)
          else f"memory     not measured: install time, for {TIME}")
    for library, counts in switched[0].counts.items():
        print(f"counted    {library}: " + ", ".join(f"{name} {counts.numbers[name]}" for name in COUNTS))
    if not switched[0].counts:
        print("counted    nothing: no library of hmap's was reached")
    return different


def in_words(names):
    """Few names are named, many files are counted."""
    files = [n for n in names if n not in ("exit status", "standard output", "standard error")]
    words = [n for n in names if n not in files]
    return ", ".join(words + (files if len(files) <= 5 else [f"{len(files)} files and folders"]))


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
