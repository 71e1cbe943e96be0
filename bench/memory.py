#!/usr/bin/python3 -B
"""Publishes what a GHashTable takes: runs runs/memory.sh, writes doc/memory.md, and the sentence with which that page begins into
README.md. Arguments: the folder with README.md and doc, and that with libhmap-glib."""

import pathlib
import subprocess
import sys

import readme
from report import pages


def main():
    top, libdir = map(pathlib.Path, sys.argv[1:])
    script = pathlib.Path(__file__).resolve().parent / "runs" / "memory.sh"
    table, _, mean = subprocess.run(["sh", script, libdir], check=True, capture_output=True, text=True).stdout.partition("\n\n")
    page = top / "doc" / "memory.md"
    pages.fill(page, "figures", table)
    pages.fill(page, "summary", f"> A `GHashTable` takes {mean.split()[-1]} of GLib's bytes on the heap: the mean over tables of 0 to "
                                "1,000,000 integers, strings, and sets of them.")
    pages.fill(top / "README.md", "pages", readme.sentences(top))


if __name__ == "__main__":
    main()
