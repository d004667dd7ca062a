"""The state of a link as a table, and its window and timers, without any socket."""

import pytest

from cpaas.smpp.codec import PduBuffer, decode, encode
from cpaas.smpp.errors import EncodeError, SessionError
from cpaas.smpp.events import Limits
from cpaas.smpp.layout import Pdu
from cpaas.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindRequest,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from cpaas.smpp.session import SEQUENCE_MAX, UNBIND_PATIENCE_SECONDS, Session
from cpaas.smpp.states import Role, State

LIMITS = Limits(
    window=3, enquire_link_seconds=30, response_timeout_seconds=60, bind_timeout_seconds=10
)
BINDS: dict[str, type[BindRequest]] = {
    "bound_tx": BindTransmitter,
    "bound_rx": BindReceiver,
    "bound_trx": BindTransceiver,
}


def smsc(state: str = "bound_trx", limits: Limits = LIMITS) -> Session:
    session = Session(Role.SMSC, limits, 0.0)
    if state != "open":
        session.receive([encode(BINDS[state]("me", "pw", sequence=1))], 0.0)
        session.accept_bind("smsc", 0.0)
        assert session.state == state
    return session


def esme(state: str = "bound_trx", limits: Limits = LIMITS) -> Session:
    session, peer = Session(Role.ESME, limits, 0.0), Session(Role.SMSC, limits, 0.0)
    request = session.bind(BINDS[state]("me", "pw"), 0.0)
    peer.receive([request], 0.0)
    answer = session.receive([peer.accept_bind("smsc", 0.0)], 0.0).bind_answer
    assert answer is not None
    assert answer.system_id == "smsc"
    assert answer.tlvs == {0x0210: [b"\x34"]}
    assert session.state == state
    return session


def replies(data: list[bytes]) -> list[Pdu]:
    return [decode(frame) for frame in PduBuffer().feed(b"".join(data))]


TX: set[type[Pdu]] = {SubmitSm, SubmitMulti, DataSm, QuerySm, CancelSm, ReplaceSm}
ALLOWED: dict[tuple[Role, str], set[type[Pdu]]] = {
    (Role.SMSC, "open"): set(),
    (Role.SMSC, "bound_tx"): TX,
    (Role.SMSC, "bound_rx"): set(),
    (Role.SMSC, "bound_trx"): TX,
    (Role.ESME, "bound_tx"): set(),
    (Role.ESME, "bound_rx"): {DeliverSm, DataSm},
    (Role.ESME, "bound_trx"): {DeliverSm, DataSm},
}


@pytest.mark.parametrize(("role", "state"), ALLOWED, ids=str)
def test_which_requests_are_legal(role: Role, state: str) -> None:
    commands: list[type[Pdu]] = [*TX, DeliverSm]
    for cls in commands:
        session = smsc(state) if role is Role.SMSC else esme(state)
        got = session.receive([encode(cls(sequence=77))], 1.0)
        if cls in ALLOWED[role, state]:
            assert [type(pdu) for pdu in got.requests] == [cls]
            assert not got.replies
        else:
            [answer] = replies(got.replies)
            assert not got.requests
            assert (answer.command_id, answer.sequence) == (cls.command_id | 0x80000000, 77)
            assert answer.status == 0x04


def test_a_second_bind_is_refused_as_already_bound() -> None:
    for session in (smsc(), smsc("bound_tx")):
        got = session.receive([encode(BindReceiver("me", "pw", sequence=5))], 1.0)
        assert [pdu.status for pdu in replies(got.replies)] == [0x05]
        assert got.bind is None


def test_a_bind_may_be_tried_again_after_a_refusal() -> None:
    session = smsc("open")
    assert session.receive([encode(BindTransceiver("a", "b", sequence=1))], 0.0).bind
    [refusal] = replies([session.reject_bind(0x0E)])
    assert (refusal.command_id, refusal.status) == (0x80000009, 0x0E)
    assert session.receive([encode(BindTransceiver("a", "c", sequence=2))], 0.0).bind
    with pytest.raises(SessionError):
        smsc().accept_bind("again", 0.0)


def test_a_refused_bind_names_the_reason() -> None:
    session, peer = Session(Role.ESME, LIMITS, 0.0), Session(Role.SMSC, LIMITS, 0.0)
    peer.receive([session.bind(BindTransceiver("me", "pw"), 0.0)], 0.0)
    assert "ESME_RINVPASWD" in session.receive([peer.reject_bind(0x0E)], 0.0).close_reason


def test_unknown_commands_and_links_are_answered() -> None:
    unknown = bytes.fromhex("00000010 00000fff 00000000 00000009")
    got = smsc().receive([unknown, encode(EnquireLink(sequence=3))], 1.0)
    assert replies(got.replies) == [
        GenericNack(sequence=9, status=0x03),
        EnquireLinkResp(sequence=3),
    ]


def test_a_broken_request_gets_its_own_status() -> None:
    broken = encode(SubmitSm(short_message=b"abc", sequence=4))[:-2]
    frame = len(broken).to_bytes(4, "big") + broken[4:]
    assert replies(smsc().receive([frame], 1.0).replies) == [SubmitSmResp(sequence=4, status=0x01)]


def test_notices_without_an_answer_are_let_pass() -> None:
    got = esme().receive([encode(AlertNotification(sequence=1))], 1.0)
    assert (got.requests, got.replies) == ([], [])
    got = Session(Role.ESME, LIMITS, 0.0).receive([encode(Outbind(sequence=1))], 1.0)
    assert (got.requests, got.replies) == ([], [])


def test_answers_find_their_tags_in_any_order() -> None:
    session = esme()
    sent = replies([session.send_messages([(tag, SubmitSm()) for tag in "abc"], 1.0)])
    assert session.free == 0
    answers = [
        encode(SubmitSmResp("id3", sequence=sent[2].sequence)),
        encode(SubmitSmResp("", sequence=sent[0].sequence, status=0x58)),
        encode(GenericNack(sequence=sent[1].sequence, status=0x02)),
        encode(SubmitSmResp("stray", sequence=4711)),
    ]
    assert session.receive(answers, 2.0).answers == [
        ("c", 0, "id3"),
        ("a", 0x58, ""),
        ("b", 0x02, ""),
    ]
    assert session.free == 3


def test_the_window_is_a_wall() -> None:
    session = esme()
    with pytest.raises(SessionError, match="room for 3"):
        session.send_messages([(n, SubmitSm()) for n in range(4)], 0.0)
    assert esme("bound_rx").free == 0
    assert smsc("bound_tx").free == 0
    assert smsc("bound_rx").free == 3


def test_a_message_that_does_not_fit_sends_nothing_of_its_batch() -> None:
    session = esme()
    with pytest.raises(EncodeError) as caught:
        session.send_messages([("a", SubmitSm()), ("b", SubmitSm(source_addr="€"))], 0.0)
    assert caught.value.index == 1
    assert session.free == 3


def test_sequence_numbers_go_round_and_skip_those_in_use() -> None:
    session = esme()
    session._sequence = SEQUENCE_MAX - 1
    [sent] = replies([session.send_messages([("a", SubmitSm())], 0.0)])
    assert sent.sequence == SEQUENCE_MAX
    session._window[1] = ("used", 0.0)
    [sent] = replies([session.send_messages([("b", SubmitSm())], 0.0)])
    assert sent.sequence == 2
    assert session.next_sequence() == 3


def test_delivers_and_data_sm_get_their_own_answers() -> None:
    session = esme()
    got = session.receive([encode(DeliverSm(sequence=5)), encode(DataSm(sequence=6))], 1.0)
    assert session.inbound_unanswered == 2
    answers = replies([session.deliver_resps([pdu.sequence for pdu in got.requests], 0x64)])
    assert [(type(a), a.sequence, a.status) for a in answers] == [
        (DeliverSmResp, 5, 0x64),
        (DataSmResp, 6, 0x64),
    ]
    assert session.inbound_unanswered == 0


def test_no_answer_in_time() -> None:
    session = esme()
    session.send_messages([("old", SubmitSm())], 10.0)
    session.send_messages([("young", SubmitSm())], 20.0)
    session._heard_at = 65.0
    assert session.next_deadline() == 70.0
    assert session.on_tick(69.0).timed_out == []
    tick = session.on_tick(70.0)
    assert tick.timed_out == ["old"]
    assert replies([tick.data]) == [EnquireLink(sequence=4)]
    assert session.unanswered == 1
    assert session.close() == ["young"]


def test_an_idle_link_is_tested_and_closed_when_dead() -> None:
    session = esme()
    assert session.next_deadline() == 30.0
    [test] = replies([session.on_tick(30.0).data])
    assert isinstance(test, EnquireLink)
    assert session.next_deadline() == 90.0
    assert session.on_tick(60.0).data == b""
    assert "EnquireLink" in session.on_tick(90.0).close_reason


def test_a_peer_that_talks_but_does_not_answer_the_test_is_alive() -> None:
    session = esme()
    session.on_tick(30.0)
    session.receive([encode(DeliverSm(sequence=1))], 80.0)
    assert session.on_tick(90.0).close_reason == ""
    assert session.next_deadline() == 110.0


def test_an_answered_test_leaves_nothing_behind() -> None:
    session = esme()
    [test] = replies([session.on_tick(30.0).data])
    session.receive([encode(EnquireLinkResp(sequence=test.sequence))], 31.0)
    assert session.next_deadline() == 61.0


def test_binding_has_its_own_patience() -> None:
    waiting = Session(Role.ESME, LIMITS, 0.0)
    waiting.bind(BindTransceiver("me", "pw"), 0.0)
    assert "BindTransceiver" in waiting.on_tick(10.0).close_reason
    assert smsc("open").on_tick(10.0).close_reason == "no bind in time"
    assert smsc("open").on_tick(9.0).close_reason == ""


def test_inactivity() -> None:
    session = smsc(limits=Limits(inactivity_seconds=100, enquire_link_seconds=1_000))
    session.receive([encode(EnquireLink(sequence=1))], 50.0)
    assert session.next_deadline() == 100.0
    assert session.on_tick(100.0).close_reason == "no traffic"


def test_our_unbind() -> None:
    session = esme()
    [unbind] = replies([session.unbind(1.0)])
    assert session.free == 0
    got = session.receive([encode(UnbindResp(sequence=unbind.sequence))], 2.0)
    assert got.close_reason == "unbound"
    silent = esme()
    silent.unbind(1.0)
    assert silent.on_tick(1.0 + UNBIND_PATIENCE_SECONDS).close_reason


def test_the_peers_unbind_waits_for_what_it_sent_before() -> None:
    session = smsc()
    got = session.receive([encode(SubmitSm(sequence=8)), encode(Unbind(sequence=9))], 1.0)
    assert len(got.requests) == 1
    assert session.unbind_reply() == b""
    assert session.free == 0
    session.answered(1)
    assert replies([session.unbind_reply()]) == [UnbindResp(sequence=9)]
    assert session.state == State.UNBINDING


def test_the_peers_unbind_does_not_wait_for_ever() -> None:
    session = smsc()
    session.receive([encode(SubmitSm(sequence=8)), encode(Unbind(sequence=9))], 1.0)
    tick = session.on_tick(1.0 + UNBIND_PATIENCE_SECONDS)
    assert replies([tick.data]) == [UnbindResp(sequence=9)]
    assert tick.close_reason


def test_calls_in_the_wrong_state_are_refused() -> None:
    with pytest.raises(SessionError):
        smsc().bind(BindTransceiver(), 0.0)
    with pytest.raises(SessionError):
        Session(Role.ESME, LIMITS, 0.0).unbind(0.0)
    with pytest.raises(SessionError):
        Session(Role.ESME, LIMITS, 0.0).send_messages([("a", SubmitSm())], 0.0)
