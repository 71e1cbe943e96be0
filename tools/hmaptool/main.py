"""The command line of hmap. A subcommand is a module with SUMMARY, add_arguments(parser) and main(args), which returns the exit
status. Whatever goes wrong ends in one line and in exit status 2, unless the subcommand says otherwise."""

import argparse
import os
import signal
import sys

from hmaptool import check, compare, env, relink, run, stats, system
from hmaptool.failure import Failed, reason

COMMANDS = {"check": check, "relink": relink, "run": run, "compare": compare, "env": env, "stats": stats, "system": system}


class Parser(argparse.ArgumentParser):
    """argparse's, but that a wrong use ends in one line."""

    def error(self, message):
        raise Failed(f"{message} ({self.prog} --help tells more)")


def parser():
    top = Parser(prog="hmap", description="Puts Go's map under programs that use hsearch or GHashTable.",
                 epilog="Each command has a man page: man hmap-check, say.")
    commands = top.add_subparsers(dest="subcommand", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        sub = commands.add_parser(name, help=module.SUMMARY, description=module.SUMMARY + ".")
        module.add_arguments(sub)
    return top


def stop(number, _):
    """As after ^C: what is half done is cleared away."""
    raise SystemExit(128 + number)


def prepare():
    for number in signal.SIGTERM, signal.SIGHUP:
        if signal.getsignal(number) == signal.SIG_DFL:  # not under nohup
            signal.signal(number, stop)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")
    sys.stdout.reconfigure(errors="surrogateescape")  # names of files are bytes


def main(argv):
    prepare()
    name = f"hmap {argv[0]}" if argv and argv[0] in COMMANDS else "hmap"
    try:
        args = parser().parse_args(argv)
        status = COMMANDS[args.subcommand].main(args)
        sys.stdout.flush()
        return status
    except Failed as failure:
        print(f"{name}: {failure}", file=sys.stderr)
        return failure.status
    except BrokenPipeError:  # hmap check ... | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        print(f"{name}: {reason(error)}", file=sys.stderr)
        return 2
