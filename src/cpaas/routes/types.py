"""What the operator says about a route or a rule, and what a list of them shows."""

from datetime import datetime

import msgspec


class NewRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A connection to a carrier; `tps` 0 = unlimited. The password goes encrypted."""

    name: str
    channel: str = "sms"
    label: str = ""
    dialect: str = "smpp"
    host: str = ""
    port: int = 0
    active: bool = True
    simulated: bool = False
    tps: int = 0
    binds: int = 1
    window_size: int = 100
    bind_type: str = "trx"
    system_id: str = ""
    system_type: str = ""
    password: str = ""
    default_sender: str = ""
    message_id_mode: str = "same"
    settings: dict[str, object] = {}
    cost_micro: int = 0


class RouteChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a route; None leaves it. The name and the channel never change."""

    label: str | None = None
    host: str | None = None
    port: int | None = None
    active: bool | None = None
    tps: int | None = None
    binds: int | None = None
    window_size: int | None = None
    bind_type: str | None = None
    system_id: str | None = None
    system_type: str | None = None
    password: str | None = None
    default_sender: str | None = None
    message_id_mode: str | None = None
    settings: dict[str, object] | None = None
    cost_micro: int | None = None


class RouteRow(msgspec.Struct, frozen=True):
    """A route without its secret, with its live state ("" when no service holds it)."""

    id: int
    name: str
    label: str
    channel: str
    dialect: str
    host: str
    port: int
    active: bool
    simulated: bool
    tps: int
    binds: int
    window_size: int
    bind_type: str
    system_id: str
    system_type: str
    default_sender: str
    message_id_mode: str
    cost_micro: int
    has_password: bool
    state: str
    binds_up: int
    last_error: str


class CostRow(msgspec.Struct, frozen=True):
    """What a route's carrier takes for a unit to numbers that start so."""

    route: str
    prefix: str
    amount_micro: int


class NewRule(msgspec.Struct, frozen=True, kw_only=True):
    """A routing rule to a route or a strategy; `account_id` None = ALL, empty conditions match
    everything. days: "mon" or "mon-fri"; hours: "09:00-21:00".
    """

    channel: str
    route: str = ""
    strategy: str = ""
    account_id: int | None = None
    priority: int = 100
    active: bool = True
    prefixes: list[str] = []
    countries: list[str] = []
    senders: list[str] = []
    templates: list[str] = []
    lanes: list[str] = []
    days: list[str] = []
    hours: list[str] = []


class RuleChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a rule; None leaves it, an empty list lifts a condition.

    account_id 0 = ALL. The channel never changes.
    """

    route: str | None = None
    strategy: str | None = None
    account_id: int | None = None
    priority: int | None = None
    active: bool | None = None
    prefixes: list[str] | None = None
    countries: list[str] | None = None
    senders: list[str] | None = None
    templates: list[str] | None = None
    lanes: list[str] | None = None
    days: list[str] | None = None
    hours: list[str] | None = None


class RuleRow(msgspec.Struct, frozen=True):
    """A rule in a list; `account` "ALL" = every account. One of route and strategy is ""."""

    id: int
    account: str
    channel: str
    route: str
    strategy: str
    priority: int
    active: bool
    prefixes: list[str]
    countries: list[str]
    senders: list[str]
    templates: list[str]
    lanes: list[str]
    days: list[str]
    hours: list[str]


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """A route of a strategy. weight 0: it only takes over."""

    route: str
    weight: int = 1
    days: list[str] = []
    hours: list[str] = []


class NewStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """A way to choose among routes, members in order.

    overflow: a full member lets the next take over. no_receipt: off, otp or all.
    """

    name: str
    channel: str
    kind: str
    members: list[NewMember]
    active: bool = True
    overflow: bool = True
    no_receipt: str = "otp"
    no_receipt_seconds: int = 60
    settings: dict[str, object] = {}


class StrategyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a strategy; None leaves it, members are replaced as a whole."""

    kind: str | None = None
    members: list[NewMember] | None = None
    active: bool | None = None
    overflow: bool | None = None
    no_receipt: str | None = None
    no_receipt_seconds: int | None = None
    settings: dict[str, object] | None = None


class MemberRow(msgspec.Struct, frozen=True):
    """A member as it is now; share: best delivery's weight at this moment."""

    route: str
    position: int
    weight: int
    share: int
    active: bool
    days: list[str]
    hours: list[str]


class StrategyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy with its members; rules: how many lead to it."""

    id: int
    name: str
    channel: str
    kind: str
    active: bool
    overflow: bool
    no_receipt: str
    no_receipt_seconds: int
    settings: dict[str, object]
    rules: int
    members: list[MemberRow] = []


class ChangeRow(msgspec.Struct, frozen=True):
    """A change of a best delivery strategy's weights: the points of each route, and why."""

    at: datetime
    kind: str
    reason: str
    routes: list[str]
    before: list[int]
    after: list[int]
