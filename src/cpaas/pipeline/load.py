"""What the route step must know of each route: how much lies before it, and whether it is down.

At most about two seconds of a route's rate lie in its own queue; the backlog stays where pausing,
cancelling and choosing another route are still cheap.
"""

from collections.abc import Sequence
from typing import Final

from cpaas.messages.envelopes import Outgoing
from cpaas.snapshot.types import Route

SECONDS_LYING: Final = 2
#: without a rate the window is the measure of how fast the carrier takes.
WINDOWS_LYING: Final = 4
OTP: Final = "otp"
SMS: Final = "sms"
#: messages of one list, at least, that go before the next account's.
PIECE_MIN: Final = 10
#: so many messages that were put before a route last say how many segments one has there.
REMEMBERED: Final = 100


def lying_max(route: Route) -> int:
    """How many segments may lie in a route's queue."""
    if route.tps > 0:
        return SECONDS_LYING * route.tps
    return WINDOWS_LYING * max(1, route.window_size) * max(1, route.binds)


def segments(route: Route, messages: Sequence[Outgoing]) -> int:
    """What messages take of a route's rate: an SMS its segments, all else one each."""
    if route.channel != SMS or route.whole:
        return len(messages)
    return sum([one.segments for one in messages])


class RouteLoad:
    """Shared by the route step, which adds, and the gateway of the same process, which takes.

    Both count only what they do; `resync` corrects it by what really lies in the queues. Counted
    are messages, since that is what queues know of their items; how many of them make two seconds
    of a rate follows from the segments of those that were put before the route last.
    """

    def __init__(self) -> None:
        self.down: set[int] = set()
        #: routes whose holder is another process, which says that they are down.
        self.elsewhere: frozenset[int] = frozenset()
        # By route and whether it is OTP, which has a room of its own: nothing else may fill it.
        self._lying: dict[tuple[int, bool], int] = {}
        self._rates: dict[int, float] = {}
        self._begun: dict[tuple[int, bool], int] = {}
        # (segments, messages) that were put before a route of late; none: all of one segment.
        self._put: dict[tuple[int, bool], tuple[float, float]] = {}

    @property
    def away(self) -> frozenset[int]:
        """Routes without a carrier, as whoever holds them sees it."""
        return self.elsewhere.union(self.down) if self.down or self.elsewhere else self.elsewhere

    def add(self, route_id: int, lane: str, messages: int) -> None:
        """Messages were put into a route's queue (negative: taken out)."""
        key = (route_id, lane == OTP)
        self._lying[key] = max(0, self._lying.get(key, 0) + messages)

    def weigh(self, route_id: int, lane: str, messages: int, segments: int) -> None:
        """The messages that were just put before a route have so many segments in all."""
        key = (route_id, lane == OTP)
        known = self._put.get(key)
        if known is None:
            if segments == messages:
                return
            known = (0.0, 0.0)
        kept = max(0.0, 1.0 - messages / REMEMBERED)
        self._put[key] = (known[0] * kept + segments, known[1] * kept + messages)

    def resync(self, lying: dict[tuple[int, bool], int]) -> None:
        """What really lies in the queues of the routes named: (route, is it OTP) -> messages.

        An item counts whole until its last message has gone.
        """
        for key, count in lying.items():
            self._lying[key] = max(0, count - self._begun.get(key, 0))

    def set_begun(self, route_id: int, otp: int, others: int) -> None:
        """So many messages have gone of items that are still in the route's queue."""
        self._begun[(route_id, True)] = otp
        self._begun[(route_id, False)] = others

    def fitting(self, route: Route, lane: str, messages: Sequence[Outgoing]) -> int:
        """How many of these may go where as many of the usual size could."""
        put = self._put.get((route.id, lane == OTP), (1.0, 1.0))
        own = segments(route, messages) * put[1]
        usual = len(messages) * put[0]
        return len(messages) if own <= usual else max(1, int(len(messages) * usual / own))

    def room(self, route: Route, lane: str) -> int:
        """How many more messages of a lane may be put before a route; 0 or less: none."""
        return self.most(route, lane) - self._lying.get((route.id, lane == OTP), 0)

    def most(self, route: Route, lane: str) -> int:
        """How many messages may lie before a route at the rate that its carrier allows now."""
        rate = self._rates.get(route.id)
        most = lying_max(route)
        if rate is not None:
            most = max(1, min(most, int(SECONDS_LYING * rate)))
        put = self._put.get((route.id, lane == OTP))
        return most if put is None else max(1, int(most * put[1] / put[0]))

    def drained(self, route: Route, lane: str) -> bool:
        """Whether so much of what lay before a route is gone that more is worth a turn."""
        return self.room(route, lane) > self.most(route, lane) // 8

    def piece(self, route: Route, lane: str) -> int:
        """How much of a list goes at once while several accounts wait for a route."""
        return max(PIECE_MIN, self.most(route, lane) // 20)

    def set_rate(self, route_id: int, rate: float) -> None:
        """The carrier throttles: so many segments a second for now; 0 = as set."""
        if rate > 0:
            self._rates[route_id] = rate
        else:
            self._rates.pop(route_id, None)

    def set_down(self, route_id: int, *, down: bool) -> None:
        """A route lost its carrier, or found it again."""
        if down:
            self.down.add(route_id)
        else:
            self.down.discard(route_id)
