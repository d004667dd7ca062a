"""Questions to the database that both planes can ask: asyncpg in the services, Django's cursors.

A question is a generator: it yields statements, gets their rows and returns its answer. So what a
figure means is written once, and only the asking differs.
"""

import re
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

_PLACEHOLDER: Final = re.compile(r"%s|%%")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)

Rows = Sequence[Sequence[Any]]
T = TypeVar("T")


class Statement(msgspec.Struct, frozen=True):
    """SQL with %s for each argument, as psycopg takes it; arguments are plain Python values."""

    text: str
    args: tuple[Any, ...] = ()

    def numbered(self) -> tuple[str, list[Any]]:
        """The same for a data-plane pool: $1…, ids as bytes, times as Unix microseconds."""
        count = 0

        def number(found: re.Match[str]) -> str:
            nonlocal count
            if found[0] == "%%":
                return "%"
            count += 1
            return f"${count}"

        return _PLACEHOLDER.sub(number, self.text), [_plain(arg) for arg in self.args]


Question = Generator[Statement, Rows, T]


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, datetime):
        return micros(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def micros(moment: datetime) -> int:
    """Unix microseconds of a moment, exactly."""
    return (moment - _EPOCH) // _MICRO


def as_moment(value: datetime | int | None) -> datetime | None:
    """A time as either driver gives it, in UTC."""
    if value is None:
        return None
    return _EPOCH + value * _MICRO if isinstance(value, int) else value.astimezone(UTC)


def as_id(value: UUID | bytes) -> UUID:
    """An id as either driver gives it."""
    return value if isinstance(value, UUID) else UUID(bytes=bytes(value))


async def ask(connection: Any, question: Question[T]) -> T:
    """The answer, by a connection or pool of the data plane."""
    rows: Rows | None = None
    try:
        while True:
            statement = next(question) if rows is None else question.send(rows)
            text, args = statement.numbered()
            rows = await connection.fetch(text, *args)
    except StopIteration as ended:
        answer: T = ended.value
        return answer
