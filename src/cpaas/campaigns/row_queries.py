"""SQL of campaigns' rows, faults and batches."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.campaigns.types import Fault, Row

_ROW: Final = "SELECT row_no, number, cells, zone, round FROM campaign_row"
_ROW_COLUMNS: Final = ("campaign_id", "row_no", "account_id", "number", "zone", "cells")
_FAULT_COLUMNS: Final = (
    "campaign_id", "account_id", "row_no", "stage", "code", "value", "detail", "cells",
)  # fmt: skip
_DELETED_AT_ONCE: Final = 50_000


async def copy_rows(
    connection: Any, account_id: int, campaign_id: int, rows: Sequence[Row]
) -> None:
    """Put rows in by COPY."""
    await connection.copy_records_to_table(
        "campaign_row", columns=_ROW_COLUMNS,
        records=[(campaign_id, r.number, account_id, r.to, r.zone, r.cells) for r in rows],
    )  # fmt: skip


async def copy_faults(
    connection: Any, account_id: int, campaign_id: int, faults: Sequence[Fault]
) -> None:
    """Put faults in by COPY."""
    if faults:
        await connection.copy_records_to_table(
            "campaign_fault", columns=_FAULT_COLUMNS,
            records=[
                (campaign_id, account_id, f.row, f.stage, f.code, f.value, f.detail, f.cells)
                for f in faults
            ],
        )  # fmt: skip


async def delete_rows(connection: Any, account_id: int, campaign_id: int) -> None:
    """Take all rows and faults out, in portions that each commit."""
    for table in ("campaign_row", "campaign_fault"):
        while True:
            done = await connection.execute(
                f"DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table}"
                " WHERE campaign_id = $2 AND account_id = $1 LIMIT $3))",
                account_id, campaign_id, _DELETED_AT_ONCE,
            )  # fmt: skip
            if int(done.rsplit(maxsplit=1)[-1]) < _DELETED_AT_ONCE:
                break


async def delete_faults(connection: Any, account_id: int, campaign_id: int, stage: str) -> None:
    """Forget the faults of one stage."""
    await connection.execute(
        "DELETE FROM campaign_fault WHERE campaign_id = $2 AND account_id = $1 AND stage = $3",
        account_id, campaign_id, stage,
    )  # fmt: skip


async def rows(
    connection: Any, account_id: int, campaign_id: int, *, since: int, limit: int,
    round_: int | None = None, zone: str | None = None,
) -> list[Row]:  # fmt: skip
    """Rows from a row's number on, in order; of one round, of one zone."""
    where = ""
    more: list[int | str] = []
    if round_:
        where += f" AND round = ${5 + len(more)}"
        more.append(round_)
    if zone is not None:
        where += f" AND zone = ${5 + len(more)}"
        more.append(zone)
    found = await connection.fetch(
        f"{_ROW} WHERE campaign_id = $2 AND account_id = $1 AND row_no >= $3{where}"
        " ORDER BY row_no LIMIT $4",
        account_id, campaign_id, since, limit, *more,
    )  # fmt: skip
    return [Row(*row) for row in found]


async def zones(connection: Any, account_id: int, campaign_id: int) -> list[str]:
    """The zones of a campaign's rows."""
    found = await connection.fetch(
        "SELECT DISTINCT zone FROM campaign_row WHERE campaign_id = $2 AND account_id = $1",
        account_id,
        campaign_id,
    )
    return sorted(row[0] for row in found)


async def faults(
    connection: Any, account_id: int, campaign_id: int, *, after: tuple[int, int], limit: int
) -> list[tuple[int, Fault]]:
    """(id, fault) behind a (row, id), in order of rows."""
    found = await connection.fetch(
        "SELECT id, row_no, code, value, detail, stage, cells FROM campaign_fault"
        " WHERE campaign_id = $2 AND account_id = $1 AND (row_no, id) > ($3, $4)"
        " ORDER BY row_no, id LIMIT $5",
        account_id, campaign_id, *after, limit,
    )  # fmt: skip
    return [(row[0], Fault(*row[1:])) for row in found]


async def fault_counts(
    connection: Any, account_id: int, campaign_id: int
) -> list[tuple[str, str, int]]:
    """(stage, code, rows) of a campaign's faults, most first."""
    found = await connection.fetch(
        "SELECT stage, code, count(*) FROM campaign_fault"
        " WHERE campaign_id = $2 AND account_id = $1 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        account_id,
        campaign_id,
    )
    return [(row[0], row[1], row[2]) for row in found]
