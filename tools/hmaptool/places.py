"""Where hmap's own libraries are, and the GLib that the shadow stands for."""

import functools
import os
import pathlib

from hmaptool import elf
from hmaptool.failure import Failed

SONAME = {"hsearch": "libhmap-search.so.1", "GHashTable": "libhmap-glib.so.1"}
SHADOW = ("libglib-2.0.so.0", "libhmap-shadow.so.1")
_libdir = None


def set_libdir(path):
    global _libdir
    _libdir = pathlib.Path(path)


def libdir():
    return _libdir


def library(api):
    """The library for "hsearch" or "GHashTable"."""
    path = _libdir / SONAME[api]
    if not path.exists():
        raise Failed(f"{path} is missing: install hmap" + (" built with GLib" if api == "GHashTable" else ""))
    return path


def shadow():
    """The folder of the shadow, whose GLib is known to be one that ours can stand before."""
    folder = _libdir / "hmap" / "shadow"
    for name in SHADOW:
        if not (folder / name).exists():
            raise Failed(f"{folder}/{name} is missing: install hmap built with GLib and with shared libraries")
    check_glib(real_glib())
    return folder


@functools.cache
def real_glib():
    """The system's GLib, by the absolute path that the shadow names."""
    names = [n for n in elf.read(_libdir / "hmap" / "shadow" / SHADOW[1]).needed if n.startswith("/")]
    if not names or not pathlib.Path(names[0]).exists():
        raise Failed(f"the shadow stands for {names[0] if names else 'no GLib'}, which is not there: install GLib, "
                     "or build hmap anew with --with-glib-runtime=FILE")
    return pathlib.Path(names[0])


@functools.cache
def check_glib(glib):
    """Refuses a GLib that has a function for tables which ours lacks: it would get a table of ours and take it for its own."""
    ours, theirs = elf.read(library("GHashTable")), elf.read(glib)
    if ours.target != theirs.target:
        raise Failed(f"{glib} is for {theirs.target}, hmap for {ours.target}: install hmap for {theirs.target}")
    lacking = {n for n in elf.defined(glib) if n.startswith("g_hash_table_")} - elf.defined(library("GHashTable"))
    if lacking:
        raise Failed(f"{glib} has {', '.join(sorted(lacking))}, which this libhmap-glib lacks: update hmap first")


def cache():
    """The user's own folder, which nobody else may write to."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = os.path.join(home, "hmap")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise Failed(f"{folder} cannot be made ({error.strerror.lower()}): set XDG_CACHE_HOME to a folder of yours") from None
    if os.stat(folder).st_uid != os.geteuid() or os.stat(folder).st_mode & 0o022:
        raise Failed(f"others may write to {folder}: set XDG_CACHE_HOME to a folder of yours")
    return folder
