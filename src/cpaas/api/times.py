"""Points in time and cursors as the API writes and reads them."""

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from cpaas.api.problem import ProblemError, refused


def iso(micros: int | None) -> str | None:
    """Unix microseconds as "2026-12-01T09:00:00.123Z"; None stays None."""
    if micros is None:
        return None
    moment = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{micros // 1000 % 1000:03d}Z"


def micros(text: str, field: str) -> int:
    """Unix microseconds of an ISO 8601 text with a zone. Errors: ProblemError 422."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise refused(
            "validation_error",
            f"{field} is no time with a zone; write it like 2026-12-01T09:00:00Z.",
            field,
        )
    return int(moment.timestamp() * 1_000_000)


def cursor_of(last: bytes) -> str:
    """The opaque cursor that goes on behind the row with this id."""
    return base64.urlsafe_b64encode(last).decode().rstrip("=")


def read_cursor(cursor: str, size: int = 16) -> bytes:
    """The id in a cursor. Errors: ProblemError 422."""
    try:
        value = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != size:
        raise refused(
            "invalid_cursor", "This cursor is none of ours; leave it out to start anew.", "cursor"
        )
    return value


def message_id(text: str) -> bytes:
    """The bytes of a message's id. Errors: ProblemError 404."""
    try:
        return UUID(text).bytes
    except ValueError:
        raise ProblemError(
            404, "message_not_found", "There is no message with this id.", title="Not found"
        ) from None
