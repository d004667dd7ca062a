"""Seller and buyer as invoices name them: checked, read and kept."""

import re
from typing import Any, Final

import msgspec

from cpaas.billing import check, invoice_queries
from cpaas.billing.invoice_types import Party, Seller
from cpaas.kit.errors import InputError

NAME_MAX: Final = 200
ADDRESS_MAX: Final = 500
SELLER: Final = "seller"
_TAX_ID: Final = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{3,29}")
_GSTIN: Final = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]")
_CODE: Final = re.compile(r"[0-9]{4,8}|")
_PREFIX: Final = re.compile(r"[A-Z0-9]{1,6}")
_SIGNS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_read: Final = msgspec.json.Decoder(Seller).decode


def _gstin_fits(value: str) -> bool:
    """Whether the last sign of a GSTIN is the check sign of the fourteen before it."""
    total = 0
    for place, sign in enumerate(value[:14]):
        product = _SIGNS.index(sign) * (1 + place % 2)
        total += product // 36 + product % 36
    return _SIGNS[-total % 36] == value[14]


def tax_id(value: str, country: str) -> str:
    """The id in capitals; in India a GSTIN with its check sign. Errors: InputError."""
    given = value.strip().upper()
    if not given:
        return ""
    if country == "IN":
        given = given.replace(" ", "")
        if not _GSTIN.fullmatch(given):
            raise InputError(
                f"{value[:40]!r} is no GSTIN", "it has 15 signs, such as 29ABCDE1234F1Z5", "tax_id"
            )
        if not _gstin_fits(given):
            raise InputError(
                f"{given} has another check sign", "compare it with the certificate", "tax_id"
            )
    elif not _TAX_ID.fullmatch(given):
        raise InputError(
            f"{value[:40]!r} is no tax id", "use letters and digits, such as DE123456789", "tax_id"
        )
    return given


def party(wanted: Party) -> Party:
    """Name, address and tax id in normal form. Errors: InputError."""
    name = " ".join(wanted.legal_name.split())
    if len(name) > NAME_MAX or not name.isprintable():
        raise InputError(
            "this is no legal name", f"use at most {NAME_MAX} characters", "legal_name"
        )
    address = "\n".join(line.strip() for line in wanted.address.strip().splitlines())
    if len(address) > ADDRESS_MAX or not address.replace("\n", "").isprintable():
        raise InputError("this is no address", f"use at most {ADDRESS_MAX} characters", "address")
    country = check.country(wanted.country)
    return Party(name, address, country, tax_id(wanted.tax_id, country))


def seller(wanted: Seller) -> Seller:
    """The seller in normal form. Errors: InputError."""
    if not 0 <= wanted.tax_rate_bp <= 10_000:
        raise InputError("this is no tax rate", "use 0 to 100 percent", "tax_rate")
    if not _CODE.fullmatch(wanted.service_code):
        raise InputError("this is no HSN or SAC code", "it has 4 to 8 digits", "service_code")
    prefix = wanted.prefix.strip().upper()
    if not _PREFIX.fullmatch(prefix):
        raise InputError("this is no prefix", "use 1 to 6 letters or digits", "prefix")
    label = wanted.tax_label.strip()
    if not 1 <= len(label) <= 20 or not label.isprintable():
        raise InputError("this is no name of a tax", "use one such as GST or VAT", "tax_label")
    return msgspec.structs.replace(
        wanted, party=party(wanted.party), prefix=prefix, tax_label=label
    )


async def get_seller(connection: Any) -> Seller:
    """The seller of now; all empty until it is set."""
    kept = await invoice_queries.setting(connection, SELLER)
    return Seller() if kept is None else _read(kept)


async def put_seller(connection: Any, wanted: Seller) -> Seller:
    """Keeps the seller, for invoices issued from here on. Errors: InputError."""
    checked = seller(wanted)
    text = msgspec.json.encode(checked).decode()
    await invoice_queries.put_setting(connection, SELLER, text)
    return checked


async def get_buyer(connection: Any, account_id: int) -> Party:
    """The account's billing details; all empty until they are set."""
    return await invoice_queries.details(connection, account_id)


async def put_buyer(connection: Any, account_id: int, wanted: Party) -> Party:
    """Keeps an account's billing details. Errors: InputError."""
    checked = party(wanted)
    await invoice_queries.put_details(connection, account_id, checked)
    return checked
