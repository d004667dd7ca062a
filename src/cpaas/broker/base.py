"""What every carrier of work offers: publish in the caller's transaction, take, complete, bury.

`queue_item` rows are written in the caller's transaction and deleted in the consumer's own, so
that an item is neither lost nor worked twice without the database knowing.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec


class NewItem(msgspec.Struct, frozen=True):
    """An item to publish; `delay_ms` 0 means at once.

    Below 0: at once, in the place of one that was published so long before.
    """

    queue: str
    lane: int
    account_id: int
    messages: int
    payload: bytes
    delay_ms: int = 0


class Item(msgspec.Struct, frozen=True):
    """A taken item. `tries` counts how often it was taken, this time included."""

    id: int
    queue: str
    lane: int
    account_id: int
    messages: int
    tries: int
    payload: bytes


#: OTP, transactional, promotional. A higher number is a place apart in the same queue, where items
#: wait for something and nobody takes them who does not name it: `LANES * place + lane`.
LANES: Final = 3
#: places beyond the lanes; the column is a smallint.
PLACES_MAX: Final = 10_900
#: so many ends without a completion, and an item is worked alone; so many more, and it is buried.
APART_AFTER: Final = 3
TRIES_MAX: Final = 10


def apart(taken: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """What of a take is worked now, and what is given back.

    An item that was taken several times without an end may be what ended its workers: it goes
    alone, so that it takes no other along to the dead letters.
    """
    suspect = next((item for item in taken if item.tries > APART_AFTER), None)
    if suspect is None:
        return list(taken), []
    return [suspect], [item for item in taken if item is not suspect]


def within(taken: Sequence[Item], room: int, piece: int) -> list[Item]:
    """The first of these that have room, when at most `piece` messages of each are wanted now."""
    kept: list[Item] = []
    for item in taken:
        if room <= 0:
            break
        kept.append(item)
        room -= min(item.messages, piece)
    return kept


class ItemsGoneError(Exception):
    """Another worker has ended some of these items: nothing was done."""


class Consumer(Protocol):
    """Takes items of one queue: OTP lane first, then fair between accounts."""

    @property
    def more(self) -> bool:
        """Whether the last take may have left something that was ready."""

    def pause(self) -> None:
        """What is carried here goes back, to others if there are any; `take` still works."""

    def resume(self) -> None:
        """Ends what `pause` began."""

    def close(self) -> None:
        """Takes no more; what lies here untaken goes back, what is leased comes back by itself."""

    async def take(
        self, most: int, *, not_accounts: Sequence[int] = (), lanes: Sequence[int] = (),
        room: int = 0, piece: int = 1,
    ) -> list[Item]:  # fmt: skip
        """Up to `most` ready items, leased to this process; empty when there are none.

        lanes: only these, in this order. room: for so many messages, at most `piece` of each item;
        the next take goes on with the account behind the last that had room.
        """

    async def wait(self, timeout_seconds: float) -> None:
        """Returns when something may be ready, or after the timeout."""

    def news(self) -> bool:
        """Whether something may have become ready since this was last asked."""

    async def complete(self, connection: Any, ids: Sequence[int]) -> set[int]:
        """Deletes items in the caller's transaction; returns those that nobody had ended yet."""

    async def replace(self, connection: Any, ids: Sequence[int], items: Sequence[NewItem]) -> None:
        """Deletes items and publishes what became of them; with ids and items one statement.

        Raises ItemsGoneError, and then nothing is published, if one of them is gone already: who
        ended it has published what became of it.
        """

    async def release(
        self, ids: Sequence[int], *, delay_ms: int = 0, lane: int | None = None
    ) -> None:
        """Gives items back unworked, available after the delay; without one, as old as they are.

        lane: where they wait from now on; else in the lane that they were published in.
        """

    async def extend(self, ids: Sequence[int]) -> None:
        """Prolongs the lease of items still being worked."""

    async def bury(self, items: Sequence[Item], reason: str) -> None:
        """Moves items to the dead letters of their queue with the reason."""


class Broker(Protocol):
    """The carrier of a process's work, one per process."""

    async def start(self) -> None:
        """Connects; what is away then is tried again until it is there."""

    async def close(self) -> None:
        """Closes every consumer and all connections."""

    def consumer(self, queue: str, *, on_news: Callable[[], None] | None = None) -> Consumer:
        """A consumer of a queue; `on_news` is called whenever something may be ready."""

    def gauges(self) -> list[tuple[str, float]]:
        """Name and value of what /metrics shows of it."""

    def details(self) -> dict[str, object]:
        """What heartbeat and health tell: `queue` with `carrier`, `up`, `error`; else nothing."""


#: what `Broker.gauges` shows of a broker that is not PostgreSQL itself.
BROKER_GAUGES: Final = {
    "cpaas_broker_up": "Whether the connection to the broker stands.",
    "cpaas_broker_items_relayed": "Queue items that came through the broker.",
    "cpaas_broker_items_passed_by": "Queue items that were taken past the broker.",
}
