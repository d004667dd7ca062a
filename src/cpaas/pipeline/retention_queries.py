"""SQL of retention: which days are old, whether they are done with, and how they go."""

import re
from typing import Any, Final

import msgspec

#: tables with one partition a day, named <table>_YYYYMMDD.
PARENTS: Final = (
    "message", "message_part", "provider_id", "message_event", "webhook_delivery",
    "webhook_attempt",
)  # fmt: skip
_NAME: Final = re.compile(rf"({'|'.join(PARENTS)})_\d{{8}}")
#: detaching waits for every transaction that still sees the partition.
DETACH_SECONDS_MAX: Final = 600
RETENTION_LOCK: Final = 7_241_002


class Partition(msgspec.Struct, frozen=True):
    """A day's table. state: attached, pending (its detaching was cut short) or detached."""

    name: str
    parent: str
    state: str


async def try_lock(connection: Any) -> bool:
    """Whether this session is the one that drops days, until `unlock` or its end."""
    won: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", RETENTION_LOCK)
    return won


async def unlock(connection: Any) -> None:
    """Lets others."""
    await connection.execute("SELECT pg_advisory_unlock($1)", RETENTION_LOCK)


async def old_days(connection: Any, before_day: str) -> list[str]:
    """Days (YYYYMMDD) before this one of which some table is still there, oldest first."""
    rows = await connection.fetch(
        """SELECT DISTINCT right(relname, 8) AS day FROM pg_class
           WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
             AND relname ~ ('^(' || array_to_string($1::text[], '|') || ')_[0-9]{8}$')
             AND right(relname, 8) < $2 ORDER BY 1""",
        list(PARENTS), before_day,
    )  # fmt: skip
    return [row[0] for row in rows]


async def partitions(connection: Any, day: str) -> list[Partition]:
    """A day's tables."""
    rows = await connection.fetch(
        """SELECT c.relname::text, left(c.relname, -9)::text,
             CASE WHEN i.inhrelid IS NULL THEN 'detached'
                  WHEN i.inhdetachpending THEN 'pending' ELSE 'attached' END
           FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
           WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
             AND c.relname = any($1::text[]) ORDER BY 1""",
        [f"{parent}_{day}" for parent in PARENTS],
    )
    return [Partition(*row) for row in rows]


async def has_open(connection: Any, partition: Partition, final: list[str]) -> bool:
    """Whether a day's table holds something that is still going on."""
    name = _checked(partition.name)
    what = {
        "message": "status <> ALL ($1::text[])",
        "webhook_delivery": "next_attempt_at IS NOT NULL AND $1::text[] IS NOT NULL",
    }.get(partition.parent)
    if what is None:
        return False
    sql = f"SELECT EXISTS (SELECT FROM {name} WHERE {what})"
    found: bool = await connection.fetchval(sql, final, timeout=DETACH_SECONDS_MAX)
    return found


async def detach(connection: Any, partition: Partition) -> None:
    """Takes a day's table out of its parent, locking nobody out; finishes what was cut short."""
    parent, name = partition.parent, _checked(partition.name)
    how = {"attached": "CONCURRENTLY", "pending": "FINALIZE"}.get(partition.state)
    if how:
        await connection.execute(
            f"ALTER TABLE {parent} DETACH PARTITION {name} {how}", timeout=DETACH_SECONDS_MAX
        )


async def drop(connection: Any, partition: Partition) -> None:
    """Deletes a day's table that is detached."""
    await connection.execute(f"DROP TABLE {_checked(partition.name)}")


async def empty_texts(connection: Any, partition: Partition, most: int = 5_000) -> int:
    """Takes text and content out of some messages of a day; 0 when none has any left."""
    name = _checked(partition.name)
    done = await connection.execute(
        f"""UPDATE {name} SET body = '', content = NULL, fallback = NULL
            WHERE ctid = ANY (ARRAY(SELECT ctid FROM {name}
                WHERE body <> '' OR content IS NOT NULL OR fallback IS NOT NULL LIMIT $1))""",
        most, timeout=DETACH_SECONDS_MAX,
    )  # fmt: skip
    return int(done.removeprefix("UPDATE "))


async def empty_replies(connection: Any, day: str) -> None:
    """Takes the text out of the replies that came until the end of a day."""
    await connection.execute(
        "UPDATE inbound_message SET body = '', content = NULL"
        " WHERE received_at < $1::text::date + 1 AND (body <> '' OR content IS NOT NULL)",
        day, timeout=DETACH_SECONDS_MAX,
    )  # fmt: skip


async def texts_out_until(connection: Any) -> str:
    """The newest day (YYYYMMDD) without texts; "" before the first."""
    found = await connection.fetchval(
        "SELECT value #>> '{}' FROM platform_setting WHERE name = 'texts_out_until'"
    )
    return str(found or "")


async def note_texts_out(connection: Any, day: str) -> None:
    """Remembers it."""
    await connection.execute(
        "INSERT INTO platform_setting (name, value) VALUES ('texts_out_until', to_jsonb($1::text))"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = now()",
        day,
    )


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name} is no day's table")
    return name
