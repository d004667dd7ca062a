"""Makes the messages of some rows, ready to be stored with one commit. Pure."""

from collections.abc import Sequence

import msgspec

from cpaas.campaigns.judge import Judge
from cpaas.campaigns.types import Fault, Row
from cpaas.kit.ids import row_prefix
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.check import Prepared, submission
from cpaas.pipeline.drafts import Submission
from cpaas.pipeline.refusals import RefusedError

#: refusals that pass by themselves: the row waits, and those behind it.
WAITS = frozenset({"dlt_promotional_hours"})


class Built(msgspec.Struct):
    """Rows as messages and faults. waits: why the row behind the last cannot go now."""

    messages: list[Outgoing] = []
    faults: list[Fault] = []
    rows: list[Row] = []
    waits: RefusedError | None = None
    prefix: bytes = b""
    prepared: Prepared | None = None

    @property
    def last_row(self) -> int:
        """The last row that is done with."""
        return self.rows[-1].number if self.rows else 0


def build(judge: Judge, rows: Sequence[Row], now_us: int) -> Built:
    """The messages of rows, each with an id that ends with its row's number."""
    built = Built(prefix=row_prefix(now_us * 1000), prepared=judge.prepared)
    for row in rows:
        try:
            message = judge.message(row)
        except RefusedError as error:
            if error.code in WAITS:
                built.waits = error
                break
            built.faults.append(Fault(row.number, error.code, row.to, error.detail, "launch"))
        else:
            message.id = id_of(built.prefix, row.number)
            built.messages.append(message)
        built.rows.append(row)
    return built


def first(built: Built, rows: int) -> Built:
    """Only the first so many rows of it."""
    kept = built.rows[:rows]
    last = kept[-1].number if kept else 0
    return Built(
        [one for one in built.messages if row_of(one.id) <= last],
        [one for one in built.faults if one.row <= last], kept, None, built.prefix,
        built.prepared,
    )  # fmt: skip


def to_store(built: Built) -> Submission | None:
    """The batch's messages as they are accepted; None when all its rows are faults."""
    if not built.messages or built.prepared is None:
        return None
    return submission(built.prepared, built.messages)


def id_of(prefix: bytes, row: int) -> bytes:
    """The id of a row's message."""
    return prefix + row.to_bytes(4, "big")


def row_of(message_id: bytes) -> int:
    """The row of a campaign's message."""
    return int.from_bytes(message_id[12:], "big")
