"""Templates handed to Meta for its review: written in its components, with examples and samples."""

import contextlib
import re
from typing import Any, Final

import aiohttp
import msgspec

from cpaas.channels.base import (
    Asked,
    MediaError,
    MediaStore,
    Reviewed,
    ReviewLaterError,
    RouteSettingsError,
    Tools,
)
from cpaas.channels.whatsapp import content as limits
from cpaas.channels.whatsapp.config import NumberSettings, number_of, settings_of
from cpaas.channels.whatsapp.statuses import MetaError, meta_error
from cpaas.snapshot.types import Identity, Route

#: what is asked of a template that lies there; the reason is told only if it is named.
FIELDS: Final = "id,name,language,status,category,rejected_reason"
ANSWER_BYTES_MAX: Final = 1024 * 1024
SECONDS_MAX: Final = 30.0
#: webhooks tell first; asking counts in Meta's limits.
ASK_SECONDS: Final = 600.0
_VARIABLE: Final = re.compile(r"\{\{([^{}]*)\}\}")
_STATUSES: Final = {
    "APPROVED": "approved", "PENDING": "pending", "IN_APPEAL": "pending", "REJECTED": "rejected",
    "PAUSED": "paused", "DISABLED": "disabled",
}  # fmt: skip
#: what may be said by a service that is only busy.
_PASSING: Final = ("carrier_temporary", "carrier_throttled", "number_throttled", "account_stopped",
                   "carrier_once")  # fmt: skip


class WhatsappReviews:
    """Hands templates to Meta, and asks for verdicts that no webhook told."""

    def __init__(self, tools: Tools) -> None:
        self.ask_seconds = ASK_SECONDS
        self._tools = tools
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def submit(self, identity: Identity, route: Route, asked: Asked) -> Reviewed:
        """Hands a template over, or finds it there. Errors: ReviewLaterError."""
        meta = self._meta(identity, route)
        number = meta.number
        try:
            handle = await _sample(meta, asked.content, asked.account_id, self._tools.media)
            body = document(asked.name, asked.language, asked.category, asked.content, handle)
            status, answer = await meta.call(
                "post", f"{number.waba_id}/message_templates", data=msgspec.json.encode(body)
            )
            if status == 200 and answer.get("id"):
                return _reviewed(answer, number)
            found = await meta.existing(asked.name, asked.language)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReviewLaterError(f"Meta: {type(error).__name__}: {error}"[:300]) from error
        if found is not None:
            return _reviewed(found, number)
        refused: MetaError = meta_error(answer.get("error"))
        if refused.name in _PASSING or status >= 500:
            raise ReviewLaterError(f"Meta: {refused.shown or f'HTTP {status}'}")
        return Reviewed("rejected", "", refused.words or f"HTTP {status}", "", number.waba_id)

    async def ask(
        self, identity: Identity, route: Route, asked: Asked, carrier_id: str
    ) -> Reviewed | None:
        """Where its review stands."""
        try:
            meta = self._meta(identity, route)
            found = await meta.existing(asked.name, asked.language)
        except (ReviewLaterError, aiohttp.ClientError, TimeoutError, OSError):
            return None
        if found is None or str(found["id"]) != carrier_id:
            return None
        return _reviewed(found, meta.number)

    def _meta(self, identity: Identity, route: Route) -> "_Meta":
        try:
            number, settings = number_of(identity), settings_of(route)
        except RouteSettingsError as error:
            raise ReviewLaterError(str(error)) from error
        if not number.waba_id:
            raise ReviewLaterError(f"the number {identity.value} names no waba_id")
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        token = self._tools.secrets(identity).get("access_token", "")
        base = f"{settings.base_url.rstrip('/')}/{settings.version}"
        return _Meta(self._session, base, token, number)


def _reviewed(answer: dict[str, Any], number: NumberSettings) -> Reviewed:
    status = _STATUSES.get(str(answer.get("status", "PENDING")), "pending")
    reason = str(answer.get("rejected_reason") or "")
    return Reviewed(
        status, str(answer["id"]), "" if reason == "NONE" else reason,
        str(answer.get("category", "")), number.waba_id,
    )  # fmt: skip


class _Meta:
    """Calls with one token."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, token: str, number: NumberSettings
    ) -> None:
        self._session = session
        self._base = base
        self.number = number
        self._token = token

    async def call(
        self, method: str, path: str, *, kind: str = "Bearer", **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """HTTP status and the answer's object."""
        headers = {"Authorization": f"{kind} {self._token}", **more.pop("headers", {})}
        if "data" in more and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        async with self._session.request(
            method, f"{self._base}/{path}", headers=headers, allow_redirects=False, **more
        ) as answer:
            raw = await answer.content.read(ANSWER_BYTES_MAX)
            with contextlib.suppress(msgspec.MsgspecError):
                found = msgspec.json.decode(raw)
                if isinstance(found, dict):
                    return answer.status, found
            return answer.status, {}

    async def existing(self, name: str, language: str) -> dict[str, Any] | None:
        """The template where it lies there already: an answer of ours may have been lost."""
        path = f"{self.number.waba_id}/message_templates"
        wanted = {"name": name, "limit": "50", "fields": FIELDS}
        status, answer = await self.call("get", path, params=wanted)
        if status != 200:
            return None
        for one in answer.get("data") or []:
            if isinstance(one, dict) and one.get("id"):
                if (one.get("name"), one.get("language")) != (name, language):
                    continue
                return one
        return None


async def _sample(meta: _Meta, content: dict[str, Any], account_id: int, media: MediaStore) -> str:
    """The handle of a media header's example; "" where there is none."""
    header = content.get("header") or {}
    kind, url = header.get("type"), header.get("url")
    if kind not in limits.FILES or not url:
        return ""
    if not meta.number.app_id:
        raise ReviewLaterError(
            "the number's identity names no app_id, which samples are uploaded to"
        )
    try:
        found = await media.get(account_id, url, limits.FILES[kind])
    except MediaError as error:
        raise ReviewLaterError(f"sample: {error}") from error
    wanted = {
        "file_name": found.name, "file_length": str(len(found.data)), "file_type": found.media_type,
    }  # fmt: skip
    status, opened = await meta.call("post", f"{meta.number.app_id}/uploads", params=wanted)
    if status != 200 or not opened.get("id"):
        raise ReviewLaterError(meta_error(opened.get("error")).shown or f"HTTP {status}")
    status, done = await meta.call(
        "post", str(opened["id"]), kind="OAuth", data=found.data,
        headers={"file_offset": "0", "Content-Type": "application/octet-stream"},
    )  # fmt: skip
    if status != 200 or not done.get("h"):
        raise ReviewLaterError(meta_error(done.get("error")).shown or f"HTTP {status}")
    return str(done["h"])


def document(
    name: str, language: str, category: str, content: dict[str, Any], handle: str = ""
) -> dict[str, Any]:
    """The body of POST /{waba_id}/message_templates. Pure."""
    examples: dict[str, str] = content.get("examples") or {}
    body = str(content.get("body", ""))
    named = any(not one[0].isdigit() for one in _VARIABLE.findall(body))
    made: dict[str, Any] = {"name": name, "language": language, "category": category}
    if named:
        made["parameter_format"] = "NAMED"
    components: list[dict[str, Any]] = []
    header = content.get("header")
    if header is not None:
        components.append(_header(header, examples, handle, named=named))
    if category == "AUTHENTICATION":
        components.append({"type": "BODY", "add_security_recommendation": True})
    else:
        components.append(_texts("BODY", body, "body_text", examples, named=named))
    if content.get("footer") and category != "AUTHENTICATION":
        components.append({"type": "FOOTER", "text": content["footer"]})
    buttons = [_button(one, examples) for one in content.get("buttons") or []]
    if buttons:
        components.append({"type": "BUTTONS", "buttons": buttons})
    made["components"] = components
    return made


def _header(
    header: dict[str, Any], examples: dict[str, str], handle: str, *, named: bool
) -> dict[str, Any]:
    kind = str(header["type"]).upper()
    if kind == "TEXT":
        made = _texts("HEADER", str(header.get("text", "")), "header_text", examples, named=named)
        return {**made, "format": "TEXT"}
    return {"type": "HEADER", "format": kind, "example": {"header_handle": [handle]}}


def _texts(
    kind: str, text: str, field: str, examples: dict[str, str], *, named: bool
) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind, "text": text}
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    if not names:
        return made
    values = [examples.get(one) or one for one in names]
    if named:
        pairs = [
            {"param_name": one, "example": value} for one, value in zip(names, values, strict=True)
        ]
        return {**made, "example": {f"{field}_named_params": pairs}}
    return {**made, "example": {field: [values] if kind == "BODY" else values}}


def _button(one: dict[str, Any], examples: dict[str, str]) -> dict[str, Any]:
    kind = one["type"]
    if kind == "quick_reply":
        return {"type": "QUICK_REPLY", "text": one["text"]}
    if kind == "phone":
        return {"type": "PHONE_NUMBER", "text": one["text"], "phone_number": one["phone"]}
    if kind == "copy_code":
        return {"type": "COPY_CODE", "example": one.get("example") or "CODE17"}
    if kind == "otp":
        return {"type": "OTP", "otp_type": "COPY_CODE", **(
            {"text": one["text"]} if one.get("text") else {}
        )}  # fmt: skip
    made = {"type": "URL", "text": one["text"], "url": one["url"]}
    names = _VARIABLE.findall(one["url"])
    if names:
        sample = one.get("example") or _VARIABLE.sub(
            lambda found: examples.get(found[1], "17"), one["url"]
        )
        # A button's variable is always numbered.
        made["url"] = _VARIABLE.sub("{{1}}", one["url"])
        return {**made, "example": [sample]}
    return made
