"""All SQL of identities as the operator edits them."""

from typing import Any

import msgspec

from cpaas.identities.types import IdentityRow, NewIdentity

_ROW = """
    SELECT i.id, i.channel, i.value, i.label, r.name AS route, i.active, i.settings::text,
        array(SELECT a.name FROM identity_account u JOIN account a ON a.id = u.account_id
              WHERE u.identity_id = i.id ORDER BY a.name) AS accounts,
        array(SELECT a.name FROM identity_account u JOIN account a ON a.id = u.account_id
              WHERE u.identity_id = i.id AND u.is_default ORDER BY a.name) AS default_of,
        i.secret
    FROM identity i JOIN route r ON r.id = i.route_id
"""


def _row(row: Any, known: list[str]) -> IdentityRow:
    return IdentityRow(
        row["id"], row["channel"], row["value"], row["label"], row["route"], row["active"],
        msgspec.json.decode(row["settings"]), known, list(row["accounts"]),
        list(row["default_of"]),
    )  # fmt: skip


async def insert(connection: Any, wanted: NewIdentity, route_id: int, secret: bytes) -> int:
    """A new identity; its id. UniqueViolationError when there is one of that value."""
    return int(
        await connection.fetchval(
            "INSERT INTO identity (channel, value, label, route_id, settings, secret)"
            " VALUES ($1, $2, $3, $4, $5::text::jsonb, $6) RETURNING id",
            wanted.channel, wanted.value, wanted.label, route_id,
            msgspec.json.encode(wanted.settings).decode(), secret,
        )
    )  # fmt: skip


async def find(connection: Any, channel: str, value: str) -> tuple[IdentityRow, bytes] | None:
    """An identity and its sealed secrets."""
    row = await connection.fetchrow(_ROW + " WHERE i.channel = $1 AND i.value = $2", channel, value)
    return None if row is None else (_row(row, []), bytes(row["secret"]))


async def change(connection: Any, identity_id: int, values: dict[str, Any]) -> None:
    """Sets columns of an identity; their names are ours, never input."""
    if "settings" in values:
        values = values | {"settings": msgspec.json.encode(values["settings"]).decode()}
    sets = ", ".join(
        f"{column} = ${place}" + ("::text::jsonb" if column == "settings" else "")
        for place, column in enumerate(values, 2)
    )
    await connection.execute(
        f"UPDATE identity SET {sets} WHERE id = $1", identity_id, *values.values()
    )


async def delete(connection: Any, identity_id: int) -> None:
    """Removes an identity and who may use it."""
    await connection.execute("DELETE FROM identity_account WHERE identity_id = $1", identity_id)
    await connection.execute("DELETE FROM identity WHERE id = $1", identity_id)


async def give(
    connection: Any, account_id: int, identity_id: int, channel: str, *, default: bool
) -> None:
    """Lets an account send from an identity; default: where a message names no sender."""
    if default:
        await connection.execute(
            "UPDATE identity_account u SET is_default = false FROM identity i"
            " WHERE i.id = u.identity_id AND u.account_id = $1 AND i.channel = $2 AND u.is_default",
            account_id, channel,
        )  # fmt: skip
    await connection.execute(
        "INSERT INTO identity_account AS u (identity_id, account_id, is_default)"
        " VALUES ($2, $1, $3) ON CONFLICT (identity_id, account_id)"
        " DO UPDATE SET is_default = u.is_default OR excluded.is_default",
        account_id, identity_id, default,
    )  # fmt: skip


async def take(connection: Any, account_id: int, identity_id: int) -> bool:
    """Ends an account's use of an identity; False when it had none."""
    status = await connection.execute(
        "DELETE FROM identity_account WHERE account_id = $1 AND identity_id = $2",
        account_id, identity_id,
    )  # fmt: skip
    return bool(status != "DELETE 0")


async def identities(
    connection: Any, *, account_id: int = 0, channel: str = "", most: int = 1000
) -> list[IdentityRow]:
    """Identities by channel and value; account_id 0 = everybody's."""
    rows = await connection.fetch(
        _ROW + " WHERE ($1 = '' OR i.channel = $1) AND ($2::bigint = 0 OR EXISTS (SELECT FROM"
        " identity_account u WHERE u.identity_id = i.id AND u.account_id = $2))"
        " ORDER BY i.channel, i.value LIMIT $3",
        channel, account_id, most,
    )  # fmt: skip
    return [_row(row, []) for row in rows]


async def matching(
    connection: Any, text: str, *, channel: str = "", after: tuple[str, str] = ("", ""),
    most: int = 100,
) -> list[IdentityRow]:  # fmt: skip
    """Those whose value, label or account begins so, by (channel, value), from behind `after`."""
    rows = await connection.fetch(
        _ROW + " WHERE ($1 = '' OR i.channel = $1) AND (i.channel, i.value) > ($2, $3)"
        " AND ($4 = '' OR starts_with(i.value, $4) OR starts_with(lower(i.label), lower($4))"
        " OR EXISTS (SELECT FROM identity_account u JOIN account a ON a.id = u.account_id"
        " WHERE u.identity_id = i.id AND starts_with(lower(a.name), lower($4))))"
        " ORDER BY i.channel, i.value LIMIT $5",
        channel, *after, text, most,
    )  # fmt: skip
    return [_row(row, []) for row in rows]


async def named(connection: Any, identity_id: int) -> tuple[str, str] | None:
    """(channel, value) of an identity by its id."""
    row = await connection.fetchrow(
        "SELECT channel, value FROM identity WHERE id = $1", identity_id
    )  # fmt: skip
    return None if row is None else (row[0], row[1])


async def offered(connection: Any, account_id: int) -> list[tuple[str, str, str]]:
    """(channel, value, label) of the active ones that an account may use, its defaults first."""
    rows = await connection.fetch(
        "SELECT i.channel, i.value, i.label FROM identity i JOIN identity_account u"
        " ON u.identity_id = i.id WHERE u.account_id = $1 AND i.active"
        " ORDER BY i.channel, u.is_default DESC, i.value",
        account_id,
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]
