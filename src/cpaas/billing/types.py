"""Prices and balances as those who manage them see them; all money in micro-units."""

import msgspec


class PriceRow(msgspec.Struct, frozen=True):
    """One price: `account` "" = platform default, `prefix` "" = every number."""

    account: str
    channel: str
    category: str
    prefix: str
    amount_micro: int
