"""Prices and balances as those who manage them see them; all money in micro-units."""

import msgspec


class PriceRow(msgspec.Struct, frozen=True):
    """One price: `account` "" = platform default; `country` and `prefix` "" = every number."""

    account: str
    channel: str
    category: str
    country: str
    prefix: str
    amount_micro: int


class Line(msgspec.Struct, frozen=True):
    """All ledger entries of one kind in a month."""

    kind: str
    entries: int
    amount_micro: int


class Statement(msgspec.Struct, frozen=True):
    """A month of an account: opening + lines = closing. Times are Unix microseconds.

    closed: the month is over and kept as it is here; else it ends now.
    """

    month: str
    from_us: int
    until_us: int
    opening_micro: int
    lines: list[Line]
    closing_micro: int
    closed: bool
