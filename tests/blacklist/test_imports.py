"""A CSV into the blacklist: columns, encodings, good rows, bad rows, all or nothing."""

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.blacklist import imports
from cpaas.blacklist.csv_rows import read_rows
from cpaas.blacklist.types import BadRow, Imported, NewEntry
from cpaas.kit.errors import InputError
from cpaas.kit.textfile import decoded


def rows(text: str, channel: str = "") -> list[NewEntry | BadRow | None]:
    return list(read_rows(text.splitlines(keepends=True), channel))


def test_the_columns_are_found_by_their_heading() -> None:
    found = rows("Name;Phone Number;Reason;Channel\nAnn;919876543210;asked;SMS\n;;;\n")
    assert found == [None, NewEntry("+919876543210", "sms", "asked"), None]
    assert rows("919876543210,asked\n", "rcs") == [NewEntry("+919876543210", "rcs", "asked")]
    assert rows('"+919876543210"\t"a, b"\n') == [NewEntry("+919876543210", "", "a, b")]
    assert rows("") == [None]


def test_what_is_wrong_is_told_with_its_row() -> None:
    found = rows("number,channel\n9.19877E+11,sms\n+919876543210,fax\n00919876543210\n")
    bad = [one for one in found if isinstance(one, BadRow)]
    assert [(one.row, one.value) for one in bad] == [
        (2, "9.19877E+11"), (3, "+919876543210"), (4, "00919876543210"),
    ]  # fmt: skip
    assert "contains '.'" in bad[0].reason
    assert "fax" in bad[1].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(encoding: str) -> None:
    assert rows(decoded("number\n+919876543210\n".encode(encoding)))[1] == NewEntry("+919876543210")


def test_a_file_that_is_no_csv_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        decoded(b"number\n\xff\xfe\xfd")
    with pytest.raises(InputError, match="line 2"):
        rows('number\n"' + "9" * 200_000 + '"\n')


@given(st.text(max_size=200))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        for one in rows(text):
            assert one is None or isinstance(one, (NewEntry, BadRow))
    except InputError:
        pass


async def imported(pool: asyncpg.Pool, text: str, chunk: int = 3, **more: object) -> Imported:
    async with pool.acquire() as connection, connection.transaction():
        return await imports.import_csv(
            connection, 0, text.splitlines(keepends=True), created_by="u", chunk_rows=chunk,
            **more,  # type: ignore[arg-type]
        )  # fmt: skip


async def test_good_rows_count_and_known_ones_are_told(pool: asyncpg.Pool) -> None:
    numbers = "".join(f"+91987654321{n}\n" for n in range(10))
    told: list[BadRow] = []
    done = await imported(pool, f"{numbers}+919876543210\n12\n", told=told.append)
    assert (done.rows, done.added, done.known, done.rejected) == (12, 10, 1, 1)
    assert told == done.bad == [BadRow(12, "12", told[0].reason)]
    again = await imported(pool, numbers, channel="sms")
    assert (again.added, again.known) == (10, 0), "an entry of one channel is another entry"
    assert (await imported(pool, numbers)).known == 10
    assert await pool.fetchval("SELECT count(*) FROM blacklist_entry WHERE source='import'") == 20


async def test_a_broken_file_leaves_nothing_behind(pool: asyncpg.Pool) -> None:
    text = "".join(f"+91987654321{n}\n" for n in range(10)) + '"' + "9" * 200_000 + '"\n'
    with pytest.raises(InputError):
        await imported(pool, text)
    assert await pool.fetchval("SELECT count(*) FROM blacklist_entry") == 0
