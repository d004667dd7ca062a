"""Replies from handsets: put together, given to their account, obeyed where they say STOP, told.

All of it in the transaction that stores them, after which alone their carrier is answered. A reply
that nobody can be found for is kept for account 0 and listed; none is thrown away.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.blacklist import opt_out
from cpaas.broker import embedded
from cpaas.channels.base import InboundPart
from cpaas.inbound import check
from cpaas.kit.errors import InputError
from cpaas.kit.ids import lowest_at
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import Event
from cpaas.pipeline import accept_queries, low_balance
from cpaas.pipeline import inbound_queries as queries
from cpaas.pipeline.accept_batch import Batch
from cpaas.pipeline.check import address, prepare, submission
from cpaas.pipeline.drafts import Author, Draft
from cpaas.pipeline.inbound_queries import Kept, KeptPart, PartKey
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.transitions import Context
from cpaas.smpp.parts import Part, join_parts
from cpaas.webhooks.events import (
    RECEIVED,
    account_event,
    event_items,
    event_wanted,
    for_binds,
    iso,
    uuid_text,
)

#: how far back the account that wrote last is looked for.
WROTE_DAYS_MAX: Final = 30
DAY_MS: Final = 86_400_000
#: parts whose siblings have not come by then are a reply as far as it came.
PARTS_WAIT_US: Final = 300_000_000
#: a recipient's message opens free conversation with our sender for so long.
WINDOW_US: Final = 86_400_000_000
WINDOWED: Final = ("whatsapp", "rcs")
_log = get_logger(__name__)


class Reply(msgspec.Struct, frozen=True):
    """One reply, or a part of one, as it came. Times are Unix microseconds.

    known: its carrier may tell it again, with the same id. at_us: when it was written, 0 = now.
    """

    id: bytes
    route_id: int
    channel: str
    sender: str
    recipient: str
    body: str
    raw: bytes
    received_us: int
    is_test: bool = False
    part: InboundPart | None = None
    complete: bool = True
    content: dict[str, Any] | None = None
    known: bool = False
    at_us: int = 0


async def commit_replies(connection: Any, context: Context, replies: Sequence[Reply]) -> None:
    """Keep replies within the caller's transaction, with all that follows from them."""
    parts = [one for one in replies if one.part is not None]
    whole = [one for one in replies if one.part is None]
    if parts:
        whole += await _put_together(connection, context, parts)
    await _keep(connection, context, await _new_ones(connection, whole))


async def _new_ones(connection: Any, replies: Sequence[Reply]) -> list[Reply]:
    """Without those that are stored already: carriers tell again what we answered late."""
    told = [one.id for one in replies if one.known]
    stored = await queries.stored(connection, told) if told else set()
    new: dict[bytes, Reply] = {}
    for one in replies:
        if one.id not in stored:
            new.setdefault(one.id, one)
    return list(new.values())


async def assemble(connection: Any, context: Context) -> int:
    """Keep what of all waiting parts is whole by now, or has waited too long; returns how many."""
    found = await queries.take_parts(connection, None, context.now_us - PARTS_WAIT_US)
    whole = _joined(found)
    await _keep(connection, context, whole)
    return len(whole)


async def _put_together(connection: Any, context: Context, parts: Sequence[Reply]) -> list[Reply]:
    rows = [_part_row(one) for one in parts]
    first: dict[tuple[Any, ...], KeptPart] = {}
    for row in rows:
        first.setdefault((*row.key, row.number), row)
    stored = await queries.insert_parts(connection, list(first.values()))
    # The same number again with other content: another message under a reference used again.
    strange = [
        msgspec.structs.replace(one, part=None, complete=False)
        for one, row in zip(parts, rows, strict=True)
        for key in [(*row.key, row.number)]
        if row.data != stored.get(key, first[key].data)
    ]
    keys = list({row.key for row in rows})
    found = await queries.take_parts(connection, keys, context.now_us - PARTS_WAIT_US)
    return strange + _joined(found)


def _part_row(one: Reply) -> KeptPart:
    part = one.part
    assert part is not None  # noqa: S101 - only such are given
    return KeptPart(
        one.route_id, one.sender, one.recipient, part.reference, part.total, part.number,
        one.channel, one.is_test, part.data, part.data_coding, one.raw, one.id, one.received_us,
    )  # fmt: skip


def _joined(found: Sequence[KeptPart]) -> list[Reply]:
    groups: dict[PartKey, list[KeptPart]] = {}
    for part in found:
        groups.setdefault(part.key, []).append(part)
    whole = []
    for group in groups.values():
        group.sort(key=lambda part: part.number)
        first = group[0]
        text = join_parts(
            [Part(p.data, p.data_coding, p.reference, p.total, p.number) for p in group]
        )
        whole.append(
            Reply(
                first.id, first.route_id, first.channel, first.sender, first.recipient,
                _clean(text), first.raw, max(part.received_us for part in group), first.is_test,
                complete=len(group) == first.total,
            )
        )  # fmt: skip
    return whole


async def _keep(connection: Any, context: Context, replies: Sequence[Reply]) -> None:
    if not replies:
        return
    snapshot = context.snapshot
    owners = [check.owner(snapshot, one.channel, one.recipient, one.body) for one in replies]
    lowest = lowest_at(context.now_us // 1000 - WROTE_DAYS_MAX * DAY_MS).bytes
    wrote = await queries.last_written(
        connection,
        [
            (n, f"+{check.plain(one.sender)}", check.plain(one.recipient), one.channel,
             one.is_test, owner.account_id)
            for n, (one, owner) in enumerate(zip(replies, owners, strict=True))
        ],
        lowest,
    )  # fmt: skip
    rows: list[Kept] = []
    events: dict[int, list[Event]] = {}
    for number, (one, owner) in enumerate(zip(replies, owners, strict=True)):
        account_id, message_id, reference = wrote.get(number, (owner.account_id, None, ""))
        known = snapshot.numbers.get((one.channel, check.plain(one.recipient)))
        action, word = check.action(snapshot.settings, known, one.body)
        if account_id and action:
            await _obey(connection, context, one, account_id, action, word)
        rows.append(
            Kept(
                one.id, account_id, one.route_id, one.channel, one.sender, one.recipient, one.body,
                one.raw, one.received_us, message_id, one.is_test, owner.keyword,
                action if account_id else "", one.complete, one.content,
            )
        )  # fmt: skip
        wanted = event_wanted(snapshot, account_id, "", RECEIVED)
        if account_id and (wanted or account_id in snapshot.smpp_receivers):
            event = _event(rows[-1], reference, context.now_us)
            told = [*([event] if wanted else []), *for_binds(snapshot, account_id, event)]
            events.setdefault(account_id, []).extend(told)
    await queries.insert(connection, rows)
    opened = [
        (one.channel, check.plain(one.recipient), f"+{check.plain(one.sender)}",
         min(one.at_us or one.received_us, one.received_us) + WINDOW_US)
        for one in replies if one.channel in WINDOWED
    ]  # fmt: skip
    if opened:
        await queries.open_conversations(connection, opened)
    items = [item for account, some in events.items() for item in event_items(account, some)]
    await embedded.publish(connection, items)


async def _obey(
    connection: Any, context: Context, one: Reply, account_id: int, action: str, word: str
) -> None:
    """STOP blocks the account's messages of this channel to the sender, START takes that back."""
    number = f"+{check.plain(one.sender)}"
    try:
        if action == "stop":
            changed = await opt_out.opt_out(
                connection, account_id, one.channel, number, keyword=word
            )
        else:
            changed = await opt_out.opt_in(connection, account_id, one.channel, number)
    except InputError as error:
        # A sender that is no number gets no messages either, so nothing has to be blocked.
        _log.warning("opt_out_of_no_number", sender=one.sender[:40], reason=str(error))
        return
    account = context.snapshot.accounts.get(account_id)
    text = (
        "" if account is None else account.stop_reply if action == "stop" else account.start_reply
    )
    if changed and text:
        await _answer(connection, context, one, account_id, text)


async def _answer(
    connection: Any, context: Context, one: Reply, account_id: int, text: str
) -> None:
    """The one confirmation: from the number written to, else the account's default sender."""
    author, number = Author(account_id, "api", one.is_test), f"+{check.plain(one.sender)}"
    for sender in (check.plain(one.recipient), ""):
        try:
            draft = Draft(one.channel, text, sender, "transactional", "opt-out")
            prepared = prepare(context.snapshot, author, draft, context.now_us)
            batch = Batch(context.snapshot, context.instance_id, context.now_us)
            batch.add(submission(prepared, [address(prepared, number)]))
        except RefusedError as error:
            reason = error.detail
            continue
        unpaid, lows = await accept_queries.store(connection, batch.columns())
        if lows:
            await low_balance.tell(connection, context.snapshot, lows, context.now_us)
        if not unpaid:
            return
        reason = "not enough balance"
        break
    _log.warning("opt_out_not_confirmed", account=account_id, reason=reason)


def _event(row: Kept, reference: str, now_us: int) -> Event:
    data: dict[str, object] = {
        "id": uuid_text(row.id), "channel": row.channel, "from": row.sender, "to": row.recipient,
        "text": row.body, "keyword": row.keyword or None, "action": row.action or None,
        "message_id": None if row.message_id is None else uuid_text(row.message_id),
        "reference": reference or None, "complete": row.complete,
        "received_at": iso(row.received_us),
        **({"content": row.content} if row.content else {}),
    }  # fmt: skip
    return account_event(RECEIVED, data, now_us)


def _clean(text: str) -> str:
    """What the database can hold: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()
