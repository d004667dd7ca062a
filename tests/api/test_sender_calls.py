"""Senders over the API: requested, decided by the operator, used, deleted."""

from pathlib import Path
from typing import Any

import asyncpg
from tests.services.test_core import Running, serving

from cpaas.senders import decide


async def call(
    service: Running, method: str, path: str = "", *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with service["session"].request(
        method, f"/v1/senders{path}", headers=headers, **more
    ) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def the_accounts_binds(service: Running, dsn: str) -> None:
    """Its own ones that live, with why they were refused last."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        """INSERT INTO smpp_bind (instance_id, account_id, system_id, bind_type, address,
             submitted, refused, last_refusal, bound_at)
           SELECT i.id, a.id + wanted.other, 'acme', 'trx', '203.0.113.7', 9, 1, wanted.why, now()
           FROM account a, (SELECT min(id) AS id FROM service_instance) i,
             (VALUES (0, 'invalid_number: x'), (1, 'of another')) AS wanted (other, why)"""
    )
    await connection.close()
    async with service["session"].get("/v1/smpp/binds") as answer:
        (bind,) = (await answer.json())["data"]
    assert (bind["system_id"], bind["address"], bind["submitted"]) == ("acme", "203.0.113.7", 9)
    assert bind["last_refusal"] == "invalid_number: x"


async def test_a_sender_from_request_to_default(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        account = service["account"]
        await the_accounts_binds(service, dsn)
        wanted = {"sender": "SHOP24", "pe_id": "1101234567890123456"}
        status, made = await call(service, "POST", json=wanted)
        assert (status, made["status"], made["pe_id"]) == (201, "PENDING", wanted["pe_id"])
        assert any("six letters" in one for one in made["warnings"])
        assert (await call(service, "PUT", "/SHOP24/default"))[1]["detail"] == (
            "SHOP24 is PENDING; approve it first."
        )
        connection = await asyncpg.connect(dsn)
        await decide.approve(connection, account.id, "sms", "SHOP24")
        await connection.close()
        assert (await call(service, "PUT", "/SHOP24/default"))[1]["default"] is True
        _, listed = await call(service, "GET", "?status=approved")
        assert [one["sender"] for one in listed["data"]] == ["MYBRAND", "SHOP24"]
        assert (await call(service, "DELETE", "/SHOP24"))[0] == 204
        for method, path, more, expected, code in (
            ("DELETE", "/SHOP24", {}, 404, "sender_not_found"),
            ("PUT", "/SHOP24/default", {}, 404, "sender_not_found"),
            ("POST", "", {"json": {"sender": "MY-BRAND"}}, 422, "validation_error"),
            ("POST", "", {"json": {"sender": "MYBRAND"}}, 422, "validation_error"),
            ("POST", "", {"json": {"sender": "AB1", "channel": "rcs"}}, 422, "validation_error"),
            ("POST", "", {"json": {"sender": "AB1", "pe_id": "12"}}, 422, "validation_error"),
            ("POST", "", {"json": {"sender": "AB1"}, "key": account.test_key}, 403,
             "live_key_required"),
            ("DELETE", "/MYBRAND", {"key": account.test_key}, 403, "live_key_required"),
        ):  # fmt: skip
            got, answer = await call(service, method, path, **more)
            assert (got, answer["code"]) == (expected, code), (method, path, more)
