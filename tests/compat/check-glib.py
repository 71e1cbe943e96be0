#!/usr/bin/python3 -B
"""Runs the tests that Debian installs for GLib and OSTree, and three programs, as they are and relinked, and compares.

Relinked is a private copy whose first NEEDED entry is libhmap-glib (patchelf); nothing outside the work folder is written. A test is
  same            it ended the same way, and each of its cases did. (What it prints beside their names is not compared.)
  same at attempt N  the same, though not at first: time or order came into it
  not comparable  two stock runs differ from each other already
  REGRESSION      it passes stock and does not pass relinked, in several attempts
  UNUSED          it calls GHashTable functions, but nothing reached libhmap-glib
  differs         it fails stock, and in another way relinked
and a program is the same if it prints, returns and writes the same, byte by byte. The last columns are what libhmap-glib counted:
tables that it made, entries added, and calls that it handed on to GLib because GLib had made the table.
The exit status is 1 if there is a REGRESSION or an UNUSED.

One case is left out on both sides: hash's /hash/consistency, which reads GLib's private struct. Order is the one thing that may
differ, and ORDERED below lists the tests that compare it: these run again until the order, drawn anew each time, is GLib's.
Those in SEEDED compare two processes' orders with each other, and run with a seed that gives both processes the same.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from hmaptool import elf  # after the path to it

LIBRARY = "libhmap-glib.so.1"
LIBEXEC = pathlib.Path("/usr/libexec")
METADATA = pathlib.Path("/usr/share/installed-tests")
PATIENCE = 300  # seconds
ATTEMPTS = 3
ATTEMPTS_ORDERED = 100
BAD = {"REGRESSION", "UNUSED"}

# Arguments that a test gets on both sides.
ARGUMENTS = {"glib/hash": ["-s", "/hash/consistency"]}
LEFT_OUT = "that case reads GLib's private struct"
# Tests that compare with what GLib's order of entries happens to be, and where. These: one table holds two interfaces, Bar and
# Bat; what a walk over it yields is inserted, last one first, into another; and a walk over that has to yield Bar first. So the two
# tables have to differ in their order, and HMAP_SEED, which gives all tables the same, cannot make them.
CODEGEN = "om_check_get_all compares a text that has interfaces in the order of two tables with its order in GLib"
ORDERED = {f"glib/gdbus-test-codegen{variant}": CODEGEN for variant in ("", "-old", "-min-required-2-64")}
# Tests that compare what two processes make of equal tables. Each process has an order of its own; HMAP_SEED gives both the same.
PULL = "pull-test.sh compares the sizes of two deltas, whose objects two processes pack in the order of a table"
SEEDED = {f"libostree/test-pull-{mode}.sh": PULL for mode in ("bare", "bareuser", "bareuseronly")}


@dataclasses.dataclass
class Case:
    name: str
    commands: list          # each a list of arguments
    prepare: callable = lambda folder: None  # puts input files into the folder that it runs in
    exact: bool = False     # compare everything, and not only TAP
    program: str = ""       # what is relinked and looked into for GHashTable functions


@dataclasses.dataclass
class Outcome:
    status: list
    cases: list             # TAP: (passed, name) of each case; or everything that was printed and written
    passed: bool
    output: str = ""

    def same(self, other):
        return self.status == other.status and self.cases == other.cases


def is_program(path):
    """An executable that is linked to GLib, as opposed to a script or a library that another program loads."""
    if path.is_symlink() or not path.is_file() or not os.access(path, os.X_OK) or ".so" in path.name:
        return False
    return elf.is_elf(path) and "libglib-2.0.so.0" in elf.read(path).needed


def uses_tables(path):
    return is_program(path) and any(name.startswith("g_hash_table_") and not here for name, here in elf.symbols(path))


# ---- both sides

class Sides:
    """stock/ and relinked/ in the work folder, each with bin/ for PATH and libexec/ for the installed tests and what they call."""

    def __init__(self, work, libdir):
        self.work, self.libdir = work, libdir
        for side in "stock", "relinked":
            shutil.rmtree(work / side, ignore_errors=True)
            (work / side / "bin").mkdir(parents=True)

    def add_tree(self, tree):
        """A folder of LIBEXEC."""
        for side in "stock", "relinked":
            shutil.copytree(LIBEXEC / tree, self.work / side / "libexec" / tree, symlinks=True)
        for path in sorted((self.work / "relinked" / "libexec" / tree).rglob("*")):
            if is_program(path):
                elf.add_needed(path, self.libdir / LIBRARY)

    def add_program(self, name):
        """Returns whether it is installed."""
        found = shutil.which(name)
        if found:
            for side in "stock", "relinked":
                shutil.copy(os.path.realpath(found), self.work / side / "bin" / name)
            elf.add_needed(self.work / "relinked" / "bin" / name, self.libdir / LIBRARY)
        return bool(found)

    def locate(self, side, text):
        return text.replace(str(LIBEXEC), str(self.work / side / "libexec"))

    def run(self, case, side, **env):
        with tempfile.TemporaryDirectory(dir=self.work) as scratch:
            folder = pathlib.Path(scratch, "run")
            for sub in folder, pathlib.Path(scratch, "home"), pathlib.Path(scratch, "tmp"), pathlib.Path(scratch, "runtime"):
                sub.mkdir(mode=0o700)
            case.prepare(folder)
            done = [attempt([self.locate(side, a) for a in c], folder, self.environment(side, scratch, **env))
                    for c in case.commands]
            return exact_outcome(done, folder, scratch) if case.exact else tap_outcome(done)

    def environment(self, side, scratch, **env):
        path = f"{self.work / side / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "LC_ALL": "C.UTF-8",
               "TZ": "UTC", "HOME": f"{scratch}/home", "TMPDIR": f"{scratch}/tmp", "XDG_RUNTIME_DIR": f"{scratch}/runtime", **env}


def attempt(argv, folder, env):
    """Runs a command. What does not end is ended with all its children."""
    with subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
        return process.returncode, out, err


def tap_outcome(done):
    (status, out, err), = done
    text = out.decode(errors="replace")
    lines = re.findall(r"^\s*(ok|not ok) \d*\s*-?\s*(.*)$", text, re.MULTILINE)
    cases = [(ok == "ok", re.sub(r" #.*|(?<=seed:)\d+", "", name)) for ok, name in lines]
    return Outcome([status], cases, status in (0, 77) and all(ok for ok, _ in cases), text + err.decode(errors="replace"))


def exact_outcome(done, folder, scratch):
    files = [(str(p.relative_to(folder)), p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()]
    printed = [part.replace(scratch.encode(), b"SCRATCH") for _, out, err in done for part in (out, err)]
    status = [code for code, _, _ in done]
    return Outcome(status, printed + files, not any(status), b"\n".join(printed).decode(errors="replace"))


# ---- a comparison

def counted(stats):
    """What libhmap-glib counted, summed over the processes."""
    sums = {"tables": 0, "entries": 0, "foreign": 0}
    for line in stats.read_text().splitlines() if stats.exists() else []:
        values = dict(pair.split("=", 1) for pair in line.split()[1:])
        for key in sums:
            sums[key] += int(values[key])
    return sums


def judge(sides, case, stock, relinked, env):
    """same, or what it is instead."""
    if stock.same(relinked):
        return "same"
    ordered = case.name in ORDERED
    if not ordered and any(not sides.run(case, "stock").same(stock) for _ in range(2)):
        return "not comparable"
    for number in range(2, (ATTEMPTS_ORDERED if ordered else ATTEMPTS) + 1):
        if sides.run(case, "relinked", **env).same(stock):
            return f"same at attempt {number}"
    return "REGRESSION" if stock.passed else "differs"


def compare(sides, case):
    stats = sides.work / "stats" / case.name.replace("/", "-")
    stock = sides.run(case, "stock")
    env = {"HMAP_STATS": str(stats)} | ({"HMAP_SEED": "one order"} if case.name in SEEDED else {})
    relinked = sides.run(case, "relinked", **env)
    for side, outcome in ("stock", stock), ("relinked", relinked):
        (stats.parent / f"{stats.name}.{side}.txt").write_text(outcome.output)
    verdict = judge(sides, case, stock, relinked, env)
    counts = counted(stats)  # of all attempts: one that aborts leaves none
    uses = bool(case.program) and uses_tables(sides.work / "stock" / case.program)
    if verdict.startswith("same") and uses and stock.cases and counts["tables"] + counts["foreign"] == 0:
        verdict = "UNUSED"
    return case, verdict, stock, uses, counts


# ---- the cases

def suite_cases(suite):
    """The tests of a package, from the descriptions that it installs."""
    for file in sorted((METADATA / suite).glob("*.test")):
        name = f"{suite}/{file.name[:-5]}"
        argv = shlex.split(re.search("^Exec=(.*)$", file.read_text(), re.MULTILINE).group(1))
        program = next((a for a in argv if a.startswith(f"{LIBEXEC}/")), "")
        yield Case(name, [argv + ARGUMENTS.get(name, [])], program=program.replace("/usr/", "", 1))


def write_capture(folder):
    """capture.pcap: DNS questions, TCP segments of HTTP and ARP, 300 frames."""
    ethernet = bytes.fromhex("020000000001020000000002")
    frames = []
    for i in range(300):
        if i % 3 == 0:
            name = f"\x05host{i % 10}\x07example\x03org\0".encode()
            question = struct.pack(">HHHHHH", i, 0x100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
            body = struct.pack(">HHHH", 1024 + i, 53, 8 + len(question), 0) + question
            frames.append(ethernet + b"\x08\x00" + ip_header(17, len(body), i) + body)
        elif i % 3 == 1:
            request = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i
            body = struct.pack(">HHIIBBHHH", 2048 + i % 7, 80, i * 100, 1, 0x50, 0x18, 8192, 0, 0) + request
            frames.append(ethernet + b"\x08\x00" + ip_header(6, len(body), i) + body)
        else:
            frames.append(ethernet + bytes.fromhex("08060001080006040001") + ethernet[6:] + bytes([10, 0, 0, i % 256]) + bytes(6)
                          + bytes([10, 0, 0, 1]))
    records = [struct.pack("=IIII", i, 0, len(f), len(f)) + f for i, f in enumerate(frames)]
    (folder / "capture.pcap").write_bytes(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))


def ip_header(protocol, length, number):
    return struct.pack(">BBHHHBBHII", 0x45, 0, 20 + length, number, 0, 64, protocol, 0, 0x0A000001, 0x0A000002 + number % 5)


def write_metainfo(folder):
    """A catalog of 200 programs for appstreamcli."""
    components = "".join(f"""<component type="desktop-application"><id>org.example.App{i}</id><name>App {i}</name>
<pkgname>app{i}</pkgname>
<summary>Number {i}</summary><description><p>About {i}.</p></description><categories><category>Game</category></categories>
<url type="homepage">https://example.org/{i}</url>
<launchable type="desktop-id">org.example.App{i}.desktop</launchable><metadata_license>FSFAP</metadata_license>
<keywords><keyword>word{i % 9}</keyword></keywords></component>""" for i in range(200))
    (folder / "catalog.xml").write_text(f'<?xml version="1.0"?><components version="0.16" origin="test">{components}</components>')


def program_cases():
    """Three programs of different kinds: a network analyzer, a multimedia framework's registry, a catalog of software."""
    read = ["tshark", "-n", "-r", "capture.pcap"]
    return [
        Case("tshark", [[*read, "-V"], [*read, "-T", "json"], ["tshark", "-G", "protocols"],
                        [*read, "-q", "-z", "io,phs", "-z", "conv,ip", "-z", "endpoints,tcp"]], write_capture, True, "bin/tshark"),
        Case("gst-inspect-1.0", [["gst-inspect-1.0"], ["gst-inspect-1.0", "--print-all"],
                                 ["gst-inspect-1.0", "videoconvert"]], exact=True, program="bin/gst-inspect-1.0"),
        Case("appstreamcli", [["appstreamcli", "convert", "catalog.xml", "catalog.yml"],
                              ["appstreamcli", "convert", "catalog.yml", "again.xml"],
                              ["appstreamcli", "validate", "--no-net", "catalog.xml"]],
             write_metainfo, True, "bin/appstreamcli"),
    ]


def add_what_ostrees_tests_call(sides):
    if (LIBEXEC / "libostree").is_dir():  # until Debian 12
        sides.add_tree("libostree")
    sides.add_program("ostree")
    if sides.add_program("gjs-console"):
        for side in "stock", "relinked":
            (sides.work / side / "bin" / "gjs").symlink_to("gjs-console")


def gather(sides, args):
    """All cases that can run here, and what is missing."""
    cases, missing = [], []
    for suite, package in ("glib", "libglib2.0-tests"), ("libostree", "ostree-tests"):
        if args.only and not any(n.startswith(suite + "/") for n in args.only):
            continue
        if not (METADATA / suite).is_dir():
            missing.append(package)
            continue
        sides.add_tree(f"installed-tests/{suite}")
        cases += suite_cases(suite)
        if suite == "libostree":
            add_what_ostrees_tests_call(sides)
    for case in program_cases():
        if args.only and case.name not in args.only:
            continue
        if sides.add_program(case.name):
            cases.append(case)
        else:
            missing.append({"tshark": "tshark", "gst-inspect-1.0": "gstreamer1.0-tools", "appstreamcli": "appstream"}[case.name])
    return [c for c in cases if not args.only or c.name in args.only], missing


# ---- the report

def line(case, verdict, stock, uses, counts):
    result = "passes" if stock.passed else "fails"
    table = "uses tables" if uses else "-"
    return (f"{case.name:50} {result:7} {len(stock.cases) if not case.exact else '-':>6}  {verdict:18} {table:11} "
            f"{counts['tables']:8} {counts['entries']:9} {counts['foreign']:8}")


def tap_line(number, result):
    case, verdict, _, _, counts = result
    word = "not ok" if verdict in BAD else "ok"
    return f"{word} {number} - {case.name}: {verdict}, {counts['tables']} tables, {counts['foreign']} foreign calls"


def summary(results):
    verdicts = [verdict for _, verdict, *_ in results]
    total = {key: sum(counts[key] for *_, counts in results) for key in ("tables", "entries", "foreign")}
    same = sum(v.startswith("same") for v in verdicts)
    using = sum(bool(counts["tables"] or counts["foreign"]) for *_, counts in results)
    print(f"{len(results)} tests and programs: {same} same, {verdicts.count('not comparable')} not comparable, "
          f"{verdicts.count('differs')} that fail stock differ; {sum(stock.passed for _, _, stock, *_ in results)} pass stock")
    print(f"{using} of them reached libhmap-glib: {total['tables']} tables, {total['entries']} entries, {total['foreign']} foreign calls")
    print(f"{verdicts.count('REGRESSION')} regressions, {verdicts.count('UNUSED')} with no call of ours where there should be some")
    for case, verdict, *_ in results:
        if case.name in ARGUMENTS:
            print(f"{case.name} ran with {shlex.join(ARGUMENTS[case.name])}: {LEFT_OUT}")
        if case.name in SEEDED:
            print(f"{case.name} ran with HMAP_SEED set: {SEEDED[case.name]}")
        if verdict != "same":
            print(f"{case.name}: {verdict}" + (f": {ORDERED[case.name]}" if case.name in ORDERED else ""))


def report(args, sides, cases):
    results = []
    if args.tap:
        print(f"1..{len(cases)}")
    else:
        print(f"{'test':50} stock    cases  relinked           GHashTable    tables   entries  foreign")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for result in pool.map(lambda case: compare(sides, case), cases):
            results.append(result)
            print(tap_line(len(results), result) if args.tap else line(*result), flush=True)
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libdir", type=pathlib.Path, required=True, help="where libhmap-glib is")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to work in")
    parser.add_argument("--only", action="append", help="only this test, such as glib/hash, or program; may be repeated")
    parser.add_argument("--tap", action="store_true", help="print TAP")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    return parser.parse_args()


def main():
    args = arguments()
    work = args.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    (work / "stats").mkdir(parents=True)
    sides = Sides(work, args.libdir.resolve())
    cases, missing = gather(sides, args)
    if missing:
        sys.exit("check-glib: these Debian packages are missing: " + " ".join(missing))
    results = report(args, sides, cases)
    if not args.tap:
        print()
        summary(results)
        print(f"What the tests printed is in {work / 'stats'}")
    return 1 if any(verdict in BAD for _, verdict, *_ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
