"""Jasmin as the carrier, by its HTTP API and by its SMPP server; its own carrier is simulated."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.gateway.harness import routed_to
from tests.gateway.jasmin_peer import PASSWORD, USER, jasmin
from tests.gateway.test_http_routes import http_world, route, send_text
from tests.parts import require

from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings

pytestmark = pytest.mark.soak
TEXTS = ("Hello [€] & co", "नमस्ते 😀", "A long one for Jasmin. " * 15)


async def test_jasmin_by_http_and_by_smpp(dsn: str, tmp_path: Path) -> None:
    require("jasmin")
    smsc = SimulatedSmsc(SmscSettings(receipt_delay_seconds=0.2))
    port = await smsc.start()
    peer = jasmin(tmp_path, port)
    up = await asyncio.to_thread(peer.__enter__)
    try:
        async with http_world(dsn) as (world, _):
            by_http = msgspec.structs.replace(route("jasmin", up.http), system_id=USER)
            by_smpp = routed_to(up.smpp, 2, system_id=USER)
            world.credentials["password"] = PASSWORD
            for made in (by_http, by_smpp):
                world.configure(made)
                await world.pool.execute("DELETE FROM message")
                before = len(smsc.messages())
                for number, text in enumerate(TEXTS):
                    await send_text(world, text, f"+44790000000{number}")
                await world.settled(120, DELIVERED=len(TEXTS))
                assert {one.text for one in smsc.messages()[before:]} == set(TEXTS)
            world.configure(by_http)
            await world.pool.execute("DELETE FROM message")
            await send_text(world, "fails", "+999000000002")
            await world.settled(60, FAILED=1)
    finally:
        await asyncio.to_thread(peer.__exit__, None, None, None)
        await smsc.stop()
