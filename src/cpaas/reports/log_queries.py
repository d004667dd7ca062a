"""SQL of the message log: keyset pages that never count, never scan, and say how far they looked.

Three ways to a page. By a key that few messages share (id, provider id, a number's beginning): all
of them, then sorted. By an index in order of id (number, campaign, error, account, all): walked
backwards, since one number may get a hundred thousand messages a day.
What no index answers is asked of at most WALK_ROWS messages of such a walk.
"""

from typing import Any, Final
from uuid import UUID

from cpaas.kit.ids import lowest_at
from cpaas.reports.statement import Statement, micros
from cpaas.reports.types import LogFilter

#: most messages that one page looks through for what no index answers.
WALK_ROWS: Final = 20_000
#: from so many characters on, few enough numbers share a beginning to be found by it.
PREFIX_CHARS_KEY: Final = 9
COLUMNS: Final = (
    "id, account_id, channel, recipient, sender, status, provider_message_id, price_micro,"
    " refunded_micro, carrier_cost_micro, created_at, submitted_at, delivered_at, read_at,"
    " final_at, error_code, error, campaign_id, route_id, segments, attempt, encoding, lane,"
    " country, reference, body, is_test"
)


class _Where:
    """Conditions and their arguments, in step."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.args: list[Any] = []

    def add(self, text: str, *args: Any) -> None:
        """One more condition."""
        self.texts.append(text)
        self.args += args

    def __str__(self) -> str:
        return " AND ".join(self.texts) or "true"


def bounds(wanted: LogFilter, before: UUID | None) -> tuple[UUID, UUID]:
    """lowest <= id < below: ids begin with the millisecond of acceptance."""
    lowest = lowest_at(micros(wanted.since) // 1000)
    below = lowest_at(micros(wanted.until) // 1000)
    return lowest, min(below, before) if before else below


def _order(account_id: int | None, wanted: LogFilter, within: tuple[UUID, UUID]) -> _Where:
    """What an index in order of id answers."""
    where = _Where()
    where.add("id >= %s AND id < %s", *within)
    if account_id is not None:
        where.add("account_id = %s", account_id)
    if wanted.recipient:
        where.add("recipient = %s", wanted.recipient)
    # The second halves are the partial indexes' own conditions, word for word.
    elif wanted.campaign_id:
        where.add("campaign_id = %s AND campaign_id <> 0", wanted.campaign_id)
    elif wanted.error_code:
        where.add("error_code = %s AND error_code <> ''", wanted.error_code)
    return where


def _rest(wanted: LogFilter) -> _Where:
    """What no index answers."""
    where = _Where()
    for name in ("channel", "status", "reference"):
        if value := getattr(wanted, name):
            where.add(f"{name} = %s", value)
    if wanted.campaign_id and wanted.recipient:
        where.add("campaign_id = %s", wanted.campaign_id)
    if wanted.error_code and (wanted.campaign_id or wanted.recipient):
        where.add("error_code = %s", wanted.error_code)
    if wanted.route_id:
        where.add("route_id = %s", wanted.route_id)
    if wanted.test is not None:
        where.add("is_test = %s", wanted.test)
    if wanted.recipient_prefix and not _few(wanted):
        where.add("recipient >= %s AND recipient < %s", *_prefix(wanted.recipient_prefix))
    return where


def _prefix(text: str) -> tuple[str, str]:
    """Numbers from `text` up to, and not with, the next beginning.

    Comparing is leakproof, so it also works under row-level security, unlike LIKE; digits only,
    since the order of other characters is the collation's.
    """
    stem = text.rstrip("9").removeprefix("+")
    if not stem:
        return text, "+" + "9" * 20
    return text, f"+{int(stem) + 1}"


def _few(wanted: LogFilter) -> bool:
    return bool(
        wanted.message_id
        or wanted.provider_message_id
        or len(wanted.recipient_prefix) >= PREFIX_CHARS_KEY
    )


def walks(wanted: LogFilter) -> bool:
    """Whether a page may end because it looked far enough."""
    return not _few(wanted) and bool(_rest(wanted).texts)


def page(
    account_id: int | None, wanted: LogFilter, before: UUID | None, limit: int, walk: int
) -> Statement:
    """Up to `limit` messages below `before`, newest first. account_id None: of all accounts."""
    within = bounds(wanted, before)
    order, rest = _order(account_id, wanted, within), _rest(wanted)
    if _few(wanted):
        key = _key(wanted)
        source = "message"
        if wanted.provider_message_id:
            # First the ids, then their rows: the other way round a day would be read whole.
            source = "keys JOIN message USING (id)"
        for text in (*order.texts, *rest.texts):
            key.texts.append(text)
        key.args += [*order.args, *rest.args]
        # Materialized, so that the wish for an order does not lead past the key's own index.
        keys, args = _keys(wanted, within)
        return Statement(
            f"WITH {keys}found AS MATERIALIZED (SELECT {COLUMNS} FROM {source} WHERE {key})"
            f" SELECT {COLUMNS} FROM found ORDER BY id DESC LIMIT {int(limit)}",
            (*args, *key.args),
        )
    if not rest.texts:
        return Statement(
            f"SELECT {COLUMNS} FROM message WHERE {order} ORDER BY id DESC LIMIT {int(limit)}",
            tuple(order.args),
        )
    return Statement(
        f"SELECT {COLUMNS} FROM (SELECT {COLUMNS} FROM message WHERE {order}"
        f" ORDER BY id DESC LIMIT {int(walk)}) walked"
        f" WHERE {rest} ORDER BY id DESC LIMIT {int(limit)}",
        (*order.args, *rest.args),
    )


def _key(wanted: LogFilter) -> _Where:
    where = _Where()
    if wanted.message_id:
        where.add("id = %s", wanted.message_id)
    if wanted.recipient_prefix:
        where.add("recipient >= %s AND recipient < %s", *_prefix(wanted.recipient_prefix))
    return where


def _keys(wanted: LogFilter, within: tuple[UUID, UUID]) -> tuple[str, tuple[Any, ...]]:
    """The ids of a provider id; parts and earlier attempts keep theirs beside the message."""
    name = wanted.provider_message_id
    if not name:
        return "", ()
    text = (
        "keys AS MATERIALIZED (SELECT message_id AS id FROM provider_id"
        " WHERE provider_message_id = %s AND message_id >= %s AND message_id < %s"
        " UNION SELECT message_id FROM message_part"
        " WHERE provider_message_id = %s AND message_id >= %s AND message_id < %s), "
    )
    return text, (name, *within, name, *within)


def one(account_id: int | None, message_id: UUID) -> Statement:
    """A message by its id, which names its day."""
    if account_id is None:
        return Statement(f"SELECT {COLUMNS} FROM message WHERE id = %s", (message_id,))
    return Statement(
        f"SELECT {COLUMNS} FROM message WHERE id = %s AND account_id = %s",
        (message_id, account_id),
    )


def walked_to(
    account_id: int | None, wanted: LogFilter, before: UUID | None, walk: int
) -> Statement:
    """The id at which a walk ended because it was long enough; no row if it saw everything."""
    order = _order(account_id, wanted, bounds(wanted, before))
    return Statement(
        f"SELECT id FROM message WHERE {order} ORDER BY id DESC OFFSET {int(walk) - 1} LIMIT 1",
        tuple(order.args),
    )
