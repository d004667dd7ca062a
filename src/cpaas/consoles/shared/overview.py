"""What both dashboards draw from figures: cards, traffic, the split by channel, errors."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cpaas.channels.errors import CATALOGUE
from cpaas.consoles.shared import charts, formats
from cpaas.consoles.shared.charts import Chart, Series
from cpaas.consoles.shared.filters import zone
from cpaas.consoles.shared.runtime import runtime
from cpaas.reports.types import Comparison, ErrorCount, Figures, Split, TrafficMinute

CHANNEL_NAMES: Final = {"sms": "SMS", "whatsapp": "WhatsApp", "rcs": "RCS", "voice": "Voice"}


class Card(msgspec.Struct, frozen=True):
    """A headline figure: its comparison has a tone, and a sentence beside it."""

    label: str
    value: str
    of: str = ""
    change: str = ""
    tone: str = ""
    aside: str = ""


def messages_card(label: str, today: Figures, against: Comparison) -> Card:
    """How many were accepted today, against the same weekday up to the same hour."""
    change, tone = _change(against.now.accepted, against.week_ago.accepted)
    aside = f"on last {_weekday(against)}" if change else "counts live messages, not tests"
    return Card(label, formats.count(today.accepted), change=change, tone=tone, aside=aside)


def success_card(today: Figures, against: Comparison) -> Card:
    """Delivered of what was handed to a carrier."""
    rate, before = today.success_rate, against.week_ago.success_rate
    if rate is None:
        return Card("Success Rate", formats.DASH, aside="after the first receipt")
    change, tone = "", ""
    now = against.now.success_rate
    if now is not None and before is not None:
        points = 100 * (now - before)
        change = f"{points:+.1f} pts".replace("-", "−")
        tone = "ok-text" if points >= 0 else "bad-text"
    aside = f"{formats.count(today.delivered)} of {formats.count(today.submitted)}"
    return Card("Success Rate", f"{100 * rate:.1f}%", change=change, tone=tone, aside=aside)


def money_card(label: str, today: Figures, against: Comparison, *, is_cost: bool = False) -> Card:
    """Charges less refunds of today. What is spent is neither good nor bad, less revenue is bad."""
    currency = runtime().settings.currency
    change, tone = _change(against.now.net_micro, against.week_ago.net_micro)
    if is_cost:
        tone = "grey"
    refunds = formats.amount(today.refunded_micro, currency)
    return Card(
        label, formats.amount(today.net_micro, currency), change=change, tone=tone,
        aside=f"refunds {refunds}",
    )  # fmt: skip


def _change(now: int, before: int) -> tuple[str, str]:
    if not before:
        return "", ""
    percent = 100 * (now - before) / before
    return f"{percent:+.1f}%".replace("-", "−"), "ok-text" if percent >= 0 else "bad-text"


def _weekday(against: Comparison) -> str:
    until = against.until.astimezone(zone())
    return f"{until:%A}, until {until:%H:%M}"


def traffic_chart(minutes: Sequence[TrafficMinute]) -> Chart:
    """Messages per minute of the last hour, by how they ended so far."""
    local = zone()
    sets = [
        Series("Delivered", [one.figures.delivered for one in minutes], charts.GREEN, "is-ok"),
        Series("In flight", [one.figures.in_flight for one in minutes], charts.AMBER, "is-wait"),
        Series("Failed", [one.figures.undelivered for one in minutes], charts.RED, "is-bad"),
    ]
    total = sum(one.figures.accepted for one in minutes)
    failed = sum(one.figures.undelivered for one in minutes)
    return Chart(
        kind="bar",
        labels=[one.at.astimezone(local).strftime("%H:%M") for one in minutes],
        series=sets,
        said=f"Messages per minute: {total} in the last hour, {failed} of them failed.",
    )


def channel_rows(splits: Sequence[Split], channels: Sequence[str]) -> list[dict[str, object]]:
    """Each channel with its share of the busiest one and its success rate."""
    by_key = {one.key: one.figures for one in splits}
    most = max((one.accepted for one in by_key.values()), default=0)
    rows: list[dict[str, object]] = []
    for channel in channels:
        sums = by_key.get(channel, Figures())
        rate = sums.success_rate
        rows.append(
            {
                "name": CHANNEL_NAMES[channel],
                "count": formats.count(sums.accepted),
                "width": f"{100 * sums.accepted / most:.1f}" if most else "0",
                "rate": formats.DASH if rate is None else f"{100 * rate:.1f}%",
            }
        )
    return rows


def error_rows(errors: Sequence[ErrorCount]) -> list[dict[str, object]]:
    """Errors in words, with the change against yesterday by the same hour."""
    rows: list[dict[str, object]] = []
    for one in errors:
        change = f"{100 * (one.until_hour - one.before) / one.before:+.0f}%" if one.before else ""
        rows.append(
            {
                "code": one.error_code,
                "words": error_words(one.error_code),
                "count": formats.count(one.messages),
                "change": change.replace("-", "−") or "new",
                "tone": _tone(one),
            }
        )
    return rows


def _tone(one: ErrorCount) -> str:
    if not one.before:
        return "grey"
    return "bad-text" if one.until_hour > one.before else "ok-text"


#: what the platform itself says of a message or a row; the carriers' words have a catalogue.
_OWN_WORDS: Final = {
    "invalid_number": "This is no phone number", "duplicate": "An earlier row has the same number",
    "row_too_long": "The row has more cells than there are columns",
    "cell_too_long": "A cell is too long", "variable_empty": "A cell that the text needs is empty",
    "text_too_long": "The text is too long", "no_price": "No price is set for the country",
    "country_not_allowed": "Your account may not send to this country",
    "blocked": "The number is on a blacklist", "cancelled": "It was cancelled",
    "expired": "It waited longer than its validity", "no_route": "No route leads to this number",
    "no_route_left": "Every route was tried and none took it",
    "no_receipt": "The carrier sent no receipt within 72 hours",
    "insufficient_balance": "There was not enough balance",
    "duplicate_delivery": "It arrived after another message of its fallback",
}  # fmt: skip


def error_words(code: str) -> str:
    """An error's sentence from the catalogue, short; the code itself when it is not there."""
    found = CATALOGUE.get(code)
    if found is not None:
        return found.text.rstrip(".")
    if code in _OWN_WORDS:
        return _OWN_WORDS[code]
    # A carrier's own code, which only its handbook explains.
    return f"Carrier's code {code}" if code.isdigit() else code.replace("_", " ").capitalize()
