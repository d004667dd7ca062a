"""Jasmin's /send as a carrier: its request, its answers, its delivery reports.

Jasmin says Success once the message lies in its queue; what its SMSC answered comes as a report of
level 1, the receipt as one of level 2. It repeats a report until it reads ACK/Jasmin.
"""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from cpaas.channels.base import NotEncodableError
from cpaas.channels.sms.http_kannel import address_tail
from cpaas.channels.sms.http_settings import JasminSettings, codes_of
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
from cpaas.smpp.gsm import encode_gsm
from cpaas.smpp.receipt import read_text
from cpaas.smpp.status import CommandStatus

MINUTE_US: Final = 60_000_000
_SUCCESS: Final = re.compile(rb'\s*Success "([^"]{1,100})"\s*')
_ERROR: Final = re.compile(r'\s*Error "(.*?)"?\s*', re.DOTALL)
_CODINGS: Final = {"GSM7": "0", "UCS2": "8"}
#: words within Error "…" -> our code; the first that is found.
_WORDS: Final = (
    ("Authentication failure", "route_down"),
    ("No route found", "carrier_refused_route"),
    ("You have reached your throughput", "carrier_throttled"),
    ("throughput", "carrier_throttled"),
    ("quota", "route_down"),
    ("balance", "route_down"),
    ("Cannot charge", "route_down"),
    ("destination address", "invalid_destination"),
    ("[to]", "invalid_destination"),
    ("source address", "invalid_sender"),
    ("[from]", "invalid_sender"),
    ("content", "message_refused"),
    ("Cannot send submit_sm", "carrier_temporary"),
)


class Jasmin:
    """The dialect of one route."""

    ack = b"ACK/Jasmin"

    def __init__(
        self, settings: JasminSettings, base: str, login: tuple[str, str], callback: str
    ) -> None:
        """base: scheme, host and port. callback: the route's receipt address."""
        self._settings = settings
        self._url = f"{base}{settings.path}"
        self._login = login
        self._callback = callback
        self._codes = codes_of(settings)

    def calls(self, message: Outgoing, now_us: int) -> tuple[int, list[tuple[int, Call]]]:
        """One request; Jasmin cuts what is too long. The text goes as hex, in its coding."""
        coding = _CODINGS.get(message.encoding)
        if coding is None:
            raise NotEncodableError(f"{message.encoding!r} is no coding of Jasmin's")
        settings = self._settings
        try:
            gsm = message.encoding == "GSM7"
            octets = encode_gsm(message.text) if gsm else message.text.encode("utf-16-be")
        except ValueError as error:
            raise NotEncodableError(str(error)) from error
        fields = {
            "username": self._login[0], "password": self._login[1], "from": message.sender,
            "to": message.to, "coding": coding, "hex-content": octets.hex(), "dlr": "yes",
            "dlr-url": f"{self._callback}{address_tail(message)}",
            "dlr-level": str(settings.dlr_level), "dlr-method": settings.dlr_method,
        }  # fmt: skip
        if settings.send_validity and message.valid_until_us > now_us:
            minutes = max(1, (message.valid_until_us - now_us) // MINUTE_US)
            fields["validity-period"] = str(minutes)
        if settings.tags:
            fields["tags"] = settings.tags
        form = urlencode(fields, quote_via=quote, safe="")
        own = reference(message)
        if settings.method == "GET":
            return 1, [(1, Call("GET", f"{self._url}?{form}", own))]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return 1, [(1, Call("POST", self._url, own, headers, form.encode()))]

    def answer(self, call: Call, status: int, body: bytes) -> Said:
        """`Success "<id>"`, or `Error "<why>"`."""
        words = words_of(status, body)
        if status == 200:
            found = _SUCCESS.fullmatch(body)
            return Said(found[1].decode("utf-8", "replace")) if found else unknown(words)
        error = _ERROR.fullmatch(body.decode("utf-8", "replace"))
        if error is None:
            return by_status(status, words)
        for part, code in _WORDS:
            if part in error[1]:
                return refused(code, words)
        if status >= 500:
            # Jasmin itself says that it failed, so nothing went out.
            return refused("carrier_temporary", words)
        return by_status(status, words)

    def receipts(self, report: Report) -> Sequence[Told]:
        """A report of either level: id, level, message_status, err, text."""
        fields = {name: str(value) for name, value in report.fields.items()}
        own, word = fields.get("id", ""), fields.get("message_status", "")
        if not own or not word:
            raise UnreadableCallbackError("a report of Jasmin has id and message_status")
        to, sender = report.to, report.sender
        if word.startswith("ESME_"):
            return [self._answered(own, word, to, sender)]
        read = read_text(f"id:{own} stat:{word} err:{fields.get('err') or '000'}")
        if read is None:
            raise UnreadableCallbackError(f"{word[:40]!r} is no state of a message")
        state = receipt_state(read.state, intermediate=False)
        if state in {"DELIVERED", "ENROUTE"}:
            return [Told(own, state, to=to, sender=sender)]
        code = read.err if read.err.strip("0") else ""
        text = receipt_error(read.state, read.err, self._codes)
        return [Told(own, state, code, text, to, sender)]

    def _answered(self, own: str, word: str, to: str, sender: str) -> Told:
        """What Jasmin's SMSC answered to its submit_sm."""
        if word == CommandStatus.ESME_ROK.name:
            return Told(own, "ENROUTE", to=to, sender=sender)
        status = CommandStatus.__members__.get(word)
        if status is None:
            return Told(own, "REJECTED", word[:40], "The carrier rejected it.", to, sender)
        error = carrier_error(int(status), self._codes)
        text = error.text if error else "The carrier rejected it."
        return Told(own, "REJECTED", carrier_code(int(status)), text, to, sender)
