"""The team over the API: invited once, the last owner stays, a program's key makes no owner."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.services.test_core import Running, serving

from cpaas.accounts import queries, team, team_queries
from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import api_key_digest

STRONG = "Harbour lamps 42 blue"


async def call(
    service: Running, method: str, path: str, *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"/v1/team{path}"
    async with service["session"].request(method, url, headers=headers, **more) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def joined(connection: Any, link: str, username: str) -> None:
    """What the page behind the link does."""
    pair = await team_queries.invitation_of(connection, team.digest(link.split("/")[-2]))
    assert pair is not None
    found = await team_queries.opened(connection, pair[1], pair[0])
    assert found is not None
    async with acting(connection, f"user:{username}"):
        await team.accept(connection, pair[1], found, username, STRONG)


async def token(service: Running, connection: Any, username: str) -> str:
    """A person's token, as the portal makes it, once the API knows it."""
    account = service["account"].id
    user_id = await connection.fetchval("SELECT id FROM app_user WHERE username = $1", username)
    made = f"portal_{username}_0123456789abcdef"
    async with acting(connection, f"user:{username}"):
        await queries.insert_token(connection, account, user_id, api_key_digest(made), 300)
    async with asyncio.timeout(20):
        while (await call(service, "GET", "", key=made))[0] == 401:
            await asyncio.sleep(0.02)
    return made


async def test_from_an_invitation_to_a_removal(dsn: str, home: Path) -> None:
    connection = await asyncpg.connect(dsn)
    async with serving(dsn, home, "on") as service:
        status, made = await call(
            service, "POST", "/invitations", json={"email": "dev@acme.example", "role": "developer"}
        )
        assert (status, made["invitation"]["expired"]) == (201, False)
        assert made["link"].startswith("http://127.0.0.1:")
        again = {"email": "DEV@acme.example", "role": "viewer"}
        status, refused = await call(service, "POST", "/invitations", json=again)
        assert (status, refused["errors"][0]["field"]) == (422, "email")
        status, fresh = await call(
            service, "POST", f"/invitations/{made['invitation']['id']}/resend"
        )
        old = await team_queries.invitation_of(connection, team.digest(made["link"].split("/")[-2]))
        assert (status, old) == (200, None), "the link before is over"
        await joined(connection, fresh["link"], "devi")
        used = await team_queries.invitation_of(
            connection, team.digest(fresh["link"].split("/")[-2])
        )
        assert used is None
        _, told = await call(service, "GET", "")
        assert [(one["username"], one["role"]) for one in told["data"]] == [
            ("acme", "owner"), ("devi", "developer"),
        ]  # fmt: skip
        assert told["invitations"] == []
        owner, devi = (one["id"] for one in told["data"])

        by_key = {"email": "boss@acme.example", "role": "owner"}
        assert (await call(service, "POST", "/invitations", json=by_key))[1]["code"] == (
            "owner_required"
        )
        assert (await call(service, "DELETE", f"/{owner}"))[1]["code"] == "owner_required"
        developers = await token(service, connection, "devi")
        denied = await call(service, "PATCH", f"/{devi}", json={"role": "owner"}, key=developers)
        assert (denied[0], denied[1]["code"]) == (403, "owner_required")
        assert (await call(service, "PATCH", f"/{devi}", json={"role": "finance"}))[1]["role"] == (
            "finance"
        )
        owners = await token(service, connection, "acme")
        last = await call(service, "PATCH", f"/{owner}", json={"role": "viewer"}, key=owners)
        assert (last[0], last[1]["code"]) == (409, "last_owner")
        assert (await call(service, "DELETE", f"/{owner}", key=owners))[1]["code"] == "last_owner"
        await connection.execute(
            "INSERT INTO portal_session (session_key, expire_date, user_id, account_id)"
            " VALUES ('s', now() + interval '1 day', $1, $2)", devi, service["account"].id,
        )  # fmt: skip
        assert (await call(service, "DELETE", f"/{devi}", key=owners))[0] == 204
        assert await connection.fetchval("SELECT count(*) FROM portal_session") == 0
        async with asyncio.timeout(20):
            while (await call(service, "GET", "", key=developers))[0] != 401:
                await asyncio.sleep(0.02)
        assert (await call(service, "DELETE", f"/{devi}"))[1]["code"] == "member_not_found"
        audited = await connection.fetch(
            "SELECT action FROM audit_log WHERE table_name = 'team_invitation' ORDER BY id"
        )
        assert [row[0] for row in audited] == ["insert", "update", "update"]
    await connection.close()


async def test_anothers_team_is_out_of_reach(dsn: str, home: Path) -> None:
    connection = await asyncpg.connect(dsn)
    async with acting(connection, "test"):
        other = await create_account(connection, NewAccount(name="other", username="other"))
        theirs = await team.invite(connection, other.id, "x@other.example", "viewer", by="test")
    people = await team_queries.members(connection, other.id)
    async with serving(dsn, home, "on") as service:
        asked = theirs.invitation.id
        for method, path, more in (
            ("POST", f"/invitations/{asked}/resend", None),
            ("DELETE", f"/invitations/{asked}", None),
            ("PATCH", f"/{people[0].id}", {"role": "viewer"}),
            ("DELETE", f"/{people[0].id}", None),
            ("DELETE", f"/{2**63 - 1}", None),
        ):
            status, answer = await call(service, method, path, json=more)
            assert status == 404, (method, path, answer)
        _, told = await call(service, "GET", "")
        assert "other" not in str(told)
    assert await team_queries.members(connection, other.id) == people
    await connection.close()


async def test_who_was_removed_comes_back_under_the_old_name(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection:
        async with acting(connection, "test"):
            made = await create_account(connection, NewAccount(name="acme", username="acme"))
            invited = await team.invite(connection, made.id, "dev@a.example", "viewer", by="test")
        await joined(connection, f"/{invited.token}/", "devi")
        people = {one.username: one.id for one in await team_queries.members(connection, made.id)}
        async with acting(connection, "test"):
            await team.remove(connection, made.id, people["devi"])
            again = await team.invite(connection, made.id, "dev@a.example", "owner", by="test")
            thief = await team.invite(connection, made.id, "thief@a.example", "owner", by="test")
        with pytest.raises(InputError, match="is taken"):
            await joined(connection, f"/{thief.token}/", "devi")
        await joined(connection, f"/{again.token}/", "devi")
        roles = {one.username: one.role for one in await team_queries.members(connection, made.id)}
        assert roles == {"acme": "owner", "devi": "owner"}
