"""Both doors push back at the same limit, while what waits is bounded; nobody loses anything."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.api.doors import LIVE, Client
from tests.pipeline.test_accept import held_wallets, waiting
from tests.smpp_ingress.door import Door, door, text, until

from cpaas.api.submit import Door as ApiDoor
from cpaas.kit.secrets import api_key_digest
from cpaas.pipeline import admission
from cpaas.smpp.status import CommandStatus as St

MAX = 20
SENT = 90


@asynccontextmanager
async def both(dsn: str) -> AsyncIterator[tuple[Door, Client]]:
    """The SMPP server and the REST door of one acceptor and one account."""
    async with door(dsn) as made:
        await made.pool.execute(
            "INSERT INTO api_key (account_id, kind, digest, prefix) VALUES ($1, 'live', $2, '')",
            made.account_id, api_key_digest(LIVE),
        )  # fmt: skip
        await until(lambda: made.world.holder.current.keys)
        api = ApiDoor(made.world.holder, made.world.acceptor, currency="INR", trusted=())
        yield made, Client(made.world, api, made.account_id)


async def test_a_database_that_stands_still_has_both_doors_push_back(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "WAITING_MESSAGES_MAX", MAX)
    async with both(dsn) as (made, api):
        limits = made.world.acceptor.admission
        client, esme = await made.bind()
        async with held_wallets(made.pool):
            client.submit([(0, text())])
            await waiting(made.pool)
            client.submit([(n, text()) for n in range(1, SENT)])
            # Refused at once, although not one of those before them is answered.
            await until(lambda: len(esme.answers) == SENT - 1 - MAX)
            assert limits.messages == MAX
            answers = await asyncio.gather(*(api.post() for _ in range(10)))
            told = {(one.status, one.code, one.headers["retry-after"]) for one in answers}
            assert told == {(503, "busy", "1")}
            assert limits.messages == MAX
        await until(lambda: len(esme.answers) == SENT)
        statuses = Counter(status for _, status, _ in esme.answers)
        assert statuses == {St.ESME_ROK: MAX + 1, St.ESME_RMSGQFUL: SENT - 1 - MAX}
        assert len(await made.rows()) == MAX + 1
        assert (limits.messages, limits.bytes) == (0, 0)
        # And what was refused may come again.
        assert (await api.post()).status == 202
        ((status, _),) = await made.send(client, esme, text())
        assert status == St.ESME_ROK


async def test_a_backlog_that_is_too_long_has_both_doors_push_back(dsn: str) -> None:
    async with both(dsn) as (made, api):
        limits = made.world.acceptor.admission
        client, esme = await made.bind()
        await made.send(client, esme, *(text() for _ in range(8)))
        # The real backlog, as the acceptor itself sees it once a second.
        await until(lambda: limits.queue_items >= 1)
        limits._queue_items_max = 1
        ((status, _),) = await made.send(client, esme, text())
        assert status == St.ESME_RMSGQFUL
        answer = await api.post()
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "busy", "10")
        assert len(await made.rows()) == 8
        await made.pool.execute("DELETE FROM queue_item")
        await until(lambda: not limits.queue_items)
        assert (await api.post()).status == 202
        ((status, _),) = await made.send(client, esme, text())
        assert status == St.ESME_ROK
