"""SQL of dead letters and of receipts that found no message: what a person looks at and decides."""

from collections.abc import Sequence
from typing import Any

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """An envelope that could not be worked. Its time is Unix microseconds."""

    id: int
    queue: str
    lane: int
    account_id: int
    account: str
    messages: int
    tries: int
    reason: str
    created_us: int
    payload: bytes = b""


class KeptReceipt(msgspec.Struct, frozen=True):
    """A receipt without a message; given_up_us None: it is still tried again."""

    id: int
    route: str
    provider_message_id: str
    state: str
    error_code: str
    recipient: str
    sender: str
    tries: int
    received_us: int
    next_try_us: int | None
    given_up_us: int | None
    raw: bytes = b""


_LETTER = """
SELECT d.id, d.queue, d.lane, d.account_id, coalesce(a.name, ''), d.messages, d.tries, d.reason,
    (extract(epoch FROM d.created_at) * 1000000)::bigint{payload}
FROM dead_letter d LEFT JOIN account a ON a.id = d.account_id
"""


async def newest(
    connection: Any, *, queue: str, account_id: int, before_id: int = 2**63 - 1, most: int
) -> list[DeadLetter]:
    """The newest dead letters, of a queue ("" = every) and an account (0 = every)."""
    rows = await connection.fetch(
        _LETTER.format(payload="")
        + """WHERE d.id < $1 AND ($2 = '' OR d.queue = $2)
             AND ($3::bigint = 0 OR d.account_id = $3) ORDER BY d.id DESC LIMIT $4""",
        before_id, queue, account_id, most,
    )  # fmt: skip
    return [DeadLetter(*row) for row in rows]


async def waiting(connection: Any, most: int) -> tuple[int, int]:
    """How many dead letters and how many kept receipts there are, counting `most` of each."""
    row = await connection.fetchrow(
        """SELECT (SELECT count(*) FROM (SELECT FROM dead_letter LIMIT $1) d),
             (SELECT count(*) FROM (SELECT FROM unmatched_receipt LIMIT $1) u)""",
        most,
    )
    return row[0], row[1]


async def locked(connection: Any, ids: Sequence[int]) -> list[DeadLetter]:
    """These dead letters with their payloads, kept from others until the transaction ends."""
    rows = await connection.fetch(
        _LETTER.format(payload=", d.payload")
        + "WHERE d.id = any($1::bigint[]) ORDER BY d.id FOR UPDATE OF d",
        list(ids),
    )
    return [DeadLetter(*row) for row in rows]


async def ids_of(connection: Any, *, queue: str, account_id: int, most: int) -> list[int]:
    """The oldest dead letters of a queue ("" = every) and an account (0 = every)."""
    rows = await connection.fetch(
        """SELECT id FROM dead_letter WHERE ($1 = '' OR queue = $1)
           AND ($2::bigint = 0 OR account_id = $2) ORDER BY id LIMIT $3""",
        queue, account_id, most,
    )  # fmt: skip
    return [row[0] for row in rows]


async def delete(connection: Any, ids: Sequence[int]) -> None:
    """Throws dead letters away."""
    await connection.execute("DELETE FROM dead_letter WHERE id = any($1::bigint[])", list(ids))


async def statuses(connection: Any, ids: Sequence[bytes]) -> dict[bytes, str]:
    """Message ids -> their statuses now."""
    if not ids:
        return {}
    rows = await connection.fetch(
        """SELECT uuid_send(id), status FROM message
           WHERE id = any($1::text[]::uuid[]) AND id >= $2::text::uuid AND id <= $3::text::uuid""",
        [one.hex() for one in ids], min(ids).hex(), max(ids).hex(),
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


_RECEIPT = """
SELECT u.id, coalesce(r.name, ''), u.provider_message_id, u.state, u.error_code, u.recipient,
    u.sender, u.tries, (extract(epoch FROM u.received_at) * 1000000)::bigint,
    (extract(epoch FROM u.next_try_at) * 1000000)::bigint,
    (extract(epoch FROM u.given_up_at) * 1000000)::bigint, u.raw
FROM unmatched_receipt u LEFT JOIN route r ON r.id = u.route_id
"""


async def receipts(
    connection: Any, *, route: str, given_up: bool | None, most: int
) -> list[KeptReceipt]:
    """The newest kept receipts, of a route ("" = every); given_up None: both kinds."""
    rows = await connection.fetch(
        _RECEIPT + """WHERE ($1 = '' OR r.name = $1)
                 AND ($2::boolean IS NULL OR (u.given_up_at IS NOT NULL) = $2)
             ORDER BY u.id DESC LIMIT $3""",
        route, given_up, most,
    )  # fmt: skip
    return [KeptReceipt(*row) for row in rows]


async def receipt(connection: Any, receipt_id: int) -> KeptReceipt | None:
    """One kept receipt."""
    row = await connection.fetchrow(_RECEIPT + "WHERE u.id = $1", receipt_id)
    return None if row is None else KeptReceipt(*row)


async def retry_receipts(connection: Any, ids: Sequence[int]) -> list[int]:
    """Have kept receipts tried again at once, also given up ones, for another 72 hours."""
    rows = await connection.fetch(
        """UPDATE unmatched_receipt SET next_try_at = now(), tries = 0, given_up_at = NULL,
             received_at = CASE WHEN given_up_at IS NULL THEN received_at ELSE now() END
           WHERE id = any($1::bigint[]) RETURNING id""",
        list(ids),
    )
    return sorted(row[0] for row in rows)


async def delete_receipts(connection: Any, ids: Sequence[int]) -> list[int]:
    """Throw kept receipts away; returns which there were."""
    rows = await connection.fetch(
        "DELETE FROM unmatched_receipt WHERE id = any($1::bigint[]) RETURNING id", list(ids)
    )
    return sorted(row[0] for row in rows)
