"""SQL of requests for balance."""

from typing import Any, Final

from cpaas.billing.top_up_types import TopUp

_SELECT: Final = """
    SELECT t.id, t.account_id, a.name AS account, t.amount_micro, t.note, t.status, t.asked_by,
           t.reason, t.granted_micro, t.decided_by,
           (extract(epoch FROM t.created_at) * 1000000)::bigint AS created_us,
           (extract(epoch FROM t.decided_at) * 1000000)::bigint AS decided_us
    FROM top_up_request t JOIN account a ON a.id = t.account_id
"""


async def lock_waiting(connection: Any, account_id: int) -> int:
    """How many requests of an account wait; no other is made until the transaction ends."""
    await connection.execute("SELECT FROM wallet WHERE account_id = $1 FOR UPDATE", account_id)
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM top_up_request WHERE account_id = $1 AND status = 'PENDING'",
            account_id,
        )
    )


async def insert(connection: Any, account_id: int, amount_micro: int, note: str, by: str) -> int:
    """A new request; returns its id."""
    return int(
        await connection.fetchval(
            "INSERT INTO top_up_request (account_id, amount_micro, note, asked_by)"
            " VALUES ($1, $2, $3, $4) RETURNING id",
            account_id, amount_micro, note, by,
        )
    )  # fmt: skip


async def find(
    connection: Any, account_id: int | None, request_id: int, *, lock: bool = False
) -> TopUp | None:
    """A request; `account_id` None: of whatever account, for the operator."""
    row = await connection.fetchrow(
        f"{_SELECT} WHERE t.id = $1 AND ($2::bigint IS NULL OR t.account_id = $2)"
        + (" FOR UPDATE OF t" if lock else ""),
        request_id, account_id,
    )  # fmt: skip
    return None if row is None else TopUp(**row)


async def decide(
    connection: Any, request_id: int, status: str, *, by: str = "", granted_micro: int = 0,
    reason: str = "",
) -> None:  # fmt: skip
    """Ends a request that waits and is locked."""
    await connection.execute(
        "UPDATE top_up_request SET status = $2, decided_by = $3, granted_micro = $4, reason = $5,"
        " decided_at = now() WHERE id = $1",
        request_id, status, by, granted_micro, reason,
    )  # fmt: skip


async def of_account(
    connection: Any, account_id: int, *, below: int = 2**63 - 1, most: int = 50
) -> list[TopUp]:
    """An account's requests, the newest first."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE t.account_id = $1 AND t.id < $2 ORDER BY t.id DESC LIMIT $3",
        account_id, below, most,
    )  # fmt: skip
    return [TopUp(**row) for row in rows]


async def of_all(
    connection: Any, *, status: str = "", below: int = 2**63 - 1, most: int = 50
) -> list[TopUp]:
    """All accounts' requests for the operator, the newest first; `status` "" = every one."""
    rows = await connection.fetch(
        f"{_SELECT} WHERE ($1 = '' OR t.status = $1) AND t.id < $2 ORDER BY t.id DESC LIMIT $3",
        status, below, most,
    )  # fmt: skip
    return [TopUp(**row) for row in rows]
