"""The cells of tables: small, safe pieces of HTML, the same on every screen."""

from datetime import UTC, datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from cpaas.consoles.shared import formats, tones
from cpaas.consoles.shared.runtime import runtime

NOTHING = mark_safe('<span class="grey">—</span>')


def name(text: str, aside: str = "", link: str = "") -> SafeString:
    """The row's name, bold, with a grey side fact."""
    shown = format_html('<a href="{}">{}</a>', link, text) if link else text
    if not aside:
        return format_html('<span class="strong">{}</span>', shown)
    return format_html('<span class="strong">{}</span> <span class="aside">{}</span>', shown, aside)


def grey(text: str) -> SafeString:
    """A side fact."""
    return format_html('<span class="grey">{}</span>', text)


def mono(text: str, title: str = "") -> SafeString:
    """Ids, keys, queue names."""
    if not text:
        return NOTHING
    return format_html('<span class="mono" title="{}">{}</span>', title or text, text)


def badge(status: str, title: str = "", text: str = "") -> SafeString:
    """A status in its colour; text: what it says, if more than the status."""
    kinds = {
        "success": "bg-green-100 text-green-700 dark:bg-green-500/20 dark:text-green-400",
        "warning": "bg-orange-100 text-orange-700 dark:bg-orange-500/20 dark:text-orange-400",
        "danger": "bg-red-100 text-red-700 dark:bg-red-500/20 dark:text-red-400",
    }
    plain = "bg-base-500/8 text-base-700 dark:bg-base-500/20 dark:text-base-200"
    return format_html(
        '<span class="badge{} {}" title="{}">{}</span>',
        " as-is" if text else "", kinds.get(tones.badge(status), plain), title, text or status,
    )  # fmt: skip


def dot(word: str, tone: str, title: str = "") -> SafeString:
    """A live state: a dot and a word."""
    return format_html(
        '<span class="state {}" title="{}"><i class="dot"></i>{}</span>', tone, title, word
    )


def bar(percent: float, word: str, tone: str = "") -> SafeString:
    """A share as a small bar with its figure."""
    width = f"{max(0.0, min(100.0, percent)):.1f}"
    return format_html(
        '<span class="mini {}"><span class="track"><i style="width:{}%"></i></span>{}</span>',
        tone, width, word,
    )  # fmt: skip


def money(micro: int) -> SafeString:
    """An amount in the platform's currency."""
    return format_html(
        '<span class="figure">{}</span>', formats.amount(micro, runtime().settings.currency)
    )


def count(number: int) -> SafeString:
    """A count."""
    return format_html('<span class="figure">{}</span>', formats.count(number))


def time(micros: int | None) -> SafeString:
    """When, with the whole moment and its zone on hover."""
    if micros is None:
        return NOTHING
    zone = runtime().settings.timezone
    at = formats.moment(micros, zone)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="milliseconds"),
        f"{at.strftime('%d %b %Y %H:%M:%S')} {zone}",
        formats.when(micros, zone, datetime.now(UTC)),
    )


def beside(*pieces: SafeString) -> SafeString:
    """Several pieces in one cell."""
    return format_html_join(" ", "{}", ((piece,) for piece in pieces))


def button(word: str, link: str, icon: str = "") -> SafeString:
    """A small button in a row."""
    sign = format_html('<span class="material-symbols-outlined">{}</span>', icon) if icon else ""
    return format_html('<a class="button-row" href="{}">{}{}</a>', link, sign, word)
