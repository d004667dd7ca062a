"""Sends messages by the Cloud API: one POST each, its file uploaded before, once for all."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec

from cpaas.channels.base import (
    Media,
    MediaError,
    MediaStore,
    NotEncodableError,
    Tools,
    WrittenTo,
)
from cpaas.channels.http import Said, refused
from cpaas.channels.whatsapp import content, payloads
from cpaas.channels.whatsapp.config import NumberSettings, WhatsappSettings, number_of
from cpaas.channels.whatsapp.limits import NumberLimits, Portfolio
from cpaas.channels.whatsapp.statuses import PAUSES, MetaError, meta_error
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Identity, Route

ANSWER_BYTES_MAX: Final = 256 * 1024
#: Meta keeps an uploaded file for 30 days; used for less, so that none ends under way.
UPLOAD_SECONDS: Final = 29 * 86_400
#: between tries to learn whom a portfolio wrote to.
LEARN_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
_log = get_logger(__name__)
_encode = msgspec.json.encode


class Wanted(msgspec.Struct):
    """One message ready to be sent from its number."""

    identity: Identity
    number: NumberSettings
    token: str
    request: payloads.Request
    account_id: int


class UploadError(Exception):
    """Meta refused a file before the message was written."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.code)
        self.said = said


class CloudApi:
    """One route's driver: its numbers, their tokens and limits."""

    def __init__(
        self, route: Route, settings: WhatsappSettings, tools: Tools,
        *, fallback: Identity | None = None, fallback_token: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """fallback: the number of a simulated route, whatever a message's sender is."""
        self._route = route
        self._settings = settings
        self._tools = tools
        self._media: MediaStore = tools.media
        self._clock = clock
        self._fallback = fallback
        self._fallback_token = fallback_token
        self._known: dict[int, tuple[Identity, NumberSettings, str]] = {}
        self._limits: dict[int, tuple[NumberSettings, NumberLimits]] = {}
        self._portfolios: dict[str, Portfolio] = {}
        self._learning: set[asyncio.Task[None]] = set()
        self._uploading: dict[tuple[int, str], asyncio.Task[str]] = {}

    # -- before the claim

    def prepare(self, envelope: Envelope, message: Outgoing) -> tuple[Any, str]:
        """The request, and the number whose conversation must be open. Errors: NotEncodable."""
        identity, number, token = self._number(message.sender)
        request = payloads.request(message)
        window = "" if request.template else message.sender.removeprefix("+")
        return Wanted(identity, number, token, request, envelope.account_id), window

    def hold(self, envelope: Envelope, message: Outgoing) -> float:
        """Seconds that the message has to wait for its number's limits."""
        limits = self._limits_of(*self._number(message.sender)[:2])
        return limits.hold(message.to, _template_of(message), self._clock())

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> Any:
        """The Cloud API takes nothing back."""
        return

    # -- after it

    async def send(self, session: aiohttp.ClientSession, request: Any) -> Said:
        """Uploads the file if there is one, then sends."""
        wanted: Wanted = request
        place = wanted.request.place
        if place is not None:
            try:
                await self._fill(session, wanted, place)
            except MediaError as error:
                code = "media_unreachable" if error.passing else "media_failed"
                return refused(code, str(error)[:200])
            except UploadError as error:
                return self._judged(wanted, error.said)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # Of the message nothing was written: this much is known.
                return refused("media_unreachable", f"upload: {error!r}"[:200])
        said = await self._post(session, wanted)
        return self._judged(wanted, said)

    def _judged(self, wanted: Wanted, said: Said) -> Said:
        """A number that is refused or too fast pauses; the route's others go on."""
        if said.error is not None:
            seconds = PAUSES.get(said.error.code, 0.0)
            if said.error.code == "account_stopped":
                seconds = self._settings.pause_seconds
            if seconds:
                limits = self._limits_of(wanted.identity, wanted.number)
                limits.pause(seconds, said.code, self._clock())
        return said

    async def _post(self, session: aiohttp.ClientSession, wanted: Wanted) -> Said:
        url = self._url(f"{wanted.number.phone_number_id}/messages")
        headers = {
            "Authorization": f"Bearer {wanted.token}", "Content-Type": "application/json",
        }  # fmt: skip
        async with session.post(
            url, data=_encode(wanted.request.body), headers=headers, allow_redirects=False
        ) as answer:
            body = await answer.content.read(ANSWER_BYTES_MAX)
            return _answer(answer.status, body)

    async def _fill(
        self, session: aiohttp.ClientSession, wanted: Wanted, place: payloads.Place
    ) -> None:
        if not self._settings.upload_media:
            place.target["link"] = place.url
            return
        media = await self._media.get(wanted.account_id, place.url, content.FILES[place.kind])
        holder = f"whatsapp:{wanted.number.phone_number_id}"
        key = media.id, holder
        uploading = self._uploading.get(key)
        if uploading is None:
            uploading = asyncio.create_task(self._uploaded(session, wanted, media, holder))
            self._uploading[key] = uploading
            uploading.add_done_callback(lambda task: self._forget(key, task))
        # All messages of a file wait for its one upload; none takes it away from the others.
        place.target["id"] = await asyncio.shield(uploading)

    async def _uploaded(
        self, session: aiohttp.ClientSession, wanted: Wanted, media: Media, holder: str
    ) -> str:
        """What Meta calls a file, uploaded if it is not there yet."""
        found = await self._media.known_as(media.id, holder)
        if found:
            return found
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", media.media_type)
        form.add_field("file", media.data, filename=media.name, content_type=media.media_type)
        async with session.post(
            self._url(f"{wanted.number.phone_number_id}/media"), data=form,
            headers={"Authorization": f"Bearer {wanted.token}"}, allow_redirects=False,
        ) as answer:  # fmt: skip
            body = await answer.content.read(ANSWER_BYTES_MAX)
            found = _uploaded(answer.status, body)
        await self._media.remember(media.id, holder, found, UPLOAD_SECONDS)
        return found

    def _forget(self, key: tuple[int, str], task: "asyncio.Task[str]") -> None:
        self._uploading.pop(key, None)
        if not task.cancelled():
            task.exception()

    def _url(self, path: str) -> str:
        return f"{self._settings.base_url.rstrip('/')}/{self._settings.version}/{path}"

    def _number(self, sender: str) -> tuple[Identity, NumberSettings, str]:
        identity = self._fallback or self._tools.identity(sender)
        if identity is None:
            raise NotEncodableError(f"{sender} is no active WhatsApp number", "invalid_sender")
        known = self._known.get(identity.id)
        if known is None or known[0] is not identity:
            if identity is self._fallback:
                token = self._fallback_token
            else:
                token = self._tools.secrets(identity).get("access_token", "")
            known = self._known[identity.id] = identity, number_of(identity), token
        return known

    def _limits_of(self, identity: Identity, number: NumberSettings) -> NumberLimits:
        known = self._limits.get(identity.id)
        if known is None or known[0] != number:
            name = _portfolio_of(identity, number)
            portfolio = self._portfolios.get(name)
            if portfolio is None:
                portfolio = self._portfolios[name] = Portfolio(number.daily_limit)
            portfolio.limit = number.daily_limit
            if number.daily_limit and self._tools.written_to is not None and portfolio.begin():
                task = asyncio.create_task(self._learn(portfolio, name, self._tools.written_to))
                self._learning.add(task)
                task.add_done_callback(self._learning.discard)
            known = self._limits[identity.id] = number, NumberLimits(number, portfolio)
        return known[1]

    async def _learn(self, portfolio: Portfolio, name: str, written_to: WrittenTo) -> None:
        """Finds out whom its numbers wrote to before this process had the route."""
        own = [
            one
            for one in self._tools.identities(self._route.id)
            if _portfolio_of(one, number_of(one)) == name
        ]
        found: list[tuple[str, float]] = []
        for pause in LEARN_PAUSES:
            try:
                found = await written_to(own)
                break
            except Exception as error:  # noqa: BLE001 - the day then begins anew, and Meta refuses
                _log.warning("portfolio_not_known", portfolio=name, error=repr(error)[:200])
                await asyncio.sleep(pause)
        portfolio.go_on(found, self._clock())


def _portfolio_of(identity: Identity, number: NumberSettings) -> str:
    return number.portfolio or number.waba_id or str(identity.id)


def _template_of(message: Outgoing) -> str:
    made_of = (message.content or {}).get("template")
    return str(made_of.get("name", "")) if isinstance(made_of, dict) else ""


def _decoded(body: bytes) -> Any:
    try:
        found = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(status: int, document: Any) -> Said:
    """An answer that is no success."""
    if isinstance(document.get("error"), dict):
        found: MetaError = meta_error(document["error"])
        return refused(found.name, f"{found.shown} (HTTP {status})")
    if status == 429:
        return refused("carrier_throttled", "HTTP 429")
    if status in (401, 403):
        return refused("account_stopped", f"HTTP {status}")
    if status == 503:
        return refused("carrier_temporary", "HTTP 503")
    if status >= 500:
        # Whoever answers so for Meta does not say whether the message had gone on.
        return refused("unknown_outcome", f"HTTP {status}")
    return refused("message_refused", f"HTTP {status}")


def _answer(status: int, body: bytes) -> Said:
    document = _decoded(body)
    if status != 200 or "error" in document:
        return _error(status, document)
    messages = document.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else {}
    found = first.get("id") if isinstance(first, dict) else None
    if not isinstance(found, str) or not found:
        return refused("unknown_outcome", "the answer names no message")
    return Said(found)


def _uploaded(status: int, body: bytes) -> str:
    document = _decoded(body)
    found = document.get("id")
    if status != 200 or not isinstance(found, str | int) or "error" in document:
        said = _error(status, document)
        if said.error is not None and said.error.code in ("unknown_outcome", "message_refused"):
            # Of the file it may be unknown what became; the message was not written.
            passing = said.error.code == "unknown_outcome"
            said = refused("media_unreachable" if passing else "media_failed", said.code)
        raise UploadError(said)
    return str(found)
