"""Every row is launched once and accounted for, whatever pauses, kills or impoverishes it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.campaigns.bureau import Bureau, bureau, table
from tests.pipeline.accepting import PRICE

from cpaas.api.campaign_views import view
from cpaas.broker.topology import FALLBACK
from cpaas.campaigns import control, launch_queries, queries, results, row_queries, status_queries
from cpaas.campaigns.launch import Launcher
from cpaas.campaigns.launch_batch import row_of
from cpaas.campaigns.results import Batches
from cpaas.campaigns.types import Campaign, Counts, Pace, Window
from cpaas.kit.clock import now_us
from cpaas.messages.statuses import Status
from cpaas.messages.types import Finish
from cpaas.pipeline.drafts import FallbackStep
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context, finish

DAY_US = 86_400_000_000
#: of today, UTC: there are partitions until tomorrow.
NOON_US = now_us() // DAY_US * DAY_US + DAY_US // 2


@pytest.fixture
async def here(dsn: str) -> AsyncIterator[Bureau]:
    async with bureau(dsn) as made:
        yield made


def launcher(here: Bureau, *, batch_rows: int = 100, clock: Any = now_us) -> Launcher:
    return Launcher(
        here.pool, here.desk.acceptor.admission, lambda: here.desk.holder.current, 7, clock,
        batch_rows=batch_rows,
    )  # fmt: skip


async def start(here: Bureau, campaign: Campaign) -> None:
    async with here.pool.acquire() as connection, connection.transaction():
        await control.start(connection, here.desk.holder.current, campaign, now_us())


async def act(here: Bureau, deed: Any, campaign: Campaign, **more: Any) -> Any:
    async with here.pool.acquire() as connection, connection.transaction():
        return await deed(connection, campaign, **more)


async def run(here: Bureau, campaign: Campaign, one: Launcher | None = None) -> Campaign:
    one = one or launcher(here)
    while await one.turn(here.account_id, campaign.id):
        pass
    return await here.find(campaign)


async def end(here: Bureau, status: Status, *, most: int = 100_000, code: str = "") -> int:
    """Messages that wait are submitted and come to an end."""
    rows = await here.pool.fetch(
        "SELECT id FROM message WHERE status IN ('QUEUED', 'SENDING') ORDER BY id LIMIT $1", most
    )
    context = Context(here.desk.holder.current, 9, now_us())
    at = now_us()
    async with here.pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "UPDATE message SET status = 'SENDING' WHERE id = ANY ($1::uuid[])",
            [row[0] for row in rows],
        )
        steps: tuple[Status, ...] = ("SUBMITTED", status)
        for kind in steps:
            wanted = [
                Finish(row[0], kind, at, error_code=code if kind != "SUBMITTED" else "")
                for row in rows
            ]
            await finish(connection, context, wanted)
    return len(rows)


async def counted(here: Bureau, campaign: Campaign) -> Counts:
    return (await queries.counts(here.pool, [campaign.id])).get(campaign.id, Counts())


async def reconciled(here: Bureau, campaign: Campaign, rows: int) -> None:
    """Rows = messages = debits, each row once, and the money adds up."""
    found = await here.pool.fetch(
        "SELECT id, recipient, price_micro FROM message WHERE campaign_id = $1", campaign.id
    )
    assert len(found) == rows
    assert len({row[1] for row in found}) == rows
    numbers = dict(await here.pool.fetch(
        "SELECT row_no, number FROM campaign_row WHERE campaign_id = $1", campaign.id
    ))  # fmt: skip
    assert all(numbers[row_of(row[0])] == row[1] for row in found)
    booked = await here.pool.fetch(
        "SELECT message_id, amount_micro FROM ledger_entry WHERE kind = 'DEBIT'"
    )
    assert {row[0]: -row[1] for row in booked} == {row[0]: row[2] for row in found if row[2]}
    await here.desk.balance(here.account_id)


async def test_a_campaign_goes_from_file_to_completed(here: Bureau) -> None:
    made = await here.ready(table(250) + b"\n12,x\n")
    await start(here, made)
    assert (await here.find(made)).status == "QUEUED"
    done = await run(here, made)
    assert (done.status, done.launched, done.next_row) == ("PROCESSING", 250, done.last_row + 1)
    assert done.charged_micro == 250 * PRICE
    await reconciled(here, made, 250)
    row = await here.pool.fetchrow("SELECT body, origin, campaign_id FROM message ORDER BY id")
    assert tuple(row) == ("Hello Person 0", "campaign", made.id)
    await end(here, "DELIVERED", most=200)
    await end(here, "FAILED", most=49, code="absent")
    assert (await run(here, made)).status == "PROCESSING"  # one is not final yet
    await end(here, "DELIVERED")
    assert (await run(here, made)).status == "COMPLETED"
    counts = await counted(here, made)
    assert (counts.submitted, counts.delivered, counts.failed) == (250, 201, 49)
    assert await queries.errors(here.pool, here.account_id, made.id) == [("absent", 49)]


async def test_nothing_sent_is_failed(here: Bureau) -> None:
    made = await here.ready(table(3))
    await start(here, made)
    await run(here, made)
    context = Context(here.desk.holder.current, 9, now_us())
    ids = [row[0] for row in await here.pool.fetch("SELECT id FROM message")]
    async with here.pool.acquire() as connection, connection.transaction():
        await finish(
            connection, context,
            [Finish(i, "REJECTED", now_us(), error_code="no_route", refund="always") for i in ids],
        )  # fmt: skip
    done = await run(here, made)
    assert (done.status, done.reason_code) == ("FAILED", "nothing_sent")
    assert (await counted(here, made)).refunded_micro == 3 * PRICE


async def test_rows_are_launched_once_whatever_is_killed(here: Bureau) -> None:
    made = await here.ready(table(2_000))
    await start(here, made)
    lives = 0
    while (await here.find(made)).next_row <= 2_001:
        lives += 1
        work = asyncio.create_task(run(here, made, launcher(here, batch_rows=10)))
        await asyncio.sleep(0.02 + 0.01 * (lives % 7))
        if not lives % 2:
            await here.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE '%unnest%'"
                " AND pid <> pg_backend_pid()"
            )
            await asyncio.sleep(0.05)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert lives > 2
    await reconciled(here, made, 2_000)
    assert (await here.find(made)).launched == 2_000


async def test_two_launchers_send_no_row_twice(here: Bureau) -> None:
    made = await here.ready(table(1_000))
    await start(here, made)
    await asyncio.gather(*(run(here, made, launcher(here, batch_rows=40)) for _ in range(3)))
    await run(here, made)
    await reconciled(here, made, 1_000)


async def test_a_pause_holds_at_the_next_commit_and_resumes_there(here: Bureau) -> None:
    made = await here.ready(table(2_000))
    await start(here, made)
    working = asyncio.create_task(run(here, made, launcher(here, batch_rows=50)))
    while not await here.pool.fetchval("SELECT count(*) FROM message"):
        await asyncio.sleep(0.005)
    await act(here, control.pause, made, by="ann")
    at_pause = await here.pool.fetchval("SELECT count(*) FROM message")
    paused = await working
    assert (paused.status, paused.reason) == ("PAUSED", "Paused by ann.")
    assert await here.pool.fetchval("SELECT count(*) FROM message") == at_pause < 2_000
    async with asyncio.timeout(60):
        while made.id not in here.desk.holder.current.halted:
            await asyncio.sleep(0.01)
    await act(here, control.resume, made)
    await run(here, made)
    await reconciled(here, made, 2_000)


async def test_what_the_operator_paused_the_operator_resumes(here: Bureau) -> None:
    made = await here.ready(table(3))
    await start(here, made)
    await act(here, control.pause, made, by="the operator", is_operator=True)
    assert (await here.find(made)).reason_code == "paused_by_operator"
    with pytest.raises(control.NotPossibleError, match="Your operator paused"):
        await act(here, control.resume, made)
    await act(here, control.resume, made, is_operator=True)
    assert (await here.find(made)).status == "QUEUED"


async def test_without_money_it_pauses_at_the_row_and_goes_on_there(here: Bureau) -> None:
    made = await here.ready(table(250))
    await start(here, made)
    await here.pool.execute(
        "WITH l AS (INSERT INTO ledger_entry (account_id, kind, amount_micro)"
        " SELECT $1, 'ADJUST', $2 - balance_micro FROM wallet WHERE account_id = $1)"
        " UPDATE wallet SET balance_micro = $2 WHERE account_id = $1",
        here.account_id, 130 * PRICE + 1,
    )  # fmt: skip
    paused = await run(here, made)
    assert (paused.status, paused.reason_code) == ("PAUSED", "insufficient_balance")
    assert paused.launched == 130
    await reconciled(here, made, 130)
    await here.pool.execute(
        "WITH l AS (INSERT INTO ledger_entry (account_id, kind, amount_micro)"
        " VALUES ($1, 'CREDIT', $2)) UPDATE wallet SET balance_micro = balance_micro + $2"
        " WHERE account_id = $1",
        here.account_id, 1_000 * PRICE,
    )  # fmt: skip
    await act(here, control.resume, made)
    await run(here, made)
    await reconciled(here, made, 250)


async def test_it_does_not_start_without_its_whole_price(here: Bureau) -> None:
    made = await here.ready(table(10), text="x" * 1_000)
    await here.pool.execute(
        "UPDATE wallet SET balance_micro = $2 WHERE account_id = $1", here.account_id, 69 * PRICE
    )
    with pytest.raises(RefusedError) as caught:
        await start(here, made)
    assert caught.value.code == "insufficient_balance"
    assert (await here.find(made)).status == "CREATED"


async def test_cancelling_takes_back_what_no_carrier_has(here: Bureau) -> None:
    made = await here.ready(table(700))
    await start(here, made)
    await run(here, made)
    await end(here, "DELIVERED", most=60)
    await act(here, control.cancel, made)
    assert made.id in {
        row[0] for row in await here.pool.fetch("SELECT campaign_id FROM campaign_halt")
    }
    done = await run(here, made)
    assert done.status == "CANCELLED"
    assert done.finished_us is not None
    counts = await counted(here, made)
    assert (counts.delivered, counts.cancelled) == (60, 640)
    assert counts.refunded_micro == 640 * PRICE
    assert await here.desk.balance(here.account_id) == 1_000_000_000 - 60 * PRICE
    assert not await here.pool.fetchval("SELECT count(*) FROM campaign_halt")


async def test_rows_behind_a_cancel_are_not_sent(here: Bureau) -> None:
    made = await here.ready(table(30) + b"\n12,Bob")
    await start(here, made)
    one = launcher(here, batch_rows=1)
    await one.turn(here.account_id, made.id)  # begins
    await one.turn(here.account_id, made.id)  # some rows
    await act(here, control.cancel, made)
    done = await run(here, made)
    assert 0 < done.launched < 30
    async with here.pool.acquire() as connection:
        batches = Batches(await launch_queries.batches(connection, here.account_id, made.id))
        page = await results.page(connection, done, batches, since=1, limit=99)
    found = Counter((one.status, one.error_code) for one in page)
    assert found == {
        ("CANCELLED", "cancelled"): done.launched,
        ("NOT_SENT", "cancelled"): 30 - done.launched,
        ("NOT_SENT", "invalid_number"): 1,
    }
    assert results.lines(page, done, "failed").count(b"\n") == 1
    shown = view(done, await counted(here, done), "INR")
    assert (shown.pending, shown.percent) == (0, 100)


async def test_retry_sends_only_what_failed(here: Bureau) -> None:
    made = await here.ready(table(300))
    await start(here, made)
    await run(here, made)
    await end(here, "DELIVERED", most=200)
    await end(here, "FAILED", code="absent")
    assert (await run(here, made)).status == "COMPLETED"
    assert await act(here, control.retry, made) == 100
    assert (await counted(here, made)).failed == 0
    again = await run(here, made)
    assert (again.launched, again.retried, again.round) == (300, 100, 1)
    assert await here.pool.fetchval("SELECT count(*) FROM message") == 400
    assert await end(here, "DELIVERED", most=90) == 90
    await end(here, "EXPIRED", code="no_receipt")
    done = await run(here, made)
    assert done.status == "COMPLETED"
    counts = await counted(here, made)
    assert (counts.submitted, counts.delivered, counts.failed, counts.expired) == (300, 290, 0, 10)
    assert await queries.errors(here.pool, here.account_id, made.id) == [("no_receipt", 10)]
    assert await act(here, control.retry, made) == 10
    again = await run(here, made)
    last = await row_queries.rows(here.pool, here.account_id, made.id, since=1, limit=99, round_=2)
    assert [row.number for row in last] == list(range(292, 302))
    with pytest.raises(control.NotPossibleError):
        await act(here, control.retry, made)


async def test_rows_refused_at_the_launch_have_a_reason(here: Bureau) -> None:
    made = await here.ready(table(10) + b"\n+4915112345678,Eve")
    await start(here, made)
    await here.pool.execute("UPDATE account SET countries = '{IN}' WHERE id = $1", here.account_id)
    async with asyncio.timeout(60):
        while not here.desk.holder.current.accounts[here.account_id].countries:
            await asyncio.sleep(0.01)
    done = await run(here, made)
    assert (done.launched, done.refused_rows) == (10, 1)
    faults = await row_queries.faults(here.pool, here.account_id, made.id, after=(0, 0), limit=9)
    assert [(one.row, one.code, one.stage) for _, one in faults] == [
        (12, "country_not_allowed", "launch")
    ]


async def test_blocked_numbers_are_counted_and_cost_nothing(here: Bureau) -> None:
    made = await here.ready(table(20))
    await here.pool.execute(
        "INSERT INTO blacklist_entry (account_id, number) VALUES (0, '+919800000003')"
    )
    await start(here, made)
    done = await run(here, made)
    assert done.charged_micro == 19 * PRICE
    assert (await counted(here, made)).blocked == 1


async def test_a_schedule_and_a_window_hold_it_back(here: Bureau) -> None:
    at = NOON_US
    made = await here.ready(
        table(5) + b"\n+4915112345678,Eve",
        pace=Pace(
            send_at_us=NOON_US + 60_000_000, window=Window((), ("09:00-18:00",), "recipient")
        ),
    )
    await start(here, made)
    one = launcher(here, clock=lambda: at)
    assert (await run(here, made, one)).status == "QUEUED"
    at += 120_000_000
    # 12:02 in London is 17:32 in Kolkata and 13:02 in Berlin.
    assert (await run(here, made, one)).launched == 6
    other = await here.ready(
        table(5) + b"\n+4915112345678,Eve",
        pace=Pace(window=Window((), ("09:00-18:00",), "recipient")),
    )
    await start(here, other)
    at += 3600_000_000  # 18:32 in Kolkata
    assert (await run(here, other, one)).launched == 1
    assert (await run(here, other, one)).reason_code == "outside_hours"
    at += 16 * 3600_000_000  # 10:32 in Kolkata, 06:02 in Berlin
    done = await run(here, other, one)
    assert (done.launched, done.next_row, done.reason_code) == (6, done.last_row + 1, "")


async def test_routes_are_given_half_a_minute_ahead(here: Bureau) -> None:
    await here.pool.execute(
        "WITH r AS (INSERT INTO route (name, channel, dialect, tps)"
        " VALUES ('slow', 'sms', 'smpp', 5) RETURNING id)"
        " INSERT INTO routing_rule (channel, route_id, priority) SELECT 'sms', id, 1 FROM r"
    )
    async with asyncio.timeout(60):
        while not here.desk.holder.current.rules:
            await asyncio.sleep(0.01)
    made = await here.ready(table(400))
    await start(here, made)
    assert (await run(here, made)).launched == 150
    # What waits apart for the full route counts, what is put off does not.
    full, later = 3 * (1 + 2 * await here.pool.fetchval("SELECT id FROM route")) + 1, "1 hour"
    await here.pool.execute("UPDATE queue_item SET lane = $1", full)
    assert (await run(here, made)).launched == 150
    await here.pool.execute(f"UPDATE queue_item SET available_at = now() + interval '{later}'")
    assert (await run(here, made)).launched == 300
    await here.pool.execute("DELETE FROM queue_item")
    assert (await run(here, made)).launched == 400


async def test_a_rate_of_its_own(here: Bureau) -> None:
    made = await here.ready(table(100), pace=Pace(rate=10))
    await start(here, made)
    assert (await run(here, made)).launched < 40


async def test_completed_waits_for_the_fallback(here: Bureau) -> None:
    made = await here.ready(table(2), fallback=(FallbackStep("sms", "again"),))
    await start(here, made)
    await run(here, made)
    await end(here, "FAILED", code="absent")
    assert (await run(here, made)).status == "PROCESSING"
    assert await launch_queries.has_due_steps(here.pool, here.account_id, 1)


async def test_timers_of_a_fallback_keep_nothing_open(here: Bureau) -> None:
    made = await here.ready(table(2), fallback=(FallbackStep("sms", "again", "", 3600),))
    await start(here, made)
    await run(here, made)
    await end(here, "DELIVERED")
    assert await here.pool.fetchval("SELECT count(*) FROM queue_item WHERE queue = $1", FALLBACK)
    assert (await run(here, made)).status == "COMPLETED"


async def test_another_account_reaches_nothing(here: Bureau) -> None:
    made = await here.ready(table(2))
    assert await queries.find(here.pool, here.account_id + 1, made.id) is None
    assert not await row_queries.rows(here.pool, here.account_id + 1, made.id, since=1, limit=5)


async def test_a_restore_pauses_what_was_under_way(here: Bureau) -> None:
    running, waiting = await here.ready(table(5)), await here.ready(table(5))
    await start(here, running)
    await run(here, running)
    assert await status_queries.pause_all(here.pool, "restored", "Paused by a restore.") == 1
    found = await here.find(running)
    assert (found.status, found.reason_code) == ("PAUSED", "restored")
    assert (await here.find(waiting)).status == "CREATED"
    assert await here.pool.fetchval("SELECT campaign_id FROM campaign_halt") == running.id
