"""hmap check: what programs use, and by which way each can be switched."""

import concurrent.futures
import contextlib
import json
import os

from hmaptool import program as programs
from hmaptool import relink, run
from hmaptool.bindings import base
from hmaptool.failure import Failed

SUMMARY = "Tell which of hsearch and GHashTable programs use, and how each can be put on hmap"


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print a JSON array, one object a program")
    parser.add_argument("programs", nargs="+", metavar="PROGRAM", help="a path, or a name on PATH")


def main(args):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(examine, args.programs)
        if args.json:
            found = list(found)
            print(json.dumps([as_json(p) for p in found], indent=2))
        else:
            found = [show(p) for p in found]
            if len(found) > 1:
                print(summary(found))
    return 0 if all(p.examined for p in found) else 1


def examine(name):
    try:
        program = programs.examine(programs.find(name))
    except Failed as failure:
        return programs.Program(name, problem=str(failure), examined=False)
    if program.ways:
        todo = [api for api in sorted(program.uses, reverse=True) if api not in program.switched]
        with barring(program, "relink"):
            relink.foretell(program, None, todo)
        with barring(program, "run", "system"):
            relink.foretell(program, run.environment(program), [api for api in todo if api == "hsearch"])
    return program


@contextlib.contextmanager
def barring(program, *ways):
    """What fails in here bars these ways."""
    try:
        yield
    except Failed as failure:
        for way in ways:
            program.hindrances.setdefault(way, str(failure).removeprefix(f"{program.path}: "))


# ---- for people

def show(program):
    rows = [(api, users(program, use)) for api, use in sorted(program.uses.items())]
    if not rows and not program.problem:
        rows = [("uses", "neither hsearch nor GHashTable")]
    if program.script:
        rows.insert(0, ("script", f"run by {program.path}, whose modules may use more: hmap run serves them too"))
    rows += [("on hmap", f"{api} already") for api in program.switched]
    if program.ways:
        rows.append(("switch", ", ".join({"run": "hmap run", "relink": "hmap relink", "system": "hmap system on"}[w]
                                         for w in program.ways)))
    rows += barred(program)
    print(program.script or program.path)
    for name, text in rows:
        print(f"  {name:10}  {text}")
    return program


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
            "on_hmap": program.switched, "ways": program.ways, "barred": {} if program.problem else program.hindrances,
            "problem": program.problem or None}
