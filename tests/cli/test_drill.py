"""The drill: its plan repeats, and its reconciliation finds whatever is off."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.cli.drill_books import PRICE, good, stored, wanted

from cpaas.cli.drill import plan
from cpaas.cli.drill.books import Collected, balance
from cpaas.cli.drill.memory import quarters
from cpaas.cli.drill.queries import State
from cpaas.cli.drill.traffic import Sent
from cpaas.simulators.drill.customer import Got


def wrong(collected: Collected) -> list[str]:
    return [check.what for check in balance(collected).checks if not check.good]


def test_the_same_seed_is_the_same_drill() -> None:
    assert plan.blows(3, 40, plan.VICTIMS) == plan.blows(3, 40, plan.VICTIMS)
    assert plan.blows(3, 40, plan.VICTIMS) != plan.blows(4, 40, plan.VICTIMS)
    assert list(plan.requests(3, 2_000)) == list(plan.requests(3, 2_000))
    assert list(plan.requests(3, 2_000)) != list(plan.requests(4, 2_000))


def test_every_victim_is_struck_in_every_round() -> None:
    struck = plan.blows(1, 3 * len(plan.VICTIMS), plan.VICTIMS)
    assert set(Counter(one.victim for one in struck).values()) == {3}
    assert len(plan.blows(1, 5, ("core", "sms"))) == 5
    assert plan.blows(1, 0, plan.VICTIMS) == []


def test_the_database_is_struck_on_its_link() -> None:
    struck = plan.blows(1, 40, ("database",))
    assert {one.link for one in struck} == {"database"}
    assert {one.deed for one in struck} == {"lose", "cut", "stall", "refuse"}


def test_a_service_stands_still_shortly_or_until_others_take_it_for_dead() -> None:
    struck = plan.blows(1, 40, ("frozen",))
    assert {one.service for one in struck} == {"core", "sms"}
    long = [one for one in struck if one.seconds >= plan.LONG_FREEZE_SECONDS[0]]
    assert 0 < len(long) < len(struck)


@pytest.mark.parametrize("messages", [1, 19, 5_000])
def test_requests_name_as_many_numbers_as_wished_each_once(messages: int) -> None:
    numbers = [number for one in plan.requests(5, messages) for number in one.recipients]
    assert len(numbers) == len(set(numbers)) == messages
    assert {len(number) for number in numbers} == {13}


def test_traffic_has_everything_in_it() -> None:
    drawn = list(plan.requests(5, 5_000))
    assert {one.account for one in drawn} == set(range(plan.ACCOUNTS))
    assert {one.lane for one in drawn} == {"otp", "transactional", "promotional"}
    assert {one.text for one in drawn} == {plan.SHORT, plan.LONG, plan.UNICODE}
    for share in ("key", "send_in", "replay"):
        assert 0 < sum(bool(getattr(one, share)) for one in drawn) < len(drawn)


def test_good_books_agree() -> None:
    books = balance(good())
    assert wrong(good()) == []
    assert books.good
    assert books.samples == []
    assert books.in_flight == {}


def change(**parts: Any) -> Callable[[Collected], Collected]:
    return lambda collected: msgspec.structs.replace(collected, **parts)


def without(number: int) -> Callable[[Collected], Collected]:
    return lambda one: msgspec.structs.replace(
        one, stored=[m for m in one.stored if m.id != f"m{number}"]
    )


def instead(number: int, status: str, **changes: Any) -> Callable[[Collected], Collected]:
    def made(one: Collected) -> Collected:
        kept = [m for m in one.stored if m.id != f"m{number}"]
        return msgspec.structs.replace(one, stored=[*kept, stored(number, status, **changes)])

    return made


def carrier(**parts: Any) -> Callable[[Collected], Collected]:
    def made(one: Collected) -> Collected:
        now = msgspec.structs.asdict(one.carrier)
        for name, value in parts.items():
            now[name] = now[name] | value
        return msgspec.structs.replace(one, carrier=type(one.carrier)(**now))

    return made


def more(*got: Got) -> Callable[[Collected], Collected]:
    return lambda one: msgspec.structs.replace(one, got=[*one.got, *got])


@pytest.mark.parametrize(
    ("sabotage", "line"),
    [
        (without(1), "messages accepted with 202 that are stored"),
        (change(stored=[*good().stored, stored(5)]), "messages stored that no customer asked for"),
        (
            change(stored=[*good().stored, stored(5, recipient="+919000000001")]),
            "messages stored twice",
        ),
        (instead(1, "SENDING"), "messages final or in flight with a reason"),
        (instead(1, "QUEUED"), "messages final or in flight with a reason"),
        (instead(1, "SUBMITTED"), "messages final or in flight with a reason"),
        (carrier(took={("919000000009", 1): ["9"]}), "submit_sm of no stored message"),
        (
            carrier(took={("919000000001", 1): ["1", "11"]}),
            "sent twice without a stated policy",
        ),
        (
            carrier(took={("919000000003", 2): ["33", "34"]}),
            "sent twice without a stated policy",
        ),
        (instead(3, "DELIVERED", segments=3), "delivered, but the carrier lacks a part"),
        (instead(1, "CANCELLED"), "ended by us, but sent"),
        (instead(2, "DELIVERED"), "receipts that say other than the message"),
        (instead(2, "DELIVERED"), "delivered, but the carrier says it failed"),
        (change(unmatched={"77"}), "kept receipts without a reason"),
        (change(got=good().got[1:]), "ends of which the customer was not told"),
        (
            more(Got("e9", "message.delivered", "m1", "DELIVERED", "0.1200")),
            "ends told as two different events",
        ),
        (
            more(Got("e9", "message.failed", "m1", "FAILED", "0.1200")),
            "events that say other than the message",
        ),
        (
            more(Got("e9", "message.failed", "m9", "FAILED", "0.1200")),
            "events of no stored message",
        ),
        (
            change(money=[msgspec.structs.replace(good().money[0], balance=1)]),
            "accounts whose ledger is not their balance",
        ),
        (
            change(money=[msgspec.structs.replace(good().money[0], debits=-3 * PRICE)]),
            "charged, micro-units: prices of messages",
        ),
        (
            change(counted=msgspec.structs.replace(good().counted, delivered=3)),
            "counters: delivered",
        ),
        (change(state=State({}, 1, 1, 0, 0, 0)), "messages in the queues beyond those that wait"),
        (change(state=State({}, 0, 0, 0, 0, 1)), "dead letters"),
    ],
)
def test_whatever_is_off_is_found(sabotage: Callable[[Collected], Collected], line: str) -> None:
    books = balance(sabotage(good()))
    assert not books.good
    assert line in [check.what for check in books.checks if not check.good]


def test_a_request_without_a_key_may_be_stored_whole_or_not_at_all() -> None:
    numbers = ("+919000000006", "+919000000007")
    lost = Sent(wanted=wanted(9, *numbers, key=""), tries=1)
    collected = good()
    collected.sent.append(lost)
    assert wrong(collected) == []
    collected.stored.append(stored(6, "REJECTED", reference="9", recipient=numbers[0]))
    assert "requests stored only in part" in wrong(collected)


def test_what_policy_allows_is_no_fault_but_is_told() -> None:
    collected = carrier(took={("919000000001", 1): ["1", "11"]})(good())
    collected.events["m1"] = ["unknown_outcome", "resent"]
    books = balance(collected)
    assert books.good
    assert books.facts["messages sent again by policy, outcome unknown"] == 1
    # Once by policy is no leave for a third time.
    assert not balance(carrier(took={("919000000001", 1): ["1", "11", "12"]})(collected)).good


def test_what_is_in_flight_is_named() -> None:
    collected = instead(1, "SENDING")(good())
    collected.events["m1"] = ["unknown_outcome"]
    collected.carrier.told.discard("1")
    collected.got[:] = collected.got[1:]
    collected.counted = msgspec.structs.replace(collected.counted, delivered=1)
    books = balance(collected)
    assert books.good, books.samples
    [reason] = books.in_flight
    assert "answer was lost" in reason


def test_a_wrong_victim_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cpaas", "drill", "--victims", "core,smms"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "smms" in done.stderr
    assert "core,sms,postgres" in done.stderr


async def test_a_stalled_link_holds_back_and_then_passes_on() -> None:
    from cpaas.simulators.tcp_proxy import Proxy

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy("127.0.0.1", server.sockets[0].getsockname()[1])
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    stalled = asyncio.create_task(proxy.stall(0.3))
    await asyncio.sleep(0)
    writer.write(b"x")
    assert await reader.read(1) == b"x"
    assert stalled.done()
    writer.close()
    await proxy.stop()
    server.close()


def test_memory_is_told_by_quarters_of_the_traffic() -> None:
    samples = [(0.0, "sms", 5_000_000), (24.9, "sms", 6_000_000), (26.0, "sms", 4_000_000)]
    assert quarters([*samples, (100.0, "core", 1_000_000)], 100.0) == {
        "core": [0.0, 0.0, 0.0, 1.0],
        "sms": [6.0, 4.0, 0.0, 0.0],
    }
