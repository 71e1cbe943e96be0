"""hmap stats: what HMAP_STATS=FILE has collected, as a table."""

import dataclasses
import json
import re

from hmaptool import messages
from hmaptool.messages import Failed

SUMMARY = "Show as a table what programs have written to the file that HMAP_STATS names"

# What the table shows, by the heading, and what of a line it is. Counts of several processes are added up; of what is the most
# that there was at once, the largest is shown.
SUMS = {"tables": "tables", "live": "live", "entries": "entries", "bigger": "bigger", "same size": "samesize",
        "shrunk": "shrinks", "moved": "evacuated", "alarms": "alarms", "foreign": "foreign"}
LARGEST = {"peak": "peak", "longest": "longest"}
HEADINGS = ("program", "library", "processes", "tables", "live", "entries", "peak", "bigger", "same size", "shrunk", "moved",
            "overflow", "longest", "alarms", "foreign")
NUMBERS = {*SUMS.values(), *LARGEST.values(), "growths", "buckets", "overflow"}


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print a JSON array, one object a row")
    parser.add_argument("file", metavar="FILE", help="what HMAP_STATS named; - is standard input")


def main(args):
    counts = read(args.file)
    if not counts:
        raise Failed(f"{args.file} is empty: no program with a table of hmap's has ended yet")
    if args.json:
        messages.say(json.dumps([{"program": program, "library": library, "processes": c.processes, **dict(sorted(c.numbers.items()))}
                                 for (program, library), c in sorted(counts.items())], indent=2))
        return 0
    rows = [row(*key, c) for key, c in sorted(counts.items())]
    if len(rows) > 1:
        rows.append(row("all", "", total(counts.values())))
    messages.say(layout([HEADINGS, *rows]))
    return 0


@dataclasses.dataclass
class Counts:
    """What some processes counted."""
    processes: int
    numbers: dict

    def __add__(self, other):
        both = {name: max(n, other.numbers[name]) if name in LARGEST.values() else n + other.numbers[name]
                for name, n in self.numbers.items()}
        return Counts(self.processes + other.processes, both)


def total(several):
    first, *rest = several
    return sum(rest, first)


# ---- reading

LONGEST = 1 << 16                             # bytes of a line
MOST = 100_000                                # programs
VALUE = re.compile(r"[!-~]+")
NUMBER = re.compile(r"[0-9]{1,20}")


def read(path):
    """{(program, library): Counts} of a file that HMAP_STATS named."""
    found = {}
    with open(0 if path == "-" else path, "rb", closefd=path != "-") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), 1):
            try:
                key, counts = parse(line.decode("ascii"))
            except ValueError:
                raise Failed(f"{path}, line {number}: this is not what HMAP_STATS makes programs write") from None
            found[key] = found[key] + counts if key in found else counts
            if len(found) > MOST:
                raise Failed(f"{path}: there are more than {MOST} programs in it")
    return found


def parse(line):
    """One line: (program, library) and Counts. ValueError if it is none."""
    library, *fields = line.removesuffix("\n").split(" ")
    values = dict(field.split("=", 1) for field in fields)
    if not line.endswith("\n") or len(values) < len(fields) or not all(map(VALUE.fullmatch, [library, *fields])):
        raise ValueError
    if not library.startswith("libhmap") or not NUMBERS | {"program", "pid"} <= set(values):
        raise ValueError
    numbers = {name: values[name] for name in NUMBERS}
    if not all(map(NUMBER.fullmatch, numbers.values())):
        raise ValueError
    return (values["program"], library), Counts(1, {name: int(value) for name, value in numbers.items()})


# ---- showing

def row(program, library, counts):
    numbers = counts.numbers
    shown = {heading: str(numbers[name]) for heading, name in {**SUMS, **LARGEST}.items()}
    overflow = f"{100 * numbers['overflow'] / numbers['buckets']:.1f} %" if numbers["buckets"] else "-"
    shown.update({"program": program, "library": library, "processes": str(counts.processes), "overflow": overflow})
    return [shown[heading] for heading in HEADINGS]


def layout(rows):
    """Text in columns: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows)
