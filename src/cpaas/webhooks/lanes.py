"""Who may post now: each account's own line of jobs, and how many of them run at once.

An account runs no more posts than are free in all (so that a few slow customers can never take
everything), no more than its limit, and its limit shrinks while its receiver fails.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

from cpaas.webhooks.types import Job

POSTS_MAX: Final = 512
POSTS_PER_ACCOUNT_MAX: Final = 32
JOBS_MAX: Final = 4_000
JOBS_PER_ACCOUNT_MAX: Final = 256
#: so many failures in a row, and new events go to the record without an attempt of their own.
FAILING_AFTER: Final = 8
FORGET_US: Final = 600 * 1_000_000


class Lane:
    """One account's jobs and posts."""

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id
        self.jobs: deque[Job] = deque()
        self.running = 0
        self.limit = POSTS_PER_ACCOUNT_MAX
        self.failures = 0
        self.used_us = 0

    @property
    def failing(self) -> bool:
        """Whether the receiver has not taken anything for a while."""
        return self.failures >= FAILING_AFTER

    def succeeded(self, now_us: int) -> None:
        """The receiver took an event."""
        self.failures = 0
        self.limit = min(self.limit + 1, POSTS_PER_ACCOUNT_MAX)
        self.used_us = now_us

    def failed(self, now_us: int) -> None:
        """The receiver did not answer, or said that it cannot now."""
        self.failures += 1
        self.limit = max(1, self.limit // 2)
        self.used_us = now_us


class Lanes:
    """All accounts' lanes, bounded together."""

    def __init__(self, posts_max: int = POSTS_MAX, jobs_max: int = JOBS_MAX) -> None:
        self.pending = 0
        self.running = 0
        self._posts_max = posts_max
        self._jobs_max = jobs_max
        self._lanes: dict[int, Lane] = {}
        # Lanes with jobs, in the order in which they may start their next post.
        self._waiting: dict[int, Lane] = {}

    def lane(self, account_id: int) -> Lane:
        """The account's lane."""
        found = self._lanes.get(account_id)
        if found is None:
            found = self._lanes[account_id] = Lane(account_id)
        return found

    def add(self, job: Job) -> None:
        """Puts a job at the end of its account's lane."""
        lane = self.lane(job.account_id)
        lane.jobs.append(job)
        self.pending += 1
        self._waiting[lane.account_id] = lane

    @property
    def room(self) -> int:
        """How many more jobs there is room for."""
        return self._jobs_max - self.pending

    def full(self) -> list[int]:
        """Accounts that have jobs enough."""
        return [
            lane.account_id
            for lane in self._waiting.values()
            if len(lane.jobs) >= JOBS_PER_ACCOUNT_MAX
        ]

    def may_run(self, lane: Lane) -> bool:
        """Whether the account may have one more post under way."""
        return lane.running < min(lane.limit, self._posts_max - self.running)

    def may_go_on(self, lane: Lane) -> bool:
        """Whether a post that has just ended may be followed by the lane's next."""
        return lane.running <= min(lane.limit, self._posts_max - self.running + 1)

    def next_start(self) -> Lane | None:
        """A lane that may start one more post, each in turn; None when there is none."""
        found = next((lane for lane in self._waiting.values() if self.may_run(lane)), None)
        if found is not None:
            # To the end of the line, so that all start alike.
            del self._waiting[found.account_id]
            self._waiting[found.account_id] = found
        return found

    def take(self, lane: Lane) -> Job | None:
        """The lane's next job."""
        if not lane.jobs:
            return None
        job = lane.jobs.popleft()
        self._took(lane)
        return job

    def take_queued(self, lane: Lane) -> list[Job]:
        """The lane's jobs that came from the queue, taken out; those of the record stay."""
        queued = [job for job in lane.jobs if job.item]
        if queued:
            lane.jobs = deque(job for job in lane.jobs if not job.item)
            self.pending -= len(queued)
            if not lane.jobs:
                self._waiting.pop(lane.account_id, None)
        return queued

    def take_stale(self, now_us: int) -> Iterator[Job]:
        """Jobs that nobody came to in time, taken out."""
        for lane in list(self._waiting.values()):
            while lane.jobs and lane.jobs[0].stale_us <= now_us:
                job = lane.jobs.popleft()
                self._took(lane)
                yield job

    def take_all(self) -> Iterator[Job]:
        """Every job, taken out: the process stops."""
        return self.take_stale(2**62)

    def forget(self, now_us: int) -> None:
        """Drops lanes that are idle and have nothing worth remembering."""
        for lane in list(self._lanes.values()):
            idle = not lane.jobs and not lane.running
            if idle and (not lane.failures or now_us - lane.used_us > FORGET_US):
                del self._lanes[lane.account_id]

    def _took(self, lane: Lane) -> None:
        self.pending -= 1
        if not lane.jobs:
            self._waiting.pop(lane.account_id, None)
