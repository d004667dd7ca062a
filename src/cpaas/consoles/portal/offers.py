"""What an account can send with: its channels, their approved senders and usable templates."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.http import HttpRequest

from cpaas.billing.price import quote
from cpaas.consoles.portal.dashboard import enabled
from cpaas.consoles.shared import queries
from cpaas.consoles.shared.overview import CHANNEL_NAMES
from cpaas.consoles.shared.runtime import account_id, look
from cpaas.identities import queries as identities
from cpaas.pipeline.call_price import call_quote
from cpaas.schema.models import User
from cpaas.snapshot.load import EMPTY, load
from cpaas.snapshot.types import Snapshot, Template, Templates
from cpaas.templates.types import TYPES, Content

ICONS: Final = {"sms": "sms", "whatsapp": "chat", "rcs": "view_agenda", "voice": "call"}
_TABLES: Final = frozenset({"price", "sender", "template"})
_NO_SENDER: Final = {
    "sms": "A message names its sender: 3 to 11 letters or digits that your operator has approved."
    " Ask for one under Sender IDs; usually it is approved within a day.",
    "whatsapp": "Messages come from a WhatsApp Business number. Your operator gives it to your"
    " account; then it stands under Channel Identities.",
    "rcs": "Messages come from an RCS bot that carries your brand. Your operator gives it to your"
    " account; then it stands under Channel Identities.",
    "voice": "A call shows the number that it comes from, which your operator has approved."
    " Ask for one under Sender IDs, for the channel Voice.",
}
_NO_SENDER_TITLES: Final = {
    "sms": "No approved sender yet", "whatsapp": "No WhatsApp number yet",
    "rcs": "No RCS bot yet", "voice": "No approved number to call from yet",
}  # fmt: skip
Choices = list[tuple[str, str]]


class Offer(msgspec.Struct, frozen=True):
    """One channel. senders: (value, words), the default first. why_not: "" = it can be used."""

    channel: str
    senders: Choices = []
    templates: tuple[Template, ...] = ()
    why_not: str = ""
    todo: str = ""

    @property
    def name(self) -> str:
        """As people write it."""
        return CHANNEL_NAMES[self.channel]

    @property
    def icon(self) -> str:
        """Its sign."""
        return ICONS[self.channel]

    def template(self, key: str) -> Template | None:
        """One of its templates by the key that the choice of it has."""
        return next((one for one in self.templates if str(one.id) == key), None)

    def template_choices(self) -> Choices:
        """For a select: its id, and its name with what tells it from others."""
        return [(str(one.id), template_words(one, self.templates)) for one in self.templates]


class Offers(msgspec.Struct, frozen=True):
    """All channels with what prices and balance are now; one consistent view."""

    account: int
    by_channel: dict[str, Offer]
    snapshot: Snapshot
    balance_micro: int
    is_sandbox: bool

    def __getitem__(self, channel: str) -> Offer:
        return self.by_channel[channel]

    def usable(self) -> list[Offer]:
        """The channels that messages can be sent on now."""
        return [one for one in self.by_channel.values() if not one.why_not]

    def price(self, channel: str, category: str, number: tuple[str, str], units: int) -> int | None:
        """Micro-units for so many units to a number (digits, country), as sending takes them."""
        if channel == "voice":
            found = call_quote(self.snapshot, self.account, number[0], units, number[1])
            return None if found is None else found[0]
        return quote(
            self.snapshot, self.account, channel, number[0], units, category=category,
            country=number[1],
        )  # fmt: skip

    def by_the_minute(self, number: tuple[str, str]) -> bool:
        """Whether a call to a number is priced by started minutes."""
        return self.snapshot.price(self.account, "voice", "minute", *number) is not None


def template_words(one: Template, among: Sequence[Template]) -> str:
    """Name, type where it says something, category, and the language where it is needed."""
    words = [one.name]
    if sum(other.name == one.name for other in among) > 1:
        words[0] += f" ({one.language})"
    if one.channel in ("whatsapp", "rcs"):
        words.append(TYPES[one.channel].get(one.type, one.type))
    if one.category:
        words.append(one.category.title())
    return " · ".join(words)


def content_of(template: Template) -> Content:
    """What a template says."""
    return msgspec.convert(template.content, Content)


def offers(request: HttpRequest) -> Offers:
    """What the account of this request can send with now."""
    account = account_id(request)

    async def work(connection: Any) -> tuple[Snapshot, list[tuple[str, str, str]], int]:
        return (
            await load(connection, EMPTY, _TABLES, {}),
            await identities.offered(connection, account),
            await queries.balance(connection, account),
        )

    snapshot, own, balance = look(request, work)
    on = enabled(request)
    user = request.user
    sandbox = bool(isinstance(user, User) and user.account and user.account.is_sandbox)
    found = {
        channel: _offer(channel, snapshot, account, own, is_on=channel in on)
        for channel in CHANNEL_NAMES
    }
    return Offers(account, found, snapshot, balance, sandbox)


def _offer(
    channel: str,
    snapshot: Snapshot,
    account: int,
    own: list[tuple[str, str, str]],
    *,
    is_on: bool,
) -> Offer:
    if not is_on:
        return Offer(
            channel, why_not=f"{CHANNEL_NAMES[channel]} is switched off",
            todo="Your operator switches channels on and off for your account; ask there.",
        )  # fmt: skip
    if channel in ("whatsapp", "rcs"):
        senders = [
            (value, f"{label} · {value}" if label else value)
            for kind, value, label in own if kind == channel
        ]  # fmt: skip
    else:
        rows = snapshot.senders.get((account, channel), {}).values()
        approved = [one for one in rows if one.status == "APPROVED"]
        approved.sort(key=lambda one: not one.is_default)
        senders = [(one.value, f"{one.value} · approved") for one in approved]
    usable = [
        one
        for one in snapshot.templates.get((account, channel), Templates()).by_id.values()
        if one.usable
    ]
    usable.sort(key=lambda one: (one.name, one.language))
    if not senders:
        return Offer(channel, [], tuple(usable), _NO_SENDER_TITLES[channel], _NO_SENDER[channel])
    return Offer(channel, senders, tuple(usable))
