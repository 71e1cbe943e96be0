#!/usr/bin/python3 -B
"""Puts the sentences with which the pages of figures begin into README.md, between its marks "pages". Argument: the folder with
README.md and doc. With --check nothing is written, and the exit status is 1 if something would be."""

import pathlib
import sys

from report import pages

NAMES = ("programs", "speed", "memory", "sync")


def sentences(top):
    found = {name: pages.summary(top / "doc" / f"{name}.md") for name in NAMES if (top / "doc" / f"{name}.md").exists()}
    return "\n".join(f"- [{title}](doc/{name}.md): {said}" for name, (title, said) in found.items() if said)


def main():
    check = "--check" in sys.argv[1:]
    top, = (pathlib.Path(a) for a in sys.argv[1:] if a != "--check")
    readme = top / "README.md"
    if check:
        sys.exit(0 if sentences(top) in readme.read_text() else f"README.md does not say what the pages say: make readme\n{sentences(top)}")
    pages.fill(readme, "pages", sentences(top))


if __name__ == "__main__":
    main()
