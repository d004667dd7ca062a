"""`POST /v1/messages` as its callers meet it: every answer, every refusal with its code."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.api.doors import CLIENT, LIVE, PROXY, TEST, Client, client
from tests.pipeline.accepting import NUMBER, PRICE

from cpaas.kit import money

GSM_10 = "x" * 1530
UCS2_10 = "ж" * 670


@pytest.fixture
async def api(dsn: str) -> AsyncIterator[Client]:
    async with client(dsn) as made:
        yield made


async def test_one(api: Client) -> None:
    answer = await api.post(from_="MYBRAND", reference="order-17")
    assert answer.status == 202
    body = answer.json
    assert UUID(body.pop("id")).version == 7
    created = datetime.fromisoformat(body.pop("created_at"))
    assert abs((datetime.now(UTC) - created).total_seconds()) < 30
    assert body == {
        "status": "QUEUED", "channel": "sms", "to": NUMBER, "from": "MYBRAND", "segments": 1,
        "encoding": "GSM7", "price": "0.1200", "currency": "INR", "reference": "order-17",
    }  # fmt: skip
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]


async def test_many_with_some_left_out(api: Client) -> None:
    answer = await api.post(to=["+919876543210", "12", "447901234567"])
    assert answer.status == 202
    body = answer.json
    assert (body["accepted"], body["rejected"]) == (2, 1)
    assert [one["to"] for one in body["messages"]] == [NUMBER, "12", "+447901234567"]
    assert body["messages"][1]["error"]["code"] == "invalid_number"
    assert "too short" in body["messages"][1]["error"]["detail"]


async def test_ten_thousand(api: Client) -> None:
    await api.world.pool.execute("UPDATE wallet SET credit_limit_micro = 1000000000")
    answer = await api.post(to=[f"+9198{n:08d}" for n in range(10_000)])
    assert (answer.status, answer.json["accepted"]) == (202, 10_000)
    assert await api.count() == 10_000
    assert await api.count("queue_item") == 20


async def test_a_test_key_costs_nothing(api: Client) -> None:
    answer = await api.post(TEST, to="+9990000000001")
    assert (answer.status, answer.json["price"], answer.json["status"]) == (202, "0.0000", "QUEUED")
    assert await api.world.balance(api.account_id) == 1_000_000_000


async def test_dry_run_stores_nothing(api: Client) -> None:
    answer = await api.post(dry_run=True, text=GSM_10)
    assert answer.status == 200
    assert (answer.json["id"], answer.json["status"]) == (None, "DRY_RUN")
    assert (answer.json["segments"], answer.json["price"]) == (10, money.show(10 * PRICE))
    assert await api.count() == 0


async def test_scheduled(api: Client) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await api.post(send_at=at)
    assert (answer.status, answer.json["status"]) == (202, "SCHEDULED")


async def test_blocked_looks_accepted(api: Client) -> None:
    await api.world.pool.execute("INSERT INTO blacklist_entry (number) VALUES ($1)", NUMBER)
    answer = await api.post()
    assert (answer.status, answer.json["status"], answer.json["price"]) == (202, "QUEUED", "0.1200")
    assert await api.world.pool.fetchval("SELECT status FROM message") == "BLOCKED"
    assert await api.world.balance(api.account_id) == 1_000_000_000


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"channel": "fax"}, 422, "unknown_channel", "channel"),
    ({"channel": ...}, 422, "validation_error", "channel"),
    ({"channel": 7}, 422, "validation_error", "channel"),
    ({"to": "+12"}, 422, "invalid_number", "to"),
    ({"to": ""}, 422, "invalid_number", "to"),
    ({"to": "+9990000000001"}, 422, "invalid_number", "to"),
    ({"to": []}, 422, "no_recipients", "to"),
    ({"to": ["+919876543210"] * 10_001}, 422, "too_many_recipients", "to"),
    ({"to": ["1", "2"]}, 422, "no_valid_recipient", "to[0]"),
    ({"to": [NUMBER, 7]}, 422, "validation_error", "to[1]"),
    ({"text": ""}, 422, "text_required", "text"),
    ({"text": " \n"}, 422, "text_required", "text"),
    ({"text": ...}, 422, "text_required", "text"),
    ({"text": "a\0b"}, 422, "invalid_text", "text"),
    ({"text": GSM_10 + "x"}, 422, "text_too_long", "text"),
    ({"text": UCS2_10 + "ж"}, 422, "text_too_long", "text"),
    ({"text": "x" * 200_000}, 422, "text_too_long", "text"),
    ({"from": "OTHER"}, 422, "sender_not_approved", "from"),
    ({"from": "WAITING"}, 422, "sender_not_approved", "from"),
    ({"traffic_class": "loud"}, 422, "validation_error", "traffic_class"),
    ({"reference": "x" * 201}, 422, "validation_error", "reference"),
    ({"reference": "a\0"}, 422, "validation_error", "reference"),
    ({"webhook_url": "ftp://a"}, 422, "validation_error", "webhook_url"),
    ({"send_at": "tomorrow"}, 422, "validation_error", "send_at"),
    ({"send_at": "2026-12-01T09:00:00"}, 422, "validation_error", "send_at"),
    ({"send_at": "2999-01-01T00:00:00Z"}, 422, "validation_error", "send_at"),
    ({"validity_seconds": 1}, 422, "validation_error", "validity_seconds"),
    ({"validity_seconds": 10**9}, 422, "validation_error", "validity_seconds"),
    ({"dlt": {"pe": "1"}}, 422, "validation_error", "dlt.pe"),
    ({"dlt": {"pe_id": "1" * 256}}, 422, "validation_error", "dlt.pe_id"),
    ({"txt": "hello"}, 422, "validation_error", "txt"),
    ({"template": "otp", "text": None}, 422, "template_not_found", "template"),
    ({"media": {"type": "image", "url": "https://x.test/a.jpg"}}, 422, "validation_error", "media"),
    ({"media": 7}, 422, "validation_error", "media"),
    (
        {"channel": "whatsapp", "media": {"type": "image", "url": "ftp://x"}},
        422,
        "validation_error",
        "media.url",
    ),
    ({"channel": "whatsapp", "rcs": {"card": {}}}, 422, "validation_error", "rcs"),
    ({"channel": "whatsapp", "whatsapp": {"footer": "a\0"}}, 422, "invalid_text", "whatsapp"),
    ({"channel": "whatsapp", "whatsapp": {"buttons": 7}}, 422, "validation_error", "whatsapp"),
    ({"fallback": [{"channel": "fax"}]}, 422, "unknown_channel", "fallback[0].channel"),
    ({"channel": "voice"}, 403, "channel_disabled", "channel"),
    ({"channel": "rcs"}, 422, "no_price", "to"),
    ({"channel": "whatsapp"}, 422, "sender_required", "from"),
]


async def test_refusals(api: Client) -> None:
    await api.world.pool.execute(
        "INSERT INTO sender (account_id, channel, value) VALUES ($1, 'sms', 'WAITING')",
        api.account_id,
    )
    await api.world.pool.execute(
        "INSERT INTO sender (account_id, channel, value, status)"
        " VALUES ($1, 'rcs', 'BOT', 'APPROVED')", api.account_id,
    )  # fmt: skip
    await api.world.pool.execute(
        "INSERT INTO price (account_id, channel, category, amount_micro)"
        " VALUES ($1, 'whatsapp', 'SIC', 1)",
        api.account_id,
    )
    await api.until("account", "voice_enabled = false")
    for fields, status, code, field in REFUSED:
        answer = await api.post(**fields)
        assert (answer.status, answer.code) == (status, code), (str(fields)[:80], answer.body)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["errors"][0]["field"] == field, problem
        assert problem["detail"]
        assert problem["request_id"] == answer.headers["x-request-id"]
    assert await api.count() == 0
    assert await api.world.balance(api.account_id) == 1_000_000_000


async def test_exactly_ten_segments_pass(api: Client) -> None:
    for text, encoding in ((GSM_10, "GSM7"), (UCS2_10, "UCS2")):
        answer = await api.post(text=text)
        assert (answer.status, answer.json["segments"]) == (202, 10)
        assert answer.json["encoding"] == encoding


async def test_too_long_says_segments_and_limit(api: Client) -> None:
    detail = (await api.post(text="ж" + "x" * 700)).json["detail"]
    assert "11 segments" in detail
    assert "at most 10" in detail
    assert "'ж'" in detail


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]x", b'{"a":\xff}', b'{"channel":"sms","to":"\xff"}', b"[" * 100_000]
)
async def test_malformed(api: Client, body: bytes) -> None:
    answer = await api.raw(body)
    assert (answer.status, answer.code) == (400, "malformed_json")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"x"', b"null", b"{}"])
async def test_json_but_no_request(api: Client, body: bytes) -> None:
    answer = await api.raw(body)
    assert (answer.status, answer.code) == (422, "validation_error")


async def test_half_a_surrogate_pair(api: Client) -> None:
    answer = await api.raw(b'{"channel":"sms","to":"+919876543210","text":"a\\ud800b"}')
    assert answer.status in {400, 422}


async def test_eleven_megabytes(api: Client) -> None:
    answer = await api.raw(b'{"text":"' + b"x" * 11_000_000 + b'"}')
    assert (answer.status, answer.code) == (413, "body_too_large")


async def test_who_calls(api: Client) -> None:
    assert (await api.post(None)).code == "missing_key"
    assert (await api.post("live_unknown")).code == "invalid_key"
    assert (await api.post("x" * 10_000)).code == "invalid_key"
    assert (await api.post(None, headers={"x_api_key": LIVE})).status == 202
    assert (await api.post(None, headers={"authorization": "Basic abc"})).code == "invalid_key"
    await api.until("api_key", "revoked_at = now()")
    answer = await api.post()
    assert (answer.status, answer.code) == (401, "invalid_key")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_from_where(api: Client) -> None:
    await api.until("account", "allowed_ips = '{203.0.113.0/24,2001:db8::/32}'")
    assert (await api.post()).status == 202
    assert (await api.post(headers={"client": "::ffff:203.0.113.1"})).status == 202
    assert (await api.post(headers={"client": "198.51.100.1"})).code == "ip_not_allowed"
    told = {"client": PROXY, "x_forwarded_for": f"198.51.100.7, {CLIENT}"}
    assert (await api.post(headers=told)).status == 202
    told = {"client": PROXY, "x_forwarded_for": f"{CLIENT}, 198.51.100.7"}
    assert (await api.post(headers=told)).code == "ip_not_allowed"
    hearsay = {"client": "198.51.100.1", "x_forwarded_for": CLIENT}
    assert (await api.post(headers=hearsay)).code == "ip_not_allowed"


async def test_inactive_account_and_country(api: Client) -> None:
    await api.until("account", "countries = '{GB}'")
    assert (await api.post()).code == "country_not_allowed"
    assert (await api.post(to="+447901234567")).status == 202
    assert (await api.post(TEST, to="+9990000000001")).status == 202
    await api.until("account", "active = false")
    answer = await api.post()
    assert (answer.status, answer.code) == (403, "account_inactive")


async def test_no_money(api: Client) -> None:
    await api.world.pool.execute("UPDATE wallet SET balance_micro = 0")
    answer = await api.post()
    assert (answer.status, answer.code) == (402, "insufficient_balance")
    assert "0.1200" in answer.json["detail"]
    assert await api.count() == 0


async def test_senders(api: Client) -> None:
    pool = api.world.pool
    await pool.execute("UPDATE sender SET is_default = true")
    await pool.execute(
        "INSERT INTO sender (account_id, channel, value, status)"
        " VALUES ($1, 'sms', '+919800000000', 'APPROVED')", api.account_id,
    )  # fmt: skip
    await api.until("sender", "reason = ''")
    assert (await api.post()).json["from"] == "MYBRAND"
    assert (await api.post(from_="919800000000")).json["from"] == "+919800000000"
    await api.until("sender", "is_default = false")
    assert (await api.post()).code == "sender_required"
    route = await pool.fetchval(
        "INSERT INTO route (name, channel, default_sender) VALUES ('r', 'sms', 'ROUTED')"
        " RETURNING id"
    )
    await pool.execute("INSERT INTO routing_rule (channel, route_id) VALUES ('sms', $1)", route)
    await api.until("route", "label = 'x'")
    assert (await api.post()).json["from"] == "ROUTED"


async def test_too_fast(api: Client) -> None:
    await api.until("account", "tps = 5")
    answers = [await api.post() for _ in range(20)]
    assert [one.status for one in answers[:5]] == [202] * 5
    assert answers[-1].code == "rate_limited"
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_unconfirmed_configuration(api: Client) -> None:
    await api.world.holder.stop()
    api.world.holder._confirmed_at = time.monotonic() - 60
    answer = await api.post()
    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.headers["retry-after"]


async def test_busy(api: Client) -> None:
    api.world.acceptor.admission.queue_items = 10**9
    answer = await api.post()
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "busy", "10")


async def test_idempotency(api: Client) -> None:
    headers = {"idempotency_key": "order-17"}
    first = await api.post(headers=headers)
    again = await api.post(headers=headers)
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"
    assert await api.count() == 1
    other = await api.post(headers=headers, text="other")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    both = await asyncio.gather(
        api.post(headers={"idempotency_key": "k2"}), api.post(headers={"idempotency_key": "k2"})
    )
    assert sorted(one.status for one in both) == [202, 409]
    assert (await api.post(headers={"idempotency_key": "x" * 256})).code == "validation_error"


async def test_request_id_is_echoed(api: Client) -> None:
    assert (await api.post(headers={"x_request_id": "abc-1"})).headers["x-request-id"] == "abc-1"
    for strange in ("x" * 101, "a\r\nb", "é"):
        answer = await api.post(headers={"x_request_id": strange})
        assert answer.headers["x-request-id"] != strange
        assert answer.status == 202


async def test_good_and_bad_together(api: Client) -> None:
    kinds: list[tuple[dict[str, Any], str]] = [
        ({}, ""),
        ({"to": "+1"}, "invalid_number"),
        ({"text": "a\0"}, "invalid_text"),
        ({"from": "NO"}, "sender_not_approved"),
        ({"channel": "fax"}, "unknown_channel"),
    ]
    wanted = [kinds[n % len(kinds)] for n in range(300)]
    answers = await asyncio.gather(*(api.post(**fields) for fields, _ in wanted))
    assert [one.code for one in answers] == [code for _, code in wanted]
    assert await api.count() == 60
    assert await api.world.balance(api.account_id) == 1_000_000_000 - 60 * PRICE
