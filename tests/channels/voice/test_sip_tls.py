"""A trunk by TLS with encrypted sound: SIPp behind a TLS end, and an ear that has the key."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import math
import re
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tests.certificates import make_certificate
from tests.channels.voice import sipp
from tests.channels.voice.test_dialer import TONE, Heard, trunk, wanted
from tests.parts import require
from tests.pipeline.world import route as plain_route

from cpaas.channels.base import RouteSettingsError
from cpaas.channels.errors import CATALOGUE
from cpaas.channels.voice.config import SipSettings, ca_file, port_of
from cpaas.channels.voice.dialer import Dialer
from cpaas.channels.voice.frames import Trunk
from cpaas.channels.voice.statuses import sip_error
from cpaas.kit.errors import InputError
from cpaas.routes import check

_OFFERED = re.compile(rb"a=crypto:(\d+) AES_CM_128_HMAC_SHA1_80 inline:([A-Za-z0-9+/=]{40})")
_CONTACT = "sip:[local_ip]:[local_port];transport=[transport]"
#: the key of the far end, which sends no sound.
_FAR = base64.b64encode(bytes(range(30))).decode()


class TlsEnd:
    """Takes TLS and hands what it holds to SIPp by TCP."""

    def __init__(self, sipp_port: int) -> None:
        self._sipp_port = sipp_port
        self.offers: list[bytes] = []
        self.port = 0

    @contextlib.asynccontextmanager
    async def listening(self, certificate: Path, key: Path) -> AsyncIterator[None]:
        """Listens with that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", self._sipp_port)
        await asyncio.gather(
            self._copy(reader, inner[1]), self._copy(inner[0], writer), return_exceptions=True
        )

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if b"INVITE sip:" in data:
                self.offers.append(data)
            writer.write(data)
            await writer.drain()
        writer.close()


class SecureEar(sipp.Ear):
    """Hears SRTP (RFC 3711, AES_CM_128_HMAC_SHA1_80) once it has the key."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[tuple[bytes, tuple[str, int]]] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Kept until the key is there."""
        self.packets.append((data, addr))

    def hear(self, master: bytes) -> None:
        """Opens what came; each packet must be genuine."""
        key, salt = master[:16], master[16:30]
        session, auth, mask = (
            _stream(key, int.from_bytes(salt, "big") ^ label << 48, size)
            for label, size in ((0, 16), (1, 20), (2, 14))
        )
        for data, addr in self.packets:
            if 64 <= data[1] & 0x7F < 96:
                continue  # SRTCP
            sealed, tag = data[:-10], data[-10:]
            made = hmac.new(auth, sealed + bytes(4), hashlib.sha1).digest()[:10]
            assert made == tag
            sequence, ssrc = struct.unpack_from("!H4xI", sealed, 2)
            start = int.from_bytes(mask, "big") ^ ssrc << 48 ^ sequence
            plain = bytes(
                a ^ b
                for a, b in zip(sealed[12:], _stream(session, start, len(sealed) - 12), strict=True)
            )
            super().datagram_received(sealed[:12] + plain, addr)


def _stream(key: bytes, start: int, size: int) -> bytes:
    counter = (start << 16).to_bytes(16, "big")
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update(bytes(size))


@contextlib.asynccontextmanager
async def dialling(one: Trunk) -> AsyncIterator[tuple[Dialer, Heard]]:
    heard = Heard()
    dialer = Dialer(one, heard)
    dialer.start()
    try:
        await heard.until(lambda: dialer.ready)
        yield dialer, heard
    finally:
        await dialer.stop()


def secure(port: int, ca_file: Path, srtp: str = "require") -> Trunk:
    return msgspec.structs.replace(
        trunk(port),
        transport="tls",
        srtp=srtp,
        ca_file=str(ca_file),
    )


@pytest.mark.slow
async def test_a_call_by_tls_with_encrypted_sound(tmp_path: Path) -> None:
    require("sipp")
    certificate, key = make_certificate(tmp_path, "127.0.0.1")
    port = sipp.free_udp_port()
    end = TlsEnd(port)
    async with SecureEar.open() as ear, end.listening(certificate, key):
        assert isinstance(ear, SecureEar)
        answers = sipp.talking(ear.port).replace(
            _CONTACT, f"sip:127.0.0.1:{end.port};transport=tls"
        ).replace("RTP/AVP", "RTP/SAVP").replace(
            "a=rtpmap:101", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{_FAR}\na=rtpmap:101"
        )  # fmt: skip
        async with (
            sipp.carrier(tmp_path, answers, port=port, calls=1, over="t1"),
            dialling(secure(end.port, certificate)) as (dialer, heard),
        ):
            call = wanted(end.port)
            call["uri"] = call["uri"].replace("transport=udp", "transport=tls")
            dialer.place(TONE, call)
            await heard.until(heard.ended)
        (ended,) = heard.ended()
        assert (ended.placed, ended.by) == (True, "us"), ended
        offered = _OFFERED.search(end.offers[-1])
        assert offered is not None, end.offers[-1]
        assert b"RTP/SAVP" in end.offers[-1]
        assert offered[1] == b"1"
        assert ear.packets
        ear.hear(base64.b64decode(offered[2]))
    (source,) = ear.samples
    assert ear.loudness(source) == pytest.approx(8_000 / math.sqrt(2), rel=0.05)


@pytest.mark.slow
async def test_a_carrier_that_nobody_vouches_for_is_not_called(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    known, _ = make_certificate(ours, "127.0.0.1")
    end = TlsEnd(sipp.free_udp_port())
    async with (
        end.listening(*make_certificate(theirs, "127.0.0.1")),
        dialling(secure(end.port, known)) as (dialer, heard),
    ):
        call = wanted(end.port)
        call["uri"] = call["uri"].replace("transport=udp", "transport=tls")
        dialer.place(TONE, call)
        await heard.until(heard.ended)
    (ended,) = heard.ended()
    assert (ended.placed, ended.milliseconds) == (False, None), ended
    assert "certificate is not good" in ended.reason
    assert sip_error(ended, rang=False) is CATALOGUE["route_down"], "another route may call"
    assert not end.offers, "not a word of the call went there"


def test_settings_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="srtp needs the transport tls"):
        check.channel_settings("voice", {"srtp": "require"}, "sip")
    with pytest.raises(InputError, match="base_url"):
        check.channel_settings("voice", {"base_url": "https://api.example"}, "sip")
    check.channel_settings("voice", {"transport": "tls", "srtp": "require"}, "sip")
    missing = SipSettings(transport="tls", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(RouteSettingsError, match="there is no file"):
        ca_file(missing)
    assert ca_file(msgspec.structs.replace(missing, verify=False)) == ""
    assert ca_file(SipSettings()) == "", "no TLS"
    route = msgspec.structs.replace(plain_route(1), port=0)
    assert (port_of(route, missing), port_of(route, SipSettings())) == (5061, 5060)
