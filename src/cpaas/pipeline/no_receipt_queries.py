"""SQL of messages that a carrier took and has not spoken of since."""

from collections.abc import Sequence
from typing import Any

import msgspec


class Silent(msgspec.Struct, frozen=True):
    """A message that is still SUBMITTED in the attempt asked for."""

    id: bytes
    account_id: int
    attempt: int
    route_id: int
    provider_message_id: str
    submitted_us: int


async def silent(connection: Any, ids: Sequence[bytes], attempts: Sequence[int]) -> list[Silent]:
    """Those that still wait for a receipt of this attempt; locked, in order. `ids` in order."""
    if not ids:
        return []
    rows = await connection.fetch(
        """SELECT id, account_id, attempt, route_id, provider_message_id, submitted_at FROM message
           WHERE id = any($1::uuid[]) AND id >= $2 AND id <= $3 AND status = 'SUBMITTED'
             AND provider_message_id IS NOT NULL AND submitted_at IS NOT NULL
           ORDER BY id FOR UPDATE""",
        list(ids), ids[0], ids[-1],
    )  # fmt: skip
    wanted = dict(zip(ids, attempts, strict=True))
    return [one for one in (Silent(*row) for row in rows) if wanted[one.id] == one.attempt]


async def with_carrier(connection: Any, message_id: bytes) -> bool:
    """Whether a carrier has a part or an earlier attempt of a message."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM message_part WHERE message_id = $1)", message_id
    )
    return found
