"""SQL that folds the minutes' counters into hours and days, exactly once.

A minute's rows are deleted and added in one statement. Who adds to one of them meanwhile either
comes first, and is taken along, or finds it gone and makes a row of its own, for the next fold.
"""

from datetime import datetime
from typing import Any, Final

from cpaas.reports.figures_queries import FIGURES

_COLUMNS: Final = ", ".join(FIGURES)
_SUMS: Final = ", ".join(f"sum({name})" for name in FIGURES)
_KEYS: Final = "account_id, channel, route_id, country"


def _add(table: str) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in FIGURES)


FOLD: Final = f"""
WITH gone AS (
    DELETE FROM counter_minute WHERE minute <= $1
    RETURNING minute, instance_id, {_KEYS}, {_COLUMNS}
), hours AS (
    INSERT INTO counter_hour (hour, {_KEYS}, {_COLUMNS})
    SELECT hour, coalesce(account_id, 0), channel, route_id, country, {_SUMS}
    FROM (SELECT date_trunc('hour', minute, $2::text) AS hour, * FROM gone) g
    GROUP BY hour, channel, route_id, country, GROUPING SETS ((account_id), ())
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (hour, {_KEYS}) DO UPDATE SET {_add("counter_hour")}
), days AS (
    INSERT INTO counter_day (day, {_KEYS}, {_COLUMNS})
    SELECT day, coalesce(account_id, 0), channel, route_id, country, {_SUMS}
    FROM (SELECT (minute AT TIME ZONE $2::text)::date AS day, * FROM gone) g
    GROUP BY day, channel, route_id, country, GROUPING SETS ((account_id), ())
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (day, {_KEYS}) DO UPDATE SET {_add("counter_day")}
), accounts AS (
    INSERT INTO counter_account_day (day, account_id, {_COLUMNS})
    SELECT (minute AT TIME ZONE $2::text)::date AS day, account_id, {_SUMS}
    FROM gone GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (day, account_id) DO UPDATE SET {_add("counter_account_day")}
), minutes AS (
    INSERT INTO counter_platform_minute (minute, channel, route_id, {_COLUMNS})
    SELECT minute, channel, route_id, {_SUMS} FROM gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (minute, channel, route_id) DO UPDATE SET {_add("counter_platform_minute")}
), instances AS (
    INSERT INTO counter_instance_day AS c (day, account_id, instance_id, accepted)
    SELECT (minute AT TIME ZONE $2::text)::date AS day, account_id, instance_id, sum(accepted)
    FROM gone WHERE accepted > 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (day, account_id, instance_id)
        DO UPDATE SET accepted = c.accepted + excluded.accepted
)
SELECT count(*) FROM gone
"""
FOLD_ERRORS: Final = """
WITH gone AS (
    DELETE FROM counter_error WHERE minute <= $1
    RETURNING minute, account_id, channel, route_id, error_code, messages
), hours AS (
    INSERT INTO counter_error_hour AS c
        (hour, account_id, channel, route_id, error_code, messages)
    SELECT hour, coalesce(account_id, 0), channel, route_id, error_code, sum(messages)
    FROM (SELECT date_trunc('hour', minute, $2::text) AS hour, * FROM gone) g
    GROUP BY hour, channel, route_id, error_code, GROUPING SETS ((account_id), ())
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (hour, account_id, channel, route_id, error_code)
        DO UPDATE SET messages = c.messages + excluded.messages
)
SELECT count(*) FROM gone
"""
_TABLES: Final = {"counter_minute": FOLD, "counter_error": FOLD_ERRORS}
ELECTION: Final = 7_311_005


async def elect(connection: Any) -> bool:
    """Whether this process folds, until its transaction ends."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", ELECTION))


async def fold(connection: Any, table: str, before_us: int, zone: str, rows: int) -> int:
    """Fold the oldest minutes of a table, about so many rows; returns how many it took."""
    last = await connection.fetchval(
        f"SELECT minute FROM {table} WHERE minute < $1 ORDER BY minute OFFSET $2 LIMIT 1",
        before_us, rows,
    )  # fmt: skip
    if last is None:
        last = await connection.fetchval(
            f"SELECT max(minute) FROM {table} WHERE minute < $1", before_us
        )
    if last is None:
        return 0
    return int(await connection.fetchval(_TABLES[table], last, zone))


async def forget(connection: Any, before: datetime | int, rows: int) -> int:
    """Delete hours from before a moment, at most so many rows of each table."""
    done = 0
    for table in ("counter_hour", "counter_error_hour"):
        told = await connection.execute(
            f"DELETE FROM {table} WHERE ctid = ANY (ARRAY ("
            f"SELECT ctid FROM {table} WHERE hour < $1 ORDER BY hour LIMIT $2))",
            before, rows,
        )  # fmt: skip
        done += int(told.rpartition(" ")[2])
    await connection.execute(
        "DELETE FROM counter_platform_minute WHERE minute < now() - interval '2 days'"
    )
    # Only caps of the present day ask for these.
    await connection.execute("DELETE FROM counter_instance_day WHERE day < current_date - 3")
    return done
