"""cpaas-core as a whole: real socket, real database, a stop that leaves nobody unanswered."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import asyncpg
import pytest
from tests.postgres_keeper import free_port

from cpaas import config
from cpaas.accounts.create import create_account
from cpaas.accounts.types import MadeAccount, NewAccount
from cpaas.billing import wallet
from cpaas.billing.prices import set_price
from cpaas.db.actor import acting
from cpaas.senders import decide
from cpaas.services import core

BODY = {"channel": "sms", "to": "+919876543210", "text": "hello"}


class Running(dict[str, Any]):
    """A running service: url, account, session, stop."""


async def account(dsn: str) -> MadeAccount:
    connection = await asyncpg.connect(dsn)
    async with acting(connection, "test"):
        made = await create_account(connection, NewAccount(name="acme", username="acme"))
        await wallet.credit(connection, made.id, 10**9, actor="test")
        await set_price(connection, made.id, "sms", 120_000)
        await decide.request(connection, made.id, "sms", "MYBRAND")
        await decide.approve(connection, made.id, "sms", "MYBRAND")
    await connection.close()
    return made


@asynccontextmanager
async def serving(dsn: str, home: Path, fast: str, **more: str) -> AsyncIterator[Running]:
    settings = config.load(
        {
            "CPAAS_DSN": dsn, "CPAAS_HOME": str(home), "CPAAS_CORE_PORT": str(free_port()),
            "CPAAS_API_FAST_PATH": fast, "CPAAS_STOP_SECONDS": "5", **more,
        }
    )  # fmt: skip
    made = await account(dsn)
    stop = asyncio.Event()
    running = asyncio.create_task(core.run(settings, stop))
    url = f"http://127.0.0.1:{settings.core_port}"
    headers = {"Authorization": f"Bearer {made.api_key}"}
    try:
        async with aiohttp.ClientSession(url, headers=headers) as session:
            await healthy(session)
            yield Running(url=url, account=made, session=session, stop=stop, running=running)
    finally:
        # Also for a test that failed: its message would wait for a service that nobody stops.
        stop.set()
        ended = await asyncio.wait_for(running, 20)
    assert ended == 0


async def healthy(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.get("/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)


@pytest.fixture(params=["on", "off"])
async def service(dsn: str, home: Path, request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    async with serving(dsn, home, request.param) as running:
        yield running


async def test_sends_and_shows(service: Running) -> None:
    session = service["session"]
    async with session.post("/v1/messages", json=BODY) as answer:
        sent = await answer.json()
        assert (answer.status, sent["status"]) == (202, "QUEUED")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with session.get(f"/v1/messages/{sent['id']}") as answer:
        assert (await answer.json())["price"] == "0.1200"
    async with session.get("/v1/balance") as answer:
        assert (await answer.json())["balance"] == "999.8800"
    async with session.post(f"/v1/messages/{sent['id']}/cancel") as answer:
        assert (await answer.json())["status"] == "CANCELLED"
    async with session.get("/v1/balance") as answer:
        assert (await answer.json())["balance"] == "1000.0000"
    await money(session, sent["id"])
    async with session.get("/metrics") as answer:
        assert 'cpaas_api_submissions_total{code="",status="202"}' in await answer.text()


async def test_what_a_carrier_has_is_not_cancelled(service: Running, pool: asyncpg.Pool) -> None:
    """It is queued again for another route, but an earlier attempt is with a carrier."""
    session = service["session"]
    async with session.post("/v1/messages", json=BODY) as answer:
        sent = await answer.json()
    await pool.execute(
        "INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id,"
        " provider_message_id, status) VALUES ($1::text::uuid, 1, 0, $2, 1, 'p1', 'SUBMITTED')",
        sent["id"], service["account"].id,
    )  # fmt: skip
    async with session.post(f"/v1/messages/{sent['id']}/cancel") as answer:
        assert (answer.status, (await answer.json())["code"]) == (409, "already_claimed")
    async with session.get(f"/v1/messages/{sent['id']}") as answer:
        assert (await answer.json())["status"] == "QUEUED"
    async with session.get("/v1/balance") as answer:
        assert (await answer.json())["balance"] == "999.8800"


async def test_summary(service: Running) -> None:
    session = service["session"]
    async with session.post("/v1/messages", json=BODY) as answer:
        assert answer.status == 202
    async with session.get("/v1/summary", params={"by": "country"}) as answer:
        told = await answer.json()
        assert answer.status == 200, told
    assert (told["timezone"], told["currency"]) == ("Asia/Kolkata", "INR")
    assert told["total"]["messages"] == 1
    assert told["total"]["cost"] == "0.1200"
    assert told["before"]["messages"] == 0
    assert [(row["key"], row["figures"]["messages"]) for row in told["data"]] == [("IN", 1)]
    for params in (
        {"since": "2026-13-01"}, {"until": "2026-1-1"}, {"by": "moon"}, {"since": "2999-01-01"},
        {"since": "2020-01-01"}, {"since": "0001-01-01"},
    ):  # fmt: skip
        async with session.get("/v1/summary", params=params) as answer:
            told = await answer.json(content_type=None)
            assert (answer.status, told["code"]) == (422, "validation_error"), (params, told)


async def money(session: aiohttp.ClientSession, message_id: str) -> None:
    """The ledger by its filters, and a statement that adds up to the balance."""
    for query, kinds in (
        ("", ["REFUND", "DEBIT", "CREDIT"]),
        ("?kind=debit", ["DEBIT"]),
        (f"?message_id={message_id}", ["REFUND", "DEBIT"]),
        ("?until=2026-01-01T00:00:00Z", []),
        ("?since=2026-01-01T00:00:00Z&limit=1", ["REFUND"]),
    ):
        async with session.get(f"/v1/ledger{query}") as answer:
            assert [e["kind"] for e in (await answer.json())["data"]] == kinds, query
    async with session.get("/v1/ledger?kind=gift") as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, "validation_error")
    month = f"{datetime.now(ZoneInfo('Asia/Kolkata')):%Y-%m}"
    async with session.get(f"/v1/statements/{month}") as answer:
        made = await answer.json()
    assert (made["opening"], made["closing"], made["closed"]) == ("0.0000", "1000.0000", False)
    assert [(line["kind"], line["amount"]) for line in made["lines"]] == [
        ("CREDIT", "1000.0000"), ("DEBIT", "-0.1200"), ("REFUND", "0.1200")
    ]  # fmt: skip
    for bad in ("2999-01", "november"):
        async with session.get(f"/v1/statements/{bad}") as answer:
            assert (answer.status, (await answer.json())["code"]) == (422, "validation_error")


async def test_exports(service: Running) -> None:
    session = service["session"]
    async with session.post("/v1/messages", json=BODY) as answer:
        sent = await answer.json()
    async with session.post("/v1/exports", json={"filters": {"channel": "sms"}}) as answer:
        asked = await answer.json()
        assert (answer.status, asked["status"]) == (202, "QUEUED"), asked
    path = f"/v1/exports/{asked['id']}"
    async with session.get(f"{path}/file") as answer:
        assert (await answer.json(content_type=None))["code"] == "export_not_ready"
    async with asyncio.timeout(60):
        while asked["status"] in {"QUEUED", "RUNNING"}:
            await asyncio.sleep(0.1)
            async with session.get(path) as answer:
                asked = await answer.json()
    assert (asked["status"], asked["rows"]) == ("READY", 1)
    async with session.get(asked["file"]) as answer:
        text = (await answer.read()).decode("utf-8-sig")
        assert answer.headers["Content-Disposition"].endswith('.csv"')
    assert sent["id"] in text
    async with session.get("/v1/exports") as answer:
        assert [row["id"] for row in (await answer.json())["data"]] == [asked["id"]]
    async with session.post(f"{path}/cancel") as answer:
        assert (await answer.json())["status"] == "READY"
    for method, where, body, status, code in (
        ("GET", "/v1/exports/99", None, 404, "export_not_found"),
        ("GET", "/v1/exports/99999999999999999999", None, 404, "export_not_found"),
        ("POST", "/v1/exports", {"format": "pdf"}, 422, "validation_error"),
        ("POST", "/v1/exports", {"filters": {"status": "x"}}, 422, "validation_error"),
    ):
        async with session.request(method, where, json=body) as answer:
            told = await answer.json(content_type=None)
            assert (answer.status, told["code"]) == (status, code), told
    headers = {"Authorization": f"Bearer {service['account'].test_key}"}
    async with session.post("/v1/exports", json={}, headers=headers) as answer:
        assert (await answer.json(content_type=None))["code"] == "live_key_required"


async def test_problems_everywhere(service: Running) -> None:
    session = service["session"]
    for method, path, body, status, code in (
        ("POST", "/v1/messages", b"{", 400, "malformed_json"),
        ("POST", "/v1/messages", b"{}", 422, "validation_error"),
        ("POST", "/v1/messages", b"x" * 11_000_000, 413, "body_too_large"),
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("PATCH", "/v1/messages", None, 405, "method_not_allowed"),
        ("GET", "/v1/messages/x", None, 404, "message_not_found"),
        ("GET", "/v1/messages?cursor=x", None, 422, "invalid_cursor"),
        ("GET", "/v1/messages?reference=%00", None, 422, "validation_error"),
        ("GET", "/v1/messages?to=%00%ff", None, 422, "validation_error"),
    ):
        try:
            answer = await session.request(
                method, path, data=body and io.BytesIO(body),
                headers={"Content-Type": "application/json"},
            )  # fmt: skip
        except aiohttp.ClientOSError:
            # Told while the client was still writing, and hung up on.
            assert status == 413
            continue
        async with answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (status, code)
            assert answer.headers["Content-Type"] == "application/problem+json"


async def test_the_document_is_complete(service: Running) -> None:
    session = service["session"]
    async with session.get("/openapi.json") as answer:
        document = await answer.json()
    send = document["paths"]["/v1/messages"]["post"]
    assert set(send["responses"]) >= {"202", "401", "402", "413", "422", "429", "503"}
    request = document["components"]["schemas"]["SendRequest"]
    assert {"channel", "to", "from", "text", "dry_run"} <= set(request["properties"])
    assert document["paths"]["/v1/messages"]["get"]
    async with session.get("/docs") as answer:
        assert answer.status == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_stopping_answers_what_is_under_way(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        session = service["session"]

        async def post() -> int:
            async with session.post("/v1/messages", json=BODY) as answer:
                return int(answer.status)

        sending = [asyncio.create_task(post()) for _ in range(50)]
        await asyncio.sleep(0.05)
        service["stop"].set()
        results = await asyncio.gather(*sending, return_exceptions=True)
    connection = await asyncpg.connect(dsn)
    stored = await connection.fetchval("SELECT count(*) FROM message")
    await connection.close()
    assert results.count(202) == stored


async def test_a_taken_port_is_named(dsn: str, home: Path) -> None:
    with core._listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        settings = config.load({"CPAAS_DSN": dsn, "CPAAS_HOME": str(home), "CPAAS_CORE_PORT": port})
        with pytest.raises(OSError, match="in use"):
            await core.run(settings)
