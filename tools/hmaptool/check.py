"""hmap check: what programs use, and by which way each can be switched."""

import contextlib
import json
import multiprocessing.connection
import os
import signal

from hmaptool import elf, messages, process, record, relink, run
from hmaptool import program as programs
from hmaptool.bindings import base
from hmaptool.messages import Failed

SUMMARY = "Tell which of hsearch and GHashTable programs use, and how each can be put on hmap"
PIECE = 16  # programs that are examined in one go


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print a JSON array, one object a program")
    parser.add_argument("-r", "--recursive", action="store_true", help="enter folders, and check the programs in them")
    parser.add_argument("-u", "--users", action="store_true", help="show only programs that use one of both")
    parser.add_argument("-s", "--switchable", action="store_true", help="show only programs that can be put on hmap")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM", help="a path, or a name on PATH")


def main(args):
    with process.deaf():
        names, folders = listed(args.programs, args.recursive)
        found = examined(names)
    several = len(found) + folders > 1
    shown = [p for p in found if is_wanted(p, args)]
    if args.json:
        messages.say(json.dumps([as_json(p) for p in shown], indent=2))
    else:
        for program in shown:
            show(program)
        if several:
            messages.say(summary(found))
        if folders:
            messages.say(f"{folders} folders were left out: hmap check -r enters them")
    return 0 if all(p.examined for p in found) else 1


def is_wanted(program, args):
    return not (args.switchable and not program.ways or args.users and not program.uses)


# ---- finding

def listed(names, recursive):
    """The programs that are named, and how many folders were left out."""
    found, folders = [], 0
    for name in names:
        if not os.path.isdir(name) or not recursive and len(names) == 1 or "/" not in name and process.which(name):
            found.append(name)
        elif recursive:
            found += inside(name)
        else:
            folders += 1
    return found, folders


def inside(folder):
    """The programs in a folder, by their paths."""
    for place, folders, names in os.walk(os.path.join(folder, "")):
        process.heard()
        folders.sort()
        for path in (os.path.join(place, n) for n in sorted(names)):
            if elf.may_be_program(path):
                yield path


def examined(names):
    """Each program, in the order of their names; all at once, as far as the machine goes."""
    names = list(names)
    pieces = [names[i:i + PIECE] for i in range(0, len(names), PIECE)]
    workers = min(os.cpu_count() or 1, len(pieces))
    if workers < 2:
        return [program for some in pieces for program in examine_some(some)]
    found, done = {}, 0
    for index, programs_found in spread(pieces, workers):
        found[index] = programs_found
        done += len(programs_found)
        messages.note_progress(f"{done} of {len(names)}")
    messages.note_progress("")
    return [program for index in sorted(found) for program in found[index]]


def spread(pieces, workers):
    """(index, programs) of each piece as it is examined, by so many processes."""
    children, ends = [], []
    try:
        for k in range(workers):
            ours, theirs = multiprocessing.connection.Pipe(duplex=False)
            children.append(os.fork())
            if children[-1] == 0:
                work(theirs, pieces, range(k, len(pieces), workers))
            theirs.close()
            ends.append(ours)
        while ends:
            for end in multiprocessing.connection.wait([*ends, process.wakeup()]):
                if end == process.wakeup():
                    raise process.Interrupted
                try:
                    yield end.recv()
                except EOFError:
                    ends.remove(end)
    except BaseException:
        for child in children:
            os.kill(child, signal.SIGTERM)
        raise
    finally:
        ended = [os.waitpid(child, 0)[1] for child in children]
    if any(ended):
        raise Failed("a process of hmap's own ended before all was examined: out of memory, perhaps")


def work(end, pieces, indices):
    """A process of its own."""
    status = 1
    try:
        for index in indices:
            end.send((index, examine_some(pieces[index])))
        status = 0
    finally:
        os._exit(status)


def examine_some(names):
    read_ahead(names)
    found = [examine(name) for name in names]
    for program in found:
        program.bound = program.environment = None  # much, and of no use any more
    return found


def read_ahead(names):
    """One readelf for all that are ELF files."""
    paths = []
    for name in names:
        with contextlib.suppress(Failed, OSError):
            path = os.path.abspath(programs.find(name))
            if elf.is_elf(path):
                paths.append(path)
    if len(paths) > 1:
        elf.read_ahead(paths)


def examine(name):
    try:
        program = programs.examine(programs.find(name))
    except Failed as failure:
        return programs.Program(name, problem=str(failure), examined=False)
    if program.ways:
        todo, known = [api for api in sorted(program.uses, reverse=True) if api not in program.switched], False
        with barring(program, "relink"):
            relink.foretell(program, None, todo)
            known = True
        with barring(program, "run", "system"):
            environment, preloaded = run.environment_of(program), [api for api in todo if api == "hsearch"]
            if not known or not relink.same_order(program, environment, preloaded, todo):
                relink.foretell(program, environment, preloaded)
    return program


@contextlib.contextmanager
def barring(program, *ways):
    """What fails in here bars these ways."""
    try:
        yield
    except Failed as failure:
        for way in ways:
            program.hindrances.setdefault(way, str(failure).removeprefix(f"{program.path}: "))


def made(program):
    """What relink wrote down in a program, as an object for JSON, or None."""
    path = os.path.realpath(program.path)
    known = program.examined and not program.script and record.read(path)
    if not known:
        return None
    kept, why = record.kept(path)
    if kept:
        kept.__exit__()
    return {"sha256": known.made, "of_sha256": known.origin, "build_id": known.build_id or None,
            "kept": kept.path if kept else None, "not_kept": why or None}


# ---- for people

def show(program):
    rows = [(api, users(program, use)) for api, use in sorted(program.uses.items())]
    if not rows and not program.problem:
        rows = [("uses", "neither hsearch nor GHashTable")]
    if program.script:
        rows.insert(0, ("script", f"run by {program.path}, whose modules may use more: hmap run serves them too"))
    if program.script and program.chain and programs.wrapped(program.chain[-1]):
        rows[0] = ("libtool", f"its wrapper runs {program.path}")
    rows += [("bound to", why) for why in program.unswitched.values()]
    rows += [("on hmap", f"{api} already") for api in program.switched]
    if has_tables_of_its_own(program):
        rows.append(("mind", "it has a struct hsearch_data: if it reads the fields, it crashes on hmap (see hmap-check(1))"))
    if program.ways:
        rows.append(("switch", ", ".join({"run": "hmap run", "relink": "hmap relink", "system": "hmap system on"}[w]
                                         for w in program.ways)))
    rows += barred(program)
    if program.switched and os.path.lexists(os.path.realpath(program.path) + record.BACKUP):
        known = made(program)
        rows.append(("kept", "hmap relink --undo takes it back" if known and known["kept"] else
                     known["not_kept"] if known else "of another program: hmap relink did not make this one"))
    messages.say(program.script or program.path, BOLD)
    for name, text in rows:
        messages.say(f"  {name:10}", COLORS.get(name.split()[0]), f"  {text}")


def has_tables_of_its_own(program):
    """Whether it calls the _r functions, with a structure whose fields it could read. No call tells that it does."""
    use = program.uses.get("hsearch")
    return not program.problem and use is not None and any(name.endswith("_r") for names in use.callers.values() for name in names)


BOLD = 1
COLORS = {"switch": 32, "on": 32, "no": 31, "not": 33, "mind": 33}


def users(program, use):
    """Who calls it, the program itself first."""
    files = sorted(use.callers, key=lambda f: (base(f) != base(os.path.realpath(program.path)), f))
    names = ["itself" if f in (os.path.realpath(program.path), program.path) else base(f) for f in files]
    return "called by " + ", ".join(names) if names else "called by none"


def barred(program):
    if program.problem:
        return [("no way", program.problem)]
    if not program.uses:
        return []
    return [(f"not {way}", why) for way, why in program.hindrances.items()]


def summary(found):
    def count(condition):
        return sum(bool(condition(p)) for p in found)

    return (f"{len(found)} programs: hsearch in {count(lambda p: 'hsearch' in p.uses)}, "
            f"GHashTable in {count(lambda p: 'GHashTable' in p.uses)}; can be relinked: {count(lambda p: 'relink' in p.ways)}, "
            f"run on hmap as they are: {count(lambda p: 'run' in p.ways)}; scripts: {count(lambda p: p.script)}, "
            f"not examined: {count(lambda p: not p.examined)}")


# ---- for machines

def as_json(program):
    return {"program": program.script or program.path, "kind": program.kind,
            "run_by": program.path if program.script else None,
            "uses": {api: {"callers": {f: sorted(s) for f, s in sorted(use.callers.items())}, "served_by": sorted(use.targets)}
                     for api, use in program.uses.items()},
            "on_hmap": program.switched, "bound_to": program.unswitched, "ways": program.ways,
            "barred": {} if program.problem else program.hindrances, "problem": program.problem or None, "relinked": made(program)}
