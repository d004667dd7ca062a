"""Frees the leases of processes that died on this very machine.

Anybody else must wait for a lease to end; here the operating system tells at once that its holder
is gone, so that a killed service sends again as soon as it is restarted.
"""

import os
import socket
from typing import Any

from cpaas.gateway import queries


async def free_leases_of_the_dead(pool: Any) -> list[int]:
    """Ends the leases of this host's dead processes; returns their instances."""
    async with pool.acquire() as connection, connection.transaction():
        holders = await queries.lease_holders(connection, socket.gethostname())
        dead = [instance_id for instance_id, pid in holders if not _alive(pid)]
        if dead:
            await queries.end_leases_of(connection, dead)
    return dead


def _alive(pid: int) -> bool:
    if pid <= 0 or pid == os.getpid():
        # Our own number belonged to a process before us (in a container it is always the same).
        return pid <= 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
