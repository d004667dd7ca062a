"""SQL of teams: members, invitations, and what ends with a membership."""

from typing import Any

from cpaas.accounts.team_types import Invitation, Member, Opened

_INVITATION = """id, email, member_role AS role, invited_by,
    (extract(epoch FROM created_at) * 1000000)::bigint AS created_us,
    (extract(epoch FROM expires_at) * 1000000)::bigint AS expires_us, expires_at <= now() AS over"""
_OPEN = "accepted_at IS NULL AND revoked_at IS NULL"


async def members(connection: Any, account_id: int) -> list[Member]:
    """The people who may log in, owners first."""
    rows = await connection.fetch(
        "SELECT id, username, email, member_role, has_second_factor,"
        " (extract(epoch FROM last_login) * 1000000)::bigint FROM app_user"
        " WHERE account_id = $1 AND is_active ORDER BY member_role <> 'owner', username LIMIT 500",
        account_id,
    )
    return [Member(*row) for row in rows]


async def lock_members(connection: Any, account_id: int) -> None:
    """One change of the team at a time: two must not each take away the other's last owner."""
    await connection.execute(
        "SELECT FROM app_user WHERE account_id = $1 ORDER BY id FOR UPDATE", account_id
    )


async def role_of(connection: Any, account_id: int, user_id: int) -> str:
    """The role of an active member; "" for anybody else."""
    found = await connection.fetchval(
        "SELECT member_role FROM app_user WHERE account_id = $1 AND id = $2 AND is_active",
        account_id, user_id,
    )  # fmt: skip
    return str(found or "")


async def set_role(connection: Any, account_id: int, user_id: int, role: str) -> None:
    """Another role, from the person's next page on."""
    await connection.execute(
        "UPDATE app_user SET member_role = $3 WHERE account_id = $1 AND id = $2",
        account_id, user_id, role,
    )  # fmt: skip


async def remove(connection: Any, account_id: int, user_id: int) -> None:
    """The login is off, its sessions are gone and its tokens revoked."""
    await connection.execute(
        "UPDATE app_user SET is_active = false WHERE account_id = $1 AND id = $2",
        account_id, user_id,
    )  # fmt: skip
    await connection.execute(
        "DELETE FROM portal_session WHERE account_id = $1 AND user_id = $2", account_id, user_id
    )
    await connection.execute(
        "UPDATE api_key SET revoked_at = now()"
        " WHERE account_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        account_id, user_id,
    )  # fmt: skip


async def invitations(connection: Any, account_id: int) -> list[Invitation]:
    """Invitations that wait or have expired, the newest first."""
    rows = await connection.fetch(
        f"SELECT {_INVITATION} FROM team_invitation WHERE account_id = $1 AND {_OPEN}"
        " ORDER BY id DESC LIMIT 500",
        account_id,
    )
    return [Invitation(**row) for row in rows]


async def invite(
    connection: Any, account_id: int, email: str, role: str, digest: bytes, *, by: str, seconds: int
) -> Invitation:
    """A new invitation."""
    row = await connection.fetchrow(
        "INSERT INTO team_invitation (account_id, email, member_role, digest, invited_by,"
        " expires_at) VALUES ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')"
        f" RETURNING {_INVITATION}",
        account_id, email, role, digest, by, seconds,
    )  # fmt: skip
    return Invitation(**row)


async def renew(
    connection: Any, account_id: int, invitation_id: int, digest: bytes, *, seconds: int
) -> Invitation | None:
    """Another link in place of the one before; None when it waits no more."""
    row = await connection.fetchrow(
        "UPDATE team_invitation SET digest = $3, expires_at = now() + $4 * interval '1 second'"
        f" WHERE account_id = $1 AND id = $2 AND {_OPEN} RETURNING {_INVITATION}",
        account_id, invitation_id, digest, seconds,
    )  # fmt: skip
    return None if row is None else Invitation(**row)


async def revoke(connection: Any, account_id: int, invitation_id: int) -> str:
    """Takes an invitation back; returns its address, "" when it waits no more."""
    found = await connection.fetchval(
        f"UPDATE team_invitation SET revoked_at = now() WHERE account_id = $1 AND id = $2"
        f" AND {_OPEN} RETURNING email",
        account_id, invitation_id,
    )  # fmt: skip
    return str(found or "")


async def invitation_of(connection: Any, digest: bytes) -> tuple[int, int] | None:
    """Id and account behind a link, before any account is known."""
    row = await connection.fetchrow("SELECT id, account_id FROM cpaas_invitation($1)", digest)
    return None if row is None else (row[0], row[1])


async def opened(connection: Any, account_id: int, invitation_id: int) -> Opened | None:
    """What a link opens; None once it was used, revoked or has expired."""
    row = await connection.fetchrow(
        "SELECT i.id, a.name, i.email, i.member_role FROM team_invitation i"
        " JOIN account a ON a.id = i.account_id WHERE i.account_id = $1 AND i.id = $2"
        f" AND i.{_OPEN.replace('AND ', 'AND i.')} AND i.expires_at > now() AND a.active",
        account_id, invitation_id,
    )  # fmt: skip
    return None if row is None else Opened(*row)


async def use(connection: Any, account_id: int, invitation_id: int) -> bool:
    """Marks an invitation as accepted; False when somebody was quicker."""
    status = await connection.execute(
        f"UPDATE team_invitation SET accepted_at = now() WHERE account_id = $1 AND id = $2"
        f" AND {_OPEN} AND expires_at > now()",
        account_id, invitation_id,
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def left_member(connection: Any, account_id: int, username: str, email: str) -> int | None:
    """A person of the account who was removed, by name and address."""
    found: int | None = await connection.fetchval(
        "SELECT id FROM app_user WHERE account_id = $1 AND lower(username) = lower($2)"
        " AND lower(email) = lower($3) AND NOT is_active",
        account_id, username, email,
    )  # fmt: skip
    return found


async def come_back(
    connection: Any, account_id: int, user_id: int, password_hash: str, role: str
) -> None:
    """A removed person may log in again, with another password and without a second factor."""
    await connection.execute(
        "UPDATE app_user SET password = $3, member_role = $4, is_active = true,"
        " must_change_password = false, failed_logins = 0, locked_until = NULL,"
        " has_second_factor = false WHERE account_id = $1 AND id = $2",
        account_id, user_id, password_hash, role,
    )  # fmt: skip
    await connection.execute("DELETE FROM second_factor WHERE user_id = $1", user_id)


async def name_taken(connection: Any, username: str) -> bool:
    """Whether somebody of any account logs in to the portal under this name, in whatever case."""
    return bool(
        await connection.fetchval("SELECT EXISTS (SELECT FROM cpaas_portal_login($1))", username)
    )


async def join(
    connection: Any, account_id: int, username: str, password_hash: str, email: str, role: str
) -> None:
    """A new person of the account. Errors: asyncpg.UniqueViolationError."""
    await connection.execute(
        "INSERT INTO app_user (username, password, role, account_id, email, member_role)"
        " VALUES ($1, $2, 'USER', $3, $4, $5)",
        username, password_hash, account_id, email, role,
    )  # fmt: skip
