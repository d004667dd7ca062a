"""The values of a snapshot: what the configuration tables say, indexed for look-up.

A snapshot is never changed: a reload of one table makes a new one that shares the others.
"""

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Literal

import msgspec

from cpaas.kit.hours import ALWAYS, Hours


class Account(msgspec.Struct, frozen=True):
    """A customer. `tps` and `daily_cap` 0 = no limit; empty `networks` = every address."""

    id: int
    name: str
    active: bool
    is_sandbox: bool
    networks: tuple[IPv4Network | IPv6Network, ...]
    countries: frozenset[str]
    tps: int
    daily_cap: int
    channels: frozenset[str]
    dlt_mode: str
    pe_id: str
    tm_id: str
    refund_failed: bool
    unknown_outcome: str
    stop_reply: str = ""
    start_reply: str = ""


class ApiKey(msgspec.Struct, frozen=True):
    """A REST key that is not revoked.

    user_id and expires_us (Unix microseconds) are set for the token of a person on the portal.
    """

    id: int
    account_id: int
    kind: Literal["live", "test"]
    user_id: int = 0
    expires_us: int = 0


class AdminKey(msgspec.Struct, frozen=True):
    """An operator's REST key that is not revoked; empty `networks` = every address."""

    id: int
    name: str
    networks: tuple[IPv4Network | IPv6Network, ...]


class SmppCredential(msgspec.Struct, frozen=True):
    """With what a customer's ESME binds; the password is compared at the bind only."""

    id: int
    account_id: int
    system_id: str
    password_hash: str
    max_binds: int
    tps: int
    receives: bool = False
    window: int = 0


class TwilioCredential(msgspec.Struct, frozen=True):
    """SHA-256 of the auth token of an account's Twilio interface, and the token encrypted."""

    account_id: int
    digest: bytes
    secret: bytes


class Sender(msgspec.Struct, frozen=True):
    """A sender id of an account, in whatever status."""

    id: int
    account_id: int
    channel: str
    value: str
    status: Literal["PENDING", "APPROVED", "REJECTED"]
    is_default: bool
    pe_id: str


class Route(msgspec.Struct, frozen=True):
    """A carrier's gateway. `tps` 0 = unlimited; `secret` is the encrypted credentials document.

    `simulated` routes are the carriers built into each channel service, for test keys only.
    """

    id: int
    name: str
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
    settings: dict[str, object]
    secret: bytes
    cost_micro: int
    callback_token: str = ""

    @property
    def whole(self) -> bool:
        """Whether a long message goes as one request, which the carrier cuts itself."""
        form = (self.settings or {}).get("long_message")
        return form == "payload" if self.dialect == "smpp" else form in (None, "whole")


class Identity(msgspec.Struct, frozen=True):
    """A WABA number or RCS bot: what `from` names, bound to one route; `secret` is encrypted.

    accounts: those that may send from it -> whether it is their default.
    """

    id: int
    channel: str
    value: str
    label: str
    route_id: int
    active: bool
    settings: dict[str, object]
    secret: bytes
    accounts: dict[int, bool]


class Rule(msgspec.Struct, frozen=True):
    """A routing rule; `account_id` None = ALL; empty conditions match everything.

    route_id 0: strategy_id says where to.

    countries: ISO 3166 codes. templates: names. hours: in the platform's zone.
    """

    id: int
    account_id: int | None
    channel: str
    route_id: int
    priority: int
    prefixes: tuple[str, ...]
    senders: frozenset[str]
    lanes: frozenset[str]
    countries: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    hours: Hours = ALWAYS
    strategy_id: int = 0


class Member(msgspec.Struct, frozen=True):
    """A route of a strategy. share: best delivery's weight as it is now, else `weight`."""

    route_id: int
    weight: int = 1
    share: int = 1
    hours: Hours = ALWAYS


class Strategy(msgspec.Struct, frozen=True):
    """A way to choose among routes; members in order of position.

    overflow: a full member lets the next take over. no_receipt: whose messages go to the next
    member without a receipt after no_receipt_seconds.
    """

    id: int
    name: str
    channel: str
    kind: str
    active: bool
    members: tuple[Member, ...]
    overflow: bool = True
    no_receipt: str = "otp"
    no_receipt_seconds: int = 60
    settings: dict[str, object] = {}


class DltTemplate(msgspec.Struct, frozen=True):
    """A template registered on India's DLT; empty `senders` = any of the account's headers."""

    template_id: str
    name: str
    text: str
    category: Literal["promotional", "service", "transactional"]
    senders: frozenset[str]
    pe_id: str


class DltTemplates(msgspec.Struct):
    """An account's active templates; `index` is made of them when the first message asks."""

    rows: tuple[DltTemplate, ...]
    index: Any = None


class Template(msgspec.Struct):
    """A template as messages are made of it: its live version, or why there is none to use.

    usable: both the operator and the carrier allow it; otherwise `state` says what is in the way.
    made: it taken apart, when the first message asks.
    """

    id: int
    account_id: int
    channel: str
    name: str
    language: str
    version: int
    type: str
    category: str
    content: dict[str, Any]
    variables: tuple[str, ...]
    carrier_id: str
    dlt_template_id: str
    usable: bool
    state: str
    made: Any = None


class Templates(msgspec.Struct, frozen=True):
    """An account's templates of a channel: by name and then language, and by id."""

    by_name: dict[str, dict[str, Template]] = {}
    by_id: dict[int, Template] = {}


class WebhookEndpoint(msgspec.Struct, frozen=True):
    """Where an account's events go; `events` empty = final states and READ."""

    account_id: int
    url: str
    events: frozenset[str]
    secret: bytes
    previous_secret: bytes | None
    previous_until: datetime | None
    active: bool


class InboundNumber(msgspec.Struct, frozen=True):
    """A number that recipients write to; `account_id` None = shared by its keywords' accounts."""

    account_id: int | None
    keywords: dict[str, int]


class Prices(msgspec.Struct, frozen=True):
    """What a unit costs, in micro-units: the longest prefix, else the country, else `other`.

    lengths: of the prefixes, longest first, so that a rate sheet of any size costs a look-up each.
    """

    other: int | None
    lengths: tuple[int, ...]
    prefixes: dict[str, int]
    countries: dict[str, int]

    def of(self, number: str, country: str) -> int | None:
        """The price for digits without plus; None when none is set."""
        for length in self.lengths:
            micro = self.prefixes.get(number[:length])
            if micro is not None:
                return micro
        return self.countries.get(country, self.other) if self.countries else self.other


class Snapshot(msgspec.Struct, frozen=True):
    """All configuration of the data plane at one version (the sum of the tables' versions).

    accounts, routes, strategies: by id. keys, admin_keys: by SHA-256 digest.
    senders: (account id, channel) -> value -> Sender. default_senders: (account id, channel) ->
    Sender. prices: (account id or 0, channel, category) -> Prices. route_costs: by route
    id. rules: channel -> active rules in order of evaluation; idle_rules: those that are switched
    off. assigned: (account id, channel) -> route id. settings: platform settings.
    dlt_templates: by account id.
    numbers: (channel, digits without plus or letters) -> InboundNumber.
    identities: (channel, value without plus) -> Identity. own_identities: (account id, channel) ->
    the active ones that it may use, its default first.
    twilio: by account id.
    smpp_credentials: active ones by system id. smpp_receivers: account id -> the system id whose
    binds take its replies. halted: campaigns of which nothing goes to a carrier.
    """

    version: int
    accounts: dict[int, Account]
    keys: dict[bytes, ApiKey]
    senders: dict[tuple[int, str], dict[str, Sender]]
    default_senders: dict[tuple[int, str], Sender]
    prices: dict[tuple[int, str, str], Prices]
    routes: dict[int, Route]
    routes_by_name: dict[str, Route]
    rules: dict[str, tuple[Rule, ...]]
    assigned: dict[tuple[int, str], int]
    webhooks: dict[int, WebhookEndpoint]
    settings: dict[str, object]
    route_costs: dict[int, Prices] = {}
    idle_rules: dict[str, tuple[Rule, ...]] = {}
    admin_keys: dict[bytes, AdminKey] = {}
    strategies: dict[int, Strategy] = {}
    dlt_templates: dict[int, DltTemplates] = {}
    numbers: dict[tuple[str, str], InboundNumber] = {}
    smpp_credentials: dict[str, SmppCredential] = {}
    twilio: dict[int, TwilioCredential] = {}
    smpp_receivers: dict[int, str] = {}
    identities: dict[tuple[str, str], Identity] = {}
    own_identities: dict[tuple[int, str], tuple[Identity, ...]] = {}
    templates: dict[tuple[int, str], Templates] = {}
    halted: frozenset[int] = frozenset()

    def carrier_cost(self, route_id: int, number: str) -> int | None:
        """What the carrier takes for a unit to digits `number`; None when nobody said.

        The longest prefix wins, then the route's own cost; that is 0 where nobody said.
        """
        costs = self.route_costs.get(route_id)
        found = None if costs is None else costs.of(number, "")
        if found is not None:
            return found
        route = self.routes.get(route_id)
        return route.cost_micro or None if route is not None else None

    def price(
        self, account_id: int, channel: str, category: str, number: str, country: str = ""
    ) -> int | None:
        """Price in micro-units for digits `number` without plus; None when none is set.

        Platform defaults are copied to an account when it is made, so they are not asked here.
        """
        prices = self.prices.get((account_id, channel, category))
        return None if prices is None else prices.of(number, country)
