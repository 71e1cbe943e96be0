#!/usr/bin/python3 -B
"""Runs real programs side by side, as they are and with hmap in place of their hash tables, and shows what differs.

Each program is run stock and switched: a copy of the binary is relinked with patchelf, so that its first NEEDED entry is one of
our libraries, or a copy of the source is built with another link line. Both sides run in a folder of the same name, with the same
files in it. For each program this shows
  same?    identical: standard output, standard error, exit status and every file written are the same, byte by byte
           order: the program writes in table order; files are the same once their lines are sorted, the binary cache
           gives two readers the same, and two switched runs with one HMAP_SEED are identical
           rescued: the stock program fails for want of a larger table, as it should, or does not end and is stopped (--stop), and
           the switched one prints the right result
  time     the medians of several runs, stock and switched in turn, their ratio, and the ratio of stock to itself, in the same runs:
           the noise. In the row of the longest pause: of its processor time
  memory   peak resident memory
  tables, entries, growths   what our library counted in the switched program (HMAP_STATS)
A row fails if anything else is different, if nothing was counted, or if the dynamic linker's own report (LD_DEBUG=bindings) binds
the functions to any library but ours. The exit status is 1 if a row failed.

Nothing outside the work folder is written. The programs that print what the kernel says at that moment, free and vmstat, are
compared in a mount namespace where the files that they read in /proc stand still (as root, or in a user namespace). The
lines of progress that ostree fsck prints once a second are not compared.
"""

import argparse
import dataclasses
import filecmp
import glob
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools"))
import mimecache  # after the path to hmaptool
from hmaptool import elf
from hmaptool.messages import Failed

LIBRARY = {"search": "libhmap-search.so.1", "glib": "libhmap-glib.so.1"}
OURS = re.compile(r"h(create|search|destroy)(_r)?|g_hash_table_\w+|g_(str|int|int64|double|direct)_(hash|equal)")
BINDING = re.compile(r"binding file (\S+) \[\d+\] to (\S+) \[\d+\]: \w+ symbol `(\w+)'")
NOTHING = b"(?!)"  # a regular expression that never matches
PATIENCE = 120  # seconds
SHORT, LONG = 2, 20  # seconds: what all timed runs of a row take at least, if there are not too many; when no more than two are begun
FROZEN = ["meminfo", "stat", "uptime", "vmstat"]


@dataclasses.dataclass
class Row:
    """One line of the table. The functions named without a body here are what a row may do in its own way."""
    name: str
    library: str            # "search" or "glib"
    commands: list          # the arguments of each run of the program, in order
    functions: list         # what must be bound to our library
    binary: str = ""        # the installed program, to be relinked; or:
    source: str = ""        # a folder in tests/legacy, to be built
    prepare: callable = lambda run: None        # puts the input files into the run folder
    judge: callable = lambda demo, row, stock, switched: identical(stock, switched, row.clocked)
    clocked: bytes = NOTHING  # lines of standard output that depend on how fast the machine is, and are not compared
    frozen: bool = False    # compare with files in /proc that stand still
    comparable: bool = True # the two times mean the same work
    stopped: bool = False   # the stock program is stopped after a while
    measured: str = ""      # the file into which the program writes what is compared in place of its time

    @property
    def program(self):
        return self.source.split("-")[0] if self.source else os.path.basename(self.binary)


@dataclasses.dataclass
class Outcome:
    """What one side did."""
    stdout: bytes
    stderr: bytes
    status: list
    files: pathlib.Path
    memory: int = 0  # KiB


# ---- what a row's runs are made of

def command(argv, **options):
    """Runs a tool that has to succeed; its words are only shown when it does not."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode:
        raise Failed(f"{shlex.join(str(a) for a in argv)} failed:\n{done.stdout.decode(errors='replace')}")
    return done.stdout.decode(errors="replace").strip()


def environment(**more):
    return {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "HOME": "/nonexistent", **more}


def freezer(frozen):
    """The command prefix in whose mount namespace the files of /proc are the ones saved in `frozen`."""
    mounts = " && ".join(f"mount --bind {shlex.quote(str(frozen / f))} /proc/{f}" for f in FROZEN)
    root = [] if os.geteuid() == 0 else ["--map-root-user"]
    # Only /proc is made private, and not / as unshare would, because in a chroot / need not be a mount.
    return ["unshare", "--mount", "--propagation=unchanged", *root,
            "sh", "-c", f'mount --make-private /proc && {mounts} && exec "$@"', "freezer"]


def attempt(argv, patience=PATIENCE, **options):
    """Runs a program under test. One that does not end, broken as its table may be, is ended with all its children."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return subprocess.CompletedProcess(argv, process.returncode, stdout, stderr)


class Demo:
    def __init__(self, args):
        self.libdir = args.libdir.resolve()
        self.pc = args.pc
        self.work = args.work.resolve()
        self.runs = args.runs
        self.stop = args.stop
        self.show = sys.stdout.isatty()

    def say(self, text):
        """Progress: one line that is written over on a terminal, a line each in a log."""
        print(f"\r\033[K{text}" if self.show else text, end="" if self.show else "\n", flush=True)

    # -- both sides of a program

    def make_sides(self, row):
        """work/NAME/bin/{stock,switched}/PROGRAM"""
        folder = self.folder(row)
        shutil.rmtree(folder, ignore_errors=True)
        for side in "stock", "switched":
            (folder / "bin" / side).mkdir(parents=True)
        if row.source:
            self.build_sides(row)
        else:
            self.copy_sides(row)

    def copy_sides(self, row):
        binary = shutil.which(row.binary, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not binary:
            raise Failed(f"{row.binary} is not installed")
        for side in "stock", "switched":
            shutil.copy(binary, self.binary(row, side))
        elf.add_needed(self.binary(row, "switched"), self.libdir / LIBRARY[row.library])

    def build_sides(self, row):
        """Builds a legacy program as its INSTALL would say; the switched side gets another link line, and that is all."""
        paths = f"-L{self.libdir} -Wl,-rpath,{self.libdir}"
        if row.library == "search":
            link = ["LIBS=-lhmap-search", f"LDFLAGS={paths}"]
        else:
            libs = command(["pkg-config", "--libs", "hmap-glib"], env={**os.environ, "PKG_CONFIG_PATH": self.pkgconfig()})
            link = [f"GLIB_LIBS={libs}", f"LDFLAGS={paths}"]
        source = self.folder(row) / "source"
        shutil.copytree(HERE.parent / "legacy" / row.source, source)
        command(["chmod", "-R", "u+w", source])
        command(["autoreconf", "--install"], cwd=source)
        for side, arguments in ("stock", []), ("switched", link):
            build = self.folder(row) / f"build-{side}"
            build.mkdir()
            command([source / "configure", *arguments], cwd=build)
            command(["make"], cwd=build)
            shutil.copy(build / row.program, self.binary(row, side))

    def pkgconfig(self):
        """A folder with hmap-glib.pc as it would be if our libraries were installed where they are now."""
        folder = self.work / "pkgconfig"
        folder.mkdir(exist_ok=True)
        text = re.sub("^libdir=.*", f"libdir={self.libdir}", self.pc.read_text(), flags=re.MULTILINE)
        (folder / "hmap-glib.pc").write_text(text)
        return str(folder)

    def folder(self, row):
        return self.work / row.name.replace(" ", "-").replace(",", "")

    def binary(self, row, side):
        return self.folder(row) / "bin" / side / row.program

    # -- runs

    def select(self, row, side):
        """Both sides run under one path, so that a program that prints its own name prints the same."""
        folder = self.folder(row)
        shutil.rmtree(folder / "run", ignore_errors=True)
        (folder / "run").mkdir()
        row.prepare(folder / "run")
        link = folder / row.program
        link.unlink(missing_ok=True)
        link.symlink_to(self.binary(row, side))

    def run(self, row, side, prefix=(), **env):
        """Runs all commands of a row in a fresh run folder; returns what they printed, and the seconds that they took."""
        self.select(row, side)
        run = self.folder(row) / "run"
        done, seconds = [], 0
        for arguments in row.commands:
            start = time.perf_counter()
            done.append(attempt([*prefix, f"../{row.program}", *arguments], cwd=run, env=environment(**env),
                                patience=self.patience(row, side)))
            seconds += time.perf_counter() - start
        if row.measured:
            seconds = float((run / row.measured).read_text())
        return Outcome(b"".join(d.stdout for d in done), b"".join(d.stderr for d in done),
                       [d.returncode for d in done], run), seconds

    def patience(self, row, side):
        """Seconds. Where the stock program is stopped, the switched one has some more, because the machine may be busy."""
        if not row.stopped:
            return PATIENCE
        return self.stop if side == "stock" else 10 * self.stop

    def observe(self, row, side, label=None, **env):
        """A run whose results are kept in a folder named like the side, to be compared."""
        folder = self.folder(row)
        label = label or side
        memory = folder / f"{label}.memory"
        prefix = ["/usr/bin/time", "--append", "--format=%M", f"--output={memory}"]
        if row.frozen:
            prefix = freezer(self.work / "frozen") + prefix
        memory.unlink(missing_ok=True)
        try:
            outcome, _ = self.run(row, side, prefix, **env)
        except subprocess.TimeoutExpired:
            if not row.stopped or side != "stock":
                raise
            return Outcome(b"", b"", [], folder / "run")
        if row.frozen and not memory.exists():
            raise Failed("cannot make a mount namespace (as root, or with user namespaces): " + outcome.stderr.decode())
        outcome.memory = max(int(line) for line in memory.read_text().splitlines() if line.isdigit())
        shutil.rmtree(folder / label, ignore_errors=True)
        outcome.files = outcome.files.rename(folder / label)
        (folder / f"{label}.stdout").write_bytes(outcome.stdout)
        (folder / f"{label}.stderr").write_bytes(outcome.stderr)
        return outcome

    def times(self, row):
        """Medians of interleaved runs, stock a second time; short programs get more of them, long ones fewer."""
        taken = {"stock": [], "switched": [], "again": []}
        if row.stopped:
            del taken["stock"], taken["again"]
        start = time.monotonic()
        while self.goes_on(len(taken["switched"]), time.monotonic() - start):
            self.say(f"{row.name}: timing, run {len(taken['switched']) + 1}")
            for side, seconds in taken.items():
                seconds.append(self.run(row, "switched" if side == "switched" else "stock")[1])
        return {side: statistics.median(seconds) for side, seconds in taken.items()}

    def goes_on(self, done, seconds):
        if done < min(self.runs, 2):
            return True
        return done < self.runs and seconds < LONG or 1 < self.runs and seconds < SHORT and done < 10 * self.runs

    # -- the library's part in it

    def counts(self, row, file):
        """What our library wrote about itself, summed over the row's processes."""
        sums = {"tables": 0, "entries": 0, "growths": 0}
        name = LIBRARY[row.library].split(".")[0]
        for line in file.read_text().splitlines() if file.exists() else []:
            library, *pairs = line.split()
            values = dict(pair.split("=", 1) for pair in pairs)
            for key in sums if library == name else ():
                sums[key] += int(values[key])
        if not sums["tables"] or not sums["entries"]:
            raise Failed(f"{name} counted nothing in the switched program")
        return sums

    def check_bindings(self, row):
        """Every function of ours that anybody calls must be bound to our library, and those of row.functions must be called."""
        folder = self.folder(row)
        for old in folder.glob("bindings.*"):
            old.unlink()
        self.run(row, "switched", LD_DEBUG="bindings", LD_DEBUG_OUTPUT=str(folder / "bindings"))
        report = "".join(f.read_text(errors="replace") for f in folder.glob("bindings.*"))
        bound = set()
        for caller, target, symbol in BINDING.findall(report):
            if not OURS.fullmatch(symbol) or os.path.basename(caller) == LIBRARY[row.library]:
                continue  # our library hands foreign tables on to GLib's functions
            if os.path.basename(target) != LIBRARY[row.library]:
                raise Failed(f"{symbol}, called by {caller}, is bound to {target}")
            bound.add(symbol)
        if not set(row.functions) <= bound:
            raise Failed("not bound to our library: " + " ".join(sorted(set(row.functions) - bound)))

    # -- a row, and the table

    def try_row(self, row):
        """The cells of a row, or Failed."""
        self.say(f"{row.name}: switching")
        self.make_sides(row)
        self.say(f"{row.name}: comparing")
        stats = self.folder(row) / "stats"
        stock = self.observe(row, "stock", HMAP_STATS=str(stats))
        if stats.exists():
            raise Failed("the stock program runs on hmap already")
        switched = self.observe(row, "switched", HMAP_STATS=str(stats))
        verdict = row.judge(self, row, stock, switched)
        counts = self.counts(row, stats)
        self.check_bindings(row)
        times = self.times(row)
        return [verdict, *self.time_cells(row, times), size(stock.memory), size(switched.memory),
                *(str(counts[key]) for key in ("tables", "entries", "growths"))]

    def time_cells(self, row, times):
        if row.stopped:
            return [f"> {self.stop:g} s", duration(times["switched"]), "-", "-"]
        ratios = (f"{times[side] / times['stock']:.2f}" for side in ("switched", "again"))
        return [duration(times["stock"]), duration(times["switched"]), *(ratios if row.comparable else "--")]

    def show_table(self, rows):
        table = [["program", "switched by", "same?", "stock", "switched", "ratio", "noise", "stock", "switched",
                  "tables", "entries", "growths"]]
        failures = []
        for row in rows:
            try:
                cells = self.try_row(row)
            except (Failed, OSError, subprocess.SubprocessError) as error:
                failures.append(f"{row.name}: {error}")
                cells = ["FAILED"] + ["-"] * 9
            self.say(f"{row.name}: {cells[0]}")
            table.append([row.name, switched_by(row), *cells])
        self.say("")
        text = table_text(table)
        print(text + "\n")
        if len(rows) > 1 and not failures:  # for README.md: make readme
            (self.work / "table.txt").write_text(text + "\n")
        for failure in failures:
            print(f"FAILED: {failure}")
        print(f"{len(rows) - len(failures)} of {len(rows)} programs do on hmap what they do without. What they wrote is in {self.work}")
        return 1 if failures else 0


def switched_by(row):
    if not row.source:
        return f"patchelf, lib{'hmap-' + row.library}"
    return "LIBS=-lhmap-search" if row.library == "search" else "pkg-config hmap-glib"


def duration(seconds):
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} µs"


def size(kib):
    return f"{kib / 1024:.1f} MB" if kib else "-"


def table_text(table):
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    left = 3  # columns of words; the others hold numbers
    groups = [sum(widths[:left]) + 2 * left, sum(widths[3:7]) + 8, sum(widths[7:9]) + 4]
    head = " " * groups[0] + "time".center(groups[1]) + "peak memory".center(groups[2]) + "hmap counted".center(sum(widths[9:]) + 4)
    lines = ["  ".join(c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))) for line in table]
    return "\n".join(line.rstrip() for line in [head, *lines])


# ---- what same means

def all_files(folder):
    """Everything under a folder, as relative paths."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def same_file(a, b):
    """Type, permissions and content."""
    if a.lstat().st_mode != b.lstat().st_mode:
        return False
    if a.is_symlink():
        return os.readlink(a) == os.readlink(b)
    return not a.is_file() or filecmp.cmp(a, b, shallow=False)


def same_lines(a, b):
    return not a.is_file() or sorted(a.read_bytes().split(b"\n")) == sorted(b.read_bytes().split(b"\n"))


def same_output(stock, switched, clocked=NOTHING):
    for what in "status", "stderr", "stdout":
        a, b = getattr(stock, what), getattr(switched, what)
        if what == "stdout":
            a, b = (re.sub(b"^(" + clocked + b")\n", b"", text, flags=re.MULTILINE) for text in (a, b))
        if a != b:
            raise Failed(f"{what} differs: {excerpt(a)} stock, {excerpt(b)} switched")


def same_files(stock, switched, same=same_file, besides=()):
    if all_files(stock.files) != all_files(switched.files):
        raise Failed("other files: " + " ".join(sorted(set(all_files(stock.files)) ^ set(all_files(switched.files)))[:5]))
    for path in all_files(stock.files):
        if path not in besides and not same(stock.files / path, switched.files / path):
            raise Failed(f"{path} differs")


def excerpt(value):
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return repr(text if len(text) < 200 else text[:200] + "...")


def identical(stock, switched, clocked=NOTHING):
    same_output(stock, switched, clocked)
    same_files(stock, switched)
    return "identical"


# ---- arp-scan: looks up the vendor of each MAC address of an answer

REPLIES = ["00:00:0c:01:02:03", "08:00:20:aa:bb:cc", "70:b3:d5:00:00:01", "00:00:5e:00:01:07", "03:00:00:00:00:01"]
MADE_VENDORS = 200000
ARP_SCAN = ["--readpktfromfile=replies.pcap", "--plain", "--retry=1", "--timeout=1"]


def vendor_prefix(number):
    """Nine hexadecimal digits, the first of the 200,000 at 0x020000000."""
    return 0x020000000 + number * 7919


def write_capture(run, addresses):
    """A capture file as libpcap reads it: ARP replies from these MAC addresses for 127.0.0.1."""
    asker = bytes.fromhex("020000000001")
    packets = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for address in addresses:
        mac = bytes.fromhex(address.replace(":", ""))
        frame = asker + mac + bytes.fromhex("0806" "0001080006040002") + mac + bytes([127, 0, 0, 1]) + asker + bytes([127, 0, 0, 2])
        frame = frame.ljust(60, b"\0")
        packets.append(struct.pack("=IIII", 0, 0, len(frame), len(frame)) + frame)
    (run / "replies.pcap").write_bytes(b"".join(packets))


def made_replies():
    """The address of every 20,000th made vendor."""
    for number in range(0, MADE_VENDORS, 20000):
        digits = f"{vendor_prefix(number):09x}abc"
        yield number, ":".join(digits[i:i + 2] for i in range(0, 12, 2))


def prepare_many_vendors(run):
    write_capture(run, [address for _, address in made_replies()])
    lines = (f"{vendor_prefix(n):09X}\tMade Vendor {n}\n" for n in range(MADE_VENDORS))
    (run / "vendors.txt").write_text("".join(lines))


def judge_many_vendors(_demo, _row, stock, switched):
    if stock.status != [1] or b"Cannot allocate memory" not in stock.stderr:
        raise Failed(f"the stock program did not stop for want of a larger table: {stock.status} {excerpt(stock.stderr)}")
    wanted = [f"127.0.0.1\t{a}\tMade Vendor {n}" + (f" (DUP: {i + 1})" if i else "") for i, (n, a) in enumerate(made_replies())]
    found = switched.stdout.decode().splitlines()
    if switched.status != [0] or switched.stderr or found != wanted:
        raise Failed(f"wrong result: {switched.status} {excerpt(switched.stdout)} {excerpt(switched.stderr)}")
    same_files(stock, switched)
    return "rescued"


# ---- update-mime-database: writes in table order

def prepare_mime(run):
    packages = run / "mime" / "packages"
    packages.mkdir(parents=True)
    for file in glob.glob("/usr/share/mime/packages/*.xml"):
        shutil.copy(file, packages)


def read_with_gio(demo, row, outcome):
    """What GLib's own reader of the cache says of one sample file for each pattern of the stock database."""
    samples = demo.folder(row) / "samples"
    samples.mkdir(exist_ok=True)
    patterns = (demo.folder(row) / "stock" / "mime" / "globs2").read_text().splitlines()
    names = sorted({p.split(":")[2].replace("*", "sample") for p in patterns if p[0] != "#"} - {""})
    for name in names:
        if not re.search(r"[\[\]?/]", name):
            (samples / name).write_text("sample\n")
    return command(["gio", "info", "--attributes=standard::content-type", *sorted(samples.iterdir())],
                   env=environment(XDG_DATA_DIRS=str(outcome.files), XDG_DATA_HOME=str(outcome.files / "none")))


def judge_mime(demo, row, stock, switched):
    same_output(stock, switched)
    same_files(stock, switched, same_lines, besides=["mime/mime.cache"])
    demo.say(f"{row.name}: reading the caches")
    for name, read in ("mimecache.py", lambda outcome: mimecache.read(outcome.files / "mime" / "mime.cache")), \
                      ("gio", lambda outcome: read_with_gio(demo, row, outcome)):
        if read(stock) != read(switched):
            raise Failed(f"{name} does not read the same from mime.cache")
    one, other = (demo.observe(row, "switched", label, HMAP_SEED="42") for label in ("seed-42", "seed-42-again"))
    identical(one, other)
    return "order"


# ---- json-glib-format: keys that collide in g_str_hash

CRAFTED, MANY_CRAFTED = 5000, 100000


def prepare_crafted(run, count=CRAFTED):
    """One object whose keys are blocks "Ab" and "BA": all of them have one g_str_hash."""
    keys = ("".join("Ab" if n >> bit & 1 else "BA" for bit in range(17)) for n in range(count))
    (run / "crafted.json").write_text(json.dumps({key: n for n, key in enumerate(keys)}))


def judge_many_crafted(demo, _row, stock, switched):
    """The stock program is stopped, or ends as it should on a machine that is fast enough; the switched one prints what it was given."""
    if stock.status not in ([], [0]):
        raise Failed(f"the stock program failed: {stock.status} {excerpt(stock.stderr)}")
    given = json.loads((switched.files / "crafted.json").read_text())
    if switched.status != [0] or switched.stderr or as_json(switched.stdout) != given:
        raise Failed(f"wrong result: {switched.status} {excerpt(switched.stdout)} {excerpt(switched.stderr)}")
    return identical(stock, switched) if stock.status else "rescued"


def as_json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


# ---- fill: how long its longest insertion takes

def judge_fill(_demo, _row, stock, switched):
    same_output(stock, switched)
    same_files(stock, switched, besides=["pause"])
    return "identical"


# ---- the rows

def licences():
    return sorted(f for f in glob.glob("/usr/share/common-licenses/*") if os.path.isfile(f))


def rows(tree="", entries=0):
    texts = licences() + ["/usr/share/arp-scan/ieee-oui.txt"]
    repo = "--repo=repo"
    commit = [repo, "commit", "--branch=main", "--subject=demo", "--timestamp=2024-01-01 00:00:00 +0000",
              "--owner-uid=0", "--owner-gid=0", "--no-xattrs", "--canonical-permissions", tree]
    hsearch, hsearch_r = ["hcreate", "hsearch"], ["hcreate_r", "hsearch_r"]
    ghash = ["g_hash_table_new_full", "g_hash_table_insert", "g_hash_table_lookup"]
    return [
        Row("arp-scan", "search", [[*ARP_SCAN, "127.0.0.1"]], hsearch, binary="arp-scan",
            prepare=lambda run: write_capture(run, REPLIES)),
        Row("arp-scan 200k vendors", "search", [[*ARP_SCAN, "--macfile=vendors.txt", "127.0.0.1"]], hsearch, binary="arp-scan",
            prepare=prepare_many_vendors, judge=judge_many_vendors, comparable=False),
        Row("free", "search", [["--wide", "--lohi"]], hsearch_r, binary="free", frozen=True),
        Row("vmstat", "search", [[], ["--stats"], ["--active", "--wide"]], hsearch_r, binary="vmstat", frozen=True),
        Row("wordfreq hsearch", "search", [texts], hsearch, source="wordfreq-hsearch"),
        Row("wordfreq glib", "glib", [texts], ghash, source="wordfreq-glib"),
        Row("ostree", "glib", [[repo, "init", "--mode=bare-user-only"], [repo, "config", "set", "core.fsync", "false"], commit,
                               [repo, "checkout", "-U", "main", "tree"], [repo, "ls", "-R", "-C", "main"],
                               [repo, "fsck", "--quiet"]],
            ghash, binary="ostree", clocked=rb"fsck objects \(\d+/\d+\) \d?\d%"),
        Row("json-glib-format, 5k crafted", "glib", [["--prettify", "crafted.json"]], ghash, binary="json-glib-format",
            prepare=prepare_crafted),
        Row("json-glib-format, 100k crafted", "glib", [["--prettify", "crafted.json"]], ghash, binary="json-glib-format",
            prepare=lambda run: prepare_crafted(run, MANY_CRAFTED), judge=judge_many_crafted, stopped=True),
        Row("fill, longest pause", "glib", [[str(entries)]], ["g_hash_table_new", "g_hash_table_insert", "g_hash_table_lookup"],
            source="fill-glib", judge=judge_fill, measured="pause"),
        Row("update-mime-database", "glib", [["mime"]], ghash, binary="update-mime-database",
            prepare=prepare_mime, judge=judge_mime),
    ]


def arguments(names):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libdir", type=pathlib.Path, required=True, help="where hmap's libraries are")
    parser.add_argument("--pc", type=pathlib.Path, required=True, help="hmap-glib.pc; its libdir is taken to be that of --libdir")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to work in")
    parser.add_argument("--runs", type=int, default=5, help="how many runs a time is the median of (default 5; long rows: fewer)")
    parser.add_argument("--stop", type=float, default=30, metavar="SECONDS", help="when to stop the stock program that crafted keys "
                        "keep busy (default 30)")
    parser.add_argument("--entries", type=int, default=5000000, help="how many to fill the largest table with (default 5000000)")
    parser.add_argument("--tree", default="/usr/share/doc", help="what ostree commits (default /usr/share/doc)")
    parser.add_argument("--only", action="append", choices=names, help="only this row; may be repeated")
    return parser.parse_args()


def main():
    args = arguments([row.name for row in rows()])
    demo = Demo(args)
    frozen = demo.work / "frozen"
    frozen.mkdir(parents=True, exist_ok=True)
    for name in FROZEN:
        (frozen / name).write_bytes(pathlib.Path("/proc", name).read_bytes())
    return demo.show_table([row for row in rows(args.tree, args.entries) if not args.only or row.name in args.only])


if __name__ == "__main__":
    sys.exit(main())
