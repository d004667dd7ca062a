"""The simulated hub itself: what it answers to a send, and which events follow and when."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from cpaas.kit.ids import new_id
from cpaas.simulators.rcs import events
from cpaas.simulators.rcs.bodies import BodyError, read_body, template_of
from cpaas.simulators.rcs.caller import Caller
from cpaas.simulators.rcs.directory import Directory
from cpaas.simulators.rcs.outcome import REFUSALS, Decider, Event, Outcome
from cpaas.simulators.rcs.settings import RcsSettings, changed
from cpaas.simulators.rcs.tokens import TokenDesk
from cpaas.simulators.smsc.agenda import Agenda

CONVERSATION_SECONDS: Final = 86_400.0
IDS_KEPT_MAX: Final = 500_000
FIRST_KEPT_MAX: Final = 50_000
FEATURES: Final = [
    "RICHCARD_STANDALONE", "RICHCARD_CAROUSEL", "ACTION_OPEN_URL", "ACTION_DIAL",
    "ACTION_CREATE_CALENDAR_EVENT", "ACTION_VIEW_LOCATION", "ACTION_SHARE_LOCATION", "REVOCATION",
]  # fmt: skip


class Held(msgspec.Struct):
    """A message that was accepted."""

    bot: str
    msisdn: str
    message_id: str
    kind: str
    content: dict[str, Any]
    ttl: float | None
    at: float
    state: str = "PENDING"


class Answer(msgspec.Struct, frozen=True):
    """What an HTTP call gets; never, when `hangs`."""

    status: int
    body: dict[str, Any]
    hangs: bool = False
    retry_after: int = 0


class SimulatedHub:
    """All bots' messages in memory."""

    def __init__(self, settings: RcsSettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self.clock = clock
        self.agenda = Agenda()
        self.desk = TokenDesk(settings, clock)
        self.directory = Directory(lambda: self.settings, self.agenda)
        self.caller = Caller(lambda: self.settings, self.agenda)
        self.counts: dict[str, int] = {}
        self.capability_calls = 0
        self._decider = Decider(settings)
        self._envelopes = events.Envelopes()
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._tried: OrderedDict[str, None] = OrderedDict()
        self._conversations: dict[tuple[str, str], float] = {}
        self._sent: dict[str, deque[float]] = {}

    def configure(self, **changes: Any) -> RcsSettings:
        """Changes the behaviour while running; host and ports stay as they are."""
        self.settings = self.desk.settings = changed(self.settings, changes)
        self._decider.configure(self.settings)
        return self.settings

    # What the hub's API asks

    def send(
        self, bot: str, msisdn: str, message_id: str, body: object, *, check: bool
    ) -> Answer:  # fmt: skip
        """A message for a handset; check: the handset is asked before it is accepted."""
        try:
            kind, content, ttl = read_body(body)
            self._check_template(bot, kind, content)
        except BodyError as error:
            return self._refused("bad_request", msisdn, str(error))
        name = message_id or str(new_id())
        if (bot, name) in self._ids:
            status = self.settings.duplicate_status
            return self._answer(status, msisdn, f"messageId {name} already exists", "duplicate")
        if self._too_fast(bot):
            return self._refused("rate_limit", msisdn)
        outcome = self._decider.decide(msisdn)
        refusal = self._refusal(bot, msisdn, kind, content, outcome)
        if check and not outcome.capable:
            refusal = "rcs_disabled"
        if refusal:
            return self._refused(refusal, msisdn)
        held = Held(bot, msisdn, name, kind, content, ttl, self.clock())
        self._keep(held)
        self._follow(held, outcome)
        self._count("accepted")
        answer = {"sendTime": events.rfc3339(held.at)}
        if self.settings.answer_style == "name":
            answer["name"] = f"phones/{msisdn}/agentMessages/{name}"
        else:
            answer["messageId"] = name
        return Answer(200, answer, hangs=outcome.hangs or self.settings.silent)

    def revoke(self, bot: str, message_id: str) -> Answer:
        """Takes a message back that is not delivered yet."""
        held = self._held.get((bot, message_id))
        if held is None or held.state != "PENDING":
            return self._answer(404, "", f"no undelivered message {message_id}", "revoke_refused")
        held.state = "REVOKED"
        self._count("revoked")
        return Answer(200, {})

    def capabilities(self, msisdn: str) -> dict[str, Any]:
        """A handset's features; {} for one without RCS."""
        self.capability_calls += 1
        return {"features": FEATURES} if self._decider.capable(msisdn) else {}

    def reachable(self, users: list[str]) -> list[str]:
        """Those of many that have RCS."""
        self.capability_calls += 1
        return [user for user in users if self._decider.capable(user)]

    # What a test or a person asks

    def messages(self, limit: int = 100, msisdn: str | None = None) -> list[Held]:
        """The latest accepted messages, oldest first."""
        found = [one for one in self._held.values() if msisdn in (None, one.msisdn)]
        return found[-limit:]

    def inject(self, bot: str, msisdn: str, content: dict[str, Any]) -> None:
        """A user writes, taps or types; opens the conversation."""
        now = self.clock()
        self._conversations[bot, msisdn] = now + CONVERSATION_SECONDS
        if content.get("eventType") == "IS_TYPING":
            typing = {"senderPhoneNumber": msisdn, "eventType": "IS_TYPING",
                      "eventId": str(new_id()), "sendTime": events.rfc3339(now)}  # fmt: skip
            self._post(bot, typing)
            return
        self._post(bot, events.message(msisdn, now, **content))

    def stats(self) -> dict[str, Any]:
        """Counters, by which a test knows what really arrived."""
        return {
            **self.counts, "tokens": self.desk.issued, "capability_calls": self.capability_calls,
            "callbacks": self.caller.delivered, "callbacks_refused": self.caller.refused,
            "callbacks_given_up": self.caller.given_up,
        }  # fmt: skip

    # Inside

    def _check_template(self, bot: str, kind: str, content: dict[str, Any]) -> None:
        if kind != "templateMessage":
            return
        code, params = template_of(content)
        wanted = self.directory.variables(bot, code)
        if wanted is None:
            raise BodyError(f"invalid_template: there is no approved template {code}")
        missing = [name for name in wanted if name not in params]
        if missing:
            raise BodyError(f"invalid_template: customParams lacks {', '.join(missing)}")

    def _first(self, tried: str) -> bool:
        """Whether this is the first of two tries of one content."""
        if tried in self._tried:
            del self._tried[tried]
            return False
        self._tried[tried] = None
        if len(self._tried) > FIRST_KEPT_MAX:
            self._tried.popitem(last=False)
        return True

    def _refusal(
        self, bot: str, msisdn: str, kind: str, content: dict[str, Any], outcome: Outcome
    ) -> str:
        """The hub's word when the message is not accepted."""
        if outcome.first:
            return outcome.refusal if self._first(f"{bot} {msisdn} {content!r}") else ""
        if outcome.refusal != "no_conversation" and outcome.refusal:
            return outcome.refusal
        asks = outcome.refusal == "no_conversation" or self.settings.conversation_only
        open_until = self._conversations.get((bot, msisdn), 0.0)
        if asks and kind != "templateMessage" and open_until <= self.clock():
            return "no_conversation"
        return ""

    def _too_fast(self, bot: str) -> bool:
        limit, now = self.settings.tps, self.clock()
        if not limit:
            return False
        sent = self._sent.setdefault(bot, deque())
        while sent and sent[0] <= now - 1:
            sent.popleft()
        if len(sent) >= limit:
            return True
        sent.append(now)
        return False

    def _keep(self, held: Held) -> None:
        key = (held.bot, held.message_id)
        self._held[key] = held
        if len(self._held) > self.settings.messages_kept_max:
            self._held.popitem(last=False)
        self._ids[key] = None
        if len(self._ids) > IDS_KEPT_MAX:
            self._ids.popitem(last=False)

    def _follow(self, held: Held, outcome: Outcome) -> None:
        delay = self.settings.receipt_delay_seconds
        if outcome.slow:
            delay = self.settings.slow_receipt_seconds
        if outcome.offline and held.ttl is not None:
            self.agenda.after(
                held.ttl, lambda: self._happens(held, Event("TTL_EXPIRATION_REVOKED"))
            )
        for number, event in enumerate(outcome.events, 1):
            self.agenda.after(delay * number, partial(self._happens, held, event))

    def _happens(self, held: Held, event: Event) -> None:
        if held.state == "REVOKED":
            return
        held.state = event.type
        self._count(event.type)
        self._post(
            held.bot,
            events.receipt(
                held.msisdn, held.message_id, event.type, self.clock(), event.reason, event.code
            ),
        )

    def _post(self, bot: str, inner: dict[str, Any]) -> None:
        settings = self.settings
        url = settings.callbacks.get(bot, settings.callback_url)
        if not url:
            return
        body = self._envelopes.body(settings.envelope, bot, inner, self.clock())
        for _ in range(2 if settings.callback_twice else 1):
            self.caller.put(url, body)

    def _refused(self, word: str, msisdn: str, text: str = "") -> Answer:
        status, own = REFUSALS[word]
        return self._answer(status, msisdn, text or own, word)

    def _answer(self, status: int, msisdn: str, text: str, word: str) -> Answer:
        self._count(word)
        style = self.settings.refusal_style
        if style == "event" and status not in (401, 429, 500):
            body: dict[str, Any] = {
                "senderPhoneNumber": msisdn, "sendTime": events.rfc3339(self.clock()),
                "eventType": "FAILED", "reason": text,
            }  # fmt: skip
            return Answer(200, body)
        body = {"error": {"code": status, "message": text, "status": word}}
        shown = 200 if style == "ok" else status
        return Answer(shown, body, retry_after=1 if status == 429 else 0)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
