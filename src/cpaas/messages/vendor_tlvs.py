"""TLVs of vendors that come with an SMS: DLT ids, and what is kept for carriers that know it."""

from typing import Final

from cpaas.smpp.tlv import Tlvs, tlv_text

DLT_NAMES: Final = {0x1400: "pe_id", 0x1401: "template_id", 0x1402: "tm_id"}
VENDOR_TAGS: Final = range(0x1400, 0x4000)
TLVS_MAX: Final = 16
OCTETS_MAX: Final = 1_024


def dlt_of(tlvs: Tlvs) -> dict[str, str] | None:
    """The DLT ids among them, with or without a closing NUL; None without any."""
    found = {name: (tlv_text(tlvs, tag) or "").strip() for tag, name in DLT_NAMES.items()}
    return {name: value for name, value in found.items() if value} or None


def kept_of(tlvs: Tlvs) -> dict[str, list[str]] | None:
    """The others of the vendors' range, "0x1403" -> values in hex; None without any.

    Errors: ValueError for more than may be kept.
    """
    found = {
        tag: values for tag, values in tlvs.items() if tag in VENDOR_TAGS and tag not in DLT_NAMES
    }
    octets = [len(value) for values in found.values() for value in values]
    if len(octets) > TLVS_MAX or sum(octets) > OCTETS_MAX:
        raise ValueError(f"more than {TLVS_MAX} vendor TLVs or {OCTETS_MAX} octets of them")
    return {f"0x{tag:04X}": [v.hex() for v in values] for tag, values in found.items()} or None
