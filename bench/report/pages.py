"""pages.py: what stands in the pages of doc/ and in README.md between two marks, and is not written by hand."""

import pathlib


class NoMarks(Exception):
    """A page has no place for what is to come into it."""


def marks(name):
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def fill(path, name, inside):
    """Puts a text between the marks of this name in a file."""
    path, (begin, end) = pathlib.Path(path), marks(name)
    before, found, rest = path.read_text().partition(begin)
    _, found_too, after = rest.partition(end)
    if not found or not found_too:
        raise NoMarks(f"{path} has no lines '{begin}' and '{end}'")
    path.write_text(f"{before}{begin}\n\n{inside.strip()}\n\n{end}{after}")


def summary(path):
    """A page's title, and the sentence with a number that follows it as a quotation."""
    lines = pathlib.Path(path).read_text().splitlines()
    quoted = [line.removeprefix("> ") for line in lines if line.startswith("> ")]
    return lines[0].removeprefix("# "), " ".join(quoted)
