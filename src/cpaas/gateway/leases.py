"""Frees what processes held that died on this very machine: routes and queue items.

Anybody else must wait for a lease to end; here the operating system tells at once that its holder
is gone, so that a killed service goes on as soon as it is restarted.
"""

import os
import socket
from typing import Any

from cpaas.broker import embedded
from cpaas.gateway import queries


async def free_what_the_dead_hold(pool: Any, instance_id: int) -> list[int]:
    """Ends the leases of this host's dead processes; returns their instances."""
    async with pool.acquire() as connection, connection.transaction():
        others = await queries.instances_here(connection, socket.gethostname(), instance_id)
        dead = [other for other, pid in others if not _alive(pid)]
        if dead:
            await queries.end_leases_of(connection, dead)
            await embedded.release_leases_of(connection, dead)
    return dead


def _alive(pid: int) -> bool:
    # Our own number belonged to a process before us: in a container it is always the same.
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
