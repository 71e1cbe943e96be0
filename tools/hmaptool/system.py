"""hmap system: the shadow for a whole system or container image, through the dynamic linker's configuration. One file in
/etc/ld.so.conf.d puts the shadow's folder before all others; everybody who asks for GLib then finds the shadow. off removes that
file.

The shadow names GLib's file by the name that an upgrade of GLib keeps, so it goes on working after one."""

import contextlib
import os
import sys

from hmaptool import elf, files, messages, places, process
from hmaptool.messages import Failed

SUMMARY = "Switch the whole system's GHashTable to hmap, and back"
CONFIGURATION = "/etc/ld.so.conf.d/00-hmap.conf"
# Makes and asks a table by the name that programs have for GLib, and whether libhmap-glib came with that.
TRIAL = """
import ctypes
glib = ctypes.CDLL("libglib-2.0.so.0")
glib.g_hash_table_new.restype = ctypes.c_void_p
table = ctypes.c_void_p(glib.g_hash_table_new(None, None))
glib.g_hash_table_insert(table, ctypes.c_void_p(1), None)
raise SystemExit(0 if glib.g_hash_table_size(table) == 1 and "libhmap-glib" in open("/proc/self/maps").read() else 1)
"""


def add_arguments(parser):
    parser.add_argument("what", choices=["on", "off", "status"], metavar="on|off|status", help="what to do, or to tell")


def main(args):
    return {"on": on, "off": off, "status": status}[args.what]()


def on():
    root("on")
    shadow = places.shadow()
    for loaded in *places.shadow_libraries(), places.library("GHashTable"):
        check_owner(loaded)
    environment = {**process.tool_environment(), "LD_LIBRARY_PATH": shadow}
    if process.run([sys.executable, "-ISB", "-c", TRIAL], environment).status:
        raise Failed(f"a trial with {shadow} failed, nothing was changed: see what LD_LIBRARY_PATH={shadow} gio version says")
    with process.deaf():
        switch(shadow)
        process.finished()
    messages.say(f"on: programs that start now find {shadow} before {places.real_glib()}")
    return 0


def switch(shadow):
    """Or nothing has changed."""
    was = contents()
    try:
        write(f"# hmap system on wrote this, hmap system off removes it.\n{shadow}\n".encode())
        refresh()
        first = found()
        if first != shadow:
            raise Failed(f"the dynamic linker finds {first} first all the same, so this is undone: "
                         "let /etc/ld.so.conf begin with 'include /etc/ld.so.conf.d/*.conf'")
    except BaseException:
        process.finished()  # undone in any case
        with contextlib.suppress(Failed, OSError):
            if was is None:
                os.unlink(CONFIGURATION)
            else:
                write(was)
            refresh()
        raise


def contents():
    """What is configured, or None."""
    try:
        with open(CONFIGURATION, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(data):
    """At once: ldconfig may run at any time, and everybody may read it."""
    files.make_file(CONFIGURATION, data, 0o644)


def off():
    root("off")
    was = os.path.lexists(CONFIGURATION)
    with process.deaf():
        if was:
            with files.Workshop(os.path.dirname(CONFIGURATION)):  # which clears up what was left by one that was killed
                os.unlink(CONFIGURATION)
        refresh()  # always: the last off may have failed here
        process.finished()
    messages.say("off: programs that start now find GLib itself" if was else "off already")
    return 0


def status():
    """0 if it is on and well."""
    if not os.path.exists(CONFIGURATION):
        messages.say("off: hmap system on switches it on")
        return 1
    shadow = places.shadow()
    if found() != shadow:
        messages.say(f"off: {CONFIGURATION} is there, but the dynamic linker finds {found()}: run hmap system off, then on")
        return 1
    messages.say(f"on: {shadow} stands before {places.real_glib()}")
    return 0


def root(what):
    if os.geteuid() != 0:
        raise Failed(f"this takes root: sudo hmap system {what}")


def check_owner(path):
    """Setuid programs will load it, so nobody but root may change it, or what it lies in."""
    other = files.changeable_by(path, {0})
    if other:
        raise Failed(f"others than root may change {other}, and setuid programs would load from it: install hmap elsewhere")


def refresh():
    elf.tool("ldconfig")


def found():
    """The folder in which the dynamic linker finds GLib for a library that needs it, ours."""
    linker = elf.read(os.path.realpath(sys.executable)).interpreter
    environment = {name: value for name, value in process.tool_environment().items() if not name.startswith("LD_")}
    done = process.run([linker, "--list", places.library("GHashTable")], environment)
    paths = [line.split()[2] for line in done.out.splitlines() if line.split()[:2] == ["libglib-2.0.so.0", "=>"]]
    return os.path.dirname(paths[0]) if paths else "nothing"
