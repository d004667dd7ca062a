"""What the operator says about a route or a rule, and what a list of them shows."""

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
    """A routing rule; `account_id` None = ALL, empty conditions match everything."""

    channel: str
    route: str
    account_id: int | None = None
    priority: int = 100
    active: bool = True
    prefixes: list[str] = []
    senders: list[str] = []
    lanes: list[str] = []


class RuleRow(msgspec.Struct, frozen=True):
    """A rule in a list; `account` "ALL" = every account."""

    id: int
    account: str
    channel: str
    route: str
    priority: int
    active: bool
    prefixes: list[str]
    senders: list[str]
    lanes: list[str]
