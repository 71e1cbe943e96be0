"""The one place in which signals are heard and tools run.

Python would raise an exception for ^C wherever it happens to be. Here a signal that would end hmap is only noted while there is
something to clear up (deaf), and every wait for a tool ends when one comes: the tool is ended with all its processes, Interrupted is
raised at that place, and when all is cleared up hmap ends by that signal."""

import contextlib
import dataclasses
import os
import selectors
import signal
import subprocess
import threading

from hmaptool.messages import Failed

LARGEST_OUTPUT = 1 << 28  # bytes that a tool may print
PACKAGES = {"patchelf": "patchelf", "readelf": "binutils", "ldconfig": "libc-bin"}


class Interrupted(BaseException):
    """A signal came that ends hmap."""


# ---- signals

ENDING = [n for n in signal.valid_signals() if n not in {
    signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGCONT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG,
    signal.SIGWINCH, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS}]
_pending = []
_wakeup = None  # readable once a signal has come
_depth = 0
_finished = False


@contextlib.contextmanager
def deaf():
    """Signals that would end hmap wait until this is left; heard() and the tools see them."""
    global _depth, _wakeup
    if _depth == 0:
        _wakeup, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        changed = [n for n in ENDING if signal.getsignal(n) == signal.SIG_DFL]
        for number in changed:
            signal.signal(number, lambda n, _: _pending.append(n))
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _depth == 0:
            signal.set_wakeup_fd(-1)
            os.close(write)
            os.close(_wakeup)
            _wakeup = None
            for number in () if _finished else changed:
                signal.signal(number, signal.SIG_DFL)
            if _pending and not _finished:
                end_by_signal()


def wakeup():
    """A descriptor that can be read from once a signal has come."""
    return _wakeup


def end_by_signal():
    number = _pending[0]
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def finished():
    """The work is done, so a signal that comes now does not stop it any more: the exit status is to tell that it was done."""
    global _finished
    _finished = True


def heard():
    """A place at which hmap can be stopped."""
    if _pending:
        raise Interrupted


# ---- tools

@dataclasses.dataclass
class Done:
    status: int     # negative: minus the signal
    out: str
    err: str

    @property
    def words(self):
        """Why it failed, as it said itself, or how it ended."""
        lines = self.err.strip().splitlines()
        return ended_by(self.status) if self.status < 0 else lines[-1].strip() if lines else f"exit status {self.status}"


def ended_by(status):
    try:
        return f"it died by {signal.Signals(-status).name}"
    except ValueError:
        return f"it died by signal {-status}"


def folders(environment=None):
    """The folders of PATH, as the C library takes it."""
    return (os.environ if environment is None else environment).get("PATH", os.defpath).split(":")


def which(name, *more):
    """A program's path, as a shell finds it, or None."""
    for folder in [*folders(), *more]:
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def tool_path(name):
    found = which(name, "/usr/sbin", "/sbin")
    if not found:
        raise Failed(f"{name} is not installed: install {PACKAGES.get(name, name)}")
    return os.path.abspath(found)


def tool(name, *arguments, keep=()):
    """Runs one of the tools, whose arguments are absolute paths; what it did."""
    return run([tool_path(name), *arguments], tool_environment(), keep=keep)


def tool_environment():
    """Little: a tool is not to do what the program's user set for the program."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def run(argv, environment, keep=()):
    """Runs a program to its end, without input, as a session of its own. keep: descriptors that it gets."""
    ours = _depth == 0 and threading.current_thread() is threading.main_thread()  # no other thread may hear signals
    with deaf() if ours else contextlib.nullcontext():
        heard()
        with open(os.memfd_create("errors"), "rb") as errors, \
                subprocess.Popen([os.fsencode(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                                 env=environment, pass_fds=keep, start_new_session=True) as child:
            try:
                out, err = communicate(child, errors)
            except BaseException:
                end_group(child)
                raise
            status = child.wait()
    return Done(status, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))


def end_group(child):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def communicate(child, errors):
    """All that a tool prints, until it closes its output, and what it has said besides. That goes to memory, because the dynamic
    linker says much, each line by a call of its own, and would wake us up for each."""
    printed, size = [], 0
    with selectors.DefaultSelector() as selector:
        for source in (child.stdout, *([] if _wakeup is None else [_wakeup])):
            selector.register(source, selectors.EVENT_READ)
        while child.stdout in selector.get_map():
            for key, _ in selector.select(1):
                if key.fileobj == _wakeup:
                    raise Interrupted
                data = os.read(key.fd, 1 << 16)
                printed.append(data)
                size += len(data)
                if not data:
                    selector.unregister(key.fileobj)
            if size + os.fstat(errors.fileno()).st_size > LARGEST_OUTPUT:
                raise Failed("a tool prints more than can be looked at: this is no usual program")
    errors.seek(0)
    return b"".join(printed), errors.read()
