"""SQL of messages that are held for an operator's decision; ids are 16 bytes, times integers."""

from collections.abc import Sequence
from typing import Any

import msgspec

from cpaas.pipeline.recover_queries import Left


class Waiting(msgspec.Struct, frozen=True):
    """Held messages of one account and lane. waits: of these, how many may still be sent."""

    account: str
    lane: str
    was: str
    messages: int
    still_valid: int
    oldest_us: int


#: far above what any old broker can still hold of this queue.
ITEM_IDS_SKIPPED = 1_000_000_000

_LEFT = """m.id, m.account_id, m.route_id, m.attempt, m.channel, m.lane, m.recipient, m.sender,
  m.body, m.encoding, m.segments, m.created_at, m.valid_until, m.claimed_at, m.price_micro,
  m.country, m.reference, m.webhook_url, m.is_test, m.campaign_id, m.rule_id, m.decision,
  m.dlt::text, m.content::text, m.fallback IS NOT NULL"""


async def hold_messages(connection: Any, now_us: int) -> list[tuple[bytes, int, int, str]]:
    """Hold whatever may have been given to a carrier; returns id, account, attempt and status.

    What is scheduled for later than now cannot have been sent yet.
    """
    rows = await connection.fetch(
        """INSERT INTO held_message (message_id, account_id, was, held_at)
           SELECT id, account_id, status, $1 FROM message
           WHERE status IN ('QUEUED', 'SENDING') OR (status = 'SCHEDULED' AND send_at <= $1)
           RETURNING message_id, account_id, was""",
        now_us,
    )
    was = {row[0]: row for row in rows}
    # SENDING says what is known: it may be with a carrier. No instance has claimed it, so that
    # the recovery of dead ones leaves it alone.
    changed = await connection.fetch(
        """UPDATE message SET status = 'SENDING', claimed_by = 0 WHERE id = any($1)
           RETURNING id, attempt""",
        list(was),
    )
    return [(row[0], was[row[0]][1], row[1], was[row[0]][2]) for row in changed]


async def later_items(connection: Any, now_us: int) -> list[tuple[int, bytes]]:
    """Items of messages that are due later; their envelopes tell whether by schedule."""
    rows = await connection.fetch(
        """SELECT id, payload FROM queue_item
           WHERE queue LIKE 'cpaas.%.submit' AND available_at > $1""",
        now_us,
    )
    return [(row[0], row[1]) for row in rows]


async def drop_items(connection: Any, kept: Sequence[int]) -> int:
    """Throw the queued work of held messages away; returns how many items."""
    done: str = await connection.execute(
        """DELETE FROM queue_item WHERE id <> all($1)
             AND (queue LIKE 'cpaas.%.submit' OR queue LIKE 'submit\\_%')""",
        list(kept),
    )
    return int(done.rpartition(" ")[2])


async def bury_rest(connection: Any, reason: str) -> int:
    """Make dead letters of work that is neither messages nor webhooks; returns how many items."""
    done: str = await connection.execute(
        """WITH gone AS (DELETE FROM queue_item WHERE queue <> 'cpaas.webhook'
             AND queue NOT LIKE 'cpaas.%.submit' AND queue NOT LIKE 'submit\\_%' RETURNING *)
           INSERT INTO dead_letter (queue, lane, account_id, messages, tries, reason, payload)
           SELECT queue, lane, account_id, messages, tries, $1, payload FROM gone""",
        reason,
    )
    return int(done.rpartition(" ")[2])


async def free_items(connection: Any) -> None:
    """Nobody has what is left in the queues, and no broker's copy may pass for a new item."""
    await connection.execute(
        "UPDATE queue_item SET leased_by = 0, relayed_at = NULL, tries = 0,"
        " available_at = CASE WHEN leased_by <> 0 THEN now() ELSE available_at END"
    )
    await connection.execute(
        """SELECT setval(pg_get_serial_sequence('queue_item', 'id'),
             (SELECT coalesce(max(id), 1) FROM queue_item) + last_value + $1)
           FROM queue_item_id_seq""",
        ITEM_IDS_SKIPPED,
    )


async def settle_instances(connection: Any) -> None:
    """The processes of the backup are gone, and nothing of theirs is to be recovered."""
    await connection.execute(
        "UPDATE service_instance SET stopped_at = coalesce(stopped_at, now()), recovered_at = now()"
    )


async def end_leases(connection: Any) -> None:
    """No process of the backup has a route."""
    await connection.execute("DELETE FROM route_lease")


async def waiting(connection: Any, now_us: int) -> list[Waiting]:
    """What is held, by account, lane and the status that it had."""
    rows = await connection.fetch(
        """SELECT a.name, m.lane, h.was, count(*), count(*) FILTER (WHERE m.valid_until > $1),
             min(m.created_at)
           FROM held_message h JOIN message m ON m.id = h.message_id AND m.status = 'SENDING'
             JOIN account a ON a.id = h.account_id
           GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        now_us,
    )
    return [Waiting(*row) for row in rows]


async def held(
    connection: Any, *, account_id: int, lane: str, was: str, after: bytes, most: int
) -> list[Left]:
    """Held messages from an id on; account 0, lane "" and was "" mean all. Locked."""
    rows = await connection.fetch(
        f"""SELECT {_LEFT}
            FROM held_message h JOIN message m ON m.id = h.message_id AND m.status = 'SENDING'
            WHERE h.message_id > $1 AND ($2 = 0 OR h.account_id = $2) AND ($3 = '' OR m.lane = $3)
              AND ($4 = '' OR h.was = $4)
            ORDER BY h.message_id LIMIT $5 FOR UPDATE OF h""",
        after, account_id, lane, was, most,
    )  # fmt: skip
    return [Left(*row) for row in rows]


async def held_to(connection: Any, recipients: Sequence[str]) -> list[Left]:
    """Held messages to these recipients, given in digits alone."""
    rows = await connection.fetch(
        f"""SELECT {_LEFT}
            FROM held_message h JOIN message m ON m.id = h.message_id AND m.status = 'SENDING'
            WHERE ltrim(m.recipient, '+') = any($1)""",
        list(recipients),
    )
    return [Left(*row) for row in rows]


async def any_held(connection: Any) -> bool:
    """Whether anything is held."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM held_message)"))


async def release(connection: Any, ids: Sequence[bytes]) -> None:
    """Hold these no longer."""
    await connection.execute("DELETE FROM held_message WHERE message_id = any($1)", list(ids))


async def release_settled(connection: Any) -> None:
    """Forget those that have gone on by themselves."""
    await connection.execute(
        """DELETE FROM held_message h USING message m
           WHERE m.id = h.message_id AND m.status <> 'SENDING'"""
    )
