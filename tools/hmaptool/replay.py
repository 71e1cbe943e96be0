"""hmap replay: what a trace says, done once more on GLib and libc and on hmap, in turn: are the results the same, how fast, in how
much memory."""

import contextlib
import dataclasses
import json
import lzma
import os
import re
import shutil
import tempfile

from hmaptool import messages, places, process
from hmaptool.messages import Failed
from hmaptool.stats import layout

SUMMARY = "Do what a trace tells on GLib and on hmap, and show whether results are the same, time and memory"
SIDES = ("idle", "stock", "hmap")   # what replaying takes itself; the other two, less that
KINDS = {"Direct": "pointers, numbers", "Str": "strings", "Int": "gint", "Int64": "gint64", "Double": "gdouble",
         "Own": "the program's own", "Search": "hsearch"}
STORES = ("Insert", "InsertSelf", "Replace", "ReplaceSelf", "Add", "Enter")
LOOKUPS = ("Lookup", "LookupExtended", "Contains", "Find")
REMOVALS = ("Remove", "Steal", "StealExtended", "RemoveAll", "StealAll", "StealAllKeys", "StealAllValues")
WALKS = ("Walk", "GetKeys", "GetValues", "KeysArray", "KeysPtrArray", "ValuesPtrArray")


def add_arguments(parser):
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each side, in turn (default 5); times are the least")
    parser.add_argument("--check", action="store_true", help="one run of each side: only whether results are the same")
    parser.add_argument("--instructions", action="store_true", help="count instructions too, with valgrind: fifty times slower")
    parser.add_argument("--json", action="store_true", help="print one object for a program to read")
    parser.add_argument("trace", metavar="TRACE", help="what hmap record wrote; .xz behind its name: compressed")


def main(args):
    if args.runs < 1:
        raise Failed(f"--runs {args.runs}: give a number from 1 on")
    with unpacked(args.trace) as trace:
        result = measure(trace, args)
    messages.say(json.dumps(result) if args.json else shown(result))
    return 0 if result["same"] else 1


@contextlib.contextmanager
def unpacked(trace):
    """The path of the trace as a file that is not compressed: one without a name, of which nothing is left, whatever happens."""
    if not os.path.isfile(trace):
        raise Failed(f"{trace}: " + ("no regular file" if os.path.exists(trace) else "there is no such file"))
    if not trace.endswith(".xz"):
        yield trace
        return
    with tempfile.TemporaryFile() as file:
        try:
            with lzma.open(trace) as packed:
                shutil.copyfileobj(packed, file)
        except (lzma.LZMAError, EOFError):
            raise Failed(f"{trace}: damaged, or not what xz made") from None
        file.flush()
        path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        try:
            yield path
        except Failed as failure:
            raise Failed(str(failure).replace(path, trace)) from None


# ---- runs

def replayer(side):
    path = f"{places.libdir}/hmap/replay-{side}"
    if not os.path.exists(path):
        raise Failed(f"{path} is missing: install hmap built with GLib")
    return path


def environment(side):
    """The hmap side finds our libraries from where they are; the others must not."""
    found = {k: v for k, v in os.environ.items() if k not in ("HMAP_STATS", "HMAP_CHECK")}
    if side == "hmap":
        found["LD_LIBRARY_PATH"] = ":".join(filter(None, [places.libdir, found.get("LD_LIBRARY_PATH")]))
    return found


def one_run(side, trace, *options):
    """What the replayer tells; Failed with its own words if it cannot read the trace."""
    done = process.run([replayer(side), trace, *options], environment(side))
    if done.status == 2:
        raise Failed(done.err.strip().splitlines()[-1])
    if done.status not in (0, 1):
        raise Failed(f"{trace}: the replay on {side} ended with status {done.status}: {done.err.strip()[-200:]}")
    return json.loads(done.out)


def check_sides(stock, ours):
    """Each side has the library that it should."""
    if "libhmap" in stock["library"]:
        raise Failed(f"GLib's functions come from {stock['library']} already: switch hmap system off, or leave LD_LIBRARY_PATH alone")
    if "libhmap-glib" not in ours["library"]:
        raise Failed(f"hmap's functions come from {ours['library']}: install hmap anew")


def measure(trace, args):
    runs = {side: [] for side in SIDES}
    for _ in range(1 if args.check else args.runs):
        for side, done in runs.items():
            done.append(one_run(side, trace))
    idle, stock, ours = (runs[side][0] for side in SIDES)
    check_sides(stock, ours)
    result = {name: idle[name] for name in ("program", "operations", "threads", "hidden", "truncated", "full", "refused", "kinds")}
    result["wrong"] = {"stock": stock["wrong"], "hmap": ours["wrong"]}
    result["first_wrong"] = ours["first_wrong"] if ours["wrong"] else stock["first_wrong"]
    result["same"] = not stock["wrong"] and not ours["wrong"] and len({run["sum"] for s in ("stock", "hmap") for run in runs[s]}) == 1
    if not args.check:
        result["seconds"] = net({s: min(run["nanoseconds"] for run in runs[s]) / 1e9 for s in SIDES})
        result["first_seconds"] = {s: min(run["first"] for run in runs[s]) / 1e9 for s in ("stock", "hmap")}
        result["kib"] = net({s: min(run["kib"] for run in runs[s]) for s in SIDES})
        result["longest"] = {s: min(one_run(s, trace, "--longest")["longest"] for _ in range(2)) / 1e9 for s in ("stock", "hmap")}
    if args.instructions:
        result["instructions"] = net({s: instructions(s, trace) for s in SIDES})
    return result


def net(figures):
    """Stock and hmap without what replaying takes itself, and their ratio."""
    stock, ours = (max(figures[side] - figures["idle"], 0) for side in ("stock", "hmap"))
    return {"stock": stock, "hmap": ours, "ratio": ours / stock if stock else None}


def instructions(side, trace):
    """What callgrind counts in the part that is measured."""
    command = [process.tool_path("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=doPiece"]
    done = process.run([*command, replayer(side), trace], environment(side))
    found = re.search(r"Collected : (\d+)", done.err)
    if not found:
        raise Failed(f"valgrind failed: {done.err.strip()[-200:]}")
    return int(found.group(1))


# ---- what came of it

def sums(operations, names):
    return sum(operations.get(name, 0) for name in names)


def kinds_table(kinds):
    rows = [["keys", "tables", "empty", "up to 8", "up to 1000", "more", "largest", "stores", "lookups", "removals", "walks"]]
    for kind, seen in kinds.items():
        numbers = [seen["tables"], *seen["sizes"], seen["largest"],
                   *(sums(seen["operations"], names) for names in (STORES, LOOKUPS, REMOVALS, WALKS))]
        rows.append([KINDS[kind], *map(str, numbers)])
    return layout(rows)


def shown(result):
    lines = [f"{'program':13} {result['program']}, {result['operations']} operations, {result['threads']} "
             f"thread{'s' * (result['threads'] != 1)}"]
    if result["truncated"] or result["full"]:
        lines.append(f"{'':13} the trace ends before the program did" + (": its limit" if result["full"] else ""))
    lines += ["", kinds_table(result["kinds"]), ""]
    wrong = result["wrong"]
    if result["same"]:
        lines.append(f"{'results':13} the same, each of them")
    elif wrong["stock"] or wrong["hmap"]:
        lines.append(f"{'results':13} DIFFER from the trace: {wrong['stock']} on GLib, {wrong['hmap']} on hmap, the first of "
                     f"operation {result['first_wrong']}")
    else:
        lines.append(f"{'results':13} DIFFER: other keys or values on hmap than on GLib")
    if result["refused"]:
        lines.append(f"{'':13} {result['refused']} entries that libc had no room for were left out")
    return "\n".join(lines + [row for row in (time_row(result), instructions_row(result), *memory_rows(result)) if row])


def compared(name, figures, text):
    ratio = f", ratio {figures['ratio']:.2f}" if figures.get("ratio") is not None else ""
    return f"{name:13} {text(figures['stock'])} on GLib or libc, {text(figures['hmap'])} on hmap{ratio}"


def time_row(result):
    return compared("time", result["seconds"], duration) if "seconds" in result else ""


def instructions_row(result):
    return compared("instructions", result["instructions"], lambda n: f"{n / 1e6:.2f} million") if "instructions" in result else ""


def memory_rows(result):
    if "kib" in result:
        yield compared("peak memory", result["kib"], lambda kib: f"{kib / 1024:.1f} MB")
        yield compared("longest call", result["longest"], duration)
        yield compared("first tables", result["first_seconds"], duration) + ", once a process, not in the time above"


def duration(seconds):
    for unit, scale in ("s", 1), ("ms", 1e3), ("µs", 1e6):
        if seconds * scale >= 1:
            break
    return f"{seconds * scale:.2f} {unit}"
