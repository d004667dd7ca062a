"""What an export is: a job, its columns, and where it stands."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Kind = Literal["messages", "summary"]
Format = Literal["csv", "xlsx"]
ExportStatus = Literal["QUEUED", "RUNNING", "READY", "FAILED", "CANCELLED", "EXPIRED"]
OPEN = ("QUEUED", "RUNNING")


class Export(msgspec.Struct, frozen=True):
    """An export as its owner sees it; `percent` is the share of the span that is read."""

    id: int
    account_id: int
    kind: Kind
    format: Format
    filters: dict[str, str]
    actor: str
    status: ExportStatus
    rows: int
    percent: int
    blob_id: int
    error: str
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is still at work, or waits for its turn."""
        return self.status in OPEN


class Job(msgspec.Struct, frozen=True):
    """An export that this process works on."""

    id: int
    account_id: int
    kind: Kind
    format: Format
    filters: dict[str, str]
    kept_rows: int
    before_id: UUID | None
    blob_id: int
    created_at: datetime


class Batch(msgspec.Struct, frozen=True):
    """Rows of cells, where to go on behind them (None: at the end), how far this is (percent)."""

    rows: list[list[Any]]
    before: UUID | None
    percent: int
