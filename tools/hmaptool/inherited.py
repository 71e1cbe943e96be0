"""What this process was started with: hmap.c tells, and a program that it turns into gets it back."""

import os
import signal
import sys

from hmaptool import places

version = ""
identity = ""
_closed = []
_ignored = set()
_children_ignored = False


def take(argv):
    """Reads what hmap.c put in front of the arguments, which are returned."""
    global version, identity, _closed, _children_ignored
    version, places.itself, places.libdir, state, locale, identity, *arguments = argv
    closed, pipe, size, held = map(int, state.split())
    _closed = [fd for fd in range(3) if closed & 1 << fd]
    _ignored.update({signal.SIGPIPE} if pipe else (), {signal.SIGXFSZ} if size else ())
    if locale == "-":
        os.environ.pop("LC_ALL", None)
    else:
        os.environ["LC_ALL"] = locale[1:]
    _children_ignored = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # or no tool's exit status could be seen
    if not held:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    sys.stdout.reconfigure(errors="surrogateescape")
    return arguments


def become(executable, argv, environment):
    """Turns into a program, which finds everything as if it had been started directly."""
    sys.stdout.flush()
    for number in {signal.SIGPIPE, signal.SIGXFSZ} - _ignored:  # Python ignores both
        signal.signal(number, signal.SIG_DFL)
    if _children_ignored:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for fd in _closed:
        os.close(fd)
    os.execve(executable, argv, environment)


def closed(fd):
    return fd in _closed
