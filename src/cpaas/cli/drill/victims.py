"""Strikes one victim and waits until it is well again: processes, far ends, links."""

import asyncio
import contextlib
import time
from typing import Final

import psutil

from cpaas.cli import output
from cpaas.cli.drill.database import Database
from cpaas.cli.drill.ends import FarEnd
from cpaas.cli.drill.plan import Blow, Link
from cpaas.cli.private_copy import Copy
from cpaas.simulators.tcp_proxy import Proxy
from cpaas.supervisor.lock import read_state
from cpaas.supervisor.types import Row, Status

#: victim -> its row in `status`.
ROWS: Final = {
    "core": "cpaas-core", "sms": "cpaas-sms", "postgres": "postgres", "rabbitmq": "rabbitmq",
}  # fmt: skip
WELL_SECONDS_MAX: Final = 120
POLL_SECONDS: Final = 0.05
ANSWERS_LOST: Final = 5
LOSE_EVERY_SECONDS: Final = 0.1


class Victims:
    """Everything that a drill strikes."""

    def __init__(
        self,
        copy: Copy,
        carrier: FarEnd,
        customer: FarEnd,
        links: dict[Link, Proxy],
        database: Database | None,
    ) -> None:
        self.carrier = carrier
        self.customer = customer
        self._copy = copy
        self._ends = {"smsc": carrier, "webhook": customer}
        self._links = links
        self._database = database
        self._busy: dict[str, asyncio.Lock] = {}

    def has(self, victim: str) -> bool:
        """Whether this copy has such a part."""
        if victim == "postgres" and self._database is not None:
            return True
        return victim not in ROWS or self._row(victim) is not None

    async def strike(self, blow: Blow) -> float:
        """Does it, and returns after how many seconds the victim was well again."""
        # One that is still down can be killed no more.
        async with self._busy.setdefault(blow.name, asyncio.Lock()):
            began = time.monotonic()
            if blow.service is not None:
                await self._freeze(blow.service, blow.seconds)
            elif blow.link is not None:
                await self._disturb(self._links[blow.link], blow)
            elif blow.victim in self._ends:
                await self._absent(self._ends[blow.victim], blow.seconds)
            elif blow.victim == "postgres" and self._database is not None:
                await self._database.kill()
            else:
                await self._kill(blow.victim)
            return time.monotonic() - began

    async def _kill(self, victim: str) -> None:
        deadline = time.monotonic() + WELL_SECONDS_MAX
        row = await self._running(victim, 0, deadline)
        before = row.pid or 0
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(before).kill()
        await self._running(victim, before, deadline)

    async def _freeze(self, victim: str, seconds: float) -> None:
        """It stands still as on a host without CPU, and then goes on as if nothing had been."""
        # It must not be killed meanwhile: then there would be nothing to go on.
        async with self._busy.setdefault(victim, asyncio.Lock()):
            row = await self._running(victim, 0, time.monotonic() + WELL_SECONDS_MAX)
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(row.pid)
                process.suspend()
                try:
                    await asyncio.sleep(seconds)
                finally:
                    process.resume()

    async def _running(self, victim: str, before: int, deadline: float) -> Row:
        while True:
            row = self._row(victim)
            if row is not None and row.pid and row.pid != before and row.status == Status.RUNNING:
                return row
            if time.monotonic() > deadline:
                raise output.CliError(
                    f"{ROWS[victim]} did not come back within {WELL_SECONDS_MAX} s",
                    "run it again with --keep and see its log",
                )
            await asyncio.sleep(POLL_SECONDS)

    def _row(self, victim: str) -> Row | None:
        state = read_state(self._copy.settings.run)
        rows = state.services if state else ()
        return next((row for row in rows if row.name == ROWS[victim]), None)

    async def _absent(self, end: FarEnd, seconds: float) -> None:
        await end.kill()
        await asyncio.sleep(seconds)
        await end.start()

    async def _disturb(self, link: Proxy, blow: Blow) -> None:
        if blow.deed == "stall":
            await link.stall(blow.seconds)
        elif blow.deed == "lose":
            for _ in range(ANSWERS_LOST):
                link.losing_the_next_answer = True
                await asyncio.sleep(LOSE_EVERY_SECONDS)
            link.losing_the_next_answer = False
        else:
            link.refusing = blow.deed == "refuse"
            link.cut()
            if link.refusing:
                await asyncio.sleep(blow.seconds)
                link.refusing = False
