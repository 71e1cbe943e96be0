"""The ways that hmap run found, written down for the next time. way.c reads them, and tells what they look like."""

import os
import time

from hmaptool import files, inherited, places, process
from hmaptool.messages import Failed

BEGIN = time.time_ns()
COARSE = 20_000_000  # ns that the clock of file systems may be behind
LINKER_FILES = ("/etc/ld.so.cache", "/etc/ld.so.preload")


def remember(path, prepared):
    """Writes the record of a program that is about to be run. Without one, the next time takes longer, and that is all."""
    program, real = prepared.program, os.path.realpath(path)
    linker = "".join(f"{name}={value}\1" for name, value in program.environment.items()
                     if name.startswith("LD_") or name == "GLIBC_TUNABLES")
    lines = [f"linker {linker}", *[f"path {program.environment.get('PATH', '')}"] * program.by_path]
    copy = prepared.executable if prepared.copied else ""
    known = dict.fromkeys([real, *prepared.files, *LINKER_FILES, places.library("hsearch"), places.itself])
    missed = dict.fromkeys(map(absent, [*prepared.missed, *passed_over(program)]))
    try:
        found = {f: os.stat(f) for f in known if os.path.exists(f)}
        if not all(f.startswith("/") for f in [*known, *missed]) or any(is_new(s) for f, s in found.items() if f != copy):
            return
        lines = [inherited.identity, *(file_line(f, s) for f, s in found.items()), *lines,
                 *(f"none {f}" for f in [*missed, *known] if f not in found)]
        lines += [f"shadow {prepared.shadow}"] * bool(prepared.shadow) + [f"exec {copy}"] * bool(copy)
        if not any("\n" in line for line in lines):
            files.make_file(f"{places.cache('way')}/{name_hash(real):016x}", os.fsencode("\n".join([*lines, "end", ""])))
    except (Failed, OSError):
        pass


def is_new(status):
    """It may have changed since it was looked at."""
    return max(status.st_mtime_ns, status.st_ctime_ns) > BEGIN - COARSE


def file_line(path, status):
    return f"file {' '.join(f'{n:x}' for n in files.identity(status))} {path}"


def absent(path):
    """Where there is no such folder, nothing in it is looked for."""
    folder = os.path.dirname(path)
    return path if os.path.isdir(folder) else folder


def passed_over(program):
    """Where env looked for the program of a script before it found it."""
    name = os.path.basename(program.path)
    candidates = [os.path.join(folder, name) for folder in process.folders(program.environment)] if program.by_path else []
    return candidates[:candidates.index(program.path)] if program.path in candidates else []


def name_hash(path):
    """FNV-1a."""
    found = 0xcbf29ce484222325
    for byte in os.fsencode(path):
        found = (found ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return found
