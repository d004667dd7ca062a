"""What is counted of the routes that a best delivery strategy wants to know about."""

from typing import Any

from tests.pipeline.world import route, snapshot

from cpaas.channels.base import CarrierReceipt, Outcome, Prepared
from cpaas.channels.errors import CATALOGUE
from cpaas.gateway import quality
from cpaas.gateway.quality import Quality
from cpaas.messages.envelopes import VERSION, Envelope, Outgoing
from cpaas.snapshot.types import Member, Strategy

SECOND = 1_000_000
START = 1_800_000_000 * SECOND


class Watch:
    def __init__(self, kind: str = "best_delivery", **settings: Any) -> None:
        self.now_us = START
        strategy = Strategy(1, "s1", "sms", kind, True, (Member(1),), settings=settings)
        self.snapshot = snapshot(routes=[route(1), route(2)])
        self.snapshot.strategies[1] = strategy
        self.quality = Quality(lambda: self.snapshot, lambda: self.now_us)

    def answer(self, provider_id: str | None, error: str = "", route_id: int = 1, **m: Any) -> None:
        message = Outgoing(b"i", "+91", "A", "t", "GSM7", 1, 1, 0, 0, 0, **m)
        envelope = Envelope(VERSION, 1, 1, "sms", "otp", False, 0, [1], 1, "", 0, [message])
        prepared = Prepared(envelope, message, 1, [], 1)
        found = CATALOGUE[error] if error else None
        self.quality.outcomes(route_id, [Outcome(prepared, [provider_id], found)])

    def receipt(self, provider_id: str, state: Any = "DELIVERED") -> None:
        told = CarrierReceipt(provider_id, state, "", "", 0, "", "", b"", None)
        self.quality.receipts(1, [told])

    def counted(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for _, _, one in self.quality.take():
            for name in one.__struct_fields__:
                total[name] = total.get(name, 0) + getattr(one, name)
        return {name: count for name, count in total.items() if count}


def test_other_routes_and_strategies_cost_nothing() -> None:
    watch = Watch()
    watch.answer("a", route_id=2)
    assert watch.counted() == {}
    watch = Watch("weighted")
    watch.answer("a")
    watch.receipt("a")
    assert watch.counted() == {}


def test_answers_are_counted_by_what_they_say_of_the_route() -> None:
    watch = Watch()
    watch.answer("a")
    for error in ("carrier_temporary", "route_down", "unknown_outcome", "invalid_destination",
                  "carrier_throttled"):  # fmt: skip
        watch.answer(None, error)
    assert watch.counted() == {"answers": 5, "errors": 3}


def test_receipts_in_time_late_failed_and_never() -> None:
    watch = Watch(slow_seconds=60)
    for one in "abcde":
        watch.answer(one)
    watch.receipt("a")
    watch.receipt("a")
    watch.receipt("b", "FAILED")
    watch.receipt("c", "ENROUTE")
    watch.receipt("unknown")
    watch.now_us += 61 * SECOND
    watch.receipt("c")
    assert watch.counted() == {"answers": 5, "in_time": 1, "failed": 1, "slow": 3}
    watch.receipt("d")
    assert watch.counted() == {}


def test_a_message_without_a_wish_for_a_receipt_is_not_waited_for() -> None:
    watch = Watch(slow_seconds=60)
    watch.answer("a", registered_delivery=0)
    watch.now_us += 61 * SECOND
    assert watch.counted() == {"answers": 1}


def test_the_table_of_ids_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(quality, "WAITING_MAX", 10)
    watch = Watch(slow_seconds=60)
    for n in range(25):
        watch.answer(str(n))
    watch.now_us += 61 * SECOND
    assert watch.counted() == {"answers": 25, "slow": 10}


def test_what_could_not_be_written_waits_for_the_next_time() -> None:
    watch = Watch()
    watch.answer("a")
    taken = watch.quality.take()
    watch.answer("b")
    watch.quality.give_back(taken)
    assert watch.counted() == {"answers": 2}
