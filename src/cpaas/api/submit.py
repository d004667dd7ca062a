"""The core of `POST /v1/messages`, free of any web framework: `submit(headers, body, reply)`.

The framework's route and the fast path inside the HTTP server both call it, so that neither has
rules of its own; no task and no future per request.
"""

import asyncio
import hashlib
import itertools
import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from prometheus_client import Counter

from cpaas.api import sending
from cpaas.api.auth import Caller, authenticate
from cpaas.api.problem import FieldError, ProblemError, document, headers_of
from cpaas.api.sending import NotSent, RecipientError, SendRequest, SentMessage, SentMessages
from cpaas.kit.clock import now_us
from cpaas.kit.log import get_logger
from cpaas.kit.money import show
from cpaas.kit.networks import Network, client_address
from cpaas.kit.rate import Rates
from cpaas.messages.envelopes import Outgoing
from cpaas.pipeline.accept import Acceptor
from cpaas.pipeline.check import Prepared, address, prepare, submission
from cpaas.pipeline.drafts import Author, Draft, Idempotency, Origin, Outcome, Replay
from cpaas.pipeline.refusals import REASONS, RefusedError
from cpaas.snapshot.holder import SnapshotHolder
from cpaas.snapshot.types import Account, Snapshot
from cpaas.webhooks.events import iso, uuid_text

BODY_BYTES_MAX: Final = 10 * 1024 * 1024
KEY_CHARS_MAX: Final = 255
REQUEST_ID_CHARS_MAX: Final = 100
#: recipients checked without letting other requests go between.
RECIPIENTS_AT_ONCE: Final = 200
LISTS_MAX: Final = 16
#: callers remembered between two changes of the configuration.
CALLERS_MAX: Final = 4096

Headers = list[tuple[bytes, bytes]]
Reply = Callable[[int, Headers, bytes], None]
#: Authorization, X-API-Key, X-Forwarded-For and the peer's address.
_Said = tuple[bytes | None, bytes | None, bytes | None, str]

_COMMON: Final = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_PRINTABLE: Final = re.compile(rb"[ -~]+")
_JSON: Final = (b"content-type", b"application/json")
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_COUNT: Final = Counter(
    "cpaas_api_submissions", "Answers to POST /v1/messages by status and code.", ["status", "code"]
)
_price: Final = lru_cache(maxsize=4096)(show)
_log = get_logger(__name__)


class _Request(msgspec.Struct, gc=False):
    """What an answer needs to know about its request."""

    reply: Reply
    request_id: bytes
    body: bytes
    key: str


class Door:
    """Takes requests to send, from whichever server, and answers each exactly once."""

    def __init__(
        self,
        snapshots: SnapshotHolder,
        acceptor: Acceptor,
        *,
        currency: str,
        trusted: tuple[Network, ...] = (),
        clock_us: Callable[[], int] = now_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshots = snapshots
        self._acceptor = acceptor
        self._currency = currency
        self._trusted = trusted
        self._clock_us = clock_us
        self._rates = Rates(monotonic)
        self._known: dict[_Said, tuple[Caller, Author]] = {}
        self._known_under: Snapshot | None = None
        self._counts: dict[tuple[int, str], Any] = {}
        self._lists: set[asyncio.Task[None]] = set()
        self._start = os.urandom(6).hex()
        self._numbers = itertools.count(1)

    def submit(
        self, headers: Mapping[bytes, bytes], body: bytes, client: str, reply: Reply
    ) -> None:
        """Take one request; names in `headers` are lower case, `client` is the peer's address."""
        request = _Request(reply, self._request_id(headers), body, "")
        try:
            self._take(headers, client, request)
        except ProblemError as error:
            self._refuse(request, error)
        except RefusedError as error:
            self._refuse(request, problem(error))
        except Exception:  # noqa: BLE001 - every request gets an answer
            _log.exception("submit_failed")
            self._refuse(request, _internal())

    async def accept(
        self, author: Author, account: Account, draft: Draft, numbers: Sequence[str], wish: str
    ) -> tuple[list[Outgoing], list[NotSent]]:
        """Accepts for somebody whom another interface let in, by the same rules.

        wish: what its events shall tell, see `messages.door_wish`. Returns what is stored, and whom
        it cannot be sent to. Errors: ProblemError, RefusedError when nothing is stored.
        """
        if not self._snapshots.confirmed:
            raise RefusedError("unavailable", "The configuration cannot be confirmed.")
        self._limit(account, len(numbers))
        prepared = prepare(self._snapshots.current, author, draft, self._clock_us())
        addressed = [_try_address(prepared, number) for number in numbers]
        messages = [one for one in addressed if isinstance(one, Outgoing)]
        failed = [one for one in addressed if isinstance(one, NotSent)]
        if not messages:
            raise RefusedError(failed[0].error.code, failed[0].error.detail, "to")
        for message in messages:
            message.webhook_url = wish
        wanted = submission(prepared, messages)
        wanted.size = sum(len(message.text) for message in messages) + len(wish)
        outcome = await self._acceptor.accept(wanted)
        if isinstance(outcome, RefusedError):
            raise outcome
        return messages, failed

    def _take(self, headers: Mapping[bytes, bytes], client: str, request: _Request) -> None:
        if not self._snapshots.confirmed:
            raise ProblemError(
                503, "unavailable", "The configuration cannot be confirmed; try again.",
                retry_after=1,
            )  # fmt: skip
        snapshot = self._snapshots.current
        caller, author = self._caller(headers, client)
        if len(request.body) > BODY_BYTES_MAX:
            raise ProblemError(413, "body_too_large", "The body is larger than 10 MB.")
        request.key = _idempotency_key(headers)
        wanted = sending.read(request.body)
        numbers = _recipients(wanted)
        self._limit(caller.account, len(numbers))
        prepared = prepare(snapshot, author, sending.draft(wanted), self._clock_us())
        if isinstance(wanted.to, str):
            message = address(prepared, wanted.to)
            answer = sending.encode(self._sent(prepared, message, dry_run=wanted.dry_run))
            self._store(prepared, [message], answer, request, dry_run=wanted.dry_run)
        elif len(numbers) <= RECIPIENTS_AT_ONCE:
            addressed = [_try_address(prepared, number) for number in numbers]
            self._store_list(prepared, addressed, request, dry_run=wanted.dry_run)
        else:
            self._begin_list(prepared, numbers, request, dry_run=wanted.dry_run)

    def _caller(self, headers: Mapping[bytes, bytes], client: str) -> tuple[Caller, Author]:
        """The caller, remembered for as long as the configuration stands."""
        snapshot = self._snapshots.current
        if snapshot is not self._known_under or len(self._known) >= CALLERS_MAX:
            self._known_under = snapshot
            self._known = {}
        authorization, key = headers.get(b"authorization"), headers.get(b"x-api-key")
        forwarded = headers.get(b"x-forwarded-for") if self._trusted else None
        said = (authorization, key, forwarded, client)
        known = self._known.get(said)
        if known is None:
            if forwarded:
                client = client_address(client, forwarded.decode("latin-1"), self._trusted)
            caller = authenticate(
                snapshot,
                None if authorization is None else authorization.decode("latin-1"),
                None if key is None else key.decode("latin-1"),
                client,
            )
            origin: Origin = "portal" if caller.key.user_id else "api"
            known = caller, Author(caller.account.id, origin, caller.is_test, caller.key.id)
            if not caller.key.expires_us:
                self._known[said] = known
        return known

    def _limit(self, account: Account, messages: int) -> None:
        tps = account.tps
        if not tps:
            return
        seconds = self._rates.wait(account.id, tps)
        if seconds:
            raise ProblemError(
                429, "rate_limited", f"This account may send {tps} messages a second.",
                title="Too many requests", retry_after=math.ceil(seconds),
            )  # fmt: skip
        self._rates.spend(account.id, messages)

    # -- lists

    def _begin_list(
        self, prepared: Prepared, numbers: list[str], request: _Request, *, dry_run: bool
    ) -> None:
        if len(self._lists) >= LISTS_MAX:
            raise RefusedError("busy", "Too many lists are being read.", retry_after=1)
        task = asyncio.create_task(self._read_list(prepared, numbers, request, dry_run=dry_run))
        self._lists.add(task)
        task.add_done_callback(self._lists.discard)

    async def _read_list(
        self, prepared: Prepared, numbers: list[str], request: _Request, *, dry_run: bool
    ) -> None:
        """Check a long list in slices, so that it holds up nobody else's request."""
        addressed: list[Outgoing | NotSent] = []
        try:
            for start in range(0, len(numbers), RECIPIENTS_AT_ONCE):
                part = numbers[start : start + RECIPIENTS_AT_ONCE]
                addressed += [_try_address(prepared, number) for number in part]
                await asyncio.sleep(0)
            self._store_list(prepared, addressed, request, dry_run=dry_run)
        except ProblemError as error:
            self._refuse(request, error)
        except RefusedError as error:
            self._refuse(request, problem(error))
        except Exception:  # noqa: BLE001 - every request gets an answer
            _log.exception("submit_failed")
            self._refuse(request, _internal())

    def _store_list(
        self,
        prepared: Prepared,
        addressed: list[Outgoing | NotSent],
        request: _Request,
        *,
        dry_run: bool,
    ) -> None:
        messages = [one for one in addressed if isinstance(one, Outgoing)]
        if not messages:
            raise _nobody([one for one in addressed if isinstance(one, NotSent)])
        shown = [
            self._sent(prepared, one, dry_run=dry_run) if isinstance(one, Outgoing) else one
            for one in addressed
        ]
        answer = sending.encode(SentMessages(len(messages), len(addressed) - len(messages), shown))
        self._store(prepared, messages, answer, request, dry_run=dry_run)

    # -- answers

    def _store(
        self,
        prepared: Prepared,
        messages: list[Outgoing],
        answer: bytes,
        request: _Request,
        *,
        dry_run: bool,
    ) -> None:
        if dry_run:
            self._answer(request, 200, answer)
            return
        idempotency = None
        if request.key:
            digest = hashlib.sha256(request.body).digest()
            idempotency = Idempotency(request.key, digest, 202, answer)

        def done(outcome: Outcome) -> None:
            if outcome is None:
                self._answer(request, 202, answer)
            elif isinstance(outcome, Replay):
                self._answer(request, outcome.status, outcome.body, _REPLAYED)
            else:
                self._refuse(request, problem(outcome))

        wanted = submission(prepared, messages, done, idempotency)
        wanted.size = len(request.body) + len(answer)
        self._acceptor.put(wanted)

    def _sent(self, prepared: Prepared, message: Outgoing, *, dry_run: bool) -> SentMessage:
        scheduled = prepared.send_at_us is not None
        return SentMessage(
            None if dry_run else uuid_text(message.id),
            "DRY_RUN" if dry_run else "SCHEDULED" if scheduled else "QUEUED",
            prepared.draft.channel,
            message.to,
            message.sender,
            message.segments,
            message.encoding,
            _price(message.price_micro),
            str(self._snapshots.current.settings.get("currency") or self._currency),
            message.reference or None,
            iso(message.created_us),
        )

    def _answer(self, request: _Request, status: int, body: bytes, *more: Any) -> None:
        self._count(status, "")
        headers = [_JSON, *_COMMON, (b"x-request-id", request.request_id), *more]
        request.reply(status, headers, body)

    def _refuse(self, request: _Request, error: ProblemError) -> None:
        status = error.problem.status
        self._count(status, error.problem.code)
        headers = [(name.encode(), value.encode()) for name, value in headers_of(error)]
        headers += [*_COMMON, (b"x-request-id", request.request_id)]
        request.reply(status, headers, document(error, request.request_id.decode("latin-1")))

    def _count(self, status: int, code: str) -> None:
        count = self._counts.get((status, code))
        if count is None:
            count = self._counts[status, code] = _COUNT.labels(str(status), code)
        count.inc()

    def _request_id(self, headers: Mapping[bytes, bytes]) -> bytes:
        given = headers.get(b"x-request-id")
        if given and len(given) <= REQUEST_ID_CHARS_MAX and _PRINTABLE.fullmatch(given):
            return given
        return b"%s-%x" % (self._start.encode(), next(self._numbers))


def problem(error: RefusedError) -> ProblemError:
    """A refusal as a problem document."""
    reason = REASONS[error.code]
    errors = [FieldError(error.field, error.detail)] if error.field else []
    return ProblemError(
        reason.status, error.code, error.detail, title=reason.title, errors=errors,
        retry_after=error.retry_after, ids=error.ids,
    )  # fmt: skip


def _recipients(wanted: SendRequest) -> list[str]:
    if isinstance(wanted.to, str):
        return [wanted.to]
    if not wanted.to:
        raise RefusedError("no_recipients", "The list of recipients is empty.", "to")
    if len(wanted.to) > sending.RECIPIENTS_MAX:
        raise RefusedError(
            "too_many_recipients",
            f"The list has {len(wanted.to)} recipients; send at most"
            f" {sending.RECIPIENTS_MAX} at once.",
            "to",
        )
    return wanted.to


def _try_address(prepared: Prepared, number: str) -> Outgoing | NotSent:
    try:
        return address(prepared, number)
    except RefusedError as error:
        if error.field != "to":
            raise
        return NotSent(number[:40], RecipientError(error.code, error.detail))


def _nobody(refused: list[NotSent]) -> ProblemError:
    shown = [FieldError(f"to[{n}]", one.error.detail) for n, one in enumerate(refused[:100])]
    return ProblemError(
        422, "no_valid_recipient", f"None of the {len(refused)} recipients can be sent to.",
        title=REASONS["no_valid_recipient"].title, errors=shown,
    )  # fmt: skip


def _idempotency_key(headers: Mapping[bytes, bytes]) -> str:
    given = headers.get(b"idempotency-key")
    if given is None:
        return ""
    text = given.decode("latin-1").strip()
    if not 1 <= len(text) <= KEY_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise ProblemError(
            422, "validation_error",
            f"Idempotency-Key must have 1 to {KEY_CHARS_MAX} printable ASCII characters.",
            errors=[FieldError("Idempotency-Key", "Not 1 to 255 printable ASCII characters.")],
        )  # fmt: skip
    return text


def _internal() -> ProblemError:
    return ProblemError(500, "internal_error", "An unexpected error; it is in the log.")
