"""Finds what is wrong with this installation, and says what to do about each finding.

Every check is a small function from what it needs to findings, so that a new one is one more line.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import typer

from cpaas.cli import output
from cpaas.config import Settings, unknown_names

if TYPE_CHECKING:
    from cpaas.cli.doctor_queries import DeadLetters, Heartbeat, RouteBinds
    from cpaas.services.catalogue import Service

app = typer.Typer()

Verdict = Literal["ok", "warning", "failed"]

DISK_FREE_BYTES_MIN = 2_000_000_000
CLOCK_SECONDS_MAX = 2.0
QUEUE_SECONDS_MAX = 60.0
HEARTBEAT_SECONDS_MAX = 15.0
ROUTE_REPORT_SECONDS_MAX = 60.0
PARTITION_DAYS_MIN = 3
COUNTED_MAX = 10_000
STUCK_SECONDS_MAX = 3
STUCK_DAYS = 4
ANCESTORS_MAX = 64


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    what: str
    todo: str = ""


@app.command()
def doctor(json: output.Json = False) -> None:
    """Look for what is wrong: ports, disk, clock, database, queues, carriers."""
    findings = asyncio.run(examine(output.settings()))
    healthy = all(finding.verdict != "failed" for finding in findings)
    if json:
        output.emit({"healthy": healthy, "findings": findings})
    else:
        output.table(
            ("", "check", "finding", "what to do"),
            [(_MARKS[f.verdict], f.check, f.what, f.todo) for f in findings],
        )
    if not healthy:
        raise typer.Exit(1)


_MARKS: dict[str, str] = {"ok": "ok", "warning": "!", "failed": "FAILED"}


async def examine(settings: Settings) -> list[Finding]:
    """Everything that can be looked at from here."""
    findings = [*check_settings(), *check_disk(settings.home, lambda p: shutil.disk_usage(p).free)]
    findings += check_speech(settings)
    findings += await check_services(settings)
    return findings + await check_database(settings)


def check_settings() -> Iterator[Finding]:
    """Variables that look like settings and are none."""
    warnings = unknown_names(os.environ)
    for warning in warnings:
        yield Finding("settings", "warning", warning, "correct the name or remove it")
    if not warnings:
        yield Finding("settings", "ok", "every CPAAS_ variable is known")


def check_disk(home: Path, free_bytes: Callable[[Path], int]) -> Iterator[Finding]:
    """Room where data and logs are written."""
    place = next(
        (path for path in [home, *home.parents][:ANCESTORS_MAX] if path.exists()), Path("/")
    )
    free = free_bytes(place)
    if free < DISK_FREE_BYTES_MIN:
        yield Finding(
            "disk",
            "failed",
            f"only {free / 1e9:.1f} GB are free at {place}",
            f"free some, or move CPAAS_HOME; {DISK_FREE_BYTES_MIN / 1e9:.0f} GB are the least",
        )
    else:
        yield Finding("disk", "ok", f"{free / 1e9:.1f} GB are free at {place}")


def check_speech(settings: Settings) -> Iterator[Finding]:
    """piper, where it is set to speak."""
    from cpaas.channels.base import Piper
    from cpaas.channels.voice.speech import piper_missing

    if not settings.piper:
        return
    if why := piper_missing(Piper(settings.piper, settings.piper_voices)):
        what, _, todo = why.partition(": ")
        yield Finding("speech", "failed", what, todo)
    else:
        yield Finding("speech", "ok", f"piper speaks, with the voices in {settings.piper_voices}")


async def check_services(settings: Settings) -> list[Finding]:
    """Each service of the catalogue: well, or its ports free for it."""
    from cpaas.services import catalogue
    from cpaas.supervisor import health, lock

    state = lock.read_state(settings.run)
    rows = {row.name: row for row in state.services} if state else {}
    findings = []
    for service in catalogue.active(settings):
        ports = catalogue.ports(service, settings)
        row = rows.get(service.name)
        if row is not None and row.status == "STOPPED":
            findings.append(
                Finding(
                    service.name,
                    "warning",
                    "stopped on request",
                    f"start it with `cpaas service start {service.name}`",
                )
            )
        elif row is not None:
            findings.append(await _answering(settings, service))
        else:
            findings += [
                Finding(
                    service.name,
                    "failed",
                    f"port {port} is in use{health.holder(port)}, and nothing of this home runs",
                    f"free it, or set {name}",
                )
                for name, port in ports
                if health.taken(settings.host, port)
            ]
    if state is None:
        findings.append(
            Finding("platform", "warning", "nothing runs in this home", "start it: `cpaas up`")
        )
    return findings


async def _answering(settings: Settings, service: "Service") -> Finding:
    from cpaas.services import catalogue
    from cpaas.supervisor import health

    name, (host, port, path) = service.name, catalogue.health(service, settings)
    if await health.healthy(host, port, path):
        return Finding(name, "ok", f"well on port {port}")
    log = settings.logs / f"{name}.log"
    return Finding(name, "failed", f"does not answer {path} on port {port}", f"see {log}")


async def check_database(settings: Settings) -> list[Finding]:
    """The database itself, and what it knows about queues, carriers and processes."""
    from cpaas.cli import database
    from cpaas.cli import doctor_queries as queries

    if settings.embedded and not settings.postgres_password_file.exists():
        return [Finding("database", "warning", "not made yet", "`cpaas up` makes it")]
    try:
        async with database.connected(settings) as connection:
            started = time.monotonic()
            version, clock = await queries.server(connection)
            millis = (time.monotonic() - started) * 1000
            findings = [
                Finding("database", "ok", f"PostgreSQL {version} answers in {millis:.1f} ms"),
                check_clock(clock, time.time()),
                check_partitions(await queries.partitions_ahead(connection)),
            ]
            findings += [
                check_queue(depth.queue, depth.items, depth.oldest_seconds)
                for depth in await queries.queue_depths(connection)
            ]
            findings += [check_dead(dead) for dead in await queries.dead_letters(connection)]
            findings.append(
                check_receipts(await queries.receipts_given_up(connection, COUNTED_MAX))
            )
            findings.append(await _stuck(connection))
            findings += [check_route(route) for route in await queries.route_binds(connection)]
            beats = await queries.heartbeats(connection)
            findings += [
                check_heartbeat(f"{beat.service} on {beat.host} (pid {beat.pid})", beat.seconds_ago)
                for beat in beats
            ]
            findings += list(check_broker(beats))
            return findings
    except output.CliError as error:
        return [Finding("database", "failed", error.what, error.todo)]


def check_clock(database_seconds: float, our_seconds: float) -> Finding:
    """Two clocks that disagree make schedules and receipts wrong."""
    apart = abs(database_seconds - our_seconds)
    if apart > CLOCK_SECONDS_MAX:
        what = f"this machine and the database are {apart:.0f} s apart"
        return Finding("clock", "failed", what, "synchronise both with NTP")
    return Finding("clock", "ok", "this machine and the database agree")


def check_partitions(days: int) -> Finding:
    """Without tomorrow's partition no message can be stored tomorrow."""
    if days < PARTITION_DAYS_MIN:
        return Finding("partitions", "failed", f"made for {days} days ahead", "`cpaas db migrate`")
    return Finding("partitions", "ok", f"made for {days} days ahead")


def check_queue(queue: str, items: int, oldest_seconds: float) -> Finding:
    """A due item should be taken within moments."""
    what = f"{items} items, the oldest due for {oldest_seconds:.0f} s"
    if oldest_seconds > QUEUE_SECONDS_MAX:
        todo = "see whether its service runs and its carrier is connected"
        return Finding(queue, "warning", what, todo)
    return Finding(queue, "ok", what)


def check_dead(dead: "DeadLetters") -> Finding:
    """What nobody could work waits for a person's decision."""
    what = f"{dead.letters} dead letters, {dead.messages} messages; the newest: {dead.reason}"
    todo = f"`cpaas deadletter show {dead.newest_id}`, then replay or discard"
    return Finding(f"{dead.queue}.dead", "warning", what[:200], todo)


def check_receipts(given_up: int) -> Finding:
    """A receipt without a message points to a wrong message id mode, or to another's traffic."""
    if given_up:
        what = f"{given_up} found no message within 72 hours"
        todo = "see `cpaas receipt list`; check the route's message_id_mode"
        return Finding("receipts", "warning", what, todo)
    return Finding("receipts", "ok", "every receipt found its message, or still may")


def check_stuck(by_status: dict[str, int] | None) -> Finding:
    """Messages that should long have gone on; None: they could not be counted in time."""
    if by_status is None:
        what = f"not counted within {STUCK_SECONDS_MAX} s: the tables are large"
        return Finding("messages", "warning", what, "look at them: `cpaas message stuck`")
    if by_status:
        what = ", ".join(f"{count} {status}" for status, count in by_status.items())
        return Finding("messages", "warning", f"stuck: {what}", "see `cpaas message stuck`")
    return Finding("messages", "ok", "none is stuck")


async def _stuck(connection: Any) -> Finding:
    import asyncpg

    from cpaas.cli import queries
    from cpaas.kit.ids import lowest_at

    since = lowest_at(int((time.time() - STUCK_DAYS * 86_400) * 1000))
    try:
        async with connection.transaction():
            await queries.limit_statements(connection, STUCK_SECONDS_MAX)
            return check_stuck(await queries.count_stuck(connection, since, COUNTED_MAX))
    except asyncpg.QueryCanceledError:
        return check_stuck(None)


def check_route(route: "RouteBinds") -> Finding:
    """A route that is switched on should be connected."""
    name, ago = f"route {route.name}", route.reported_seconds_ago
    if route.state is None or ago is None:
        return Finding(name, "warning", "no service has reported on it", "start its service")
    if ago > ROUTE_REPORT_SECONDS_MAX:
        what = f"last reported {route.state} {ago:.0f} s ago"
        return Finding(name, "warning", what, "see whether its service runs")
    binds = f"{route.state}, {route.binds_up} of {route.binds_wanted} binds"
    if route.state == "connecting" and not route.last_error:
        return Finding(name, "warning", binds, "it is binding; look again in a few seconds")
    if route.binds_up < route.binds_wanted:
        what = f"{binds}{': ' if route.last_error else ''}{route.last_error}"
        return Finding(name, "failed", what, "check its host, port and credentials")
    return Finding(name, "ok", binds)


def check_broker(beats: "Sequence[Heartbeat]") -> Iterator[Finding]:
    """RabbitMQ as each living process sees it; while it is away the queues go past it."""
    for beat in beats:
        if beat.broker_up is None or beat.seconds_ago > HEARTBEAT_SECONDS_MAX:
            continue
        if beat.broker_up:
            yield Finding("RabbitMQ", "ok", f"{beat.service} is connected")
        else:
            what = f"{beat.service} takes from PostgreSQL instead: {beat.broker_error}"
            yield Finding("RabbitMQ", "warning", what, "start it, or correct CPAAS_AMQP_URL")


def check_heartbeat(who: str, seconds_ago: float) -> Finding:
    """A process that ended without saying so, or hangs."""
    if seconds_ago > HEARTBEAT_SECONDS_MAX:
        what = f"no heartbeat for {seconds_ago:.0f} s"
        return Finding(who, "warning", what, "nothing, if it was killed: its work is taken over")
    return Finding(who, "ok", "alive")
