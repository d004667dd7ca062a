"""Kannel's, Jasmin's and Twilio's interfaces: requests as written for those, callbacks included."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import aiohttp
import asyncpg
import msgspec
import pytest
from aiohttp import web
from tests.parts import require
from tests.pipeline.world import data_plane_pool
from tests.services.test_core import Running, serving

from cpaas.accounts import keys
from cpaas.kit.secrets import Keyring
from cpaas.messages.types import Finish
from cpaas.pipeline.transitions import Context, finish
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.webhooks.door_calls import account_sid

TO = "919876543210"


class Listener:
    """A customer's program that takes callbacks."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, str], dict[str, str]]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        fields = dict(request.query) | {k: str(v) for k, v in (await request.post()).items()}
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((request.method, request.path_qs, fields, headers))
        status, text = self.answers.pop(0) if self.answers else (200, "ACK/Jasmin")
        return web.Response(status=status, text=text)

    async def told(self, count: int) -> None:
        async with asyncio.timeout(60):
            while len(self.calls) < count:
                await asyncio.sleep(0.02)


class Shop(msgspec.Struct):
    """A running core, its one account, and who hears its callbacks."""

    service: Running
    pool: Any
    holder: SnapshotHolder
    listener: Listener

    @property
    def login(self) -> dict[str, str]:
        account = self.service["account"]
        return {"username": account.smpp_system_id, "password": account.smpp_password}

    async def call(self, method: str, path: str, **more: Any) -> tuple[int, str, Any]:
        async with (
            aiohttp.ClientSession(self.service["url"]) as http,
            http.request(method, path, **more) as answer,
        ):
            return answer.status, await answer.text(), answer.headers

    async def rows(self) -> list[Any]:
        return list(await self.pool.fetch("SELECT * FROM message ORDER BY id"))

    async def end(self, message_id: bytes, status: str, **more: Any) -> None:
        """What settle does when a carrier has spoken."""
        now_us = time.time_ns() // 1000
        await self.pool.execute(
            "UPDATE message SET status = 'SENDING' WHERE id = $1 AND status = 'QUEUED'", message_id
        )
        async with self.pool.acquire() as connection, connection.transaction():
            context = Context(self.holder.current, 7, now_us)
            wanted = Finish(message_id, status, now_us, **more)  # type: ignore[arg-type]
            assert await finish(connection, context, [wanted])


@asynccontextmanager
async def shop(dsn: str, home: Path) -> AsyncIterator[Shop]:
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    holder = SnapshotHolder(dsn)
    try:
        async with serving(dsn, home, "on", CPAAS_ALLOW_NETWORKS="127.0.0.0/8") as service:
            await holder.start()
            async with data_plane_pool(dsn) as pool:
                yield Shop(service, pool, holder, listener)
    finally:
        await holder.stop()
        await runner.cleanup()


async def test_kannel(dsn: str, home: Path) -> None:
    async with shop(dsn, home) as made:
        login = made.login
        words = "user={username}&pass={password}".format(**login)
        # As the manual writes it.
        dlr = f"{made.listener.url}/dlr?type=%25d%26answer=%25A%26to=%25p%26from=%25P%26ts=%25T"
        dlr += "%26first=%25k%26second=%25s%26rest=%25r%26at=%25t"
        status, text, _ = await made.call(
            "GET",
            f"/cgi-bin/sendsms?{words}&from=MYBRAND&to={TO}&text=Hello+world%20%E2%82%AC"
            f"&charset=utf-8&dlr-mask=31&dlr-url={dlr}",
        )
        assert (status, text) == (202, "0: Accepted for delivery")
        unicode_ = "नमस्ते".encode("utf-16-be")
        query = login | {"to": f"+{TO}", "from": "MYBRAND", "coding": "2"}
        encoded = "".join(f"%{octet:02x}" for octet in unicode_)
        form = "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in query.items())
        status, text, _ = await made.call(
            "POST", "/cgi-bin/sendsms", data=f"{form}&text={encoded}",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )  # fmt: skip
        assert (status, text) == (202, "0: Accepted for delivery")
        rows = await made.rows()
        assert [row["body"] for row in rows] == ["Hello world €", "नमस्ते"]
        assert {row["price_micro"] for row in rows} == {120_000}
        await made.end(rows[0]["id"], "SUBMITTED", provider_message_id="c1")
        await made.listener.told(1)
        await made.end(rows[0]["id"], "DELIVERED")
        await made.listener.told(2)
        (_, _, first, _), (method, _, second, _) = made.listener.calls
        assert (first["type"], first["answer"]) == ("8", "ACK/")
        assert (first["first"], first["second"], first["rest"]) == ("ACK/", "", "")
        assert (second["first"], second["second"]) == (f"id:{UUID(bytes=rows[0]['id'])}", "sub:001")
        assert second["rest"].startswith("sub:001 dlvrd:001 submit date:")
        assert len(second["at"]) == len("2026-11-27 05:16:51")
        assert (method, second["type"], second["to"]) == ("GET", "1", f"+{TO}")
        assert second["from"] == "MYBRAND"
        assert "stat:DELIVRD" in second["answer"]
        assert second["ts"].isdigit()
        usual = login | {"from": "MYBRAND", "to": TO, "text": "x"}
        for change, expected, words in (
            ({"password": "wrong"}, 403, "Authorization failed for sendsms"),
            ({"to": ""}, 400, "Empty receiver number not allowed, rejected"),
            ({"to": "12"}, 400, "Number(s) has/have been denied by white- and/or black-lists."),
            ({"from": "NOBODY"}, 400, "Sender missing and no global set, rejected"),
            ({"coding": "1"}, 400, "Coding field misformed, rejected"),
            ({"mclass": "0"}, 400, "MClass field misformed, rejected"),
            ({"charset": "idna", "text": "xn--\xe9"}, 400, "Charset or body misformed, rejected"),
            ({"charset": "nope"}, 400, "Charset or body misformed, rejected"),
            ({"udh": "\x05\x00"}, 400, "UDH field misformed, rejected"),
            ({"validity": "x"}, 400, "Validity field misformed, rejected"),
            ({"dlr-mask": "31", "dlr-url": "ftp://x"}, 400, "DLR-URL field misformed, rejected"),
            ({"text": "x" * 5000}, 400, "Charset or body misformed, rejected"),
        ):
            got = await made.call("GET", "/cgi-bin/sendsms", params=usual | change)
            assert got[:2] == (expected, words), change
            assert expected == 403 or got[2]["x-cpaas-detail"], "the words alone say little"
        status, text, headers = await made.call(
            "GET", "/cgi-bin/sendsms", params=usual | {"to": f"{TO} 12 <b>"}
        )
        assert (status, text) == (202, "0: Accepted for delivery Denied receivers are: 12 ?b?")
        # What old scripts send along, and changes nothing.
        needless = {"compress": "0", "alt-dcs": "0", "pid": "0", "rpi": "0", "smsc": "any",
                    "priority": "1", "mclass": "", "validity": "10080", "deferred": "5",
                    "dlrmask": "1", "dlrurl": f"{made.listener.url}/old",
                    "traffic_class": "promotional"}  # fmt: skip
        status, text, _ = await made.call("GET", "/cgi-bin/sendsms", params=usual | needless)
        assert (status, text) == (202, "0: Accepted for delivery")
        old = (await made.rows())[-1]
        assert (old["status"], old["lane"], old["webhook_url"]) == (
            "SCHEDULED", "promotional", f"door:kannel:1:{made.listener.url}/old",
        )  # fmt: skip
        assert (old["valid_until"] - old["send_at"]) // 1_000_000 == 72 * 3600
        await made.pool.execute("UPDATE wallet SET balance_micro = 0")
        status, text, headers = await made.call("GET", "/cgi-bin/sendsms", params=usual)
        assert (status, text) == (403, "Not routable. Do not try again.")
        assert headers["x-cpaas-code"] == "insufficient_balance"
        assert len(await made.rows()) == 4


async def test_jasmin(dsn: str, home: Path) -> None:
    async with shop(dsn, home) as made:
        account = made.service["account"]
        login = {"username": account.name, "password": account.api_key}
        sms = login | {"to": f"+{TO}", "from": "MYBRAND", "content": "Hello"}
        url = f"{made.listener.url}/dlr"
        status, text, _ = await made.call(
            "GET", "/send",
            params=sms | {"dlr": "yes", "dlr-url": url, "dlr-level": "3", "dlr-method": "POST"},
        )  # fmt: skip
        assert status == 200
        assert text.startswith('Success "')
        sent = UUID(text[9:-1])
        [row] = await made.rows()
        assert row["id"] == sent.bytes
        made.listener.answers = [(200, "OK, but no ACK")]
        await made.end(row["id"], "SUBMITTED", provider_message_id="c1")
        await made.listener.told(1)
        await made.end(row["id"], "FAILED", error_code="undeliverable", error="Away.")
        await made.listener.told(2)
        (method, _, first, _), (_, _, second, _) = made.listener.calls
        assert (method, first["id"], first["level"]) == ("POST", str(sent), "1")
        assert (second["message_status"], second["id_smsc"]) == ("UNDELIV", "c1")
        record = "SELECT status, url FROM webhook_delivery ORDER BY id"
        async with asyncio.timeout(60):
            while len(found := await made.pool.fetch(record)) < 2:
                await asyncio.sleep(0.02)
        assert [one["status"] for one in found] == ["retrying", "delivered"], "an ACK is wanted"
        status, text, _ = await made.call("GET", "/balance", params=login)
        assert (status, msgspec.json.decode(text)) == (
            200, {"balance": 999.88, "sms_count": "ND"},
        )  # fmt: skip
        assert (await made.rows())[0]["webhook_url"].startswith("door:jasmin:3P:")
        hexed = sms | {"coding": "8", "hex-content": "नमस्ते".encode("utf-16-be").hex()}
        del hexed["content"]
        assert (await made.call("POST", "/send", data=hexed))[0] == 200
        # As it is handed on by Jasmin: UTF-16 in a form; asked for receipts by the URL alone.
        utf16 = "".join(f"%{octet:02x}" for octet in "नमस्ते 你好".encode("utf-16-be"))
        words = "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in (login | {"to": TO}).items())
        tlvs = [[0x1401, None, "OctetString", "1107000000000000001"], ["0x1403", 3, "Int1", 7]]
        status, text, _ = await made.call(
            "POST", "/send", headers={"Content-Type": "application/x-www-form-urlencoded"},
            data=f"{words}&from=MYBRAND&coding=8&content={utf16}&dlr-url={url}"
            f"&sdt=000000010000000R&custom_tlvs={msgspec.json.encode(tlvs).decode()}",
        )  # fmt: skip
        assert status == 200, text
        _, hexed_row, formed = await made.rows()
        assert (hexed_row["body"], formed["body"]) == ("नमस्ते", "नमस्ते 你好")
        assert formed["webhook_url"] == f"door:jasmin:1P:{url}"
        assert formed["status"] == "SCHEDULED"
        assert 3590 < (formed["send_at"] - formed["created_at"]) / 1e6 < 3610
        assert formed["dlt"] == {"template_id": "1107000000000000001"}
        assert formed["content"] == {"tlvs": {"0x1403": ["070000"]}}
        for change, expected, words in (
            ({"password": "no"}, 403,
             f'Error "Authentication failure for username:{account.name}"'),
            ({"to": "12"}, 400, 'Error "Argument [to] has an invalid value: [12]."'),
            ({"hex-content": "aa"}, 400,
             'Error "content and hex-content cannot be used both in same request."'),
            ({"dlr": "perhaps"}, 400, 'Error "Argument [dlr] has an invalid value: [perhaps]."'),
            ({"coding": "99"}, 400, 'Error "Argument [coding] has an invalid value: [99]."'),
            ({"coding": "4"}, 400, 'Error "Argument [coding] has an invalid value: [4]."'),
            ({"traffic_class": "loud"}, 400,
             'Error "Argument [traffic_class] has an invalid value: [loud]."'),
            ({"sdt": "soon"}, 400, 'Error "Argument [sdt] has an invalid value: [soon]."'),
            ({"custom_tlvs": "[[1]]"}, 400,
             'Error "Argument [custom_tlvs] has an invalid value: [[[1]]]."'),
        ):  # fmt: skip
            got = await made.call("GET", "/send", params=sms | change)
            assert got[:2] == (expected, words), change
        status, text, _ = await made.call("GET", "/send", params=login | {"to": TO})
        assert (status, text) == (400, 'Error "content or hex-content not present."')
        batch = {
            "globals": {"from": "MYBRAND"},
            "messages": [
                {"to": [f"+{TO}", "+447900000001"], "content": "one"}, {"to": "12", "content": "x"},
            ],
        }  # fmt: skip
        auth = aiohttp.BasicAuth(login["username"], login["password"])
        status, text, _ = await made.call("POST", "/secure/sendbatch", json=batch, auth=auth)
        answer = msgspec.json.decode(text)["data"]
        assert (status, answer["messageCount"]) == (200, 2)
        assert [one["to"] for one in answer["errors"]] == ["12"]
        assert len(await made.rows()) == 5
        await the_batch_of_the_manual(made, batch, auth)
        status, text, _ = await made.call("GET", "/send")
        assert (status, text[:36]) == (400, 'Error "Mandatory arguments not found')


async def the_batch_of_the_manual(made: Shop, batch: Any, auth: aiohttp.BasicAuth) -> None:
    """At a later time, with calls for each message."""
    known = len(made.listener.calls)
    config = {
        "schedule_at": "3600s", "callback_url": f"{made.listener.url}/ok?shop=7",
        "errback_url": f"{made.listener.url}/bad",
    }  # fmt: skip
    batch["messages"][0] |= {"coding": 8, "content": "नमस्ते"}
    sent = batch | {"batch_config": config}
    status, text, _ = await made.call("POST", "/secure/sendbatch", json=sent, auth=auth)
    answer = msgspec.json.decode(text)["data"]
    assert status == 200
    assert float(answer["scheduled"].removesuffix("s")) == pytest.approx(3600, abs=60)
    rows = (await made.rows())[-2:]
    assert {(row["status"], row["body"]) for row in rows} == {("SCHEDULED", "नमस्ते")}
    await made.listener.told(known + 3)
    told = {(path.split("?")[0], fields["to"], fields["status"]) for _, path, fields, _ in
            made.listener.calls[known:]}  # fmt: skip
    assert told == {("/ok", f"+{TO}", "1"), ("/ok", "+447900000001", "1"), ("/bad", "12", "0")}
    fields = next(one[2] for one in made.listener.calls[known:] if one[2]["to"] == f"+{TO}")
    ids = {f'Success "{UUID(bytes=row["id"])}"' for row in rows}
    assert fields["statusText"] in ids
    assert (fields["batchId"], fields["shop"]) == (answer["batchId"], "7")
    for change in ({"schedule_at": "soon"}, {"schedule_at": "2020-01-01 00:00:00"},
                   {"callback_url": "ftp://x"}):  # fmt: skip
        status, text, _ = await made.call(
            "POST", "/secure/sendbatch", json=batch | {"batch_config": change}, auth=auth
        )
        assert status == 412, change
        assert msgspec.json.decode(text)["title"]


async def test_twilio_s_own_client(dsn: str, home: Path) -> None:
    require("twilio")
    from twilio.base.exceptions import TwilioException, TwilioRestException
    from twilio.request_validator import RequestValidator
    from twilio.rest import Client

    async with shop(dsn, home) as made:
        account_id = made.service["account"].id
        connection = await asyncpg.connect(dsn)
        keyring = Keyring.load(home / "keyring.json")
        token = await keys.new_twilio_token(connection, keyring, account_id)
        await connection.close()
        sid = account_sid(account_id)
        client = Client(sid, token)
        client.api.base_url = made.service["url"]
        url = f"{made.listener.url}/status?shop=7"

        def create(**more: Any) -> Any:
            wanted = {"to": f"+{TO}", "from_": "MYBRAND", "body": "Hello नमस्ते"} | more
            return client.messages.create(**wanted)

        async with asyncio.timeout(60):
            while not (sent := await _tried(create, status_callback=url)):
                await asyncio.sleep(0.05)
        assert (sent.status, sent.to, sent.account_sid) == ("queued", f"+{TO}", sid)
        [row] = await made.rows()
        assert sent.sid == f"SM{row['id'].hex()}"
        await made.end(row["id"], "SUBMITTED", provider_message_id="c1")
        await made.listener.told(1)
        await made.end(row["id"], "FAILED", error_code="undeliverable", error="Away.")
        await made.listener.told(2)
        validator = RequestValidator(token)
        for _, path, fields, headers in made.listener.calls:
            asked = {k: v for k, v in fields.items() if k not in dict(parse_qsl("shop=7"))}
            signature = headers["x-twilio-signature"]
            assert validator.validate(made.listener.url + path, asked, signature)
            assert not validator.validate(made.listener.url + path, asked | {"a": "b"}, signature)
        states = [call[2]["MessageStatus"] for call in made.listener.calls]
        assert states == ["sent", "undelivered"]
        assert made.listener.calls[1][2]["ErrorCode"] == "30003"
        found = await asyncio.to_thread(client.messages(sent.sid).fetch)
        assert (found.status, found.error_code, found.body) == (
            "undelivered", 30003, "Hello नमस्ते",
        )  # fmt: skip
        for more, status, code in (
            ({"to": "12"}, 400, 21211),
            ({"from_": "NOBODY"}, 400, 21606),
            ({"body": "x" * 5000}, 400, 21617),
            ({"body": " "}, 400, 21602),
            ({"status_callback": "ftp://x"}, 400, 21609),
            ({"media_url": ["https://example.com/a.png"]}, 400, 21620),
            ({"from_": None, "messaging_service_sid": "MG1"}, 400, 21701),
        ):  # fmt: skip
            with pytest.raises(TwilioRestException) as raised:
                await asyncio.to_thread(create, **more)
            assert (raised.value.status, raised.value.code) == (status, code), more
        with pytest.raises(TwilioRestException) as raised:
            await asyncio.to_thread(client.messages("SM" + "0" * 32).fetch)
        assert (raised.value.status, raised.value.code) == (404, 20404)
        later = datetime.now(UTC) + timedelta(hours=2)
        planned = await asyncio.to_thread(create, send_at=later, schedule_type="fixed")
        assert planned.status == "scheduled"
        canceled = await asyncio.to_thread(planned.update, status="canceled")
        assert (canceled.status, canceled.sid) == ("canceled", planned.sid)
        for change, status, code in (
            ({"status": "canceled"}, 409, 30409),
            ({"body": ""}, 400, 20001),
        ):
            with pytest.raises(TwilioRestException) as raised:
                await asyncio.to_thread(planned.update, **change)
            assert (raised.value.status, raised.value.code) == (status, code)
        with pytest.raises(TwilioRestException) as raised:
            await asyncio.to_thread(client.api.accounts(sid).fetch)
        assert (raised.value.status, raised.value.code) == (404, 20404)
        with pytest.raises(TwilioException, match="HTTP 405"):
            await asyncio.to_thread(client.messages.list)
        stranger = Client(sid, "f" * 32)
        stranger.api.base_url = made.service["url"]
        with pytest.raises(TwilioRestException) as raised:
            await asyncio.to_thread(stranger.messages(sent.sid).fetch)
        assert (raised.value.status, raised.value.code) == (401, 20003)
        assert len(await made.rows()) == 2


async def _tried(create: Any, **more: Any) -> Any:
    """The token is known to the service within a second."""
    from twilio.base.exceptions import TwilioRestException

    try:
        return await asyncio.to_thread(create, **more)
    except TwilioRestException as error:
        if error.status != 401:
            raise
        return None
