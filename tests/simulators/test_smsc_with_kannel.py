"""Kannel as the ESME of the simulated SMSC: a C stack of twenty years' use judges our protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.parts import require
from tests.postgres_keeper import free_port

from cpaas.simulators.smsc import IdStyle, SimulatedSmsc, SmscSettings

PATIENCE_SECONDS = 40.0
CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-level = 4

group = smsc
smsc = smpp
smsc-id = sim
host = 127.0.0.1
port = {smsc}
smsc-username = {user}
smsc-password = {password}
system-type = ""
transceiver-mode = true
enquire-link-interval = 1
{ids}

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
log-level = 4

group = sendsms-user
username = u
password = p
concatenation = true
max-messages = 10

group = sms-service
keyword = default
text = "you said %k"
accept-x-kannel-headers = false
"""


class Kannel:
    """bearerbox and smsbox, and the receipts they report to us."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.reports_port = 0
        self.send_port = free_port()

    async def report(self, request: web.Request) -> web.Response:
        self.reports.append(request.query_string)
        return web.Response()

    async def send(self, **fields: str) -> int:
        url = f"http://127.0.0.1:{self.send_port}/cgi-bin/sendsms"
        wish = {"username": "u", "password": "p", "from": "BRAND", "dlr-mask": "19"} | fields
        wish["dlr-url"] = f"http://127.0.0.1:{self.reports_port}/dlr?state=%d&to=%p"
        async with aiohttp.ClientSession() as http, http.get(url, params=wish) as answer:
            return answer.status

    async def can_send(self) -> bool:
        try:
            return await self.send(to="+999000000006", text="ping") == 202
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def kannel(
    folder: Path, smsc_port: int, *, user: str = "me", password: str = "pw",
    ids: str = "msg-id-type = 0x01",
) -> AsyncIterator[Kannel]:  # fmt: skip
    require("kannel")
    made = Kannel()
    app = web.Application()
    app.add_routes([web.get("/dlr", made.report)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.reports_port = runner.addresses[0][1]
    ports = {"admin": free_port(), "box": free_port(), "smsc": smsc_port, "send": made.send_port}
    (folder / "kannel.conf").write_text(
        CONFIGURATION.format(**ports, user=user, password=password, ids=ids)
    )
    boxes: list[asyncio.subprocess.Process] = []
    try:
        for program in ("/usr/sbin/bearerbox", "/usr/sbin/smsbox"):
            with (folder / "kannel.log").open("ab") as log:
                boxes.append(
                    await asyncio.create_subprocess_exec(
                        program, str(folder / "kannel.conf"), stdout=log, stderr=log, cwd=folder
                    )
                )
            await asyncio.sleep(0.5)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await made.can_send():
                await asyncio.sleep(0.1)
        yield made
    finally:
        for box in reversed(boxes):
            if box.returncode is None:
                box.kill()
            await box.wait()
        await runner.cleanup()


@pytest.mark.slow
async def test_kannel_sends_hears_receipts_and_answers_handsets(tmp_path: Path) -> None:
    require("kannel")
    smsc = SimulatedSmsc(
        SmscSettings(receipt_delay_seconds=0.05, id_style=IdStyle.RESP_HEX_DLR_DEC)
    )
    port = await smsc.start()
    long = "A long text with € and [brackets]. " * 8
    try:
        async with kannel(tmp_path, port) as esme, asyncio.timeout(PATIENCE_SECONDS):
            assert await esme.send(to="+911", text="hello") == 202
            assert await esme.send(to="+912", text="नमस्ते 😀", coding="2", charset="UTF-8") == 202
            assert await esme.send(to="+913", text=long, charset="UTF-8") == 202
            assert await esme.send(to="+999000000002", text="fails") == 202
            while len(esme.reports) < 4:
                await asyncio.sleep(0.05)
            texts = {message.destination.lstrip("+"): message for message in smsc.messages()}
            assert texts["911"].text == "hello"
            assert texts["912"].text == "नमस्ते 😀"
            assert (texts["913"].text, texts["913"].parts) == (long, 2)
            assert {report.split("&")[0] for report in esme.reports} == {"state=1", "state=2"}
            smsc.inject(source="914", destination="56789", text="phone", system_id="me")
            while "914" not in {m.destination.lstrip("+") for m in smsc.messages()}:
                await asyncio.sleep(0.05)
            assert smsc.messages()[-1].text == "you said phone"
    finally:
        await smsc.stop()
