"""Which price holds: longest prefix, then country, then every number; checked against the rule."""

from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.billing import check, prices, queries
from cpaas.billing.price import quote
from cpaas.kit.errors import InputError
from cpaas.snapshot.load import EMPTY, load
from cpaas.snapshot.types import Prices, Snapshot

DIGITS = st.text("0123456789", max_size=6)
SHEET = st.dictionaries(DIGITS, st.integers(0, 9))
COUNTRIES = st.dictionaries(st.sampled_from(["IN", "DE", "US"]), st.integers(0, 9))


def naive(sheet: dict[str, int], countries: dict[str, int], number: str, country: str) -> Any:
    fitting = [prefix for prefix in sheet if prefix and number.startswith(prefix)]
    if fitting:
        return sheet[max(fitting, key=len)]
    return countries.get(country, sheet.get(""))


@given(SHEET, COUNTRIES, st.text("0123456789", min_size=7, max_size=15),
       st.sampled_from(["IN", "DE", "FR", ""]))  # fmt: skip
def test_the_price_is_that_of_the_rule(
    sheet: dict[str, int], countries: dict[str, int], number: str, country: str
) -> None:
    lengths = sorted({len(prefix) for prefix in sheet if prefix}, reverse=True)
    made = Prices(sheet.get(""), tuple(lengths), sheet, countries)
    assert made.of(number, country) == naive(sheet, countries, number, country)


async def snapshot(pool: asyncpg.Pool) -> Snapshot:
    async with pool.acquire() as connection:
        return await load(connection, EMPTY, {"price"}, {})


async def test_as_stored(pool: asyncpg.Pool) -> None:
    one = await pool.fetchval("INSERT INTO account (name) VALUES ('a') RETURNING id")
    for amount, more in (
        (10, {}), (20, {"country": "in"}), (30, {"prefix": "+9198"}), (40, {"prefix": "91"}),
    ):  # fmt: skip
        await prices.set_price(pool, one, "sms", amount, **more)
    await prices.set_price(pool, one, "whatsapp", 7, category="auth int")
    now = await snapshot(pool)
    assert quote(now, one, "sms", "919812345678", 2, country="IN") == 60
    assert quote(now, one, "sms", "917012345678", 1, country="IN") == 40
    assert quote(now, one, "sms", "4915112345678", 3, country="DE") == 30
    assert quote(now, one, "whatsapp", "919812345678", 1, category="AUTH_INT") == 7
    assert quote(now, one, "whatsapp", "919812345678", 1, category="UIC") is None
    await prices.delete_price(pool, one, "sms", prefix="91")
    assert quote(await snapshot(pool), one, "sms", "917012345678", 1, country="IN") == 20
    with pytest.raises(InputError, match="no such price"):
        await prices.delete_price(pool, one, "sms", prefix="91")
    with pytest.raises(InputError, match="not of both"):
        await prices.set_price(pool, one, "sms", 1, prefix="91", country="IN")
    with pytest.raises(InputError, match="country code"):
        await prices.set_price(pool, one, "sms", 1, country="India")
    assert [row.country for row in await queries.prices(pool, one)] == ["", "", "IN", ""]


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("utility", "UIC"), ("MARKETING", "MIC"), ("Service", "SIC"), ("authentication", "AUTH"),
     ("Authentication-International", "AUTH_INT")],
)  # fmt: skip
def test_whatsapp_categories(kind: str, stored: str) -> None:
    assert check.whatsapp_category(kind) == stored


def test_no_whatsapp_category() -> None:
    with pytest.raises(InputError):
        check.whatsapp_category("VIP")
