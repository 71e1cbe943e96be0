"""hmap record: what a program does with its tables, as a trace. It is run as hmap run does, with other libraries in the place of
ours: they pass every call on to GLib or libc, and write it down."""

import argparse
import glob
import os

from hmaptool import places, run
from hmaptool.messages import Failed, failing_with

SUMMARY = "Run a program as it is, and write a trace of what it does with its tables"
USAGE = "hmap record [-o TRACE] [--limit SIZE] [--hash-strings] PROGRAM [ARGUMENT...]"
FAILED = 126  # whatever fails: 2 could be the program's
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def add_arguments(parser):
    parser.add_argument("-o", "--output", metavar="TRACE", help="the file to write (default PROGRAM.trace); other processes of the "
                        "program write TRACE.PID")
    parser.add_argument("--limit", type=size, default=1 << 30, metavar="SIZE",
                        help="end each trace when it has so many bytes; K, M or G may follow the number (default 1G)")
    parser.add_argument("--hash-strings", action="store_true", help="keep no string, but its length, what it has in common with the "
                        "one before, and whether g_str_hash takes it for another")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]", help="what to run")


def size(text):
    number, unit = (text[:-1], UNITS[text[-1]]) if text[-1:] in UNITS else (text, 1)
    if not number.isdigit() or not int(number):
        raise argparse.ArgumentTypeError(f"'{text}' is no size: give a number of bytes, or one with K, M or G behind it")
    return int(number) * unit


def main(args):
    name, *arguments = run.command(args.command)
    path = run.found(name)
    with failing_with(FAILED):
        places.libdir = libdir()
        program = run.examined(path, dict(os.environ))
        if program.switched:
            raise Failed(f"{path} runs on hmap already: record the program as it was before")
        prepared = run.prepare(program)
        output = os.path.abspath(args.output or os.path.basename(path) + ".trace")
        make_room(output)
    run.execute(prepared.executable, [name, *arguments], {**prepared.environment, **orders(output, args)})


def orders(output, args):
    """What tells the recording library what to do."""
    hidden = {"HMAP_TRACE_HASH_STRINGS": "1"} if args.hash_strings else {}
    return {"HMAP_TRACE": output, "HMAP_TRACE_LIMIT": str(args.limit), **hidden}


def libdir():
    """Where the recording libraries lie as ours do in the folder above."""
    folder = f"{places.libdir}/hmap/record"
    if not os.path.exists(folder):
        raise Failed(f"{folder} is missing: install hmap built with GLib and with shared libraries")
    return folder


def make_room(output):
    """Takes away an old trace, and looks whether a new one can be written."""
    with open(output, "ab"):
        pass
    for old in [output, *glob.glob(glob.escape(output) + ".[0-9]*")]:
        with open(old, "rb") as file:
            if file.read(7) not in (b"hmaptrc", b""):
                raise Failed(f"{old} is there, and is no trace: remove it, or use -o with another name")
        os.unlink(old)
