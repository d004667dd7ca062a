"""Compares what customers were told, what is stored, and what carrier and customer really got.

Pure: from everything that was collected to the lines of the reconciliation, what is in flight and
why, and a sample of whatever is off.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from cpaas.cli.checked import Check
from cpaas.cli.drill.queries import Counted, Money, State, Stored
from cpaas.cli.drill.traffic import Sent
from cpaas.kit.money import show
from cpaas.messages.statuses import FINAL
from cpaas.simulators.drill.customer import Got

SAMPLES_MAX: Final = 5
AGAIN: Final = "parts sent again by policy, outcome unknown"
#: the carrier's word -> the status that it means.
STATUS_OF: Final = {"UNDELIV": "FAILED", "EXPIRED": "EXPIRED", "REJECTD": "REJECTED"}
#: ended by us before any carrier had it.
UNSENT: Final = frozenset({"CANCELLED", "BLOCKED"})


class AtCarrier(msgspec.Struct, kw_only=True):
    """The carrier's journal. took: (destination, part) -> the ids it gave, one each time."""

    took: dict[tuple[str, int], list[str]]
    destination_of: dict[str, str]
    ended: dict[str, str]
    told: set[str]


class Collected(msgspec.Struct, kw_only=True):
    """Everything that is compared."""

    sent: list[Sent]
    stored: list[Stored]
    events: dict[str, list[str]]
    carrier: AtCarrier
    got: list[Got]
    state: State
    webhooks_waiting: set[str]
    webhooks_queued: int
    unmatched: set[str]
    money: list[Money]
    counted: Counted


class Books(msgspec.Struct, kw_only=True):
    """The result: lines, what is in flight by its reason, what happened by policy, samples."""

    checks: list[Check] = []
    in_flight: dict[str, int] = {}
    facts: dict[str, int] = {}
    samples: list[str] = []

    @property
    def good(self) -> bool:
        """Whether every line agrees."""
        return all(check.good for check in self.checks)


def balance(all_: Collected) -> Books:
    """The whole reconciliation."""
    books = Books(checks=[], in_flight={}, facts={}, samples=[])
    ledger = _Ledger(books, all_)
    ledger.acceptance()
    ledger.endings()
    ledger.sendings()
    ledger.receipts()
    ledger.webhooks()
    ledger.money()
    ledger.left_over()
    return books


class _Ledger:
    """Writes the lines into the books, topic by topic."""

    def __init__(self, books: Books, all_: Collected) -> None:
        self._books = books
        self._all = all_
        self._by_recipient = {_digits(one.recipient): one for one in all_.stored}
        self._by_id = {one.id: one for one in all_.stored}

    def acceptance(self) -> None:
        """Every 202 is stored, and nothing else is, save what nobody was answered for."""
        sent = self._all.sent
        accepted = {one for request in sent for one in request.ids}
        self._line("messages accepted with 202 that are stored", len(accepted),
                   len(accepted & self._by_id.keys()), accepted - self._by_id.keys())  # fmt: skip
        lost = {str(one.wanted.number): one for one in sent if one.outcome == "lost"}
        per_lost: Counter[str] = Counter()
        strangers = []
        for one in self._all.stored:
            if one.id not in accepted:
                per_lost[one.reference] += 1
                if one.reference not in lost:
                    strangers.append(one.id)
        self._line("messages stored that no customer asked for", 0, len(strangers), strangers)
        partly = [ref for ref, n in per_lost.items() if ref in lost
                  and n != len(lost[ref].wanted.recipients)]  # fmt: skip
        self._line("requests stored only in part", 0, len(partly), partly)
        twice = [r for r, n in Counter(one.recipient for one in self._all.stored).items() if n > 1]
        self._line("messages stored twice", 0, len(twice), twice)
        wrong = [str(one.wanted.number) for one in sent if one.replays_wrong]
        self._line("repeated requests that got other ids", 0, len(wrong), wrong)
        refused = Counter(one.code for one in sent if one.outcome == "refused")
        self._line("requests refused", 0, sum(refused.values()), [f"{c}: {n}" for c, n in refused.items()])  # fmt: skip  # noqa: E501
        facts = self._books.facts
        facts["requests"] = len(sent)
        facts["requests that had to be repeated"] = sum(one.tries > 1 for one in sent)
        facts["replays of an accepted request"] = sum(one.replays for one in sent)
        facts["requests without a key whose answer was lost"] = len(lost)
        facts["of these, stored all the same"] = len(per_lost.keys() & lost.keys())

    def endings(self) -> None:
        """Every message is final, or in flight for a reason that can be named."""
        reasons: Counter[str] = Counter()
        unexplained = []
        waiting = 0
        for one in self._all.stored:
            if one.status in FINAL:
                continue
            waiting += one.status in {"QUEUED", "SCHEDULED"}
            reason = self._reason(one)
            if reason:
                reasons[reason] += 1
            else:
                unexplained.append(f"{one.id} {one.status}")
        missing = max(0, waiting - self._all.state.queued_messages)
        self._books.in_flight.update(reasons)
        final = sum(one.status in FINAL for one in self._all.stored)
        self._line("messages final or in flight with a reason", len(self._all.stored),
                   final + sum(reasons.values()) - missing, unexplained)  # fmt: skip
        self._books.facts |= {
            f"messages {status}": count
            for status, count in sorted(Counter(one.status for one in self._all.stored).items())
        }
        unknown = [one for one in self._all.stored if one.error_code == "unknown_outcome"]
        at_carrier = sum((_digits(one.recipient), 1) in self._all.carrier.took for one in unknown)
        facts = self._books.facts
        facts["ended as unknown_outcome by policy"] = len(unknown)
        facts["of these, the carrier had it"] = at_carrier
        facts["adopted by a receipt that fits one message alone"] = self._count("adopted")

    def _reason(self, one: Stored) -> str:
        if one.status == "SCHEDULED":
            return "waits for the time it was scheduled for"
        if one.status == "QUEUED":
            return "waits in the queue"
        if one.status == "SENDING" and "unknown_outcome" in self._all.events.get(one.id, ()):
            return "the carrier's answer was lost: waits for a receipt, then its policy decides"
        carrier, key = self._all.carrier, (_digits(one.recipient), 1)
        if one.status == "SUBMITTED" and not set(carrier.took.get(key, ())) <= carrier.told:
            return "the carrier has it and has not told its end yet"
        return ""

    def sendings(self) -> None:
        """Nothing at the carrier twice but by policy, nothing there that is not ours."""
        twice, strangers, again = [], [], 0
        by_message: dict[str, int] = defaultdict(int)
        for (destination, part), ids in self._all.carrier.took.items():
            one = self._by_recipient.get(destination)
            if one is None:
                strangers.append(destination)
                continue
            kinds = self._all.events.get(one.id, [])
            allowed = kinds.count("resent")
            again += len(ids) > 1
            by_message[one.id] += 1
            if len(ids) > 1 + allowed:
                told = f"attempt {one.attempt}, events: {', '.join(kinds) or 'none'}"
                twice.append(f"{one.id} part {part}: {len(ids)} times, {told}")
        self._line("submit_sm of no stored message", 0, len(strangers), strangers)
        self._line("sent twice without a stated policy", 0, len(twice), twice)
        self._books.facts[AGAIN] = again
        self._books.facts["messages sent again by policy, outcome unknown"] = self._count("resent")
        short = [
            f"{one.id} {by_message[one.id]} of {one.segments}"
            for one in self._all.stored
            if one.status in {"DELIVERED", "READ", "SUBMITTED"}
            and by_message[one.id] != one.segments
        ]
        self._line("delivered, but the carrier lacks a part", 0, len(short), short)
        sent = [one.id for one in self._all.stored if one.status in UNSENT and by_message[one.id]]
        self._line("ended by us, but sent", 0, len(sent), sent)

    def receipts(self) -> None:
        """What the carrier told is what the message says."""
        wrong, carrier = [], self._all.carrier
        for receipt_id in carrier.told:
            one = self._by_recipient.get(carrier.destination_of.get(receipt_id, ""))
            if one is None or receipt_id in self._all.unmatched:
                continue
            said = STATUS_OF.get(carrier.ended.get(receipt_id, ""), "DELIVERED")
            kinds = self._all.events.get(one.id, ())
            same = one.status == said or (one.status == "READ" and said == "DELIVERED")
            # Of several parts each has a receipt; one that failed decides for all.
            parts = one.segments > 1 and (said == "DELIVERED" or one.status in STATUS_OF.values())
            late = "late_receipt" in kinds or "resent" in kinds
            if not (same or late or (parts and one.status in FINAL)):
                wrong.append(f"{one.id} is {one.status}, the carrier said {said}")
        self._line("receipts that say other than the message", 0, len(wrong), wrong)
        self._books.facts["receipts taken"] = len(carrier.told)
        failed = {carrier.destination_of[one] for one in carrier.ended}
        false = [
            one.id
            for one in self._all.stored
            if one.status == "DELIVERED"
            and _digits(one.recipient) in failed
            and "resent" not in self._all.events.get(one.id, ())
        ]
        self._line("delivered, but the carrier says it failed", 0, len(false), false)
        strangers = [
            one
            for one in self._all.unmatched
            if not self._unknown(carrier.destination_of.get(one, ""))
        ]
        self._line("kept receipts without a reason", 0, len(strangers), strangers)
        self._books.facts["receipts kept for a message whose answer was lost"] = len(
            self._all.unmatched
        ) - len(strangers)

    def _unknown(self, destination: str) -> bool:
        one = self._by_recipient.get(destination)
        return one is not None and "unknown_outcome" in self._all.events.get(one.id, ())

    def webhooks(self) -> None:
        """Every end is told as one event, however often it had to be posted."""
        ids: dict[tuple[str, str], set[str]] = defaultdict(set)
        posts, false, strangers = Counter[str](), [], []
        for got in self._all.got:
            ids[got.message, got.type].add(got.id)
            posts[got.id] += 1
            one = self._by_id.get(got.message)
            if one is None:
                strangers.append(got.message or got.type)
            elif got.status != one.status or got.price != show(
                one.price_micro - one.refunded_micro
            ):
                false.append(f"{one.id}: told {got.status} {got.price}, is {one.status}")
        missing, double = [], []
        for one in self._all.stored:
            if one.status not in FINAL:
                continue
            events = ids.get((one.id, f"message.{one.status.lower()}"), set())
            if not events and one.id not in self._all.webhooks_waiting:
                missing.append(one.id)
            if len(events) > 1:
                double.append(one.id)
        queued = self._all.webhooks_queued
        self._line("ends of which the customer was not told", 0,
                   max(0, len(missing) - queued), missing)  # fmt: skip
        self._line("ends told as two different events", 0, len(double), double)
        self._line("events that say other than the message", 0, len(false), false)
        self._line("events of no stored message", 0, len(strangers), strangers)
        waiting = len(self._all.webhooks_waiting) + min(queued, len(missing))
        if waiting:
            self._books.in_flight["webhook waits for its next attempt"] = waiting
        self._books.facts["events posted again with the same webhook-id"] = sum(
            n - 1 for n in posts.values()
        )

    def money(self) -> None:
        """Ledger, wallets, messages and counters tell one story, to the micro-unit."""
        money, counted = self._all.money, self._all.counted
        self._line("ledger: sum of all entries, micro-units", sum(m.balance for m in money),
                   sum(m.ledger for m in money))  # fmt: skip
        off = [f"account {m.account_id}: {m.balance - m.ledger}" for m in money
               if m.balance != m.ledger]  # fmt: skip
        self._line("accounts whose ledger is not their balance", 0, len(off), off)
        self._line("charged, micro-units: prices of messages", sum(m.prices for m in money),
                   -sum(m.debits for m in money))  # fmt: skip
        self._line("refunded, micro-units: refunds of messages", sum(m.refunded for m in money),
                   sum(m.refunds for m in money))  # fmt: skip
        statuses = Counter(one.status for one in self._all.stored)
        for name, status in (("delivered", "DELIVERED"), ("failed", "FAILED"),
                             ("rejected", "REJECTED"), ("expired", "EXPIRED")):  # fmt: skip
            self._line(f"counters: {name}", statuses[status], getattr(counted, name))
        self._line("counters: accepted", len(self._all.stored), counted.accepted)
        self._line("counters: charged, micro-units", sum(m.prices for m in money),
                   counted.charged_micro)  # fmt: skip
        self._line("counters: refunded, micro-units", sum(m.refunded for m in money),
                   counted.refunded_micro)  # fmt: skip

    def left_over(self) -> None:
        """The queues are empty, or hold what is in flight."""
        state = self._all.state
        waiting = sum(one.status in {"QUEUED", "SCHEDULED"} for one in self._all.stored)
        self._line("messages in the queues beyond those that wait", 0,
                   max(0, state.queued_messages - waiting))  # fmt: skip
        self._line("dead letters", 0, state.dead_letters)

    def _count(self, kind: str) -> int:
        return sum(kinds.count(kind) for kinds in self._all.events.values())

    def _line(self, what: str, expected: int, found: int, samples: Iterable[str] = ()) -> None:
        check = Check(what, expected, found)
        self._books.checks.append(check)
        if not check.good:
            some = sorted(samples)[:SAMPLES_MAX]
            self._books.samples += [f"{what}: {sample}" for sample in some]


def _digits(number: str) -> str:
    return number.lstrip("+")
