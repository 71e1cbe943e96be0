"""hmap env: an existing project's own build on hmap, through the variables that builds look at anyway."""

import argparse
import os
import re
import shlex
import shutil
import subprocess

from hmaptool import places, relink, run
from hmaptool.failure import Failed

SUMMARY = "Run a build's command, or print the shell's variables, so that the build links to hmap"
# Kept even if the program itself calls none of its functions, because its libraries may.
HSEARCH = "-Wl,--push-state,--no-as-needed -lhmap-search -Wl,--pop-state"
# A script for the linker, which GLib's pkg-config file names: CMake passes on names, and no options.
GLIB = "hmap-glib-first"


def add_arguments(parser):
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="[COMMAND [ARGUMENT...]]",
                        help='what to run; without it, the variables are printed: eval "$(hmap env)"')


def main(args):
    words = args.command[args.command[:1] == ["--"]:]
    changed = variables()
    if not words:
        for name, value in changed.items():
            print(f"export {name}={shlex.quote(value)}")
        return 0
    run.execute(words[0], words, {**os.environ, **changed})


def variables():
    """What differs from the environment that there is. A second hmap env inside a first one changes nothing."""
    places.library("hsearch")
    if not (places.libdir() / "libhmap-search.so").exists():
        raise Failed(f"{places.libdir()}/libhmap-search.so is missing: install hmap's files for development (Debian: libhmap-dev)")
    folder = os.path.join(places.cache(), "build")
    path = [p for p in os.environ.get("PKG_CONFIG_PATH", "").split(":") if p and p != folder]
    where, glib = link_path(), has_glib(path)
    if glib:
        where = f"-L{folder} {where}"
        write_overlay(folder, path, where)
    changed = {"LDFLAGS": add(f"{where} {HSEARCH}", os.environ.get("LDFLAGS", "")),
               "LIBS": add("-lhmap-search", os.environ.get("LIBS", ""))}
    return {**changed, "PKG_CONFIG_PATH": ":".join([folder, *path])} if glib else changed


def add(words, value):
    return value if words in value else f"{words} {value}".strip()


def link_path():
    """How a linker finds our libraries, and the programs at run time, where that is no place that the system searches."""
    libdir = places.libdir()
    known = subprocess.run([ldconfig(), "-p"], stdout=subprocess.PIPE, text=True, check=False).stdout
    return f"-L{libdir}" if f"=> {libdir}/{places.SONAME['hsearch']}\n" in known else f"-L{libdir} -Wl,-rpath,{libdir}"


def ldconfig():
    found = shutil.which("ldconfig", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Failed("ldconfig is not installed: install libc-bin")
    return found


# ---- the overlay: the system's glib-2.0.pc with ours in front of GLib

def pkg_config(path, *arguments):
    """What pkg-config says, or nothing."""
    try:
        return subprocess.run([os.environ.get("PKG_CONFIG") or "pkg-config", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False,
                              env={**os.environ, "PKG_CONFIG_PATH": ":".join(path)}).stdout.strip()
    except FileNotFoundError:
        return ""


def has_glib(path):
    """Whether there is a GLib to link to, and a library of ours to put before it."""
    libdir = pkg_config(path, "--variable=libdir", "glib-2.0")
    if not libdir or not (places.libdir() / places.SONAME["GHashTable"]).exists():
        return False
    places.check_glib(os.path.join(libdir, "libglib-2.0.so.0"))
    return True


def write_overlay(folder, path, where):
    real = pkg_config(path, "--variable=pcfiledir", "glib-2.0")
    with open(os.path.join(real, "glib-2.0.pc"), encoding="utf-8") as file:
        text = file.read().replace("${pcfiledir}", real)
    os.makedirs(folder, exist_ok=True)
    write(os.path.join(folder, "glib-2.0.pc"), re.sub("^Libs:", f"Libs: {where} -l{GLIB}", text, flags=re.MULTILINE))
    write(os.path.join(folder, f"lib{GLIB}.a"), f"INPUT({places.libdir()}/hmap/glib-first.o -lhmap-glib)\n")


def write(path, text):
    """At once: another build may be reading it."""
    made = relink.temporary(os.path.dirname(path))
    try:
        with open(made, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(made, path)
    except OSError as error:
        os.unlink(made)
        raise Failed(f"{path} cannot be written: {error.strerror}") from None
    except BaseException:
        if os.path.exists(made):
            os.unlink(made)
        raise
