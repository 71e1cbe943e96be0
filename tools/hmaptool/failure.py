"""Failed: how every error ends that a user can do something about."""


import contextlib


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
