"""Which message of a route's open items goes next: lanes first, then the accounts in turn."""

from collections import Counter

from cpaas.broker.base import Item
from cpaas.gateway.buffer import TURN_MESSAGES, Buffer, OpenItem
from cpaas.messages.envelopes import LANES, VERSION, Envelope, Outgoing


def opened(item_id: int, account_id: int, count: int, lane: int = 1) -> OpenItem:
    messages = [
        Outgoing(f"{item_id}-{n}".encode(), "+1", "A", "t", "GSM7", 1, 1, 0, 1, 0)
        for n in range(count)
    ]
    envelope = Envelope(
        VERSION, 1, account_id, "sms", LANES[lane], False, 0, [1], 1, "", 0, messages
    )
    return OpenItem(Item(item_id, "submit_r1", lane, account_id, count, 1, b""), envelope)


def picked(buffer: Buffer, most: int) -> list[int]:
    """The accounts of the next so many messages, as a gateway with so many tokens takes them."""
    found: list[int] = []
    picking = buffer.pick()
    for one, _ in picking:
        if len(found) == most:
            buffer.unread(one)
            break
        found.append(one.item.account_id)
    picking.close()
    buffer.drop(buffer.finished())
    return found


def test_one_that_floods_gets_its_share_and_no_more() -> None:
    for tokens in (1, 7, 500):
        buffer = Buffer()
        for n in range(14):
            buffer.add(opened(1000 + n, 1, 500))
        for account in range(2, 51):
            buffer.add(opened(account, account, 20))
        order: list[int] = []
        while any(account != 1 for account in buffer.accounts):
            order += picked(buffer, tokens)
        last = max(place for place, account in enumerate(order) if account != 1)
        counts = Counter(order[: last + 1])
        assert all(counts[account] == 20 for account in range(2, 51))
        # The others are through before the flood had more than a few turns beyond its share.
        assert counts[1] <= 20 + 3 * TURN_MESSAGES


def test_a_message_that_does_not_fit_keeps_its_turn() -> None:
    buffer = Buffer()
    buffer.add(opened(1, 1, 1))
    buffer.add(opened(2, 2, 5))
    assert picked(buffer, 0) == []
    assert picked(buffer, 1) == [1]
    assert picked(buffer, 9) == [2] * 5
    assert (len(buffer), buffer.messages) == (0, 0)


def test_otp_goes_first_and_the_others_are_never_shut_out() -> None:
    buffer = Buffer()
    buffer.add(opened(1, 1, 100, lane=2))
    buffer.add(opened(2, 2, 100, lane=0))
    order = [account for _ in range(16) for account in picked(buffer, 5)]
    assert order[:35] == [2] * 35
    assert 5 <= Counter(order)[1] <= 10


def test_an_undone_pick_starts_again() -> None:
    buffer = Buffer()
    buffer.add(opened(1, 1, 3))
    assert [message.id for _, message in buffer.pick()] == [b"1-0", b"1-1", b"1-2"]
    buffer.undo()
    assert buffer.messages == 3
    assert [message.id for _, message in buffer.pick()] == [b"1-0", b"1-1", b"1-2"]
