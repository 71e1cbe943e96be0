"""The command hmap, but for what hmap.c does itself. It starts this with Python isolated (-I -S), and with ^C held back."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # Python's, which would show where it was
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import importlib.util
import os
import sys

# The modules by their path: sys.path stays Python's own, so that nothing that lies beside them or elsewhere is taken for another.
folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hmaptool")
spec = importlib.util.spec_from_file_location("hmaptool", f"{folder}/__init__.py", submodule_search_locations=[folder])
sys.modules["hmaptool"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["hmaptool"])

from hmaptool import inherited, main

main.end(main.main(inherited.take(sys.argv[1:])))
