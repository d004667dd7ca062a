"""Lets a process that has imported everything become many: each request makes a copy of it.

Importing costs a service most of its start. The copy belongs to whoever asked for it (see
`kit/adopted.py`), so that this process may end at any time. It must have one thread only, or a
copy could wait for ever for a lock that no thread of its own holds.
"""

import gc
import os
import signal
import socket
import time
from pathlib import Path

import msgspec

from cpaas.kit.child import dies_with

REQUEST_BYTES_MAX = 65_536
ADOPTION_POLL_SECONDS = 0.0005


class Request(msgspec.Struct, frozen=True):
    """What the copy shall do: the arguments of a command line; its two pipes come beside it."""

    argv: list[str]


def many_threads() -> bool:
    """Whether a copy would lack threads that this process has."""
    tasks = Path("/proc/self/task")
    return not tasks.is_dir() or len(list(tasks.iterdir())) != 1


def serve_copies(requests: socket.socket) -> list[str] | None:
    """Makes copies until nobody can ask for more: None then, and in each copy its arguments."""
    asking = os.getppid()
    # What is here stays in memory that all copies share.
    gc.collect()
    gc.freeze()
    while True:
        message, pipes, _, _ = socket.recv_fds(requests, REQUEST_BYTES_MAX, 2)
        if not message:
            return None
        request = msgspec.json.decode(message, type=Request)
        # Twice, so that the copy's parent is gone and it comes to who asked.
        between = os.fork()
        if between == 0:
            between = os.getpid()
            if os.fork() != 0:
                os._exit(0)
            _become(requests, pipes, between, asking)
            return request.argv
        for pipe in pipes:
            os.close(pipe)
        os.waitpid(between, 0)


def _become(requests: socket.socket, pipes: list[int], between: int, asking: int) -> None:
    while os.getppid() == between:
        time.sleep(ADOPTION_POLL_SECONDS)
    if (until_dead := dies_with(asking, signal.SIGTERM)) is not None:
        until_dead()
    # As kit/child.py does: Ctrl-C reaches the supervisor only.
    os.setpgid(0, 0)
    lifeline, output = pipes
    for number, source in ((0, lifeline), (1, output), (2, output)):
        os.dup2(source, number)
    for pipe in pipes:
        os.close(pipe)
    with requests:
        requests.send(str(os.getpid()).encode())
