"""What all doors share: the parts they need, fields as they were sent, and plain answers."""

import base64
import binascii
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response
from litestar.datastructures import State

from cpaas.api.context import Api, ApiRequest
from cpaas.api.doors.access import Access, Guest
from cpaas.api.problem import ProblemError
from cpaas.api.submit import Door
from cpaas.kit.guard import GuardError, parse_url
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import LANE_NUMBER, Lane
from cpaas.pipeline.check import VALIDITY_SECONDS_MAX, VALIDITY_SECONDS_MIN
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError

FIELDS_MAX: Final = 200
_CLASS: Final = ("traffic_class", "traffic-class", "TrafficClass")
#: the stable code of a refusal, for who looks; the text is in the other system's words.
CODE_HEADER: Final = "x-cpaas-code"
DETAIL_HEADER: Final = "x-cpaas-detail"
RECIPIENTS_MAX: Final = 1_000
_log = get_logger(__name__)


class Desk:
    """One request at a door."""

    def __init__(self, request: ApiRequest, state: State) -> None:
        self.api: Api = state.api
        self.door: Door = state.door
        if not self.api.snapshots.confirmed:
            # A password that was changed must not live on.
            raise ProblemError(
                503, "unavailable", "The configuration cannot be confirmed; try again.",
                retry_after=1,
            )  # fmt: skip
        access = getattr(state, "access", None)
        if access is None:
            access = state.access = Access()
        self.access: Access = access
        self.request = request
        self.client = self.api.client(request)

    async def fields(self) -> dict[str, bytes]:
        """Query and form as raw bytes, since their charset is told by one of them."""
        query = self.request.scope.get("query_string", b"").decode("latin-1")
        found = parse_qsl(
            query, keep_blank_values=True, encoding="latin-1", max_num_fields=FIELDS_MAX
        )
        kind = self.request.headers.get("content-type", "")
        if self.request.method == "POST" and "x-www-form-urlencoded" in kind:
            body = (await self.request.body()).decode("latin-1")
            found += parse_qsl(
                body, keep_blank_values=True, encoding="latin-1", max_num_fields=FIELDS_MAX
            )
        return {name: value.encode("latin-1") for name, value in found}

    async def send(
        self, guest: Guest, draft: Draft, numbers: list[str], wish: str
    ) -> tuple[list[Any], list[Any]]:
        """Accepts by the API's own rules. Errors: RefusedError."""
        return await self.door.accept(guest.author, guest.account, draft, numbers, wish)

    def basic(self) -> tuple[str, str] | None:
        """User and password of an Authorization header."""
        scheme, _, value = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


def text_of(value: bytes) -> str:
    """A field as text."""
    return value.decode("utf-8", "replace")


def check_url(url: str, field: str) -> str:
    """A callback's URL as it can be called, %-escapes apart. Errors: RefusedError."""
    try:
        parse_url(url)
    except GuardError as error:
        raise RefusedError("validation_error", f"{error}.", field) from None
    return url


def lane_of(fields: dict[str, bytes]) -> Lane:
    """The traffic class, which no other system names: our own field beside theirs.

    Errors: RefusedError.
    """
    named = next((fields[name] for name in _CLASS if fields.get(name)), b"transactional")
    found = text_of(named).strip().lower()
    if found not in LANE_NUMBER:
        raise RefusedError(
            "validation_error",
            f"traffic_class {found[:40]!r} is none; use {', '.join(LANE_NUMBER)}.", "traffic_class",
        )  # fmt: skip
    return found


def validity(seconds: int | None) -> int | None:
    """A validity as messages may have it: other systems take more than our 72 hours, and less."""
    return min(max(seconds, VALIDITY_SECONDS_MIN), VALIDITY_SECONDS_MAX) if seconds else None


def number(fields: dict[str, bytes], name: str) -> int | None:
    """A field as a whole number; None without one. Errors: ValueError."""
    value = fields.get(name, b"").strip()
    return int(value) if value else None


def plain(
    status: int, body: str, error: RefusedError | None = None, kind: str = "text/plain"
) -> Response[str]:
    """An answer in the other system's words, with our code in its headers."""
    headers = {"cache-control": "no-store"}
    if error is not None:
        headers[CODE_HEADER] = error.code
        detail = error.detail.encode("ascii", "replace").decode()
        headers[DETAIL_HEADER] = "".join(c if c.isprintable() else " " for c in detail)[:300]
    return Response(body, status_code=status, media_type=kind, headers=headers)
