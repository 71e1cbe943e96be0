#!/usr/bin/python3 -B
"""Builds real projects of different build systems twice, as they are and under hmap env, and runs their own test suites. Two are
built with the lines of doc/ways-in.md in their own build files, too.

  arp-scan   Autotools  hsearch
  procps     libtool    hsearch, in a library of its own
  gmime      libtool    GHashTable, in a library of its own
  gts        libtool    GHashTable, in a library of its own
  libsigrok  libtool    GHashTable, in a library of its own
  libnice    Meson      GHashTable
  librepo    CMake      GHashTable

Their sources come from Debian's mirrors (apt-get source, with the mirrors that this system uses; nothing of the system's apt is
changed) into the work folder, and what they need to build has to be installed: --packages prints that. The exit status is 1 if a
test suite does not do on hmap what it does stock, or hmap counted nothing.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys

PACKAGES = ("autoconf automake libtool gettext autopoint gtk-doc-tools dejagnu libncurses-dev zlib1g-dev "
            "cmake make meson ninja-build pkg-config dpkg-dev libpcap-dev libglib2.0-dev libgnutls28-dev "
            "libcurl4-openssl-dev libssl-dev libxml2-dev libgpgme-dev check python3-dev python3-gpg python3-pyxattr "
            "python3-requests libzip-dev")


@dataclasses.dataclass
class Project:
    name: str
    system: str
    library: str    # the one of ours that it reaches
    build: list     # commands, in a copy of the source
    test: list
    passed: str     # regular expressions of what the test suite prints: how many tests were good, and how many not
    failed: str
    recipe: str = ""  # the build file that gets the page's lines


PROJECTS = [
    Project("arp-scan", "Autotools", "libhmap-search",
            [["autoreconf", "--install"], ["./configure"], ["make"]], ["make", "check"],
            r"^# PASS: +(\d+)", r"^# (?:FAIL|ERROR): +(\d+)"),
    # From here on to the next build system: libtool, and libraries of the project's own, which make the tables.
    Project("procps", "libtool", "libhmap-search",
            [["./configure", "--disable-nls", "--without-systemd"], ["make"]], ["make", "check"],
            r"^# (?:PASS: +|of expected passes\t+)(\d+)", r"^# (?:(?:FAIL|ERROR): +|of unexpected failures\t+)(\d+)"),
    Project("gmime", "libtool", "libhmap-glib",
            [["touch", "ChangeLog"], ["autoreconf", "--install"],
             ["./configure", "--disable-vala", "--disable-introspection"], ["make"]],
            ["make", "-k", "check"], r"^Results: (\d+)", r"^Results: .*; (\d+)"),
    Project("gts", "libtool", "libhmap-glib",
            [["autoreconf", "--install"], ["./configure"], ["make"], ["sh", "-c", "chmod +x test/*/*.sh"]],
            ["make", "-k", "check"], r"^# PASS: +(\d+)", r"^# (?:FAIL|ERROR): +(\d+)"),
    Project("libsigrok", "libtool", "libhmap-glib",
            # One assertion of its tests does not compile with the library that they use here.
            [["sed", "-i", "s/ck_assert_msg(saved_locale != NULL)/ck_assert(saved_locale != NULL)/", "tests/strutil.c"],
             ["./configure", "--disable-bindings", "--disable-all-drivers", "--enable-demo"], ["make"]],
            ["sh", "-c", "make check; cat tests/main.log"], r"Checks: (\d+)", r"(?:Failures|Errors): (\d+)"),
    Project("libnice", "Meson", "libhmap-glib",
            [["meson", "setup", "build", "-Dgupnp=disabled", "-Dgstreamer=disabled", "-Dintrospection=disabled",
              "-Dgtk_doc=disabled", "-Dexamples=disabled"], ["ninja", "-C", "build"]],
            ["meson", "test", "-C", "build", "--no-rebuild", "--timeout-multiplier", "10"],
            r"^Ok: +(\d+)", r"^(?:Fail|Timeout): +(\d+)"),
    Project("librepo", "CMake", "libhmap-glib",
            # Its way of finding libgpgme does not.
            [["cmake", ".", "-DENABLE_DOCS=OFF", "-DWITH_ZCHUNK=OFF", "-DGPGME_VANILLA_LIBRARIES=-lgpgme",
              "-DPYTHON_EXECUTABLE=/usr/bin/python3"], ["make"]],
            # Tests in C, and in Python, through a module that python3 opens.
            ["ctest", "-V"], r"(?:Checks: |: Ran )(\d+)", r"(?:[Ff]ailures|[Ee]rrors)[:=] ?(\d+)"),
]
RECIPES = {"Meson": "meson.build", "CMake": "CMakeLists.txt"}
PROJECTS += [dataclasses.replace(p, system=f"{p.system} lines", recipe=RECIPES[p.system])
             for p in PROJECTS if p.system in RECIPES]


def main():
    args = arguments()
    if args.packages:
        print(PACKAGES)
        return 0
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    print(f"{'project':10} {'build':11} {'stock':>16} {'on hmap':>16}   counted")
    good = [row(project, work, args.hmap.resolve()) for project in PROJECTS if not args.only or project.name in args.only]
    return 0 if all(good) else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hmap", type=pathlib.Path, help="the installed command")
    parser.add_argument("--work", type=pathlib.Path, help="a folder to work in")
    parser.add_argument("--only", action="append", choices=sorted({p.name for p in PROJECTS}), help="only this project; may be repeated")
    parser.add_argument("--packages", action="store_true", help="print the Debian packages that this needs")
    return parser.parse_args()


def row(project, work, hmap):
    """Builds and tests both sides, and prints what came of it; whether that is the same."""
    source = fetched(project.name, work)
    stock, _ = side(project, source, work / f"{project.name}-stock", [])
    if project.recipe:
        add_lines(project, source)
        switched, counts = side(project, source, work / f"{project.name}-lines", ["env", *installed(work, hmap)])
    else:
        switched, counts = side(project, source, work / f"{project.name}-switched", [hmap, "env"])
    print(f"{project.name:10} {project.system:11} {in_words(stock):>16} {in_words(switched):>16}   "
          f"{project.library}: {counts[0]} tables, {counts[1]} entries in {counts[2]} processes", flush=True)
    return stock == switched and stock[0] > 0 and counts[0] > 0


def side(project, source, folder, prefix):
    """((tests passed, failed), (tables, entries, processes)) of a build in a fresh copy of the source."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, symlinks=True)
    for command in project.build:
        done = run([*prefix, *command], folder)
        if done.returncode:
            sys.exit(f"{project.name}: {command[0]} failed:\n{done.stdout[-2000:]}")
    stats = folder / "hmap-stats"
    text = run([*prefix, *project.test], folder, HMAP_STATS=str(stats)).stdout
    (folder / "hmap-tests.log").write_text(text)
    result = tuple(sum(map(int, re.findall(p, text, re.MULTILINE))) for p in (project.passed, project.failed))
    return result, counted(project, stats)


def add_lines(project, source):
    """What doc/ways-in.md says, behind the line that names the project."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "doc" / "ways-in.md").read_text()
    language = project.system.split()[0].lower()
    lines = re.search(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    file = source / project.recipe
    text, times = re.subn(r"^project *\(.*?\)\n", lambda m: m.group() + lines, file.read_text(), 1,
                          re.MULTILINE | re.DOTALL | re.IGNORECASE)
    if not times:
        sys.exit(f"{project.name}: {project.recipe} has no line that names the project")
    file.write_text(text)


def installed(work, hmap):
    """Variables by which builds find an installation that is where nobody looks."""
    pkgconfig = next(hmap.parents[1].rglob("hmap-glib.pc")).parent
    shutil.rmtree(work / "pc", ignore_errors=True)
    shutil.copytree(pkgconfig, work / "pc")
    for file in (work / "pc").iterdir():
        file.write_text(re.sub("^libdir=.*", f"libdir={pkgconfig.parent}", file.read_text(), 1, re.MULTILINE))
    return f"PKG_CONFIG_PATH={work}/pc", f"LDFLAGS=-Wl,-rpath,{pkgconfig.parent}"


def counted(project, stats):
    lines = [line for line in stats.read_text().splitlines() if line.startswith(project.library + " ")] if stats.exists() else []
    return *(sum(int(re.search(rf" {key}=(\d+)", line).group(1)) for line in lines) for key in ("tables", "entries")), len(lines)


def in_words(result):
    return f"{result[0]} of {sum(result)} pass"


def run(command, folder, **env):
    return subprocess.run([str(c) for c in command], cwd=folder, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)


# ---- sources

def fetched(name, work):
    """The folder of a project's source."""
    tarballs = list(work.glob(f"{name}_*.orig.tar.*"))
    if not tarballs:
        download(name, work)
        tarballs = list(work.glob(f"{name}_*.orig.tar.*"))
    folder = work / f"{name}-source"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if not tarballs or run(["tar", "xf", tarballs[0], "--strip-components=1", "-C", folder], work).returncode:
        sys.exit(f"{name}: its source cannot be had from Debian's mirrors")
    return folder


def download(name, work):
    """apt-get source with lists of its own, because most systems have none of sources."""
    sources = work / "deb-src.sources"
    if not sources.exists():
        found = [*pathlib.Path("/etc/apt/sources.list.d").glob("*.sources")]
        debian = [f.read_text() for f in found if "debian-archive-keyring" in f.read_text()]
        old = pathlib.Path("/etc/apt/sources.list")
        lines = re.findall("^deb (.*)", old.read_text() if old.exists() else "", re.MULTILINE)
        if debian:
            sources.write_text("\n".join(re.sub("^Types:.*", "Types: deb-src", text, flags=re.MULTILINE) for text in debian))
        else:
            sources = work / "deb-src.list"
            sources.write_text("".join(f"deb-src {line}\n" for line in lines))
    (work / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-",
           "-o", f"Dir::State::lists={work}/lists"]
    if not any((work / "lists").glob("*Sources*")):
        run([*apt, "update"], work)
    run([*apt, "source", "--download-only", "--tar-only", name], work)


if __name__ == "__main__":
    sys.exit(main())
