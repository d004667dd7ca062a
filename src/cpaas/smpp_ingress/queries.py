"""All SQL of the SMPP server: receipts on their way, parts of long messages, binds, questions."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.smpp_ingress.types import BindRow, KeptReceipt, MessageState, NewReceipt, PartRow

LEASE: Final = "interval '2 minutes'"


async def keep_receipts(connection: Any, receipts: Sequence[NewReceipt]) -> None:
    """Keeps receipts, in their order."""
    await connection.execute(
        """INSERT INTO smpp_receipt (account_id, system_id, kind, body)
           SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[])""",
        [one.account_id for one in receipts], [one.system_id for one in receipts],
        [one.kind for one in receipts], [one.body for one in receipts],
    )  # fmt: skip


async def take_receipts(
    connection: Any, system_id: str, instance_id: int, *, most: int
) -> list[KeptReceipt]:
    """The oldest receipts that nobody else is sending, leased to this process, in order."""
    rows = await connection.fetch(
        f"""
        UPDATE smpp_receipt SET leased_by = $2, leased_until = now() + {LEASE}
        WHERE id = ANY (ARRAY (
            SELECT id FROM smpp_receipt
            WHERE system_id = $1 AND (leased_until IS NULL OR leased_until < now())
            ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED))
        RETURNING id, kind, body
        """,
        system_id, instance_id, most,
    )  # fmt: skip
    return sorted((KeptReceipt(row[0], row[1], bytes(row[2])) for row in rows), key=lambda r: r.id)


async def extend_receipts(connection: Any, ids: Sequence[int], instance_id: int) -> None:
    """Keeps the lease of receipts that wait for room or for their answer."""
    await connection.execute(
        f"UPDATE smpp_receipt SET leased_until = now() + {LEASE}"
        " WHERE id = ANY ($1::bigint[]) AND leased_by = $2",
        ids, instance_id,
    )  # fmt: skip


async def release_receipts(connection: Any, ids: Sequence[int]) -> None:
    """Gives receipts back unsent, for whoever has a bind."""
    await connection.execute(
        "UPDATE smpp_receipt SET leased_by = 0, leased_until = NULL WHERE id = ANY ($1::bigint[])",
        ids,
    )


async def answered_receipts(connection: Any, ids: Sequence[int]) -> None:
    """Forgets receipts whose deliver_sm was answered."""
    await connection.execute("DELETE FROM smpp_receipt WHERE id = ANY ($1::bigint[])", ids)


async def waiting_for(connection: Any, system_ids: Sequence[str]) -> list[str]:
    """Which of these have receipts that nobody is sending."""
    rows = await connection.fetch(
        """SELECT s FROM unnest($1::text[]) s WHERE EXISTS (SELECT FROM smpp_receipt r
           WHERE r.system_id = s AND (r.leased_until IS NULL OR r.leased_until < now()))""",
        system_ids,
    )
    return [row[0] for row in rows]


async def sweep_receipts(connection: Any, days: int, *, most: int) -> int:
    """Forgets receipts that nobody fetched for so long; returns how many."""
    status: str = await connection.execute(
        """DELETE FROM smpp_receipt WHERE id = ANY (ARRAY (SELECT id FROM smpp_receipt
           WHERE created_at < now() - $1 * interval '1 day' ORDER BY created_at LIMIT $2))""",
        days, most,
    )  # fmt: skip
    return int(status.rsplit(maxsplit=1)[-1])


async def keep_parts(connection: Any, parts: Sequence[PartRow]) -> None:
    """Keeps parts; one that came twice is kept once."""
    await connection.execute(
        """INSERT INTO smpp_part (account_id, system_id, message_id, number, pdu)
           SELECT * FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::smallint[], $5::bytea[])
           ON CONFLICT (message_id, number) DO NOTHING""",
        [one.account_id for one in parts], [one.system_id for one in parts],
        [one.message_id for one in parts], [one.number for one in parts],
        [one.pdu for one in parts],
    )  # fmt: skip


async def forget_parts(connection: Any, message_ids: Sequence[bytes]) -> None:
    """Forgets the parts of messages that are whole, or never will be."""
    await connection.execute(
        "DELETE FROM smpp_part WHERE message_id = ANY ($1::uuid[])", message_ids
    )


async def all_parts(connection: Any, most: int) -> list[PartRow]:
    """Parts of messages that were not stored yet, oldest first; forgets those of stored ones."""
    await connection.execute(
        """DELETE FROM smpp_part p USING message m WHERE m.id = p.message_id
           AND m.id >= cpaas_uuid_at(now() - interval '2 days')"""
    )
    rows = await connection.fetch(
        """SELECT account_id, system_id, message_id, number, pdu FROM smpp_part
           ORDER BY id LIMIT $1""",
        most,
    )
    return [PartRow(row[0], row[1], row[2], row[3], bytes(row[4])) for row in rows]


async def show_binds(connection: Any, instance_id: int, binds: Sequence[BindRow]) -> None:
    """Shows the binds of this process as they are now."""
    await connection.execute("DELETE FROM smpp_bind WHERE instance_id = $1", instance_id)
    await connection.execute(
        """INSERT INTO smpp_bind (instance_id, account_id, system_id, bind_type, address, submitted,
             refused, delivered, unanswered, bound_at, last_refusal)
           SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[],
             $7::bigint[], $8::bigint[], $9::integer[], $10::timestamptz[], $11::text[])""",
        instance_id, [b.account_id for b in binds], [b.system_id for b in binds],
        [b.bind_type for b in binds], [b.address for b in binds], [b.submitted for b in binds],
        [b.refused for b in binds], [b.delivered for b in binds], [b.unanswered for b in binds],
        [b.bound_us for b in binds], [b.last_refusal for b in binds],
    )  # fmt: skip


async def receives(connection: Any, credential_id: int) -> None:
    """Notes that binds of these credentials take deliver_sm; once, since it is configuration."""
    await connection.execute(
        "UPDATE smpp_credential SET receives = true WHERE id = $1 AND NOT receives", credential_id
    )


async def waiting_between(
    connection: Any, account_id: int, sender: str, recipient: str, *, lane: str, most: int
) -> list[bytes]:
    """An account's SMS between two addresses that no carrier has yet, oldest first.

    lane: "" for any.
    """
    rows = await connection.fetch(
        """SELECT id FROM message
           WHERE account_id = $1 AND sender = $2 AND recipient = $3 AND channel = 'sms'
             AND status IN ('SCHEDULED', 'QUEUED') AND ($4 = '' OR lane = $4)
             AND id >= cpaas_uuid_at(now() - interval '35 days')
           ORDER BY id LIMIT $5""",
        account_id, sender, recipient, lane, most,
    )  # fmt: skip
    return [row[0] for row in rows]


async def message_state(connection: Any, account_id: int, message_id: bytes) -> MessageState | None:
    """The state of an account's message."""
    row = await connection.fetchrow(
        "SELECT status, final_at FROM message WHERE id = $2 AND account_id = $1",
        account_id, message_id,
    )  # fmt: skip
    return None if row is None else MessageState(row[0], row[1])
