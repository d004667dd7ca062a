"""The blacklist over the API: own entries only, at once, and honest about what it did."""

from pathlib import Path
from typing import Any

import asyncpg
from tests.services.test_core import Running, serving

NUMBER = "+919876543210"
CSV = {"Content-Type": "text/csv"}


async def call(
    service: Running, method: str, path: str, *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = more.pop("headers", {}) | ({"Authorization": f"Bearer {key}"} if key else {})
    async with service["session"].request(
        method, f"/v1/blacklist{path}", headers=headers, **more
    ) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def test_block_send_unblock(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        status, made = await call(
            service, "POST", "", json={"number": NUMBER, "reason": "asked", "channel": "sms"}
        )
        assert (status, made["number"], made["channel"], made["source"]) == (
            201, NUMBER, "sms", "api",
        )  # fmt: skip
        again = {"number": NUMBER[1:], "channel": "sms"}
        assert await call(service, "POST", "", json=again) == (200, made)
        session = service["session"]
        body = {"channel": "sms", "to": NUMBER, "text": "hello"}
        async with session.post("/v1/messages", json=body) as answer:
            sent = await answer.json()
            assert (answer.status, sent["status"], sent["price"]) == (202, "QUEUED", "0.1200")
        async with session.get(f"/v1/messages/{sent['id']}") as answer:
            now = await answer.json()
            assert (now["status"], now["price"]) == ("BLOCKED", "0.0000")
        status, problem = await call(service, "DELETE", f"/{NUMBER}?channel=rcs")
        assert (status, problem["code"]) == (404, "blacklist_entry_not_found")
        assert (await call(service, "DELETE", f"/{NUMBER}"))[0] == 204
        assert (await call(service, "GET", ""))[1] == {"data": [], "next_cursor": None}


async def test_pages_imports_and_whose_entries(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "INSERT INTO blacklist_entry (account_id, number) VALUES (0, $1), (77, $1)", NUMBER
        )
        await connection.close()
        content = "number,reason\n" + "".join(f"+91980000000{n},r{n}\n" for n in range(5)) + "12,x"
        status, done = await call(service, "POST", "/import", data=content, headers=CSV)
        assert status == 200
        assert (done["rows"], done["added"], done["rejected"]) == (6, 5, 1)
        assert (done["errors"][0]["row"], done["errors"][0]["value"]) == (7, "12")
        _, first = await call(service, "GET", "?limit=3")
        _, rest = await call(service, "GET", f"?limit=3&cursor={first['next_cursor']}")
        shown = [one["number"] for one in first["data"] + rest["data"]]
        assert shown == [f"+91980000000{n}" for n in (4, 3, 2, 1, 0)]
        assert rest["next_cursor"] is None
        assert (await call(service, "GET", f"?number={NUMBER}"))[1]["data"] == []
        assert (await call(service, "DELETE", f"/{NUMBER}"))[0] == 404, "global ones stay hidden"
        await refusals(service)


async def refusals(service: Running) -> None:
    test_key = service["account"].test_key
    for method, path, more, status, code in (
        ("POST", "", {"json": {"number": "12"}}, 422, "validation_error"),
        ("POST", "", {"json": {"number": NUMBER, "channel": "fax"}}, 422, "validation_error"),
        ("POST", "", {"json": {"number": NUMBER, "why": "x"}}, 422, "validation_error"),
        ("POST", "", {"json": {"number": NUMBER}, "key": test_key}, 403, "live_key_required"),
        ("POST", "/import", {"data": "1", "headers": CSV, "key": test_key}, 403,
         "live_key_required"),
        ("POST", "/import", {"json": {}}, 415, "unsupported_media_type"),
        ("POST", "/import", {"data": b"\xff\xff\xff", "headers": CSV}, 422, "validation_error"),
        ("POST", "/import", {"data": b"a\0b", "headers": CSV}, 422, "validation_error"),
        ("GET", "?cursor=x", {}, 422, "invalid_cursor"),
        ("DELETE", "/%00", {}, 422, "validation_error"),
    ):  # fmt: skip
        got, answer = await call(service, method, path, **more)
        assert (got, answer["code"]) == (status, code), (method, path, more)
    made = {"number": "+9990000000001"}
    assert (await call(service, "POST", "", json=made, key=test_key))[0] == 201
