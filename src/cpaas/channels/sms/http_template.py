"""A carrier whose request, answer and receipts a template describes: see docs/…/sms-http.md."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

import msgspec

from cpaas.channels.base import NotEncodableError
from cpaas.channels.sms.dlt_chain import chained
from cpaas.channels.sms.http_kannel import address_tail
from cpaas.channels.sms.http_settings import PLACEHOLDER, TemplateSettings, codes_of
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
from cpaas.channels.sms.statuses import receipt_error, receipt_state
from cpaas.messages.envelopes import Outgoing
from cpaas.smpp.gsm import encode_gsm
from cpaas.smpp.receipt import read_text

SECOND_US: Final = 1_000_000
RECEIPTS_MAX: Final = 1_000
ID_CHARS_MAX: Final = 200
_CODING: Final = {"GSM7": "0", "UCS2": "8"}
_quoted: Final = partial(quote, safe="")


class Template:
    """The dialect of one route."""

    def __init__(
        self, settings: TemplateSettings, _base: str, login: tuple[str, str], callback: str
    ) -> None:
        """callback: the route's receipt address."""
        self._settings = settings
        self._login = login
        self._callback = callback
        self._codes = codes_of(settings)
        self._success = re.compile(settings.success) if settings.success else None
        self._id = re.compile(settings.id_regex) if settings.id_regex else None
        self._errors = [(rule, re.compile(rule.match)) for rule in settings.errors]
        self._kind = _content_type(settings)
        self._states = {word.casefold(): state for word, state in settings.receipt.states.items()}

    @property
    def ack(self) -> bytes:
        """What the carrier wants to read when its receipt is stored."""
        return self._settings.receipt.answer.encode()

    def calls(self, message: Outgoing, now_us: int) -> tuple[int, list[tuple[int, Call]]]:
        """The template with the message filled in; each place is escaped as it must be."""
        settings, own = self._settings, reference(message)
        values = self._values(message, own, now_us)
        headers = {name: _filled(text, values, _header) for name, text in settings.headers.items()}
        body = b""
        if settings.method != "GET":
            body = _filled(settings.body, values, _escape_for(self._kind)).encode()
            headers.setdefault("Content-Type", self._kind)
        call = Call(settings.method, _filled(settings.url, values, _quoted), own, headers, body)
        return 1, [(1, call)]

    def _values(self, message: Outgoing, own: str, now_us: int) -> dict[str, str]:
        settings = self._settings
        left = max(1, (message.valid_until_us - now_us) // SECOND_US)
        coding = _CODING | settings.coding
        octets = b""
        if "{hex}" in settings.url or "{hex}" in settings.body:
            try:
                gsm = message.encoding == "GSM7"
                octets = encode_gsm(message.text) if gsm else message.text.encode("utf-16-be")
            except ValueError as error:
                raise NotEncodableError(str(error)) from error
        ids = chained(message.dlt or {}, settings.dlt_chain, settings.dlt_tm_id)
        return {
            "to": message.to.lstrip("+"), "to_plus": message.to, "from": message.sender,
            "text": message.text, "id": own, "user": self._login[0], "password": self._login[1],
            "callback": f"{self._callback}{address_tail(message)}", "encoding": message.encoding,
            "coding": coding.get(message.encoding, ""), "hex": octets.hex(),
            "segments": str(message.segments), "validity_minutes": str(max(1, left // 60)),
            "validity_seconds": str(left), "pe_id": ids.get("pe_id", ""),
            "template_id": ids.get("template_id", ""), "tm_id": ids.get("tm_id", ""),
        }  # fmt: skip

    def answer(self, call: Call, status: int, body: bytes) -> Said:
        """By the error rules, the statuses of success, the expression, and the id."""
        settings = self._settings
        words, text = words_of(status, body), body.decode("utf-8", "replace")
        for rule, expression in self._errors:
            if rule.status in {0, status} and expression.search(text):
                return refused(rule.code, words)
        wanted = settings.statuses
        if status not in wanted if wanted else not 200 <= status < 300:
            return by_status(status, words)
        if self._success is not None and not self._success.search(text):
            return refused("message_refused", words)
        if not settings.id_path and self._id is None:
            return Said(call.reference)
        found = self._found(text, body)
        # It was taken; but under which name nobody knows, and its receipt would find nothing.
        return Said(found) if found else unknown(f"no message id in {words}")

    def _found(self, text: str, body: bytes) -> str:
        if self._id is not None:
            match = self._id.search(text)
            return (match[1] or "")[:ID_CHARS_MAX] if match else ""
        try:
            return _text(at(msgspec.json.decode(body), self._settings.id_path))[:ID_CHARS_MAX]
        except msgspec.DecodeError:
            return ""

    def receipts(self, report: Report) -> Sequence[Told]:
        """One receipt, or those of the array that `receipt.list` names."""
        wanted = self._settings.receipt
        document: Any = report.fields.get("", report.fields)
        if not wanted.list:
            return [self._told(document, report)]
        found = at(document, wanted.list)
        if not isinstance(found, list) or len(found) > RECEIPTS_MAX:
            raise UnreadableCallbackError(f"{wanted.list} is no array of receipts")
        return [self._told(one, report) for one in found]

    def _told(self, document: Any, report: Report) -> Told:
        wanted = self._settings.receipt
        own, word = _text(at(document, wanted.id)), _text(at(document, wanted.state))
        if not own or not word:
            raise UnreadableCallbackError(f"a receipt has {wanted.id} and {wanted.state}")
        err = _text(at(document, wanted.error)) if wanted.error else ""
        to = _text(at(document, wanted.to)) if wanted.to else report.to
        sender = _text(at(document, wanted.sender)) if wanted.sender else report.sender
        state = self._states.get(word.casefold())
        read = read_text(f"id:x stat:{word} err:{err or '000'}")
        if state is None and read is not None:
            state = receipt_state(read.state, intermediate=False)
        if state is None:
            raise UnreadableCallbackError(f"{word[:40]!r} is no state: add it to receipt.states")
        if state in {"DELIVERED", "READ", "ENROUTE"}:
            return Told(own, state, to=to, sender=sender)
        text = receipt_error(read.state, err, self._codes) if read is not None else ""
        text = text or f"The carrier says {word[:40]}."
        code = err[:40] if err.strip("0") else ""
        return Told(own, state, code, text, to, sender)


def at(document: Any, path: str) -> Any:
    """What stands at a dotted path, "messages.0.id"; None if nothing does."""
    if isinstance(document, Mapping) and path in document:
        return document[path]
    for step in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\0", "").strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _filled(text: str, values: dict[str, str], escaped: Callable[[str], str]) -> str:
    return PLACEHOLDER.sub(lambda match: escaped(values[match[1]]), text)


def _content_type(settings: TemplateSettings) -> str:
    for name, value in settings.headers.items():
        if name.lower() == "content-type":
            return value.lower()
    return (
        "application/json"
        if settings.body.lstrip().startswith(("{", "["))
        else ("application/x-www-form-urlencoded")
    )


def _escape_for(kind: str) -> Callable[[str], str]:
    if "json" in kind:
        return lambda value: msgspec.json.encode(value).decode()[1:-1]
    if "x-www-form-urlencoded" in kind:
        return _quoted
    if "xml" in kind:
        return lambda value: escape(value, {'"': "&quot;"})
    return lambda value: value


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise NotEncodableError("a header of this carrier cannot hold such characters")
    return value
