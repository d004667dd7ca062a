"""Imports what many services need, then becomes each of them: `python -m cpaas.cli.copies`.

Arguments: the number of an inherited socket, then the modules. Only the supervisor starts it
(`supervisor/template.py`).
"""

import gc
import importlib
import socket
import sys

import setproctitle

from cpaas.kit.copies import many_threads, serve_copies


def run(number: str, *modules: str) -> int:
    """Serves copies; in each copy, runs its command line."""
    # Modules stay: looking for garbage among them would only cost time.
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    gc.enable()
    if many_threads():
        return 1
    with socket.socket(fileno=int(number)) as requests:
        argv = serve_copies(requests)
    if argv is None:
        return 0
    from cpaas.cli.main import main

    sys.argv[1:] = argv
    # Else every service would show as this one in the system's list of processes.
    setproctitle.setproctitle(" ".join((sys.executable, "-m", "cpaas", *argv)))
    return main()


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
