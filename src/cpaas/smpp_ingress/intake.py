"""Takes what customers submit into the same acceptance as the API: same checks, ids and prices."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from cpaas.kit.rate import Rates
from cpaas.messages.envelopes import Outgoing
from cpaas.messages.smpp_wish import wish_url
from cpaas.pipeline.accept import Acceptor
from cpaas.pipeline.check import Prepared, address, prepare, submission
from cpaas.pipeline.drafts import Author, Outcome, Replay
from cpaas.pipeline.refusals import REASONS, RefusedError
from cpaas.smpp.layout import Destination, Unsuccessful
from cpaas.smpp.pdu import DataSm, SubmitMulti, SubmitSm
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp_ingress import read, receipts
from cpaas.smpp_ingress.long_messages import LongMessage, LongMessages
from cpaas.smpp_ingress.read import UnreadableError, Wishes
from cpaas.smpp_ingress.types import NewReceipt
from cpaas.snapshot.types import SmppCredential, Snapshot
from cpaas.webhooks.events import iso, uuid_text

LAST_MAX: Final = 10_000
_ANY_TEXT: Final = "x"
#: bits 0 and 1 of registered_delivery, and those that ask for receipts of what was not delivered.
_FINAL_RECEIPT: Final = 3
_TELLS_FAILURE: Final = (1, 2)
#: an input at fault that SMPP has a status of its own for.
_BY_FIELD: Final = {"send_at": St.ESME_RINVSCHED, "validity_seconds": St.ESME_RINVEXPIRY}


class Answer(Protocol):
    """Answers one request."""

    def __call__(self, status: int | None, message_id: str, why: str = "") -> None:
        """command_status (None: no answer may be given), message id, and why it is refused."""


class AnswerToMany(Protocol):
    """Answers one submit_multi."""

    def __call__(
        self, status: int | None, message_id: str, failed: tuple[Unsuccessful, ...], why: str = ""
    ) -> None:
        """As `Answer`, with those that cannot be sent to."""


class Snapshots(Protocol):
    """The configuration of now, and whether it is confirmed."""

    @property
    def current(self) -> Snapshot:
        """The newest snapshot."""

    @property
    def confirmed(self) -> bool:
        """Whether it is known to be the newest."""


class Intake:
    """Shared by all binds of the process."""

    def __init__(
        self, acceptor: Acceptor, snapshots: Snapshots, long_messages: LongMessages,
        *, clock_us: Callable[[], int], monotonic: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._acceptor = acceptor
        self._snapshots = snapshots
        self._long = long_messages
        self._clock_us = clock_us
        self._rates = Rates(monotonic)
        #: refusals by code, for /metrics.
        self.refusals: Counter[str] = Counter()
        #: credentials' id -> why their last message was refused, for lists of binds.
        self.last: dict[int, str] = {}

    def take(self, bound: SmppCredential, pdu: SubmitSm | DataSm, answer: Answer) -> None:
        """One message or one part; answered now or once it is stored."""
        try:
            self._admit(bound)
            part = read.part(pdu)
            if part.reference is None or part.total == 1:
                asked = read.wishes(pdu, self._clock_us())
                self._whole(bound, pdu, part.text(), asked, b"", answer)
                return
            # What can be judged without the others is, so that a mistake is told at once.
            self._look_ahead(bound, pdu)
            self._part(bound, pdu, part.number, self._long.add(
                bound.account_id, bound.system_id, pdu, part), answer)  # fmt: skip
        except (UnreadableError, RefusedError) as error:
            self._refuse(error, bound, answer)

    def over_window(self, bound: SmppCredential, answer: Answer) -> None:
        """Refuses what comes beyond the account's window of requests without an answer."""
        why = f"more than {bound.window} requests without an answer"
        self._refuse(UnreadableError(St.ESME_RTHROTTLED, why), bound, answer)

    def take_multi(self, bound: SmppCredential, pdu: SubmitMulti, answer: AnswerToMany) -> None:
        """One message to many; those that cannot be sent to are named in the answer."""
        failed: list[Unsuccessful] = []
        try:
            if not pdu.destinations:
                raise UnreadableError(St.ESME_RINVNUMDESTS, "no destination")
            self._admit(bound, len(pdu.destinations))
            part = read.part(pdu)
            if part.total > 1:
                raise UnreadableError(St.ESME_RINVESMCLASS, "a part for many destinations")
            now_us = self._clock_us()
            asked = read.wishes(pdu, now_us)
            author = Author(bound.account_id, "smpp", actor_id=bound.id)
            prepared = prepare(self._current(), author, read.draft(pdu, part.text(), asked), now_us)
            messages = self._addressed(bound, prepared, pdu.destinations, failed)
        except (UnreadableError, RefusedError) as error:
            status = self._status(error, bound)
            answer(status, "", (), self.last[bound.id])
            return
        if not messages:
            answer(failed[0].error_status, "", tuple(failed), self.last.get(bound.id, ""))
            return
        shared = uuid_text(messages[0].id)
        for message in messages:
            message.webhook_url = wish_url(pdu.registered_delivery, bound.system_id, shared)

        def done(outcome: Outcome) -> None:
            status, why = self._outcome(outcome, bound)
            answer(status, shared if status == St.ESME_ROK else "", tuple(failed), why)

        self._put(prepared, messages, done)

    def _admit(self, bound: SmppCredential, messages: int = 1) -> None:
        snapshot = self._current()
        account = snapshot.accounts.get(bound.account_id)
        limits = [limit for limit in (bound.tps, account.tps if account else 0) if limit]
        if not limits:
            return
        if self._rates.wait(bound.id, min(limits)):
            raise UnreadableError(St.ESME_RTHROTTLED, f"more than {min(limits)} a second")
        self._rates.spend(bound.id, messages)

    def _current(self) -> Snapshot:
        if not self._snapshots.confirmed:
            raise RefusedError("unavailable", "The configuration cannot be confirmed.")
        return self._snapshots.current

    def _look_ahead(self, bound: SmppCredential, pdu: SubmitSm | DataSm) -> None:
        """Refuses a part whose message could never be sent, whatever its text: times, addresses."""
        now_us = self._clock_us()
        draft = read.draft(pdu, _ANY_TEXT, read.wishes(pdu, now_us))
        author = Author(bound.account_id, "smpp", actor_id=bound.id)
        prepared = prepare(self._current(), author, draft, now_us)
        # A DLT template belongs to the whole text.
        address(msgspec.structs.replace(prepared, dlt_mode=""), pdu.destination_addr)

    def _part(
        self, bound: SmppCredential, pdu: SubmitSm | DataSm, number: int, message: LongMessage,
        answer: Answer,
    ) -> None:  # fmt: skip
        shown = uuid_text(message.message_id)
        if not message.whole:
            if self._long.full:
                answer(St.ESME_RMSGQFUL, "")
                return

            def kept(is_kept: bool) -> None:
                answer(St.ESME_ROK if is_kept else St.ESME_RSYSERR, shown if is_kept else "")

            self._long.keep(message, number, kept)
            return
        self._long.close(message)

        def done(status: int | None, message_id: str, why: str = "") -> None:
            refused = status not in (St.ESME_ROK, None)
            self._long.forget(message, self.lost(message, "message_refused") if refused else ())
            answer(status, message_id, why)

        try:
            asked = read.wishes(message.first, self._clock_us())
            self._whole(bound, message.first, message.text, asked, message.message_id, done)
        except (UnreadableError, RefusedError) as error:
            self._refuse(error, bound, done)

    def _whole(
        self, bound: SmppCredential, pdu: SubmitSm | DataSm, text: str, asked: Wishes,
        message_id: bytes, answer: Answer,
    ) -> None:  # fmt: skip
        now_us = self._clock_us()
        author = Author(bound.account_id, "smpp", actor_id=bound.id)
        prepared = prepare(self._current(), author, read.draft(pdu, text, asked), now_us)
        message = address(prepared, pdu.destination_addr)
        message.id = message_id or message.id
        message.webhook_url = wish_url(pdu.registered_delivery, bound.system_id)

        def done(outcome: Outcome) -> None:
            status, why = self._outcome(outcome, bound)
            answer(status, uuid_text(message.id) if status == St.ESME_ROK else "", why)

        self._put(prepared, [message], done)

    def _put(
        self, prepared: Prepared, messages: list[Outgoing], done: Callable[[Outcome], None]
    ) -> None:
        try:
            self._acceptor.put(submission(prepared, messages, done))
        except RefusedError as error:
            done(error)

    def _addressed(
        self, bound: SmppCredential, prepared: Prepared, destinations: tuple[Destination, ...],
        failed: list[Unsuccessful],
    ) -> list[Outgoing]:  # fmt: skip
        messages = []
        for one in destinations:
            if one.list_name:
                failed.append(Unsuccessful(0, 0, one.list_name[:20], St.ESME_RINVDLNAME))
                continue
            try:
                messages.append(address(prepared, one.address))
            except RefusedError as error:
                status = self._status(error, bound)
                failed.append(Unsuccessful(one.ton, one.npi, one.address, status))
        return messages

    def _outcome(self, outcome: Outcome, bound: SmppCredential) -> tuple[int | None, str]:
        """Status and reason that the customer is told; None: not known whether it was stored."""
        if outcome is None:
            return St.ESME_ROK, ""
        if isinstance(outcome, Replay):
            # Only an Idempotency-Key is answered so, and SMPP has none.
            return St.ESME_RSYSERR, ""
        if outcome.code == "outcome_unknown":
            self.refusals[outcome.code] += 1
            return None, ""
        return self._status(outcome, bound), self.last[bound.id]

    def _refuse(
        self, error: UnreadableError | RefusedError, bound: SmppCredential, answer: Answer
    ) -> None:
        answer(self._status(error, bound), "", self.last[bound.id])

    def _status(self, error: UnreadableError | RefusedError, bound: SmppCredential) -> St:
        if len(self.last) >= LAST_MAX:
            self.last.clear()
        if isinstance(error, UnreadableError):
            self.refusals[error.status.name] += 1
            self.last[bound.id] = _line(error.status.name, str(error))
            return error.status
        self.refusals[error.code] += 1
        self.last[bound.id] = _line(error.code, error.detail)
        return _BY_FIELD.get(error.field) or REASONS[error.code].command_status

    def lost(self, message: LongMessage, code: str = "parts_missing") -> list[NewReceipt]:
        """The receipt of a long message that can never be sent, if one was asked for."""
        if message.first.registered_delivery & _FINAL_RECEIPT not in _TELLS_FAILURE:
            return []
        at = iso(self._clock_us())
        told = receipts.Told(
            at,
            receipts.Data(
                uuid_text(message.message_id), message.key.destination, message.key.source,
                "REJECTED", code, at,
            ),
        )  # fmt: skip
        body = msgspec.json.encode(told)
        return [NewReceipt(message.account_id, message.key.system_id, receipts.RECEIPT, body)]


def _line(code: str, detail: str) -> str:
    """A refusal in one line that can be stored and shown."""
    return "".join(c if c.isprintable() else " " for c in f"{code}: {detail}")[:200]
