"""Money as integer micro-units (1,000,000 = one unit of the currency); never a float."""

from decimal import Decimal, InvalidOperation

MICRO = 1_000_000
_LIMIT = 10**15  # a thousand million units: far above any wallet, far below bigint


def parse(text: str) -> int:
    """Micro-units of a decimal text such as "0.12".

    Errors: ValueError when it is no plain number, has more than 6 decimals, or is too large.
    """
    try:
        value = Decimal(text.strip())
        micro = value * MICRO
        whole = micro == micro.to_integral_value()
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount: write it like 12.50") from None
    if not value.is_finite() or abs(micro) > _LIMIT:
        raise ValueError(f"{text!r} is not an amount that can be booked")
    if not whole:
        raise ValueError(f"{text!r} has more than 6 decimals")
    return int(micro)


def show(micro: int) -> str:
    """The amount with 4 decimals, more only where they are not zero: "0.1200"."""
    sign = "-" if micro < 0 else ""
    whole, fraction = divmod(abs(micro), MICRO)
    digits = f"{fraction:06d}"
    if digits.endswith("00"):
        digits = digits[:4]
    return f"{sign}{whole}.{digits}"
