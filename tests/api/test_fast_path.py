"""The same bytes to a stock and to a fast server: every answer, byte for byte, and every effect.

A table: what is sent, what is answered, how the connection ends, what is stored, and how many
of the requests the fast server gave to the ordinary way.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from tests.api.fast_path_servers import Client, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cpaas.api.fast_path import BODY_BYTES_MAX, FastPathProtocol

Verb = Literal["read", "head", "held", "release", "fin", "rst", "sevens"]
Step = bytes | tuple[Verb, int]
End = Literal["open", "closed", "gone"]

GET = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
NOTHING = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
RELEASE: Step = ("release", 0)
FIN: Step = ("fin", 0)
RST: Step = ("rst", 0)


def post(
    body: bytes = b'{"n":1}',
    *extra: bytes,
    line: bytes = b"POST /v1/messages HTTP/1.1",
    kind: bytes = b"application/json",
    length: bytes | None = b"",
) -> bytes:
    stated = b"%d" % len(body) if length == b"" else length
    head = [line, b"Host: a", b"Content-Type: " + kind, *extra]
    if stated is not None:
        head.append(b"Content-Length: " + stated)
    return b"\r\n".join([*head, b"", body])


def numbered(count: int) -> bytes:
    return b"".join(post(b'{"n":%d}' % n) for n in range(count))


def sized(size: int) -> bytes:
    return b'{"pad":"' + b"x" * (size - 10) + b'"}'


def chunked(*pieces: bytes) -> bytes:
    head = post(b"", b"Transfer-Encoding: chunked", length=None)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


HOLD = post(b'{"hold":true}')
WHOLE = post(b'{"n":12345}')
WEBSOCKET = (
    b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")


@dataclass(frozen=True)
class Case:
    name: str
    steps: tuple[Step, ...]
    statuses: tuple[int, ...]
    end: End = "open"
    stored: int = 0
    by_asgi: int = 0


def case(name: str, *steps: Step, says: str = "", **rest: object) -> Case:
    statuses = tuple(int(word) for word in says.split())
    return Case(name, steps, statuses, **rest)  # type: ignore[arg-type]


CASES = [
    # The plain request, alone and in rows.
    case("one", post(), says="202", stored=1),
    case("in turn", post(), ("read", 1), post(), says="202 202", stored=2),
    case("other route between", post(), ("read", 1), GET, ("read", 1), post(),
         says="202 200 202", stored=2),
    case("two in one write", numbered(2), says="202 202", stored=2, by_asgi=1),
    case("fifty in one write", numbered(50), says="202 " * 50, stored=50, by_asgi=49),
    case("mixed with routes", post() + GET + post() + NOTHING + post(),
         says="202 200 202 404 202", stored=3, by_asgi=2),
    case("behind a get", GET + post(), says="200 202", stored=1, by_asgi=1),
    case("behind two gets", GET + GET + numbered(2), says="200 200 202 202", stored=2, by_asgi=2),
    case("behind one that waits", HOLD, ("held", 1), GET + post(), RELEASE,
         says="202 200 202", stored=2, by_asgi=1),
    case("empty line between", post() + b"\r\n" + post(), says="202 202", stored=2, by_asgi=1),
    # Answers given within the hand-over.
    case("at once", post(b'{"now":true}'), says="202", stored=1),
    case("at once, three", post(b'{"now":true}') * 3, says="202 202 202", stored=3, by_asgi=2),
    case("at once, then half of a get", post(b'{"now":true}') + GET[:9], ("read", 1), GET[9:],
         says="202 200", stored=1),
    case("refused then good", post(b'{"reject":true}'), ("read", 1), post(),
         says="422 202", stored=1),
    case("refused and good in one write", post(b'{"reject":true}') + post(),
         says="422 202", stored=1, by_asgi=1),
    # Bodies.
    case("malformed then good", post(b'{"n":'), ("read", 1), post(), says="400 202", stored=1),
    case("malformed and good in one write", post(b"{") + post(),
         says="400 202", stored=1, by_asgi=1),
    case("empty", post(b""), says="400"),
    case("no length", post(b"", length=None), says="400", by_asgi=1),
    case("64 KiB", post(sized(BODY_BYTES_MAX)), says="202", stored=1),
    case("64 KiB and one", post(sized(BODY_BYTES_MAX + 1)), says="202", stored=1, by_asgi=1),
    case("100 kB", post(sized(100_000)), says="202", stored=1, by_asgi=1),
    case("2 MB", post(b"x" * 1_000_001, length=b"2000000"), says="413", end="closed", by_asgi=1),
    case("leading zeros in the length", post(length=b"00007"), says="202", stored=1),
    case("long length", post(length=b"0000000007"), says="202", stored=1, by_asgi=1),
    case("chunked", chunked(b'{"n"', b":1}"), says="202", stored=1, by_asgi=1),
    case("chunked behind plain", post() + chunked(b'{"n":2}'), says="202 202",
         stored=2, by_asgi=1),
    case("plain behind chunked", chunked(b'{"n":2}'), ("read", 1), post(), says="202 202",
         stored=2, by_asgi=1),
    # Pieces.
    case("7 bytes a segment", ("sevens", 0), says="202", stored=1),
    case("head then body", WHOLE[:-11], WHOLE[-11:], says="202", stored=1),
    case("body in halves", WHOLE[:-5], WHOLE[-5:], says="202", stored=1),
    case("one and a half", post() + WHOLE[:30], ("read", 1), WHOLE[30:], says="202 202",
         stored=2),
    case("get and a half body", GET + WHOLE[:-5], ("read", 1), WHOLE[-5:], says="200 202",
         stored=1, by_asgi=1),
    # Expect.
    case("100-continue", post(b"", b"Expect: 100-continue", length=b"7"), ("read", 1),
         b'{"n":1}', says="100 202", stored=1, by_asgi=1),
    case("100-continue, body at once", post(b'{"n":1}', b"Expect: 100-continue"),
         says="100 202", stored=1, by_asgi=1),
    case("another expectation", post(b'{"n":1}', b"Expect: wonders"), says="202", stored=1,
         by_asgi=1),
    # The client leaves.
    case("FIN before the answer", HOLD, ("held", 1), FIN, RELEASE, end="closed", stored=1),
    case("RST before the answer", HOLD, ("held", 1), RST, RELEASE, end="gone", stored=1),
    case("RST with one queued behind", HOLD + GET, ("held", 1), RST, RELEASE, end="gone",
         stored=1),
    case("FIN within the body", WHOLE[:-5], FIN, end="closed", stored=0),
    case("RST within the body", WHOLE[:-5], RST, end="gone", stored=0),
    case("FIN within the head", WHOLE[:30], FIN, end="closed", stored=0),
    case("FIN after the answer", post(), ("read", 1), FIN, says="202", end="closed", stored=1),
    # Versions and Connection.
    case("HTTP/1.0", post(line=b"POST /v1/messages HTTP/1.0"), says="202", end="closed",
         stored=1, by_asgi=1),
    case("HTTP/1.0 keep-alive",
         post(b'{"n":1}', b"Connection: keep-alive", line=b"POST /v1/messages HTTP/1.0"),
         says="202", end="closed", stored=1, by_asgi=1),
    case("keep-alive said", post(b'{"n":1}', b"Connection: keep-alive"), says="202", stored=1),
    case("close", post(b'{"n":1}', b"Connection: close"), says="202", end="closed", stored=1),
    case("close, one behind it", post(b'{"n":1}', b"Connection: close") + post(b'{"n":2}'),
         says="202", end="closed", stored=1),
    case("close on the second", post() + post(b'{"n":2}', b"Connection: close"),
         says="202 202", end="closed", stored=2, by_asgi=1),
    # Other methods and other ways to write the path.
    case("GET", b"GET /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", says="405"),
    case("HEAD", b"HEAD /v1/messages HTTP/1.1\r\nHost: a\r\n\r\n", ("head", 1), says="405"),
    case("PUT", post(line=b"PUT /v1/messages HTTP/1.1"), says="405"),
    case("lower case", post(line=b"post /v1/messages HTTP/1.1"), says="400", end="closed"),
    case("query", post(line=b"POST /v1/messages?a=1 HTTP/1.1"), says="202", stored=1, by_asgi=1),
    case("empty query", post(line=b"POST /v1/messages? HTTP/1.1"), says="202", stored=1,
         by_asgi=1),
    case("absolute", post(line=b"POST http://a/v1/messages HTTP/1.1"), says="202", stored=1,
         by_asgi=1),
    case("percent", post(line=b"POST /v1/%6dessages HTTP/1.1"), says="202", stored=1, by_asgi=1),
    case("trailing slash", post(line=b"POST /v1/messages/ HTTP/1.1"), says="404"),
    case("no host", post().replace(b"Host: a\r\n", b""), says="202", stored=1),
    # Headers.
    case("two lengths", post(b'{"n":1}', b"Content-Length: 7"), says="400", end="closed"),
    case("two unlike lengths", post(b'{"n":1}', b"Content-Length: 9"), says="400", end="closed"),
    case("length and chunked", post(b'{"n":1}', b"Transfer-Encoding: chunked"), says="400",
         end="closed"),
    case("negative length", post(length=b"-7"), says="400", end="closed"),
    case("length in letters", post(length=b"seven"), says="400", end="closed"),
    case("too small a length", post(b'{"n":1}GARBAGE\r\n\r\n', length=b"7"), says="400",
         end="closed", stored=1),
    case("repeated header", post(b'{"n":1}', b"X-A: 1", b"x-a: 2"), says="202", stored=1,
         by_asgi=1),
    case("repeated type", post(b'{"n":1}', b"Content-Type: text/plain"), says="202", stored=1,
         by_asgi=1),
    case("text", post(kind=b"text/plain"), says="202", stored=1, by_asgi=1),
    case("utf-8 said", post(kind=b"application/json; charset=UTF-8"), says="202", stored=1),
    case("latin-1 said", post(kind=b"application/json; charset=latin-1"), says="202", stored=1,
         by_asgi=1),
    case("content encoding", post(b'{"n":1}', b"Content-Encoding: identity"), says="202",
         stored=1, by_asgi=1),
    case("request id", post(b'{"n":1}', b"X-Request-Id: abc"), says="202", stored=1),
    # Upgrades, and bytes that are no HTTP.
    case("h2c", post(b'{"n":1}', *H2C), says="400", by_asgi=1),
    case("websocket", WEBSOCKET, says="200"),
    case("websocket behind a plain one", post() + WEBSOCKET, says="202 200", stored=1),
    case("garbage", b"\x16\x03\x01 no http\r\n\r\n", says="400", end="closed"),
    case("garbage behind", post() + b"\x00\x00\r\n\r\n", says="400", end="closed", stored=1),
    case("garbage behind a refused one", post(b'{"reject":1}') + b"\x00\x00\r\n\r\n", says="400",
         end="closed"),
]  # fmt: skip


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    pair = Server(HttpToolsProtocol, offer=False), Server(FastPathProtocol, offer=True)
    yield pair
    for server in pair:
        server.stop()
    for server in pair:
        server.join()


def play(server: Server, told: Case) -> tuple[list[int], bytes, list[object], int]:
    """Plays the case; statuses, bytes seen, bodies stored, and requests that ASGI had."""
    server.handler.stored.clear()
    server.handler.asgi_calls = 0
    with Client(server.address) as client:
        for step in told.steps:
            perform(server, client, step)
        finish(client, told)
    server.wait_idle()
    stored = [json.loads(body) for body in server.handler.stored]
    return client.statuses, client.seen, stored, server.handler.asgi_calls


def perform(server: Server, client: Client, step: Step) -> None:
    if isinstance(step, bytes):
        client.send(step)
        return
    verb, count = step
    if verb in {"read", "head"}:
        client.read(count, head_only=verb == "head")
    elif verb == "held":
        server.wait_held(count)
    elif verb == "release":
        server.release()
    elif verb == "fin":
        client.finish()
    elif verb == "rst":
        client.reset()
    else:
        for start in range(0, len(WHOLE), 7):
            client.send(WHOLE[start : start + 7])


def finish(client: Client, told: Case) -> None:
    if told.end == "closed":
        client.read_to_end()
    elif told.end == "open":
        client.read(len(told.statuses) - len(client.statuses))
        if "websocket" not in told.name and told.name != "h2c":
            client.send(GET)  # It still answers, and nothing was left in between.
            client.read(1)
            assert client.statuses.pop() == 200


def test_names_differ() -> None:
    assert len({told.name for told in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("told", CASES, ids=lambda told: told.name)
def test_fast_equals_stock(servers: tuple[Server, Server], told: Case) -> None:
    stock, fast = servers
    expected = play(stock, told)
    assert expected[0] == list(told.statuses), expected[1]
    assert len(expected[2]) == told.stored
    answered = play(fast, told)
    assert answered[:3] == expected[:3]
    assert answered[3] == told.by_asgi
    assert fast.handler.clients <= {"127.0.0.1"}
