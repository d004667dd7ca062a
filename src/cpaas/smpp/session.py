"""One SMPP link as pure state: frames and moments go in, bytes to write and events come out.

No socket and no clock, so that the client, the server, the tests and a fuzzer drive the very
same code. Answers are matched to opaque tags here; nothing per message is a task or a future.
"""

import struct
from collections.abc import Sequence
from typing import Any

from cpaas.smpp.codec import decode, encode, encode_error, encode_header
from cpaas.smpp.errors import DecodeError, EncodeError, SessionError
from cpaas.smpp.events import Limits, Received, Tick
from cpaas.smpp.layout import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    DATA_SM,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    OUTBIND,
    RESPONSE,
    SUBMIT_SM,
    UNBIND,
)
from cpaas.smpp.message_codec import (
    decode_message,
    decode_message_id,
    encode_deliver_resp,
    encode_message,
)
from cpaas.smpp.pdu import (
    PDU_CLASSES,
    BindReceiverResp,
    BindRequest,
    BindResponse,
    BindTransceiverResp,
    BindTransmitterResp,
    DeliverSm,
    ShortMessage,
    SubmitSm,
)
from cpaas.smpp.states import BOUND, BOUND_BY, MAY_SEND, PEER, Role, State
from cpaas.smpp.status import CommandStatus, status_name
from cpaas.smpp.tlv import Tag

SEQUENCE_MAX = 0x7FFFFFFF
UNBIND_PATIENCE_SECONDS = 5.0
_FOREVER = float("inf")

_HEADER = struct.Struct(">IIII")
_ANSWER_TO: dict[Role, int] = {
    Role.ESME: SUBMIT_SM | RESPONSE,
    Role.SMSC: DELIVER_SM | RESPONSE,
}
_BIND_ANSWERS: dict[int, type[BindResponse]] = {
    BIND_TRANSMITTER: BindTransmitterResp,
    BIND_RECEIVER: BindReceiverResp,
    BIND_TRANSCEIVER: BindTransceiverResp,
}
_BINDS = frozenset(_BIND_ANSWERS)


class Session:
    """The state of one link, for either role."""

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        self.role = role
        self.limits = limits
        self.state = State.OPEN
        self.inbound_unanswered = 0
        self._window: dict[int, tuple[Any, float]] = {}
        self._control: dict[int, tuple[int, float]] = {}
        self._data_sm: set[int] = set()
        self._sequence = 0
        # Before the numbers have gone round once none of them can be in use.
        self._wrapped = False
        self._bind: BindRequest | None = None
        self._opened_at = self._heard_at = self._busy_at = now
        self._unbind_from_peer: tuple[int, float] | None = None

    @property
    def free(self) -> int:
        """Room in the window: how many more messages may be sent now."""
        return self.limits.window - len(self._window) if self.may_send_messages else 0

    @property
    def may_send_messages(self) -> bool:
        """Tell whether this side may send submit_sm (ESME) or deliver_sm (SMSC) now."""
        message = SUBMIT_SM if self.role is Role.ESME else DELIVER_SM
        return message in MAY_SEND[self.role][self.state] and self._unbind_from_peer is None

    @property
    def unanswered(self) -> int:
        """Count the messages that still wait for their answer."""
        return len(self._window)

    def next_sequence(self) -> int:
        """Return the next free number, 1 to 0x7FFFFFFF and round again."""
        while True:
            self._wrapped = self._wrapped or self._sequence == SEQUENCE_MAX
            self._sequence = self._sequence % SEQUENCE_MAX + 1
            if self._sequence not in self._window and self._sequence not in self._control:
                return self._sequence

    # Sending

    def bind(self, request: BindRequest, now: float) -> bytes:
        """ESME: ask to be bound."""
        if self.role is not Role.ESME or self.state is not State.OPEN:
            raise SessionError(f"cannot bind as {self.role} while {self.state}")
        self.state, self._bind = State.BINDING, request
        return encode(request, self._control_request(request.command_id, now))

    def accept_bind(self, system_id: str, now: float) -> bytes:
        """SMSC: answer the pending bind with OK; the session is bound from here on."""
        request = self._pending_bind()
        self.state = BOUND_BY[request.command_id]
        self._busy_at = now
        answer = _BIND_ANSWERS[request.command_id](
            system_id=system_id,
            sequence=request.sequence,
            tlvs={int(Tag.SC_INTERFACE_VERSION): [b"\x34"]},
        )
        return encode(answer)

    def reject_bind(self, status: int) -> bytes:
        """SMSC: refuse the pending bind; the peer may try again on the same connection."""
        request = self._pending_bind()
        self.state, self._bind = State.OPEN, None
        return encode_header(request.command_id | RESPONSE, status, request.sequence)

    def send_messages(self, items: Sequence[tuple[Any, ShortMessage]], now: float) -> bytes:
        """Write submit_sm (ESME) or deliver_sm (SMSC); the answer comes back with the tag."""
        if len(items) > self.free:
            raise SessionError(f"{len(items)} messages, but the window has room for {self.free}")
        command_id = SUBMIT_SM if self.role is Role.ESME else DELIVER_SM
        parts: list[bytes] = []
        entries: dict[int, tuple[Any, float]] = {}
        try:
            for tag, pdu in items:
                sequence = self._sequence + 1
                if self._wrapped or sequence > SEQUENCE_MAX:
                    sequence = self.next_sequence()
                parts.append(encode_message(command_id, pdu, sequence))
                self._sequence = sequence
                entries[sequence] = (tag, now)
        except EncodeError as error:
            error.index = len(parts)
            raise
        self._window.update(entries)
        return b"".join(parts)

    def deliver_resps(self, sequences: Sequence[int], status: int = 0) -> bytes:
        """ESME: answer deliver_sm (and data_sm) requests by their sequence numbers."""
        self.answered(len(sequences))
        if not self._data_sm:
            return b"".join([encode_deliver_resp(number, status) for number in sequences])
        parts: list[bytes] = []
        for number in sequences:
            if number in self._data_sm:
                self._data_sm.discard(number)
                cls = PDU_CLASSES[DATA_SM | RESPONSE]
                parts.append(encode(cls(sequence=number, status=status)))
            else:
                parts.append(encode_deliver_resp(number, status))
        return b"".join(parts)

    def answered(self, count: int) -> None:
        """Note that `count` requests of the peer were answered by PDUs made elsewhere."""
        self.inbound_unanswered = max(0, self.inbound_unanswered - count)

    def unbind(self, now: float) -> bytes:
        """Ask to part; nothing may be sent after this."""
        if self.state not in BOUND:
            raise SessionError(f"cannot unbind while {self.state}")
        self.state = State.UNBINDING
        return encode_header(UNBIND, 0, self._control_request(UNBIND, now))

    def unbind_reply(self) -> bytes:
        """Return unbind_resp once the peer's unbind is due for it, else nothing.

        It waits for the requests that the peer sent before, or their answers would be lost.
        """
        if self._unbind_from_peer is None or self.inbound_unanswered > 0:
            return b""
        sequence = self._unbind_from_peer[0]
        self._unbind_from_peer = None
        self.state = State.UNBINDING
        return encode_header(UNBIND | RESPONSE, 0, sequence)

    def close(self) -> list[Any]:
        """The connection is gone: return the tags whose answer can no longer come."""
        self.state = State.CLOSED
        tags = [tag for tag, _ in self._window.values()]
        self._window.clear()
        self._control.clear()
        self._data_sm.clear()
        return tags

    # Receiving

    def receive(self, frames: Sequence[bytes], now: float) -> Received:
        """Take the PDUs of one read in order."""
        self._heard_at = now
        got = Received()
        message_command = DELIVER_SM if self.role is Role.ESME else SUBMIT_SM
        answer_command = _ANSWER_TO[self.role]
        cls = DeliverSm if self.role is Role.ESME else SubmitSm
        allowed = self._peer_may_send(message_command)
        window = self._window
        for frame in frames:
            _, command_id, status, sequence = _HEADER.unpack_from(frame)
            if command_id == answer_command:
                entry = window.pop(sequence, None)
                if entry is not None:
                    got.answers.append((entry[0], status, decode_message_id(frame)))
                continue
            if command_id == message_command and allowed:
                pdu = decode_message(frame, cls, sequence)
                if pdu is not None:
                    got.requests.append(pdu)
                    continue
            self._receive_other(frame, now, got)
            allowed = self._peer_may_send(message_command)
            if got.close_reason:
                break
        if got.requests:
            self.inbound_unanswered += len(got.requests)
            self._busy_at = now
        elif got.answers:
            self._busy_at = now
        return got

    def _receive_other(self, frame: bytes, now: float, got: Received) -> None:
        _, command_id, _, sequence = _HEADER.unpack_from(frame)
        if command_id == ENQUIRE_LINK:
            got.replies.append(encode_header(ENQUIRE_LINK | RESPONSE, 0, sequence))
        elif command_id & RESPONSE:
            self._receive_answer(frame, got)
        elif command_id == UNBIND:
            self._unbind_from_peer = (sequence, now)
        elif command_id not in PDU_CLASSES:
            nack = encode_header(GENERIC_NACK, CommandStatus.ESME_RINVCMDID, sequence)
            got.replies.append(nack)
        elif not self._peer_may_send(command_id):
            got.replies.append(self._refusal(command_id, sequence))
        else:
            self._receive_request(frame, got)

    def _receive_request(self, frame: bytes, got: Received) -> None:
        _, command_id, _, sequence = _HEADER.unpack_from(frame)
        try:
            pdu = decode(frame)
        except DecodeError as error:
            answer = command_id | RESPONSE
            if answer not in PDU_CLASSES:
                answer = GENERIC_NACK
            got.replies.append(encode_error(answer, error.command_status, sequence))
            return
        if isinstance(pdu, BindRequest):
            self.state, self._bind = State.BINDING, pdu
            got.bind = pdu
        elif command_id | RESPONSE in PDU_CLASSES:
            if command_id == DATA_SM and self.role is Role.ESME:
                self._data_sm.add(sequence)
            got.requests.append(pdu)
        # outbind and alert_notification have no answer, and ask nothing of a side that is here.

    def _receive_answer(self, frame: bytes, got: Received) -> None:
        _, command_id, status, sequence = _HEADER.unpack_from(frame)
        if command_id == GENERIC_NACK:
            entry = self._window.pop(sequence, None)
            if entry is not None:
                got.answers.append((entry[0], status or CommandStatus.ESME_RUNKNOWNERR, ""))
                return
        sent = self._control.get(sequence)
        if sent is None or command_id not in (sent[0] | RESPONSE, GENERIC_NACK):
            return
        del self._control[sequence]
        if sent[0] == UNBIND:
            got.close_reason = "unbound"
        elif sent[0] in _BINDS:
            self._receive_bind_answer(frame, sent[0], got)

    def _receive_bind_answer(self, frame: bytes, command_id: int, got: Received) -> None:
        status = _HEADER.unpack_from(frame)[2]
        if status != CommandStatus.ESME_ROK:
            got.close_reason = f"the bind was refused with {status_name(status)}"
            return
        answer = decode(frame)
        if isinstance(answer, BindResponse):
            self.state = BOUND_BY[command_id]
            got.bind_answer = answer
        else:
            got.close_reason = "the bind was answered by a generic_nack"

    # Time

    def next_deadline(self) -> float:
        """Return the moment at which `on_tick` may have something to do."""
        limits = self.limits
        deadline = _FOREVER
        if self._window:
            deadline = next(iter(self._window.values()))[1] + limits.response_timeout_seconds
        for command_id, sent_at in self._control.values():
            deadline = min(deadline, sent_at + self._patience(command_id))
        if self._unbind_from_peer is not None:
            deadline = min(deadline, self._unbind_from_peer[1] + UNBIND_PATIENCE_SECONDS)
        if self.role is Role.SMSC and self.state in (State.OPEN, State.BINDING):
            deadline = min(deadline, self._opened_at + limits.bind_timeout_seconds)
        if self.state in BOUND:
            if limits.inactivity_seconds:
                deadline = min(deadline, self._busy_at + limits.inactivity_seconds)
            if not self._enquiring():
                deadline = min(deadline, self._heard_at + limits.enquire_link_seconds)
        return deadline

    def on_tick(self, now: float) -> Tick:
        """Do what is due: give up on answers, test the link, close it."""
        tick = Tick(timed_out=self._expired(now))
        limits = self.limits
        for command_id, sent_at in list(self._control.values()):
            if now < sent_at + self._patience(command_id):
                continue
            if command_id == ENQUIRE_LINK and self._heard_at > sent_at:
                # Not answered, but other PDUs came: a peer that talks is alive.
                self._forget(ENQUIRE_LINK)
                continue
            tick.close_reason = f"no answer to {PDU_CLASSES[command_id].__name__}"
            return tick
        if self._unbind_from_peer is not None:
            if now >= self._unbind_from_peer[1] + UNBIND_PATIENCE_SECONDS:
                self.inbound_unanswered = 0
                tick.data = self.unbind_reply()
                tick.close_reason = "unbound by the peer"
        elif self.state in (State.OPEN, State.BINDING) and self.role is Role.SMSC:
            if now >= self._opened_at + limits.bind_timeout_seconds:
                tick.close_reason = "no bind in time"
        elif self.state in BOUND:
            if limits.inactivity_seconds and now >= self._busy_at + limits.inactivity_seconds:
                tick.close_reason = "no traffic"
            elif not self._enquiring() and (
                tick.timed_out or now >= self._heard_at + limits.enquire_link_seconds
            ):
                number = self._control_request(ENQUIRE_LINK, now)
                tick.data = encode_header(ENQUIRE_LINK, 0, number)
        return tick

    # Inner workings

    def _expired(self, now: float) -> list[Any]:
        limit = now - self.limits.response_timeout_seconds
        late: list[int] = []
        # Sent in this order and with one timeout for all, so the first young one ends the search.
        for sequence, (_, sent_at) in self._window.items():
            if sent_at > limit:
                break
            late.append(sequence)
        return [self._window.pop(sequence)[0] for sequence in late]

    def _patience(self, command_id: int) -> float:
        if command_id in _BINDS:
            return self.limits.bind_timeout_seconds
        if command_id == UNBIND:
            return UNBIND_PATIENCE_SECONDS
        return self.limits.response_timeout_seconds

    def _enquiring(self) -> bool:
        return any(command_id == ENQUIRE_LINK for command_id, _ in self._control.values())

    def _forget(self, command_id: int) -> None:
        for sequence in [n for n, sent in self._control.items() if sent[0] == command_id]:
            del self._control[sequence]

    def _control_request(self, command_id: int, now: float) -> int:
        sequence = self.next_sequence()
        self._control[sequence] = (command_id, now)
        return sequence

    def _peer_may_send(self, command_id: int) -> bool:
        if self._unbind_from_peer is not None:
            return False
        return command_id in MAY_SEND[PEER[self.role]][self.state]

    def _refusal(self, command_id: int, sequence: int) -> bytes:
        status = CommandStatus.ESME_RINVBNDSTS
        if command_id in _BINDS and self.state is not State.OPEN:
            status = CommandStatus.ESME_RALYBND
        if command_id == OUTBIND or command_id | RESPONSE not in PDU_CLASSES:
            return encode_header(GENERIC_NACK, status, sequence)
        return encode_error(command_id | RESPONSE, status, sequence)

    def _pending_bind(self) -> BindRequest:
        if self.role is not Role.SMSC or self.state is not State.BINDING or self._bind is None:
            raise SessionError(f"no bind waits for an answer, the session is {self.state}")
        return self._bind
