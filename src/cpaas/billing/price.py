"""What a message costs: the account's price of a unit times the units, nothing rounded.

Pure, so that API, SMPP, campaigns and dry runs name the same price.
"""

from cpaas.snapshot.types import Snapshot


def quote(
    snapshot: Snapshot,
    account_id: int,
    channel: str,
    digits: str,
    units: int,
    *,
    category: str = "",
    country: str = "",
) -> int | None:
    """Micro-units for `units` (segments, for SMS) to a number's digits; None = no price is set."""
    unit = snapshot.price(account_id, channel, category, digits, country)
    return None if unit is None else unit * units
