"""What the dynamic linker would bind a program's calls to, by its own report, without running the program.

The linker is started as ldd -r starts it, with LD_DEBUG=bindings: it loads the program and all its libraries, binds every symbol
of each and stops before any code of theirs (but for the resolvers of IFUNC symbols, as with ldd -r). What is opened later,
plugins, does not show."""

import os
import re
import signal
import subprocess

from hmaptool.failure import Failed

API = {"hsearch": re.compile(r"h(create|search|destroy)(_r)?"),
       "GHashTable": re.compile(r"g_hash_table_(?!get_type)\w+|g_(str|int|int64|double|direct)_(hash|equal)")}
STOCK = {"hsearch": "libc.so.6", "GHashTable": "libglib-2.0.so.0"}
REFUSED = re.compile(r"^\S.*: version `.*' not found \(required by .*\)$", re.MULTILINE)
UNDEFINED = re.compile(r"^undefined symbol: .*$", re.MULTILINE)
BINDING = re.compile(r"binding file (.+) \[\d+\] to (.+) \[\d+\]: \w+ symbol `(\w+)'(?: \[(.+)\])?")


def read(program, interpreter, environment=None, first=()):
    """{(caller, symbol): (target, version)}, all files by the paths under which they are loaded; as if the program needed the
    libraries in first before all others."""
    if "\n" in os.path.realpath(program):
        raise Failed("its path has a line break, which the dynamic linker's report cannot show: rename it")
    env = {**(os.environ if environment is None else environment), "LD_BIND_NOW": "yes", "LD_DEBUG": "bindings"}
    env.pop("LD_DEBUG_OUTPUT", None)
    # A library that is preloaded into everything is nobody's business here.
    env["LD_PRELOAD"] = ":".join(map(str, first))
    done = trace(program, interpreter, env)
    missing = re.findall(r"^\t(\S+) => not found$", done.stdout, re.MULTILINE)
    if missing:
        raise Failed(f"{program}: {missing[0]} is not found: install what has it")
    why = refusal(done)
    if not why and UNDEFINED.search(done.stderr):
        # Calls that are bound when they are made may never be made.
        why = refusal(trace(program, interpreter, {n: v for n, v in env.items() if n not in ("LD_BIND_NOW", "LD_DEBUG")}), UNDEFINED)
    if why:
        raise Failed(f"{program}: its dynamic linker {interpreter} refuses it ({why}): make it start without hmap first")
    return {(caller, symbol): (target, version) for caller, target, symbol, version in BINDING.findall(done.stderr)}


def trace(program, interpreter, env):
    return subprocess.run([interpreter, os.path.realpath(program)],
                          env={**env, "LC_ALL": "C", "LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes"}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="surrogateescape", check=False)


def refusal(done, also=None):
    """What the linker says against a program, or nothing."""
    said = REFUSED.search(done.stderr) or also and also.search(done.stderr)
    if said:
        return said.group().strip()
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    return next(reversed(done.stderr.strip().splitlines()), f"exit status {done.returncode}") if done.returncode else ""


def base(path):
    return os.path.basename(path)


def api_of(symbol):
    return next((api for api, pattern in API.items() if pattern.fullmatch(symbol)), None)
