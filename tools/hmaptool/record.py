"""What relink made of what: a line behind the end of each program that it made, where nothing of the program looks.

By it hmap tells a program that it made, unchanged, from one that was upgraded, linked with hmap by its maintainer or damaged, and
the program that it was made from from any other that lies beside it."""

import dataclasses
import os
import re

from hmaptool import files
from hmaptool.messages import Failed

BACKUP = ".hmap-orig"
LINE = re.compile(rb"\nhmap relink 1 made=([0-9a-f]{64}) of=([0-9a-f]{64}) build-id=([0-9a-f]{0,128})\n\0*\Z")  # padding does not count
LONGEST = 1 << 13


@dataclasses.dataclass
class Record:
    made: str       # SHA-256 of what is before the line
    origin: str     # SHA-256 of the program it was made from
    build_id: str   # of both, if there is one
    size: int       # bytes before the line


def line(made, origin, build_id):
    return f"\nhmap relink 1 made={made} of={origin} build-id={build_id}\n".encode()


def read(path):
    """The record in a file, or None."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - LONGEST))
        found = LINE.search(file.read(LONGEST))
    return Record(*(g.decode() for g in found.groups()), size - len(found.group(0))) if found else None


def kept(path):
    """(the Source of what PATH was relinked from, to be closed, "") or (None, why there is none that is to be trusted)."""
    made = read(path)
    if not made:
        return None, f"{path} is not relinked, it was replaced since: remove {path}{BACKUP}, it is of an earlier version"
    with files.Source(path) as program:
        if program.digest(made.size) != made.made:
            return None, f"{path} was changed since hmap relink made it"
        try:
            source = files.Source(path + BACKUP)
        except (OSError, Failed):
            return None, f"{path}{BACKUP} is missing: only what hmap relink --in-place relinked can be taken back"
        if source.status.st_uid not in (program.status.st_uid, 0, os.geteuid()):
            why = f"{path}{BACKUP} belongs to somebody else than {path}"
        elif source.digest() != made.origin:
            why = f"{path}{BACKUP} is not what {path} was made from: it is of another version, or somebody put it there"
        else:
            return source, ""
    source.__exit__()
    return None, why
