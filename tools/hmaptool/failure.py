"""Failed: how every error ends that a user can do something about."""


import contextlib
import os


class Failed(Exception):
    """One line: what is wrong, why, and what to do. status is the exit status of the command."""

    def __init__(self, message, status=2):
        super().__init__(message)
        self.status = status


@contextlib.contextmanager
def failing_with(status):
    """What fails in here ends the command with this status."""
    try:
        yield
    except Failed as failure:
        raise Failed(str(failure), status) from None
    except OSError as error:
        raise Failed(reason(error), status) from None


def reason(error):
    """An OSError in one line. Where it names two files, the second is the one that was to be made."""
    path = error.filename2 or error.filename
    return (f"{os.fsdecode(path)}: " if path else "") + (error.strerror or str(error))
