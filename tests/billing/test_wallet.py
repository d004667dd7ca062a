"""Money booked by hand: the ledger sums to the balance, whoever books at the same time."""

import asyncio

import asyncpg
import pytest

from cpaas.billing import check, wallet
from cpaas.kit import money
from cpaas.kit.errors import InputError

SUMS = """
    SELECT w.balance_micro, (SELECT coalesce(sum(amount_micro), 0)::bigint FROM ledger_entry l
    WHERE l.account_id = w.account_id) FROM wallet w WHERE w.account_id = $1
"""


@pytest.fixture
async def account(pool: asyncpg.Pool) -> int:
    made: int = await pool.fetchval("INSERT INTO account (name) VALUES ('a') RETURNING id")
    await pool.execute("INSERT INTO wallet (account_id) VALUES ($1)", made)
    return made


async def sums(pool: asyncpg.Pool, account: int) -> tuple[int, int]:
    row = await pool.fetchrow(SUMS, account)
    return row[0], row[1]


async def test_many_bookings_at_once_sum_up(pool: asyncpg.Pool, account: int) -> None:
    await asyncio.gather(
        *(wallet.credit(pool, account, 7, actor="t", note=f"{n}") for n in range(40))
    )
    assert await sums(pool, account) == (280, 280)


async def test_a_note_is_booked_once_also_by_two_at_once(pool: asyncpg.Pool, account: int) -> None:
    async def book() -> int:
        async with pool.acquire() as connection, connection.transaction():
            return await wallet.credit(connection, account, 5, actor="t", note="n", once=True)

    assert await asyncio.gather(*(book() for _ in range(4))) == [5, 5, 5, 5]
    assert await sums(pool, account) == (5, 5)


async def test_taking_away_stops_at_the_credit_limit(pool: asyncpg.Pool, account: int) -> None:
    await wallet.credit(pool, account, 10, actor="t")
    with pytest.raises(InputError, match="balance"):
        await wallet.adjust(pool, account, -11, actor="t", note="x")
    await wallet.set_credit_limit(pool, account, 5)
    assert await wallet.adjust(pool, account, -15, actor="t", note="x") == -5
    assert await sums(pool, account) == (-5, -5)


async def test_no_account_no_money(pool: asyncpg.Pool) -> None:
    with pytest.raises(InputError, match="no such account"):
        await wallet.credit(pool, 404, 1, actor="t")


@pytest.mark.parametrize("text", ["", "abc", "1,5", "NaN", "Infinity", "1e30", "0.0000001"])
def test_amounts_that_are_none(text: str) -> None:
    with pytest.raises(InputError):
        check.amount(text)


def test_an_amount_always_fits_the_database() -> None:
    assert check.amount("100000000") < 2**63 // 1000
    with pytest.raises(ValueError):
        money.parse("9999999999999999")


@pytest.mark.parametrize(
    ("channel", "value", "stored"),
    [
        ("sms", "", ""),
        ("whatsapp", "uic", "UIC"),
        ("whatsapp", "Auth INT", "AUTH_INT"),
        ("whatsapp", "auth-int", "AUTH_INT"),
        ("voice", "Minute", "minute"),
    ],
)
def test_categories(channel: str, value: str, stored: str) -> None:
    assert check.category(channel, value) == stored


@pytest.mark.parametrize(("channel", "value"), [("sms", "UIC"), ("whatsapp", ""), ("fax", "")])
def test_no_categories(channel: str, value: str) -> None:
    with pytest.raises(InputError):
        check.category(channel, value)
