"""One ESME's connection to the simulated SMSC: its bind, its submits, its part of the mailbox."""

from typing import TYPE_CHECKING, Any

from cpaas.simulators.smsc.outcome import Outcome
from cpaas.simulators.smsc.receipts import Accepted
from cpaas.smpp.layout import RESPONSE, Pdu
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    BindReceiver,
    BindRequest,
    BindTransmitter,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
)
from cpaas.smpp.receipt import FINAL_STATES, MessageState
from cpaas.smpp.server import Connection
from cpaas.smpp.status import CommandStatus, status_name

if TYPE_CHECKING:
    from cpaas.simulators.smsc.smsc import SimulatedSmsc

RECEIPT_FIRST_SECONDS = 0.05

Answer = tuple[int, int, str]


class Binding:
    """What the SMSC does for one connection."""

    def __init__(self, smsc: "SimulatedSmsc", connection: Connection) -> None:
        self.connection = connection
        self._smsc = smsc
        self._submits = 0
        self._receives = False

    def on_bind(self, request: BindRequest) -> None:
        """Check the bind type, the system_id and the password."""
        settings, stats = self._smsc.settings, self._smsc.stats
        kinds: dict[type[BindRequest], str] = {BindReceiver: "rx", BindTransmitter: "tx"}
        status = CommandStatus.ESME_ROK
        if kinds.get(type(request), "trx") not in settings.bind_types:
            status = CommandStatus.ESME_RBINDFAIL
        elif settings.accounts and request.system_id not in settings.accounts:
            status = CommandStatus.ESME_RINVSYSID
        elif settings.accounts and settings.accounts[request.system_id] != request.password:
            status = CommandStatus.ESME_RINVPASWD
        if status is not CommandStatus.ESME_ROK:
            stats.binds_refused += 1
            self.connection.reject_bind(status)
            return
        stats.binds += 1
        self.connection.accept_bind(settings.system_id)
        self._receives = self.connection.bind_type != "tx"
        if self._receives:
            mailbox = self._smsc.mailbox(request.system_id)
            mailbox.receivers.append(self.connection)
            mailbox.pump()

    def on_requests(self, pdus: list[Pdu]) -> None:
        """Take a batch of submits, and whatever else an ESME may ask."""
        settings = self._smsc.settings
        submits = [pdu for pdu in pdus if isinstance(pdu, SubmitSm)]
        if len(submits) < len(pdus):
            for pdu in pdus:
                if not isinstance(pdu, SubmitSm):
                    self._take_other(pdu)
        if not submits:
            return
        doomed = 0 < settings.drop_after_submits <= self._submits + len(submits)
        doomed = doomed and self._smsc.stats.drops < settings.drops_max
        if doomed:
            submits = submits[: settings.drop_after_submits - self._submits]
        self._submits += len(submits)
        answers = self._take(submits)
        if settings.silent or (doomed and not settings.answer_before_drop):
            self.connection.ignore(len(answers))
        else:
            self._answer(answers, flush=doomed)
        if doomed:
            self._smsc.stats.drops += 1
            if settings.answer_before_drop:
                self.connection.close("dropped after so many submits")
            else:
                self.connection.abort("dropped after so many submits")

    def on_deliver_resps(self, answers: list[tuple[Any, int, str]]) -> None:
        """Let the mailbox forget or keep."""
        self._smsc.mailbox(self.connection.system_id).answered(answers)

    def on_timeouts(self, tags: list[Any]) -> None:
        """Keep what was not answered."""
        self._smsc.mailbox(self.connection.system_id).give_back(tags)

    def on_room(self) -> None:
        """Send more."""
        self._smsc.mailbox(self.connection.system_id).pump()

    def on_lost(self, unanswered: list[Any], reason: str) -> None:
        """Keep what is unanswered for the next connection of this system_id."""
        self._smsc.bindings.discard(self)
        if not self._receives:
            return
        mailbox = self._smsc.mailbox(self.connection.system_id)
        if self.connection in mailbox.receivers:
            mailbox.receivers.remove(self.connection)
        mailbox.give_back(unanswered)

    def _answer(self, answers: list[Answer], *, flush: bool) -> None:
        settings = self._smsc.settings
        seconds = settings.answer_delay_seconds
        if settings.receipt_before_answer:
            seconds = max(seconds, RECEIPT_FIRST_SECONDS)
        if flush:
            seconds = 0.0
        self._smsc.agenda.after(seconds, lambda: self.connection.submit_resps(answers))

    def _take(self, submits: list[SubmitSm]) -> list[Answer]:
        smsc, settings, stats = self._smsc, self._smsc.settings, self._smsc.stats
        system_id, now = self.connection.system_id, int(self._smsc.clock())
        answers: list[Answer] = []
        prompt: list[Accepted] = []
        slow: list[Accepted] = []
        decide = smsc.decider.decide
        for pdu in submits:
            outcome = decide(pdu)
            message_id = ""
            if outcome.status == 0:
                message_id, receipt_id = smsc.next_ids()
                if _wants_receipt(pdu.registered_delivery, outcome) and not settings.silent:
                    accepted = _accepted(pdu, outcome, system_id, (message_id, receipt_id), now)
                    (slow if outcome.slow else prompt).append(accepted)
            smsc.record(system_id, message_id, outcome.status, pdu)
            answers.append((pdu.sequence, outcome.status, message_id))
        stats.submits += len(answers)
        for _, status, _ in answers:
            if status == 0:
                stats.accepted += 1
            else:
                name = status_name(status)
                stats.answers[name] = stats.answers.get(name, 0) + 1
        if prompt:
            early = settings.receipt_before_answer
            smsc.expect_receipts(prompt, 0.0 if early else settings.receipt_delay_seconds)
        if slow:
            smsc.expect_receipts(slow, settings.slow_receipt_seconds)
        return answers

    def _take_other(self, pdu: Pdu) -> None:
        sequence = pdu.sequence
        if isinstance(pdu, DataSm):
            [(_, status, message_id)] = self._take([_as_submit(pdu)])
            answer: Pdu = DataSmResp(message_id, sequence=sequence, status=status)
        elif isinstance(pdu, SubmitMulti):
            answer = self._take_multi(pdu)
        elif isinstance(pdu, QuerySm) and self._smsc.is_pending(pdu.message_id):
            state = int(MessageState.ENROUTE)
            answer = QuerySmResp(pdu.message_id, "", state, 0, sequence=sequence)
        elif isinstance(pdu, CancelSm) and self._smsc.cancel(pdu.message_id):
            answer = CancelSmResp(sequence=sequence)
        else:
            failures: dict[type[Pdu], int] = {
                QuerySm: CommandStatus.ESME_RQUERYFAIL,
                CancelSm: CommandStatus.ESME_RCANCELFAIL,
                ReplaceSm: CommandStatus.ESME_RREPLACEFAIL,
            }
            status = failures.get(type(pdu), CommandStatus.ESME_RSYSERR)
            answer = PDU_CLASSES[pdu.command_id | RESPONSE](sequence=sequence, status=status)
        if self._smsc.settings.silent:
            self.connection.ignore(1)
        else:
            self.connection.respond([answer])

    def _take_multi(self, pdu: SubmitMulti) -> SubmitMultiResp:
        message_id = ""
        for entry in pdu.destinations:
            fields = {f.name: getattr(pdu, f.name) for f in SubmitSm.layout if hasattr(pdu, f.name)}
            fields |= {"dest_addr_ton": entry.ton, "dest_addr_npi": entry.npi}
            fields |= {"destination_addr": entry.address, "tlvs": pdu.tlvs}
            [(_, _, message_id)] = self._take([SubmitSm(**fields, sequence=pdu.sequence)])
        return SubmitMultiResp(message_id, sequence=pdu.sequence)


def _wants_receipt(registered_delivery: int, outcome: Outcome) -> bool:
    """Apply bits 0 and 1: 1 every outcome, 2 only a failure, 3 only a success."""
    wish, state = registered_delivery & 3, outcome.state
    if state is None or wish == 0:
        return False
    if wish == 1 or state not in FINAL_STATES:
        return True
    return (state is MessageState.DELIVRD) is (wish == 3)


def _accepted(
    pdu: SubmitSm, outcome: Outcome, system_id: str, ids: tuple[str, str], now: int
) -> Accepted:
    state = outcome.state if outcome.state is not None else MessageState.DELIVRD
    text = "" if pdu.data_coding or pdu.esm_class else pdu.short_message[:20].decode("latin-1")
    return Accepted(
        system_id,
        ids[0],
        ids[1],
        state,
        outcome.err,
        now,
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        text,
    )


def _as_submit(pdu: DataSm) -> SubmitSm:
    return SubmitSm(
        pdu.service_type,
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr,
        pdu.esm_class,
        registered_delivery=pdu.registered_delivery,
        data_coding=pdu.data_coding,
        sequence=pdu.sequence,
        tlvs=pdu.tlvs,
    )
