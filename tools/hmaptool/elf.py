"""What readelf says about a file, and what patchelf does to one."""

import dataclasses
import functools
import os
import re
import subprocess

from hmaptool.failure import Failed


@dataclasses.dataclass(frozen=True)
class Elf:
    kind: str           # "program", "static program", "library" or "other"
    target: str         # class and machine, such as "ELF64 Advanced Micro Devices X86-64"
    interpreter: str    # the dynamic linker that it asks for
    needed: tuple
    search: str         # RUNPATH or RPATH
    rpath: bool         # it is RPATH
    end: int            # where its last section ends, or the table of sections if that comes later


def tool(*argv):
    """Runs one of the tools; what it prints."""
    try:
        done = subprocess.run([os.fspath(a) for a in argv], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="surrogateescape", env={**os.environ, "LC_ALL": "C"})
        damage = re.search("^readelf: Error: (.*)", done.stderr, re.MULTILINE)
        if damage:
            raise Failed(f"{argv[-1]}: damaged ({damage.group(1)}): take another copy of it")
        return done.stdout
    except FileNotFoundError:
        package = "patchelf" if argv[0] == "patchelf" else "binutils"
        raise Failed(f"{argv[0]} is not installed: install {package}") from None
    except subprocess.CalledProcessError as error:
        words = error.stderr.strip().splitlines()
        raise Failed(f"{argv[0]} failed: {words[0] if words else error}") from None


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


@functools.cache
def read(path):
    text = tool("readelf", "-W", "-h", "-l", "-d", "-S", path)

    def one(pattern):
        found = re.search(pattern, text, re.MULTILINE)
        return found.group(1) if found else ""

    interpreter = one(r"Requesting program interpreter: (.*)\]$")
    return Elf(kind_of(one(r"^  Type: +(\w+)"), interpreter, one(r"\((FLAGS_1)\).* PIE")),
               f"{one(r'Class: +(.*)$')} {one(r'Machine: +(.*)$')}", interpreter,
               tuple(re.findall(r"\(NEEDED\).*\[(.*)\]$", text, re.MULTILINE)), one(r"\(R(?:UN)?PATH\).*\[(.*)\]$"),
               bool(one(r"\((RPATH)\)")),
               end_of_sections(text))


def end_of_sections(text):
    found = [re.search(rf"{what} of section headers: +(\d+)", text) for what in ("Start", "Size", "Number")]
    if not all(found):  # the start is negative
        raise Failed("damaged (no table of sections can be where its header says): take another copy of it")
    start, size, number = (int(f.group(1)) for f in found)
    sections = re.findall(r"^  \[ *\d+\] \S* +(?!NOBITS)[A-Z]\S* +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) ", text, re.MULTILINE)
    return max([start + size * number] + [int(offset, 16) + int(length, 16) for offset, length in sections])


def has_data_behind(path):
    """Whether there is anything but padding, zero bytes, behind a file's last section."""
    with open(path, "rb") as file:
        file.seek(read(path).end)
        return any(piece.strip(b"\0") for piece in iter(lambda: file.read(1 << 20), b""))


def kind_of(file_type, interpreter, pie):
    if interpreter:
        return "program"
    if file_type == "EXEC" or pie:
        return "static program"
    return "library" if file_type == "DYN" else "other"


@functools.cache
def symbols(path):
    """Every symbol that is in the dynamic table, or in a static program's own: (name, is it defined here)."""
    table = "-s" if read(path).kind == "static program" else "--dyn-syms"
    rows = (line.split() for line in tool("readelf", "-W", table, path).splitlines())
    return {(row[7].partition("@")[0], row[6] != "UND") for row in rows if len(row) >= 8 and row[0].endswith(":")}


def defined(path):
    return {name for name, here in symbols(path) if here}


def add_needed(path, library):
    """Puts a library first among those that a file needs, by its absolute path: so the file's RUNPATH stays as it is."""
    tool("patchelf", "--add-needed", library, path)


def set_search(path, search, rpath):
    """To be called before add_needed: after it, patchelf 0.14 writes a wrong RUNPATH."""
    tool("patchelf", *["--force-rpath"] * rpath, "--set-rpath", search, path)
