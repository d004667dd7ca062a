"""What a killed process held is free as soon as its successor starts on the same machine."""

import os
import socket
import subprocess

import asyncpg

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.gateway.leases import free_what_the_dead_hold


async def instance(pool: asyncpg.Pool, pid: int, host: str = "") -> int:
    row: int = await pool.fetchval(
        "INSERT INTO service_instance (service, host, pid) VALUES ('cpaas-sms', $1, $2)"
        " RETURNING id",
        host or socket.gethostname(), pid,
    )  # fmt: skip
    return row


async def test_only_the_dead_of_this_machine_are_freed(pool: asyncpg.Pool) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    living = subprocess.Popen(["sleep", "60"])
    try:
        dead, alive, elsewhere, mine = (
            await instance(pool, gone.pid), await instance(pool, living.pid),
            await instance(pool, gone.pid, "other"), await instance(pool, os.getpid()),
        )  # fmt: skip
        holders = [dead, alive, elsewhere, mine]
        async with pool.acquire() as connection:
            await embedded.publish(connection, [NewItem("q", 1, n, 1, b"") for n in range(4)])
        for route_id, holder in enumerate(holders, 1):
            await pool.execute(
                "INSERT INTO route_lease VALUES ($1, $2, now() + interval '1 hour')",
                route_id, holder,
            )  # fmt: skip
            assert len(await embedded.EmbeddedConsumer(pool, "q", holder).take(1)) == 1
        assert await free_what_the_dead_hold(pool, mine) == [dead]
        left = await pool.fetch("SELECT instance_id FROM route_lease ORDER BY 1")
        assert [row[0] for row in left] == sorted([alive, elsewhere, mine])
        taken = await embedded.EmbeddedConsumer(pool, "q", mine).take(9)
        assert [one.tries for one in taken] == [2]
    finally:
        living.kill()
        living.wait()
