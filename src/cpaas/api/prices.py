"""Prices as their account reads them: the whole list, and what one number costs."""

from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import Parameter

from cpaas.api.auth import Caller
from cpaas.api.context import Api
from cpaas.api.problem import refused
from cpaas.billing import check, queries
from cpaas.billing.types import PriceRow
from cpaas.kit import phone
from cpaas.kit.errors import InputError
from cpaas.kit.money import show

_CHANNELS: Final = ("sms", "whatsapp", "rcs", "voice")


class PriceView(msgspec.Struct, frozen=True):
    """One price of a unit: a segment, a message, a started minute or a call.

    `country` and `prefix` empty: every number. The longest prefix goes before the country, the
    country before the price for every number.
    """

    channel: str
    category: str
    country: str
    prefix: str
    price: str
    currency: str


class PriceList(msgspec.Struct, frozen=True):
    """All prices of the account."""

    data: list[PriceView]


class Quote(msgspec.Struct, frozen=True):
    """What one unit to a number costs; `price` null = no price is set, so nothing can be sent."""

    channel: str
    category: str
    to: str
    country: str
    price: str | None
    currency: str


@get("/v1/prices", summary="Read your prices", tags=["Money"])
async def get_prices(api: Api, caller: Caller) -> PriceList:
    """Every price of the account, by channel, category, country and prefix."""
    async with api.pool.acquire() as connection:
        rows = await queries.prices(connection, caller.account.id)
    return PriceList([_view(row, api.currency) for row in rows])


def _view(row: PriceRow, currency: str) -> PriceView:
    return PriceView(
        row.channel, row.category, row.country, row.prefix, show(row.amount_micro), currency
    )


@get("/v1/prices/quote", summary="Ask what a number costs", tags=["Money"])
async def get_quote(
    api: Api,
    caller: Caller,
    to: Annotated[str, Parameter(description="A number such as +919876543210")],
    channel: Annotated[str, Parameter(description="sms, whatsapp, rcs or voice")] = "sms",
    category: Annotated[
        str, Parameter(description="WhatsApp: UIC, MIC, SIC, Auth or Auth INT")
    ] = "",
) -> Quote:
    """The price of one unit to a number, as sending would take it now."""
    if channel not in _CHANNELS:
        raise refused("unknown_channel", f"channel is one of {', '.join(_CHANNELS)}.", "channel")
    wanted = check.category(channel, category)
    try:
        number = phone.read(to, test_allowed=caller.is_test)
    except InputError as error:
        raise refused("invalid_number", f"{error.what}: {error.todo}.", "to") from error
    unit = api.snapshots.current.price(
        caller.account.id, channel, wanted, number.digits, number.country
    )
    return Quote(
        channel, wanted, f"+{number.digits}", number.country,
        None if unit is None else show(unit), api.currency,
    )  # fmt: skip


HANDLERS: Final = [get_prices, get_quote]
