"""SQL of campaigns themselves: made, changed, followed; their states and who works on them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.campaigns.types import Campaign, Content, Counts, Mapping, Pace, Wanted
from cpaas.pipeline.drafts import Author

#: a process that says nothing for so long is dead, and another goes on.
LEASE_SECONDS: Final = 60
TRIES_MAX: Final = 3
_COLUMNS: Final = (
    "id, account_id, name, channel, is_test, status, content, pace, mapping, actor_id, origin,"
    " reason_code, reason, file_state, file_name, file_error_code, file_error, blob_id, columns,"
    " number_column, total_rows, good_rows, bad_rows, duplicate_rows, estimate, check_wanted,"
    " round, next_row, last_row, zone_rows, launched, refused_rows, retried, charged_micro,"
    " first_id, last_id, created_at, started_at, finished_at"
)
_JSON_AT: Final = ((6, Content), (7, Pace), (8, Mapping))


def _campaign(row: Sequence[Any]) -> Campaign:
    values = list(row)
    for at, kind in _JSON_AT:
        values[at] = msgspec.convert(values[at], kind)
    return Campaign(*values)


def stored(value: Any) -> Any:
    """Content, pace or mapping as its column holds it."""
    return msgspec.to_builtins(value)


async def insert(
    connection: Any, author: Author, name: str, content: Content, pace: Pace, mapping: Mapping, *,
    actor: str,
) -> Campaign:  # fmt: skip
    """A new campaign without a file."""
    row = await connection.fetchrow(
        "INSERT INTO campaign (account_id, name, channel, lane, is_test, content, pace, mapping,"
        " actor, actor_id, origin) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        f" RETURNING {_COLUMNS}",
        author.account_id, name, content.channel, content.traffic_class, author.is_test,
        stored(content), stored(pace), stored(mapping), actor, author.actor_id, author.origin,
    )  # fmt: skip
    return _campaign(row)


async def find(
    connection: Any, account_id: int, campaign_id: int, *, lock: bool = False
) -> Campaign | None:
    """One campaign of the account."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM campaign WHERE id = $2 AND account_id = $1"
        + (" FOR UPDATE" if lock else ""),
        account_id, campaign_id,
    )  # fmt: skip
    return None if row is None else _campaign(row)


async def account_of(connection: Any, campaign_id: int) -> tuple[int, str] | None:
    """Whose campaign it is, id and name: for the operator, who names it by its id alone."""
    row = await connection.fetchrow(
        "SELECT c.account_id, coalesce(a.name, '') FROM campaign c"
        " LEFT JOIN account a ON a.id = c.account_id WHERE c.id = $1",
        campaign_id,
    )
    return None if row is None else (row[0], row[1])


async def newest_of_all(
    connection: Any, wanted: Wanted, *, below: int, limit: int
) -> list[tuple[str, Campaign]]:
    """(account's name, campaign) of every account, without test campaigns, newest first."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS}, (SELECT name FROM account a WHERE a.id = account_id)
            FROM campaign WHERE id < $1 AND NOT is_test
              AND ($3::bigint = 0 OR account_id = $3) AND ($4 = '' OR status = $4)
              AND ($5 = '' OR channel = $5) AND ($6 = '' OR strpos(lower(name), lower($6)) > 0)
              AND created_at >= to_timestamp($7::bigint / 1000000)
              AND created_at < to_timestamp($8::bigint / 1000000)
            ORDER BY id DESC LIMIT $2""",
        below, limit, wanted.account_id, wanted.status, wanted.channel, wanted.text,
        wanted.from_us, wanted.to_us,
    )  # fmt: skip
    return [(row[-1] or "", _campaign(row[:-1])) for row in map(tuple, rows)]


async def newest(
    connection: Any, account_id: int, *, below: int, limit: int, is_test: bool | None = None,
    status: str = "",
) -> list[Campaign]:  # fmt: skip
    """Campaigns of an account with id < below, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM campaign WHERE account_id = $1 AND id < $2"
        " AND ($4::boolean IS NULL OR is_test = $4) AND ($5 = '' OR status = $5)"
        " ORDER BY id DESC LIMIT $3",
        account_id, below, limit, is_test, status,
    )  # fmt: skip
    return [_campaign(row) for row in rows]


async def change(
    connection: Any, campaign: Campaign, *, name: str, content: Content, pace: Pace,
    mapping: Mapping,
) -> None:  # fmt: skip
    """Another name, content, pace or mapping of a CREATED campaign, which is locked."""
    read_again = stored(mapping) != stored(campaign.mapping) and campaign.blob_id != 0
    await connection.execute(
        """UPDATE campaign SET name = $3, content = $4, pace = $5, mapping = $6, channel = $7,
             lane = $8, estimate = NULL, tries = 0,
             check_wanted = file_state = 'READY',
             file_state = CASE WHEN $9 THEN 'WAITING' ELSE file_state END
           WHERE id = $2 AND account_id = $1""",
        campaign.account_id, campaign.id, name, stored(content), stored(pace), stored(mapping),
        content.channel, content.traffic_class, read_again,
    )  # fmt: skip


async def take_file(
    connection: Any, account_id: int, campaign_id: int, *, blob_id: int, name: str
) -> None:
    """A file is there to be read."""
    await connection.execute(
        """UPDATE campaign SET blob_id = $3, file_name = $4, file_state = 'WAITING',
             file_error = '', file_error_code = '', estimate = NULL, check_wanted = false,
             tries = 0, leased_until = NULL
           WHERE id = $2 AND account_id = $1""",
        account_id, campaign_id, blob_id, name,
    )  # fmt: skip


async def want_check(connection: Any, account_id: int, campaign_id: int) -> None:
    """All rows shall be checked anew."""
    await connection.execute(
        "UPDATE campaign SET check_wanted = true, estimate = NULL, tries = 0"
        " WHERE id = $2 AND account_id = $1 AND file_state = 'READY'",
        account_id, campaign_id,
    )  # fmt: skip


async def claim_reading(connection: Any) -> tuple[int, int] | None:
    """(account, campaign) whose file or rows wait to be read, claimed for this process."""
    row = await connection.fetchrow(
        """
        UPDATE campaign SET tries = tries + 1, leased_until = now() + $1 * interval '1 second',
            file_state = CASE file_state WHEN 'WAITING' THEN 'READING' ELSE file_state END
        WHERE id = (SELECT id FROM campaign
            WHERE (file_state IN ('WAITING', 'READING') OR check_wanted) AND tries < $2
              AND (leased_until IS NULL OR leased_until < now())
            ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING account_id, id
        """,
        LEASE_SECONDS, TRIES_MAX,
    )  # fmt: skip
    return None if row is None else (row[0], row[1])


async def close_abandoned(connection: Any) -> None:
    """Say of files that ended their reader every time that they do."""
    await connection.execute(
        """
        UPDATE campaign SET leased_until = NULL, check_wanted = false,
            file_state = 'REFUSED', file_error_code = 'file_interrupted',
            file_error = 'Reading it was interrupted ' || tries || ' times; upload it again.'
        WHERE (file_state IN ('WAITING', 'READING') OR check_wanted) AND tries >= $1
          AND (leased_until IS NULL OR leased_until < now())
        """,
        TRIES_MAX,
    )


async def hold(connection: Any, campaign_id: int) -> None:
    """Its reader lives."""
    await connection.execute(
        "UPDATE campaign SET leased_until = now() + $2 * interval '1 second'"
        " WHERE id = $1 AND leased_until IS NOT NULL",
        campaign_id, LEASE_SECONDS,
    )  # fmt: skip


async def release(connection: Any, campaign_id: int) -> None:
    """Its reader is gone: the next may take it at once."""
    await connection.execute("UPDATE campaign SET leased_until = NULL WHERE id = $1", campaign_id)


async def tell_columns(
    connection: Any, campaign: Campaign, columns: Sequence[str], number_column: int
) -> bool:
    """What the file's columns are; False when it is no longer this file."""
    done = await connection.execute(
        "UPDATE campaign SET columns = $3, number_column = $4, total_rows = 0, good_rows = 0,"
        " bad_rows = 0, duplicate_rows = 0"
        " WHERE id = $1 AND blob_id = $2 AND file_state = 'READING'",
        campaign.id, campaign.blob_id, list(columns), number_column,
    )  # fmt: skip
    return bool(done == "UPDATE 1")


async def tell_progress(
    connection: Any, campaign: Campaign, total: int, good: int, bad: int, duplicate: int
) -> bool:
    """How far the reading is; False when it is no longer this file."""
    done = await connection.execute(
        "UPDATE campaign SET total_rows = $3, good_rows = $4, bad_rows = $5, duplicate_rows = $6"
        " WHERE id = $1 AND blob_id = $2 AND file_state = 'READING'",
        campaign.id, campaign.blob_id, total, good, bad, duplicate,
    )  # fmt: skip
    return bool(done == "UPDATE 1")


async def finish_reading(
    connection: Any, campaign: Campaign, *, last_row: int, estimate: dict[str, Any] | None
) -> None:
    """The file is read whole."""
    await connection.execute(
        "UPDATE campaign SET file_state = 'READY', leased_until = NULL, tries = 0, last_row = $3,"
        " next_row = 1, estimate = $4, check_wanted = $4::jsonb IS NULL"
        " WHERE id = $1 AND blob_id = $2 AND file_state = 'READING'",
        campaign.id, campaign.blob_id, last_row, estimate,
    )  # fmt: skip


async def refuse_file(connection: Any, campaign: Campaign, code: str, detail: str) -> None:
    """The file cannot be read."""
    await connection.execute(
        "UPDATE campaign SET file_state = 'REFUSED', leased_until = NULL, tries = 0,"
        " check_wanted = false, file_error_code = $3, file_error = $4"
        " WHERE id = $1 AND blob_id = $2 AND file_state = 'READING'",
        campaign.id, campaign.blob_id, code, detail,
    )  # fmt: skip


async def finish_check(connection: Any, campaign: Campaign, estimate: dict[str, Any]) -> None:
    """All rows were checked; of content that changed meanwhile the check is made again."""
    await connection.execute(
        "UPDATE campaign SET estimate = $3, check_wanted = false, leased_until = NULL, tries = 0"
        " WHERE id = $1 AND content = $2 AND status = 'CREATED'",
        campaign.id, stored(campaign.content), estimate,
    )  # fmt: skip
    await release(connection, campaign.id)


async def note(connection: Any, campaign: Campaign, code: str, reason: str) -> None:
    """Why a campaign that was to start by itself did not."""
    await connection.execute(
        "UPDATE campaign SET reason_code = $3, reason = $4"
        " WHERE id = $2 AND account_id = $1 AND status = 'CREATED'",
        campaign.account_id, campaign.id, code, reason,
    )  # fmt: skip


async def counts(connection: Any, campaign_ids: Sequence[int]) -> dict[int, Counts]:
    """What became of campaigns' messages; the caller has found them as its account's."""
    rows = await connection.fetch(
        """SELECT campaign_id, sum(submitted)::bigint, sum(delivered)::bigint, sum(read)::bigint,
             sum(failed)::bigint, sum(rejected)::bigint, sum(expired)::bigint,
             sum(blocked)::bigint, sum(cancelled)::bigint, sum(refunded_micro)::bigint,
             sum(rescued)::bigint
           FROM campaign_counter WHERE campaign_id = ANY ($1::bigint[]) GROUP BY 1""",
        list(campaign_ids),
    )
    return {row[0]: Counts(*row[1:]) for row in rows}


async def errors(connection: Any, account_id: int, campaign_id: int) -> list[tuple[str, int]]:
    """(error code, messages) of a campaign, most first."""
    rows = await connection.fetch(
        """SELECT error_code, sum(messages)::bigint FROM campaign_error
           WHERE campaign_id = $2 AND account_id = $1 GROUP BY 1 HAVING sum(messages) > 0
           ORDER BY 2 DESC, 1""",
        account_id, campaign_id,
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]
