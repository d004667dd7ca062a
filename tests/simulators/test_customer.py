"""The simulated customer: what it keeps, how it misbehaves, what it tells."""

import asyncio
import json
from typing import Any

from cpaas.simulators.customer.serve import CustomerSettings, serve
from cpaas.simulators.customer.sink import Behaviour, CustomerSink


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer


def post(path: str, body: bytes, *extra: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *extra]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def test_keeps_a_bounded_number_and_counts_all() -> None:
    sink = CustomerSink(kept_max=3, behaviour=Behaviour(keep_alive=False))
    await sink.start()
    for number in range(5):
        assert (await ask(sink.port, post("/a", b"%d" % number))).startswith(b"HTTP/1.1 200")
    assert sink.bodies("/a") == [b"2", b"3", b"4"]
    assert sink.counts["/a"] == 5
    await sink.stop()


async def test_fails_first_per_event() -> None:
    sink = CustomerSink(behaviour=Behaviour(fail_first=1, fail_status=503, keep_alive=False))
    await sink.start()
    answers = [
        (await ask(sink.port, post("/", b"{}", f"webhook-id: {event}")))[9:12]
        for event in ("a", "b", "a", "b", "a")
    ]
    assert answers == [b"503", b"503", b"200", b"200", b"200"]
    await sink.stop()


async def test_refuses_what_is_not_signed() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    sink = CustomerSink(
        behaviour=Behaviour(secrets=(secret,), keep_alive=False), now=lambda: 1614265330.0
    )
    await sink.start()
    body = b'{"test": 2432232314}'
    headers = (
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )
    assert b" 200 " in await ask(sink.port, post("/", body, *headers))
    assert b" 401 " in await ask(sink.port, post("/", body + b" ", *headers))
    assert b" 401 " in await ask(sink.port, post("/", body))
    assert (sink.counts["signature_good"], sink.counts["signature_bad"]) == (1, 2)
    await sink.stop()


async def test_serves_its_counts_until_told_to_stop(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    handlers: dict[int, Any] = {}
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "add_signal_handler", handlers.__setitem__)
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    serving = asyncio.create_task(serve(CustomerSettings(port=port)))
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
    for request in (post("/x", b"{}"), b"GET /counts HTTP/1.1\r\nHost: x\r\n\r\n"):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
    assert json.loads(body)["/x"] == 1
    writer.close()
    for stop in list(handlers.values())[:1]:
        stop()
    await asyncio.wait_for(serving, 5)
