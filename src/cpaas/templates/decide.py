"""What the operator and the carrier say about a template. Callers hold the transaction.

Both verdicts are kept apart; whoever asked for it is told by the webhook in the same transaction.
"""

import time
from typing import Any

from cpaas.broker.embedded import publish
from cpaas.kit.errors import InputError
from cpaas.templates import check, queries, states
from cpaas.templates.states import State
from cpaas.templates.types import CarrierWord, TemplateRow
from cpaas.webhooks.events import account_event, event_items


async def approve(connection: Any, account_id: int, template_id: int, *, actor: str) -> TemplateRow:
    """Allows the newest version; carriers that review it are asked next. Errors: InputError."""
    row = await _found(connection, account_id, template_id)
    state = states.approved(State(row.version.status), row.channel)
    return await enter(connection, row, state, "approved", text="", actor=actor)


async def reject(
    connection: Any, account_id: int, template_id: int, reason: str, *, actor: str
) -> TemplateRow:
    """Refuses the newest version with a reason that its owner sees. Errors: InputError."""
    row = await _found(connection, account_id, template_id)
    version = row.version
    state = states.rejected(State(version.status, version.carrier_status, version.decided_by))
    return await enter(connection, row, state, "rejected", text=check.reason(reason), actor=actor)


async def told(
    connection: Any,
    account_id: int,
    template_id: int,
    said: CarrierWord,
    *,
    number: int = 0,
    actor: str = "carrier",
) -> TemplateRow:
    """Takes over what the carrier says about a version (0 = the newest); again changes nothing."""
    row = await _found(connection, account_id, template_id, number)
    version = row.version
    reason = said.reason[: check.REASON_MAX]
    await queries.set_carrier(connection, account_id, version.id, said)
    before = State(version.status, version.carrier_status, version.decided_by)
    state = states.told(before, said.status)
    if state is None:
        return row
    if said.status == "rejected" and not reason:
        reason = "The carrier rejected it and gave no reason."
    return await enter(connection, row, state, f"carrier_{said.status}", text=reason, actor=actor)


async def enter(
    connection: Any, row: TemplateRow, state: State, kind: str, *, text: str, actor: str
) -> TemplateRow:
    """Puts a version into a state, with its history and its event; the row as it is then."""
    before, version = row.version, row.version
    reason = text if state.status == "REJECTED" else ""
    await queries.set_state(connection, row.account_id, row, state, reason)
    await queries.note(
        connection, row.account_id, row.id, version.number, kind, text=text, actor=actor
    )
    after = await queries.find(connection, row.account_id, row.id, version.number)
    if after is None:
        raise AssertionError("a locked template is gone")
    if before.status != state.status:
        await _tell(connection, after, states.EVENTS.get(state.status, ""))
    elif before.carrier_status != state.carrier:
        await _tell(connection, after, states.EVENTS.get(state.carrier, ""))
    return after


async def _tell(connection: Any, row: TemplateRow, event_type: str) -> None:
    if not event_type or not await queries.wants_event(connection, row.account_id, event_type):
        return
    version = row.version
    data: dict[str, object] = {
        "id": row.id, "name": row.name, "channel": row.channel, "language": row.language,
        "version": version.number, "status": version.status, "reason": version.reason or None,
        "carrier_status": version.carrier_status,
        "carrier_reason": version.carrier_reason or None,
    }  # fmt: skip
    event = account_event(event_type, data, time.time_ns() // 1000)
    await publish(connection, event_items(row.account_id, [event]))


async def _found(
    connection: Any, account_id: int, template_id: int, number: int = 0
) -> TemplateRow:
    await queries.lock(connection, account_id, template_id)
    row = await queries.find(connection, account_id, template_id, number)
    if row is None:
        raise InputError(f"there is no template {template_id}", "list them first", "template")
    return row
