"""Kannel's sendsms as a carrier: its request, its answers, its reports to the dlr-url we give.

Kannel names no id when it takes a message; so the reference in our dlr-url is the id, and Kannel
fills the rest in: %d what happened, %A in whose words.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from cpaas.channels.base import NotEncodableError
from cpaas.channels.sms.dlt_chain import chained
from cpaas.channels.sms.http_settings import KannelSettings, codes_of
from cpaas.channels.sms.http_types import (
    Call,
    Report,
    Said,
    Told,
    UnreadableCallbackError,
    by_status,
    reference,
    refused,
    unknown,
    words_of,
)
from cpaas.channels.sms.statuses import carrier_code, carrier_error, receipt_error, receipt_state
from cpaas.messages.envelopes import Outgoing
from cpaas.smpp.gsm import decode_gsm
from cpaas.smpp.receipt import read_text
from cpaas.smpp.text import Encoding, split

MINUTE_US: Final = 60_000_000
#: coding of sendsms.
_CODINGS: Final = {"GSM7": "0", "UCS2": "2"}
#: dlr-mask bits as %d tells them.
DELIVERED, FAILED, BUFFERED, ACCEPTED, REJECTED = 1, 2, 4, 8, 16
_NACK: Final = re.compile(r"NACK/(?:0x([0-9a-fA-F]{1,8})|(\d{1,10}))?/?(.*)", re.DOTALL)
#: Kannel's words -> our code; the first that the body begins with.
_WORDS: Final = (
    ("Authorization failed", "route_down"),
    ("Temporal failure", "carrier_temporary"),
    ("Not routable", "carrier_refused_route"),
    ("Number(s) has/have been denied", "invalid_destination"),
    ("Missing receiver", "invalid_destination"),
    ("Empty receiver", "invalid_destination"),
    ("Sender missing", "invalid_sender"),
    ("Charset or body misformed", "not_encodable"),
    ("UDH field", "not_encodable"),
    ("Coding field", "not_encodable"),
)


class Kannel:
    """The dialect of one route."""

    ack = b"OK"

    def __init__(
        self, settings: KannelSettings, base: str, login: tuple[str, str], callback: str
    ) -> None:
        """base: scheme, host and port. callback: the route's receipt address."""
        self._settings = settings
        self._url = f"{base}{settings.path}"
        self._login = login
        self._callback = callback
        self._codes = codes_of(settings)

    def calls(self, message: Outgoing, now_us: int) -> tuple[int, list[tuple[int, Call]]]:
        """The GET of a whole message, or those of its parts with a UDH each."""
        coding = _CODINGS.get(message.encoding)
        if coding is None:
            raise NotEncodableError(f"{message.encoding!r} is no coding of Kannel's")
        shared = self._shared(message, now_us) | {"coding": coding}
        if self._settings.long_message == "whole" or message.segments == 1:
            fields = shared | {"charset": "UTF-8", "text": message.text}
            return 1, [(1, self._call(message, fields, reference(message)))]
        bits = 8 if self._settings.long_message == "udh8" else 16
        encoding = Encoding.GSM7 if message.encoding == "GSM7" else Encoding.UCS2
        try:
            segments = split(message.text, encoding, message.parts_ref, bits)  # type: ignore[arg-type]
        except ValueError as error:
            raise NotEncodableError(str(error)) from error
        parts = []
        for number, segment in enumerate(segments, 1):
            if number in message.parts_done:
                continue
            head = segment.short_message[0] + 1
            udh, body = segment.short_message[:head], segment.short_message[head:]
            call = self._call(message, shared, reference(message, number), udh, body)
            parts.append((number, call))
        return len(segments), parts

    def _shared(self, message: Outgoing, now_us: int) -> dict[str, str]:
        settings = self._settings
        fields = {
            "username": self._login[0], "password": self._login[1], "from": message.sender,
            "to": message.to,
        }  # fmt: skip
        if settings.send_validity and message.valid_until_us > now_us:
            fields["validity"] = str(max(1, (message.valid_until_us - now_us) // MINUTE_US))
        if settings.smsc:
            fields["smsc"] = settings.smsc
        if message.dlt and settings.dlt:
            ids = chained(message.dlt, settings.dlt_chain, settings.dlt_tm_id)
            told = {name: ids[field] for field, name in settings.dlt.items() if ids.get(field)}
            if told:
                fields["meta-data"] = f"?{settings.meta_group}?{urlencode(told)}"
        return fields

    def _call(
        self, message: Outgoing, fields: dict[str, str], own: str, udh: bytes = b"",
        octets: bytes = b"",
    ) -> Call:  # fmt: skip
        mask = self._settings.dlr_mask
        if mask:
            tail = address_tail(message)
            url = f"{self._callback}{tail}?ref={own}&state=%d&reply=%A"
            fields = fields | {"dlr-mask": str(mask), "dlr-url": url}
        query = urlencode(fields, quote_via=quote, safe="")
        if udh:
            query += f"&udh={quote(udh, safe='')}"
            if message.encoding == "UCS2":
                query += f"&charset=UTF-16BE&text={quote(octets, safe='')}"
            else:
                text = quote(decode_gsm(octets), safe="")
                query += f"&charset=UTF-8&text={text}"
        return Call("GET", f"{self._url}?{query}", own)

    def answer(self, call: Call, status: int, body: bytes) -> Said:
        """202 and "0: …" or "3: …" is taken; anything else is not, and says why."""
        text = body.strip()
        if status in {200, 202}:
            if text[:2] in {b"0:", b"3:"}:
                return Said(call.reference)
            return unknown(words_of(status, body))
        words = words_of(status, body)
        said = text.decode("utf-8", "replace")
        for begin, code in _WORDS:
            if said.startswith(begin):
                return refused(code, words)
        return by_status(status, words)

    def receipts(self, report: Report) -> Sequence[Told]:
        """One report: ref, state (%d), reply (%A)."""
        own, state = report.fields.get("ref", ""), report.fields.get("state", "")
        if not own or not state.isdecimal():
            raise UnreadableCallbackError("a report of Kannel has ref and a number in state")
        return [self._told(own, int(state), report)]

    def _told(self, own: str, state: int, report: Report) -> Told:
        reply = str(report.fields.get("reply", ""))
        to, sender = report.to, report.sender
        if state == REJECTED:
            nack = _NACK.match(reply)
            if nack is not None and (nack[1] or nack[2]):
                status = int(nack[1], 16) if nack[1] else int(nack[2])
                error = carrier_error(status, self._codes)
                text = error.text if error else "The carrier rejected it."
                return Told(own, "REJECTED", carrier_code(status), text, to, sender)
            text = "The carrier or its network rejected it."
            return Told(own, "REJECTED", "", text, to, sender)
        if state == DELIVERED:
            return Told(own, "DELIVERED", to=to, sender=sender)
        if state == FAILED:
            read = read_text(reply)
            if read is None:
                return Told(own, "FAILED", "", "The carrier could not deliver it.", to, sender)
            meant = receipt_state(read.state, intermediate=False)
            # Kannel says "failed"; its SMSC's receipt may say how.
            meant = meant if meant in {"EXPIRED", "REJECTED"} else "FAILED"
            code = read.err if read.err.strip("0") else ""
            text = receipt_error(read.state, read.err, self._codes)
            return Told(own, meant, code, text or "The carrier could not deliver it.", to, sender)
        if state in {BUFFERED, ACCEPTED}:
            return Told(own, "ENROUTE", to=to, sender=sender)
        raise UnreadableCallbackError(f"Kannel has no report {state}")


def address_tail(message: Outgoing) -> str:
    """Recipient and sender as the end of the receipt address: "/447900000001/MYBRAND"."""
    sender = message.sender.lstrip("+")
    safe = sender if sender.isascii() and sender.isalnum() else "-"
    return f"/{message.to.lstrip('+')}/{safe}"
