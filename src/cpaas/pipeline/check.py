"""The pure checks of a message before it is accepted; REST, SMPP and campaigns share them.

What does not depend on the recipient is checked once (`prepare`), the rest per recipient
(`address`), so that a list costs little more than its numbers.
"""

from collections.abc import Callable
from typing import Final, cast

import msgspec

from cpaas.billing.price import quote
from cpaas.dlt import check as dlt
from cpaas.dlt.types import Verdict
from cpaas.kit.errors import InputError
from cpaas.kit.guard import GuardError, parse_url
from cpaas.kit.ids import new_id_bytes
from cpaas.kit.phone import read
from cpaas.messages.envelopes import CHANNELS, Channel, Outgoing
from cpaas.pipeline.call_price import CHANNEL as CALLS
from cpaas.pipeline.call_price import call_quote
from cpaas.pipeline.drafts import (
    Author,
    Draft,
    FallbackStep,
    Idempotency,
    Outcome,
    Submission,
    stored_steps,
)
from cpaas.pipeline.refusals import RefusedError
from cpaas.pipeline.templated import category, filled, refilled
from cpaas.pipeline.units import units
from cpaas.routing.plan import Planner
from cpaas.routing.senders import (
    WITH_IDENTITIES,
    find_identity,
    find_sender,
    route_sender,
    usual_sender,
)
from cpaas.snapshot.types import Account, Snapshot, Template

REFERENCE_CHARS_MAX: Final = 200
SECOND_US: Final = 1_000_000
#: what is due so soon goes at once.
SCHEDULED_FROM_US: Final = SECOND_US
AHEAD_US_MAX: Final = 30 * 86_400 * SECOND_US
VALIDITY_SECONDS: Final = 86_400
OTP_VALIDITY_SECONDS: Final = 600
VALIDITY_SECONDS_MIN: Final = 60
VALIDITY_SECONDS_MAX: Final = 72 * 3600
FALLBACK_MAX: Final = 5
AFTER_SECONDS_MIN: Final = 5
AFTER_SECONDS_MAX: Final = 86_400
DLT_FIELDS: Final = frozenset({"pe_id", "template_id", "tm_id"})
DLT_CHARS_MAX: Final = 255


class Prepared(msgspec.Struct, frozen=True):
    """A draft that passed every check that does not depend on the recipient."""

    snapshot: Snapshot
    author: Author
    account: Account
    draft: Draft
    encoding: str
    segments: int
    #: "" = every recipient's route decides.
    sender: str
    now_us: int
    send_at_us: int | None
    valid_until_us: int
    #: for recipients in India: warn, enforce, off (their ids go along unchecked), "" (nothing).
    dlt_mode: str = ""
    #: sender -> what the DLT check found; the same for all recipients.
    judged: dict[str, Verdict] = {}
    #: what the price goes by, where the channel has several.
    category: str = ""
    template: Template | None = None


def prepare(snapshot: Snapshot, author: Author, draft: Draft, now_us: int) -> Prepared:
    """Check all but the recipient. Errors: RefusedError."""
    account = snapshot.accounts.get(author.account_id)
    if account is None or not account.active:
        raise RefusedError("account_inactive", "This account is inactive; ask its operator.")
    if draft.channel not in CHANNELS:
        raise RefusedError(
            "unknown_channel",
            f"There is no channel {draft.channel[:40]!r}; use one of {', '.join(CHANNELS)}.",
            "channel",
        )
    if draft.channel not in account.channels:
        raise RefusedError(
            "channel_disabled", f"{draft.channel} is switched off for this account.", "channel"
        )
    template = None
    if draft.template:
        draft, template = filled(snapshot, author.account_id, draft)
    encoding, segments = units(draft)
    _check_rest(draft)
    if draft.fallback:
        _check_fallback(snapshot, author, draft, now_us)
    sender = _sender(snapshot, author.account_id, draft)
    send_at_us = _send_at(draft.send_at_us, now_us)
    valid_until_us = (send_at_us or now_us) + _validity(draft) * SECOND_US
    return Prepared(
        snapshot, author, account, draft, encoding, segments, sender, now_us, send_at_us,
        valid_until_us, dlt.mode(account) if draft.channel == "sms" else "", {},
        category(draft.channel, template), template,
    )  # fmt: skip


def address(prepared: Prepared, to: str) -> Outgoing:
    """The message to one recipient, priced. Errors: RefusedError."""
    author, draft = prepared.author, prepared.draft
    try:
        number = read(to, test_allowed=author.is_test or prepared.account.is_sandbox)
    except InputError as error:
        raise RefusedError("invalid_number", f"{error.what}; {error.todo}.", "to") from None
    countries = prepared.account.countries
    if countries and number.country not in countries and number.country:
        raise RefusedError(
            "country_not_allowed",
            f"This account may not send to {number.country} (+{number.digits}).",
            "to",
        )
    segments = prepared.segments
    if draft.channel == CALLS:
        reserved = call_quote(
            prepared.snapshot, author.account_id, number.digits, segments, number.country
        )
        price, segments = reserved or (None, segments)
    else:
        price = quote(
            prepared.snapshot, author.account_id, draft.channel, number.digits, segments,
            category=prepared.category, country=number.country,
        )  # fmt: skip
    if price is None and not author.is_test:
        raise RefusedError(
            "no_price", f"No price is set for {draft.channel} to +{number.digits}.", "to"
        )
    recipient = f"+{number.digits}"
    sender = prepared.sender or _route_sender(prepared, recipient, number.country)
    ids = draft.dlt
    if prepared.dlt_mode and number.country == dlt.COUNTRY:
        ids = _dlt(prepared, sender)
    return Outgoing(
        new_id_bytes(),
        recipient,
        sender,
        draft.text,
        prepared.encoding,
        segments,
        1,
        prepared.now_us,
        prepared.valid_until_us,
        0 if author.is_test else price or 0,
        number.country,
        draft.reference,
        draft.webhook_url,
        draft.registered_delivery,
        0,
        ids,
        draft.content,
        template=draft.template,
        category=prepared.category,
    )


def with_text(prepared: Prepared, text: str) -> Prepared:
    """The same for another text, as each row of a campaign has its own. Errors: RefusedError."""
    return _other(prepared, msgspec.structs.replace(prepared.draft, text=text))


def with_variables(prepared: Prepared, values: dict[str, str]) -> Prepared:
    """The same with a template's other values, as each row of a campaign has its own.

    Errors: RefusedError. The draft must name a template.
    """
    made_of = prepared.template
    if made_of is None:
        raise AssertionError("no template to fill in")
    return _other(prepared, refilled(made_of, prepared.draft, values))


def _other(prepared: Prepared, draft: Draft) -> Prepared:
    encoding, segments = units(draft)
    return msgspec.structs.replace(
        prepared, draft=draft, encoding=encoding, segments=segments, judged={}
    )


def submission(
    prepared: Prepared,
    messages: list[Outgoing],
    done: Callable[[Outcome], None] = lambda _outcome: None,
    idempotency: Idempotency | None = None,
) -> Submission:
    """Addressed messages of one draft, ready for `Acceptor.put` or `Acceptor.accept`."""
    draft = prepared.draft
    return Submission(
        prepared.author, cast("Channel", draft.channel), draft.lane, prepared.send_at_us,
        messages, done, idempotency,
        fallback=stored_steps([step.stored() for step in draft.fallback]) if draft.fallback
        else None,
    )  # fmt: skip


def _dlt(prepared: Prepared, sender: str) -> dict[str, str] | None:
    """The DLT ids of a message to India, judged as its account wants. Errors: RefusedError."""
    found = prepared.judged.get(sender)
    if found is None:
        draft = prepared.draft
        found = prepared.judged[sender] = dlt.judge(
            prepared.snapshot, prepared.account, sender, lane=draft.lane, text=draft.text,
            given=draft.dlt, at_us=prepared.send_at_us or prepared.now_us,
            checks=prepared.dlt_mode != "off",
        )  # fmt: skip
    if not found.faults:
        return found.ids
    first = found.faults[0]
    if prepared.dlt_mode == "enforce":
        raise RefusedError(first.code, first.detail, first.field)
    return {**found.ids, "warning": first.detail}


def step_draft(draft: Draft, step: FallbackStep) -> Draft:
    """What a fallback's step sends instead of the message."""
    return msgspec.structs.replace(
        draft, channel=step.channel, text=_step_text(draft, step), sender=step.sender,
        send_at_us=None, fallback=(), dlt=_step_dlt(draft, step), template=step.template,
        variables=step.variables, language=step.language, content=None,
    )  # fmt: skip


def _step_text(draft: Draft, step: FallbackStep) -> str:
    return step.text if step.text or step.template else draft.text


def _step_dlt(draft: Draft, step: FallbackStep) -> dict[str, str] | None:
    """The DLT ids that hold for the step, too: another text is of another template."""
    if step.channel != draft.channel or not draft.dlt:
        return None
    same = not step.template and step.text in ("", draft.text)
    kept = DLT_FIELDS if same else DLT_FIELDS - {"template_id"}
    return {name: value for name, value in draft.dlt.items() if name in kept} or None


def _check_fallback(snapshot: Snapshot, author: Author, draft: Draft, now_us: int) -> None:
    if len(draft.fallback) > FALLBACK_MAX:
        raise RefusedError(
            "validation_error",
            f"fallback has {len(draft.fallback)} steps; at most {FALLBACK_MAX} are tried.",
            "fallback",
        )
    for number, step in enumerate(draft.fallback):
        seconds = step.after_seconds
        if seconds is not None and not AFTER_SECONDS_MIN <= seconds <= AFTER_SECONDS_MAX:
            raise RefusedError(
                "validation_error",
                f"after_seconds is {seconds}; use {AFTER_SECONDS_MIN} to {AFTER_SECONDS_MAX},"
                " or leave it out to go on only after a failure.",
                f"fallback[{number}].after_seconds",
            )
        try:
            prepare(snapshot, author, step_draft(draft, step), now_us)
        except RefusedError as error:
            field = f"fallback[{number}].{error.field}" if error.field else f"fallback[{number}]"
            raise RefusedError(error.code, f"Fallback: {error.detail}", field) from None


def _check_rest(draft: Draft) -> None:
    if draft.reference:
        _short(draft.reference, "reference", REFERENCE_CHARS_MAX)
    if draft.webhook_url:
        try:
            parse_url(draft.webhook_url)
        except GuardError as error:
            raise RefusedError("validation_error", f"{error}.", "webhook_url") from None
    for name, value in (draft.dlt or {}).items():
        if name not in DLT_FIELDS:
            raise RefusedError(
                "validation_error",
                f"dlt has no field {name[:40]!r}; it has {', '.join(sorted(DLT_FIELDS))}.",
                "dlt",
            )
        _short(value, f"dlt.{name}", DLT_CHARS_MAX)


def _short(value: str, field: str, most: int) -> None:
    if len(value) > most:
        raise RefusedError(
            "validation_error",
            f"{field} has {len(value)} characters; at most {most} are kept.",
            field,
        )
    if "\0" in value or not value.isprintable():
        raise RefusedError(
            "validation_error", f"{field} contains characters that cannot be printed.", field
        )


def _send_at(send_at_us: int | None, now_us: int) -> int | None:
    """When a scheduled message goes; None for what is due anyway."""
    if send_at_us is None or send_at_us <= now_us + SCHEDULED_FROM_US:
        return None
    if send_at_us > now_us + AHEAD_US_MAX:
        raise RefusedError("validation_error", "send_at is more than 30 days ahead.", "send_at")
    return send_at_us


def _validity(draft: Draft) -> int:
    seconds = draft.validity_seconds
    if seconds is None:
        return OTP_VALIDITY_SECONDS if draft.lane == "otp" else VALIDITY_SECONDS
    if not VALIDITY_SECONDS_MIN <= seconds <= VALIDITY_SECONDS_MAX:
        raise RefusedError(
            "validation_error",
            f"validity_seconds is {seconds}; use {VALIDITY_SECONDS_MIN} to {VALIDITY_SECONDS_MAX}.",
            "validity_seconds",
        )
    return seconds


def _sender(snapshot: Snapshot, account_id: int, draft: Draft) -> str:
    """The sender, "" = the route's own. Errors: RefusedError."""
    wanted, channel = draft.sender, draft.channel
    if not wanted:
        return usual_sender(snapshot, account_id, channel)
    if channel in WITH_IDENTITIES:
        identity = find_identity(snapshot, account_id, channel, wanted)
        if identity is None:
            raise RefusedError(
                "sender_not_approved",
                f"This account was given no {channel} identity {wanted[:40]!r}.",
                "from",
            )
        return identity.value
    found = find_sender(snapshot, account_id, channel, wanted)
    if found is None:
        raise RefusedError(
            "sender_not_approved",
            f"This account has no {channel} sender {wanted[:40]!r}; request it first.",
            "from",
        )
    if found.status != "APPROVED":
        raise RefusedError(
            "sender_not_approved", f"The sender {found.value} is {found.status}.", "from"
        )
    return found.value


def _route_sender(prepared: Prepared, recipient: str, country: str) -> str:
    """The default sender of the first route that this message would take."""
    snapshot, author, draft = prepared.snapshot, prepared.author, prepared.draft
    planner = Planner(
        snapshot,
        author.account_id,
        draft.channel,
        draft.lane,
        is_test=author.is_test,
        now_us=prepared.now_us,
    )
    sender = route_sender(planner, snapshot, recipient, country, draft.template)
    if not sender:
        raise RefusedError(
            "sender_required",
            f"Name a sender in `from`: this account has no default {draft.channel} sender, more or"
            " less than one approved, and the route has none.",
            "from",
        )
    return sender
