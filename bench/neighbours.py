"""Measures what eight slow webhooks and two dead routes cost everybody else: ratios, not seconds.

    python bench/neighbours.py [--seconds 40] [--rate 150] [--json]

A private copy serves four accounts (the neighbours) alone, then beside ten others that are well,
and then beside the same traffic of the same ten when the webhooks of eight take 9 s to answer and
the only route of two leads to a carrier that is not there or that never answers. For the
neighbours' API answers and whole ways (request to final webhook) it tells p50 and p99 of each and
the ratios: to being alone, which more traffic costs as well, and to the same traffic in health,
which is what the trouble costs. It exits with 1 if a p99 more than doubled.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import math
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
import uvloop

from cpaas.cli.client import Api
from cpaas.cli.private_copy import Copy
from cpaas.simulators.customer.sink import Behaviour, CustomerSink
from cpaas.simulators.load.ends import Ports
from cpaas.simulators.load.requests import SENDER
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings

NEIGHBOURS = 4
SLOW = 8
DEAD = 2
WORST_RATIO = 2.0
SLOW_SECONDS = 9.0
SETTLE_SECONDS = 15.0
CARRIER = SmscSettings(receipt_delay_seconds=0.05, messages_kept_max=0)


class Sink(CustomerSink):
    """Notes when each message's final event came."""

    def __init__(self) -> None:
        super().__init__(kept_max=0)
        self.delivered: dict[str, float] = {}

    def arrive(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Notes it."""
        event = msgspec.json.decode(body)
        if event["type"] == "message.delivered" and path == "/quick":
            self.delivered[event["data"]["id"]] = time.monotonic()
        return super().arrive(path, headers, body)


class Sender:
    """Sends at a steady rate for some accounts and notes when, and how fast the API answered."""

    def __init__(self, port: int, keys: list[str], numbers: Iterator[int]) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/messages"
        self.keys, self.numbers = keys, numbers
        self.begun: dict[str, float] = {}
        self.answers: list[float] = []
        self.refused = 0

    async def run(self, seconds: float, rate: float) -> None:
        """Sends; a request counts from when it was due."""
        keys = itertools.cycle(self.keys)
        connector = aiohttp.TCPConnector(limit=64)
        async with aiohttp.ClientSession(connector=connector) as session:
            start = time.monotonic()
            async with asyncio.TaskGroup() as group:
                for number in range(int(seconds * rate)):
                    due = start + number / rate
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    group.create_task(self._one(session, next(keys), due))

    async def _one(self, session: aiohttp.ClientSession, key: str, due: float) -> None:
        to = f"+919{next(self.numbers):09d}"
        body = {"channel": "sms", "to": to, "from": SENDER, "text": "How are you?"}
        headers = {"Authorization": f"Bearer {key}"}
        async with session.post(self.url, json=body, headers=headers) as answer:
            told = await answer.json(content_type=None)
            self.answers.append(time.monotonic() - due)
            if answer.status == 202:
                self.begun[told["id"]] = due
            else:
                self.refused += 1


def quantile(values: list[float], share: float) -> float:
    """The value that this share does not exceed, in milliseconds."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] * 1000


def figures(sender: Sender, sink: Sink) -> dict[str, float]:
    """p50 and p99 of the API and of the whole way; what never arrived."""
    ways = [sink.delivered[one] - at for one, at in sender.begun.items() if one in sink.delivered]
    return {
        "messages": len(sender.begun), "refused": sender.refused,
        "missing": len(sender.begun) - len(ways),
        "api_p50_ms": quantile(sender.answers, 0.5), "api_p99_ms": quantile(sender.answers, 0.99),
        "way_p50_ms": quantile(ways, 0.5), "way_p99_ms": quantile(ways, 0.99),
    }  # fmt: skip


async def phase(copy: Copy, sink: Sink, loads: list[tuple[list[str], float]], seconds: float,
                numbers: Iterator[int]) -> dict[str, float]:  # fmt: skip
    """Runs some loads at once, of which the first is measured."""
    port = copy.settings.core_port
    senders = [Sender(port, keys, numbers) for keys, _ in loads]
    async with asyncio.TaskGroup() as group:
        for sender, (_, rate) in zip(senders, loads, strict=True):
            group.create_task(sender.run(seconds, rate))
    until = time.monotonic() + SETTLE_SECONDS
    while len(senders[0].begun.keys() - sink.delivered.keys()) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    return figures(senders[0], sink)


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(copy: Copy, sink: Sink) -> tuple[list[str], ...]:
    """All are well; returns the three groups' keys."""
    quick, slow, dead = (
        list(copy.keys[:NEIGHBOURS]), list(copy.keys[NEIGHBOURS : NEIGHBOURS + SLOW]),
        list(copy.keys[NEIGHBOURS + SLOW :]),
    )  # fmt: skip
    for keys, path in ((quick, "/quick"), (slow, "/slow"), (dead, "/quick")):
        for key in keys:
            api = Api("127.0.0.1", copy.settings.core_port, key, fresh=True)
            api.call("PUT", "/v1/webhook", {"url": sink.url(path)})
    return quick, slow, dead


def trouble(copy: Copy, sink: Sink, silent_port: int) -> None:
    """Slow webhooks and dead routes."""
    sink.behave("/slow", Behaviour(delay_seconds=SLOW_SECONDS))
    for n, port in enumerate((closed_port(), silent_port)):
        name = f"dead{n}"
        copy.command("route", "create", name, "--channel", "sms", "--host", "127.0.0.1",
                     "--port", str(port), "--system-id", "x", "--password", "x")  # fmt: skip
        copy.command("rule", "create", "--channel", "sms", "--route", name, "--priority", "0",
                     "--account", f"bench{NEIGHBOURS + SLOW + n + 1}")  # fmt: skip


async def measure(seconds: float, rate: float) -> dict[str, Any]:
    """Both phases on one copy."""
    carrier, silent, sink = SimulatedSmsc(CARRIER), SimulatedSmsc(SmscSettings(silent=True)), Sink()
    port, silent_port = await carrier.start(), await silent.start()
    await sink.start()
    numbers = itertools.count(1)
    try:
        with contextlib.ExitStack() as stack:
            copy = stack.enter_context(Copy(None))
            accounts = NEIGHBOURS + SLOW + DEAD
            ports = Ports(port, sink.port)
            await asyncio.to_thread(copy.start, ports, accounts, events=None)
            groups = await asyncio.to_thread(prepare, copy, sink)
            quick, slow, dead = groups
            await phase(copy, sink, [(quick, rate)], 5, numbers)
            quiet = await phase(copy, sink, [(quick, rate)], seconds, numbers)
            loads = [(quick, rate), (slow, rate), (dead, rate / 3)]
            well = await phase(copy, sink, loads, seconds, numbers)
            await asyncio.to_thread(trouble, copy, sink, silent_port)
            busy = await phase(copy, sink, loads, seconds, numbers)
            await asyncio.to_thread(copy.stop)
    finally:
        await sink.stop()
        await silent.stop()
        await carrier.stop()
    return {
        "quiet": quiet, "well": well, "busy": busy,
        "ratio_to_quiet": ratios(busy, quiet), "ratio": ratios(busy, well),
    }  # fmt: skip


def ratios(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """How much longer everything took in one phase than in the other."""
    return {
        name.removesuffix("_ms"): round(one[name] / other[name], 2)
        for name in other
        if name.endswith("_ms")
    }


def main() -> int:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--rate", type=float, default=150)
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    found = uvloop.run(measure(wishes.seconds, wishes.rate))
    if wishes.json:
        print(json.dumps(found))
    else:
        for name, values in found.items():
            print(name, {key: round(value, 1) for key, value in values.items()})
    worst = max(found["ratio"]["api_p99"], found["ratio"]["way_p99"])
    lost = sum(found[one]["missing"] for one in ("quiet", "well", "busy"))
    return 0 if worst <= WORST_RATIO and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
