"""Items of a route's queue that are open here: what goes next, in which order.

OTP first, then in turn between the items, so that an envelope of hundreds of messages on a slow
route does not keep another account's single message waiting.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator

import msgspec

from cpaas.broker.base import Item
from cpaas.messages.envelopes import Envelope, Outgoing

#: messages of one item that go before the next item has its turn.
TURN_MESSAGES = 10
LOW_LANES_EVERY = 8
_LANES = (0, 1, 2)


class OpenItem(msgspec.Struct, eq=False):
    """A leased item and how far it has been worked: messages before `at` are done with."""

    item: Item
    envelope: Envelope
    at: int = 0
    #: where the claim under way started, so that a failed one can be undone.
    before: int = 0

    @property
    def rest(self) -> list[Outgoing]:
        """The messages that are not done with."""
        return self.envelope.messages[self.at :]

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.envelope.messages)


class Buffer:
    """The open items of one route."""

    def __init__(self) -> None:
        self._lanes: dict[int, deque[OpenItem]] = {lane: deque() for lane in _LANES}
        self._picks = 0
        self.messages = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def __iter__(self) -> Iterator[OpenItem]:
        for lane in _LANES:
            yield from self._lanes[lane]

    @property
    def ids(self) -> list[int]:
        """Ids of all open items."""
        return [one.item.id for one in self]

    @property
    def accounts(self) -> list[int]:
        """Accounts that have an item here."""
        return sorted({one.item.account_id for one in self})

    def has_lane(self, lane: int) -> bool:
        """Whether a lane has open items."""
        return bool(self._lanes[lane])

    def add(self, one: OpenItem) -> None:
        """Opens an item."""
        self._lanes[one.item.lane if one.item.lane in self._lanes else 1].append(one)
        self.messages += len(one.rest)

    def pick(self) -> Generator[tuple[OpenItem, Outgoing], None, None]:
        """Messages in the order in which they shall go; each that is yielded is done with.

        The caller ends the iteration by `close` or by `unread` for the message it cannot take.
        """
        self._picks += 1
        order = _LANES[::-1] if self._picks % LOW_LANES_EVERY == 0 else _LANES
        for one in self:
            one.before = one.at
        for lane in order:
            items = self._lanes[lane]
            waiting = deque(one for one in items if not one.finished)
            while waiting:
                one = waiting[0]
                for _ in range(min(TURN_MESSAGES, len(one.envelope.messages) - one.at)):
                    message = one.envelope.messages[one.at]
                    one.at += 1
                    self.messages -= 1
                    yield one, message
                waiting.popleft()
                if not one.finished:
                    waiting.append(one)
                    # The next pick goes on with the others.
                    items.remove(one)
                    items.append(one)

    def unread(self, one: OpenItem) -> None:
        """The message yielded last goes back."""
        one.at -= 1
        self.messages += 1

    def undo(self) -> None:
        """What was picked last was not claimed after all."""
        for one in self:
            self.messages += one.at - one.before
            one.at = one.before

    def finished(self) -> list[int]:
        """Ids of the items of which nothing is left."""
        return [one.item.id for one in self if one.finished]

    def drop(self, ids: Iterable[int]) -> None:
        """Forgets items."""
        gone = set(ids)
        for lane, items in self._lanes.items():
            self._lanes[lane] = deque(one for one in items if one.item.id not in gone)
        self.messages = sum(len(one.rest) for one in self)
