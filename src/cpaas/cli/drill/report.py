"""The report of a drill for people: what was done, what was proven, what is open, how to repeat it.

Sections are made once and written as Markdown and as one HTML page that needs nothing else.
"""

import datetime as dt
import html
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas import __version__
from cpaas.cli.drill.books import AGAIN
from cpaas.cli.drill.course import Result, Struck, Wishes
from cpaas.cli.drill.victims import ROWS

_DEEDS: Final = {
    "core": "cpaas-core (REST API, webhooks) was killed",
    "sms": "cpaas-sms (routing, carriers) was killed",
    "postgres": "PostgreSQL was killed",
    "rabbitmq": "RabbitMQ was killed",
    "smsc": "the carrier was killed",
    "webhook": "the customer's webhook receiver was killed",
}
_LINKS: Final = {
    "api": "between customers and the API", "carrier": "to the carrier",
    "customer": "to the customer's webhook receiver", "database": "to PostgreSQL",
}  # fmt: skip
_NETWORK: Final = {
    "cut": "the connections {} were cut", "stall": "the network {} stalled",
    "refuse": "the connections {} were cut and refused",
    "lose": "answers on the network {} were lost",
}  # fmt: skip
_CSS: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #ddd;vertical-align:top}"
    "th{background:#f5f5f5}.good{color:#0a6b2d}.bad{color:#b00020}code{background:#f5f5f5}"
)


class Section(msgspec.Struct, frozen=True):
    """A heading, a sentence, and a table."""

    title: str
    text: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def verdict(result: Result) -> str:
    """The first line."""
    if result.books.good:
        again = result.books.facts[AGAIN]
        twice = f"{again} parts sent twice, each by policy" if again else "nothing sent twice"
        return f"The books agree: nothing lost, {twice}, every cent accounted for"
    wrong = sum(not check.good for check in result.books.checks)
    return f"THE BOOKS DO NOT AGREE: {wrong} lines are off"


def deed(struck: Struck) -> str:
    """What was done, in words."""
    blow = struck.blow
    if blow.service is not None:
        return f"{ROWS[blow.service]} stood still for {blow.seconds:.1f} s"
    if blow.link is None:
        words = _DEEDS[blow.victim]
    else:
        words = _NETWORK[blow.deed].format(_LINKS[blow.link])
    stays = blow.link is not None and blow.deed not in {"cut", "lose"}
    return f"{words} for {blow.seconds:.1f} s" if stays else words


def sections(wishes: Wishes, result: Result, command: str) -> list[Section]:
    """The whole report."""
    books = result.books
    done = [
        (struck.blow.number, f"{struck.at:.1f} s", deed(struck), f"{struck.well_after:.1f} s")
        for struck in sorted(result.struck, key=lambda one: one.at)
    ]
    made = [
        Section(
            "What was done to the system",
            f"{result.messages} messages were sent in {result.traffic_seconds:.0f} s over "
            f"{wishes.connections} connections by three customers, while parts of the platform "
            f"and what is around it were killed {len(done)} times. All was quiet "
            f"{result.quiet_seconds:.0f} s later.",
            ("#", "at", "what", "well again after"), done,
        ),
        Section(
            "What was proven", "Each line compares two independent records.",
            ("line", "must be", "is", ""),
            [(one.what, one.expected, one.found, "ok" if one.good else "WRONG")
             for one in books.checks],
        ),
    ]  # fmt: skip
    if books.samples:
        rows = [(sample,) for sample in books.samples]
        made.append(Section("What is off", "A few examples of each line.", ("example",), rows))
    open_ = list(books.in_flight.items())
    text = "" if open_ else "Nothing: every message has its end and every customer knows it."
    made.append(Section("What is still in flight, and why", text, ("reason", "count"), open_))
    made += [
        Section(
            "Memory",
            "The most that each process held in each quarter of the traffic, in MB.",
            ("process", "first", "second", "third", "last"),
            [(name, *most) for name, most in result.memory.items()],
        ),
        Section("What happened on the way", "", ("fact", "count"), list(books.facts.items())),
        Section(
            "How to repeat it",
            f"`{command}` sends the same requests and strikes the same blows in the same order. "
            "At which packet a blow falls is the machine's chance.",
        ),
    ]
    return made


def markdown(title: str, made: Sequence[Section]) -> str:
    """The report as Markdown."""
    out = [f"# Drill: {title}", "", _stamp(), ""]
    for one in made:
        out += [f"## {one.title}", "", *([one.text, ""] if one.text else [])]
        if one.rows:
            out.append("| " + " | ".join(one.columns) + " |")
            out.append("|" + "---|" * len(one.columns))
            out += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in one.rows]
            out.append("")
    return "\n".join(out)


def page(title: str, made: Sequence[Section], *, good: bool) -> str:
    """The report as one HTML page."""
    out = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>Drill report</title><style>{_CSS}</style>",
        f"<h1 class={'good' if good else 'bad'}>{html.escape(title)}</h1><p>{_stamp()}</p>",
    ]
    for one in made:
        text = html.escape(one.text)
        while "`" in text:
            text = text.replace("`", "<code>", 1).replace("`", "</code>", 1)
        out.append(f"<h2>{html.escape(one.title)}</h2><p>{text}</p>")
        if one.rows:
            heads = "".join(f"<th>{html.escape(column)}</th>" for column in one.columns)
            out.append(f"<table><tr>{heads}</tr>")
            out += [f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in one.rows]
            out.append("</table>")
    return "\n".join(out)


def _cell(value: Any) -> str:
    mark = {"ok": " class=good", "WRONG": " class=bad"}.get(value, "")
    return f"<td{mark}>{html.escape(str(value))}</td>"


def _stamp() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now:%Y-%m-%d %H:%M} UTC, version {__version__}"
