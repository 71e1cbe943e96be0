"""What the dynamic linker would bind a program's calls to, by its own report, without running the program.

The linker is started as ldd -r starts it: it loads the program and all its libraries, binds every symbol of each and stops before
any code of theirs (but for the resolvers of IFUNC symbols, as with ldd -r). What is opened later, plugins, does not show. With
LD_DEBUG=bindings it tells each binding, which takes long; so it is asked that only where a file has a name in it that is looked for."""

import dataclasses
import functools
import os
import re

from hmaptool import elf, process
from hmaptool.messages import Failed

API = {"hsearch": re.compile(r"h(create|search|destroy)(_r)?"),
       "GHashTable": re.compile(r"g_hash_table_(?!get_type)\w+|g_(str|int|int64|double|direct)_(hash|equal)")}
STOCK = {"hsearch": "libc.so.6", "GHashTable": "libglib-2.0.so.0"}
REFUSED = re.compile(r"^\S.*: version `.*' not found \(required by .*\)$", re.MULTILINE)
UNDEFINED = re.compile(r"^undefined symbol: .*$", re.MULTILINE)
MISSING = re.compile(r"^\t(\S+) => not found$", re.MULTILINE)
LOADED = re.compile(r"^\t(?:.* => (.+)|(/.*)) \(0x[0-9a-f]+\)$", re.MULTILINE)
TRIED = re.compile(r"^ *\d+:\t *trying file=(.*)$")
BINDING = re.compile(r"binding file (.+) \[\d+\] to (.+) \[\d+$")
NAMES = (b"hcreate", b"hsearch", b"hdestroy", b"g_hash_table_")


_known = {}  # what was asked for already: scripts share the program that runs them


@dataclasses.dataclass
class Report:
    """What the dynamic linker did with a program, all files by the paths under which they are loaded."""
    bound: dict = dataclasses.field(default_factory=dict)   # (caller, symbol): (target, version)
    loaded: list = dataclasses.field(default_factory=list)
    missed: list = dataclasses.field(default_factory=list)  # paths at which it looked for a library and found none


def read(program, interpreter, environment=None, first=(), always=False, keep=()):
    """Its Report, as if the program needed the libraries in first before all others. environment: the program's; without one, what is
    preloaded into everything is nobody's business. always: ask for bindings even if none can be of a function that counts."""
    command, env = started_as(program, interpreter, environment, first)
    known = (*command, *env.items(), always)
    if keep or known not in _known:
        _known[known] = ask(program, command, env, always, keep)
    return _known[known]


def order(program, interpreter, environment, first):
    """The libraries in the order in which names are looked for in them, which is known much quicker than bindings."""
    command, env = started_as(program, interpreter, environment, first)
    done, loaded = listed(program, command, env, ())
    refuse(program, command, refusal(done))
    return loaded


def started_as(program, interpreter, environment, first):
    """The dynamic linker's command line and environment."""
    path = program if program.startswith("/proc/self/fd/") else os.path.realpath(program)
    if "\n" in path:
        raise Failed("its path has a line break, which the dynamic linker's report cannot show: rename it")
    env = linker_environment(environment, first)
    if "LD_LIBRARY_PATH" in env:  # the linker, when it is asked so, takes itself for the program
        env["LD_LIBRARY_PATH"] = elf.expanded(env["LD_LIBRARY_PATH"], program)
    return [interpreter, path], env


def listed(program, command, env, keep):
    """What the linker did, and what it loaded."""
    done = process.run(command, env, keep)
    missing = MISSING.search(done.out)
    if missing:
        raise Failed(f"{program}: {missing.group(1)} is not found: install what has it")
    return done, [a or b for a, b in LOADED.findall(done.out)]


def ask(program, command, env, always, keep):
    done, loaded = listed(program, command, env, keep)
    why = refusal(done)
    if not why and (always or any(mentions(f) for f in [command[1], *loaded] if base(f) != STOCK["hsearch"])):
        done = process.run(command, {**env, "LD_BIND_NOW": "yes", "LD_DEBUG": "libs,bindings"}, keep)
        why = process.ended_by(done.status) if done.status < 0 else ""
    refuse(program, command, why)
    return Report(*told(done.err, loaded))


def refuse(program, command, why):
    if why:
        raise Failed(f"{program}: its dynamic linker {command[0]} refuses it ({why}): make it start without hmap first")


def told(text, loaded):
    """What a Report holds. There are tens of thousands of lines, which begin with the same two files again and again."""
    bound, tried, pairs = {}, {}, {}
    for line in text.split("\n"):
        files, _, rest = line.rpartition("]: ")
        pair = pairs.get(files)
        if pair is None:
            found = BINDING.search(files)
            pair = pairs[files] = found.groups() if found else ()
        if pair:
            symbol, _, version = rest.partition("`")[2].partition("'")
            bound[pair[0], symbol] = pair[1], version[2:-1]
        elif "trying file=" in line:
            tried.update(dict.fromkeys(TRIED.findall(line)))
    return bound, loaded, [path for path in tried if path not in loaded]


def linker_environment(environment, first):
    """Of the variables that the dynamic linker looks at, those that count for the program alone."""
    wanted = {"LD_LIBRARY_PATH"} if environment is None else {"LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_DYNAMIC_WEAK"}
    env = {n: v for n, v in (os.environ if environment is None else environment).items() if not n.startswith("LD_") or n in wanted}
    preloaded = ":".join(filter(None, [*first, env.get("LD_PRELOAD")]))
    return {**env, "LD_PRELOAD": preloaded, "LC_ALL": "C", "LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "yes"}


def refusal(done):
    """What the linker says against a program, or nothing. Calls that are bound when they are made, which may never be, it leaves."""
    said = REFUSED.search(done.err) or UNDEFINED.search(done.err)
    if said:
        return said.group().strip()
    return done.words if done.status else ""


@functools.cache
def mentions(path, whole=False):
    """Whether a function of either API can be among a file's symbols. whole: they are not where those of a dynamic program are."""
    longest, rest = max(map(len, NAMES)), b""
    part = () if whole else elf.names_of(path)
    with open(path, "rb") as file:
        if part:
            return has_name(os.pread(file.fileno(), part[1], part[0]))
        while data := file.read(1 << 22):
            data = rest + data
            if has_name(data):
                return True
            rest = data[-longest:]
    return False


def has_name(data):
    return any(name in data for name in NAMES)


def base(path):
    return os.path.basename(path)


@functools.cache
def api_of(symbol):
    if symbol[:1] not in "hg":
        return None
    return next((api for api, pattern in API.items() if pattern.fullmatch(symbol)), None)
