"""What readelf says about a file, and what patchelf does to one. Paths are absolute."""

import dataclasses
import functools
import os
import re
import stat
import struct

from hmaptool import process, record
from hmaptool.messages import Failed

BATCH = 64
PT_LOAD, PT_DYNAMIC = 1, 2
DT_STRTAB, DT_STRSZ = 5, 10
ABOUT = ("-W", "-h", "-l", "-d", "-S")
ORIGIN = re.compile(r"\$(?:ORIGIN\b|\{ORIGIN\})")
_known = {}  # path: what readelf says of it, or an Elf


@dataclasses.dataclass(frozen=True)
class Elf:
    kind: str           # "program", "static program", "library" or "other"
    target: str         # class and machine, such as "ELF64 Advanced Micro Devices X86-64"
    interpreter: str    # the dynamic linker that it asks for
    needed: tuple
    search: str         # RUNPATH or RPATH
    rpath: bool         # it is RPATH
    end: int            # where its last section ends, or the table of sections if that comes later
    segments: tuple     # what is loaded: (address, offset, size in the file)
    sections: tuple     # what has contents in memory: (name, address, size)
    fits: bool          # each section lies in memory where its segment does, and in no other, as patchelf takes for granted


def expanded(text, path):
    """As the dynamic linker replaces it for a program."""
    return ORIGIN.sub(lambda _: os.path.dirname(os.path.realpath(path)), text)


def tool(name, *arguments, keep=()):
    """Runs readelf or patchelf; what it prints."""
    done = process.tool(name, *arguments, keep=keep)
    damage = re.search("^readelf: Error: (.*)", done.err, re.MULTILINE)
    if damage:
        raise Failed(f"{arguments[-1]}: damaged ({damage.group(1)}): take another copy of it")
    if done.status:
        raise Failed(f"{name} failed: {done.words}")
    return done.out


def is_elf(path):
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def may_be_program(path):
    """A file that may be executed, and is a script or no mere library."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111 or ".so" in os.path.basename(path):
            return False
        with open(path, "rb") as file:
            return file.read(4)[:2] in (b"#!", b"\x7fE")
    except PermissionError:
        return True
    except OSError:
        return False


def read(path, keep=()):
    """What is to know about a file, the same for as long as this process runs."""
    if not isinstance(_known.get(path), Elf):
        _known[path] = parse(path, _known.get(path) or about(path, keep))
    return _known[path]


def about(path, keep):
    try:
        return tool("readelf", *ABOUT, path, keep=keep)
    except Failed:
        if re.search(r" \.interp +NOBITS ", process.tool("readelf", "-W", "-S", path, keep=keep).out):
            raise Failed(f"{path}: holds the debugging symbols of a program: name the program itself") from None
        raise


def names_of(path):
    """Where the names of its dynamic symbols are, as the dynamic linker finds them: (offset, size), or () if that is not clear."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        try:
            offset, length = dynamic_strings(lambda start, n: os.pread(file.fileno(), n, start) if start + n <= size else b"")
        except (struct.error, StopIteration):  # not there, or the file ends before that
            return ()
    return (offset, length) if offset + length <= size else ()


def dynamic_strings(read_part):
    head = read_part(0, 64)
    if head[:6] != b"\x7fELF\2\1":  # 64 bits, little-endian
        raise StopIteration
    table, = struct.unpack_from("<Q", head, 32)
    size, number = struct.unpack_from("<HH", head, 54)
    segments = list(struct.iter_unpack("<IIQQQQQQ", read_part(table, size * number)))  # type, flags, offset, address, -, size
    dynamic = next(s for s in segments if s[0] == PT_DYNAMIC)
    values = dict(reversed(list(struct.iter_unpack("<QQ", read_part(dynamic[2], dynamic[5])))))
    address, length = values.get(DT_STRTAB, 0), values.get(DT_STRSZ, 0)
    return next((address - s[3] + s[2], length) for s in segments
                if s[0] == PT_LOAD and s[3] <= address and address + length <= s[3] + s[5])


def forget(path):
    """It was changed."""
    _known.pop(path, None)


def read_ahead(paths):
    """Asks readelf about many files at once; about those that give it trouble, read() will ask alone."""
    for start in range(0, len(paths), BATCH):
        some = paths[start:start + BATCH]
        done = process.tool("readelf", *ABOUT, *some)
        texts = re.split(r"^\nFile: (.*)\n", done.out, flags=re.MULTILINE)
        if not done.status and not done.err and texts[1::2] == some:
            _known.update(zip(some, texts[2::2]))


def parse(path, text):
    def one(pattern):
        found = re.search(pattern, text, re.MULTILINE)
        return found.group(1) if found else ""

    interpreter = one(r"Requesting program interpreter: (.*)\]$")
    loaded = re.findall(r"^  LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) ", text, re.MULTILINE)
    sections = re.findall(r"^  \[ *\d+\] (\S*) +([A-Z]\S*) +([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+ +([A-Zxop]*) ", text,
                          re.MULTILINE)
    contents = tuple(sorted(((name, int(address, 16), int(size, 16)) for name, kind, address, _, size, flags in sections
                             if "A" in flags and kind != "NOBITS"), key=lambda section: section[1:]))
    return Elf(kind_of(one(r"^  Type: +(\w+)"), interpreter, one(r"\((FLAGS_1)\).* PIE")),
               f"{one(r'Class: +(.*)$')} {one(r'Machine: +(.*)$')}", interpreter,
               tuple(re.findall(r"\(NEEDED\).*\[(.*)\]$", text, re.MULTILINE)), one(r"\(R(?:UN)?PATH\).*\[(.*)\]$"),
               bool(one(r"\((RPATH)\)")), end_of_sections(path, text, sections),
               tuple((int(address, 16), int(offset, 16), int(size, 16)) for offset, address, size in loaded), contents,
               all(any(lies_in(section, segment) for segment in loaded) for section in sections if "A" in section[5]) and
               all(a[1] + a[2] <= b[1] for a, b in zip(contents, contents[1:])))


def end_of_sections(path, text, sections):
    found = [re.search(rf"{what} of section headers: +(\d+)", text) for what in ("Start", "Size", "Number")]
    if not all(found):  # the start is negative
        raise Failed(f"{path}: damaged (no table of sections can be where its header says): take another copy of it")
    start, size, number = (int(f.group(1)) for f in found)
    return max([start + size * number] + [int(offset, 16) + int(length, 16) for _, kind, _, offset, length, _ in sections
                                          if kind != "NOBITS"])


def lies_in(section, segment):
    _, kind, address, offset, length, _ = section
    address, offset, length = (int(n, 16) for n in (address, offset, length))
    segment_offset, segment_address, segment_length = (int(n, 16) for n in segment)
    if kind == "NOBITS":
        return True
    return (address - offset == segment_address - segment_offset and
            segment_offset <= offset and offset + length <= segment_offset + segment_length)


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


def has_data_behind(path):
    """Whether there is anything but padding, zero bytes, and what relink wrote, behind a file's last section."""
    made, offset = record.read(path), read(path).end
    with open(path, "rb") as file:
        end = made.size if made else os.fstat(file.fileno()).st_size
        while offset < end:
            piece = os.pread(file.fileno(), min(1 << 20, end - offset), offset)
            if not piece or piece.strip(b"\0"):
                return bool(piece)
            offset += len(piece)
    return False


@functools.cache
def symbols(path):
    """Every symbol that is in the dynamic table, or in a static program's own: (name, is it defined here)."""
    table = "-s" if read(path).kind == "static program" else "--dyn-syms"
    rows = (line.split() for line in tool("readelf", "-W", table, path).splitlines())
    return {(row[7].partition("@")[0], row[6] != "UND") for row in rows if len(row) >= 8 and row[0].endswith(":")}


def defined(path):
    return {name for name, here in symbols(path) if here}


# ---- what patchelf may not change

CHANGED = {".dynamic", ".dynsym", ".dynstr"}  # what is needed; the numbers of sections; names
PADDING = 63  # bytes that may stand between two sections, and are overwritten with the first


def check_contents(before, after, keep=()):
    """Refuses a copy that has not, at its address in memory, each byte of the original but for the tables that patchelf changes or
    moves: where a table of sections is damaged, it writes over something else."""
    forget(after)
    old, new = read(before), read(after, keep)
    places = {name: address for name, address, _ in new.sections}
    starts = [address for _, address, _ in old.sections[1:]] + [0]
    free = [(address, max(address + size, min(following, address + size + PADDING)))
            for (name, address, size), following in zip(old.sections, starts)
            if name in CHANGED or places.get(name) != address]
    with open(before, "rb") as was, open(after, "rb") as now:
        head = os.pread(was.fileno(), 64, 0)
        tables = len(head) + int.from_bytes(head[54:56], "little") * int.from_bytes(head[56:58], "little")
        for address, offset, size in old.segments:
            begin = address + tables if offset == 0 else address
            for start, end in remaining(begin, address + size, free):
                if piece(was, old, start, end) != piece(now, new, start, end):
                    raise Failed(f"{before}: patchelf would damage it at {start:#x}: link it anew (hmap env)")


def remaining(begin, end, free):
    """What is left of a range."""
    for low, high in sorted(free):
        if begin < low < end:
            yield begin, low
        if low < end:
            begin = max(begin, high)
    if begin < end:
        yield begin, end


def piece(file, elf, start, end):
    """What is loaded to these addresses."""
    for address, offset, size in elf.segments:
        if address <= start and end <= address + size:
            return os.pread(file.fileno(), end - start, start - address + offset)
    return None


def build_id(path):
    found = re.search(r"Build ID: ([0-9a-f]+)", process.tool("readelf", "-W", "-n", path).out)
    return found.group(1) if found else ""


def add_needed(path, library, keep=()):
    """Puts a library first among those that a file needs, by its absolute path: so the file's RUNPATH stays as it is."""
    tool("patchelf", "--add-needed", library, path, keep=keep)


def set_search(path, search, rpath, keep=()):
    """To be called before add_needed: after it, patchelf 0.14 writes a wrong RUNPATH."""
    tool("patchelf", *["--force-rpath"] * rpath, "--set-rpath", search, path, keep=keep)
