"""Client and server over loopback: windows, lost links, timeouts, reconnecting, TLS, draining."""

import asyncio
import contextlib
import ssl

import pytest
from tests.smpp.smpp_ends import Pair, messages, until

from cpaas.smpp.client import BACKOFF_SECONDS_MAX, exponential_backoff
from cpaas.smpp.codec import decode, encode
from cpaas.smpp.errors import SessionError
from cpaas.smpp.pdu import (
    BindTransmitter,
    DataSm,
    DeliverSm,
    GenericNack,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
)


async def test_submit_and_deliver(pair: Pair) -> None:
    await pair.serve()
    client, esme, smsc = await pair.bound(window=50)
    assert (client.state, client.bound, client.free) == ("bound", True, 50)
    client.submit(messages(50))
    await until(lambda: len(esme.answers) == 50)
    assert [tag for tag, _, _ in esme.answers] == list(range(50))
    assert esme.answers[0][1:] == (0, f"id{smsc.requests[0].sequence}")
    smsc.connection.deliver([("r1", DeliverSm(short_message=b"yo")), ("r2", DeliverSm())])
    await until(lambda: len(smsc.answers) == 2)
    assert smsc.answers == [("r1", 0, ""), ("r2", 0, "")]
    assert esme.delivered[0].short_message == b"yo"
    assert (smsc.connection.system_id, smsc.connection.bind_type) == ("me", "trx")
    assert smsc.connection.peer[0] == "127.0.0.1"


async def test_a_full_window_opens_again_and_answers_come_in_any_order(pair: Pair) -> None:
    pair.answering = False
    await pair.serve()
    client, esme, smsc = await pair.bound(window=4)
    client.submit(messages(4))
    assert client.free == 0
    with pytest.raises(SessionError):
        client.submit(messages(1))
    await until(lambda: len(smsc.requests) == 4)
    smsc.answer(smsc.requests[3:])
    smsc.answer(smsc.requests[:1])
    await until(lambda: len(esme.answers) == 2)
    assert [tag for tag, _, _ in esme.answers] == [3, 0]
    assert esme.rooms == 1
    assert client.free == 2


async def test_a_lost_link_reports_what_was_never_answered_and_comes_back(pair: Pair) -> None:
    pair.answering = False
    await pair.serve()
    client, esme, smsc = await pair.bound()
    client.submit(messages(3))
    await until(lambda: len(smsc.requests) == 3)
    smsc.answer(smsc.requests[1:2])
    await until(lambda: esme.answers)
    smsc.connection.abort("test")
    await until(lambda: esme.lost)
    assert esme.lost[0][0] == [0, 2]
    assert client.free == 0
    await until(lambda: esme.bound == 2)
    assert client.free == 100


async def test_an_answer_of_an_old_link_never_answers_the_new_one(pair: Pair) -> None:
    await pair.serve()
    client, esme, smsc = await pair.bound()
    esme.answer_deliveries = False
    smsc.connection.deliver([("first", DeliverSm())])
    await until(lambda: esme.delivered)
    old = client.link_number
    smsc.connection.abort("test")
    await until(lambda: esme.bound == 2)
    again = pair.handlers[-1]
    again.connection.deliver([("second", DeliverSm())])
    await until(lambda: len(esme.delivered) == 2)
    first, second = esme.delivered
    assert first.sequence == second.sequence, "numbers begin anew"
    client.deliver_resps([first.sequence], link_number=old)
    client.deliver_resps([second.sequence], 0x64, link_number=client.link_number)
    await until(lambda: again.answers)
    assert again.answers == [("second", 0x64, "")]


async def test_reconnecting_until_the_server_is_there(pair: Pair) -> None:
    port = await pair.serve()
    assert pair.server is not None
    await pair.server.stop()
    client, esme, _ = pair.connect()
    await until(lambda: "cannot connect" in client.last_error)
    assert esme.bound == 0
    pair.port = port
    await pair.serve()
    await until(lambda: esme.bound == 1)
    assert client.last_error == ""


async def test_a_wrong_password_is_reported_by_name(pair: Pair) -> None:
    await pair.serve()
    client, esme, _ = pair.connect(password="wrong")
    await until(lambda: esme.lost)
    assert "ESME_RINVPASWD" in esme.lost[0][1]
    assert "ESME_RINVPASWD" in client.last_error


async def test_a_bind_that_cannot_be_written_is_reported(pair: Pair) -> None:
    await pair.serve()
    client, esme, _ = pair.connect(password="longer than eight")
    await until(lambda: esme.lost)
    assert "password is longer" in client.last_error
    hopeless, _, _ = pair.connect(host="no..such..host")
    await until(lambda: "cannot connect" in hopeless.last_error)


async def test_no_answer_in_time(pair: Pair) -> None:
    pair.answering = False
    await pair.serve()
    client, esme, smsc = await pair.bound(window=2, response_timeout_seconds=0.1)
    client.submit(messages(2))
    await until(lambda: esme.timeouts == [0, 1])
    assert esme.rooms == 1
    smsc.answer(smsc.requests)
    client.submit(messages(1, start=7))
    await until(lambda: 7 in esme.timeouts)
    assert not esme.answers, "an answer that came too late is not reported twice"
    assert client.bound, "the SMSC still answers enquire_link, so the link stays"


async def test_a_silent_smsc_is_left(pair: Pair) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bind = decode(await reader.read(1_000))
        writer.write(bytes.fromhex("0000001180000009 00000000") + bind.sequence.to_bytes(4) + b"\0")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as listener:
        pair.port = listener.sockets[0].getsockname()[1]
        client, esme, _ = pair.connect(enquire_link_seconds=0.05, response_timeout_seconds=0.1)
        await until(lambda: esme.lost)
        assert "EnquireLink" in esme.lost[0][1]
        await client.stop(0)


async def test_stop_waits_for_answers_then_unbinds(pair: Pair) -> None:
    pair.answering = False
    await pair.serve()
    client, esme, smsc = await pair.bound()
    client.submit(messages(2))
    await until(lambda: len(smsc.requests) == 2)
    stopping = asyncio.create_task(client.stop(5))
    await until(lambda: client.state == "draining")
    assert client.free == 0
    smsc.answer(smsc.requests)
    await stopping
    assert len(esme.answers) == 2
    assert esme.lost == [([], "unbound")]
    assert smsc.lost == [([], "unbound by the peer")]
    assert client.state == "stopped"


async def test_stop_does_not_wait_for_ever(pair: Pair) -> None:
    pair.answering = False
    await pair.serve()
    client, esme, smsc = await pair.bound()
    client.submit(messages(1))
    await until(lambda: smsc.requests)
    smsc.connection.session.inbound_unanswered = 0
    await client.stop(0.05)
    assert esme.lost == [([0], "unbound")]


async def test_stopping_while_waiting_to_reconnect(pair: Pair) -> None:
    pair.port = 1
    client, _, task = pair.connect()
    await until(lambda: client.last_error)
    await client.stop(1)
    await task
    assert client.state == "stopped"


async def test_the_server_unbinds_its_clients_when_it_stops(pair: Pair) -> None:
    await pair.serve()
    client, esme, _ = await pair.bound()
    assert pair.server is not None
    await pair.server.stop()
    assert esme.lost[0] == ([], "unbound by the peer")
    assert not client.bound


async def test_tls(pair: Pair, tls_contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, trusting = tls_contexts
    await pair.serve(tls=server)
    client, esme, _ = await pair.bound(host="localhost", tls=trusting)
    client.submit(messages(5))
    await until(lambda: len(esme.answers) == 5)
    distrusting, _, _ = pair.connect(host="localhost", tls=ssl.create_default_context())
    await until(lambda: "certificate" in distrusting.last_error.lower())


async def test_a_transmitter_hears_nothing_and_a_receiver_says_nothing(pair: Pair) -> None:
    await pair.serve()
    tx, _, tx_smsc = await pair.bound(bind_type="tx")
    rx, esme, rx_smsc = await pair.bound(bind_type="rx")
    assert (tx.free, rx.free) == (100, 0)
    assert (tx_smsc.connection.free, rx_smsc.connection.free) == (0, 100)
    rx_smsc.connection.deliver([("r", DeliverSm())])
    await until(lambda: rx_smsc.answers)
    assert len(esme.delivered) == 1


async def test_a_server_that_is_owed_too_much_stops_reading(pair: Pair) -> None:
    pair.answering = False
    await pair.serve(inbound_max=10)
    client, esme, smsc = await pair.bound(window=1_000)
    client.submit(messages(10))
    await until(lambda: len(smsc.requests) == 10)
    client.submit(messages(10, start=10))
    await asyncio.sleep(0.05)
    assert len(smsc.requests) == 10
    smsc.answer(smsc.requests[:10])
    await until(lambda: len(smsc.requests) == 20)
    await until(lambda: len(esme.answers) == 10)


async def raw(port: int, *pdus: bytes) -> bytes:
    """Sends bytes and returns all that comes until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    for data in pdus:
        writer.write(data)
        with contextlib.suppress(TimeoutError):
            got += await asyncio.wait_for(reader.read(1_000), 0.2)
    writer.close()
    return got


async def test_the_servers_manners(pair: Pair) -> None:
    port = await pair.serve()
    assert decode(await raw(port, encode(SubmitSm(sequence=3)))) == SubmitSmResp(
        sequence=3, status=0x04
    )
    unknown = bytes.fromhex("00000010000009990000000000000007")
    assert decode(await raw(port, unknown)) == GenericNack(sequence=7, status=0x03)
    bad_length = bytes.fromhex("00ffffff000000040000000000000008")
    assert decode(await raw(port, bad_length)) == GenericNack(sequence=8, status=0x02)
    await until(lambda: len(pair.handlers[-1].lost) == 1)
    assert "not SMPP" in pair.handlers[-1].lost[0][1]
    bind = encode(BindTransmitter("me", "secret", sequence=1))
    twice = await raw(port, bind, encode(BindTransmitter("me", "secret", sequence=2)))
    assert decode(twice[-16:]).status == 0x05


async def test_other_requests_are_answered_with_whole_pdus(pair: Pair) -> None:
    pair.answering = False
    port = await pair.serve()
    bind = encode(BindTransmitter("me", "secret", sequence=1))
    asking = asyncio.create_task(raw(port, bind, encode(QuerySm("m", sequence=2))))
    await until(lambda: pair.handlers and pair.handlers[0].requests)
    assert pair.handlers[0].requests == [QuerySm("m", sequence=2)]
    pair.handlers[0].connection.respond([QuerySmResp("m", "", 2, 0, sequence=2)])
    assert decode((await asking)[-21:]) == QuerySmResp("m", "", 2, 0, sequence=2)


async def test_data_sm_reaches_the_client_as_a_delivery(pair: Pair) -> None:
    await pair.serve()
    _, esme, smsc = await pair.bound()
    pdu = DataSm("", 1, 1, "91", 0, 0, "me", 4, sequence=99, tlvs={0x0424: [b"id:1 stat:DELIVRD"]})
    smsc.connection.write(encode(pdu))
    await until(lambda: esme.delivered)
    assert esme.delivered[0].tlvs == pdu.tlvs
    assert esme.delivered[0].source_addr == "91"


async def test_too_many_connections_are_cut(pair: Pair) -> None:
    await pair.serve()
    assert pair.server is not None
    pair.server.limits = type(pair.server.limits)(connections_max=1)
    await pair.bound()
    second, esme, _ = pair.connect()
    await until(lambda: esme.lost)
    assert not second.bound
    assert len(pair.server.connections) == 1


def test_backoff_grows_to_half_a_minute() -> None:
    for failures in range(2_000):
        assert 1.0 <= exponential_backoff(failures) <= BACKOFF_SECONDS_MAX
    assert max(exponential_backoff(9) for _ in range(200)) > 10
