"""peers.py: the tables that are measured, and how their programs are made."""

import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
ADAPTERS, TOP = BENCH / "peers", BENCH.parent
ORDERED = ["ids", "pointers", "gaps"]  # keys that are used in the order in which they were inserted
INTS, STRINGS = ["random", "sequential", "mod32", *ORDERED], ["short", "path", "text32", "crafted"]
ORDINARY = ["random", "sequential", "short", "path"]


class Failed(Exception):
    """What ends the benchmark, and why."""


def say(text):
    """Progress, on a line of its own."""
    print(text, file=sys.stderr, flush=True)


@dataclasses.dataclass
class Peer:
    """A table that is measured: how its programs are made, and where it cannot follow."""
    name: str
    source: str
    header: str = ""        # a header without which it is left out,
    package: str = "gcc"    # and the Debian package that has it, or the compiler
    compiler: str = "CC"    # CC or CXX from the environment; or a command
    module: str = ""        # for pkg-config
    flags: list = dataclasses.field(default_factory=list)  # for the linker
    ours: str = ""          # our library that stands first, and the folder of the build where it is
    strings_only: bool = False
    slow: list = dataclasses.field(default_factory=list)  # keys that all collide in it

    def can(self, keys):
        return keys in STRINGS or not (self.strings_only or (keys in ORDERED and self.compiler == "go"))

    @property
    def counted(self):
        """Whether heap.c can count for it."""
        return self.compiler in ("CC", "CXX")


PEERS = [
    Peer("glib", "peer-glib.c", "glib.h", "libglib2.0-dev", module="glib-2.0", slow=["crafted", "mod32"]),
    Peer("hmap-glib", "peer-glib.c", "glib.h", "libglib2.0-dev", module="glib-2.0", ours="compat/hmap-glib"),
    Peer("hmap", "peer-hmap.c", ours="lib/hmap"),
    Peer("hsearch", "peer-hsearch.c", strings_only=True, slow=["path"]),
    Peer("musl-hsearch", "peer-hsearch.c", package="musl-tools", compiler="musl-gcc", flags=["-static"], strings_only=True),
    Peer("hmap-search", "peer-hsearch.c", ours="compat/hmap-search", strings_only=True),
    Peer("boost", "peer-boost.cc", "boost/unordered/unordered_flat_map.hpp", "libboost1.81-dev", "CXX"),
    Peer("absl", "peer-absl.cc", "absl/container/flat_hash_map.h", "libabsl-dev", "CXX", module="absl_flat_hash_map"),
    Peer("std", "peer-std.cc", "unordered_map", "g++", "CXX"),
    Peer("khash", "peer-khash.c", "htslib/khash.h", "libhts-dev"),
    Peer("uthash", "peer-uthash.c", "uthash.h", "uthash-dev"),
    Peer("go", "peer-go.go", compiler="go", package="golang-go"),
]
NAMES = [peer.name for peer in PEERS]


def newer(target, sources):
    return target.exists() and all(target.stat().st_mtime > source.stat().st_mtime for source in sources)


class Builder:
    """Makes those programs in a folder that are older than their sources: for each peer one for integers and one for strings."""

    def __init__(self, top, folder):
        self.top, self.bin = top, folder
        self.bin.mkdir(parents=True, exist_ok=True)
        # The programs end with full tables.
        self.environment = dict(os.environ, GOCACHE=str(self.bin / "go-cache"), GO111MODULE="off", ASAN_OPTIONS="detect_leaks=0")

    def run(self, command):
        return subprocess.run(list(map(str, command)), env=self.environment, capture_output=True, text=True)

    def make(self, command, target, sources):
        if newer(target, [*sources, pathlib.Path(__file__)]):
            return
        done = self.run(command)
        if done.returncode != 0:
            raise Failed(f"{shlex.join(map(str, command))}:\n{done.stderr}")

    def command(self, compiler):
        return shlex.split(os.environ.get(compiler) or {"CC": "cc", "CXX": "c++"}.get(compiler, compiler))

    def lacks(self, peer):
        """What is missing for a peer, or None."""
        compiler = self.command(peer.compiler)
        if not shutil.which(compiler[0]):
            return f"no {compiler[0]} (Debian: {peer.package})"
        if peer.ours and not self.library(peer).exists():
            return f"{self.library(peer).name} was not built (configure's summary says why)"
        if not peer.header:
            return None
        probe = self.bin / ("probe" + pathlib.Path(peer.source).suffix)
        probe.write_text(f"#include <{peer.header}>\nint main(void)\n{{\n  return 0;\n}}\n")
        done = self.run([*compiler, *self.compile_flags(peer), probe, "-o", self.bin / "probe", *self.pkg_config("--libs", peer)])
        return None if done.returncode == 0 else f"no <{peer.header}>, or not its library (Debian: {peer.package})"

    def library(self, peer):
        folder, name = peer.ours.split("/")
        return self.top / folder / ".libs" / f"lib{name}.so"

    def pkg_config(self, what, peer):
        return shlex.split(self.run(["pkg-config", what, peer.module]).stdout) if peer.module else []

    def sanitizers(self, peer):
        """A library of ours that was built with -fsanitize needs programs that are linked with it, too."""
        return shlex.split(os.environ.get("SANITIZED", "")) if peer.ours else []

    def compile_flags(self, peer):
        standard = "-std=gnu++17" if peer.source.endswith(".cc") else "-std=gnu11"
        usual = [standard, "-O2", "-Wall", "-Wextra", "-Werror", "-I", TOP / "include"]
        return [*usual, *self.pkg_config("--cflags", peer)]

    def link_flags(self, peer):
        ours = []
        if peer.ours:
            folder = self.library(peer).parent
            ours = ["-L", folder, f"-Wl,-rpath,{folder}", "-l" + peer.ours.split("/")[1]]
        return [*peer.flags, *self.sanitizers(peer), *ours, *self.pkg_config("--libs", peer)]

    def program(self, peer, keys):
        if peer.compiler == "go":
            return self.bin / peer.name
        return self.bin / f"{peer.name}-{'strings' if keys in STRINGS else 'ints'}"

    def build(self, peer):
        source = ADAPTERS / peer.source
        sources = [source, *ADAPTERS.glob("*.h"), TOP / "include" / "hmap.h"]
        if peer.compiler == "go":
            return self.make(["go", "build", "-o", self.bin / peer.name, source], self.bin / peer.name, sources)
        compiler = self.command(peer.compiler)
        for keys in filter(peer.can, ["random", "short"]):
            program = self.program(peer, keys)
            # One object for all who share a source and a compiler: how it is linked is all that differs.
            unit = self.bin / f"{source.stem}-{program.name.split('-')[-1]}-{pathlib.Path(compiler[0]).name}.o"
            self.make([*compiler, *self.compile_flags(peer), *key_type(keys), "-c", source, "-o", unit], unit, sources)
            self.make([*compiler, unit, "-o", program, *self.link_flags(peer)], program, [unit])

    def heap_counter(self):
        """The library that counts what malloc hands out."""
        source, library = ADAPTERS / "heap.c", self.bin / "heap.so"
        self.make([*self.command("CC"), "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o", library],
                  library, [source])
        return library


def key_type(keys):
    return ["-DSTRINGS"] if keys in STRINGS else []
