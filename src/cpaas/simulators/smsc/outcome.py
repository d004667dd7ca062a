"""What becomes of one submit: the reserved numbers first, then the mixes the settings ask for.

The reserved numbers mean the same in every simulated carrier, so that a customer's test of
failures needs no settings at all.
"""

import random
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from cpaas.simulators.smsc.settings import SmscSettings
from cpaas.smpp.pdu import SubmitSm
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus

THROTTLED_KEPT_MAX = 10_000


class Outcome(msgspec.Struct, frozen=True):
    """The answer's status and, if that is OK, the receipt; no `state` means no receipt."""

    status: int = 0
    state: MessageState | None = MessageState.DELIVRD
    err: str = "000"
    slow: bool = False


DELIVERED = Outcome()
THROTTLED = Outcome(CommandStatus.ESME_RTHROTTLED, None)
QUEUE_FULL = Outcome(CommandStatus.ESME_RMSGQFUL, None)
_THROTTLED_FIRST = Outcome(CommandStatus.ESME_RTHROTTLED, MessageState.DELIVRD)
_RESERVED = {
    "999000000001": DELIVERED,
    "999000000002": Outcome(0, MessageState.UNDELIV, "001"),
    "999000000003": Outcome(CommandStatus.ESME_RINVDSTADR, None),
    "999000000004": Outcome(0, MessageState.EXPIRED, "002"),
    "999000000005": Outcome(0, MessageState.DELIVRD, slow=True),
    "999000000006": Outcome(0, None),
    "999000000007": _THROTTLED_FIRST,
}
#: with plus or without; people write +999 00 0000 0002, which is a digit longer.
RESERVED = {
    sign + begin + number.removeprefix("999"): outcome
    for number, outcome in _RESERVED.items()
    for sign in ("", "+")
    for begin in ("999", "9990")
}


class Decider:
    """Decides submit by submit; remembers only whom it throttled and how fast they come."""

    def __init__(self, settings: SmscSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random.Random(settings.seed)  # noqa: S311 - a simulation, repeatable
        self._throttled: OrderedDict[tuple[str, str, bytes], None] = OrderedDict()
        self._tokens = 0.0
        self._filled_at = clock()
        self.configure(settings)

    def configure(self, settings: SmscSettings) -> None:
        """Take new settings from the next submit on."""
        self._settings = settings
        self._tokens = float(settings.tps)
        self._errors = [(CommandStatus[name], share) for name, share in settings.error_mix.items()]
        self._states = [(MessageState[name], share) for name, share in settings.receipt_mix.items()]
        self._plain = not (
            settings.tps or settings.queue_full or settings.error_mix or settings.receipt_mix
        )

    def decide(self, pdu: SubmitSm) -> Outcome:
        """Return what is to become of this submit."""
        reserved = RESERVED.get(pdu.destination_addr)
        if reserved is None and self._plain:
            return DELIVERED
        if self._settings.queue_full:
            return QUEUE_FULL
        if self._settings.tps and not self._take_token():
            return THROTTLED
        if reserved is _THROTTLED_FIRST:
            return self._throttle_first(pdu)
        return reserved if reserved is not None else self._draw()

    def _throttle_first(self, pdu: SubmitSm) -> Outcome:
        key = (pdu.source_addr, pdu.destination_addr, pdu.short_message)
        if key in self._throttled:
            del self._throttled[key]
            return DELIVERED
        self._throttled[key] = None
        if len(self._throttled) > THROTTLED_KEPT_MAX:
            self._throttled.popitem(last=False)
        return THROTTLED

    def _take_token(self) -> bool:
        now, tps = self._clock(), self._settings.tps
        self._tokens = min(float(tps), self._tokens + (now - self._filled_at) * tps)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _draw(self) -> Outcome:
        if self._errors:
            point = self._random.random()
            for status, share in self._errors:
                point -= share
                if point < 0:
                    return Outcome(status, None)
        if self._states:
            point = self._random.random()
            for state, share in self._states:
                point -= share
                if point < 0:
                    return Outcome(0, state, self._settings.receipt_err)
        return DELIVERED
