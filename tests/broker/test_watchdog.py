"""A consumer that takes nothing beside ready work is begun anew; one with a reason is not."""

import asyncio
from typing import Any

import asyncpg
import pytest

from cpaas.broker.base import NewItem
from cpaas.broker.embedded import publish
from cpaas.broker.watchdog import PATIENCE_SECONDS, Recyclable, Watchdog, Watched

QUEUE = "cpaas.sms.submit"


class Consumer:
    """A consumer as the watchdog sees it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.now = 1_000.0
        self.taken = 0.0
        self.reason = False
        self.begun_anew = 0
        self.dog = Watchdog(pool, clock=lambda: self.now)
        self.dog.watch(Watched(QUEUE, lambda: self.taken, lambda: self.reason, self._recycle))

    def _recycle(self) -> None:
        self.begun_anew += 1

    async def after(self, seconds: float) -> int:
        self.now += seconds
        await self.dog.look()
        return self.begun_anew


@pytest.fixture
def consumer(pool: asyncpg.Pool) -> Consumer:
    return Consumer(pool)


async def put(pool: asyncpg.Pool, seconds_ago: float, queue: str = QUEUE) -> None:
    async with pool.acquire() as connection:
        await publish(connection, [NewItem(queue, 1, 1, 1, b"x")])
        await connection.execute(
            "UPDATE queue_item SET available_at = now() - $1 * interval '1 second'", seconds_ago
        )


async def test_who_takes_nothing_beside_ready_work_is_begun_anew(
    pool: asyncpg.Pool, consumer: Consumer
) -> None:
    await put(pool, 2 * PATIENCE_SECONDS)
    assert await consumer.after(PATIENCE_SECONDS - 1) == 0
    assert await consumer.after(1) == 1
    assert await consumer.after(PATIENCE_SECONDS - 1) == 1, "it gets the same time again"
    assert await consumer.after(1) == 2
    assert consumer.dog.recycled == {QUEUE: 2}
    consumer.taken = consumer.now
    assert await consumer.after(PATIENCE_SECONDS - 1) == 2


async def test_nothing_is_ready_nothing_is_wrong(pool: asyncpg.Pool, consumer: Consumer) -> None:
    assert await consumer.after(2 * PATIENCE_SECONDS) == 0
    await put(pool, 1)
    await put(pool, 2 * PATIENCE_SECONDS, "submit_smpp1")
    await pool.execute("UPDATE queue_item SET available_at = now() WHERE queue = $1", QUEUE)
    assert await consumer.after(2 * PATIENCE_SECONDS) == 0


async def test_a_reason_excuses_and_the_time_begins_when_it_ends(
    pool: asyncpg.Pool, consumer: Consumer
) -> None:
    await put(pool, 10 * PATIENCE_SECONDS)
    consumer.reason = True
    assert await consumer.after(5 * PATIENCE_SECONDS) == 0
    consumer.reason = False
    assert await consumer.after(PATIENCE_SECONDS - 1) == 0
    assert await consumer.after(1) == 1
    consumer.dog.forget(QUEUE)
    assert await consumer.after(5 * PATIENCE_SECONDS) == 1


class Work:
    """Work that hangs until it is told to go on."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.begun = 0
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self._stubborn = stubborn

    async def run(self) -> None:
        self.begun += 1
        self.started.set()
        while not self.go_on.is_set():
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                if not self._stubborn:
                    raise


async def wait(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 10)
    event.clear()


async def test_work_is_begun_anew_and_ends_by_itself() -> None:
    work = Work()
    recyclable = Recyclable(work.run)
    running = asyncio.create_task(recyclable.run())
    for _ in range(3):
        await wait(work.started)
        recyclable.recycle()
    await wait(work.started)
    work.go_on.set()
    await asyncio.wait_for(running, 10)
    assert work.begun == 4


async def test_a_fault_of_the_work_is_told() -> None:
    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Recyclable(fails).run()


async def test_work_that_cannot_be_ended_ends_the_process_part() -> None:
    work = Work(stubborn=True)
    recyclable = Recyclable(work.run)
    running = asyncio.create_task(recyclable.run())
    await wait(work.started)
    recyclable.recycle()
    await asyncio.sleep(0)
    recyclable.recycle()
    with pytest.raises(RuntimeError, match="hangs"):
        await asyncio.wait_for(running, 10)
    work.go_on.set()
    await asyncio.sleep(0)


async def test_cancelling_ends_the_work(pool: asyncpg.Pool) -> None:
    work = Work()
    running: asyncio.Task[Any] = asyncio.create_task(Recyclable(work.run).run())
    await wait(work.started)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
