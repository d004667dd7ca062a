"""Messages through real sockets to a simulated SMSC and back, by a real database."""

import pytest
from tests.gateway.harness import Gateway, gateway_world, routed_to, smsc, until

from cpaas.simulators.smsc import IdStyle


async def test_accepted_messages_are_sent_and_delivered(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(120, each=4)
        await world.settled(DELIVERED=120)
        row = await world.pool.fetchrow("SELECT * FROM message LIMIT 1")
        assert (row["route_id"], row["rule_id"]) == (1, 101)
        assert "rule 101" in row["decision"]
        assert row["routed_at"] <= row["claimed_at"] <= row["submitted_at"]
        assert row["provider_message_id"]
        assert len(carrier.messages(1000)) == 120
        assert await world.pool.fetchval("SELECT count(*) FROM queue_item WHERE queue <> $1",
                                         "cpaas.webhook") == 0  # fmt: skip
        await world.money_adds_up()


@pytest.mark.parametrize("style", [IdStyle.RESP_HEX_DLR_DEC, IdStyle.RESP_DEC_DLR_HEX])
async def test_ids_that_are_written_differently_meet(dsn: str, style: IdStyle) -> None:
    mode = {IdStyle.RESP_HEX_DLR_DEC: "hex_to_dec", IdStyle.RESP_DEC_DLR_HEX: "dec_to_hex"}[style]
    async with smsc(id_style=style) as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, message_id_mode=mode))
        await world.send(20)
        await world.settled(DELIVERED=20)


async def test_carriers_answers_end_a_message_as_the_catalogue_says(dsn: str) -> None:
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(to="999000000003")
        await world.send(to="999000000002")
        await world.settled(REJECTED=1, FAILED=1)
        rows = await world.pool.fetch("SELECT error_code, error FROM message ORDER BY status")
        assert [row["error_code"] for row in rows] == ["001", "invalid_destination"]
        await world.money_adds_up()


async def test_long_messages_keep_their_parts_together(dsn: str) -> None:
    text = "A long text of several parts. " * 12
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, window_size=4))
        await world.send(10, text=text, segments=3)
        await world.settled(DELIVERED=10)
        taken = carrier.messages(100)
        assert [one.text for one in taken] == [text] * 10
        assert all(one.complete for one in taken)
        assert await world.pool.fetchval("SELECT count(*) FROM message_part") == 30


async def test_more_parts_than_the_window(dsn: str) -> None:
    text = "A long text of several parts. " * 12
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, window_size=1))
        await world.send(2, text=text, segments=3)
        await world.settled(DELIVERED=2)
        assert [one.text for one in carrier.messages(100)] == [text] * 2


async def test_expired_messages_are_not_sent(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(valid_until_us=world.now_us - 1)
        await world.send()
        await world.settled(EXPIRED=1, DELIVERED=1)
        assert carrier.stats.submits == 1
        await world.money_adds_up()


async def test_cancelled_messages_are_not_claimed(dsn: str) -> None:
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(status="CANCELLED")
        await world.send()
        await world.settled(CANCELLED=1, DELIVERED=1)
        assert carrier.stats.submits == 1


async def test_a_message_that_cannot_be_written_is_rejected(dsn: str) -> None:
    async with smsc() as (_, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await world.send(sender="Überlänge")
        await world.send(2)
        await world.settled(REJECTED=1, DELIVERED=2)
        code = await world.pool.fetchval("SELECT error_code FROM message WHERE status = 'REJECTED'")
        assert code == "not_encodable"
        await world.money_adds_up()


async def inbound(world: Gateway) -> list[str]:
    rows = await world.pool.fetch("SELECT body FROM inbound_message ORDER BY id")
    return [row["body"] for row in rows]


async def test_replies_are_kept_whole(dsn: str) -> None:
    long = "A reply that needs more than one part. " * 8
    async with smsc() as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port))
        await until(lambda: bound(world))
        carrier.inject(source="919876543210", destination="56161", text="STOP", system_id="esme1")
        carrier.inject(source="919876543210", destination="56161", text=long, system_id="esme1")

        async def there() -> bool:
            return len(await inbound(world)) == 2

        await until(there)
        assert sorted(await inbound(world)) == sorted(["STOP", long])


async def bound(world: Gateway) -> bool:
    states = world.host.states
    return bool(states) and all(one.state == "up" for one in states)


async def test_every_bind_of_a_route_carries_its_share(dsn: str) -> None:
    async with smsc(answer_delay_seconds=0.05) as (carrier, port), gateway_world(dsn) as world:
        world.configure(routed_to(port, binds=3, window_size=10))
        await until(lambda: bound(world))
        await world.send(90, each=30)
        await world.settled(DELIVERED=90)
        (state,) = world.host.states
        assert (state.binds_up, state.binds_wanted) == (3, 3)
        assert len(carrier.bindings) == 3
