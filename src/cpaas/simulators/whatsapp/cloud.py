"""The state of the simulated service: numbers, conversations, templates, files, what was sent."""

import secrets
import time
from collections import OrderedDict, deque
from typing import Any, Final

import msgspec

from cpaas.simulators.whatsapp import bodies, templates, webhooks
from cpaas.simulators.whatsapp.bodies import BodyError
from cpaas.simulators.whatsapp.outcome import Outcome, outcome_of
from cpaas.simulators.whatsapp.settings import CloudSettings, Number, changed
from cpaas.simulators.whatsapp.templates import Template
from cpaas.simulators.whatsapp.webhooks import Webhooks

WINDOW_SECONDS: Final = 86_400.0
FILE_BYTES_MAX: Final = {
    "image": 5 * 2**20, "video": 16 * 2**20, "audio": 16 * 2**20, "application": 100 * 2**20,
    "text": 100 * 2**20,
}  # fmt: skip


class Sent(msgspec.Struct):
    """A message that was accepted."""

    id: str
    phone_number_id: str
    to: str
    kind: str
    body: dict[str, Any]
    at: float


class File(msgspec.Struct):
    """An uploaded file."""

    id: str
    phone_number_id: str
    media_type: str
    data: bytes


class Refusal(Exception):  # noqa: N818 - it is an answer
    """An answer that refuses: HTTP status, Meta's code, words."""

    def __init__(self, status: int, code: int, words: str, *, transient: bool = False) -> None:
        super().__init__(words)
        self.status = status
        self.code = code
        self.transient = transient


class Cloud:
    """Everything the service knows."""

    def __init__(self, settings: CloudSettings) -> None:
        self.settings = settings
        self.webhooks = Webhooks(lambda: self.settings)
        self.sent: OrderedDict[str, Sent] = OrderedDict()
        self.files: dict[str, File] = {}
        self.templates: dict[str, Template] = {}
        self.counts: dict[str, int] = {}
        #: callback data -> how many messages came with it.
        self.seen: dict[str, int] = {}
        self._windows: dict[tuple[str, str], float] = {}
        self._tried: set[str] = set()
        # Ids of another run must not come back: whoever knows one would take it for that.
        self._numbers = int(time.time())
        self._seconds: dict[str, deque[float]] = {}

    def configure(self, **changes: Any) -> None:
        """Takes new settings from the next call on."""
        self.settings = changed(self.settings, changes)

    def number(self, phone_number_id: str, token: str) -> Number:
        """The number that a token speaks for. Errors: Refusal."""
        known = {one.token for one in self.settings.numbers.values()}
        if token not in known:
            raise Refusal(401, 190, "Error validating access token")
        found = self.settings.numbers.get(phone_number_id)
        if found is None or found.token != token:
            raise Refusal(400, 100, f"Object with ID '{phone_number_id}' does not exist")
        return found

    def business(self, waba_id: str, token: str) -> None:
        """Whether a token speaks for a business. Errors: Refusal."""
        owners = [one for one in self.settings.numbers.values() if one.waba_id == waba_id]
        if token not in {one.token for one in self.settings.numbers.values()}:
            raise Refusal(401, 190, "Error validating access token")
        if not any(one.token == token for one in owners):
            raise Refusal(400, 100, f"Object with ID '{waba_id}' does not exist")

    # -- messages

    def send(
        self, phone_number_id: str, number: Number, body: Any
    ) -> tuple[dict[str, Any], Outcome]:
        """The answer, and what becomes of it. Errors: Refusal."""
        try:
            to, kind = bodies.check(body)
            category = self._content(phone_number_id, number, body, to, kind)
        except BodyError as error:
            raise Refusal(400, error.code, str(error)) from None
        self._count_second(phone_number_id)
        outcome = outcome_of(to)
        data = str(body.get("biz_opaque_callback_data", ""))
        if outcome.first and to in self._tried:
            outcome = Outcome()
        elif outcome.first:
            self._tried.add(to)
        if outcome.fault is not None:
            fault = outcome.fault
            self._note("refused")
            raise Refusal(fault.status, fault.code, fault.title, transient=fault.transient)
        if data:
            self.seen[data] = self.seen.get(data, 0) + 1
        message_id = f"wamid.{secrets.token_urlsafe(24)}"
        self.sent[message_id] = Sent(message_id, phone_number_id, to, kind, body, time.time())
        while len(self.sent) > self.settings.messages_kept_max:
            self.sent.popitem(last=False)
        self._statuses(self.sent[message_id], number, outcome, data=data, category=category)
        answer: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "contacts": [{"input": body["to"], "wa_id": to}],
            "messages": [{"id": message_id}],
        }  # fmt: skip
        if kind == "template":
            answer["messages"][0]["message_status"] = "accepted"
        return answer, outcome

    def _content(
        self, phone_number_id: str, number: Number, body: dict[str, Any], to: str, kind: str
    ) -> str:
        """The price category of a message that may go. Errors: Refusal, BodyError."""
        if kind == "template":
            return self._template(number, body["template"]).category.lower()
        opened = self._windows.get((phone_number_id, to), 0.0)
        if self.settings.windows and opened < time.time():
            raise Refusal(400, 131047, webhooks.DETAILS[131047])
        if kind in bodies.MEDIA and "id" in body[kind]:
            found = self.files.get(str(body[kind]["id"]))
            if found is None or found.phone_number_id != phone_number_id:
                raise Refusal(400, 131053, "the media id is unknown")
        return "service"

    def _template(self, number: Number, given: dict[str, Any]) -> Template:
        name = given.get("name")
        language = (given.get("language") or {}).get("code")
        for one in self.templates.values():
            if (one.waba_id, one.name, one.language) == (number.waba_id, name, language):
                if one.status == "PAUSED":
                    raise Refusal(400, 132015, "the template is paused")
                if one.status != "APPROVED":
                    break
                templates.compare(one, given)
                return one
        if self.settings.any_template:
            return Template("0", number.waba_id, str(name), str(language), "UTILITY", "", [])
        raise Refusal(404, 132001, f"template name ({name}) does not exist in {language}")

    def _count_second(self, phone_number_id: str) -> None:
        if not self.settings.tps:
            return
        now = time.monotonic()
        seen = self._seconds.setdefault(phone_number_id, deque())
        while seen and seen[0] <= now - 1.0:
            seen.popleft()
        if len(seen) >= self.settings.tps:
            raise Refusal(429, 130429, "Rate limit hit")
        seen.append(now)

    def _statuses(
        self, sent: Sent, number: Number, outcome: Outcome, *, data: str, category: str
    ) -> None:
        delay = self.settings.receipt_delay_seconds
        start = self.settings.slow_receipt_seconds if outcome.slow else 0.0
        order = outcome.statuses[::-1] if self.settings.disordered else outcome.statuses
        for place, status in enumerate(order, 1):
            made = webhooks.status_of(
                sent.id, status, sent.to, data=data, category=category, code=outcome.code
            )
            value = webhooks.messages_value(
                sent.phone_number_id, number, contacts=[webhooks.contact_of(sent.to)],
                statuses=[made],
            )  # fmt: skip
            self.webhooks.after(
                start + delay * place,
                lambda v=value: self.webhooks.tell(number.waba_id, "messages", v),  # type: ignore[misc]
            )

    # -- replies

    def receive(self, phone_number_id: str, sender: str, message: dict[str, Any]) -> str:
        """A handset writes to a number: opens its conversation and is told."""
        number = self.settings.numbers[phone_number_id]
        digits = sender.removeprefix("+")
        self._windows[phone_number_id, digits] = time.time() + WINDOW_SECONDS
        message_id = f"wamid.{secrets.token_urlsafe(24)}"
        kind = message.get("type", "text")
        told = {"from": digits, "id": message_id, "timestamp": str(int(time.time())), "type": kind}
        value = webhooks.messages_value(
            phone_number_id, number,
            contacts=[webhooks.contact_of(digits)],
            messages=[{**message, **told}],
        )  # fmt: skip
        self.webhooks.tell(number.waba_id, "messages", value)
        return message_id

    def close_window(self, phone_number_id: str, sender: str) -> None:
        """A day has passed since this handset wrote."""
        self._windows.pop((phone_number_id, sender.removeprefix("+")), None)

    # -- templates

    def submit(self, waba_id: str, body: Any) -> Template:
        """A template to be reviewed. Errors: Refusal."""
        self._numbers += 1
        try:
            made = templates.new(self._numbers, waba_id, body)
        except BodyError as error:
            raise Refusal(400, error.code, str(error)) from None
        for one in self.templates.values():
            same = (one.waba_id, one.name, one.language)
            if same == (waba_id, made.name, made.language):
                raise Refusal(400, 100, "there is already content of this name in this language")
        self.templates[made.id] = made
        status = "REJECTED" if "reject" in made.name else "APPROVED"
        self.webhooks.after(
            self.settings.approve_seconds,
            lambda: self.decide(made.id, status, "INVALID_FORMAT" if status == "REJECTED" else ""),
        )
        return made

    def decide(self, template_id: str, status: str, reason: str = "") -> None:
        """The review's end, or a pause."""
        made = self.templates.get(template_id)
        if made is None:
            return
        made.status, made.reason = status, reason or "NONE"
        value = {
            "event": status, "message_template_id": int(made.id),
            "message_template_name": made.name, "message_template_language": made.language,
            "message_template_category": made.category, "reason": made.reason,
        }  # fmt: skip
        self.webhooks.tell(made.waba_id, "message_template_status_update", value)

    # -- files

    def upload(self, phone_number_id: str, media_type: str, data: bytes) -> File:
        """An uploaded file. Errors: Refusal."""
        most = FILE_BYTES_MAX.get(media_type.partition("/")[0])
        if most is None:
            raise Refusal(400, 131051, f"media type {media_type} is not supported")
        if not data or len(data) > most:
            raise Refusal(400, 131053, f"the file has {len(data)} bytes, {most} are allowed")
        made = File(secrets.token_hex(8), phone_number_id, media_type, data)
        self.files[made.id] = made
        self._note("uploads")
        return made

    def _note(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
