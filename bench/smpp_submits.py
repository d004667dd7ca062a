"""Submits by SMPP as a customer would, and tells the rate and what cpaas-sms spent on it.

`python bench/smpp_submits.py HOST PORT SYSTEM_ID PASSWORD [COUNT] [BINDS] [WINDOW]` against a
running copy on this machine; the CPU seconds are those of the process that listens on the port.
"""

import asyncio
import sys
import time
from collections import Counter
from typing import Any

import psutil

from cpaas.smpp.client import BindParams, Client
from cpaas.smpp.pdu import DeliverSm, SubmitSm

COUNT, BINDS, WINDOW = 20_000, 4, 100


class Load:
    """Keeps every bind's window full until all is answered."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.wanted = count
        self.statuses: Counter[int] = Counter()
        self.receipts = 0
        self.done = asyncio.Event()

    def feed(self, bind: Client) -> None:
        """Writes what fits."""
        number = min(bind.free, self.left)
        if number <= 0:
            return
        first = self.left
        self.left -= number
        bind.submit(
            [
                (n, SubmitSm(dest_addr_ton=1, dest_addr_npi=1, registered_delivery=0,
                             destination_addr=f"9198{n:08d}", short_message=b"Your code is 4821"))
                for n in range(first - number, first)
            ]
        )  # fmt: skip

    def on_bound(self, bind: Client) -> None:
        """Begins."""
        self.feed(bind)

    def on_submit_resps(self, bind: Client, answers: list[Any]) -> None:
        """Counts, and goes on."""
        self.statuses.update(status for _, status, _ in answers)
        if self.statuses.total() >= self.wanted:
            self.done.set()
        self.feed(bind)

    def on_deliver_sms(self, bind: Client, pdus: list[DeliverSm]) -> None:
        """Answers receipts."""
        self.receipts += len(pdus)
        bind.deliver_resps([pdu.sequence for pdu in pdus], link_number=bind.link_number)

    def on_timeouts(self, bind: Client, tags: list[Any]) -> None:
        """They count as -1."""
        self.statuses[-1] += len(tags)

    def on_lost(self, bind: Client, unanswered: list[Any], reason: str) -> None:
        """A bind that is lost would falsify the figure."""
        print(f"lost a bind: {reason} {bind.last_error}", file=sys.stderr)

    def on_room(self, bind: Client) -> None:
        """There is room again."""
        self.feed(bind)


def _listener(port: int) -> psutil.Process:
    for process in psutil.process_iter():
        try:
            for one in process.net_connections(kind="tcp"):
                if one.status == psutil.CONN_LISTEN and one.laddr.port == port:
                    return process
        except psutil.Error:
            continue
    raise SystemExit(f"nobody listens on {port}")


async def run(host: str, port: int, login: tuple[str, str], numbers: tuple[int, int, int]) -> None:
    """Submits and prints one line."""
    count, binds, window = numbers
    process, load = _listener(port), Load(count)
    clients = [Client(BindParams(host, port, *login, window=window), load) for _ in range(binds)]
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await load.done.wait()
    seconds = time.monotonic() - began
    spent = sum(process.cpu_times()[:2]) - before
    await asyncio.gather(*(client.stop(1.0) for client in clients))
    for task in tasks:
        task.cancel()
    accepted = load.statuses[0]
    print(
        f"{accepted} of {count} accepted in {seconds:.1f} s: {accepted / seconds:.0f}/s,"
        f" {spent / count * 1000:.3f} CPU-s per 1,000 in cpaas-sms; statuses {dict(load.statuses)}"
    )


if __name__ == "__main__":
    _host, _port, _user, _password, *_more = sys.argv[1:]
    _numbers = [int(one) for one in _more] + [COUNT, BINDS, WINDOW][len(_more) :]
    asyncio.run(run(_host, int(_port), (_user, _password), (_numbers[0], _numbers[1], _numbers[2])))
