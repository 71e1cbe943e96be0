"""hmap compare: a program as it is and on hmap, side by side: does it do the same, how fast, in how much memory."""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import selectors
import shutil
import signal
import stat
import statistics
import subprocess
import tempfile
import time

from hmaptool import files, inherited, messages, places, process, record, run, stats
from hmaptool import program as programs
from hmaptool.messages import Failed

SUMMARY = "Run a program as it is and on hmap, compare all that it prints and writes, and show time and memory"
USAGE = "hmap compare [-h] [--runs N] [--timeout S] [-n] [--json] PROGRAM [ARGUMENT...]"
ENOUGH = 5            # stock runs that do the same before a difference is taken for one
LARGEST = 1 << 30     # bytes of the current folder that are copied for each run, of standard input, and that a run may write
SORTABLE = 1 << 26    # bytes of a file whose lines are sorted
PAUSE = 0.25          # seconds between two looks at what a run has written
WORK = ".hmap-compare-"   # names of what is removed in the end, or by the next hmap compare where this one is killed
KEPT = "hmap-compare-"    # and of what is for somebody to look at
COUNTS = ("tables", "entries", "growths", "foreign")
OUTPUTS = ("exit status", "standard output", "standard error")


def add_arguments(parser):
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each side (default 5); times are their medians")
    parser.add_argument("--timeout", type=float, metavar="S", help="end a run that takes longer than so many seconds, and give up")
    parser.add_argument("-n", "--no-stdin", action="store_true", help="give the program no input, and read none")
    parser.add_argument("--json", action="store_true", help="print a JSON object")
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
    if args.timeout is not None and not args.timeout > 0:
        raise Failed(f"--timeout {args.timeout}: give a number of seconds")
    name, *arguments = run.command(args.command)
    stdin = None if args.no_stdin else read_input()
    with process.deaf(), fresh_folder() as folder:
        work = Work(folder, args.timeout, stdin)
        stock, switched = sides(name, arguments, work)
        work.take_input()
        found = report(work, runs(work, stock, switched, args.runs))
        if found["differs"]:
            found["kept"] = work.keep()
    if args.json:
        messages.say(json.dumps(found, indent=2))
    else:
        for word, rest in for_people(found):
            messages.say(f"{word:10}", COLORS.get(word), f" {rest}")
    return 1 if found["differs"] else 0


def read_input():
    """Standard input, unless that is a terminal, in a file without a name."""
    if inherited.closed(0) or os.isatty(0):
        return None
    with open(0, "rb", closefd=False) as source:
        copy = tempfile.TemporaryFile()
        while data := source.read1(1 << 16):
            copy.write(data)
            if copy.tell() > LARGEST:
                raise Failed(f"standard input is larger than {LARGEST >> 20} MiB, and each run gets all of it: "
                             "use --no-stdin, or give less")
    return copy


# ---- the sides

def sides(name, arguments, work):
    """Stock and switched, started by the same name."""
    found = programs.find(name)
    path = os.path.realpath(found)
    environment = dict(os.environ)
    backup = path + record.BACKUP
    if os.path.lexists(backup) and programs.examine(path).switched:  # relinked in place: both sides are there
        kept, why = record.kept(path)
        if not kept:
            raise Failed(f"{path} runs on hmap already, and what it was cannot be had: {why}")
        kept.__exit__()
        stock, switched = backup, path
    else:
        program = run.examined(found, environment)
        if program.switched:
            raise Failed(f"{path} runs on hmap already: compare what it was relinked from, or switch hmap system off first")
        stock = program.script or path
        prepared = run.prepare(program)
        switched, environment = prepared.executable, prepared.environment
        if switched == program.path:
            switched = path
    if switched != stock:  # a copy has another path, which a program may print
        name = work.link(os.path.basename(path))
    elif "/" in name or not process.which(name):  # it will run in another folder, and is looked for on PATH alone
        name = files.absolute(found)
    argv = [name, *arguments]
    return Side("stock", argv, files.absolute(stock), dict(os.environ)), Side("on hmap", argv, files.absolute(switched), environment)


@contextlib.contextmanager
def fresh_folder():
    """Removed in the end, and with it those that a hmap compare left that was killed."""
    place = os.path.realpath(tempfile.gettempdir())
    for left in (n for n in os.listdir(place) if n.startswith(WORK)):
        remove_left(os.path.join(place, left))
    folder, fd = locked_folder(place)
    try:
        yield folder
    finally:
        os.close(fd)
        remove_tree(folder)


def locked_folder(place):
    """A fresh one. The lock tells that it is in use; until it is there another hmap compare may take the folder for one that was left,
    and remove it."""
    while True:
        folder = tempfile.mkdtemp(prefix=WORK, dir=place)
        with contextlib.suppress(FileNotFoundError):
            fd = files.open_folder(folder)
            if files.locked(fd) and os.path.exists(folder):
                return folder, fd
            os.close(fd)


def remove_left(folder):
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(fd).st_uid == os.geteuid() and files.locked(fd):
                remove_tree(folder)
        finally:
            os.close(fd)


def remove_tree(folder):
    """Folders that forbid it are opened up first."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            with contextlib.suppress(OSError):
                if not os.path.islink(os.path.join(path, name)):
                    os.chmod(os.path.join(path, name), 0o700)
    shutil.rmtree(folder, ignore_errors=True)


class Work:
    """The folder in which both sides run, one after the other, at the same place and with the same input."""

    def __init__(self, folder, timeout, stdin):
        self.folder = folder
        self.timeout = timeout
        self.stdin = stdin
        self.input = os.path.join(folder, "input")
        self.place = os.path.join(folder, "run")
        self.name = None

    def link(self, name):
        """A name under which either side is started."""
        os.mkdir(os.path.join(self.folder, "bin"))
        self.name = os.path.join(self.folder, "bin", name)
        return self.name

    def take_input(self):
        """Copies the current folder."""
        here = files.absolute(".")
        size = sum(os.lstat(os.path.join(d, f)).st_size for d, _, names in os.walk(here) for f in names
                   if os.path.lexists(os.path.join(d, f)))
        if size > LARGEST:
            raise Failed(f"this folder holds {size >> 20} MiB, and each run gets a copy: go to one that holds the input only")
        copy_tree(here, self.input, leave=self.folder)

    def prepare(self, executable):
        remove_tree(self.place)
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

    def check_size(self):
        """Disks are not filled by programs that write without end."""
        size = 0
        for folder, _, names in os.walk(self.place):
            for name in names:
                with contextlib.suppress(OSError):
                    size += os.lstat(os.path.join(folder, name)).st_blocks * 512
        if size > LARGEST:
            raise Failed(f"a run writes more than {LARGEST >> 20} MiB, so it was ended")

    def same_lines(self, name):
        """Whether the first runs of both sides have the same lines in this output or file."""
        texts = []
        for side in "stock", "on hmap":
            path = next((p for p in (os.path.join(self.folder, side, "folder", name), os.path.join(self.folder, side, name))
                         if os.path.isfile(p) and not os.path.islink(p)), None)
            if not path or os.path.getsize(path) > SORTABLE:
                return False
            with open(path, "rb") as file:
                texts.append(sorted(file.read().split(b"\n")))
        return texts[0] == texts[1]

    def keep(self):
        """The first run of each side, for somebody to look at."""
        made = os.path.join(self.folder, "kept")
        os.mkdir(made)
        for name in "stock", "on hmap":
            os.rename(os.path.join(self.folder, name), os.path.join(made, name.replace(" ", "-")))
        kept = os.path.join(os.path.dirname(self.folder), KEPT + secrets.token_hex(4))
        os.rename(made, kept)
        return kept


def copy_tree(source, copy, leave=None):
    """Everything in a folder, as it is, but for one folder that may be in it."""
    def is_left(folder, names):
        process.heard()
        return {n for n in names if leave and os.path.realpath(os.path.join(folder, n)) == os.path.realpath(leave)}

    def copy_file(path, target, *, follow_symlinks=True):
        if not follow_symlinks and os.path.islink(path):
            return shutil.copy2(path, target, follow_symlinks=False)
        if not os.path.isfile(path):  # a pipe would be waited for
            raise OSError("it is no regular file")
        return shutil.copy2(path, target)

    try:
        shutil.copytree(source, copy, symlinks=True, ignore=is_left, copy_function=copy_file)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        raise Failed(f"{path} cannot be copied ({why}), and each run gets a copy of this folder: "
                     "go to one that holds the input only") from None


# ---- runs

def runs(work, stock, switched, number):
    """{side: [Outcome]}, in turn. Two stock runs at least, and more of them if there is a difference, which may be the program's
    own."""
    outcomes = {"stock": [], "on hmap": []}

    def one(side):
        messages.note_progress(f"run {sum(map(len, outcomes.values())) + 1}")
        outcomes[side.name].append(one_run(work, side))

    for _ in range(number):
        one(stock)
        one(switched)
    while len(outcomes["stock"]) < (ENOUGH if verdict(outcomes)[1] else 2):
        one(stock)
    messages.note_progress("")
    return outcomes


def one_run(work, side):
    work.prepare(side.executable)
    status, kib, seconds = started(work, side)
    work.check_size()
    outcome = Outcome({"exit status": status, **digests(work.place)}, seconds, kib, taken_counts(work))
    if not os.path.exists(os.path.join(work.folder, side.name)):
        os.rename(work.place, os.path.join(work.folder, side.name))
    return outcome


def started(work, side):
    """(exit status, KiB at the peak, seconds) of one run, all of whose processes have ended."""
    name = side.argv[0]
    executable = name if "/" in name else process.which(name) or name
    with contextlib.ExitStack() as stack:
        outputs = [stack.enter_context(open(os.path.join(work.place, n), "wb")) for n in OUTPUTS[1:]]
        stdin = stack.enter_context(open(f"/proc/self/fd/{work.stdin.fileno()}" if work.stdin else os.devnull, "rb"))
        result, write = os.pipe()
        try:
            keeper = subprocess.Popen([places.itself, "--keep", str(write), str(os.getpid()), executable, *side.argv],
                                      stdin=stdin, stdout=outputs[0], stderr=outputs[1], cwd=f"{work.place}/folder",
                                      env=work.environment(side), pass_fds=[write], start_new_session=True)
        finally:
            os.close(write)
        with keeper:
            try:
                words = wait_for(work, result)
            except BaseException:
                keeper.send_signal(signal.SIGTERM)
                raise
            finally:
                keeper.wait()
                os.close(result)
    if words[0] != "ended":
        why = os.strerror(int(words[1])) if words[0] == "failed" else "what held it was ended"
        raise Failed(f"{executable} cannot be run: {why}")
    return int(words[1]), int(words[2]), float(words[3])


def wait_for(work, result):
    """The line in which keep.c tells what became of a run."""
    text, limit = b"", work.timeout and time.monotonic() + work.timeout
    with selectors.DefaultSelector() as selector:
        selector.register(result, selectors.EVENT_READ)
        selector.register(process.wakeup(), selectors.EVENT_READ)
        while True:
            ready = [key.fd for key, _ in selector.select(PAUSE if limit is None else max(0, min(PAUSE, limit - time.monotonic())))]
            if process.wakeup() in ready:
                raise process.Interrupted
            if result in ready:
                data = os.read(result, 1024)
                if not data:
                    return text.decode().split() or ["lost"]
                text += data
            elif limit and time.monotonic() >= limit:
                raise Failed(f"a run took longer than {work.timeout:g} s, so it was ended")
            else:
                work.check_size()


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
    for folder, folders, names in os.walk(place):
        process.heard()
        for name in names + (folders if folder != place else []):
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, place)
            short = relative.removeprefix("folder/")
            found[relative if short in OUTPUTS else short] = digest(path)
    return found


def digest(path):
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return mode, os.readlink(path)
    if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
        open_up(path, mode)
    if not stat.S_ISREG(mode):
        return mode, ""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            found.update(data)
            process.heard()
    return mode, found.hexdigest()


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
    """What is told, as an object for JSON."""
    same, different, fickle = verdict(outcomes)
    order = [name for name in different if work.same_lines(name)]
    stock, switched = outcomes["stock"], outcomes["on hmap"]
    return {"same": same, "differs": different, "another_order": order, "varies": fickle,
            "seconds": {"stock": [o.seconds for o in stock], "on_hmap": [o.seconds for o in switched]},
            "peak_kib": {"stock": max(o.kib for o in stock), "on_hmap": max(o.kib for o in switched)},
            "counted": {library: counts.numbers for library, counts in switched[0].counts.items()},
            "exit_status": switched[0].done["exit status"], "kept": None}


COLORS = {"same": 32, "DIFFERS": 31, "varies": 33}


def for_people(found):
    """The lines of the report: (word, rest)."""
    other = [name for name in found["differs"] if name not in found["another_order"]]
    for word, names, remark in [("same", found["same"], ""), ("DIFFERS", other, ""),
                                ("DIFFERS", found["another_order"], ": the same lines in another order"),
                                ("varies", found["varies"], ": not comparable, two stock runs differ")]:
        if names:
            yield word, in_words(names) + remark
    seconds = [statistics.median(found["seconds"][side]) for side in ("stock", "on_hmap")]
    yield "time", (f"{duration(seconds[0])} stock, {duration(seconds[1])} on hmap, ratio {seconds[1] / seconds[0]:.2f} "
           f"(medians of {len(found['seconds']['on_hmap'])} runs in turn)")
    memory = found["peak_kib"]
    yield "memory", f"{memory['stock'] / 1024:.1f} MB stock, {memory['on_hmap'] / 1024:.1f} MB on hmap, at the peak"
    for library, numbers in found["counted"].items():
        yield "counted", f"{library}: " + ", ".join(f"{name} {numbers[name]}" for name in COUNTS)
    if not found["counted"]:
        yield "counted", "nothing: no library of hmap's was reached"
        yield "", "(a process that ends by a signal or _exit writes nothing)"
    if found["kept"]:
        yield "kept", f"{found['kept']}"


def in_words(names):
    """Few names are named, many files are counted."""
    files = [n for n in names if n not in OUTPUTS]
    words = [n for n in names if n not in files]
    return ", ".join(words + (files if len(files) <= 5 else [f"{len(files)} files and folders"]))


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
