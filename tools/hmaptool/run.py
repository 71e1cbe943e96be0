"""hmap run: an untouched program on hmap. GHashTable comes through the shadow, which the dynamic linker finds first; hsearch
through a private copy that is relinked, because libc cannot be shadowed."""

import argparse
import errno
import hashlib
import os
import re
import shutil

from hmaptool import elf, places, relink
from hmaptool import program as programs
from hmaptool.failure import Failed, failing_with

SUMMARY = "Run a program on hmap, without a change to any file of it"


def add_arguments(parser):
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]", help="what to run")


def main(args):
    name, *arguments = command(args.command)
    with failing_with(127):
        path = programs.find(name)
    with failing_with(126):
        executable, environment = prepared(examined(path))
        execute(executable, [name, *arguments], environment)


def execute(executable, argv, environment):
    """In the place of this command; a failure's status is that of a shell."""
    try:
        os.execvpe(executable, argv, environment)
    except (OSError, ValueError) as error:  # ValueError: an empty name
        missing = getattr(error, "errno", errno.ENOENT) == errno.ENOENT
        raise Failed(f"{executable} cannot be run: {getattr(error, 'strerror', error)}", 127 if missing else 126) from None


def command(words):
    words = words[words[:1] == ["--"]:]
    if not words:
        raise Failed("name a program, and its arguments after it")
    return words


def examined(path):
    """The program, once nothing speaks against running it."""
    if not os.access(path, os.X_OK):
        raise Failed(f"{path} is not executable: chmod +x makes it so")
    program = programs.examine(path)
    why = program.problem or program.hindrances.get("run")
    if program.script and "hsearch" in program.uses:
        why = f"a script, and {program.path}, which runs it, uses hsearch: hmap run {program.path} {path}"
    if why:
        raise Failed(f"{path}: {why}")
    return program


def prepared(program):
    """The file to execute and the environment to do it in."""
    changed = environment(program)
    executable = os.path.realpath(program.path)
    if "hsearch" in todo(program):
        executable = private_copy(program)
    if todo(program):
        relink.verified(program, executable, changed)
    return program.script or executable, changed


def todo(program):
    return program.uses.keys() - set(program.switched)


def environment(program):
    """With the shadow, which may fail."""
    # What uses neither may open what does: python3 and its modules.
    if "GHashTable" in todo(program) or not program.uses or has_shadow():
        path = [str(places.shadow()), os.environ.get("LD_LIBRARY_PATH")]
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(filter(None, path))}
    return dict(os.environ)


def has_shadow():
    return (places.libdir() / "hmap" / "shadow" / "libglib-2.0.so.0").exists()


# ---- the private copy

def private_copy(program):
    """Kept, because making one takes longer than most programs run; made anew whenever the program is another."""
    original = os.path.realpath(program.path)
    folder = os.path.join(places.cache(), "run", digest(original))
    status = os.stat(original)
    stamp = digest(f"{status.st_ino} {status.st_size} {status.st_mtime_ns} {places.library('hsearch')}")
    copy = os.path.join(folder, stamp, os.path.basename(original))
    if not os.path.exists(copy):
        os.makedirs(os.path.dirname(copy), mode=0o700, exist_ok=True)  # another hmap run may be at it too
        make_copy(original, copy)
        for other in set(os.listdir(folder)) - {stamp}:
            shutil.rmtree(os.path.join(folder, other), ignore_errors=True)
    return copy


def make_copy(original, copy):
    made = relink.temporary(os.path.dirname(copy))
    try:
        shutil.copyfile(original, made)
        keep_origin(original, made)
        elf.add_needed(made, places.library("hsearch"))
        os.chmod(made, 0o700)
        os.replace(made, copy)
    except BaseException:
        if os.path.exists(made):
            os.unlink(made)
        raise


def digest(text):
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]


def keep_origin(original, made):
    """$ORIGIN goes on meaning the folder of the original."""
    file = elf.read(original)
    search = re.sub(r"\$(ORIGIN|\{ORIGIN\})", lambda _: os.path.dirname(original), file.search)
    if search != file.search:
        elf.set_search(made, search, file.rpath)
