"""hmap env: an existing project's own build on hmap, through the variables that builds look at anyway."""

import argparse
import os
import re
import shlex

from hmaptool import files, messages, places, process, run
from hmaptool.messages import Failed, failing_with

SUMMARY = "Run a build's command, or print the shell's variables, so that the build links to hmap"
# Kept even if the program itself calls none of its functions, because its libraries may. One word: libtool would sort several.
HSEARCH = "-Wl,--push-state,--no-as-needed,-lhmap-search,--pop-state"
# A script for the linker, which GLib's pkg-config file names: CMake passes on names, and no options.
GLIB = "hmap-glib-first"


USAGE = 'hmap env COMMAND [ARGUMENT...]   or   eval "$(hmap env)"'
# A build takes words apart at spaces, and a shell and make see more than letters in these.
UNFIT = re.compile(r"[^-\w/.+@%=~]")


def add_arguments(parser):
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="[COMMAND [ARGUMENT...]]",
                        help='what to run; without it, the variables are printed: eval "$(hmap env)"')


def main(args):
    words = args.command[args.command[:1] == ["--"]:]
    if not words:
        messages.say_raw("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables().items()))
        return 0
    with failing_with(126):
        environment = {**os.environ, **variables()}
    path = words[0] if "/" in words[0] else process.which(words[0])
    if not path:
        raise Failed(f"{words[0]} cannot be run: No such file or directory", 127)
    run.execute(path, words, environment)


def variables():
    """What differs from the environment that there is. A second hmap env inside a first one changes nothing."""
    places.library("hsearch")
    if not os.path.exists(f"{places.libdir}/libhmap-search.so"):
        raise Failed(f"{places.libdir}/libhmap-search.so is missing: install hmap's files for development (Debian: libhmap-dev)")
    folder = fit(places.cache("build"), "set XDG_CACHE_HOME to another folder")
    path = [p for p in os.environ.get("PKG_CONFIG_PATH", "").split(":") if p and p != folder]
    where, glib = link_path(), has_glib(path)
    if glib:
        where = f"-L{folder} {where}"
        write_overlay(folder, path, where)
    changed = {"LDFLAGS": add(f"{where} {HSEARCH}", os.environ.get("LDFLAGS", "")),
               "LIBS": add(HSEARCH, os.environ.get("LIBS", ""))}
    return {**changed, "PKG_CONFIG_PATH": ":".join([folder, *path])} if glib else changed


def add(words, value):
    return value if words in value else f"{words} {value}".strip()


def fit(folder, remedy):
    """A folder that can stand in LDFLAGS."""
    found = UNFIT.search(folder)
    if found:
        raise Failed(f"{folder} has {messages.printable(repr(found.group()))} in its name, on which builds break: {remedy}")
    return folder


def link_path():
    """How a linker finds our libraries, and the programs at run time, where that is no place that the system searches."""
    libdir = fit(places.libdir, "install hmap elsewhere")
    known = process.tool("ldconfig", "-p").out
    return f"-L{libdir}" if f"=> {libdir}/{places.SONAME['hsearch']}\n" in known else f"-L{libdir} -Wl,-rpath,{libdir}"


# ---- the overlay: the system's glib-2.0.pc with ours in front of GLib

def pkg_config(path, *arguments):
    """What pkg-config says, or nothing."""
    name = os.environ.get("PKG_CONFIG") or "pkg-config"
    found = name if "/" in name else process.which(name)
    if not found or not os.access(found, os.X_OK):
        return ""
    return process.run([files.absolute(found), *arguments], {**os.environ, "PKG_CONFIG_PATH": ":".join(path)}).out.strip()


def has_glib(path):
    """Whether there is a GLib to link to, and a library of ours to put before it."""
    libdir = pkg_config(path, "--variable=libdir", "glib-2.0")
    if not libdir or not os.path.exists(f"{places.libdir}/{places.SONAME['GHashTable']}"):
        return False
    places.check_glib(os.path.join(libdir, "libglib-2.0.so.0"))
    return True


def write_overlay(folder, path, where):
    real = pkg_config(path, "--variable=pcfiledir", "glib-2.0")
    with open(os.path.join(real, "glib-2.0.pc"), encoding="utf-8", errors="surrogateescape") as file:
        text = file.read().replace("${pcfiledir}", real)
    libs = re.sub("^Libs:", lambda _: f"Libs: {where} -l{GLIB}", text, flags=re.MULTILINE)
    files.make_file(os.path.join(folder, "glib-2.0.pc"), os.fsencode(libs))
    files.make_file(os.path.join(folder, f"lib{GLIB}.a"), f"INPUT({places.libdir}/hmap/glib-first.o -lhmap-glib)\n".encode())
