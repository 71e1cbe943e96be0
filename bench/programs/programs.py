#!/usr/bin/python3 -B
"""Runs programs of Debian's as they are and on hmap, in turn, records what they do with their tables, and replays that.

For each program this shows
  whole   user and system CPU time, and wall time, on hmap over stock: the least of several runs each, in turn
  noise   stock over stock, by the same measure, of the same rounds
  replay  time, instructions (with --instructions) and peak memory of its trace on hmap over GLib or libc
and whether all results of the replay are the same. Figures go to WORK/results.json, from which make plots makes doc/programs.md.

Programs that are not installed are listed, with the Debian packages that have them, and this asks before it installs any
(--install: without asking). What is not packaged here is left out, with a line.
"""

import argparse
import dataclasses
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


@dataclasses.dataclass
class Row:
    """A program, what makes its input, and its arguments; words of before are run first, in the folder, stock."""
    name: str
    package: str
    argv: list
    make: callable = inputs.nothing
    stdin: str = ""
    before: list = dataclasses.field(default_factory=list)  # commands
    environment: dict = dataclasses.field(default_factory=dict)
    traced: float = 0.0     # the scale of the small trace in bench/traces; 0: there is none


ROWS = [
    Row("json-glib-format", "json-glib-tools", ["json-glib-format", "-p", "objects.json"], inputs.objects, traced=0.02),
    Row("json-glib-validate", "json-glib-tools", ["json-glib-validate", "lock.json"], inputs.lock, traced=0.01),
    Row("json-glib-validate, crafted", "json-glib-tools", ["json-glib-validate", "crafted.json"], inputs.crafted, traced=0.05),
    Row("ssconvert", "gnumeric", ["ssconvert", "table.csv", "table.xlsx"], inputs.table, traced=0.02),
    Row("potool", "potool", ["potool", "a.po", "b.po"], inputs.translations, traced=0.03),
    Row("appstreamcli", "appstream", ["appstreamcli", "convert", "catalogue.xml", "catalogue.yml"], inputs.catalogue, traced=0.02),
    Row("g-ir-compiler", "gobject-introspection", ["g-ir-compiler", "/usr/share/gir-1.0/Gio-2.0.gir", "-o", "Gio.typelib"]),
    Row("transform", "libgts-bin", ["transform", "-s", "2"], inputs.torus, stdin="torus.gts", traced=0.02),
    Row("gtscheck", "libgts-bin", ["gtscheck"], inputs.torus, stdin="torus.gts", traced=0.02),
    Row("delaunay", "libgts-bin", ["delaunay"], inputs.sites, stdin="sites", traced=0.01),
    Row("tshark -G fields", "tshark", ["tshark", "-G", "fields"]),
    Row("tshark -z conv", "tshark", ["tshark", "-n", "-q", "-r", "capture.pcap", "-z", "conv,ip"], inputs.capture),
    Row("capinfos", "wireshark-common", ["capinfos", "capture.pcap"], inputs.capture),
    Row("createrepo_c", "createrepo-c", ["createrepo_c", "."]),
    Row("gtk-update-icon-cache", "gtk-update-icon-cache", ["gtk-update-icon-cache", "-f", "icons"], inputs.icons, traced=0.05),
    Row("glib-compile-schemas", "libglib2.0-bin", ["/usr/lib/x86_64-linux-gnu/glib-2.0/glib-compile-schemas", "schemas"], inputs.schemas, traced=0.05),
    Row("glib-compile-resources", "libglib2.0-dev-bin", ["glib-compile-resources", "r.gresource.xml"], inputs.resources, traced=0.05),
    Row("gio list", "libglib2.0-bin", ["gio", "list", "-a", "standard::*", "tree/1"], inputs.files),
    Row("gio tree", "libglib2.0-bin", ["gio", "tree", "tree"], inputs.files, traced=0.05),
    Row("ostree commit", "ostree", ["ostree", "--repo=repo", "commit", "--branch=b", "--subject=s", "tree"], inputs.files,
        before=[["ostree", "--repo=repo", "init", "--mode=bare-user-only"], ["ostree", "--repo=repo", "config", "set", "core.fsync", "false"]],
        traced=0.02),
    Row("update-mime-database", "shared-mime-info", ["update-mime-database", "mime"], inputs.mime, traced=0.05),
    Row("update-desktop-database", "desktop-file-utils", ["update-desktop-database", "applications"], inputs.desktop_files, traced=0.05),
    Row("dconf compile", "dconf-cli", ["dconf", "compile", "db", "db.d"], inputs.dconf),
    Row("notmuch new", "notmuch", ["notmuch", "--config=notmuch-config", "new", "--quiet"], inputs.mail),
    Row("arp-scan", "arp-scan", ["arp-scan", "--readpktfromfile=replies.pcap", "--plain", "--retry=1", "--timeout=1",
                                 "--ouifile=vendors.txt", "--macfile=/dev/null", "127.0.0.1"], inputs.replies, traced=0.05),
    Row("free", "procps", ["free", "--wide"]),
    Row("vmstat", "procps", ["vmstat", "--stats"]),
    Row("mtr", "mtr-tiny", ["mtr", "--report", "-c", "1", "-i", "0.1", "127.0.0.1"]),
    Row("stress-ng", "stress-ng", ["stress-ng", "--hsearch", "1", "--hsearch-ops", "100", "--quiet"]),
    Row("drbdadm", "drbd-utils", ["drbdadm", "-c", "drbd.conf", "dump"], inputs.configurations),
    Row("syslog-ng", "syslog-ng-core", ["syslog-ng", "--syntax-only", "-f", "syslog-ng.conf"], inputs.configurations),
    Row("crm_simulate", "pacemaker-cli-utils", ["crm_simulate", "--simulate", "--xml-file", "cib.xml"], inputs.configurations),
    Row("flatpak-builder", "flatpak-builder", ["flatpak-builder", "--show-manifest", "manifest.json"], inputs.configurations),
    Row("qemu-img", "qemu-utils", ["qemu-img", "create", "-f", "qcow2", "disk", "1G"]),
    Row("gst-inspect", "gstreamer1.0-tools", ["gst-inspect-1.0", "coreelements"], environment={"GST_REGISTRY_FORK": "no"}),
    Row("rsvg-convert", "librsvg2-bin", ["rsvg-convert", "drawing.svg", "-o", "drawing.png"], inputs.drawing),
    Row("inkscape", "inkscape", ["inkscape", "drawing.svg", "--export-type=png", "--export-filename=drawing.png"], inputs.drawing),
    Row("evince", "evince", ["xvfb-run", "-a", "evince-thumbnailer", "/usr/share/cups/data/default-testpage.pdf", "page.png"]),
    Row("rmlint", "rmlint", ["rmlint", "tree"], inputs.files),
    Row("gjs", "gjs", ["gjs", "use.js"], inputs.script),
    Row("PyGObject", "python3-gi", ["/usr/bin/python3", "use.py"], inputs.script),
    Row("valac", "valac", ["valac", "-C", "use.vala"], inputs.script),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


def program_of(row):
    """The path of a row's program, or None."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return shutil.which(row.argv[0], path=path)


class Bench:
    def __init__(self, hmap, work):
        self.hmap, self.work = hmap.resolve(), work.resolve()
        self.libdir = next(p.parent for p in self.hmap.parents[1].rglob("libhmap-search.so.1") if "record" not in p.parts)

    def folder(self, row, scale):
        """A folder with the input of a row."""
        folder = self.work / "rows" / row.name.replace(" ", "-").replace(",", "")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        here = os.getcwd()
        os.chdir(folder)
        try:
            row.make(scale)
        finally:
            os.chdir(here)
        for command in row.before:
            subprocess.run(command, cwd=folder, stdout=NOWHERE, stderr=NOWHERE, check=True)
        return folder

    def environment(self, row, switched):
        found = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.work / "home"),
                 "SOURCE_DATE_EPOCH": "0", **row.environment}
        found.pop("SOURCE_DATE_EPOCH")
        if switched:
            found["LD_LIBRARY_PATH"] = str(self.libdir / "hmap" / "shadow")
        return found

    def relinked(self, row):
        """For hsearch: a copy of the program that has ours first; else the program."""
        path = program_of(row)
        target = self.work / "relinked" / os.path.basename(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        checked = subprocess.run([self.hmap, "check", path], capture_output=True, text=True, check=False).stdout
        if "hsearch" not in checked:
            return path
        subprocess.run([self.hmap, "relink", path, "-o", target], stdout=NOWHERE, stderr=NOWHERE, check=True)
        return str(target)

    def run(self, row, folder, program, switched):
        """CPU and wall seconds of one run, with its children, and its exit status."""
        stdin = open(folder / row.stdin, "rb") if row.stdin else NOWHERE
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        status = subprocess.run([program, *row.argv[1:]], cwd=folder, stdin=stdin, stdout=NOWHERE, stderr=NOWHERE,
                                env=self.environment(row, switched), check=False, timeout=300).returncode
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if row.stdin:
            stdin.close()
        return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall, "status": status}

    def whole(self, row, rounds):
        """The program as it is, on hmap, and as it is once more, in turn."""
        folder = self.folder(row, 1)
        stock, ours = program_of(row), self.relinked(row)
        runs = {"stock": [], "hmap": [], "again": []}
        for n in range(rounds):
            say(f"{row.name}: round {n + 1} of {rounds}")
            runs["stock"].append(self.run(row, folder, stock, False))
            runs["hmap"].append(self.run(row, folder, ours, True))
            runs["again"].append(self.run(row, folder, stock, False))
        least = {side: {what: min(run[what] for run in done) for what in ("cpu", "wall")} for side, done in runs.items()}
        if len({run["status"] for done in runs.values() for run in done}) != 1:
            raise RuntimeError("the exit status is another on hmap")
        result = {what: least["hmap"][what] / max(least["stock"][what], 1e-6) for what in ("cpu", "wall")}
        return {**result, "noise": least["again"]["cpu"] / max(least["stock"]["cpu"], 1e-6), "seconds": least["stock"]["cpu"],
                "status": runs["stock"][0]["status"]}

    def record(self, row, scale, trace, *options):
        """Writes the trace of a row, and of no other process of it."""
        folder = self.folder(row, scale)
        stdin = open(folder / row.stdin, "rb") if row.stdin else NOWHERE
        done = subprocess.run([self.hmap, "record", *options, "-o", trace, program_of(row), *row.argv[1:]], cwd=folder, stdin=stdin,
                              stdout=NOWHERE, stderr=subprocess.PIPE, env=self.environment(row, False), check=False, timeout=900)
        if row.stdin:
            stdin.close()
        if not trace.exists():
            raise RuntimeError("no table was recorded: " + done.stderr.decode(errors="replace").strip()[-200:])

    def replay(self, trace, *options):
        done = subprocess.run([self.hmap, "replay", "--json", *options, trace], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def measure(self, row, options):
        trace = self.work / "traces" / (row.name.replace(" ", "-").replace(",", "") + ".trace")
        trace.parent.mkdir(parents=True, exist_ok=True)
        trace.unlink(missing_ok=True)
        result = {"name": row.name, "package": row.package}
        if options.rounds:
            result["whole"] = self.whole(row, options.rounds)
        self.record(row, 1, trace, "--limit", "512M")
        result["replay"] = self.replay(trace, f"--runs={options.runs}", *["--instructions"] * options.instructions)
        return result


def small_traces(bench, rows, folder):
    """The traces in bench/traces."""
    for row in rows:
        if not row.traced:
            continue
        trace = bench.work / (row.name.replace(" ", "-").replace(",", "") + ".trace")
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
    packages = sorted({row.package for row in rows if not program_of(row)})
    if not packages or not shutil.which("apt-get"):
        return
    say(f"not installed: {' '.join(packages)}")
    if not without_asking:
        if not sys.stdin.isatty() or input("install these packages with apt-get? [y/N] ").lower() not in ("y", "yes"):
            return
    root = [] if os.geteuid() == 0 else ["sudo"]
    for package in packages:  # one by one: another distribution may lack some
        subprocess.run([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends", package],
                       stdout=NOWHERE, stderr=NOWHERE, check=False)


def machine():
    """Where it was measured, and whether the machine had other things to do."""
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "?")
    system = next((line.split("=")[1].strip('"') for line in pathlib.Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME")), "?")
    busy = os.getloadavg()[2] > 1.5
    return f"{system}, {model}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}." + (
        " **The machine was busy with other work: times mean little.**" if busy else "")


def ratio(result, *names):
    for name in names:
        result = (result or {}).get(name)
    return f"{result:.2f}" if result is not None else "-"


def show(results):
    head = ["program", "CPU", "noise", "wall", "replay", "instr.", "memory", "results"]
    rows = [[r["name"], ratio(r, "whole", "cpu"), ratio(r, "whole", "noise"), ratio(r, "whole", "wall"), ratio(r, "replay", "seconds", "ratio"),
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
    parser.add_argument("--instructions", action="store_true", help="count the replays' instructions too")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only programs with this in their names; may be repeated")
    parser.add_argument("--install", action="store_true", help="install what is missing without asking")
    parser.add_argument("--traces", type=pathlib.Path, metavar="FOLDER", help="measure nothing, but make the small traces anew")
    return parser.parse_args()


def main():
    options = arguments()
    rows = [row for row in ROWS if not options.only or any(text in row.name for text in options.only)]
    install(rows, options.install)
    bench, results = Bench(options.hmap, options.work), []
    (bench.work / "home").mkdir(parents=True, exist_ok=True)
    for row in rows:
        if not program_of(row):
            say(f"{row.name} is left out: {row.argv[0]} is not there (Debian: {row.package})")
    rows = [row for row in rows if program_of(row)]
    if options.traces:
        return small_traces(bench, rows, options.traces)
    for row in rows:
        try:
            results.append(bench.measure(row, options))
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            say(f"{row.name} is left out: {error}")
        measured = {"rounds": options.rounds, "machine": machine(), "programs": results}  # each time: a run may be broken off
        (bench.work / "results.json").write_text(json.dumps(measured, indent=1))
    show(results)
    return any(not r["replay"]["same"] for r in results)


if __name__ == "__main__":
    sys.exit(main())
