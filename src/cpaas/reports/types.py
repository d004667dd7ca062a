"""What reports are made of. Money is in micro-units, times are aware datetimes in UTC."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

import msgspec

By = Literal["account", "channel", "country", "route", "hour", "day"]


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages: accepted since <= t < until; an empty field does not matter.

    recipient is exact, recipient_prefix its beginning; test None shows live and test messages.
    """

    since: datetime
    until: datetime
    message_id: UUID | None = None
    recipient: str = ""
    recipient_prefix: str = ""
    provider_message_id: str = ""
    reference: str = ""
    channel: str = ""
    status: str = ""
    error_code: str = ""
    route_id: int = 0
    campaign_id: int = 0
    test: bool | None = False


class MessageRow(msgspec.Struct, frozen=True):
    """A message in the log."""

    id: UUID
    account_id: int
    channel: str
    recipient: str
    sender: str
    status: str
    provider_message_id: str | None
    price_micro: int
    refunded_micro: int
    carrier_cost_micro: int
    created_at: datetime
    submitted_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    final_at: datetime | None
    error_code: str
    error: str
    campaign_id: int
    route_id: int
    segments: int
    attempt: int
    encoding: str
    lane: str
    country: str
    reference: str
    body: str
    is_test: bool

    @property
    def cost_micro(self) -> int:
        """What the customer pays: the price net of refunds."""
        return self.price_micro - self.refunded_micro


class LogPage(msgspec.Struct, frozen=True):
    """Messages, newest first. `before` is where the next page goes on, None = no more.

    searched_to: set when the search stopped looking at this time of acceptance, with fewer rows
    than asked for, so that one page never reads more than its share; `before` goes on from there.
    """

    rows: list[MessageRow]
    before: UUID | None
    searched_to: datetime | None = None


class Figures(msgspec.Struct, frozen=True):
    """Sums over messages by their time of acceptance; test messages are never in them."""

    accepted: int = 0
    segments: int = 0
    submitted: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    blocked: int = 0
    cancelled: int = 0
    charged_micro: int = 0
    refunded_micro: int = 0
    carrier_cost_micro: int = 0

    @property
    def success_rate(self) -> float | None:
        """Delivered of what was handed to a carrier, 0…1; None before the first."""
        return self.delivered / self.submitted if self.submitted else None

    @property
    def undelivered(self) -> int:
        """Failed, rejected and expired."""
        return self.failed + self.rejected + self.expired

    @property
    def in_flight(self) -> int:
        """Accepted and not at an end."""
        ended = self.delivered + self.undelivered + self.blocked + self.cancelled
        return max(0, self.accepted - ended)

    @property
    def net_micro(self) -> int:
        """Charges less refunds: the operator's revenue, the customer's cost."""
        return self.charged_micro - self.refunded_micro


class Comparison(msgspec.Struct, frozen=True):
    """Today up to a full hour, and the same weekday a week ago up to the same hour."""

    until: datetime
    now: Figures
    week_ago: Figures


class AdminCards(msgspec.Struct, frozen=True):
    """The Admin Dashboard's four cards."""

    today: Figures
    active_users: int
    users: int
    comparison: Comparison


class PortalCards(msgspec.Struct, frozen=True):
    """The User Portal's four cards."""

    today: Figures
    balance_micro: int
    credit_limit_micro: int
    comparison: Comparison


class Split(msgspec.Struct, frozen=True):
    """The figures of one channel, route, country, account or time; `key` says which."""

    key: str
    figures: Figures


class TrafficMinute(msgspec.Struct, frozen=True):
    """One minute of the traffic chart."""

    at: datetime
    figures: Figures


class ErrorCount(msgspec.Struct, frozen=True):
    """How many of today's messages ended with an error; `before` as of yesterday by this hour."""

    error_code: str
    messages: int
    until_hour: int
    before: int


class RouteHealth(msgspec.Struct, frozen=True):
    """A route's state as its holder sees it, and its last hour."""

    route_id: int
    name: str
    channel: str
    active: bool
    state: str
    binds_up: int
    binds_wanted: int
    tps_now: float
    tps: int
    last_error: str
    updated_at: datetime | None
    hour: Figures


class SummaryRow(msgspec.Struct, frozen=True):
    """One line of a summary, with the same line of the period before."""

    key: str
    figures: Figures
    before: Figures


class Summary(msgspec.Struct, frozen=True):
    """Figures of whole days in the platform's zone, against as many days before."""

    since: date
    until: date
    by: By
    total: Figures
    total_before: Figures
    rows: list[SummaryRow]
    more: bool
