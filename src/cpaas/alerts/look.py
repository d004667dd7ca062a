"""What is not well now, from what Monitoring reads: services, routes, queues, disk, figures."""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from cpaas.alerts import queries
from cpaas.alerts.types import Condition
from cpaas.insights import judge
from cpaas.monitoring import queries as monitoring
from cpaas.monitoring.ping import Pinged, knock_broker, ping
from cpaas.monitoring.types import Running, Watched
from cpaas.reports import figures
from cpaas.reports.statement import ask
from cpaas.reports.types import Figures
from cpaas.routes import queries as routes
from cpaas.routes.types import RouteRow
from cpaas.settings.current import Current

DELIVERY_SECONDS: Final = 60.0
DELIVERY_DAYS: Final = 7
RESTART_MINUTES: Final = 10
CONNECTIONS_SHARE: Final = 0.9
#: once told, the disk must be this much emptier before it is over.
DISK_SLACK: Final = 2
_UP: Final = frozenset({"up", "throttled", "draining"})


class Looker:
    """Makes looks; the figures of delivery are read once a minute only."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._watched = watched
        self._delivery: list[Condition] = []
        self._delivery_at = float("-inf")

    async def look(
        self, connection: Any, current: Current, still_open: frozenset[tuple[str, str]]
    ) -> list[Condition]:
        """Every condition of this moment."""
        known = await monitoring.running(connection)
        answers = await self._ping()
        found = services(known, answers, current)
        starts = await queries.starts(connection, RESTART_MINUTES)
        found += restarts(starts, [one.name for one in self._watched], current)
        away = {one.subject.removeprefix("cpaas-") for one in found if one.kind == "service_down"}
        halted = {name.removeprefix("cpaas-") for name, one in known.items() if not one.wished}
        rows = await routes.routes(connection)
        down = links([one for one in rows if one.channel not in away | halted], current)
        found += down
        quiet = {f"submit_{one.subject}" for one in down}
        waits = await queries.oldest(connection)
        found += queues({name: age for name, age in waits.items() if name not in quiet}, current)
        found += disk(current, was_full=("disk", "") in still_open)
        found += await self._rest(connection, current)
        return found

    async def _ping(self) -> dict[str, Pinged]:
        answers = await asyncio.gather(*(asyncio.to_thread(ping, one) for one in self._watched))
        return {one.name: answer for one, answer in zip(self._watched, answers, strict=True)}

    async def _rest(self, connection: Any, current: Current) -> list[Condition]:
        found = postgresql(*await queries.connections(connection), current)
        broker = await asyncio.to_thread(knock_broker, current.started)
        if broker is not None and not broker.up:
            found.append(_rabbitmq(broker, current))
        if current["alert_dead_letters"]:
            found += dead_letters(await queries.dead_letters(connection))
        if current["alert_delivery"]:
            found += await self._delivered(connection, current.applied().timezone)
        return found

    async def _delivered(self, connection: Any, zone: str) -> list[Condition]:
        if time.monotonic() - self._delivery_at >= DELIVERY_SECONDS:
            now = datetime.now(UTC)
            by_route = await ask(
                connection, figures.of_days(None, now, zone, DELIVERY_DAYS, "route_id::text")
            )
            by_country = await ask(
                connection, figures.of_days(None, now, zone, DELIVERY_DAYS, "country")
            )
            names = {str(one.id): one.name for one in await routes.routes(connection)}
            self._delivery = drops(by_route, "route", names)
            self._delivery += drops(by_country, "country", {})
            self._delivery_at = time.monotonic()
        return self._delivery


def services(
    known: Mapping[str, Running], answers: Mapping[str, Pinged], current: Current
) -> list[Condition]:
    """Services that shall run and do not answer."""
    after = float(current["alert_service_down_seconds"])
    return [
        Condition(
            kind="service_down", subject=name, title=f"{name} is down", link="/monitoring/",
            body=f"{name} does not answer ({answer.fault}). What it does waits; nothing is lost.",
            after_s=after,
        )
        for name, answer in answers.items()
        if not answer.up and (name not in known or known[name].wished)
    ]  # fmt: skip


def restarts(starts: Mapping[str, int], names: Sequence[str], current: Current) -> list[Condition]:
    """Services that keep ending."""
    least = int(current["alert_restarts"])
    return [
        Condition(
            kind="service_restarts", subject=name, title=f"{name} keeps ending",
            link="/monitoring/",
            body=f"{name} was started {starts[name]} times within {RESTART_MINUTES} minutes."
            f" Its log says why: ./cpaas logs {name}",
        )
        for name in names
        if starts.get(name, 0) - 1 >= least
    ]  # fmt: skip


def links(rows: Sequence[RouteRow], current: Current) -> list[Condition]:
    """Active routes of which nothing is up."""
    after = float(current["alert_link_down_seconds"])
    return [
        Condition(
            kind="link_down", subject=one.name, title=f"Route {one.name} is down",
            link=f"/routes/{one.name}/", after_s=after,
            body=f"No connection to {one.host}:{one.port} is up"
            + (f": {one.last_error}." if one.last_error else ".")
            + " Its messages take the next route of their plan, or wait.",
        )
        for one in rows
        if one.active and not one.simulated and one.state and one.state not in _UP
    ]  # fmt: skip


def queues(waits: Mapping[str, float], current: Current) -> list[Condition]:
    """Queues whose oldest item waits too long."""
    most = int(current["alert_queue_age_seconds"])
    return [
        Condition(
            kind="queue_age", subject=name, title=f"Queue {name}: its oldest item waits",
            link="/monitoring/",
            body=f"The oldest item could have gone {age:.0f} seconds ago; {most} are allowed.",
        )
        for name, age in waits.items()
        if age > most
    ]  # fmt: skip


def disk(current: Current, *, was_full: bool) -> list[Condition]:
    """The disk with the home folder, and with it the embedded database."""
    try:
        usage = shutil.disk_usage(current.started.home)
    except OSError:
        return []
    percent = 100 * usage.used / max(1, usage.used + usage.free)
    most = int(current["alert_disk_percent"])
    if percent < most - (DISK_SLACK if was_full else 0):
        return []
    return [
        Condition(
            kind="disk", subject="", title=f"The disk is {percent:.0f}% full", link="/monitoring/",
            body=f"{usage.free / 1e9:.1f} GB are free where {current.started.home} lies."
            " A full disk stops acceptance (503 storage_full); nothing accepted is lost.",
        )
    ]  # fmt: skip


def postgresql(used: int, allowed: int, current: Current) -> list[Condition]:
    """A server that is about to refuse connections."""
    if used < CONNECTIONS_SHARE * allowed:
        return []
    return [
        Condition(
            kind="postgresql", subject="connections", link="/monitoring/",
            title="PostgreSQL is short of connections",
            body=f"{used} of {allowed} connections are in use (max_connections).",
            after_s=float(current["alert_service_down_seconds"]),
        )
    ]  # fmt: skip


def _rabbitmq(answer: Pinged, current: Current) -> Condition:
    return Condition(
        kind="rabbitmq", subject="", title="RabbitMQ is down", link="/monitoring/",
        body=f"It cannot be reached ({answer.fault}). The queues wait in PostgreSQL; nothing is"
        " lost.",
        after_s=float(current["alert_service_down_seconds"]),
    )  # fmt: skip


def dead_letters(number: int) -> list[Condition]:
    """What could not be worked."""
    if not number:
        return []
    return [
        Condition(
            kind="dead_letters", subject="", title="Dead letters appeared",
            link="/monitoring/dead-letters/",
            body=f"{number} could not be worked after all their tries. Replay them once the reason"
            " is gone.",
        )
    ]  # fmt: skip


def drops(
    days: tuple[Mapping[str, Figures], Mapping[str, Figures]], what: str, names: Mapping[str, str]
) -> list[Condition]:
    """Routes or countries that deliver clearly less today than in the days before."""
    today, before = days
    found = []
    for key, now in today.items():
        past, name = before.get(key, Figures()), names.get(key, "" if names else key)
        one = judge.delivery(
            key, now.delivered + now.undelivered, now.delivered,
            past.delivered + past.undelivered, past.delivered,
        )  # fmt: skip
        if one and name:
            link = f"/routes/{name}/" if what == "route" else "/report-summary/"
            found.append(
                Condition(
                    kind="delivery_drop", subject=f"{what} {name}", link=link,
                    title=f"Delivery drop: {what} {name}",
                    body=f"{one.now:.1%} of {one.of:,} ended messages were delivered today; over"
                    f" the last {DELIVERY_DAYS} days it was {one.usual:.1%}.",
                )
            )  # fmt: skip
    return found
