"""SQL of the user list and the user editor: accounts together with their owners."""

from typing import Any

from cpaas.accounts.editing_types import Edited, KeyRow, Listed, ListFilter

#: the account's first owner: the person that the Users screen made it with.
_OWNER = """
    LEFT JOIN LATERAL (
        SELECT id, username, email, phone, last_login, is_active, must_change_password
        FROM app_user WHERE account_id = a.id AND role = 'USER'
        ORDER BY member_role <> 'owner', id LIMIT 1
    ) u ON true
"""


def _like(text: str) -> str:
    """A pattern that finds the text anywhere, whatever signs it holds."""
    quoted = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{quoted}%"


async def listed(connection: Any, wanted: ListFilter, after: str, most: int) -> list[Listed]:
    """Accounts in order of their names, from after one."""
    rows = await connection.fetch(
        f"""SELECT a.id, a.name, a.active, a.is_sandbox, a.billing_mode,
              coalesce(w.balance_micro, 0) AS balance_micro,
              coalesce(w.credit_limit_micro, 0) AS credit_limit_micro,
              array_remove(ARRAY[
                CASE WHEN a.sms_enabled THEN 'sms' END,
                CASE WHEN a.whatsapp_enabled THEN 'whatsapp' END,
                CASE WHEN a.rcs_enabled THEN 'rcs' END,
                CASE WHEN a.voice_enabled THEN 'voice' END], NULL) AS channels,
              coalesce(u.username, '') AS username, coalesce(u.email, '') AS email,
              coalesce(u.phone, '') AS phone, u.last_login
            FROM account a LEFT JOIN wallet w ON w.account_id = a.id {_OWNER}
            WHERE a.name > $1
              AND ($2 = '' OR a.name ILIKE $2 OR u.username ILIKE $2 OR u.email ILIKE $2)
              AND ($3 = '' OR a.active = ($3 = 'active'))
              AND ($4 = '' OR a.billing_mode = $4)
            ORDER BY a.name LIMIT $5""",
        after, _like(wanted.text) if wanted.text else "", wanted.status, wanted.billing, most,
    )  # fmt: skip
    return [Listed(**row) for row in rows]


async def edited(connection: Any, account_id: int) -> Edited | None:
    """All that the editor shows; None when there is no such account."""
    row = await connection.fetchrow(
        f"""SELECT a.id, a.name, a.active, a.is_sandbox, a.billing_mode, a.allowed_ips,
              a.countries, a.tps, a.daily_cap, a.sms_enabled, a.whatsapp_enabled, a.rcs_enabled,
              a.voice_enabled, a.dlt_mode, a.pe_id, a.tm_id, a.refund_failed,
              coalesce(w.balance_micro, 0) AS balance_micro,
              coalesce(w.credit_limit_micro, 0) AS credit_limit_micro,
              coalesce(w.low_balance_micro, 0) AS low_balance_micro,
              coalesce(u.id, 0) AS user_id, coalesce(u.username, '') AS username,
              coalesce(u.email, '') AS email, coalesce(u.phone, '') AS phone,
              coalesce(e.url, '') AS webhook_url, coalesce(e.disabled_reason, '') AS webhook_fault,
              coalesce(s.system_id, '') AS system_id
            FROM account a LEFT JOIN wallet w ON w.account_id = a.id {_OWNER}
            LEFT JOIN webhook_endpoint e ON e.account_id = a.id
            LEFT JOIN LATERAL (SELECT system_id FROM smpp_credential
                               WHERE account_id = a.id ORDER BY id LIMIT 1) s ON true
            WHERE a.id = $1""",
        account_id,
    )
    if row is None:
        return None
    assigned = await connection.fetch(
        "SELECT r.channel, r.name FROM assigned_route g JOIN route r ON r.id = g.route_id"
        " WHERE g.account_id = $1",
        account_id,
    )
    return Edited(**row, assigned={one["channel"]: one["name"] for one in assigned})


async def keys(connection: Any, account_id: int) -> list[KeyRow]:
    """The account's keys that work, the newest first; never the keys themselves."""
    rows = await connection.fetch(
        "SELECT kind, prefix, name, created_at FROM api_key"
        " WHERE account_id = $1 AND revoked_at IS NULL ORDER BY id DESC LIMIT 50",
        account_id,
    )
    return [KeyRow(**row) for row in rows]


async def set_owner(connection: Any, user_id: int, username: str, email: str, phone: str) -> None:
    """The owner's login name and addresses. UniqueViolationError when the name is taken."""
    await connection.execute(
        "UPDATE app_user SET username = $2, email = $3, phone = $4"
        " WHERE id = $1 AND (username, email, phone) IS DISTINCT FROM ($2, $3, $4)",
        user_id, username, email, phone,
    )  # fmt: skip


async def rename(connection: Any, account_id: int, name: str) -> None:
    """The account's name, as every Account column shows it."""
    await connection.execute("UPDATE account SET name = $2 WHERE id = $1", account_id, name)


async def assign(connection: Any, account_id: int, channel: str, route_id: int | None) -> None:
    """The route that stands before all rules for this account, or none."""
    if route_id is None:
        await connection.execute(
            "DELETE FROM assigned_route WHERE account_id = $1 AND channel = $2",
            account_id, channel,
        )  # fmt: skip
        return
    await connection.execute(
        "INSERT INTO assigned_route (account_id, channel, route_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (account_id, channel) DO UPDATE SET route_id = excluded.route_id"
        " WHERE assigned_route.route_id <> excluded.route_id",
        account_id, channel, route_id,
    )  # fmt: skip


async def names(connection: Any, ids: list[int]) -> dict[int, str]:
    """Names of accounts by their ids."""
    rows = await connection.fetch("SELECT id, name FROM account WHERE id = any($1::bigint[])", ids)
    return {row["id"]: row["name"] for row in rows}


async def all_names(connection: Any, most: int = 2000) -> list[tuple[int, str]]:
    """Id and name of accounts in order of their names, for a list to choose from."""
    rows = await connection.fetch("SELECT id, name FROM account ORDER BY name LIMIT $1", most)
    return [(row[0], row[1]) for row in rows]
