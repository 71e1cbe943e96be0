"""The command line of hmap. A subcommand is a module with SUMMARY, add_arguments(parser) and main(args), which returns the exit
status. Whatever goes wrong ends in one line and in exit status 2, unless the subcommand says otherwise."""

import argparse
import contextlib
import os
import sys

from hmaptool import check, compare, env, inherited, messages, process, recording, relink, replay, run, stats, system
from hmaptool.messages import Failed

COMMANDS = {"check": check, "relink": relink, "run": run, "compare": compare, "env": env, "stats": stats, "system": system,
            "record": recording, "replay": replay}


class Parser(argparse.ArgumentParser):
    """argparse's, but that a wrong use ends in one line."""

    def error(self, message):
        raise Failed(f"{message} ({self.prog} --help tells more)")


def parser():
    top = Parser(prog="hmap", description="Puts Go's map under programs that use hsearch or GHashTable.", allow_abbrev=False,
                 epilog="Each command has a man page: man hmap-check, say.")
    top.add_argument("-V", "--version", action="version", version=f"hmap {inherited.version}", help="show the version and end")
    commands = top.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        sub = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY + ".", usage=getattr(module, "USAGE", None),
                                  allow_abbrev=False)
        module.add_arguments(sub)
    return top


def main(argv):
    """The exit status."""
    if argv == ["help"]:
        argv = ["--help"]
    name = f"hmap {argv[0]}" if argv and argv[0] in COMMANDS else "hmap"
    status = 2
    try:
        args = parser().parse_args(argv)
        status = getattr(COMMANDS[args.subcommand], "FAILED", 2)
        result = COMMANDS[args.subcommand].main(args)
        messages.flush()
        return result
    except BrokenPipeError:  # hmap check ... | head
        messages.hush()
        return 141
    except process.Interrupted:
        process.end_by_signal()
    except SystemExit as end:  # argparse, after --help
        with contextlib.suppress(BrokenPipeError):
            messages.flush()
        return end.code
    except Exception as error:  # pylint: disable=broad-except
        messages.complain(name, one_line(error))
        return error.status if isinstance(error, Failed) else status
    return status


def one_line(error):
    if isinstance(error, Failed):
        return str(error)
    if isinstance(error, OSError):
        return messages.reason(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    where = error.__traceback__
    while where.tb_next:
        where = where.tb_next
    return (f"a fault of hmap's own, please report it: {type(error).__name__}: {error} "
            f"({os.path.basename(where.tb_frame.f_code.co_filename)}, line {where.tb_lineno})")


def end(status):
    """Without Python's own last words about standard output."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(status)
