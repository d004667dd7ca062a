"""Templates over the API: made, tried, submitted, decided with an admin key, checked, deleted."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from tests.services.test_core import Running, serving

from cpaas.accounts import admin_keys
from cpaas.db.actor import acting

ORDER = {
    "channel": "whatsapp", "name": "order", "category": "UTILITY", "type": "media",
    "content": {
        "body": "Order {{no}} is on its way to you.", "examples": {"no": "17"},
        "header": {"type": "image", "url": "https://127.0.0.1:8443/a.png"},
    },
}  # fmt: skip
OTP = {"channel": "sms", "name": "otp", "content": {"body": "Your code is {{code}}."}}


async def call(
    service: Running, method: str, path: str = "", *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with service["session"].request(method, f"/v1{path}", headers=headers, **more) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def admin(dsn: str) -> str:
    connection = await asyncpg.connect(dsn)
    async with acting(connection, "test"):
        key = await admin_keys.issue(connection, "ann")
    await connection.close()
    return key


async def test_from_draft_to_approval(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        key = await admin(dsn)
        status, made = await call(service, "POST", "/templates", json=ORDER)
        assert (status, made["status"], made["variables"]) == (201, "DRAFT", ["no"])
        one = f"/templates/{made['id']}"
        changed = ORDER | {"content": ORDER["content"] | {"footer": "Acme"}}  # type: ignore[operator]
        status, put = await call(service, "PUT", one, json=changed)
        assert (status, put["version"], put["content"]["footer"]) == (200, 1, "Acme")
        status, looked = await call(service, "POST", f"{one}/media-check")
        assert status == 200
        assert looked["media"]["ok"] is False
        assert "not on the public internet" in looked["media"]["looks"][0]["problem"]
        assert (await call(service, "POST", f"{one}/submit"))[1]["status"] == "PENDING"
        refused = await call(service, "PUT", one, json=ORDER)
        assert (refused[0], refused[1]["errors"][0]["field"]) == (422, "status")
        _, waiting = await call(service, "GET", "/templates?status=pending&channel=whatsapp")
        assert [row["name"] for row in waiting["data"]] == ["order"]
        for asked in ("status=waiting", "channel=fax"):
            answer = await call(service, "GET", f"/templates?{asked}")
            assert (answer[0], answer[1]["code"]) == (422, "validation_error"), asked
        async with asyncio.timeout(60):
            while (await call(service, "GET", "/admin/templates", key=key))[0] == 401:
                await asyncio.sleep(0.02)
        deed = f"/admin{one}"
        no_reason = await call(service, "POST", f"{deed}/reject", key=key, json={"reason": ""})
        assert no_reason[0] == 422
        _, no = await call(service, "POST", f"{deed}/reject", key=key, json={"reason": "Blurred"})
        assert (no["status"], no["reason"]) == ("REJECTED", "Blurred")
        _, again = await call(service, "PUT", one, json=changed | {"submit": True})
        assert (again["status"], again["version"], again["reason"]) == ("PENDING", 2, "")
        _, yes = await call(service, "POST", f"{deed}/approve", key=key)
        assert (yes["status"], yes["carrier_status"]) == ("APPROVED", "pending")
        _, history = await call(service, "GET", f"{one}/history")
        assert [event["kind"] for event in history["events"]] == [
            "approved", "submitted", "created", "rejected", "submitted", "created",
        ]  # fmt: skip
        assert [one["status"] for one in history["versions"]] == ["APPROVED", "REJECTED"]
        assert (await call(service, "DELETE", one))[0] == 204
        assert (await call(service, "GET", one))[1]["code"] == "template_missing"
        assert (await call(service, "POST", f"{deed}/approve", key=key))[0] == 404
        assert (await call(service, "POST", f"{deed}/approve"))[1]["code"] == "admin_key_required"


async def test_an_sms_one_is_used_at_once_and_bad_ones_are_named(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        _, made = await call(service, "POST", "/templates", json=OTP | {"submit": True})
        assert (made["status"], made["live_version"]) == ("APPROVED", 1)
        wanted = {"channel": "sms", "to": "+919876543210", "template": "otp",
                  "variables": {"code": "4821"}, "dry_run": True}  # fmt: skip
        async with asyncio.timeout(60):
            while (await call(service, "POST", "/messages", json=wanted))[0] != 200:
                await asyncio.sleep(0.01)
        test_key = service["account"].test_key
        for body, more, status, where in (
            (OTP, {}, 422, "name"),
            (OTP | {"name": "a", "content": {"body": "{{x"}}, {}, 422, "content.body"),
            (OTP | {"name": "a", "channel": "fax"}, {}, 422, "channel"),
            (OTP | {"name": "b"}, {"key": test_key}, 403, ""),
        ):
            got, answer = await call(service, "POST", "/templates", json=body, **more)
            assert got == status, answer
            assert not where or answer["errors"][0]["field"] == where, answer
        tried = {"template": OTP | {"content": {"body": "Hi {{name}} 🙂"}},
                 "variables": {"name": "Asha"}}  # fmt: skip
        status, told = await call(service, "POST", "/templates/preview", json=tried)
        assert (status, told["bubbles"][0]["text"]) == (200, "Hi Asha 🙂")
        assert (told["encoding"], told["segments"], told["variables"]) == ("UCS2", 1, ["name"])
        async with service["session"].get("/openapi.json") as answer:
            assert "/v1/templates/{template}" in (await answer.json())["paths"]
