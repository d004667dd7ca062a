"""Anything over the port: no crash, nothing left behind, an answer or a generic_nack where due."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.smpp_ingress.door import Door, door

from cpaas.smpp.codec import PduBuffer, decode, encode
from cpaas.smpp.layout import GENERIC_NACK, RESPONSE
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    BindTransceiver,
    CancelSm,
    DataSm,
    EnquireLink,
    QuerySm,
    SubmitMulti,
    SubmitSm,
)

HEADER = struct.Struct(">IIII")
EXAMPLES = 150


class Server:
    """The door in a thread of its own, so that hypothesis may block."""

    def __init__(self, dsn: str) -> None:
        self.faults: list[Any] = []
        self.door: Door | None = None
        self._dsn = dsn
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(60)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))
        self._end = asyncio.Event()
        async with door(self._dsn) as made:
            self.door = made
            await made.change("UPDATE smpp_credential SET max_binds = 1000")
            self._ready.set()
            await self._end.wait()

    def stop(self) -> None:
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)

    def connect(self) -> socket.socket:
        assert self.door is not None
        return socket.create_connection(("127.0.0.1", self.door.port), 10)


@pytest.fixture
def server(dsn: str) -> Iterator[Server]:
    made = Server(dsn)
    yield made
    made.stop()


SHORT = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=8)
BYTE = st.integers(0, 255)
TLVS = st.dictionaries(
    st.sampled_from([0x0424, 0x020C, 0x020E, 0x020F, 0x0204, 0x1400, 0x1401, 0x3FFF]),
    st.lists(st.binary(max_size=20), min_size=1, max_size=2), max_size=4,
)  # fmt: skip
WELL_MEANT = st.one_of(
    st.builds(
        SubmitSm, service_type=st.sampled_from(["", "OTP", "x"]), source_addr=SHORT,
        destination_addr=st.sampled_from(["919876543210", "12", "x\xff", ""]), esm_class=BYTE,
        schedule_delivery_time=st.sampled_from(["", "0", "000000000100000R", "991399999999999+"]),
        validity_period=st.sampled_from(["", "000000000100000R", "209912319999999-", "z" * 16]),
        registered_delivery=BYTE, data_coding=BYTE, short_message=st.binary(max_size=60),
        tlvs=TLVS,
    ),
    st.builds(DataSm, source_addr=SHORT, destination_addr=SHORT, esm_class=BYTE, data_coding=BYTE,
              tlvs=TLVS),
    st.builds(SubmitMulti, source_addr=SHORT, short_message=st.binary(max_size=20), tlvs=TLVS),
    st.builds(QuerySm, message_id=SHORT), st.builds(CancelSm, message_id=SHORT),
    st.builds(CancelSm, service_type=SHORT, source_addr=SHORT, destination_addr=SHORT),
)  # fmt: skip
COMMANDS = st.one_of(st.sampled_from(sorted(PDU_CLASSES)), st.integers(0, 0xFFFFFFFF))


@st.composite
def frames(draw: Any) -> bytes:
    """One PDU: well-formed, or cut, or with noise in it, or noise with a header."""
    kind = draw(st.sampled_from(["whole", "whole", "noisy", "strange"]))
    if kind == "strange":
        body = draw(st.binary(max_size=80))
        command, status = draw(COMMANDS), draw(st.sampled_from([0, 8, 0xFFFFFFFF]))
        return bytes(HEADER.pack(16 + len(body), command, status, draw(st.integers(1, 99))) + body)
    try:
        data = bytearray(encode(draw(WELL_MEANT), draw(st.integers(1, 99))))
    except ValueError:
        return encode(EnquireLink(sequence=1))
    if kind == "noisy":
        for at in draw(st.lists(st.integers(16, max(16, len(data) - 1)), max_size=4)):
            if at < len(data):
                data[at] = draw(BYTE)
    return bytes(data)


def talk(server: Server, blobs: list[bytes], *, bound: bool) -> list[tuple[int, int]]:
    """Sends it all and returns (command id, sequence) of what came back before the end."""
    heard: list[tuple[int, int]] = []
    buffer = PduBuffer()
    with server.connect() as link:
        link.settimeout(10)
        if bound:
            bind = BindTransceiver(
                system_id="acme", password="secret12", interface_version=0x50, sequence=1
            )
            link.sendall(encode(bind))
            assert HEADER.unpack(link.recv(4096)[:16])[2] == 0
        try:
            link.sendall(b"".join(blobs) + encode(EnquireLink(sequence=0x7FFFFF00)))
            while (0x80000015, 0x7FFFFF00) not in heard:
                data = link.recv(65536)
                if not data:
                    break
                for frame in buffer.feed(data):
                    _, command, _, sequence = HEADER.unpack_from(frame)
                    decode(frame)
                    heard.append((command, sequence))
        except ConnectionError:
            return heard
    return heard


@pytest.mark.slow
def test_anything_may_come(server: Server) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(frames(), max_size=6), st.booleans())
    def whole_frames(blobs: list[bytes], bound: bool) -> None:
        heard = talk(server, blobs, bound=bound)
        for frame in blobs:
            _, command, _, sequence = HEADER.unpack_from(frame)
            if command not in PDU_CLASSES and not command & RESPONSE and heard:
                nacked = (GENERIC_NACK, sequence) in heard
                ended = (0x80000015, 0x7FFFFF00) not in heard
                assert nacked or ended, "an unknown command gets a generic_nack"

    @settings(
        max_examples=EXAMPLES // 3, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.binary(max_size=200), st.booleans())
    def noise(blob: bytes, bound: bool) -> None:
        talk(server, [blob + b"\0" * 16], bound=bound)

    whole_frames()
    noise()
    assert not server.faults
    made = server.door
    assert made is not None
    for _ in range(200):
        if not made.ingress.binds and not made.ingress._tasks:
            break
        threading.Event().wait(0.05)
    assert not made.ingress.binds
    assert not made.ingress._tasks
    good = talk(server, [encode(SubmitSm(source_addr="MYBRAND", destination_addr="919876543210",
                                         short_message=b"hi"), 5)], bound=True)  # fmt: skip
    assert good, "it still serves"
