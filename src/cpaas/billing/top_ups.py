"""Requests for balance: an account asks, the operator grants (a CREDIT) or declines with a reason.

The caller holds the transaction. A request is decided once; the credit and the decision commit
together.
"""

from typing import Any, Final

from cpaas.billing import check, top_up_queries, wallet
from cpaas.billing.top_up_types import TopUp
from cpaas.kit.errors import InputError

WAITING_MAX: Final = 5
REASON_MAX: Final = 500


async def ask(connection: Any, account_id: int, amount_micro: int, note: str, *, by: str) -> TopUp:
    """A new request. Errors: InputError."""
    if amount_micro <= 0:
        raise InputError("this amount is not above 0", "ask for more than 0", "amount")
    if amount_micro > check.AMOUNT_MICRO_MAX:
        raise InputError("this amount is too large", "ask for less", "amount")
    waiting = await top_up_queries.lock_waiting(connection, account_id)
    if waiting >= WAITING_MAX:
        raise InputError(
            f"{waiting} requests wait already", "withdraw one, or wait for the operator", "amount"
        )
    text = _text(note, "note")
    found = await top_up_queries.insert(connection, account_id, amount_micro, text, by)
    return await _known(connection, account_id, found)


async def withdraw(connection: Any, account_id: int, request_id: int) -> TopUp:
    """The account takes its request back. Errors: InputError."""
    await _waiting(connection, account_id, request_id)
    await top_up_queries.decide(connection, request_id, "WITHDRAWN")
    return await _known(connection, account_id, request_id)


async def grant(
    connection: Any, request_id: int, *, by: str, amount_micro: int | None = None, note: str = ""
) -> TopUp:
    """Credits the amount (another than asked for, if given). Errors: InputError."""
    found = await _waiting(connection, None, request_id)
    amount = found.amount_micro if amount_micro is None else amount_micro
    text = _text(note, "note") or f"Top-up request {found.id}"
    await wallet.credit(connection, found.account_id, amount, actor=by, note=text)
    await top_up_queries.decide(
        connection, request_id, "GRANTED", by=by, granted_micro=amount, reason=_text(note, "note")
    )
    return await _known(connection, found.account_id, request_id)


async def decline(connection: Any, request_id: int, *, by: str, reason: str) -> TopUp:
    """Says no, and why; the account reads it. Errors: InputError."""
    text = _text(reason, "reason")
    if not text:
        raise InputError("a reason is missing", "say why, for the account to read", "reason")
    found = await _waiting(connection, None, request_id)
    await top_up_queries.decide(connection, request_id, "DECLINED", by=by, reason=text)
    return await _known(connection, found.account_id, request_id)


async def _waiting(connection: Any, account_id: int | None, request_id: int) -> TopUp:
    found = await top_up_queries.find(connection, account_id, request_id, lock=True)
    if found is None:
        raise InputError("there is no such request", "look at the list again", "request")
    if found.status != "PENDING":
        raise InputError(
            f"this request is {found.status} already", "look at the list again", "status"
        )
    return found


async def _known(connection: Any, account_id: int, request_id: int) -> TopUp:
    found = await top_up_queries.find(connection, account_id, request_id)
    if found is None:
        raise InputError("there is no such request", "look at the list again", "request")
    return found


def _text(value: str, field: str) -> str:
    trimmed = value.strip()
    if len(trimmed) > REASON_MAX or "\0" in trimmed:
        raise InputError(f"the {field} is too long", f"use at most {REASON_MAX} characters", field)
    return trimmed
