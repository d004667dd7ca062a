"""Items of a route's queue that are open here: what goes next, in which order.

OTP first, then in turn between the accounts, so that neither an envelope of hundreds of messages
nor a thousand envelopes of one account keep another's single message waiting on a slow route.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator

import msgspec

from cpaas.broker.base import Item
from cpaas.messages.envelopes import Envelope, Outgoing

#: messages of one account that go before the next account has its turn.
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
        # By lane and account; the account whose turn is next stands first.
        self._lanes: dict[int, OrderedDict[int, list[OpenItem]]] = {
            lane: OrderedDict() for lane in _LANES
        }
        self._picks = 0
        self._taken = 0
        self.messages = 0

    def __len__(self) -> int:
        return sum(len(items) for lane in _LANES for items in self._lanes[lane].values())

    def __iter__(self) -> Iterator[OpenItem]:
        for lane in _LANES:
            for items in self._lanes[lane].values():
                yield from items

    @property
    def ids(self) -> list[int]:
        """Ids of all open items."""
        return [one.item.id for one in self]

    @property
    def accounts(self) -> list[int]:
        """Accounts that have an item here."""
        return sorted({account for lane in _LANES for account in self._lanes[lane]})

    @property
    def otp_accounts(self) -> list[int]:
        """Accounts that have an OTP here."""
        return sorted(self._lanes[0])

    def begun(self, *lanes: int) -> int:
        """Messages that are done with, of items of these lanes of which something is left."""
        return sum(one.at for n in lanes for items in self._lanes[n].values() for one in items)

    def has_lane(self, lane: int) -> bool:
        """Whether a lane has open items."""
        return bool(self._lanes[lane])

    def add(self, one: OpenItem) -> None:
        """Opens an item."""
        accounts = self._lanes[one.item.lane if one.item.lane in self._lanes else 1]
        accounts.setdefault(one.item.account_id, []).append(one)
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
            accounts = self._lanes[lane]
            waiting = [
                account
                for account, items in accounts.items()
                if not all(one.finished for one in items)
            ]
            while waiting:
                left = []
                for account in waiting:
                    self._taken = 0
                    try:
                        yield from self._turn(accounts[account])
                    finally:
                        # The next pick goes on with the others, however few this one could take.
                        if self._taken:
                            accounts.move_to_end(account)
                    if not all(one.finished for one in accounts[account]):
                        left.append(account)
                waiting = left

    def _turn(self, items: list[OpenItem]) -> Iterator[tuple[OpenItem, Outgoing]]:
        room = TURN_MESSAGES
        for one in items:
            while room > 0 and not one.finished:
                message = one.envelope.messages[one.at]
                one.at += 1
                room -= 1
                self._taken += 1
                self.messages -= 1
                yield one, message

    def unread(self, one: OpenItem) -> None:
        """The message yielded last goes back."""
        one.at -= 1
        self._taken -= 1
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
        for accounts in self._lanes.values():
            for account in list(accounts):
                accounts[account] = [one for one in accounts[account] if one.item.id not in gone]
                if not accounts[account]:
                    del accounts[account]
        self.messages = sum(len(one.rest) for one in self)
