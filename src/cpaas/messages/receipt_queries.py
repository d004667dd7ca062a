"""SQL that finds the messages of receipts: by provider id, by part, and what has to wait.

Provider ids are looked up by an index that has the bounded id as its second column. Without it,
a plan made while a partition is empty takes the range of ids for the narrower condition and keeps
reading whole days by it.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.messages.envelopes import Envelope, Outgoing


class Found(msgspec.Struct, frozen=True):
    """A message that a provider id belongs to; `known` if the process itself still holds it."""

    id: bytes
    account_id: int
    route_id: int
    provider_message_id: str | None
    status: str
    attempt: int
    segments: int
    submitted_us: int | None
    known: tuple[Envelope, Outgoing] | None = None


class FoundPart(msgspec.Struct, frozen=True):
    """A part, or (part_no 0) a whole message of an earlier attempt, that a provider id is of."""

    message_id: bytes
    attempt: int
    part_no: int
    account_id: int
    route_id: int
    provider_message_id: str


class NewPart(msgspec.Struct, frozen=True):
    """A part that a carrier accepted."""

    message_id: bytes
    attempt: int
    part_no: int
    account_id: int
    route_id: int
    provider_message_id: str | None
    at_us: int


class PartEnd(msgspec.Struct, frozen=True):
    """The final state of one part."""

    message_id: bytes
    attempt: int
    part_no: int
    status: str
    error_code: str
    at_us: int


class NewUnmatched(msgspec.Struct, frozen=True):
    """A receipt to keep until its message is known."""

    route_id: int
    provider_message_id: str
    state: str
    error_code: str
    recipient: str
    sender: str
    raw: bytes
    done_us: int
    received_us: int
    next_try_us: int


# One probe a provider id: by `= any($1)` a generic plan reads the whole range of ids instead, as
# it takes two bounds for half a per cent of the day, however large the day has become.
FIND: Final = """
SELECT m.id, m.account_id, m.route_id, m.provider_message_id, m.status, m.attempt, m.segments,
    m.submitted_at
FROM unnest($1::text[]) p (provider_id) CROSS JOIN LATERAL (
    SELECT message_id FROM provider_id
    WHERE provider_message_id = p.provider_id AND message_id >= $2 AND message_id <= $3
    OFFSET 0
) f CROSS JOIN LATERAL (
    SELECT * FROM message WHERE id = f.message_id AND id >= $2 AND id <= $3 OFFSET 0
) m
WHERE m.provider_message_id = p.provider_id
"""
FIND_PARTS: Final = """
SELECT m.message_id, m.attempt, m.part_no, m.account_id, m.route_id, m.provider_message_id
FROM unnest($1::text[]) p (provider_id) CROSS JOIN LATERAL (
    SELECT * FROM message_part
    WHERE provider_message_id = p.provider_id AND message_id >= $2 AND message_id <= $3
    OFFSET 0
) m
"""
STATES: Final = """
SELECT id, account_id, route_id, provider_message_id, status, attempt, segments, submitted_at
FROM message WHERE id = any($1) AND id >= $2 AND id <= $3
"""


async def find(
    connection: Any, provider_ids: Sequence[str], lowest: bytes, highest: bytes
) -> list[Found]:
    """Messages of any account with one of these provider ids, within a range of ids."""
    return [Found(*row) for row in await connection.fetch(FIND, provider_ids, lowest, highest)]


async def keep_provider_ids(connection: Any, rows: Sequence[tuple[str | None, bytes, int]]) -> None:
    """Record which message a carrier's id means: (provider id, message, account) each."""
    if rows:
        await connection.execute(
            """INSERT INTO provider_id (provider_message_id, message_id, account_id)
               SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[]) ON CONFLICT DO NOTHING""",
            *_columns(rows),
        )


async def find_parts(
    connection: Any, provider_ids: Sequence[str], lowest: bytes, highest: bytes
) -> list[FoundPart]:
    """Parts of any account with one of these provider ids, within a range of messages."""
    rows = await connection.fetch(FIND_PARTS, provider_ids, lowest, highest)
    return [FoundPart(*row) for row in rows]


async def states(connection: Any, ids: Sequence[bytes]) -> dict[bytes, Found]:
    """How messages stand, by id."""
    if not ids:
        return {}
    rows = await connection.fetch(STATES, list(ids), min(ids), max(ids))
    return {row[0]: Found(*row) for row in rows}


async def keep_parts(connection: Any, parts: Sequence[NewPart]) -> None:
    """Record accepted parts; one that is known already stays as it is."""
    if not parts:
        return
    await connection.execute(
        """INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id,
             provider_message_id, status, submitted_at)
           SELECT g.message_id, g.attempt, g.part_no, g.account_id, g.route_id, g.provider_id,
             'SUBMITTED', g.at
           FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::bigint[], $5::bigint[],
             $6::text[], $7::timestamptz[])
             g(message_id, attempt, part_no, account_id, route_id, provider_id, at)
           ON CONFLICT (message_id, attempt, part_no) DO NOTHING""",
        *_columns([msgspec.structs.astuple(p) for p in sorted(parts, key=_part_key)]),
    )


async def end_parts(connection: Any, ends: Sequence[PartEnd]) -> None:
    """Write parts' final states; the first one stands."""
    ordered = sorted(ends, key=_part_key)
    await connection.execute(
        """UPDATE message_part p SET status = g.status, error_code = g.error_code, final_at = g.at
           FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::text[], $5::text[],
             $6::timestamptz[]) g(message_id, attempt, part_no, status, error_code, at)
           WHERE p.message_id = any($1) AND p.message_id >= $7 AND p.message_id <= $8
             AND p.message_id = g.message_id AND p.attempt = g.attempt AND p.part_no = g.part_no
             AND p.status = 'SUBMITTED'""",
        *_columns([msgspec.structs.astuple(e) for e in ordered]),
        ordered[0].message_id,
        ordered[-1].message_id,
    )


async def parts_missing(connection: Any, ids: Sequence[bytes]) -> dict[bytes, int]:
    """How many different parts of each message are accepted, in any attempt, but not delivered.

    A part to which the carrier gave no id can never be told of, so it is not waited for.
    """
    rows = await connection.fetch(
        """SELECT message_id, (count(DISTINCT part_no) - count(DISTINCT part_no)
             FILTER (WHERE status IN ('DELIVERED', 'READ')))::int
           FROM message_part
           WHERE message_id = any($1) AND message_id >= $2 AND message_id <= $3 AND part_no > 0
             AND provider_message_id IS NOT NULL
           GROUP BY message_id""",
        list(ids), min(ids), max(ids),
    )  # fmt: skip
    return {row[0]: row[1] for row in rows}


async def keep_unmatched(connection: Any, receipts: Sequence[NewUnmatched]) -> None:
    """Keep receipts whose message is not known yet."""
    if not receipts:
        return
    await connection.execute(
        """INSERT INTO unmatched_receipt (route_id, provider_message_id, state, error_code,
             recipient, sender, raw, done_at, received_at, next_try_at)
           SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[],
             $6::text[], $7::bytea[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[])""",
        *_columns([msgspec.structs.astuple(r) for r in receipts]),
    )


async def add_missing_costs(connection: Any, costs: dict[bytes, int]) -> list[Any]:
    """Book what carriers take for delivered messages that have no cost yet.

    Returns (id, account, channel, route, country) of those it was booked on.
    """
    if not costs:
        return []
    ids = sorted(costs)
    rows: list[Any] = await connection.fetch(
        """UPDATE message m SET carrier_cost_micro = g.cost
           FROM unnest($1::uuid[], $2::bigint[]) g(id, cost)
           WHERE m.id = g.id AND m.carrier_cost_micro = 0 AND m.status IN ('DELIVERED', 'READ')
             AND NOT m.is_test
           RETURNING m.id, m.account_id, m.channel, m.route_id, m.country""",
        ids, [costs[one] for one in ids],
    )  # fmt: skip
    return rows


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _part_key(part: NewPart | PartEnd) -> tuple[bytes, int, int]:
    return (part.message_id, part.attempt, part.part_no)
