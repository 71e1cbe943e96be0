"""hmap run: an untouched program on hmap. GHashTable comes through the shadow, which the dynamic linker finds first; hsearch
through a private copy that is relinked, because libc cannot be shadowed."""

import argparse
import contextlib
import errno
import hashlib
import os
import shutil

from hmaptool import bindings, elf, files, inherited, places, process, relink, shadow, way
from hmaptool import program as programs
from hmaptool.messages import Failed, Missing, failing_with

SUMMARY = "Run a program on hmap, without a change to any file of it"
USAGE = "hmap run PROGRAM [ARGUMENT...]"
FAILED = 126  # whatever fails: 2 could be the program's


def add_arguments(parser):
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]", help="what to run")


def main(args):
    name, *arguments = command(args.command)
    path = found(name)
    with failing_with(126):
        prepared = prepare(examined(path, dict(os.environ)))
        way.remember(path, prepared)
    execute(prepared.executable, [name, *arguments], prepared.environment)


def found(name):
    """A program's path; a shell's exit statuses if there is none."""
    try:
        return programs.find(name)
    except Missing as failure:
        raise Missing(str(failure), 127) from None
    except Failed as failure:
        raise Failed(str(failure), 126) from None


def execute(executable, argv, environment):
    """In the place of this command; a failure's status is that of a shell."""
    try:
        inherited.become(executable, argv, environment)
    except (OSError, ValueError) as error:  # ValueError: an empty name
        missing = getattr(error, "errno", errno.ENOENT) == errno.ENOENT
        raise Failed(f"{executable} cannot be run: {getattr(error, 'strerror', error)}", 127 if missing else 126) from None


def command(words):
    words = words[words[:1] == ["--"]:]
    if not words:
        raise Failed("name a program, and its arguments after it")
    return words


def examined(path, environment):
    """The program, once nothing speaks against running it."""
    if not os.access(path, os.X_OK):
        raise Failed(f"{path} is not executable: chmod +x makes it so")
    program = programs.examine(path, environment)
    why = program.problem or program.hindrances.get("run")
    if program.script and "hsearch" in program.uses:
        why = f"a script, and {program.path}, which runs it, uses hsearch: hmap run {program.path} {path}"
    if why:
        raise Failed(f"{path}: {why}")
    return program


class Prepared:
    """What to execute in which environment, and the files that this was found out from."""

    def __init__(self, program):
        self.program = program
        self.executable = program.script or program.path
        self.environment = dict(program.environment)
        self.files = [program.file, program.interpreter, *map(files.absolute, program.chain)]
        self.missed = []
        self.shadow = ""

    def take_shadow(self):
        """Through a path that is there for what this program is run as, and for what may find the system's GLib."""
        places.shadow()
        program = os.path.realpath(self.executable if self.copied else self.program.path)
        self.shadow = shadow.folders(program)
        self.environment = shadowed(self.program.environment, self.shadow)
        self.files += [*places.shadow_libraries(), places.real_glib(), shadow.found(self.shadow, program)]

    @property
    def copied(self):
        return self.executable not in (self.program.script, self.program.path)


def prepare(program):
    """How to run it, verified with the environment that it will get."""
    prepared = Prepared(program)
    original = os.path.realpath(program.path)
    if "hsearch" in todo(program):
        prepared.executable = private_copy(program, original)
    if needs_shadow(program):
        prepared.take_shadow()
    try:
        verify(prepared, original)
    except Failed as failure:
        if not prepared.copied:
            raise
        verify_anew(prepared, original, failure)
    return prepared


def todo(program):
    return program.uses.keys() - set(program.switched)


def needs_shadow(program):
    # What uses neither may open what does: python3 and its modules.
    return "GHashTable" in todo(program) or not program.uses or places.has_shadow()


def shadowed(environment, folders):
    before = environment.get("LD_LIBRARY_PATH", "")
    return {**environment, "LD_LIBRARY_PATH": folders + f":{before}" * bool(before)}


def environment_of(program):
    """One that is to it as that in which it would be run."""
    environment = program.environment or dict(os.environ)
    return shadowed(environment, places.shadow()) if needs_shadow(program) else environment


def verify(prepared, original):
    program = prepared.program
    executable = prepared.executable if prepared.copied else program.file
    report = bindings.read(executable, program.interpreter, prepared.environment, always=True)
    prepared.files += report.loaded + [executable] * prepared.copied
    prepared.missed += report.missed
    if todo(program):
        relink.compared(program, relink.names_again(report.bound, os.path.realpath(executable), original), programs.ANEW)


def verify_anew(prepared, original, failure):
    """A copy can be damaged, by a loss of power for instance."""
    copy = prepared.executable
    with contextlib.suppress(FileNotFoundError):
        os.unlink(copy)
    try:
        private_copy(prepared.program, original)
        verify(prepared, original)
    except Failed as again:
        if copy not in str(again):
            raise
        raise Failed(f"{original}: the copy that would be run cannot be: {again}; "
                     "if the file system there forbids programs (noexec), set XDG_CACHE_HOME to another folder") from failure


# ---- the private copy

def private_copy(program, original):
    """Kept, because making one takes longer than most programs run; made anew whenever the program is another."""
    status = os.stat(original)
    library = places.library("hsearch")
    folder = places.cache("run", digest(original))
    stamp = digest(f"{files.identity(status)} {library} {inherited.identity}")
    copy = os.path.join(places.cache("run", digest(original), stamp), os.path.basename(original))
    if not os.path.exists(copy):
        make_copy(original, copy)
        for other in set(os.listdir(folder)) - {stamp}:
            shutil.rmtree(os.path.join(folder, other), ignore_errors=True)
    return copy


def make_copy(original, copy):
    folder, name = os.path.split(copy)
    with process.deaf(), failing_with(2, copy), files.Workshop(folder) as work, files.Source(original) as source:
        fd = work.create("new")
        try:
            files.copy(source.fd, fd)
        finally:
            os.close(fd)
        relink.keep_origin(original, work.path("new"), os.path.dirname(original), (work.fd,))
        elf.add_needed(work.path("new"), places.library("hsearch"), (work.fd,))
        elf.check_contents(original, work.path("new"), (work.fd,))
        fd = work.open("new")
        try:
            os.fchmod(fd, 0o700)
            os.fsync(fd)
        finally:
            os.close(fd)
        if not source.is_same():
            raise Failed(f"{original} was changed this moment: try again")
        work.place("new", name)


def digest(text):
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
