"""hmap relink: a program whose calls go to hmap, as a new file or in place."""

import functools
import os
import shutil
import stat
import tempfile

from hmaptool import bindings, elf, places
from hmaptool import program as programs
from hmaptool.bindings import base
from hmaptool.failure import Failed

SUMMARY = "Put hmap's library first among those that a program needs, and verify where its calls go"
BACKUP = ".hmap-orig"


def add_arguments(parser):
    parser.add_argument("program", metavar="PROGRAM", help="a path, or a name on PATH")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("-o", "--output", metavar="NEW", help="write the relinked program to NEW")
    how.add_argument("--in-place", action="store_true", help=f"replace PROGRAM, and keep it as PROGRAM{BACKUP}")
    how.add_argument("--undo", action="store_true", help="put back what --in-place kept")


def main(args):
    path = os.path.realpath(programs.find(args.program))
    if args.undo:
        undo(path)
        return 0
    program = checked(path)
    target = path if args.in_place else destination(path, args.output)
    if args.in_place:
        check_backup(path)
        check_sticky(path)
    made, kept = temporary(folder_for(target)), False
    try:
        relink(program, made)
        bound = verified(program, made)
        if args.in_place:
            os.link(path, path + BACKUP)  # the old program gets a second name before the new one takes its own
            kept = True
        os.replace(made, target)
    except BaseException:
        if os.path.exists(made):
            os.unlink(made)
        if kept and os.path.samefile(path, path + BACKUP):  # it was not replaced
            os.unlink(path + BACKUP)
        raise
    print(f"{target}: {describe(bound)}")
    return 0


# ---- what may be relinked

def checked(path):
    """The program, once nothing speaks against it."""
    program = programs.examine(path)
    why = program.problem or program.hindrances.get("relink")
    if program.script:
        why = f"a script: relink {program.path}, which runs it, or use hmap run"
    elif program.switched:
        why = "relinked already" if needs_ours(path) else "runs on hmap already, by the shadow"
        why += f": hmap relink --undo {path} takes it back" if os.path.exists(path + BACKUP) else ": nothing to do"
    elif not program.uses and not why:
        why = "neither it nor its libraries use hsearch or GHashTable: nothing to do (hmap run serves what it opens later)"
    if why:
        raise Failed(f"{path}: {why}")
    return program


def needs_ours(path):
    return any(programs.is_ours(needed) for needed in elf.read(path).needed)


def destination(path, output):
    if os.path.isdir(output):
        output = os.path.join(output, base(path))
    if os.path.realpath(output) == path:
        raise Failed(f"{output} is the program itself: use --in-place, or another name")
    if os.path.exists(output) and not os.path.isfile(output):  # /dev/null, say, which root could replace
        raise Failed(f"{output} is no regular file: give another name")
    return output


def folder_for(target):
    folder = os.path.dirname(target) or "."
    if not os.path.isdir(folder):
        raise Failed(f"there is no folder {folder}: make it first")
    if not os.access(folder, os.W_OK):
        raise Failed(f"{folder} is not yours to write to: use -o with another folder, or become root")
    return folder


def temporary(folder):
    """An empty file in the folder where it will stay, so that $ORIGIN is true when it is verified."""
    descriptor, made = tempfile.mkstemp(dir=folder, prefix=".hmap-")
    os.close(descriptor)
    return made


# ---- relinking

def relink(program, made):
    """Writes a relinked copy, with the owner, mode and times of the program."""
    libraries = [places.library(api) for api in sorted(program.uses, reverse=True)]
    shutil.copy2(program.path, made)
    os.chmod(made, 0o700)
    for library in libraries:
        elf.add_needed(made, library)
    if os.geteuid() == 0:
        status = os.stat(program.path)
        os.chown(made, status.st_uid, status.st_gid)  # first, because it takes capabilities away
    shutil.copystat(program.path, made)


def verified(program, made, environment=None):
    """Each call that went to libc or GLib goes to ours now, and every other one where it went. Returns those that moved:
    {(caller, library): [symbol]}."""
    return compared(program, bound_after(program, made, environment), "use hmap run" if environment is None else programs.ANEW)


def foretell(program, environment, apis):
    """What verified would return if these APIs' libraries came first, without a change to any file."""
    after = bindings.read(program.path, program.interpreter, environment, [places.library(api) for api in apis])
    return compared(program, {call: target for call, (target, _) in after.items()},
                    "use hmap run" if environment is None else programs.ANEW)


def compared(program, after, instead):
    """What verified returns, or why that is not so and what to do instead."""
    moved, path = {}, functools.cache(os.path.realpath)
    for (caller, symbol), (target, version) in program.bound.items():
        api, found = bindings.api_of(symbol), after.get((caller, symbol))
        if api and programs.is_stock(api, target, version) and not programs.is_ours(caller):
            if not found or base(found) != places.SONAME[api]:
                raise Failed(f"{program.path}: {symbol}, called by {base(caller)}, would be bound to {found}: {programs.ANEW}")
            moved.setdefault((caller, found), []).append(symbol)
        elif found and path(found) != path(target):
            raise Failed(f"{program.path}: {symbol}, called by {base(caller)}, would no longer be {base(target)}'s: {instead}")
    return moved


def bound_after(program, made, environment):
    """{(caller, symbol): target}, where the relinked program goes by the name of the old one."""
    try:
        after = bindings.read(made, program.interpreter, environment)
    except Failed as failure:
        if "$ORIGIN" in elf.read(program.path).search:
            raise Failed(f"{program.path}: finds its libraries from its own folder: "
                         f"write NEW into {os.path.dirname(program.path)}") from None
        raise Failed(str(failure).replace(made, program.path)) from None
    names = {os.path.realpath(made): os.path.realpath(program.path)}
    return {(names.get(caller, caller), symbol): names.get(target, target) for (caller, symbol), (target, _) in after.items()}


def describe(moved):
    libraries = sorted({base(library) for _, library in moved})
    callers = sorted({base(caller) for caller, _ in moved})
    count = sum(len(symbols) for symbols in moved.values())
    return f"{count} symbols of {', '.join(callers)} now bound to {', '.join(libraries)}"


# ---- in place

def check_sticky(path):
    folder = os.stat(os.path.dirname(path))
    if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, folder.st_uid, os.stat(path).st_uid):
        raise Failed(f"{path} is another user's, and its folder is sticky: use -o with another name, or become root")


def check_backup(path):
    if os.path.exists(path + BACKUP):
        raise Failed(f"{path}{BACKUP} is there already, of an earlier version perhaps: remove it, then try again")


def undo(path):
    if not os.path.exists(path + BACKUP):
        raise Failed(f"{path}{BACKUP} is missing: only what hmap relink --in-place relinked can be taken back")
    if not needs_ours(path):
        raise Failed(f"{path} is not relinked, it was replaced since: remove {path}{BACKUP}, it is of an earlier version")
    folder_for(path)
    os.replace(path + BACKUP, path)
    print(f"{path}: as it was before")
