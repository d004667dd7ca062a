"""SQL of replies: parts that wait for their siblings, who wrote last, and the replies kept."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

#: route, sender, recipient, reference, total: the parts of one message share it.
PartKey = tuple[int, str, str, int, int]


class KeptPart(msgspec.Struct, frozen=True):
    """A part of a reply that waits for the others."""

    route_id: int
    sender: str
    recipient: str
    reference: int
    total: int
    number: int
    channel: str
    is_test: bool
    data: bytes
    data_coding: int
    raw: bytes
    id: bytes
    received_us: int

    @property
    def key(self) -> PartKey:
        """What the parts of one message share."""
        return self.route_id, self.sender, self.recipient, self.reference, self.total


class Kept(msgspec.Struct, frozen=True):
    """A reply as it is stored; account 0 = nobody's."""

    id: bytes
    account_id: int
    route_id: int
    channel: str
    sender: str
    recipient: str
    body: str
    raw: bytes
    received_us: int
    message_id: bytes | None
    is_test: bool
    keyword: str
    action: str
    complete: bool
    content: dict[str, Any] | None = None


_PART: Final = (
    "route_id, sender, recipient, reference, total, number, channel, is_test, data, data_coding,"
    " raw, id, received_at"
)


async def insert_parts(
    connection: Any, parts: Sequence[KeptPart]
) -> dict[tuple[int, str, str, int, int, int], bytes]:
    """Keeps parts; returns the content of those that were there already, by key and number."""
    columns = [list(column) for column in zip(*map(msgspec.structs.astuple, parts), strict=True)]
    rows = await connection.fetch(
        f"""
        WITH g AS (
            SELECT DISTINCT ON (route_id, sender, recipient, reference, total, number) *
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::smallint[],
                $6::smallint[], $7::text[], $8::boolean[], $9::bytea[], $10::smallint[],
                $11::bytea[], $12::uuid[], $13::timestamptz[]) AS u ({_PART})
        ), made AS (
            INSERT INTO inbound_part ({_PART}) SELECT {_PART} FROM g
            ON CONFLICT (route_id, sender, recipient, reference, total, number) DO NOTHING
        )
        SELECT p.route_id, p.sender, p.recipient, p.reference, p.total, p.number, p.data
        FROM inbound_part p JOIN g USING (route_id, sender, recipient, reference, total, number)
        """,
        *columns,
    )
    return {tuple(row[:6]): row[6] for row in rows}


async def take_parts(
    connection: Any, keys: Sequence[PartKey] | None, older_us: int
) -> list[KeptPart]:
    """Takes messages whose parts are all there, or whose first part is older than a moment.

    keys: only these messages; None = any.
    """
    columns = [list(column) for column in zip(*keys, strict=True)] if keys else [[]] * 5
    rows = await connection.fetch(
        f"""
        WITH k AS (
            SELECT route_id, sender, recipient, reference, total FROM inbound_part
            WHERE $1 OR (route_id, sender, recipient, reference, total) IN (
                SELECT * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::integer[],
                    $6::smallint[]))
            GROUP BY route_id, sender, recipient, reference, total
            HAVING count(*) = total OR min(received_at) < $7 LIMIT 500
        )
        DELETE FROM inbound_part p USING k
        WHERE (p.route_id, p.sender, p.recipient, p.reference, p.total)
            = (k.route_id, k.sender, k.recipient, k.reference, k.total)
        RETURNING {", ".join(f"p.{name.strip()}" for name in _PART.split(","))}
        """,
        keys is None, *columns, older_us,
    )  # fmt: skip
    return [KeptPart(*row) for row in rows]


async def last_written(
    connection: Any, asked: Sequence[tuple[int, str, str, str, bool, int]], lowest: bytes
) -> dict[int, tuple[int, bytes, str]]:
    """Which message a reply answers: (account, message, reference) by number.

    asked: (number, handset with plus, our number plain, channel, test or not, account or 0 = any).
    """
    rows = await connection.fetch(
        """
        SELECT g.n, m.account_id, m.id, m.reference
        FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::boolean[],
            $6::bigint[]) g (n, handset, ours, channel, is_test, account_id)
        CROSS JOIN LATERAL (
            SELECT account_id, id, reference FROM message
            WHERE recipient = g.handset AND id >= $7 AND is_test = g.is_test
              AND channel = g.channel AND upper(ltrim(sender, '+')) = g.ours
              AND (g.account_id = 0 OR account_id = g.account_id)
            ORDER BY id DESC LIMIT 1
        ) m
        """,
        *[list(column) for column in zip(*asked, strict=True)], lowest,
    )  # fmt: skip
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def insert(connection: Any, replies: Sequence[Kept]) -> None:
    """Keeps replies."""
    await connection.execute(
        """
        INSERT INTO inbound_message (id, account_id, route_id, channel, sender, recipient, body,
            raw, received_at, message_id, is_test, keyword, action, complete, content)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[],
            $6::text[], $7::text[], $8::bytea[], $9::timestamptz[], $10::uuid[], $11::boolean[],
            $12::text[], $13::text[], $14::boolean[], $15::jsonb[])
        """,
        *[list(c) for c in zip(*map(msgspec.structs.astuple, replies), strict=True)],
    )


async def stored(connection: Any, ids: Sequence[bytes]) -> set[bytes]:
    """Which of these replies are kept already."""
    rows = await connection.fetch(
        "SELECT id FROM inbound_message WHERE id = any($1::uuid[])", list(ids)
    )
    return {row[0] for row in rows}


async def open_conversations(connection: Any, opened: Sequence[tuple[str, str, str, int]]) -> None:
    """Conversations (channel, our sender plain, handset with plus) that are open until a moment."""
    latest: dict[tuple[str, str, str], int] = {}
    for channel, ours, handset, until_us in opened:
        key = channel, ours, handset
        latest[key] = max(latest.get(key, 0), until_us)
    keys = sorted(latest)
    await connection.execute(
        """INSERT INTO conversation AS c (channel, sender, recipient, open_until)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
           ON CONFLICT (channel, sender, recipient)
             DO UPDATE SET open_until = greatest(c.open_until, excluded.open_until)""",
        [one[0] for one in keys], [one[1] for one in keys], [one[2] for one in keys],
        [latest[one] for one in keys],
    )  # fmt: skip
