"""The values of a campaign: what it sends, when and how fast, its file, and how far it is."""

from typing import Any, Final, Literal

import msgspec

from cpaas.messages.envelopes import Lane
from cpaas.pipeline.drafts import Draft, FallbackStep

Status = Literal[
    "CREATED", "QUEUED", "PROCESSING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED"
]  # fmt: skip
FileState = Literal["MISSING", "WAITING", "READING", "READY", "REFUSED"]
STATUSES: Final[tuple[Status, ...]] = (
    "CREATED", "QUEUED", "PROCESSING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED",
)  # fmt: skip
#: of a window's zone: each recipient's own, by the number.
RECIPIENT: Final = "recipient"


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """What all rows share; `text` and `reference` may hold {{variables}}, named as columns."""

    channel: str = "sms"
    text: str = ""
    sender: str = ""
    traffic_class: Lane = "transactional"
    reference: str = ""
    webhook_url: str = ""
    validity_seconds: int | None = None
    dlt: dict[str, str] | None = None
    fallback: tuple[FallbackStep, ...] = ()
    template: str = ""
    language: str = ""
    #: a template's variables, each a text that may hold {{columns}}; left out: the column of its
    #: name.
    variables: dict[str, str] = {}

    @property
    def says_something(self) -> bool:
        """Whether there is something to check rows with."""
        return bool(self.text or self.template)

    def draft(self) -> Draft:
        """As a message's draft, still with its variables."""
        return Draft(
            self.channel, self.text, self.sender, self.traffic_class, self.reference,
            self.webhook_url, None, self.validity_seconds, 1, self.dlt, self.fallback,
            self.template, None, self.language,
        )  # fmt: skip


class Window(msgspec.Struct, frozen=True, omit_defaults=True):
    """The hours of sending; empty = always. zone: "" = the platform's, a zone, or "recipient"."""

    days: tuple[str, ...] = ()
    hours: tuple[str, ...] = ()
    zone: str = ""

    def __bool__(self) -> bool:
        return bool(self.days or self.hours)


class Pace(msgspec.Struct, frozen=True, omit_defaults=True):
    """When it begins (Unix microseconds), messages a second (0 = as routes allow), and hours."""

    send_at_us: int | None = None
    rate: int = 0
    window: Window = Window()
    #: start by itself once its rows are checked.
    auto_start: bool = False


class Mapping(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to read the file; what is left out is found by itself.

    number_column: name or number (from 1). header: whether the first row names the columns.
    country: ISO 3166, for numbers without a country code.
    """

    number_column: str = ""
    header: bool | None = None
    country: str = ""


class Campaign(msgspec.Struct, frozen=True):
    """A campaign as its row says. Times are Unix microseconds, money micro-units."""

    id: int
    account_id: int
    name: str
    channel: str
    is_test: bool
    status: Status
    content: Content
    pace: Pace
    mapping: Mapping
    actor_id: int
    origin: str
    reason_code: str
    reason: str
    file_state: FileState
    file_name: str
    file_error_code: str
    file_error: str
    blob_id: int
    columns: list[str]
    number_column: int
    total_rows: int
    good_rows: int
    bad_rows: int
    duplicate_rows: int
    estimate: dict[str, Any] | None
    check_wanted: bool
    round: int
    next_row: int
    last_row: int
    zone_rows: dict[str, int]
    launched: int
    refused_rows: int
    retried: int
    charged_micro: int
    first_id: bytes | None
    last_id: bytes | None
    created_us: int
    started_us: int | None
    finished_us: int | None

    @property
    def names(self) -> list[str]:
        """The columns that variables may name: all but the number's."""
        return [name for at, name in enumerate(self.columns) if at != self.number_column]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which campaigns a list is to show: made from … until before … (Unix microseconds)."""

    from_us: int
    to_us: int
    account_id: int = 0
    status: str = ""
    channel: str = ""
    #: a part of the name.
    text: str = ""


class Row(msgspec.Struct, frozen=True):
    """A row that can be sent to."""

    number: int
    to: str
    cells: list[str]
    zone: str = ""
    round: int = 0


class Fault(msgspec.Struct, frozen=True):
    """A row that is not sent to, and why. stage: file, check or launch.

    cells: the row's, without the number's, where no `campaign_row` keeps them.
    """

    row: int
    code: str
    value: str
    detail: str
    stage: str = "file"
    cells: list[str] = []


class Counts(msgspec.Struct, frozen=True):
    """What became of its messages; `rescued` were delivered by a further attempt of fallback."""

    submitted: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0
    rejected: int = 0
    expired: int = 0
    blocked: int = 0
    cancelled: int = 0
    refunded_micro: int = 0
    rescued: int = 0

    @property
    def final(self) -> int:
        """Messages that are at their end."""
        return (
            self.delivered + self.failed + self.rejected + self.expired + self.blocked
            + self.cancelled
        )  # fmt: skip

    @property
    def unsuccessful(self) -> int:
        """Messages that ended badly."""
        return self.failed + self.rejected + self.expired
