#!/usr/bin/python3 -B
"""Runs programs of Debian's as they are and on hmap, in turn, records what they do with their tables, and replays that.

For each program this shows
  whole   user and system CPU time, and wall time, on hmap over stock: the least of several runs each, in turn
  noise   stock over stock, by the same measure, of the same rounds
  output  what the program printed and wrote on hmap: the same as stock; the same lines in another order, or binary files as long,
          which programs write in the order of their tables: order; other things, where stock differs from itself, too: varies
  replay  time, instructions (with --instructions) and peak memory of its trace on hmap over GLib or libc
and whether all results of the replay are the same. Figures go to WORK/results.json, from which make plots makes doc/programs.md.

Programs that are not installed are listed, with the Debian packages that have them, and this asks before it installs any
(--install: without asking). What is not packaged here is left out, with a line.
"""

import argparse
import contextlib
import dataclasses
import glob
import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

import inputs

NOWHERE = subprocess.DEVNULL
PATH = ":".join([os.environ["PATH"], "/usr/sbin", "/sbin", *glob.glob("/usr/lib/*/glib-2.0")])
SMALL = 0.05    # scale of an input that is no longer than it takes to see whether a program works
SHORTEST = 0.1  # seconds: what takes less is run several times each time


@dataclasses.dataclass
class Row:
    """A program, what makes its input, and its arguments. Commands of before are run first, in the folder, stock. reader prints what is
    in the files it writes, where their order changes how long they are."""
    name: str
    packages: str
    argv: list
    make: callable = inputs.nothing
    stdin: str = ""
    before: list = dataclasses.field(default_factory=list)  # commands
    environment: dict = dataclasses.field(default_factory=dict)
    display: bool = False   # it needs one
    reader: str = ""        # a command of the shell
    traced: float = 0.0     # the scale of the small trace in bench/traces; 0: there is none

    @property
    def file(self):
        """Its name, for a file."""
        return self.name.replace(" ", "-").replace(",", "")


ROWS = [
    Row("json-glib-format", "json-glib-tools", ["json-glib-format", "-p", "objects.json"], inputs.objects, traced=0.06),
    Row("json-glib-validate", "json-glib-tools", ["json-glib-validate", "lock.json"], inputs.lock, traced=0.04),
    Row("json-glib-validate, crafted", "json-glib-tools", ["json-glib-validate", "crafted.json"], inputs.crafted, traced=0.17),
    Row("ssconvert", "gnumeric", ["ssconvert", "table.csv", "table.xlsx"], inputs.table, traced=0.15),
    Row("potool", "potool", ["potool", "a.po", "b.po"], inputs.translations, traced=0.03),
    Row("appstreamcli", "appstream", ["appstreamcli", "convert", "catalogue.xml", "catalogue.yml"], inputs.catalogue, traced=0.05),
    Row("g-ir-compiler", "gobject-introspection", ["g-ir-compiler", "Made-1.0.gir", "-o", "Made-1.0.typelib"], inputs.interfaces),
    Row("transform", "libgts-bin", ["transform", "-s", "2"], inputs.torus, stdin="torus.gts", traced=0.08),
    Row("gtscheck", "libgts-bin", ["gtscheck"], inputs.torus, stdin="torus.gts", traced=0.08),
    Row("delaunay", "libgts-bin", ["delaunay"], inputs.sites, stdin="sites", traced=0.033),
    Row("tshark -G fields", "tshark", ["tshark", "-G", "fields"]),
    Row("tshark -z conv", "tshark", ["tshark", "-n", "-q", "-r", "capture.pcap", "-z", "conv,ip"], inputs.capture),
    Row("capinfos", "wireshark-common", ["capinfos", "capture.pcap"], inputs.capture),
    Row("createrepo_c", "createrepo-c", ["createrepo_c", "."]),
    Row("gtk-update-icon-cache", "gtk-update-icon-cache", ["gtk-update-icon-cache", "-f", "icons"], inputs.icons, traced=0.15),
    Row("glib-compile-schemas", "libglib2.0-bin", ["glib-compile-schemas", "schemas"], inputs.schemas, traced=0.05),
    Row("glib-compile-resources", "libglib2.0-dev-bin libglib2.0-bin", ["glib-compile-resources", "r.gresource.xml"], inputs.resources, traced=0.05,
        reader="gresource details r.gresource"),
    Row("gio list", "libglib2.0-bin", ["gio", "list", "-a", "standard::*", "tree/1"], inputs.files),
    Row("gio tree", "libglib2.0-bin", ["gio", "tree", "tree"], inputs.files, traced=0.05),
    Row("ostree commit", "ostree", ["ostree", "--repo=repo", "commit", "--branch=b", "--subject=s", "tree"], inputs.files,
        before=[["ostree", "--repo=repo", "init", "--mode=bare-user-only"], ["ostree", "--repo=repo", "config", "set", "core.fsync", "false"]],
        traced=0.02),
    Row("update-mime-database", "shared-mime-info", ["update-mime-database", "mime"], inputs.mime, traced=0.05),
    Row("update-desktop-database", "desktop-file-utils", ["update-desktop-database", "applications"], inputs.desktop_files, traced=0.05),
    Row("dconf compile", "dconf-cli", ["dconf", "compile", "db", "db.d"], inputs.dconf,
        reader='echo "file-db:$PWD/db" >.profile && DCONF_PROFILE=$PWD/.profile dconf dump /'),
    Row("notmuch new", "notmuch", ["notmuch", "--config=notmuch-config", "new", "--quiet"], inputs.mail),
    Row("arp-scan", "arp-scan patchelf", ["arp-scan", "--readpktfromfile=replies.pcap", "--plain", "--retry=1", "--timeout=1",
                                 "--ouifile=vendors.txt", "--macfile=/dev/null", "127.0.0.1"], inputs.replies, traced=0.05),
    Row("free", "procps patchelf", ["free", "--wide"]),
    Row("vmstat", "procps patchelf", ["vmstat", "--stats"]),
    Row("stress-ng", "stress-ng patchelf", ["stress-ng", "--hsearch", "1", "--hsearch-ops", "100", "--quiet"]),
    Row("drbdadm", "drbd-utils patchelf", ["/usr/lib/drbd/drbdadm-84", "-c", "drbd.conf", "dump"], inputs.configurations),
    Row("syslog-ng", "syslog-ng-core", ["syslog-ng", "--syntax-only", "-f", "syslog-ng.conf"], inputs.configurations),
    Row("crm_simulate", "pacemaker-cli-utils", ["crm_simulate", "--simulate", "--xml-file", "cib.xml"], inputs.configurations),
    Row("flatpak-builder", "flatpak-builder", ["flatpak-builder", "--show-manifest", "manifest.json"], inputs.configurations),
    Row("qemu-img", "qemu-utils", ["qemu-img", "create", "-f", "qcow2", "disk", "1G"]),
    Row("gst-inspect", "gstreamer1.0-tools", ["gst-inspect-1.0", "coreelements"], environment={"GST_REGISTRY_FORK": "no"}),
    Row("rsvg-convert", "librsvg2-bin", ["rsvg-convert", "drawing.svg", "-o", "drawing.png"], inputs.drawing),
    Row("inkscape", "inkscape", ["inkscape", "drawing.svg", "--export-type=png", "--export-filename=drawing.png"], inputs.drawing),
    Row("evince", "evince", ["evince-thumbnailer", "document.pdf", "page.png"], inputs.document),
    Row("zenity", "zenity xvfb", ["zenity", "--text-info", "--filename=words.txt", "--timeout=1"], inputs.words, display=True),
    Row("rmlint", "rmlint", ["rmlint", "tree"], inputs.files),
    Row("gjs", "gjs", ["gjs", "use.js"], inputs.script),
    Row("PyGObject", "python3-gi", ["/usr/bin/python3", "use.py"], inputs.script),
    Row("valac", "valac", ["valac", "-C", "use.vala"], inputs.script),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


def program_of(row):
    """The path of a row's program, or None."""
    return shutil.which(row.argv[0], path=PATH)


def is_there(row):
    """Whether a row can be run: dpkg knows what belongs to it; elsewhere its program has to do."""
    if not program_of(row) or not shutil.which("dpkg-query"):
        return program_of(row) is not None
    found = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}\n", *row.packages.split()], capture_output=True, text=True,
                           check=False).stdout
    return found.split() == ["installed"] * len(row.packages.split())


def digests(path):
    """What is in a file: as it is, and as lines in any order. Of a binary file in any order its length is what can be told."""
    data = path.read_bytes()
    unordered = len(data) if b"\0" in data else hashlib.sha256(b"\n".join(sorted(data.split(b"\n")))).digest()
    return hashlib.sha256(data).digest(), unordered


class Bench:
    def __init__(self, hmap, work):
        self.hmap, self.work = hmap.resolve(), work.resolve()
        self.libdir = next(p.parent for p in self.hmap.parents[1].rglob("libhmap-search.so.1") if "record" not in p.parts)
        self.display = None

    def close(self):
        if self.display:
            self.display[0].terminate()
            self.display[0].wait()

    def input(self, row, scale):
        """Makes the input of a row, of which each run has a copy."""
        folder = self.work / "rows" / row.file / "input"
        shutil.rmtree(folder.parent, ignore_errors=True)
        folder.mkdir(parents=True)
        with contextlib.chdir(folder):
            row.make(scale)
        for command in row.before:
            subprocess.run(command, cwd=folder, stdout=NOWHERE, stderr=NOWHERE, check=True)
        return folder.parent

    @staticmethod
    def fresh(folder):
        """A folder to run in, where files are those of the input: by their links, as programs replace files and do not change them."""
        shutil.rmtree(folder / "run", ignore_errors=True)
        shutil.copytree(folder / "input", folder / "run", copy_function=os.link)
        return folder / "run"

    def screen(self):
        """The name of a display that nobody sees."""
        if not self.display:
            ours, its = os.pipe()
            server = subprocess.Popen(["Xvfb", "-displayfd", str(its), "-nolisten", "tcp"], pass_fds=[its], stdout=NOWHERE, stderr=NOWHERE)
            os.close(its)
            with open(ours, encoding="ascii") as told:
                self.display = server, ":" + told.readline().strip()
        return self.display[1]

    def environment(self, row, folder, switched):
        found = {"PATH": PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(folder), **row.environment}
        if row.display:
            found["DISPLAY"] = self.screen()
        if switched:
            found["LD_LIBRARY_PATH"] = str(self.libdir / "hmap" / "shadow")
        return found

    def relinked(self, row):
        """For hsearch: a copy of the program that has ours first; else the program."""
        path = program_of(row)
        target = self.work / "relinked" / os.path.basename(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        checked = subprocess.run([self.hmap, "check", path], capture_output=True, text=True, check=False).stdout
        if not any(line.startswith("  hsearch ") for line in checked.splitlines()):
            return path
        subprocess.run([self.hmap, "relink", path, "-o", target], stdout=NOWHERE, stderr=NOWHERE, check=True)
        return str(target)

    def run(self, row, folder, program, switched, times=1):
        """CPU and wall seconds of one run, with its children, and its exit status. Several runs at once: of one of them."""
        run, environment = self.fresh(folder), self.environment(row, folder / "run", switched)
        with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            for _ in range(times):
                with open(run / row.stdin if row.stdin else os.devnull, "rb") as stdin:
                    status = subprocess.run([program, *row.argv[1:]], executable=program, cwd=run, stdin=stdin, stdout=out, stderr=err,
                                            env=environment, check=False, timeout=300).returncode
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"cpu": cpu / times, "wall": wall / times, "status": status}

    @staticmethod
    def written(row, folder):
        """What the last run printed, and what it wrote besides into its folder, other than settings and caches: as it is, and what
        there is in it in any order."""
        run = folder / "run"
        kept = {p.stat().st_ino for p in (folder / "input").rglob("*") if p.is_file()}
        found = [p for p in run.rglob("*") if p.is_file() and p.stat().st_ino not in kept
                 and not any(part.startswith(".") for part in p.relative_to(run).parts)]
        digest = {str(p.relative_to(folder)): digests(p) for p in (folder / "stdout", folder / "stderr", *found)}
        if row.reader:
            text = subprocess.run(row.reader, shell=True, cwd=run, capture_output=True, check=True).stdout
            digest.update({str(p.relative_to(folder)): (digests(p)[0], "see reader") for p in found})
            digest["reader"] = sorted(text.split(b"\n")), sorted(text.split(b"\n"))
        return digest

    def output(self, row, folder, stock, ours):
        """One run of each, which may take longer than those that count, and how often a run is to be done to take long enough."""
        seen = []
        for program, switched in (stock, False), (ours, True), (stock, False):
            ran = self.run(row, folder, program, switched)
            seen.append((ran["status"], self.written(row, folder)))
        times = max(1, min(50, int(SHORTEST / ran["wall"])))
        first, other, again = seen
        if first[0] != other[0]:
            raise RuntimeError(f"the exit status is {first[0]}, and on hmap {other[0]}")
        if first == other:
            return "same", times
        if first != again:
            return "varies", times
        unordered = [{name: found for name, (_, found) in files.items()} for _, files in (first, other)]
        return "order" if unordered[0] == unordered[1] else "other", times

    def whole(self, row, scale, rounds):
        """The program as it is, on hmap, and as it is once more, in turn."""
        folder = self.input(row, scale)
        stock, ours = program_of(row), self.relinked(row)
        output, times = self.output(row, folder, stock, ours)
        runs = {"stock": [], "hmap": [], "again": []}
        for n in range(rounds):
            say(f"{row.name}: round {n + 1} of {rounds}, {times} at a time")
            for side, done in runs.items():
                done.append(self.run(row, folder, ours if side == "hmap" else stock, side == "hmap", times))
        least = {side: {what: min(run[what] for run in done) for what in ("cpu", "wall")} for side, done in runs.items()}
        result = {what: least["hmap"][what] / max(least["stock"][what], 1e-6) for what in ("cpu", "wall")}
        return {**result, "noise": least["again"]["cpu"] / max(least["stock"]["cpu"], 1e-6), "seconds": least["stock"]["cpu"],
                "status": runs["stock"][0]["status"], "output": output}

    def record(self, row, scale, trace, *options):
        """Writes the trace of a row, and of no other process of it."""
        run = self.fresh(self.input(row, scale))
        with open(run / row.stdin if row.stdin else os.devnull, "rb") as stdin:
            done = subprocess.run([self.hmap, "record", *options, "-o", trace, program_of(row), *row.argv[1:]], cwd=run, stdin=stdin,
                                  stdout=NOWHERE, stderr=subprocess.PIPE, env=self.environment(row, run, False), check=False, timeout=900)
        if not trace.exists():
            raise RuntimeError("no table was recorded: " + done.stderr.decode(errors="replace").strip()[-200:])

    def replay(self, trace, *options):
        done = subprocess.run([self.hmap, "replay", "--json", *options, trace], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def measure(self, row, options):
        trace = self.work / "traces" / f"{row.file}.trace"
        trace.parent.mkdir(parents=True, exist_ok=True)
        trace.unlink(missing_ok=True)
        result, scale = {"name": row.name, "packages": row.packages}, row.traced or SMALL if options.check else 1
        if options.rounds:
            result["whole"] = self.whole(row, scale, 1 if options.check else options.rounds)
        self.record(row, scale, trace, "--limit", "512M")
        result["replay"] = self.replay(trace, *["--check"] * options.check, f"--runs={options.runs}", *["--instructions"] * options.instructions)
        trace.unlink()
        return result


def small_traces(bench, rows, folder):
    """The traces in bench/traces."""
    for row in rows:
        if not row.traced:
            continue
        trace = bench.work / f"{row.file}.trace"
        try:
            bench.record(row, row.traced, trace)
        except (RuntimeError, subprocess.SubprocessError) as error:
            say(f"{row.name}: {error}")
            continue
        subprocess.run(["xz", "-9e", "-f", "-k", trace], check=True)
        os.chmod(f"{trace}.xz", 0o644)
        shutil.move(f"{trace}.xz", folder / f"{trace.name}.xz")


def install(rows, without_asking):
    """Asks, and installs what is missing."""
    packages = sorted({package for row in rows if not is_there(row) for package in row.packages.split()})
    if not packages or not shutil.which("apt-get"):
        return
    say(f"not installed: {' '.join(packages)}")
    if not without_asking:
        if not sys.stdin.isatty() or input("install these packages with apt-get? [y/N] ").lower() not in ("y", "yes"):
            return
    apt = [*([] if os.geteuid() == 0 else ["sudo"]), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=600"]
    subprocess.run([*apt, "update", "-q"], stdout=NOWHERE, stderr=NOWHERE, check=False)
    for package in packages:  # one by one: another distribution may lack some
        say(f"installing {package}")
        subprocess.run([*apt, "install", "-y", "-q", "--no-install-recommends", "--no-remove", package], stdin=NOWHERE, stdout=NOWHERE,
                       stderr=NOWHERE, check=False)


def others_seconds():
    """Processor time since the machine started that neither this process nor its children have taken."""
    fields = pathlib.Path("/proc/stat").read_text().split()[1:9]
    idle = {3, 4}
    return sum(int(f) for i, f in enumerate(fields) if i not in idle) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def machine(began):
    """Where it was measured, and whether the machine had other things to do since then: a tenth of a processor, or more."""
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "?")
    system = next((line.split("=")[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME")), "?")
    busy = others_seconds() - began[0] > (time.monotonic() - began[1]) / 10
    return f"{system}, {model}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}." + (
        " **The machine was busy with other work: times mean little.**" if busy else "")


def ratio(result, *names):
    for name in names:
        result = (result or {}).get(name)
    return f"{result:.2f}" if result is not None else "-"


def show(results):
    head = ["program", "output", "CPU", "noise", "wall", "replay", "instr.", "memory", "results"]
    rows = [[r["name"], r.get("whole", {}).get("output", "-"), ratio(r, "whole", "cpu"), ratio(r, "whole", "noise"), ratio(r, "whole", "wall"), ratio(r, "replay", "seconds", "ratio"),
             ratio(r, "replay", "instructions", "ratio"), ratio(r, "replay", "kib", "ratio"), "same" if r["replay"]["same"] else "DIFFER"]
            for r in results]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in [head, *rows]:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hmap", type=pathlib.Path, required=True, help="the installed command hmap")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to work in")
    parser.add_argument("--rounds", type=int, default=10, help="runs of each whole program (default 10; 0: none)")
    parser.add_argument("--runs", type=int, default=5, help="replays of each side (default 5)")
    parser.add_argument("--check", action="store_true", help="one run of each, with small inputs: only whether output and "
                        "results are the same")
    parser.add_argument("--instructions", action="store_true", help="count the replays' instructions too")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only programs with this in their names; may be repeated")
    parser.add_argument("--install", action="store_true", help="install what is missing without asking")
    parser.add_argument("--traces", type=pathlib.Path, metavar="FOLDER", help="measure nothing, but make the small traces anew")
    return parser.parse_args()


def measure_all(bench, rows, options):
    results, began = [], (others_seconds(), time.monotonic())
    for row in rows:
        try:
            results.append(bench.measure(row, options))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            say(f"{row.name} is left out: {error}")
        measured = {"rounds": options.rounds, "machine": machine(began), "programs": results}  # each time: a run may be broken off
        (bench.work / "results.json").write_text(json.dumps(measured, indent=1))
    show(results)
    return any(not r["replay"]["same"] or r.get("whole", {}).get("output") == "other" for r in results)


def main():
    options = arguments()
    rows = [row for row in ROWS if not options.only or any(text in row.name for text in options.only)]
    install(rows, options.install)
    for row in rows:
        if not is_there(row):
            say(f"{row.name} is left out: {row.argv[0]} is not there (Debian: {row.packages})")
    rows = [row for row in rows if is_there(row)]
    options.work.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Bench(options.hmap, options.work)) as bench:
        return small_traces(bench, rows, options.traces) if options.traces else measure_all(bench, rows, options)


if __name__ == "__main__":
    sys.exit(main())
