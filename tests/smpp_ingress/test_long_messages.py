"""What is told of a long message whose parts did not come is told once."""

import asyncio

from tests.pipeline.world import data_plane_pool

from cpaas.kit.ids import new_id_bytes
from cpaas.smpp_ingress.long_messages import Key, LongMessage, LongMessages
from cpaas.smpp_ingress.types import NewReceipt

#: the first attempt to forget parts fails as by a deadlock; a sequence is not rolled back.
FAILS_ONCE = """
CREATE SEQUENCE forgotten;
GRANT USAGE ON SEQUENCE forgotten TO PUBLIC;
CREATE FUNCTION forgets() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('forgotten') = 1 THEN
        RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER forgets BEFORE DELETE ON smpp_part FOR EACH STATEMENT EXECUTE FUNCTION forgets()
"""


async def test_a_receipt_is_kept_once_when_its_parts_are_forgotten_at_the_second_try(
    dsn: str,
) -> None:
    async with data_plane_pool(dsn) as pool:
        await pool.execute(FAILS_ONCE)
        messages = LongMessages(pool, lost=lambda _: [])
        lost = LongMessage(Key("esme", "a", "b", 1, 2), 1, new_id_bytes(), 0.0)
        running = asyncio.create_task(messages.run())
        messages.forget(lost, [NewReceipt(1, "esme", "receipt", b"{}")])
        async with asyncio.timeout(20):
            await messages.drained()
        running.cancel()
        assert await pool.fetchval("SELECT last_value FROM forgotten") == 2
        assert await pool.fetchval("SELECT count(*) FROM smpp_receipt") == 1
