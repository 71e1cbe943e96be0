"""The shadow on LD_LIBRARY_PATH, and which programs find it there.

The dynamic linker looks into the folders of that variable before it goes where a program's RUNPATH says, in each process that gets
the variable. So the plain folder would take the GLib that an application brings along from it, when a program that is run starts
the application. But the linker replaces $ORIGIN in the variable by the folder of the program that starts, and a path through that
is there for those programs alone for which we made one: FOR/usr/bin/shadow, say, is a link to the shadow, for FOR$ORIGIN/shadow."""

import os

from hmaptool import elf, places, way
from hmaptool.messages import Failed

GLIB = "libglib-2.0.so.0"


def folders(program):
    """What LD_LIBRARY_PATH is to begin with for a program, by its real path, and for those that it starts: it and its neighbours,
    and what is in the system's folders, find the shadow by it."""
    system, origin = f"{places.libdir}/hmap/for", os.path.dirname(program)
    if os.path.exists(f"{system}{origin}/shadow"):
        return f"{system}$ORIGIN/shadow"
    check_neighbours(origin)
    name = f"{way.name_hash(places.libdir):016x}"
    own = places.cache("for", name)
    if set(own) & set(":;$"):
        raise Failed(f"{own} cannot be a part of LD_LIBRARY_PATH: {places.REMEDY}")
    link(places.cache("for", name, *origin.split("/")) + "/shadow")
    return f"{own}$ORIGIN/shadow:{system}$ORIGIN/shadow"


def found(folders, program):
    """What a program finds by that: if it is gone one day, another way has to be looked for."""
    return f"{elf.expanded(folders, program).split(':')[0]}/{GLIB}"


def link(path):
    """A link to the shadow, if there is none. Another hmap run may be at it too."""
    try:
        os.symlink(places.shadow(), path)
    except FileExistsError:
        if not os.path.samefile(path, places.shadow()):
            raise Failed(f"{path} does not lead to {places.shadow()}: remove it") from None


def check_neighbours(folder):
    """Refuses a folder in which a program has a GLib of its own, as it would get the system's."""
    with os.scandir(folder) as entries:
        paths = [e.path for e in entries if not e.is_symlink() and elf.may_be_program(e.path)]
    elf.read_ahead(paths)
    usual = {os.path.realpath(g) for g in (places.real_glib(), places.shadow_libraries()[0])}
    for path in paths:
        found = own_glib(path)
        if found and os.path.realpath(found) not in usual:
            raise Failed(f"{path} has a GLib of its own, {found}, and would get the system's: use hmap relink")


def own_glib(path):
    """That which a program finds by its RUNPATH, or nothing. By RPATH it finds it before the shadow."""
    try:
        file = elf.read(path)
    except (Failed, OSError):  # a script, damaged, or not to be read
        return ""
    searched = [] if file.rpath else elf.expanded(file.search, path).split(":")
    return next((f"{s}/{GLIB}" for s in searched if s.startswith("/") and os.path.exists(f"{s}/{GLIB}")), "")
