"""The course of a drill: start, bursts of messages with a blow in each, quiet, all collected."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from cpaas.cli import output
from cpaas.cli.drill import plan, queries
from cpaas.cli.drill.books import AtCarrier, Books, Collected, balance
from cpaas.cli.drill.database import Database
from cpaas.cli.drill.ends import FarEnd
from cpaas.cli.drill.memory import Watched, running
from cpaas.cli.drill.plan import ACCOUNTS, Blow, Link, Victim, Wanted
from cpaas.cli.drill.traffic import Sent, Traffic
from cpaas.cli.drill.victims import Victims
from cpaas.cli.private_copy import Copy
from cpaas.messages.statuses import FINAL
from cpaas.simulators.drill.carrier import Ended, Line, Took
from cpaas.simulators.drill.customer import Got
from cpaas.simulators.drill.journal import lines
from cpaas.simulators.load.ends import Ports
from cpaas.simulators.tcp_proxy import Proxy

REPLAYED_AT_THE_END: Final = 200
SHOWN_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.5
#: nothing has moved for so long: what is left then has to have a reason.
STILL_SECONDS: Final = 45.0
QUIET_SECONDS_MAX: Final = 600.0
#: a receipt's answer may follow its commit by this much.
AFTER_SECONDS: Final = 1.0


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    messages: int
    seed: int
    victims: tuple[Victim, ...]
    blows: int
    connections: int
    #: no further burst begins after so long; 0 = never.
    minutes: float = 0


class Struck(msgspec.Struct, frozen=True):
    """A blow as it fell: seconds since the traffic began, and until the victim was well again."""

    blow: Blow
    at: float
    well_after: float


class Result(msgspec.Struct, kw_only=True):
    """How the drill went. Seconds: of the traffic with its blows, and until all was quiet.

    messages: that were sent. memory: process -> the most in each quarter of the traffic, in MB.
    """

    struck: list[Struck]
    messages: int
    memory: dict[str, list[float]]
    books: Books
    traffic_seconds: float
    quiet_seconds: float


async def run(copy: Copy, wishes: Wishes, database: Database | None = None) -> Result:
    """The whole drill on a copy that is not started yet; database: what it takes for its server."""
    async with _scenery(copy, wishes, database) as (victims, api_port):
        missing = [victim for victim in wishes.victims if not victims.has(victim)]
        if missing:
            raise output.CliError(
                f"this copy has no {', '.join(missing)}",
                "leave it out of --victims, or choose the queue that has it",
            )
        url = f"http://127.0.0.1:{api_port}/v1/messages"
        async with aiohttp.ClientSession() as session:
            traffic = Traffic(session, url, copy.keys, wishes.connections)
            began = time.monotonic()
            async with _watched(copy) as watched:
                struck = await _bursts(traffic, victims, wishes, began)
            memory = watched.most()
            output.step("repeating requests that were accepted")
            await _replay(traffic)
            ended = time.monotonic()
        output.step("waiting for quiet")
        await _quiet(copy)
        await asyncio.sleep(AFTER_SECONDS)
        quiet = time.monotonic()
        output.step("comparing the books")
        collected = await _collect(copy, victims, traffic.sent)
    return Result(
        struck=struck, books=balance(collected), traffic_seconds=ended - began,
        quiet_seconds=quiet - ended, messages=traffic.answered, memory=memory,
    )  # fmt: skip


@contextlib.asynccontextmanager
async def _watched(copy: Copy) -> AsyncIterator[Watched]:
    watched = Watched(lambda: running(copy.settings.run))
    sampling = asyncio.create_task(watched.run())
    try:
        yield watched
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)


@contextlib.asynccontextmanager
async def _scenery(
    copy: Copy, wishes: Wishes, database: Database | None
) -> AsyncIterator[tuple[Victims, int]]:
    """The copy between its far ends, each behind a link that can be disturbed."""
    async with contextlib.AsyncExitStack() as stack:
        carrier = FarEnd("carrier", copy.home, wishes.seed)
        customer = FarEnd("customer", copy.home)
        ports: dict[Link, int] = {
            "api": copy.settings.core_port, "carrier": carrier.port, "customer": customer.port,
        }  # fmt: skip
        links: dict[Link, Proxy] = {}
        if database is not None:
            await database.start()
            stack.push_async_callback(database.stop)
            links["database"] = database.link
        for end in (carrier, customer):
            await end.start()
            stack.push_async_callback(end.kill)
        for name, port in ports.items():
            link = Proxy("127.0.0.1", port)
            await link.start()
            stack.push_async_callback(link.stop)
            links[name] = link
        # The platform goes first, so that nothing of it meets far ends that have gone.
        stack.push_async_callback(asyncio.to_thread, copy.stop)
        told = Ports(links["carrier"].port, links["customer"].port)
        await asyncio.to_thread(copy.start, told, ACCOUNTS, events=None)
        # The others pay for what a carrier failed to deliver, as accounts do by default.
        await asyncio.to_thread(copy.command, "account", "set", "bench1", "--refund-failed")
        yield Victims(copy, carrier, customer, links, database), links["api"].port


async def _bursts(traffic: Traffic, victims: Victims, wishes: Wishes, began: float) -> list[Struck]:
    """A burst of messages for each blow, which falls while it is under way or just after."""
    blows = plan.blows(wishes.seed, wishes.blows, wishes.victims)
    requests = plan.requests(wishes.seed, wishes.messages)
    size = wishes.messages // max(1, len(blows))
    struck: list[Struck] = []
    shown = _Shown(wishes, struck, began)
    async with asyncio.TaskGroup() as tasks:
        for number, blow in enumerate(blows, 1):
            if wishes.minutes and time.monotonic() - began > wishes.minutes * 60:
                output.step(f"stopped after {wishes.minutes:g} minutes")
                break
            last = number == len(blows)
            burst = list(_burst(requests, wishes.messages if last else size))
            due = traffic.answered + int(blow.after * sum(len(one.recipients) for one in burst))
            reached = asyncio.Event()

            def progress(due: int = due, reached: asyncio.Event = reached) -> None:
                shown.show(traffic.answered)
                if traffic.answered >= due:
                    reached.set()

            striking = tasks.create_task(_strike(victims, blow, reached, struck, began))
            await traffic.send(burst, progress)
            reached.set()
            if blow.wait or last:
                await striking
        if not blows:
            await traffic.send(requests, lambda: shown.show(traffic.answered))
    return struck


def _burst(requests: Iterator[Wanted], messages: int) -> Iterator[Wanted]:
    while messages > 0:
        wanted = next(requests, None)
        if wanted is None:
            return
        messages -= len(wanted.recipients)
        yield wanted


async def _strike(
    victims: Victims, blow: Blow, reached: asyncio.Event, struck: list[Struck], began: float
) -> None:
    await reached.wait()
    await asyncio.sleep(blow.lag)
    at = time.monotonic() - began
    struck.append(Struck(blow, at, await victims.strike(blow)))


class _Shown:
    """Tells how far it is, now and then."""

    def __init__(self, wishes: Wishes, struck: Sequence[Struck], began: float) -> None:
        self._wishes = wishes
        self._struck = struck
        self._began = began
        self._next = 0.0

    def show(self, answered: int) -> None:
        """Says so if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SHOWN_SECONDS
            output.step(
                f"{now - self._began:5.0f} s  {answered} of {self._wishes.messages} messages, "
                f"{len(self._struck)} of {self._wishes.blows} blows"
            )


async def _replay(traffic: Traffic) -> None:
    keyed = [one for one in traffic.sent if one.outcome == "accepted" and one.wanted.key]
    for one in keyed[:: max(1, len(keyed) // REPLAYED_AT_THE_END)][:REPLAYED_AT_THE_END]:
        await traffic.replay(one)


async def _quiet(copy: Copy) -> None:
    """Returns when every message is final and told, or nothing has moved for a while."""
    before: queries.State | None = None
    moved = shown = began = time.monotonic()
    while True:
        now = time.monotonic()
        state = await _ask(copy, queries.state)
        going = sum(count for status, count in state.by_status.items() if status not in FINAL)
        if not going and not state.open:
            return
        if state != before:
            before, moved = state, now
        if now - moved > STILL_SECONDS or now - began > QUIET_SECONDS_MAX:
            output.step("nothing moves any more")
            return
        if now - shown > SHOWN_SECONDS:
            shown = now
            output.step(f"{now - began:5.0f} s  {going} messages and {state.open} tasks to go")
        await asyncio.sleep(POLL_SECONDS)


async def _collect(copy: Copy, victims: Victims, sent: list[Sent]) -> Collected:
    connection = await asyncpg.connect(copy.settings.dsn())
    try:
        # One moment for all of it.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return Collected(
                sent=sent,
                stored=await queries.stored(connection),
                events=await queries.events(connection),
                carrier=at_carrier(lines(victims.carrier.journal, Line)),
                got=list(lines(victims.customer.journal, Got)),
                state=await queries.state(connection),
                webhooks_waiting=await queries.webhooks_waiting(connection),
                webhooks_queued=await queries.webhooks_queued(connection),
                unmatched=await queries.unmatched(connection),
                money=await queries.money(connection),
                counted=await queries.counted(connection),
            )
    finally:
        await connection.close()


def at_carrier(journal: Iterator[Any]) -> AtCarrier:
    """The carrier's journal, sorted for look-ups."""
    found = AtCarrier(took={}, destination_of={}, ended={}, told=set())
    for line in journal:
        if isinstance(line, Took):
            destination = line.destination.lstrip("+")
            found.took.setdefault((destination, line.part), []).append(line.id)
            found.destination_of[line.id] = destination
        elif isinstance(line, Ended):
            found.ended[line.id] = line.state
        else:
            found.told.add(line.id)
    return found


async def _ask(copy: Copy, question: Callable[[Any], Any]) -> Any:
    connection = await asyncpg.connect(copy.settings.dsn())
    try:
        return await question(connection)
    finally:
        await connection.close()
