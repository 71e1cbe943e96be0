#!/usr/bin/python3
"""hostile.py: the command hmap among damaged files, signals and other users. hostile.sh runs it with small numbers, make
check-hostile with large ones.

Each job prints what was wrong, one line each, and ends with 1 if there was anything.

  mutants HMAP N PROGRAM...         damaged copies of the programs through every subcommand
  signals HMAP N PROGRAM            relink and its undo, ended by signals at random moments
  compare-signals HMAP N PROGRAM    the same for compare
  swap FOLDER VICTIM                an attacker: puts links to VICTIM in the place of all that appears in FOLDER, until FOLDER/stop
  exchange FOLDER OTHER             an attacker: exchanges FOLDER and OTHER back and forth, until the file stop appears
"""

import collections
import concurrent.futures
import contextlib
import functools
import glob
import hashlib
import os
import pathlib
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time

CLEAR = {number: signal.SIG_DFL for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)}
for one, action in CLEAR.items():
    signal.signal(one, action)
SEED = os.environ.get("HMAP_TEST_SEED", "1")
random.seed(SEED)


# ---- damaged files

SPECIAL = [0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff, 0x8000000000000000]


def poke(data, low, high, times):
    """Changes some bytes, bits or words of a part."""
    for _ in range(times):
        at, kind = random.randrange(low, max(low + 1, min(high, len(data) - 8))), random.randrange(3)
        if kind == 0:
            data[at] = random.randrange(256)
        elif kind == 1:
            data[at] ^= 1 << random.randrange(8)
        else:
            struct.pack_into("<Q", data, at & ~7, random.choice([*SPECIAL, len(data), len(data) - 1]))


def segments(data):
    """(type, offset, size) of each."""
    start, = struct.unpack_from("<Q", data, 32)
    number, = struct.unpack_from("<H", data, 56)
    for i in range(number):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, start + 56 * i)
        yield kind, offset, size


def mutant(program):
    data = bytearray(program)
    headers, sections = struct.unpack_from("<QQ", data, 32)
    numbers = struct.unpack_from("<HHHH", data, 54)
    dynamic = next(((offset, size) for kind, offset, size in segments(data) if kind == 2), (64, 500))
    how = random.randrange(9)
    if how == 0:
        poke(data, 4, 64, random.choice([1, 2, 4]))
    elif how == 1:
        poke(data, headers, headers + 56 * numbers[1], random.choice([1, 2, 5]))
    elif how == 2:
        poke(data, sections, sections + 64 * numbers[3], random.choice([1, 2, 5]))
    elif how in (3, 4):
        poke(data, dynamic[0], sum(dynamic), random.choice([1, 2, 5]))
    elif how == 5:
        del data[random.randrange(len(data)):]
    elif how == 6:
        poke(data, 64, len(data), random.choice([1, 10, 100]))
    elif how == 7:
        poke(data, 0x2e0, 0x2000, random.choice([1, 5, 20]))
    else:
        data += random.randbytes(random.randrange(1, 5000))
    return bytes(data)


def wrong(done, statuses):
    """What a command may not do with a damaged file."""
    text = done.stderr.decode("utf-8", "replace")
    if b"Traceback" in done.stderr or "hmap's own" in text:
        return "a fault of its own: " + text
    if done.returncode not in statuses:
        return f"status {done.returncode}: {text}"
    if text.count("\n") > 1 or done.returncode == 2 and text.count("\n") != 1:
        return f"not one line: {text!r}"
    return "['" in text and f"no sentence: {text}"


STATUSES = {"check": {0, 1}, "relink": {0, 2}, "undo": {2}, "stats": {2}, "replay": {2}, "compare": {0, 1, 2}}  # others: the program's


def mutants(hmap, number, *programs):
    """On all processors. relink, compare and run would start them, which is done in a folder of their own without a terminal."""
    os.mkdir("mutants")
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for faults in pool.map(functools.partial(one_mutant, hmap, programs), range(int(number))):
            yield from faults


def one_mutant(hmap, programs, number):
    """What goes wrong with a mutant, which depends on its number."""
    random.seed(f"{SEED} {number}")
    folder = pathlib.Path(f"mutants/m{number}").absolute()
    empty = folder / "empty"
    empty.mkdir(parents=True)
    file, faults = folder / "mutant", []
    file.write_bytes(mutant(pathlib.Path(random.choice(programs)).read_bytes()))
    file.chmod(0o755)
    before = digest(file)
    for name, words in {"check": ["check", file], "relink": ["relink", file, "-o", folder / "new"], "stats": ["stats", file],
                        "undo": ["relink", "--undo", file], "replay": ["replay", file], "run": ["run", file], "env": ["env", file],
                        "compare": ["compare", "--runs", "1", "--timeout", "5", "-n", file],
                        "record": ["record", "-o", folder / "trace", file]}.items():
        try:
            done = subprocess.run([hmap, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600, cwd=empty)
            fault = wrong(done, STATUSES[name]) if name in STATUSES else b"Traceback" in done.stderr and "a traceback"
        except subprocess.TimeoutExpired:
            fault = name in STATUSES and "it does not end"
        if fault:
            faults.append(f"{name} {file}: {fault}")
    left = [n for n in os.listdir(folder) if n not in ("new", "empty", file.name) and not n.startswith("trace")]
    if digest(file) != before or left:
        faults.append(f"{file} was changed, or left {left}")
    if not faults:
        shutil.rmtree(folder)
    return faults


# ---- signals

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM, signal.SIGKILL]


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def ended(command, number, seconds):
    """Starts a command and sends it a signal: (exit status, standard error)."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True, preexec_fn=no_core) as child:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            (os.killpg if random.random() < .5 else os.kill)(child.pid, number)
        _, err = child.communicate()
    return child.returncode, err.decode("utf-8", "replace")


def took(command):
    begin = time.monotonic()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return time.monotonic() - begin


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def signals(hmap, number, program):
    folder = pathlib.Path("signals")
    folder.mkdir()
    path, kept = folder / "p", folder / "p.hmap-orig"
    shutil.copy(program, path)
    path.chmod(0o751)
    old = digest(path)
    limit = took([hmap, "relink", "--in-place", path]) * 1.2
    new = digest(path)
    subprocess.run([hmap, "relink", "--undo", path], capture_output=True, check=True)
    seen, stale = collections.Counter(), set()  # what SIGKILL leaves, until a relink comes that is not stopped before it can remove it
    for _ in range(int(number)):
        one, verb = random.choice(NUMBERS), "--in-place" if digest(path) == old else "--undo"
        status, err = ended([hmap, "relink", verb, path], one, random.uniform(0, limit))
        state = {old: "old", new: "new"}.get(digest(path), "half")
        left = sorted(set(os.listdir(folder)) - {"p"} - stale)
        good = [[], ["p.hmap-orig"]] if one == signal.SIGKILL and state == "old" else [["p.hmap-orig"]] if state == "new" else [[]]
        if one == signal.SIGKILL:
            stale.update(name for name in left if name.startswith(".hmap-"))
            left = [name for name in left if name not in stale]
        seen[state] += 1
        if state == "half" or left not in good or path.stat().st_mode & 0o7777 != 0o751 or err.count("\n") > 0 and status < 0:
            yield f"{one.name} {verb}: {state}, {left}, status {status}: {err}"
        if status == 0 and state != ("new" if verb == "--in-place" else "old"):
            yield f"{one.name} {verb}: status 0, and it is {state}"
        if status < 0 and -status != one:
            yield f"{one.name} {verb}: ended by {-status}"
        if status < 0 and one != signal.SIGKILL and state == ("new" if verb == "--in-place" else "old"):
            yield f"{one.name} {verb}: ended by the signal, and it was done"
        if state == "old" and kept.exists():
            kept.unlink()
    subprocess.run([hmap, "relink", "--undo" if digest(path) == new else "--in-place", path], capture_output=True, check=True)
    left = [name for name in os.listdir(folder) if name.startswith(".hmap-")]
    if left:
        yield f"a relink that ended well leaves {left}"
    if number != "0" and not seen["old"]:
        yield f"no signal came in time: {seen}"


def compare_signals(hmap, number, program):
    folder = pathlib.Path("compare").absolute()
    (folder / "tmp").mkdir(parents=True)
    (folder / "here").mkdir()
    program = os.path.abspath(program)
    os.environ["TMPDIR"] = str(folder / "tmp")
    os.chdir(folder / "here")
    stale = set()
    mark = f"{random.randrange(1 << 60):x}"
    for i in range(int(number)):
        one = random.choice(NUMBERS)
        command = [hmap, "compare", "--runs", "3", "-n"]
        # A program that leaves others behind, which write where it ran.
        command += [program, "a"] if i % 2 else ["sh", "-c", f": {mark}; (while :; do echo x >f; sleep .01; done) & sleep .3"]
        _, err = ended(command, one, random.uniform(0, 1.2))
        for _ in range(200):
            alive = [p for p in glob.glob("/proc/[0-9]*/cmdline") if mark in text_of(p)]
            if not alive:
                break
            time.sleep(.02)
        else:
            yield f"{one.name}: processes are left: {alive}"
        # What differs, as it may, is kept under another name.
        left = set(glob.glob(".hmap-*", root_dir=folder / "tmp")) - stale
        if one == signal.SIGKILL:
            stale |= left
        elif left:
            yield f"{one.name}: left {left}: {err}"
        if err.count("\n") > 1:
            yield f"{one.name}: {err!r}"
    subprocess.run([hmap, "compare", "--runs", "1", "-n", program, "a"], capture_output=True, check=True)
    left = glob.glob(".hmap-*", root_dir=folder / "tmp")
    if left:
        yield f"a compare that ended well leaves {left}"


def text_of(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


# ---- attackers

def swap(folder, victim):
    """Puts a link to the victim in the place of all that is made in a folder, and of all that is made in a folder in there."""
    begin, count, own = time.monotonic(), 0, set(os.listdir(folder))
    os.chdir(folder)
    while time.monotonic() < begin + 120 and not os.path.exists("../stop"):
        for name in os.listdir("."):
            if name in own or name.startswith("moved"):
                continue
            with contextlib.suppress(OSError):
                if not os.path.islink(name):
                    count += 1
                    os.rename(name, f"moved{count}")
                    os.symlink(victim if count % 2 else os.path.dirname(victim), name)
    return ()


def exchange(folder, other):
    begin = time.monotonic()
    stop = os.path.join(os.path.dirname(other), "stop")
    while time.monotonic() < begin + 120 and not os.path.exists(stop):
        for one, two in (folder, folder + ".away"), (other, folder), (folder, other), (folder + ".away", folder):
            with contextlib.suppress(OSError):
                os.rename(one, two)
        time.sleep(.0005)
    return ()


JOBS = {"mutants": mutants, "signals": signals, "compare-signals": compare_signals, "swap": swap, "exchange": exchange}
if __name__ == "__main__":
    found = list(JOBS[sys.argv[1]](*sys.argv[2:]))
    for line in found[:20]:
        print(line.replace("\n", "\\n"))
    if len(found) > 20:
        print(f"and {len(found) - 20} more")
    sys.exit(bool(found))
