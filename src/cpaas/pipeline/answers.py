"""What a carrier's answer means for a message: submitted, again, another route, or the end.

The error catalogue decides; a retry keeps its place in the same transaction that records why.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.broker import embedded
from cpaas.broker.base import NewItem
from cpaas.broker.topology import gateway_queue, submit_queue
from cpaas.channels.errors import CarrierError
from cpaas.kit.log import get_logger
from cpaas.messages import queries, receipt_queries
from cpaas.messages.envelopes import LANE_NUMBER, MAX_MESSAGES, Outgoing, pack
from cpaas.messages.receipt_queries import NewPart
from cpaas.messages.types import Applied, CounterKey, Counts, Finish, Note
from cpaas.pipeline.no_receipt import awaited
from cpaas.pipeline.transitions import MINUTE_US, Context, finish
from cpaas.pipeline.types import Answer

_log = get_logger(__name__)

PARTLY_ACCEPTED_RETRY_SECONDS: Final = 5.0
#: classes with more tries than this leave one note a message, not one a try.
NOTED_TRIES_MAX: Final = 10
_BATCH_PLACE = tuple[int, int, int]


class Again(msgspec.Struct, frozen=True):
    """The message as it is sent again: where, when, and its plan, that route first."""

    message: Outgoing
    route_id: int
    plan: list[int]
    delay_ms: int


class Step(msgspec.Struct, frozen=True):
    """What follows from one answer; finish None = the outcome is unknown, nothing changes."""

    finish: Finish | None
    kind: str = ""
    text: str = ""
    again: Again | None = None


async def commit_answers(connection: Any, context: Context, answers: Sequence[Answer]) -> None:
    """Apply answers within the caller's transaction, each fenced by its attempt."""
    steps = [decide(context, answer) for answer in answers]
    wanted = [step.finish for step in steps if step.finish is not None]
    parts = [part for answer in answers for part in _parts(answer)]
    await receipt_queries.keep_parts(connection, parts)
    done_now = await finish(connection, context, wanted)
    applied = {(one.finish.id, one.finish.attempt): one for one in done_now}
    notes: list[Note] = []
    again: list[tuple[Answer, Again]] = []
    late: list[Answer] = []
    submitted: list[Answer] = []
    for answer, step in zip(answers, steps, strict=True):
        done = applied.get((answer.message.id, answer.message.attempt))
        if step.finish is not None and done is None:
            late.append(answer)
            continue
        if step.kind:
            notes.append(_note(answer, step))
        if step.again is not None:
            again.append((answer, _fenced(step.again, done)))
        elif answer.error is None and answer.envelope.strategy_id:
            submitted.append(answer)
    if late:
        notes += await _late(connection, late)
        await _late_costs(connection, context, late)
    await queries.note(connection, notes)
    items = awaited(context, submitted) if submitted else []
    if again:
        items += _items(context, again)
    await embedded.publish(connection, items)


def decide(context: Context, answer: Answer) -> Step:
    """The step that the catalogue wants for an answer."""
    message, error = answer.message, answer.error
    if error is None:
        return Step(_submitted(context, answer))
    partly = bool(message.parts_done or _accepted(answer))
    if error.then == "unknown":
        return Step(None, "unknown_outcome", error.text)
    if error.then in {"reject", "fail"}:
        return _end(answer, error, partly=partly)
    route_id = None if partly else _next_route(context, answer)
    if route_id is not None and error.code == "carrier_queue_full":
        strategy = context.snapshot.strategies.get(answer.envelope.strategy_id)
        if strategy is not None and strategy.overflow:
            return _again(answer, route_id, 0.0)
    waits = error.retry_seconds or (PARTLY_ACCEPTED_RETRY_SECONDS if partly else 0.0)
    # A partly accepted message stays on its route, whatever the error is.
    may_wait = partly or error.max_tries > 0
    tried_out = message.tries + 1 >= max(error.max_tries, 1 if not partly else NOTED_TRIES_MAX)
    if may_wait and not tried_out and (error.then == "retry" or route_id is None):
        return _again(answer, answer.route_id, waits)
    if route_id is not None:
        return _again(answer, route_id, 0.0)
    if error.then == "next_route":
        gone = msgspec.structs.replace(
            error, code="no_route_left", then="reject", text=f"No route is left. {error.text}"
        )
        return _end(answer, gone, partly=partly)
    return _end(answer, error, partly=partly)


def _submitted(context: Context, answer: Answer) -> Finish:
    message = answer.message
    cost = 0
    # What a call costs is known when it is over.
    if not answer.envelope.is_test and answer.envelope.channel != "voice":
        each = context.snapshot.carrier_cost(answer.route_id, message.to.removeprefix("+"))
        cost = (each or 0) * message.segments
    return Finish(
        message.id, "SUBMITTED", answer.at_us, message.attempt, answer.route_id,
        next((clean(one) for one in answer.provider_ids if one), None), cost,
        known=(answer.envelope, message),
    )  # fmt: skip


def _end(answer: Answer, error: CarrierError, *, partly: bool) -> Step:
    # What another attempt handed to a carrier may have arrived: it is not as if nothing was sent.
    partly = partly or answer.message.handed
    return Step(
        Finish(
            answer.message.id,
            "REJECTED" if error.then == "reject" and not partly else "FAILED",
            answer.at_us, answer.message.attempt, answer.route_id,
            error_code=error.code, error=error.text,
            refund="always" if error.refunds and not partly else "policy",
        ),
        "carrier_error",
        error.text,
    )  # fmt: skip


def _again(answer: Answer, route_id: int, seconds: float) -> Step:
    message, error = answer.message, answer.error
    assert error is not None  # noqa: S101
    if answer.at_us + seconds * 1_000_000 >= message.valid_until_us:
        partly = bool(message.parts_done or _accepted(answer))
        late = msgspec.structs.replace(
            error, code="expired", text=f"Its validity ended before it could go. {error.text}"
        )
        ended = _end(answer, late, partly=partly).finish
        assert ended is not None  # noqa: S101
        return Step(msgspec.structs.replace(ended, status="EXPIRED"), "expired", late.text)
    other = route_id != answer.route_id
    following = msgspec.structs.replace(
        message,
        tries=0 if other else message.tries + 1,
        parts_done=sorted({*message.parts_done, *(n for n, _ in _accepted(answer))}),
    )
    quiet = not other and message.tries > 0 and error.max_tries > NOTED_TRIES_MAX
    kind = "failover" if other else "throttled" if error.slows_route else "retry"
    plan = answer.envelope.plan
    if other:
        plan = [route_id, *_after(_after(plan, answer.route_id), route_id)]
    return Step(
        Finish(message.id, "QUEUED", answer.at_us, message.attempt),
        "" if quiet else kind,
        error.text,
        Again(following, route_id, plan, int(seconds * 1000)),
    )


def _after(plan: list[int], route_id: int) -> list[int]:
    """The routes of a plan behind one; the whole plan if that one was taken off already."""
    return plan[plan.index(route_id) + 1 :] if route_id in plan else plan


def _next_route(context: Context, answer: Answer) -> int | None:
    for route_id in _after(answer.envelope.plan, answer.route_id):
        route = context.snapshot.routes.get(route_id)
        if route is not None and route.active:
            return route_id
    return None


def _fenced(again: Again, done: Applied | None) -> Again:
    if done is None:
        return again
    message = msgspec.structs.replace(again.message, attempt=done.attempt)
    return msgspec.structs.replace(again, message=message)


def _accepted(answer: Answer) -> list[tuple[int, str]]:
    """Parts (from 1) that the carrier accepted now, with their provider ids.

    Some carriers give no id; the part is accepted all the same and must not be sent again.
    """
    return [(number, one) for number, one in enumerate(answer.provider_ids, 1) if one is not None]


def _parts(answer: Answer) -> list[NewPart]:
    """Rows for the parts of a message of several, which one provider id cannot stand for."""
    if len(answer.provider_ids) < 2:
        return []
    return [
        NewPart(
            answer.message.id, answer.message.attempt, number, answer.envelope.account_id,
            answer.route_id, clean(one) or None, answer.at_us,
        )
        for number, one in _accepted(answer)
    ]  # fmt: skip


def _note(answer: Answer, step: Step) -> Note:
    details: dict[str, Any] = {"code": answer.error.code if answer.error else ""}
    if answer.carrier_code:
        details["carrier_code"] = clean(answer.carrier_code)
    if step.again is not None:
        details |= {"next_route_id": step.again.route_id, "delay_ms": step.again.delay_ms}
    return Note(
        answer.message.id, answer.envelope.account_id, answer.at_us, step.kind, step.text,
        answer.message.attempt, answer.route_id, details=details,
    )  # fmt: skip


def _items(context: Context, again: Sequence[tuple[Answer, Again]]) -> list[NewItem]:
    """Messages of one envelope that go the same way at the same time stay together."""
    groups: dict[_BATCH_PLACE, list[tuple[Answer, Again]]] = {}
    for answer, one in again:
        groups.setdefault((id(answer.envelope), one.route_id, one.delay_ms), []).append(
            (answer, one)
        )
    items = []
    for group in groups.values():
        for start in range(0, len(group), MAX_MESSAGES):
            some = group[start : start + MAX_MESSAGES]
            answer, first = some[0]
            envelope = msgspec.structs.replace(
                answer.envelope, plan=first.plan, messages=[one.message for _, one in some]
            )
            route = context.snapshot.routes.get(first.route_id)
            # A route that was deleted meanwhile has no queue that anybody reads.
            queue = submit_queue(envelope.channel) if route is None else gateway_queue(route.name)
            items.append(
                NewItem(
                    queue,
                    LANE_NUMBER[envelope.lane], envelope.account_id, len(some), pack(envelope),
                    first.delay_ms,
                )
            )  # fmt: skip
    return items


async def _late(connection: Any, answers: Sequence[Answer]) -> list[Note]:
    """Answers for messages that went on without them: what the carrier has is kept, and noted.

    An answer that was applied already (its commit's own answer was lost) leaves nothing.
    """
    states = await receipt_queries.states(connection, [a.message.id for a in answers])
    notes, parts = [], []
    for answer in answers:
        state = states.get(answer.message.id)
        given = next((clean(one) for one in answer.provider_ids if one), None)
        if state is None:
            _log.error("answer_without_message", message=answer.message.id.hex())
            continue
        if given is None or state.provider_message_id == given:
            continue
        if not _parts(answer):
            parts.append(
                NewPart(
                    answer.message.id, answer.message.attempt, 0, state.account_id,
                    answer.route_id, given, answer.at_us,
                )
            )  # fmt: skip
        notes.append(
            Note(
                answer.message.id, state.account_id, answer.at_us, "late_answer",
                "The carrier's answer came after the message had gone on without it.",
                answer.message.attempt, answer.route_id, details={"provider_message_id": given},
            )
        )  # fmt: skip
    await receipt_queries.keep_parts(connection, parts)
    return notes


async def _late_costs(connection: Any, context: Context, answers: Sequence[Answer]) -> None:
    """A receipt was quicker than the answer: the carrier has the message, and is paid for it."""
    costs = {}
    for answer in answers:
        cost = _submitted(context, answer).carrier_cost_micro if answer.error is None else 0
        if cost:
            costs[answer.message.id] = cost
    counts: dict[CounterKey, Counts] = {}
    for row in await receipt_queries.add_missing_costs(connection, costs):
        accepted_us = int.from_bytes(row[0][:6], "big") * 1000
        key = accepted_us - accepted_us % MINUTE_US, row[1], row[2], row[3], row[4]
        counts.setdefault(key, Counts()).carrier_cost_micro += costs[row[0]]
    await queries.count(connection, context.counter or context.instance_id, counts)


def clean(text: str) -> str:
    """Carriers' text as the database can hold it: no NUL, no half of a surrogate pair."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "").encode(errors="replace").decode()
