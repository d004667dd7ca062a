"""The fields of Jasmin's `/send` as a message and as what is to be told of it. Pure."""

import binascii
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from cpaas.api.doors.request import check_url, lane_of, number, text_of, validity
from cpaas.messages.door_wish import door_url
from cpaas.messages.vendor_tlvs import dlt_of, kept_of
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.units import TLVS
from cpaas.smpp.text import decode_text
from cpaas.smpp.times import parse_time
from cpaas.smpp.tlv import Tlvs

MICRO: Final = 1_000_000
UCS2: Final = 8
#: data_coding values that Jasmin takes, and those whose content is binary.
_CODINGS: Final = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14})
_BINARY: Final = frozenset({2, 4})
_INTEGERS: Final = {"Int1": 1, "Int2": 2, "Int4": 4}
_STRINGS: Final = {"OctetString": b"", "COctetString": b"\0"}


class JasminError(Exception):
    """An error in Jasmin's words."""

    def __init__(self, status: int, words: str, error: RefusedError | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
        self.error = error


def draft_of(fields: dict[str, bytes], now_us: int, send_at_us: int | None = None) -> Draft:
    """The message; send_at_us: of a batch that names a time. Errors: JasminError."""
    coding = _number(fields, "coding") or 0
    if coding not in _CODINGS:
        raise _invalid("coding", str(coding))
    minutes = _number(fields, "validity-period")
    tlvs = _tlvs(fields)
    try:
        kept = kept_of(tlvs)
    except ValueError:
        raise _invalid("custom_tlvs", _shown(fields, "custom-tlvs")) from None
    try:
        lane = lane_of(fields)
    except RefusedError as error:
        shown = _shown(fields, "traffic_class") or _shown(fields, "traffic-class")
        raise _invalid("traffic_class", shown, error) from None
    return Draft(
        "sms", _text(fields, coding), text_of(fields.get("from", b"")).strip(), lane,
        reference=text_of(fields.get("tags", b""))[:100],
        send_at_us=send_at_us or _schedule(fields, now_us),
        validity_seconds=validity(minutes and minutes * 60), dlt=dlt_of(tlvs),
        content={TLVS: kept} if kept else None,
    )  # fmt: skip


def _text(fields: dict[str, bytes], coding: int) -> str:
    if coding in _BINARY:
        raise _invalid("coding", str(coding))
    if "hex-content" in fields:
        try:
            octets = binascii.unhexlify(fields["hex-content"].strip())
        except (binascii.Error, ValueError):
            raise JasminError(400, "Invalid hex-content data: it is not hexadecimal.") from None
        return decode_text(octets, coding)
    content = fields["content"]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return decode_text(content, coding)
    if coding == UCS2 and text.isascii() and text and len(content) % 2 == 0:
        # Jasmin hands these octets on as they are: UTF-16, in which much looks like ASCII.
        return decode_text(content, coding)
    return text


def _schedule(fields: dict[str, bytes], now_us: int) -> int | None:
    asked = text_of(fields.get("sdt", b"")).strip()
    try:
        moment = parse_time(asked, datetime.fromtimestamp(now_us / MICRO, UTC))
    except (ValueError, OverflowError):
        raise _invalid("sdt", asked[:40]) from None
    return None if moment is None else int(moment.timestamp()) * MICRO


def _tlvs(fields: dict[str, bytes]) -> Tlvs:
    """custom_tlvs: a list of [tag, length or null, type, value]."""
    raw = fields.get("custom-tlvs", fields.get("custom_tlvs", b"")).strip()
    if not raw:
        return {}
    made: Tlvs = {}
    try:
        for tag, length, kind, value in msgspec.json.decode(raw):
            octets = _octets(kind, value)
            number_ = int(tag, 0) if isinstance(tag, str) else int(tag)
            made.setdefault(number_, []).append(octets.ljust(int(length or 0), b"\0"))
    except (msgspec.DecodeError, ValueError, TypeError, KeyError, OverflowError):
        raise _invalid("custom_tlvs", raw.decode("utf-8", "replace")[:80]) from None
    return made


def _octets(kind: str, value: Any) -> bytes:
    if kind in _INTEGERS:
        return int(value).to_bytes(_INTEGERS[kind], "big")
    return str(value).encode() + _STRINGS[kind]


def _number(fields: dict[str, bytes], name: str) -> int | None:
    try:
        value = number(fields, name)
    except ValueError:
        value = -1
    if value is not None and value < 0:
        raise _invalid(name, _shown(fields, name))
    return value


def wish_of(fields: dict[str, bytes]) -> str:
    """What is to be told, and where; asked for by dlr, or by dlr-url or dlr-level alone."""
    wanted = text_of(fields.get("dlr", b"no")).strip().lower()
    if wanted not in {"yes", "no"}:
        raise _invalid("dlr", wanted[:40])
    if wanted == "no" and not (fields.get("dlr-url") or fields.get("dlr-level")):
        return ""
    level = _number(fields, "dlr-level") or 1
    method = text_of(fields.get("dlr-method", b"POST")).strip().upper()
    url = text_of(fields.get("dlr-url", b"")).strip()
    if level not in {1, 2, 3}:
        raise _invalid("dlr-level", str(level))
    if method not in {"GET", "POST"}:
        raise _invalid("dlr-method", method[:40])
    if not url:
        return ""
    try:
        check_url(url, "dlr-url")
    except RefusedError as error:
        raise _invalid("dlr-url", url[:200], error) from None
    return door_url("jasmin", f"{level}{method[0]}", url)


def document_of(body: bytes) -> dict[str, Any]:
    """A JSON body. Errors: JasminError."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise JasminError(412, "Cannot parse JSON data") from None


def fields_of(document: dict[str, Any]) -> dict[str, bytes]:
    """A JSON document as the fields of /send, whose names have dashes."""
    made = {}
    for name, value in document.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            made[name.replace("_", "-")] = str(value).encode(errors="replace")
        elif isinstance(value, list) and name == "custom_tlvs":
            made["custom-tlvs"] = msgspec.json.encode(value)
    if "content" in made and "hex-content" not in made and made.get("coding") == b"8":
        # Text in JSON is text; only in a form it would have to be UTF-16 already.
        made["hex-content"] = made.pop("content").decode().encode("utf-16-be").hex().encode()
    return made


def _invalid(name: str, value: str, error: RefusedError | None = None) -> JasminError:
    return JasminError(400, f"Argument [{name}] has an invalid value: [{value}].", error)


def _shown(fields: dict[str, bytes], name: str) -> str:
    return text_of(fields.get(name, b""))[:40]
