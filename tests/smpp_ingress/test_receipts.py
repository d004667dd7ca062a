"""Receipts and replies: durable, in order, to any receiver, gone only when answered."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.smpp_ingress.door import NUMBER, Door, door, receipts, serving, text, until
from tests.smpp_ingress.raw import Raw

from cpaas.broker import embedded
from cpaas.messages.smpp_wish import read_wish, smpp_wants, wish_url
from cpaas.smpp.codec import encode
from cpaas.smpp.parts import read_part
from cpaas.smpp.pdu import BindReceiver, DeliverSm, DeliverSmResp
from cpaas.smpp.receipt import MessageState
from cpaas.smpp.status import CommandStatus as St
from cpaas.smpp_ingress import receipts as receipts_made
from cpaas.webhooks.events import RECEIVED, account_event, event_items, for_binds, uuid_text


@pytest.fixture
async def made(dsn: str) -> AsyncIterator[Door]:
    async with door(dsn) as one:
        yield one


async def forgotten(made: Door) -> None:
    """Every receipt was answered and is gone."""
    async with asyncio.timeout(60):
        while await made.pool.fetchval("SELECT count(*) FROM smpp_receipt"):
            await asyncio.sleep(0.01)


async def test_every_outcome_has_its_receipt(made: Door) -> None:
    client, esme = await made.bind()
    statuses = ["DELIVERED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED"]
    await made.send(client, esme, *[text() for _ in statuses])
    rows = await made.rows()
    for row, status in zip(rows, statuses, strict=True):
        if status == "CANCELLED":
            await made.pool.execute("UPDATE message SET status = 'QUEUED' WHERE id = $1", row["id"])
            await made.pool.execute("UPDATE message SET status = 'SCHEDULED' WHERE id = $1",
                                    row["id"])  # fmt: skip
        await made.end(row["id"], status, error_code="633" if status == "REJECTED" else "")
    await until(lambda: len(receipts(esme)) == len(statuses))
    told = {receipt.message_id: receipt for receipt in receipts(esme)}
    states = [told[uuid_text(row["id"])].state.name for row in rows]
    assert states == ["DELIVRD", "UNDELIV", "REJECTD", "EXPIRED", "DELETED"]
    assert told[uuid_text(rows[2]["id"])].err == "633"
    pdu = esme.delivered[0]
    assert (pdu.source_addr, pdu.destination_addr, pdu.dest_addr_ton) == (NUMBER, "MYBRAND", 5)
    await forgotten(made)


async def test_registered_delivery_is_obeyed(made: Door) -> None:
    client, esme = await made.bind()
    await made.send(client, esme, *[text(registered_delivery=n) for n in (0, 1, 2, 3, 2)])
    rows = await made.rows()
    for row in rows[:4]:
        await made.end(row["id"], "DELIVERED")
    await made.end(rows[4]["id"], "FAILED")
    await until(lambda: len(receipts(esme)) == 3)
    assert {r.message_id for r in receipts(esme)} == {uuid_text(rows[n]["id"]) for n in (1, 3, 4)}


async def test_an_intermediate_receipt_tells_that_a_carrier_has_it(made: Door) -> None:
    client, esme = await made.bind()
    await made.send(client, esme, *[text(registered_delivery=n) for n in (0x11, 0x10, 0x12, 1)])
    rows = await made.rows()
    for status in ("SUBMITTED", "DELIVERED"):
        for row in rows:
            await made.end(row["id"], status, provider_message_id=f"c{row['id']}")
    await until(lambda: len(receipts(esme)) == 5)
    told = [
        (receipt.message_id, receipt.state.name, receipt.intermediate) for receipt in receipts(esme)
    ]
    ids = [uuid_text(row["id"]) for row in rows]
    assert told == [
        *((id_, "ENROUTE", True) for id_ in ids[:3]),
        (ids[0], "DELIVRD", False), (ids[3], "DELIVRD", False),
    ]  # fmt: skip
    assert esme.delivered[0].esm_class == 0x20


async def test_a_blocked_number_looks_accepted_and_is_told(made: Door) -> None:
    await made.pool.execute("INSERT INTO blacklist_entry (number) VALUES ($1)", f"+{NUMBER}")
    client, esme = await made.bind()
    ((status, shown),) = await made.send(client, esme, text())
    assert (status, bool(shown)) == (0, True)
    await until(lambda: receipts(esme))
    (receipt,) = receipts(esme)
    assert (receipt.state, receipt.err, receipt.message_id) == (MessageState.REJECTD, "901", shown)


async def test_receipts_wait_for_a_customer_who_is_away_and_come_in_order(made: Door) -> None:
    client, esme = await made.bind(bind_type="tx")
    await made.send(client, esme, *[text(str(n)) for n in range(90)])
    rows = await made.rows()
    for row in rows:
        await made.end(row["id"], "DELIVERED")
    async with asyncio.timeout(60):
        while await made.pool.fetchval("SELECT count(*) FROM smpp_receipt") < 90:
            await asyncio.sleep(0.01)
    # Somebody takes some and leaves without an answer: they come again, to the next one.
    mute = await Raw.connect(made.port)
    await mute.bind(kind=BindReceiver)
    first = await mute.read()
    assert isinstance(first, DeliverSm)
    await mute.close()
    _, receiver = await made.bind(bind_type="rx")
    await until(lambda: len(receipts(receiver)) >= 90)
    order = [receipt.message_id for receipt in receipts(receiver)]
    assert order == [uuid_text(row["id"]) for row in rows]
    await forgotten(made)


async def test_a_hasty_customer_gets_more_than_fits_into_memory_in_order(
    made: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpaas.smpp_ingress.notify.HELD_MAX", 20)
    monkeypatch.setattr("cpaas.smpp_ingress.notify.REFILL_AT", 10)
    body = receipts_made.encode(
        receipts_made.Told(
            "2026-11-27T04:00:00Z", receipts_made.Data("", "+919876543210", "MYBRAND", "DELIVERED")
        )
    )
    await made.pool.execute(
        """INSERT INTO smpp_receipt (account_id, system_id, kind, body)
           SELECT $1, 'acme', 'receipt', convert_to(jsonb_set(convert_from($2, 'UTF8')::jsonb,
             '{data,id}', to_jsonb('m' || n))::text, 'UTF8')
           FROM generate_series(1, 100) n ORDER BY n""",
        made.account_id, body,
    )  # fmt: skip
    # Binds, takes the first and is gone, again and again, while others are still being given back.
    for _ in range(5):
        mute = await Raw.connect(made.port)
        await mute.bind(kind=BindReceiver)
        assert isinstance(await mute.read(), DeliverSm)
        await mute.close()
    _, receiver = await made.bind(bind_type="rx")
    await until(lambda: len(receipts(receiver)) >= 100)
    assert [receipt.message_id for receipt in receipts(receiver)] == [
        f"m{n}" for n in range(1, 101)
    ]
    await forgotten(made)


async def test_a_restart_loses_no_receipt(made: Door) -> None:
    client, esme = await made.bind(bind_type="tx")
    await made.send(client, esme, text(), text())
    for row in await made.rows():
        await made.end(row["id"], "DELIVERED")
    async with asyncio.timeout(60):
        while await made.pool.fetchval("SELECT count(*) FROM smpp_receipt") < 2:
            await asyncio.sleep(0.01)
    async with serving(made.world, 11) as (_, port):
        other, receiver = made.connect(port=port, bind_type="rx")
        await until(lambda: len(receipts(receiver)) == 2)
        assert other.bound


async def test_later_please_is_obeyed_and_a_refusal_ends_it(
    made: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpaas.smpp_ingress.notify.RETRY_SECONDS", 0.05)
    raw = await Raw.connect(made.port)
    await raw.bind()
    await raw.ask(text())
    (row,) = await made.rows()
    await made.end(row["id"], "DELIVERED")
    first = await raw.read()
    assert first is not None
    raw.write(encode(DeliverSmResp(sequence=first.sequence, status=St.ESME_RX_T_APPN)))
    again = await raw.read()
    assert isinstance(again, DeliverSm)
    raw.write(encode(DeliverSmResp(sequence=again.sequence, status=St.ESME_RX_P_APPN)))
    await forgotten(made)
    await raw.close()


async def test_two_receivers_share_and_nothing_comes_twice(made: Door) -> None:
    client, esme = await made.bind()
    _, other = await made.bind(bind_type="rx")
    await made.send(client, esme, *[text() for _ in range(60)])
    for row in await made.rows():
        await made.end(row["id"], "DELIVERED")
    await until(lambda: len(receipts(esme)) + len(receipts(other)) >= 60)
    ids = [receipt.message_id for receipt in (*receipts(esme), *receipts(other))]
    assert len(set(ids)) == len(ids) == 60
    assert receipts(other)


async def test_replies_come_whole_from_the_first_receiver_bind_on(made: Door) -> None:
    snapshot = made.world.holder.current
    data: dict[str, object] = {"from": "+919876543210", "to": "56789", "text": "STOP", "id": "x"}
    event = account_event(RECEIVED, data, 1_790_000_000_000_000)
    assert for_binds(snapshot, made.account_id, event) == [], "nobody takes replies by SMPP yet"
    _, esme = await made.bind(bind_type="rx")
    await until(lambda: made.account_id in made.world.holder.current.smpp_receivers)
    snapshot = made.world.holder.current
    for body in ("STOP", "नमस्ते " * 50):
        event = account_event(RECEIVED, data | {"text": body}, 1_790_000_000_000_000)
        async with made.pool.acquire() as connection, connection.transaction():
            copies = for_binds(snapshot, made.account_id, event)
            await embedded.publish(connection, event_items(made.account_id, copies))
    await until(lambda: len(esme.delivered) == 2)
    texts = [read_part(pdu).text() for pdu in esme.delivered]
    assert texts == ["STOP", "नमस्ते " * 50]
    assert (esme.delivered[0].source_addr, esme.delivered[0].destination_addr) == (NUMBER, "56789")
    assert await made.pool.fetchval("SELECT count(*) FROM audit_log WHERE actor='system:smpp'") == 1


def test_the_wish_is_read_as_it_was_written() -> None:
    wish = read_wish(wish_url(2, "a:b", "id"))
    assert (wish.registered, wish.message_id, wish.system_id) == (2, "id", "a:b")
    assert wish_url(0, "acme") == ""
    assert not smpp_wants(wish_url(1, "acme"), "message.read")
    assert not smpp_wants(wish_url(1, "acme"), "message.submitted")
