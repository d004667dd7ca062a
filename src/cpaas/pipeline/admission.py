"""Decides whether a submission may gather for a commit, before anything grows without bound.

Whoever is refused here has lost nothing: the refusal says why and when to come again.
"""

from collections.abc import Callable
from typing import Final

from cpaas.pipeline.daily_cap import DailyCaps
from cpaas.pipeline.drafts import Outcome, Submission
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot

WAITING_MESSAGES_MAX: Final = 20_000
#: bodies and answers of requests that wait for their commit.
WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
#: items of all queues beyond which nothing more is accepted: a backlog of a million single
#: messages fits also while the statistics, which tell their number, are behind.
QUEUE_ITEMS_MAX: Final = 3_000_000
DEFAULT_ZONE: Final = "UTC"


class Admission:
    """What waits, in messages and bytes; the keys in progress; and the days' counts."""

    def __init__(
        self,
        instance_id: int,
        clock_us: Callable[[], int],
        *,
        queue_items_max: int = QUEUE_ITEMS_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        self.caps = DailyCaps(instance_id)
        self.queue_items = 0
        self.messages = 0
        self.bytes = 0
        self._clock_us = clock_us
        self._queue_items_max = queue_items_max
        self._waiting_bytes_max = waiting_bytes_max
        self._keys: set[tuple[int, str]] = set()

    def enter(self, submission: Submission, snapshot: Snapshot) -> None:
        """Let a submission in. Errors: RefusedError, and nothing is changed."""
        if self.messages >= WAITING_MESSAGES_MAX or self.bytes >= self._waiting_bytes_max:
            raise RefusedError("busy", "Too many messages wait to be stored.", retry_after=1)
        if self.queue_items >= self._queue_items_max:
            raise RefusedError("busy", "Too many messages wait to be sent.", retry_after=10)
        author, count = submission.author, len(submission.messages)
        key = None
        if submission.idempotency is not None:
            key = (author.account_id, submission.idempotency.key)
            if key in self._keys:
                raise RefusedError(
                    "idempotency_in_progress",
                    "The first request with this Idempotency-Key is still running.",
                    retry_after=1,
                )
        account = None if author.is_test else snapshot.accounts.get(author.account_id)
        if account is not None:
            zone = str(snapshot.settings.get("timezone", DEFAULT_ZONE))
            self.caps.take(account, count, self._clock_us(), zone)
        if key is not None:
            self._keys.add(key)
        self.messages += count
        self.bytes += submission.size

    def taken(self, messages: int) -> None:
        """So many messages go into a commit now."""
        self.messages -= messages

    def leave(self, submission: Submission, outcome: Outcome) -> None:
        """A submission has its outcome."""
        author = submission.author
        self.bytes -= submission.size
        if submission.idempotency is not None:
            self._keys.discard((author.account_id, submission.idempotency.key))
        if outcome is None or author.is_test:
            return
        # What may have been stored counts, so that a cap is never exceeded unseen.
        if not (isinstance(outcome, RefusedError) and outcome.code == "outcome_unknown"):
            self.caps.give_back(author.account_id, len(submission.messages))
