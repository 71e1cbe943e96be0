"""hmap relink: a program whose calls go to hmap, as a new file or in place."""

import contextlib
import functools
import json
import os
import re
import stat

from hmaptool import bindings, elf, files, messages, places, process, record
from hmaptool import program as programs
from hmaptool.bindings import base
from hmaptool.messages import Failed, Missing
from hmaptool.record import BACKUP

SUMMARY = "Put hmap's library first among those that a program needs, and verify where its calls go"


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("-n", "--dry-run", action="store_true", help="tell whether it could be done, and do nothing")
    parser.add_argument("program", metavar="PROGRAM", help="a path, or a name on PATH")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("-o", "--output", metavar="NEW", help="write the relinked program to NEW")
    how.add_argument("--in-place", action="store_true", help=f"replace PROGRAM, and keep it as PROGRAM{BACKUP}")
    how.add_argument("--undo", action="store_true", help="put back what --in-place kept")


def main(args):
    if args.undo:
        path = os.path.realpath(to_undo(args.program))
        result = {"program": path, "written": path}
        text = undo(path, args.dry_run)
    else:
        path = os.path.realpath(programs.find(args.program))
        target = path if args.in_place else destination(path, args.output)
        moved, names = make(path, target, args.in_place, args.dry_run)
        text = f"{target}: {describe(moved)}" + f"; its {names} other names go on naming what it was" * bool(names)
        result = {"program": path, "written": target, "bound": [{"caller": caller, "library": library, "functions": sorted(symbols)}
                                                                for (caller, library), symbols in sorted(moved.items())]}
    result["kept"] = path + BACKUP if args.in_place and not args.dry_run else None
    tell(json.dumps({**result, "done": not args.dry_run}, indent=2) if args.json else "would be done: " * args.dry_run + text)
    return 0


def tell(text):
    """What was done was done, whether that can be said or not."""
    try:
        messages.say(text)
        messages.flush()
    except BrokenPipeError:
        messages.hush()
    except OSError as error:
        messages.hush()
        messages.complain("hmap relink", f"it was done, but standard output cannot be written: {messages.why(error)}")


def make(path, target, in_place, dry_run):
    """Makes the relinked program. Returns what verified() does, and how many other names the program had."""
    if path.endswith(BACKUP):
        raise Failed(f"{path} is what hmap relink --in-place kept: relink {path.removesuffix(BACKUP)}, or a copy")
    folder, name = os.path.split(target)
    with process.deaf(), messages.failing_with(2, target), files.Source(path) as source:
        folder_for(target)
        if in_place:
            check_in_place(source)
        with files.Workshop(folder) as work:
            program = checked(path)
            if in_place:
                check_backup(source)
            moved = verified(program, work, relink(program, source, work, folder))
            finish(program, source, work)
            if not source.is_same():
                raise Failed(f"{path} was changed meanwhile, by an upgrade perhaps: nothing was done, try again")
            process.heard()
            if not dry_run:
                place(source, work, name, in_place)
                process.finished()
    return moved, source.status.st_nlink - 1 if in_place else 0


# ---- what may be relinked

def checked(path):
    """The program, once nothing speaks against it."""
    elf.forget(path)
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
    """The absolute path to write to, whose folder is a real one."""
    if not output:
        raise Failed("-o needs the name of a file or a folder")
    if os.path.isdir(output):
        output = os.path.join(output, base(path))
    if os.path.realpath(output) == path:
        raise Failed(f"{output} is the program itself: use --in-place, or another name")
    if os.path.exists(output) and not os.path.isfile(output):  # /dev/null, say, which root could replace
        raise Failed(f"{output} is no regular file: give another name")
    folder_for(output)
    folder, name = os.path.split(files.absolute(output))
    if output.endswith("/") or len(os.fsencode(name)) > 255 - len(BACKUP):
        raise Failed(f"{output} is no name for a program: give another one")
    return os.path.join(os.path.realpath(folder), name)


def folder_for(target):
    folder = os.path.dirname(target) or "."
    if not os.path.isdir(folder):
        raise Failed(f"there is no folder {folder}: make it first")
    if not os.access(folder, os.W_OK):
        raise Failed(f"{folder} is not yours to write to: use -o with another folder, or become root")


# ---- relinking

def relink(program, source, work, folder):
    """A copy of the program in the workshop, "new". Returns the name of one by which it can be verified: where the program looks for
    libraries from the folder that it is in, that is to be the folder that it will be in."""
    libraries = [places.library(api) for api in sorted(program.uses, reverse=True)]
    names = ["new", "trial"] if elf.ORIGIN.search(elf.read(program.file).search) else ["new"]
    for name in names:
        fd = work.create(name)
        try:
            files.copy(source.fd, fd)
        finally:
            os.close(fd)
        if name == "trial":
            keep_origin(program.file, work.path(name), folder, (work.fd,))
        for library in libraries:
            elf.add_needed(work.path(name), library, (work.fd,))
        elf.check_contents(program.file, work.path(name), (work.fd,))
    return names[-1]


def keep_origin(original, made, origin, keep=()):
    """$ORIGIN goes on meaning the folder of the original."""
    file = elf.read(original)
    search = elf.ORIGIN.sub(lambda _: origin, file.search)
    if search != file.search:
        elf.set_search(made, search, file.rpath, keep)


def verified(program, work, name):
    """What compared() says of the new program."""
    trial = work.path(name)
    try:
        report = bindings.read(trial, program.interpreter, always=True, keep=(work.fd,))
    except Failed as failure:
        if elf.ORIGIN.search(elf.read(program.file).search):
            raise Failed(f"{program.path}: finds its libraries from its own folder: "
                         f"write NEW into {os.path.dirname(program.path)}") from None
        raise Failed(str(failure).replace(trial, program.path)) from None
    return compared(program, names_again(report.bound, trial, program.file), "use hmap run")


def names_again(bound, made, original):
    """Where the relinked program goes by the name of the old one."""
    real = os.path.realpath(original)
    return {(real if caller == made else caller, symbol): real if target == made else target
            for (caller, symbol), (target, _) in bound.items()}


def foretell(program, environment, apis):
    """What compared() says if these APIs' libraries came first, without a change to any file."""
    report = bindings.read(program.file, program.interpreter, environment, [places.library(api) for api in apis], always=True)
    return compared(program, {call: target for call, (target, _) in report.bound.items()},
                    "use hmap run" if environment is None else programs.ANEW)


def same_order(program, environment, preloaded, apis):
    """Whether all libraries are in the order in which they are without this environment, but for ours, which come before libc or GLib.
    Then what was foretold with ours before all others is so here too: they take the same calls, and no other ones."""
    after = bindings.order(program.file, program.interpreter, environment, [places.library(api) for api in preloaded])
    before = bindings.read(program.file, program.interpreter).loaded
    others = [f for f in after if not programs.is_ours(f) and not f.startswith(f"{places.libdir}/hmap/")]
    names = [base(f) for f in after]
    return (list(map(os.path.realpath, others)) == list(map(os.path.realpath, before)) and
            all(places.SONAME[api] in names[:names.index(bindings.STOCK[api])] for api in apis))


def compared(program, after, instead):
    """Each call that went to libc or GLib goes to ours now, and every other one where it went. Returns those that moved:
    {(caller, library): [symbol]}. instead: what to do where that is not so."""
    moved, path = {}, functools.cache(os.path.realpath)
    for (caller, symbol), (target, version) in program.bound.items():
        api, found = bindings.api_of(symbol), after.get((caller, symbol))
        if api and programs.is_stock(api, target, version) and not programs.is_ours(caller):
            if not found or base(found) != places.SONAME[api]:
                raise Failed(f"{program.path}: {symbol}, called by {base(caller)}, would be bound to {found or 'nothing'}: "
                             f"{programs.ANEW}")
            moved.setdefault((caller, found), []).append(symbol)
        elif found and found != target and path(found) != path(target):
            raise Failed(f"{program.path}: {symbol}, called by {base(caller)}, would no longer be {base(target)}'s: {instead}")
    return moved


def finish(program, source, work):
    """Says in the new program what was made of what, and gives it the owner, mode and times of the old one."""
    with opened(work, "new") as made:
        line = record.line(made.digest(), source.digest(), elf.build_id(program.file))
    fd = work.open("new")
    try:
        os.lseek(fd, 0, os.SEEK_END)
        files.write(fd, line)
        files.copy_metadata(source, fd)
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened(work, name):
    with files.Source(work.path(name)) as made:
        yield made


def describe(moved):
    libraries = sorted({base(library) for _, library in moved})
    callers = sorted({base(caller) for caller, _ in moved})
    count = sum(len(symbols) for symbols in moved.values())
    return f"{count} symbols of {', '.join(callers)} now bound to {', '.join(libraries)}"


# ---- in place

def check_in_place(source):
    status, path = source.status, source.path
    folder = os.stat(os.path.dirname(path))
    if os.geteuid() != 0:
        if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (folder.st_uid, status.st_uid):
            raise Failed(f"{path} is another user's, and its folder is sticky: use -o with another name, or become root")
        if status.st_uid != os.geteuid() or status.st_gid not in {os.getegid(), *os.getgroups()}:
            raise Failed(f"{path} would not keep its owner: use -o with another name, or become root")
    if not files.locked(source.fd):
        raise Failed(f"another hmap relink is at {path}: try again when it has ended")
    if not source.is_same():
        raise Failed(f"{path} was changed this moment: try again")


def check_backup(source):
    status, path = source.status, source.path
    try:
        kept = os.stat(path + BACKUP, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not os.path.samestat(kept, status):  # or hmap was killed before it could replace the program
        raise Failed(f"{path}{BACKUP} is there already, of an earlier version perhaps: remove it, then try again")


def place(source, work, name, in_place):
    """The new program takes the name, if that is still the old one's."""
    if not in_place:
        work.place("new", name)
        return
    backup = name + BACKUP
    with contextlib.suppress(FileExistsError):  # it is known to be the same file
        # The old program gets a second name before the new one takes its own. By the descriptor: it is what was copied.
        os.link(f"/proc/self/fd/{source.fd}", backup, dst_dir_fd=work.folder, follow_symlinks=True)
    try:
        work.place("new", name)
    except BaseException:
        kept = os.stat(backup, dir_fd=work.folder, follow_symlinks=False)
        if os.path.samestat(kept, os.stat(name, dir_fd=work.folder, follow_symlinks=False)):  # it was not replaced
            os.unlink(backup, dir_fd=work.folder)
        raise


# ---- and back

def to_undo(name):
    """The program's path, if it is gone too."""
    try:
        return programs.find(name)
    except Missing:
        if os.path.lexists(name + BACKUP):
            raise Failed(f"{name} is gone: mv {name}{BACKUP} {name} brings back what it was, if that is yours") from None
        raise


def undo(path, dry_run):
    folder, name = os.path.split(path)
    with process.deaf(), messages.failing_with(2, path):
        if not os.path.lexists(path + BACKUP):
            raise Failed(f"{path}{BACKUP} is missing: only what hmap relink --in-place relinked can be taken back")
        if not elf.is_elf(path):
            raise Failed(f"{path} is no program any more: mv {path}{BACKUP} {path} brings back what it was, if that is yours")
        folder_for(path)
        if os.path.samestat(os.lstat(path), os.lstat(path + BACKUP)):  # hmap was killed when one of both had been done
            if not dry_run:
                os.unlink(path + BACKUP)
            return f"{path}: as it was before"
        kept, why = record.kept(path)
        if not kept:
            raise Failed(why)
        with kept, files.Source(path) as program:
            check_same(kept, program)
            if not dry_run:
                put_back(kept, program, folder, name)
                process.finished()
    return f"{path}: as it was before"


def check_same(*sources):
    for source in sources:
        if not source.is_same():
            raise Failed(f"{source.path} was changed meanwhile, by an upgrade perhaps: nothing was done, try again")


def put_back(kept, program, folder, name):
    """The same file as before. It is a new name that replaces the program, because the kept one could be another file by now."""
    with files.Workshop(folder) as work:
        os.link(f"/proc/self/fd/{kept.fd}", "old", dst_dir_fd=work.fd, follow_symlinks=True)
        os.rename("old", name, src_dir_fd=work.fd, dst_dir_fd=work.folder)
        os.unlink(name + BACKUP, dir_fd=work.folder)
        os.fsync(work.folder)
