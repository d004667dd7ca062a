"""SQL of inbound numbers and keywords, and of replies as people look at them."""

from typing import Any, Final

from cpaas.inbound.types import InboundRow, NumberRow

_NUMBERS: Final = """
    SELECT n.channel, n.number, coalesce(a.name, '') AS account, coalesce(array_agg(
        k.keyword || ' ' || ka.name ORDER BY k.keyword) FILTER (WHERE k.id IS NOT NULL), '{}')
        AS keywords
    FROM inbound_number n LEFT JOIN account a ON a.id = n.account_id
      LEFT JOIN inbound_keyword k ON k.number_id = n.id
      LEFT JOIN account ka ON ka.id = k.account_id
    WHERE ($1 = '' OR a.name = $1 OR ka.name = $1)
    GROUP BY n.id, a.name ORDER BY n.channel, n.number LIMIT $2
"""


async def numbers(connection: Any, account: str, most: int = 1000) -> list[NumberRow]:
    """Inbound numbers, of an account if one is named."""
    return [NumberRow(**row) for row in await connection.fetch(_NUMBERS, account, most)]


async def insert_number(connection: Any, channel: str, number: str, account_id: int | None) -> bool:
    """A new inbound number; False when it exists already."""
    made = await connection.fetchval(
        "INSERT INTO inbound_number (channel, number, account_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (channel, number) DO NOTHING RETURNING id",
        channel, number, account_id,
    )  # fmt: skip
    return made is not None


async def assign_number(connection: Any, channel: str, number: str, account_id: int | None) -> bool:
    """Gives a number to an account, None = shared; False when there is no such number."""
    status = await connection.execute(
        "UPDATE inbound_number SET account_id = $3 WHERE channel = $1 AND number = $2",
        channel, number, account_id,
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def delete_number(connection: Any, channel: str, number: str) -> bool:
    """Forgets a number with its keywords; False when there is none."""
    status = await connection.execute(
        "DELETE FROM inbound_number WHERE channel = $1 AND number = $2", channel, number
    )
    return bool(status == "DELETE 1")


async def number_id(connection: Any, channel: str, number: str) -> int | None:
    """The id of a number."""
    found: int | None = await connection.fetchval(
        "SELECT id FROM inbound_number WHERE channel = $1 AND number = $2", channel, number
    )
    return found


async def upsert_keyword(connection: Any, number_id: int, keyword: str, account_id: int) -> None:
    """Gives a number's keyword to an account."""
    await connection.execute(
        "INSERT INTO inbound_keyword (number_id, keyword, account_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (number_id, keyword) DO UPDATE SET account_id = excluded.account_id",
        number_id, keyword, account_id,
    )  # fmt: skip


async def delete_keyword(connection: Any, number_id: int, keyword: str) -> bool:
    """Forgets a keyword; False when there is none."""
    status = await connection.execute(
        "DELETE FROM inbound_keyword WHERE number_id = $1 AND keyword = $2", number_id, keyword
    )
    return bool(status == "DELETE 1")


async def set_setting(connection: Any, setting: str, value: str) -> None:
    """Sets a platform setting; `value` is JSON."""
    await connection.execute(
        "INSERT INTO platform_setting (name, value) VALUES ($1, $2::text::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()",
        setting, value,
    )  # fmt: skip


async def setting(connection: Any, name: str) -> str | None:
    """A platform setting as JSON; None = not set."""
    found: str | None = await connection.fetchval(
        "SELECT value::text FROM platform_setting WHERE name = $1", name
    )
    return found


_KEPT: Final = """
    SELECT i.id::text AS id, coalesce(a.name, '') AS account, i.channel, i.sender, i.recipient,
        i.body, coalesce(r.name, '') AS route, i.keyword, i.action, i.complete,
        (extract(epoch FROM i.received_at) * 1000000)::bigint AS received_us
    FROM inbound_message i LEFT JOIN account a ON a.id = i.account_id
      LEFT JOIN route r ON r.id = i.route_id
"""


async def kept(
    connection: Any, *, account_id: int | None, lowest: Any, most: int
) -> list[InboundRow]:
    """The newest replies from an id on; account 0: those of nobody, None: all."""
    rows = await connection.fetch(
        f"{_KEPT} WHERE ($1::bigint IS NULL OR i.account_id = $1) AND i.id >= $2"
        " ORDER BY i.id DESC LIMIT $3",
        account_id, lowest, most,
    )  # fmt: skip
    return [InboundRow(**row) for row in rows]


async def give(connection: Any, inbound_id: Any, account_id: int) -> bool:
    """Gives a reply of nobody to an account; False when there is none of that id."""
    status = await connection.execute(
        "UPDATE inbound_message SET account_id = $2 WHERE id = $1 AND account_id = 0",
        inbound_id, account_id,
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def of_account(
    connection: Any, account_id: int, *, lowest: bytes, below: bytes, is_test: bool,
    sender: str | None, recipient: str | None, limit: int,
) -> list[Any]:  # fmt: skip
    """An account's replies with lowest <= id < below, newest first."""
    rows: list[Any] = await connection.fetch(
        """SELECT id, channel, sender, recipient, body, keyword, action, complete, message_id,
             received_at, content
           FROM inbound_message
           WHERE account_id = $1 AND id >= $2 AND id < $3 AND is_test = $4
             AND ($5::text IS NULL OR ltrim(sender, '+') = $5)
             AND ($6::text IS NULL OR ltrim(recipient, '+') = $6)
           ORDER BY id DESC LIMIT $7""",
        account_id, lowest, below, is_test, sender, recipient, limit,
    )  # fmt: skip
    return rows


async def conversation_open(
    connection: Any, channel: str, sender: str, recipient: str
) -> int | None:
    """Until when (Unix micros) free content goes from our sender to a recipient; None = closed.

    sender: with or without plus. recipient: with plus.
    """
    found: int | None = await connection.fetchval(
        """SELECT (extract(epoch FROM open_until) * 1000000)::bigint FROM conversation
           WHERE channel = $1 AND sender = $2 AND recipient = $3 AND open_until > now()""",
        channel, sender.removeprefix("+").upper(), recipient,
    )  # fmt: skip
    return found
