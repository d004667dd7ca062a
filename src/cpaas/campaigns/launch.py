"""Launches campaigns: rows become messages in batches, in the transaction that moves `next_row`.

So a row is launched once, whatever is killed when. One process launches at a time, elected by an
advisory lock; were it two, the second would find `next_row` moved and undo its batch.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from cpaas.broker.topology import submit_queue
from cpaas.campaigns import launch_queries, queries, row_queries, status_queries
from cpaas.campaigns.end import end_cancelled, end_launched
from cpaas.campaigns.judge import Judge
from cpaas.campaigns.launch_batch import Built, build, first, to_store
from cpaas.campaigns.pace import ahead, is_open, way_of, zone_of_window
from cpaas.campaigns.stage import author_of
from cpaas.campaigns.tally import read_estimate
from cpaas.campaigns.types import RECIPIENT, Campaign
from cpaas.db.trouble import is_passing
from cpaas.kit.bucket import Bucket
from cpaas.kit.log import get_logger
from cpaas.kit.money import show
from cpaas.messages.campaign_queries import CampaignCounts
from cpaas.messages.campaign_queries import count as count_campaign
from cpaas.pipeline.accept_within import UnpaidError, look_for_blocked, store_within
from cpaas.pipeline.admission import Admission
from cpaas.pipeline.drafts import Submission
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context
from cpaas.snapshot.types import Snapshot

BATCH_ROWS: Final = 1_000
#: batches of one campaign before the others have their turn.
TURN_BATCHES: Final = 8
REST_SECONDS: Final = 0.25
PAUSE_SECONDS: Final = 1.0
ELECTION_SECONDS: Final = 1.0
#: refusals that pass by themselves: the campaign waits and says why.
_PASSING: Final = frozenset({"busy", "daily_cap_reached", "unavailable"})
_CLOSED: Final = RefusedError("outside_hours", "It waits for its hours of sending.")
_log = get_logger(__name__)


class _MovedError(Exception):
    """The campaign was paused, cancelled or launched by another meanwhile."""


class Launcher:
    """Launches what is under way, for ever."""

    def __init__(
        self,
        pool: Any,
        admission: Admission,
        snapshot: Callable[[], Snapshot],
        instance_id: int,
        clock_us: Callable[[], int],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._pool = pool
        self._admission = admission
        self._snapshot = snapshot
        self._instance_id = instance_id
        self._clock_us = clock_us
        self._monotonic = monotonic
        self._batch_rows = batch_rows
        self._buckets: dict[int, Bucket] = {}
        self._zones: dict[int, list[str]] = {}
        #: of campaigns that are being cancelled, the last message that was taken back.
        self._taken_back: dict[int, bytes] = {}
        #: campaigns that a rate holds back.
        self._limited: set[int] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    if await launch_queries.elect(connection):
                        try:
                            await self._launch_on(connection)
                        finally:
                            await asyncio.shield(self._resign(connection))
            except Exception as error:  # noqa: BLE001 - it must never end; the log has it
                self._trouble(error, 0)
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(ELECTION_SECONDS)

    async def _resign(self, connection: Any) -> None:
        if not connection.is_closed():
            await launch_queries.resign(connection)

    async def _launch_on(self, elected: Any) -> None:
        # Asked of the connection that holds the lock: when it is gone, so is the election.
        while True:
            moved = False
            under_way = await launch_queries.under_way(elected)
            self._forget_all_but({campaign_id for _, campaign_id, _ in under_way})
            for account_id, campaign_id, _ in under_way:
                moved |= await self.turn(account_id, campaign_id)
            if not moved:
                await asyncio.sleep(REST_SECONDS)

    def _forget_all_but(self, under_way: set[int]) -> None:
        self._limited &= under_way
        kept: tuple[dict[int, Any], ...] = (self._buckets, self._zones, self._taken_back)
        for known in kept:
            for campaign_id in known.keys() - under_way:
                del known[campaign_id]

    async def turn(self, account_id: int, campaign_id: int) -> bool:
        """One campaign's turn; whether anything moved."""
        try:
            async with self._pool.acquire() as connection:
                campaign = await queries.find(connection, account_id, campaign_id)
            if campaign is None:
                return False
            if campaign.status == "QUEUED":
                return await self._begin(campaign)
            if campaign.status == "CANCELLED":
                return await self._take_back(campaign)
            if campaign.status != "PROCESSING":
                return False
            if campaign.next_row > campaign.last_row:
                async with self._pool.acquire() as connection:
                    await end_launched(connection, campaign)
                return False
            return await self._launch(campaign)
        except _MovedError:
            return True
        except Exception as error:  # noqa: BLE001 - one campaign must not stop the others
            self._trouble(error, campaign_id)
            return False

    async def _take_back(self, campaign: Campaign) -> bool:
        """Goes on behind the last one, and once more from the beginning when it is through."""
        after = self._taken_back.pop(campaign.id, None)
        async with self._pool.acquire() as connection:
            last = await end_cancelled(connection, self._context(), campaign, after=after)
        if last is not None:
            self._taken_back[campaign.id] = last
        return last is not None or after is not None

    def _context(self) -> Context:
        return Context(self._snapshot(), self._instance_id, self._clock_us())

    def _trouble(self, error: Exception, campaign_id: int) -> None:
        if is_passing(error):
            _log.warning("launch_waits_for_the_database", error=repr(error))
        else:
            _log.exception("launch_failed", campaign=campaign_id)

    async def _begin(self, campaign: Campaign) -> bool:
        send_at_us = campaign.pace.send_at_us
        if send_at_us is not None and send_at_us > self._clock_us():
            return False
        async with self._pool.acquire() as connection:
            await launch_queries.begin(connection, campaign)
        return True

    async def _launch(self, campaign: Campaign) -> bool:
        """Some batches; where nothing limits them, each is built while the last is committed."""
        storing: asyncio.Task[Campaign] | None = None
        after = campaign
        moved = False
        try:
            for _ in range(TURN_BATCHES):
                if storing is not None and campaign.id in self._limited:
                    campaign, storing = await storing, None
                    after = campaign
                built = await self._next(after)
                if storing is not None:
                    campaign, storing = await storing, None
                    if (campaign.next_row, campaign.zone_rows) != (after.next_row, after.zone_rows):
                        # The last batch was cut short, so this one begins at the wrong row.
                        return True
                if built is None:
                    return moved
                zone, batch = built
                after = self._behind(campaign, zone, batch)
                storing = asyncio.create_task(self._store(campaign, zone, batch))
                moved = True
                if batch.waits is not None:
                    await self._wait_for(campaign, batch.waits)
                    break
        finally:
            if storing is not None:
                await storing
        return moved

    def _behind(self, campaign: Campaign, zone: str, built: Built) -> Campaign:
        """The campaign as a batch leaves it."""
        end = campaign.last_row + 1
        after = built.last_row + 1 if built.rows else end
        if not zone:
            return msgspec.structs.replace(campaign, next_row=after)
        zones = {**campaign.zone_rows, zone: after}
        all_done = all(zones.get(one, 1) >= end for one in self._zones.get(campaign.id, []))
        next_row = end if all_done else campaign.next_row
        return msgspec.structs.replace(campaign, zone_rows=zones, next_row=next_row)

    async def _next(self, campaign: Campaign) -> tuple[str, Built] | None:
        """The next rows as messages; None when none may go now."""
        if campaign.next_row > campaign.last_row:
            return None
        snapshot, now_us = self._snapshot(), self._clock_us()
        zone = await self._open_zone(campaign, snapshot, now_us)
        if zone is None:
            await self._wait_for(campaign, _CLOSED)
            return None
        most = await self._allowed(campaign, snapshot, now_us)
        if most <= 0:
            return None
        try:
            judge = Judge(snapshot, author_of(campaign), campaign.content, campaign.names, now_us)
        except RefusedError as error:
            await self._pause(campaign, error.code, error.detail)
            return None
        since = campaign.zone_rows.get(zone, 1) if zone else campaign.next_row
        async with self._pool.acquire() as connection:
            rows = await row_queries.rows(
                connection, campaign.account_id, campaign.id, since=since,
                limit=min(most, self._batch_rows), round_=campaign.round, zone=zone or None,
            )  # fmt: skip
        built = build(judge, rows, now_us)
        if built.waits is not None and not built.rows:
            await self._wait_for(campaign, built.waits)
            return None
        return zone, built

    async def _open_zone(self, campaign: Campaign, snapshot: Snapshot, now_us: int) -> str | None:
        """The zone whose rows go next ("" = all together); None while all are closed."""
        window = campaign.pace.window
        if not window:
            return ""
        if window.zone != RECIPIENT:
            return "" if is_open(window, now_us, zone_of_window(snapshot, window)) else None
        zones = self._zones.get(campaign.id)
        if zones is None:
            async with self._pool.acquire() as connection:
                zones = await row_queries.zones(connection, campaign.account_id, campaign.id)
            self._zones[campaign.id] = zones
        left = [z for z in zones if campaign.zone_rows.get(z, 1) <= campaign.last_row]
        if not left:
            raise AssertionError("a campaign without zones is not at its end")
        return next((zone for zone in left if is_open(window, now_us, zone)), None)

    async def _allowed(self, campaign: Campaign, snapshot: Snapshot, now_us: int) -> int:
        account = snapshot.accounts.get(campaign.account_id)
        rates = [rate for rate in (campaign.pace.rate, account.tps if account else 0) if rate]
        most = self._batch_rows
        if rates:
            bucket = self._buckets.get(campaign.id)
            if bucket is None or bucket.rate != min(rates):
                bucket = self._buckets[campaign.id] = _Seconds(min(rates), self._monotonic())
            most = min(most, bucket.available(self._monotonic()))
        estimate = read_estimate(campaign.estimate)
        numbers = estimate.numbers if estimate else []
        way = way_of(snapshot, campaign, numbers, now_us)
        (self._limited.add if way.tps or rates else self._limited.discard)(campaign.id)
        if way.tps and most:
            queue = submit_queue(campaign.content.channel)
            async with self._pool.acquire() as connection:
                waiting = await launch_queries.waiting(
                    connection, campaign.account_id, queue, way.lanes
                )
            most = min(most, ahead(way.tps, waiting, estimate))
        return most

    async def _store(self, campaign: Campaign, zone: str, built: Built) -> Campaign:
        """Commit a batch; what the account cannot pay or may not send today stays."""
        wanted = to_store(built)
        if wanted is not None:
            try:
                self._admission.enter(wanted, self._snapshot())
            except RefusedError as error:
                if error.code == "daily_cap_reached" and len(built.rows) > 1:
                    return await self._store(campaign, zone, first(built, len(built.rows) // 2))
                await self._wait_for(campaign, error)
                raise _MovedError from None
            self._admission.taken(len(wanted.messages))
        outcome: RefusedError | None = RefusedError("unavailable", "not stored")
        try:
            await self._commit(campaign, zone, built, wanted)
            outcome = None
        except UnpaidError:
            built = await self._affordable(campaign, built)
        finally:
            if wanted is not None:
                self._admission.leave(wanted, outcome)
        if outcome is not None:
            if not built.rows:
                await self._pause_unpaid(campaign)
                raise _MovedError
            return await self._store(campaign, zone, built)
        bucket = self._buckets.get(campaign.id)
        if bucket is not None:
            bucket.take(len(built.messages), self._monotonic())
        async with self._pool.acquire() as connection:
            found = await queries.find(connection, campaign.account_id, campaign.id)
        if found is None or found.status != "PROCESSING":
            raise _MovedError
        return found

    async def _commit(
        self, campaign: Campaign, zone: str, built: Built, wanted: Submission | None
    ) -> None:
        snapshot, after = self._snapshot(), self._behind(campaign, zone, built)
        async with self._pool.acquire() as connection, connection.transaction():
            if wanted is not None:
                await look_for_blocked(connection, snapshot, [wanted])
            messages = built.messages
            if not await launch_queries.move(
                connection, campaign, next_row=after.next_row, zone_rows=after.zone_rows,
                launched=len(messages), refused=len(built.faults),
                charged_micro=wanted.cost_micro if wanted else 0,
                ids=(messages[0].id, messages[-1].id) if messages else None,
            ):  # fmt: skip
                raise _MovedError
            await row_queries.copy_faults(
                connection, campaign.account_id, campaign.id, built.faults
            )
            if wanted is None:
                return
            await launch_queries.keep_batch(
                connection, campaign, zone=zone, first_row=built.rows[0].number,
                last_row=built.last_row, rows=len(messages), first_id=messages[0].id,
            )  # fmt: skip
            await store_within(connection, snapshot, self._instance_id, self._clock_us(), [wanted])
            if wanted.blocked:
                blocked = sum(message.to in wanted.blocked for message in messages)
                key = (campaign.id, campaign.account_id)
                counts = {key: CampaignCounts(blocked=blocked)}
                await count_campaign(connection, self._instance_id, counts, {})

    async def _affordable(self, campaign: Campaign, built: Built) -> Built:
        """The first rows that the money covers."""
        async with self._pool.acquire() as connection:
            _, left = await status_queries.money(connection, campaign.account_id)
        prices = {message.id[12:]: message.price_micro for message in built.messages}
        rows = 0
        # One less than all: what is on the blacklist costs nothing, but all were too much.
        for row in built.rows[:-1]:
            left -= prices.get(row.number.to_bytes(4, "big"), 0)
            if left < 0:
                break
            rows += 1
        return first(built, rows)

    async def _pause_unpaid(self, campaign: Campaign) -> None:
        async with self._pool.acquire() as connection:
            balance, _ = await status_queries.money(connection, campaign.account_id)
        await self._pause(
            campaign, "insufficient_balance",
            f"The balance of {show(balance)} does not cover the next row; top up and resume.",
        )  # fmt: skip

    async def _pause(self, campaign: Campaign, code: str, reason: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await status_queries.pause(connection, campaign, code, reason)

    async def _wait_for(self, campaign: Campaign, error: RefusedError) -> None:
        if campaign.reason_code == error.code:
            return
        async with self._pool.acquire() as connection:
            await launch_queries.note_wait(connection, campaign, error.code, error.detail)


class _Seconds(Bucket):
    """A rate of which a whole second may go at once: the launcher looks in four times a second."""

    @property
    def _most(self) -> float:
        return max(1.0, self.rate)
