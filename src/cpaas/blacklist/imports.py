"""Puts a whole CSV into the blacklist by COPY: good rows count, bad rows are told one by one."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from cpaas.blacklist import check, queries
from cpaas.blacklist.csv_rows import read_rows
from cpaas.blacklist.types import BadRow, Imported, NewEntry

#: rows that go to the database together.
CHUNK_ROWS: Final = 50_000
#: bad rows that are told in the answer; all of them go to `told`.
BAD_SHOWN: Final = 100


async def import_csv(
    connection: Any,
    account_id: int,
    lines: Iterable[str],
    *,
    channel: str = "",
    created_by: str,
    told: Callable[[BadRow], None] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Imported:
    """Blocks every number of a CSV for an account (0 = for all), in the caller's transaction.

    Numbers that are blocked already are counted as known. Memory stays that of one chunk.
    Errors: InputError for a file that is no CSV; then nothing of it is kept.
    """
    done = Imported()
    rows = read_rows(lines, check.channel(channel))
    await queries.prepare_import(connection)
    while True:
        chunk = list(islice(rows, chunk_rows))
        if not chunk:
            return done
        entries = list(_good(chunk, done, told))
        if entries:
            made = await queries.import_entries(
                connection, account_id, entries, created_by=created_by
            )
            done.added += made
            done.known += len(entries) - made


def _good(
    chunk: Iterable[NewEntry | BadRow | None], done: Imported, told: Callable[[BadRow], None] | None
) -> Iterator[NewEntry]:
    for row in chunk:
        if row is None:
            continue
        done.rows += 1
        if isinstance(row, NewEntry):
            yield row
            continue
        done.rejected += 1
        if len(done.bad) < BAD_SHOWN:
            done.bad.append(row)
        if told is not None:
            told(row)
