"""Words of alerts, and their way into the notices: one mail a look, one post an alert."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from cpaas.alerts.types import Alert
from cpaas.notices import queries
from cpaas.notices.queries import Notice
from cpaas.settings.current import Current

Event = Literal["opened", "repeated", "closed"]
#: of one mail; the rest is counted and stands in Monitoring.
TOLD_MAX: Final = 30
TEST_TEXT: Final = (
    "This is a test. Nothing happened.\n\n"
    "Operator alerts and links for forgotten passwords come this way.\n"
)
_HEADS: Final[dict[Event, str]] = {
    "opened": "New", "repeated": "Still open", "closed": "Over",
}  # fmt: skip


class Told(msgspec.Struct, frozen=True):
    """What one look has to tell."""

    opened: Sequence[Alert] = ()
    repeated: Sequence[Alert] = ()
    closed: Sequence[Alert] = ()

    def __bool__(self) -> bool:
        return bool(self.opened or self.repeated or self.closed)

    def groups(self) -> list[tuple[Event, Sequence[Alert]]]:
        """What is new first."""
        found: list[tuple[Event, Sequence[Alert]]] = [
            ("opened", self.opened), ("repeated", self.repeated), ("closed", self.closed),
        ]  # fmt: skip
        return [(event, alerts) for event, alerts in found if alerts]


def subject(told: Told, name: str) -> str:
    """One line that says it all when there is one alert, else how many there are."""
    groups = told.groups()
    if sum(len(alerts) for _, alerts in groups) == 1:
        event, alerts = groups[0]
        head = {"opened": "", "repeated": "Still: ", "closed": "Over: "}[event]
        return f"[{name}] {head}{alerts[0].title}"
    counts = ", ".join(f"{len(alerts)} {_HEADS[event].lower()}" for event, alerts in groups)
    return f"[{name}] Alerts: {counts}"


def text(told: Told, dashboard: str, zone: str) -> str:
    """A mail's text."""
    lines = []
    for event, alerts in told.groups():
        for one in alerts[:TOLD_MAX]:
            lines += [f"{_HEADS[event]}: {one.title}", one.body, _times(one, zone)]
            lines += [f"{dashboard}{one.link}", ""]
        if len(alerts) > TOLD_MAX:
            lines += [f"and {len(alerts) - TOLD_MAX} more.", ""]
    lines += [f"All alerts, and Acknowledge: {dashboard}/monitoring/", ""]
    return "\n".join(lines)


def _times(one: Alert, zone: str) -> str:
    begun = _moment(one.opened_us, zone)
    return (
        f"Since {begun}."
        if one.closed_us is None
        else (f"It lasted from {begun} to {_moment(one.closed_us, zone)}.")
    )


def _moment(us: int, zone: str) -> str:
    at = datetime.fromtimestamp(us / 1_000_000, UTC).astimezone(ZoneInfo(zone))
    return f"{at:%d %b %Y %H:%M:%S} {zone}"


def _iso(us: int | None) -> str | None:
    if us is None:
        return None
    at = datetime.fromtimestamp(us / 1_000_000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def post(event: str, one: Alert, dashboard: str, now_us: int) -> str:
    """A webhook's body."""
    return msgspec.json.encode(
        {
            "type": f"alert.{event}", "timestamp": _iso(now_us),
            "data": {
                "id": one.id, "kind": one.kind, "subject": one.subject, "title": one.title,
                "text": one.body, "opened_at": _iso(one.opened_us),
                "closed_at": _iso(one.closed_us), "acknowledged_by": one.acknowledged_by,
                "url": f"{dashboard}{one.link}",
            },
        }
    ).decode()  # fmt: skip


def dashboard(current: Current) -> str:
    """Where the Admin Dashboard is."""
    return current.started.console_url("admin")


def addresses(current: Current) -> list[str]:
    """Who gets mail; nobody without a mail server."""
    return str(current["alert_mail_to"]).replace(",", " ").split() if current.has_mail else []


def wanted(told: Told, current: Current, now_us: int) -> list[Notice]:
    """The notices of one look, not yet stored; none when there is nothing to tell."""
    if not told:
        return []
    here, name = dashboard(current), current.name
    line, words = subject(told, name), text(told, here, current.applied().timezone)
    found = [Notice(0, "mail", to, line, words, 0, 0.0) for to in addresses(current)]
    if url := str(current["alert_webhook_url"]):
        found += [
            Notice(one.id, "webhook", url, one.title, post(event, one, here, now_us), 0, 0.0)
            for event, alerts in told.groups() for one in alerts
        ]  # fmt: skip
    return found


async def store(connection: Any, told: Told, current: Current, now_us: int) -> None:
    """Tells, in the caller's transaction: what is changed there and what is told are one."""
    for one in wanted(told, current, now_us):
        await queries.add(
            connection, one.kind, one.recipient, one.subject, one.body, alert_id=one.id
        )


def test_notices(current: Current) -> list[Notice]:
    """A test for each way that is set up."""
    now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
    one = Alert(0, "test", "", "Test alert", "This is a test. Nothing happened.", "/monitoring/",
                now_us, now_us, None, None, "")  # fmt: skip
    here = dashboard(current)
    line = f"[{current.name}] Test alert"
    found = [Notice(0, "mail", to, line, TEST_TEXT, 0, 0.0) for to in addresses(current)]
    if url := str(current["alert_webhook_url"]):
        found.append(Notice(0, "webhook", url, line, post("test", one, here, now_us), 0, 0.0))
    return found
