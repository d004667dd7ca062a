"""SIPp as the carrier: scenarios, and an ear for the RTP that it has sent to us."""

import asyncio
import contextlib
import shutil
import socket
import struct
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

USER, PASSWORD = "trunk", "secret"
_HEADERS = "[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n[last_CSeq:]\n"
_DIGEST = """
  <recv request="INVITE" crlf="true"/>
  <send><![CDATA[
SIP/2.0 401 Unauthorized
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]a
[last_Call-ID:]
[last_CSeq:]
WWW-Authenticate: Digest realm="carrier", nonce="47ebe028cda119c35d4877b383027d28", algorithm=MD5
Content-Length: 0

]]></send>
  <recv request="ACK"/>
  <recv request="INVITE" crlf="true">
    <action>
      <verifyauth assign_to="valid" username="trunk" password="secret"/>
      <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="cseq"/>
    </action>
  </recv>
  <nop hide="true" test="valid" next="let_in"/>
  <send next="end"><![CDATA[
SIP/2.0 403 Forbidden
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
  <label id="let_in"/>
"""


def _answer(line: str, more: str = "Content-Length: 0\n\n", options: str = "") -> str:
    head = _HEADERS.format(tag=";tag=[call_number]")
    contact = "Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n"
    return f"<send {options}><![CDATA[\nSIP/2.0 {line}\n{head}{contact}{more}]]></send>\n"


RINGING = _answer("180 Ringing")
BYE = (
    '<recv request="BYE"/>\n<send><![CDATA[\nSIP/2.0 200 OK\n'
    + _HEADERS.format(tag="")
    + "Content-Length: 0\n\n]]></send>\n"
)


def talking(media_port: int, codec: str = "0") -> str:
    """Rings, answers with sound going to `media_port`, waits for BYE."""
    name = {"0": "PCMU", "8": "PCMA"}[codec]
    sdp = (
        "Content-Type: application/sdp\nContent-Length: [len]\n\n"
        "v=0\no=u 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {media_port} RTP/AVP {codec} 101\na=rtpmap:{codec} {name}/8000\n"
        "a=rtpmap:101 telephone-event/8000\n"
    )
    return (
        RINGING
        + '<pause milliseconds="150"/>'
        + _answer("200 OK", sdp, 'retrans="500"')
        + '<recv request="ACK"/>\n'
        + BYE
    )


def hung(media_port: int) -> str:
    """Answers, and then hears no BYE."""
    return talking(media_port).replace(BYE, '<pause milliseconds="4000"/>')


def refusing(line: str) -> str:
    """Rings and then says no."""
    return RINGING + _answer(line, options='retrans="500"') + '<recv request="ACK"/>\n'


#: rings for ever, and takes the CANCEL.
SILENT = (
    RINGING
    + '<recv request="CANCEL"/>\n<send><![CDATA[\nSIP/2.0 200 OK\n'
    + _HEADERS.format(tag=";tag=[call_number]")
    + "Content-Length: 0\n\n]]></send>\n"
    + "<send><![CDATA[\nSIP/2.0 487 Request Terminated\n"
    "[last_Via:]\n[last_From:]\n[last_To:];tag=[call_number]\n[last_Call-ID:]\n"
    "CSeq: [$cseq] INVITE\nContent-Length: 0\n\n]]></send>\n"
    '<recv request="ACK"/>\n'
)


@contextlib.asynccontextmanager
async def carrier(
    folder: Path, body: str, *, port: int, calls: int, over: str = "u1"
) -> AsyncIterator[None]:
    """SIPp answering on `port`; leaving waits until all its calls went as the scenario says."""
    scenario = folder / f"uas{port}.xml"
    scenario.write_text(
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="carrier">\n'
        f'{_DIGEST}{body}<label id="end"/>\n<Reference variables="cseq"/>\n</scenario>\n'
    )
    process = await asyncio.create_subprocess_exec(
        shutil.which("sipp") or "sipp", "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port),
        "-t", over, "-m", str(calls), "-nostdin", "-timeout", "60",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    try:
        await _listens(port, socket.SOCK_STREAM if over == "t1" else socket.SOCK_DGRAM)
        yield
        out, _ = await asyncio.wait_for(process.communicate(), 180)
        assert process.returncode == 0, out.decode(errors="replace")[-3000:]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _listens(port: int, kind: socket.SocketKind) -> None:
    for _ in range(200):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        await asyncio.sleep(0.05)
    raise AssertionError("SIPp does not listen")


def free_udp_port() -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Ear(asyncio.DatagramProtocol):
    """Hears RTP: the samples of each source, and presses keys back at it."""

    def __init__(self) -> None:
        self.samples: dict[int, list[int]] = defaultdict(list)
        self.types: set[int] = set()
        self.gaps = 0
        self._last: dict[int, int] = {}
        self._from: dict[int, tuple[str, int]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> "AsyncIterator[Ear]":
        """Listens on a port of its own."""
        loop = asyncio.get_running_loop()
        _, ear = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        try:
            yield ear
        finally:
            ear.close()
            await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It listens."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Hears no more."""
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One RTP packet."""
        kind, sequence, ssrc = data[1] & 0x7F, *struct.unpack_from("!H4xI", data, 2)
        if kind not in {0, 8}:
            return
        self.types.add(kind)
        last = self._last.get(ssrc)
        self.gaps += last is not None and (sequence - last) % 65536 != 1
        self._last[ssrc] = sequence
        self._from[ssrc] = addr
        table = _ULAW if kind == 0 else _ALAW
        self.samples[ssrc] += [table[one] for one in data[12:]]

    def loudness(self, ssrc: int) -> float:
        """Root mean square of what was heard from one source, without the silence around it."""
        loud = [one for one in self.samples[ssrc] if abs(one) > 50]
        return (sum(one * one for one in loud) / len(loud)) ** 0.5 if loud else 0.0

    def press(self, digit: str) -> None:
        """A key, as telephone-events to everybody who is heard."""
        assert self._transport is not None
        event = "0123456789*#ABCD".index(digit)
        stamp = int(time.monotonic() * 8000) & 0xFFFFFFFF
        for number, address in enumerate(self._from.values()):
            for at, (end, held) in enumerate([(0, 160), (0, 320), (1, 480), (1, 480), (1, 480)]):
                head = struct.pack(
                    "!BBHII", 0x80, 101 | (0x80 if at == 0 else 0), (stamp + at) & 0xFFFF, stamp,
                    4711 + number,
                )  # fmt: skip
                body = struct.pack("!BBH", event, end << 7 | 10, held)
                self._transport.sendto(head + body, address)


def _ulaw(byte: int) -> int:
    byte = ~byte & 0xFF
    value = (((byte & 0x0F) << 3) + 0x84) << ((byte & 0x70) >> 4)
    return (0x84 - value) if byte & 0x80 else (value - 0x84)


def _alaw(byte: int) -> int:
    byte ^= 0x55
    value, segment = (byte & 0x0F) << 4, (byte & 0x70) >> 4
    value = value + 8 if segment == 0 else (value + 0x108) << (segment - 1)
    return value if byte & 0x80 else -value


_ULAW = [_ulaw(one) for one in range(256)]
_ALAW = [_alaw(one) for one in range(256)]
