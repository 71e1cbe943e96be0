"""What the dynamic linker would bind a program's calls to, by its own report, without running the program.

The linker is started as ldd -r starts it, with LD_DEBUG=bindings: it loads the program and all its libraries, binds every symbol
of each and stops before any code of theirs (but for the resolvers of IFUNC symbols, as with ldd -r). What is opened later,
plugins, does not show."""

import os
import re
import subprocess

from hmaptool.failure import Failed

API = {"hsearch": re.compile(r"h(create|search|destroy)(_r)?"),
       "GHashTable": re.compile(r"g_hash_table_(?!get_type)\w+|g_(str|int|int64|double|direct)_(hash|equal)")}
STOCK = {"hsearch": "libc.so.6", "GHashTable": "libglib-2.0.so.0"}
BINDING = re.compile(r"binding file (.+) \[\d+\] to (.+) \[\d+\]: \w+ symbol `(\w+)'(?: \[(.+)\])?")


def read(program, interpreter, environment=None):
    """{(caller, symbol): (target, version)} of the functions of both APIs, all files by the paths under which they are loaded."""
    if "\n" in os.path.realpath(program):
        raise Failed("its path has a line break, which the dynamic linker's report cannot show: rename it")
    env = {**(os.environ if environment is None else environment), "LC_ALL": "C", "LD_TRACE_LOADED_OBJECTS": "1",
           "LD_WARN": "yes", "LD_BIND_NOW": "yes", "LD_DEBUG": "bindings"}
    env.pop("LD_DEBUG_OUTPUT", None)
    # A library that is preloaded into everything is nobody's business here.
    env.pop("LD_PRELOAD", None)
    done = subprocess.run([interpreter, os.path.realpath(program)], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="surrogateescape", check=False)
    missing = re.findall(r"^\t(\S+) => not found$", done.stdout, re.MULTILINE)
    if missing:
        raise Failed(f"{program}: {missing[0]} is not found: install what has it")
    if done.returncode and "binding file" not in done.stderr:
        raise Failed(f"{program}: the dynamic linker {interpreter} cannot load it: {done.stderr.strip().splitlines()[-1:]}")
    return {(caller, symbol): (target, version) for caller, target, symbol, version in BINDING.findall(done.stderr)
            if api_of(symbol) and not base(caller).startswith("libhmap")}


def base(path):
    return os.path.basename(path)


def api_of(symbol):
    return next((api for api, pattern in API.items() if pattern.fullmatch(symbol)), None)
