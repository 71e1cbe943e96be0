"""What is said, and where: results on standard output, everything that went wrong as one line on standard error, or nowhere."""

import contextlib
import os
import sys


class Failed(Exception):
    """One line: what is wrong, why, and what to do. status is the exit status of the command."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


class Missing(Failed):
    """There is no such program."""


@contextlib.contextmanager
def failing_with(status, about=""):
    """What fails in here ends the command with this status. An error of the system's names what it is about, not the file in hand,
    which is a temporary one perhaps."""
    try:
        yield
    except Failed as failure:
        failure.status = status
        raise
    except OSError as error:
        raise Failed(f"{about}: {why(error)}" if about else reason(error), status) from None


def why(error):
    """An OSError, without its file."""
    return error.strerror or str(error) or type(error).__name__


def reason(error):
    """An OSError in one line. Where it names two files, the second is the one that was to be made."""
    path = error.filename2 or error.filename
    return (f"{path if isinstance(path, int) else os.fsdecode(path)}: " if path else "") + why(error)


def printable(text):
    """Names are any bytes: those that a terminal could take for more than letters are shown as numbers, in one line."""
    return "".join(c if c.isprintable() else shown(c) for c in text)


def shown(character):
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return {"\n": "\\n", "\t": "\\t"}.get(character) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def complain(name, text):
    """One line on standard error. If that is closed or full there is nobody to tell."""
    with contextlib.suppress(OSError):
        os.write(2, f"{name}: {printable(text)}\n".encode("utf-8", "surrogateescape"))


def note_progress(text):
    """A line that the next one overwrites, where somebody looks on."""
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, f"\r\033[K{printable(text)}".encode("utf-8", "surrogateescape"))


def say(text, color=None, rest=""):
    """Lines of the result. For people, and for them alone, the text is in a color, and the rest is not."""
    lines = "\n".join(map(printable, text.split("\n")))
    print((f"\033[{color}m{lines}\033[m" if color and is_colored() else lines) + printable(rest))


def say_raw(text):
    """For a shell."""
    sys.stdout.write(text)


def is_colored():
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def flush():
    sys.stdout.flush()


def hush():
    """Nobody reads standard output any more: what is left to be said goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
