"""A deliverer in a process of its own, for a test that kills it: victim.py <dsn> <keyring>."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from cpaas.broker.embedded import EmbeddedConsumer
from cpaas.broker.topology import WEBHOOK
from cpaas.db.pool import create_pool
from cpaas.kit.guard import Guard
from cpaas.kit.secrets import Keyring
from cpaas.snapshot.load import EMPTY, load
from cpaas.webhooks.deliver import deliver

LEASE_SECONDS = 1.0


async def main(dsn: str, keyring: Path) -> None:
    """Delivers until killed."""
    connection = await asyncpg.connect(dsn)
    snapshot = await load(connection, EMPTY, {"webhook_endpoint"}, {})
    await connection.close()
    pool = await create_pool(
        dsn, min_size=1, max_size=4, application_name="victim", data_plane=True
    )
    await deliver(
        pool,
        EmbeddedConsumer(pool, WEBHOOK, 8, lease_seconds=LEASE_SECONDS),
        snapshot=lambda: snapshot,
        keyring=Keyring.load(keyring),
        guard=Guard(["127.0.0.0/8"]),
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
