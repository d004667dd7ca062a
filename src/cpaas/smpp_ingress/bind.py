"""One customer's connection: its bind, what it submits and asks, and the receipts it gets."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from cpaas.kit.log import get_logger
from cpaas.smpp.layout import RESPONSE, Pdu, Unsuccessful
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    BindRequest,
    CancelSm,
    DataSm,
    DataSmResp,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
)
from cpaas.smpp.server import Connection
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp.tlv import Tlvs, status_text
from cpaas.smpp_ingress.notify import Outbox
from cpaas.smpp_ingress.types import BindRow
from cpaas.snapshot.types import SmppCredential

if TYPE_CHECKING:
    from cpaas.smpp_ingress.server import Ingress

SYSTEM_ID: Final = "cpaas"
#: from which interface_version an answer may have TLVs: data_sm_resp, and any other. smpplib, for
#: one, breaks off when a submit_sm_resp of 3.4 has one.
_DATA_TLVS_SINCE: Final = 0x34
_TLVS_SINCE: Final = 0x50
_log = get_logger("smpp")


class CustomerBind:
    """Handles one connection of the SMPP server."""

    def __init__(self, ingress: "Ingress", connection: Connection) -> None:
        self.connection = connection
        self.credential: SmppCredential | None = None
        self.submitted = self.refused = self.delivered = 0
        self.bound_us = 0
        self._ingress = ingress
        self._outbox: Outbox | None = None
        self._answers: list[tuple[int, int, str, str]] = []
        self._lost = False

    @property
    def row(self) -> BindRow | None:
        """The bind as lists show it; None before it is bound."""
        credential = self.credential
        if credential is None or not self.connection.bound:
            return None
        return BindRow(
            credential.account_id, credential.system_id, self.connection.bind_type,
            self.connection.peer[0], self.submitted, self.refused, self.delivered,
            self.connection.session.inbound_unanswered, self.bound_us,
            self._ingress.intake.last.get(credential.id, ""),
        )  # fmt: skip

    def take_window(self, credential: SmppCredential) -> None:
        """Reads no further than the account's window of requests without an answer."""
        self.connection.allow(credential.window or self._ingress.window)

    # What the connection tells

    def on_bind(self, request: BindRequest) -> None:
        """Looks at the credentials; the password is hashed beside the event loop."""
        self._ingress.spawn(self._decide(request))

    async def _decide(self, request: BindRequest) -> None:
        status, why, credential = await self._ingress.judge(self, request)
        if self._lost or self.connection.closing:
            return
        if credential is None or status is not St.ESME_ROK:
            _log.warning(
                "smpp_bind_refused", system_id=request.system_id, address=self.connection.peer[0],
                status=status.name, reason=why,
            )  # fmt: skip
            self.connection.reject_bind(status)
            return
        self.credential = credential
        self.bound_us = self._ingress.clock_us()
        self.take_window(credential)
        self.connection.accept_bind(SYSTEM_ID)
        _log.info(
            "smpp_bound", system_id=credential.system_id, address=self.connection.peer[0],
            bind_type=self.connection.bind_type,
        )  # fmt: skip
        if self.connection.bind_type != "tx":
            self._outbox = self._ingress.notifier.outbox(credential.system_id)
            self._outbox.attach(self)
            if not credential.receives:
                self._ingress.spawn(self._ingress.note_receiver(credential))

    def on_requests(self, pdus: list[Pdu]) -> None:
        """Takes what an ESME may ask, in order."""
        bound = self.credential
        if bound is None:
            self.connection.ignore(len(pdus))
            return
        # What one read brought beyond the account's window, counted from its end.
        over = self.connection.session.inbound_unanswered - bound.window if bound.window else 0
        for left, pdu in zip(range(len(pdus), 0, -1), pdus, strict=True):
            if left <= over and isinstance(pdu, SubmitSm):
                self.submitted += 1
                self._ingress.intake.over_window(bound, _Answer(self, pdu.sequence))
            elif isinstance(pdu, SubmitSm):
                self.submitted += 1
                self._ingress.intake.take(bound, pdu, _Answer(self, pdu.sequence))
            else:
                self._take_other(bound, pdu)

    def _take_other(self, bound: SmppCredential, pdu: Pdu) -> None:
        sequence = pdu.sequence
        if isinstance(pdu, DataSm):
            self.submitted += 1
            self._ingress.intake.take(bound, pdu, _DataAnswer(self, sequence))
        elif isinstance(pdu, SubmitMulti):
            self.submitted += len(pdu.destinations)
            self._ingress.intake.take_multi(bound, pdu, _MultiAnswer(self, sequence))
        elif isinstance(pdu, QuerySm):
            self._ingress.spawn(self._ask(self._ingress.questions.query(bound, pdu), pdu))
        elif isinstance(pdu, CancelSm):
            self._ingress.spawn(self._ask(self._ingress.questions.cancel(bound, pdu), pdu))
        elif isinstance(pdu, ReplaceSm):
            self._fail(pdu, St.ESME_RREPLACEFAIL)
        else:
            self._fail(pdu, St.ESME_RSYSERR)

    async def _ask(self, question: Any, pdu: Pdu) -> None:
        try:
            answer = await question
        except Exception as error:  # noqa: BLE001 - a question without an answer blocks the window
            _log.warning("smpp_question_failed", error=repr(error))
            self._fail(pdu, St.ESME_RSYSERR)
            return
        self.respond(answer)

    def _fail(self, pdu: Pdu, status: St) -> None:
        self.respond(PDU_CLASSES[pdu.command_id | RESPONSE](sequence=pdu.sequence, status=status))

    def on_deliver_resps(self, answers: list[tuple[Any, int, str]]) -> None:
        """Receipts were answered."""
        self.delivered += sum(status == St.ESME_ROK for _, status, _ in answers)
        if self._outbox is not None:
            self._outbox.answered(answers)

    def on_timeouts(self, tags: list[Any]) -> None:
        """Receipts without an answer go again."""
        if self._outbox is not None:
            self._outbox.give_back(tags)

    def on_room(self) -> None:
        """More receipts fit."""
        if self._outbox is not None:
            self._outbox.pump()

    def on_lost(self, unanswered: list[Any], reason: str) -> None:
        """The connection is gone."""
        self._lost = True
        self._ingress.binds.discard(self)
        if self.credential is not None:
            _log.info(
                "smpp_unbound", system_id=self.credential.system_id, reason=reason,
                submitted=self.submitted,
            )  # fmt: skip
        if self._outbox is not None:
            self._outbox.detach(self, unanswered)

    # Answers

    def told(self, why: str, since: int = _TLVS_SINCE) -> str:
        """A refusal's reason if this ESME's version reads it in an answer, else nothing."""
        asked = self.connection.request
        return why if asked is not None and asked.interface_version >= since else ""

    def answer(self, sequence: int, status: int | None, message_id: str, why: str) -> None:
        """Answers a submit_sm together with what else is answered in this turn of the loop."""
        if status is None:
            self.unknown()
            return
        self.refused += status != St.ESME_ROK
        if not self._answers:
            asyncio.get_running_loop().call_soon(self._flush)
        self._answers.append((sequence, status, message_id, self.told(why)))

    def tlvs(self, why: str, since: int = _TLVS_SINCE) -> Tlvs:
        """The TLVs of an answer that refuses for this reason; none for "" or an older ESME."""
        said = self.told(why, since)
        return status_text(said) if said else {}

    def respond(self, pdu: Pdu) -> None:
        """Answers any other request."""
        if not self._lost:
            self.connection.respond([pdu])

    def unknown(self) -> None:
        """It is not known whether a message was stored: an answer either way might be a lie."""
        self.connection.close("the outcome of a message is unknown")

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        if answers and not self._lost:
            self.connection.submit_resps(answers)


class _Answer:
    """The answer to a submit_sm."""

    __slots__ = ("bind", "sequence")

    def __init__(self, bind: CustomerBind, sequence: int) -> None:
        self.bind = bind
        self.sequence = sequence

    def __call__(self, status: int | None, message_id: str, why: str = "") -> None:
        self.bind.answer(self.sequence, status, message_id, why)


class _DataAnswer(_Answer):
    """The answer to a data_sm."""

    __slots__ = ()

    def __call__(self, status: int | None, message_id: str, why: str = "") -> None:
        if status is None:
            self.bind.unknown()
            return
        self.bind.refused += status != St.ESME_ROK
        tlvs = self.bind.tlvs(why, _DATA_TLVS_SINCE)
        self.bind.respond(DataSmResp(message_id, sequence=self.sequence, status=status, tlvs=tlvs))


class _MultiAnswer:
    """The answer to a submit_multi."""

    __slots__ = ("bind", "sequence")

    def __init__(self, bind: CustomerBind, sequence: int) -> None:
        self.bind = bind
        self.sequence = sequence

    def __call__(
        self, status: int | None, message_id: str, failed: tuple[Unsuccessful, ...], why: str = ""
    ) -> None:
        if status is None:
            self.bind.unknown()
            return
        self.bind.refused += len(failed)
        self.bind.respond(
            SubmitMultiResp(
                message_id, failed, sequence=self.sequence, status=status, tlvs=self.bind.tlvs(why)
            )
        )
