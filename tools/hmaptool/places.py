"""Where hmap's own libraries are, and the GLib that the shadow stands for."""

import contextlib
import functools
import os
import pwd

from hmaptool import elf, files
from hmaptool.messages import Failed, why

SONAME = {"hsearch": "libhmap-search.so.1", "GHashTable": "libhmap-glib.so.1"}
SHADOW = ("libglib-2.0.so.0", "libhmap-shadow.so.1")
libdir = ""  # set by inherited.take()
itself = ""


def library(api):
    """The library for "hsearch" or "GHashTable"."""
    path = f"{libdir}/{SONAME[api]}"
    if not os.path.exists(path):
        raise Failed(f"{path} is missing: install hmap" + (" built with GLib" if api == "GHashTable" else ""))
    return path


def shadow_libraries():
    return [f"{libdir}/hmap/shadow/{name}" for name in SHADOW]


def has_shadow():
    return all(map(os.path.exists, shadow_libraries()))


def shadow():
    """The folder of the shadow, whose GLib is known to be one that ours can stand before."""
    for path in shadow_libraries():
        if not os.path.exists(path):
            raise Failed(f"{path} is missing: install hmap built with GLib and with shared libraries")
    check_glib(real_glib())
    return f"{libdir}/hmap/shadow"


@functools.cache
def real_glib():
    """The system's GLib, by the absolute path that the shadow names."""
    names = [n for n in elf.read(shadow_libraries()[1]).needed if n.startswith("/")]
    if not names or not os.path.exists(names[0]):
        raise Failed(f"the shadow stands for {names[0] if names else 'no GLib'}, which is not there: install GLib, "
                     "or build hmap anew with --with-glib-runtime=FILE")
    return names[0]


@functools.cache
def check_glib(glib):
    """Refuses a GLib that has a function for tables which ours lacks: it would get a table of ours and take it for its own."""
    ours, theirs = elf.read(library("GHashTable")), elf.read(glib)
    if ours.target != theirs.target:
        raise Failed(f"{glib} is for {theirs.target}, hmap for {ours.target}: install hmap for {theirs.target}")
    lacking = {n for n in elf.defined(glib) if n.startswith("g_hash_table_")} - elf.defined(library("GHashTable"))
    if lacking:
        raise Failed(f"{glib} has {', '.join(sorted(lacking))}, which this libhmap-glib lacks: update hmap first")


REMEDY = "set XDG_CACHE_HOME to a folder of yours"


def cache(*more):
    """A folder in the user's own, by its real path. Nobody else may change it, or a folder above it: what is there is run."""
    folder = os.path.join(cache_home(), "hmap", *more)
    check_others(folder)  # before anything is made in a folder of theirs
    try:
        make_folders(folder)
    except OSError as error:
        raise Failed(f"{folder} cannot be made ({why(error).lower()}): {REMEDY}") from None
    check_others(folder)  # in /tmp somebody may have been quicker
    return os.path.realpath(folder)


def check_others(folder):
    other = files.changeable_by(folder, {0, os.geteuid()}, own_group=True)
    if other:
        raise Failed(f"others may change {other}" + f", where {folder} is" * (other != folder) + f": {REMEDY}")


def make_folders(folder):
    """Those that are missing, for this user alone."""
    if not os.path.isdir(folder):
        make_folders(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):  # another hmap run may be at it too
            os.mkdir(folder, 0o700)


def cache_home():
    """As the XDG text has it: a relative one does not count."""
    cache_folder, home = os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME")
    if cache_folder.startswith("/"):
        return cache_folder
    if home is None:
        try:
            home = pwd.getpwuid(os.geteuid()).pw_dir
        except KeyError:
            home = ""
    if not home.startswith("/"):
        raise Failed(f"there is no folder for what hmap keeps, because HOME is {'no absolute path' if home else 'not set'}: {REMEDY}")
    return f"{home}/.cache"
