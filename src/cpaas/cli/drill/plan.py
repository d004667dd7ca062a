"""What a drill will do, all of it drawn from one seed: the requests, and the blows between them.

The same seed and options give the same requests and the same blows in the same order; at which
packet a blow falls is the machine's own chance.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

Victim = Literal[
    "core", "sms", "postgres", "smsc", "webhook", "rabbitmq", "network", "database", "frozen",
]  # fmt: skip
VICTIMS: Final[tuple[Victim, ...]] = (
    "core", "sms", "postgres", "smsc", "webhook", "rabbitmq", "network", "database",
    "frozen",
)  # fmt: skip
#: only when named: each changes what a drill is, or how long it takes.
NAMED_ONLY: Final = frozenset({"database", "frozen"})
Link = Literal["api", "carrier", "customer", "database"]
#: lose: an answer on its way is lost and its connection with it, such as that of a COMMIT.
Deed = Literal["kill", "cut", "stall", "refuse", "lose", "freeze"]
#: of the times that a service stands still: so long that all others take it for dead.
LONG_FREEZE_SHARE: Final = 0.3
LONG_FREEZE_SECONDS: Final = (17.0, 24.0)

ACCOUNTS: Final = 3
RECIPIENTS_MAX: Final = 20
NUMBERS: Final = 900_000_000
SHORT: Final = "Your code is 481516."
LONG: Final = ("Your order has left our warehouse and will reach you tomorrow. " * 5)[:300]
UNICODE: Final = "आपका ऑर्डर रवाना हो गया है।"
#: of all requests.
SINGLE_SHARE: Final = 0.7
KEY_SHARE: Final = 0.85
REPLAY_SHARE: Final = 0.05
SCHEDULED_SHARE: Final = 0.03
_LANES: Final = ("otp", "transactional", "promotional")
_LANE_WEIGHTS: Final = (2, 6, 2)


class Blow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done to the copy.

    after: the share of its burst of messages that is answered by then. seconds: how long a far end
    stays away or a link is stalled. lag: seconds between its moment and the deed. wait: whether
    the next burst waits until the victim is well again. service: which one stands still.
    """

    number: int
    victim: Victim
    deed: Deed
    link: Link | None
    service: Victim | None = None
    after: float
    lag: float
    seconds: float
    wait: bool

    @property
    def name(self) -> str:
        """What a person calls it."""
        return " ".join(part for part in (self.victim, self.link, self.service) if part)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One request. key: its Idempotency-Key, "" = none. send_in: seconds ahead, 0 = at once."""

    number: int
    account: int
    recipients: tuple[str, ...]
    text: str
    lane: str
    key: str
    send_in: int
    replay: bool


def blows(seed: int, count: int, victims: Sequence[Victim]) -> list[Blow]:
    """So many blows: every victim once in each round, in an order of chance."""
    draw = random.Random(f"blows {seed}")  # noqa: S311 - a drill is to be repeated, not secret
    rounds = itertools.count()
    order: list[Victim] = []
    while len(order) < count and next(rounds) <= count:
        some = list(victims)
        draw.shuffle(some)
        order += some
    return [_blow(draw, number, victim) for number, victim in enumerate(order[:count], 1)]


def _blow(draw: random.Random, number: int, victim: Victim) -> Blow:
    link: Link | None = None
    deed: Deed = "kill"
    if victim == "network":
        link = draw.choice(("api", "carrier", "carrier", "customer"))
        deed = draw.choice(("cut", "cut", "stall", "refuse"))
    if victim == "database":
        link = "database"
        deed = draw.choice(("lose", "lose", "lose", "cut", "stall", "refuse"))
    service: Victim | None = None
    seconds = draw.uniform(0.2, 2.0)
    if victim == "frozen":
        service, deed = draw.choice(("core", "sms", "sms")), "freeze"
        if draw.random() < LONG_FREEZE_SHARE:
            seconds = draw.uniform(*LONG_FREEZE_SECONDS)
    return Blow(
        number=number, victim=victim, deed=deed, link=link, service=service,
        after=round(draw.uniform(0.1, 1.0), 3), lag=round(draw.uniform(0.0, 0.4), 3),
        seconds=round(seconds, 3), wait=draw.random() < 0.7,
    )  # fmt: skip


def requests(seed: int, messages: int) -> Iterator[Wanted]:
    """Requests that name so many recipients in all, each number once."""
    draw = random.Random(f"requests {seed}")  # noqa: S311
    step = _coprime(draw)
    sent = 0
    for number in itertools.count():
        if sent >= messages:
            return
        most = 1 if draw.random() < SINGLE_SHARE else draw.randint(2, RECIPIENTS_MAX)
        count = min(most, messages - sent)
        numbers = ((sent + n) * step % NUMBERS for n in range(count))
        recipients = tuple(f"+919{100_000_000 + one}" for one in numbers)
        sent += count
        yield Wanted(
            number=number,
            account=draw.randrange(ACCOUNTS),
            recipients=recipients,
            text=draw.choices((SHORT, LONG, UNICODE), (7, 2, 1))[0],
            lane=draw.choices(_LANES, _LANE_WEIGHTS)[0],
            key=f"drill-{seed}-{number}" if draw.random() < KEY_SHARE else "",
            send_in=draw.randint(3, 15) if draw.random() < SCHEDULED_SHARE else 0,
            replay=draw.random() < REPLAY_SHARE,
        )


def _coprime(draw: random.Random) -> int:
    """Walks over all numbers without meeting one twice."""
    while True:
        step = draw.randrange(1, NUMBERS, 2)
        if step % 3 and step % 5:
            return step
