"""Decides for each message of the route step: which queue, or which end. Pure but for its counts.

Made anew for every attempt of the transaction, so that a repeated one decides on its own.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.blacklist.check import is_blocked
from cpaas.blacklist.types import Stop
from cpaas.broker.base import LANES, Item, NewItem
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.dlt import check as dlt
from cpaas.dlt import hours
from cpaas.messages.envelopes import LANE_NUMBER, Envelope, Outgoing, pack
from cpaas.messages.types import Finish, Note
from cpaas.pipeline.load import PIECE_MIN, RouteLoad, segments
from cpaas.pipeline.route_waits import Places, lane_of
from cpaas.routing.plan import Plan, before, behind, overflow_of
from cpaas.routing.planners import Planners
from cpaas.snapshot.types import Account, Route, Snapshot

RECHECK_US: Final = 60_000_000
#: messages of several items that are put into one; an item that holds more stays as it is.
TOGETHER_MAX: Final = 100
#: what cannot go now waits in its route's place; 0 and more: so many of its messages may go.
WAITS: Final = -1


class Work(msgspec.Struct, frozen=True):
    """A taken item and what is in it."""

    item: Item
    envelope: Envelope


class Sorter:
    """Collects what one transaction of the route step shall do."""

    def __init__(
        self, snapshot: Snapshot, load: RouteLoad, channel: str, now_us: int, planners: Planners,
        *, places: Places, accounts: int = 1,
    ) -> None:  # fmt: skip
        """`accounts`: of how many accounts there is something in this turn."""
        self.snapshot = snapshot
        self.now_us = now_us
        #: what the blacklist says of the numbers that were asked.
        self.stops: dict[str, list[Stop]] = {}
        self.done: list[int] = []
        self.released: list[int] = []
        #: items of campaigns that are paused or being cancelled.
        self.halted: list[int] = []
        self.finishes: list[Finish] = []
        self.notes: list[Note] = []
        #: items that wait for a full route, by the lane of its place.
        self.waiting: dict[int, list[int]] = {}
        self.inactive: set[int] = set()
        self._load = load
        self._channel = channel
        self._added: list[tuple[int, str, int]] = []
        self._rest: list[NewItem] = []
        # Single messages of an account that go the same way go on together.
        self._open: dict[tuple[int, str, bool, int, bool, Plan], Envelope] = {}
        self._routed: list[tuple[str, Envelope]] = []
        self._planners = planners
        self._places = places
        self._accounts = accounts
        # By route and lane the room at the beginning; by account, too, what it was given of it.
        self._rooms: dict[tuple[int, str], int] = {}
        self._given: dict[tuple[int, str, int], int] = {}

    @property
    def published(self) -> list[NewItem]:
        """The items for the routes' queues, and what is left of items for full routes."""
        routed = (_item(queue, one, LANE_NUMBER[one.lane]) for queue, one in self._routed)
        return [*routed, *self._rest]

    def undo(self) -> None:
        """The transaction failed: nothing lies in the queues."""
        for route_id, lane, count in self._added:
            self._load.add(route_id, lane, -count)

    def scheduled_ids(self, work: Sequence[Work]) -> list[bytes]:
        """Ids of messages that may have been scheduled, in order."""
        waited = [one.envelope for one in work if one.envelope.scheduled]
        return sorted(message.id for envelope in waited for message in envelope.messages)

    def numbers_to_check(self, work: Sequence[Work]) -> tuple[list[str], list[int]]:
        """Numbers and accounts of envelopes whose last look at the blacklist is old."""
        old = [one.envelope for one in work if self._is_old(one.envelope)]
        numbers = {message.to for envelope in old for message in envelope.messages}
        return sorted(numbers), sorted({0, *(envelope.account_id for envelope in old)})

    def sort(self, one: Work) -> None:
        """Decides on one item: all of it, or it is given back."""
        envelope, item = one.envelope, one.item
        if envelope.campaign_id in self.snapshot.halted:
            self.halted.append(item.id)
            return
        account = self.snapshot.accounts.get(envelope.account_id)
        if account is None or not account.active:
            self.released.append(item.id)
            self.inactive.add(envelope.account_id)
            return
        is_old = self._is_old(envelope)
        if is_old and self._channel not in account.channels:
            for message in envelope.messages:
                text = f"The channel {self._channel} is switched off for this account."
                self._end(message, "REJECTED", "channel_disabled", text)
            self.done.append(item.id)
            return
        alive = [m for m in envelope.messages if not self._ended(envelope, m, is_old=is_old)]
        if envelope.lane == dlt.PROMOTIONAL and not hours.is_open(self.now_us):
            alive = self._without_held(envelope, account, alive)
        groups = self._groups(envelope, alive)
        if is_old:
            envelope = msgspec.structs.replace(envelope, checked_us=self.now_us)
        if len(groups) == 1 and len(alive) == len(envelope.messages):
            # Mostly: as it is, it goes, or it waits.
            most = self._most(groups[0][0], envelope, item.lane)
            if most <= 0:
                self._give_back(groups[0][0], envelope, item, most)
                return
        for plan, messages in groups:
            self._go_or_wait(plan, messages, envelope, item.lane)
        self.done.append(item.id)

    def _give_back(self, plan: Plan, envelope: Envelope, item: Item, most: int) -> None:
        if most == WAITS:
            lane = lane_of(plan, envelope.lane)
            self._places.add(lane)
            self.waiting.setdefault(lane, []).append(item.id)
        else:
            self.released.append(item.id)

    def _go_or_wait(
        self, plan: Plan, messages: list[Outgoing], envelope: Envelope, lane: int
    ) -> None:
        """Gives a route what may go to it now; the rest keeps its age, here or in its place."""
        most = self._most(plan, envelope, lane)
        if most > 0:
            if most > 1 < len(messages):
                route = self.snapshot.routes[plan.route_ids[0]]
                most = self._load.fitting(route, envelope.lane, messages[:most])
            self._publish(envelope, plan, messages[:most])
        rest = messages[max(0, most) :]
        if not rest:
            return
        place = lane_of(plan, envelope.lane)
        if most == WAITS or lane >= LANES or not self._has_room(plan.route_ids[0], envelope.lane):
            self._places.add(place)
        else:
            place = LANE_NUMBER[envelope.lane]
        aged_ms = (rest[0].created_us - self.now_us) // 1000
        self._publish_rest(envelope, rest, min(-1, aged_ms), place)

    def _is_old(self, envelope: Envelope) -> bool:
        """Whether it was checked long ago, or waited for its time: then it is checked again."""
        return envelope.scheduled or envelope.checked_us + RECHECK_US < self.now_us

    def _ended(self, envelope: Envelope, message: Outgoing, *, is_old: bool) -> bool:
        """Whether the message goes no further, for another reason than its route."""
        if message.valid_until_us <= self.now_us:
            self._end(message, "EXPIRED", "expired", "Its validity ended before it could be sent.")
            return True
        if is_old and message.to in self.stops:
            account_id, lane = envelope.account_id, envelope.lane
            stops = self.stops[message.to]
            if is_blocked(stops, account_id, self._channel, lane, self.snapshot.settings):
                self._end(message, "BLOCKED", "blocked", "The number is on the blacklist.")
                return True
        return False

    def _without_held(
        self, envelope: Envelope, account: Account, messages: list[Outgoing]
    ) -> list[Outgoing]:
        """Promotional messages to India wait for the hours there, if the account enforces."""
        if self._channel != "sms" or dlt.mode(account) != "enforce":
            return messages
        held = [message for message in messages if message.country == dlt.COUNTRY]
        if held:
            delay_ms = (hours.opens_us(self.now_us) - self.now_us) // 1000 + 1
            self._publish_rest(envelope, held, delay_ms, LANE_NUMBER[envelope.lane])
        return [message for message in messages if message.country != dlt.COUNTRY]

    def _groups(
        self, envelope: Envelope, messages: Sequence[Outgoing]
    ) -> list[tuple[Plan, list[Outgoing]]]:
        """Messages that go the same way together; those without a way end here."""
        groups: dict[Plan, list[Outgoing]] = {}
        kept = self._kept(envelope)
        planner = self._planners.get(
            self.snapshot, self.now_us, envelope.account_id, envelope.lane,
            is_test=envelope.is_test,
        )  # fmt: skip
        for message in messages:
            plan = kept or planner.plan(
                message.to, message.sender, message.country, message.template
            )
            groups.setdefault(plan, []).append(message)
        ways = []
        for plan, some in groups.items():
            if plan.route_ids:
                ways.append((self._around_away(plan, envelope.lane), some))
                continue
            for message in some:
                self._end(message, "REJECTED", "no_route", "No route takes this message.")
                self.notes.append(
                    Note(
                        message.id, envelope.account_id, self.now_us, "no_route",
                        "No route takes this message.", message.attempt,
                        details={"decision": plan.decision},
                    )
                )  # fmt: skip
        return ways

    def _kept(self, envelope: Envelope) -> Plan | None:
        """What is left of the plan of an envelope that was routed before."""
        routes = [self.snapshot.routes.get(route_id) for route_id in envelope.plan]
        left = tuple(route.id for route in routes if route is not None and route.active)
        if not left:
            return None
        overflow = overflow_of(self.snapshot, envelope.strategy_id, left)
        return Plan(left, envelope.rule_id, envelope.decision, envelope.strategy_id, overflow)

    def _around_away(self, plan: Plan, lane: str) -> Plan:
        """Routes that are down go last; when all are, the first is waited for.

        Of a strategy's routes those with room go before those without.
        """
        down = self._load.away
        up = [one for one in plan.route_ids[: plan.overflow] if one not in down]
        if len(up) > 1 and not self._has_room(up[0], lane):
            roomy = [one for one in up if self._has_room(one, lane)]
            if roomy:
                plan = before(plan, roomy, up, self.snapshot)
        return behind(plan, down, self.snapshot) if down else plan

    def _has_room(self, route_id: int, lane: str) -> bool:
        return self._load.room(self.snapshot.routes[route_id], lane) > 0

    def _most(self, plan: Plan, envelope: Envelope, lane: int) -> int:
        """How many messages of an item of a lane may go now; WAITS: behind others, or for room."""
        apart = lane >= LANES
        if not apart and self._places.holds(lane_of(plan, envelope.lane)):
            return WAITS
        route = self.snapshot.routes[plan.route_ids[0]]
        room = self._load.room(route, envelope.lane)
        if room <= 0:
            return WAITS
        if apart:
            # Who waits alone gets all of the room.
            return (
                room if self._accounts == 1 else min(room, self._load.piece(route, envelope.lane))
            )
        return max(0, min(room, self._piece(route, envelope)))

    def _publish(self, envelope: Envelope, plan: Plan, messages: list[Outgoing]) -> None:
        route = self.snapshot.routes[plan.route_ids[0]]
        key = (envelope.account_id, envelope.lane, envelope.is_test, envelope.campaign_id,
               envelope.in_fallback, plan)  # fmt: skip
        open_one = self._open.get(key)
        if open_one is None or len(open_one.messages) + len(messages) > TOGETHER_MAX:
            open_one = self._open[key] = msgspec.structs.replace(
                envelope, plan=list(plan.route_ids), rule_id=plan.rule_id, decision=plan.decision,
                messages=[], snapshot=self.snapshot.version, routed_us=self.now_us,
                scheduled=False, strategy_id=plan.strategy_id,
            )  # fmt: skip
            self._routed.append((gateway_queue(route.name), open_one))
        open_one.checked_us = min(open_one.checked_us, envelope.checked_us)
        open_one.messages.extend(messages)
        self._load.add(route.id, envelope.lane, len(messages))
        self._load.weigh(route.id, envelope.lane, len(messages), segments(route, messages))
        self._added.append((route.id, envelope.lane, len(messages)))
        if self._accounts > 1:
            given = (route.id, envelope.lane, envelope.account_id)
            self._given[given] = self._given.get(given, 0) + len(messages)

    def _piece(self, route: Route, envelope: Envelope) -> int:
        """How much of one item goes at once: a list must not take all of a slow route's room.

        Of several accounts each gets its part of the room, however many items it has in the turn.
        """
        most = max(PIECE_MIN, self._load.most(route, envelope.lane) // 4)
        if self._accounts == 1:
            return most
        key = (route.id, envelope.lane)
        room = self._rooms.setdefault(key, self._load.room(route, envelope.lane))
        part = max(PIECE_MIN, room // self._accounts)
        return min(most, part - self._given.get((*key, envelope.account_id), 0))

    def _publish_rest(
        self, envelope: Envelope, messages: list[Outgoing], delay_ms: int, lane: int
    ) -> None:
        rest = msgspec.structs.replace(envelope, messages=messages, scheduled=False)
        self._rest.append(_item(submit_queue(self._channel), rest, lane, delay_ms))

    def _end(self, message: Outgoing, status: str, code: str, text: str) -> None:
        self.finishes.append(
            Finish(
                message.id, status, self.now_us, message.attempt,  # type: ignore[arg-type]
                error_code=code, error=text, refund="policy" if message.handed else "always",
            )
        )  # fmt: skip


def _item(queue: str, envelope: Envelope, lane: int, delay_ms: int = 0) -> NewItem:
    count = len(envelope.messages)
    return NewItem(queue, lane, envelope.account_id, count, pack(envelope), delay_ms)
