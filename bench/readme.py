#!/usr/bin/python3 -B
"""Puts the sentences with which the pages of figures begin into README.md, between its marks "pages", and the table of the last demo
between its marks "demo". Arguments: the folder with README.md and doc; the demo's table, which need not be there. With --check nothing
is written, and the exit status is 1 if the sentences are others."""

import pathlib
import sys

from report import pages

NAMES = ("programs", "speed", "memory", "sync")


def sentences(top):
    found = {name: pages.summary(top / "doc" / f"{name}.md") for name in NAMES if (top / "doc" / f"{name}.md").exists()}
    return "\n".join(f"- [{title}](doc/{name}.md): {said}" for name, (title, said) in found.items() if said)


def main():
    check = "--check" in sys.argv[1:]
    top, *demo = (pathlib.Path(a) for a in sys.argv[1:] if a != "--check")
    readme = top / "README.md"
    if check:
        sys.exit(0 if sentences(top) in readme.read_text() else f"README.md does not say what the pages say: make readme\n{sentences(top)}")
    pages.fill(readme, "pages", sentences(top))
    for table in demo:
        if table.exists():
            pages.fill(readme, "demo", f"```\n{table.read_text().rstrip()}\n```")


if __name__ == "__main__":
    main()
