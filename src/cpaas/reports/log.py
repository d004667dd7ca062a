"""Pages of the message log."""

from uuid import UUID

from cpaas.kit.ids import milliseconds
from cpaas.reports import log_queries as queries
from cpaas.reports.statement import Question, Rows, as_id, as_moment
from cpaas.reports.types import LogFilter, LogPage, MessageRow


def messages(
    account_id: int | None,
    wanted: LogFilter,
    *,
    before: UUID | None = None,
    limit: int = 50,
    walk: int = queries.WALK_ROWS,
) -> Question[LogPage]:
    """The page of messages accepted before the id `before`; account_id None: of all accounts."""
    rows = yield queries.page(account_id, wanted, before, limit + 1, walk)
    found = _read(rows)
    if len(found) > limit:
        return LogPage(found[:limit], found[limit - 1].id)
    if queries.walks(wanted):
        ends = yield queries.walked_to(account_id, wanted, before, walk)
        if ends:
            end = as_id(ends[0][0])
            return LogPage(found, end, as_moment(milliseconds(end) * 1000))
    return LogPage(found, None)


def message(account_id: int | None, message_id: UUID) -> Question[MessageRow | None]:
    """One message; None if there is none of that id (or it is another account's)."""
    rows = yield queries.one(account_id, message_id)
    return _read(rows)[0] if rows else None


_TIMES = range(10, 15)


def _read(rows: Rows) -> list[MessageRow]:
    found = []
    for row in rows:
        values = list(row)
        values[0] = as_id(values[0])
        for place in _TIMES:
            values[place] = as_moment(values[place])
        found.append(MessageRow(*values))
    return found
