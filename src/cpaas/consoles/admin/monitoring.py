"""Monitoring: every service, every queue, who is bound, and what could not be worked."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from cpaas.consoles.admin import monitoring_alerts, monitoring_letters
from cpaas.consoles.shared import cells, formats
from cpaas.consoles.shared.live import render_live
from cpaas.consoles.shared.runtime import acting, change, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.consoles.shared.table import Column, Row, Table
from cpaas.monitoring import queries
from cpaas.monitoring.ping import Pinged, knock_broker, ping
from cpaas.monitoring.types import Bind, Depth, Running, Watched
from cpaas.routes import queries as routes

#: queues that are shown also when they are empty.
ALWAYS: Final = (
    "cpaas.sms.submit", "cpaas.whatsapp.submit", "cpaas.rcs.submit", "cpaas.voice.submit",
    "cpaas.webhook",
)  # fmt: skip
BROKER: Final = "RabbitMQ"
#: a queue whose oldest item waits longer than this is not well.
OLD_SECONDS: Final = 60
_ITSELF: Final = "cpaas-admin"
_SERVICES: Final = (
    Column("Service", wide=True), Column("Status"), Column("Ping", right=True),
    Column("Uptime", right=True), Column("Restarts", right=True), Column("Version", extra=True),
)  # fmt: skip
_QUEUES: Final = (
    Column("Queue", wide=True), Column("Messages", right=True), Column("Items", right=True),
    Column("Oldest waits", right=True),
)  # fmt: skip
_BINDS: Final = (
    Column("System ID"), Column("Account", wide=True), Column("Bind"), Column("Address"),
    Column("Submitted", right=True), Column("Refused", right=True),
    Column("Delivered", right=True), Column("Since", right=True),
)  # fmt: skip


def monitoring(request: HttpRequest) -> HttpResponse:
    """The page; it refreshes itself."""

    async def work(connection: Any) -> tuple[Any, ...]:
        found = await routes.routes(connection)
        names = [f"submit_{one.name}" for one in found if not one.simulated]
        return (
            await queries.running(connection),
            await queries.depths(connection, [*ALWAYS, *names]),
            await queries.binds(connection),
            [one for one in found if not one.simulated],
            await monitoring_letters.counts(connection),
            await monitoring_alerts.read(connection),
        )

    known, depths, binds, carriers, held, alerts = look(request, work)
    watched = runtime().watched
    with ThreadPoolExecutor(max(1, len(watched) + 1)) as pool:
        broker = pool.submit(knock_broker, runtime().settings)
        answers = list(pool.map(ping, watched))
    context = {
        "title": "Monitoring",
        "services": [
            _service(one, answer, known.get(one.name))
            for one, answer in sorted(zip(watched, answers, strict=True), key=_simulators_last)
        ],
        "broker": _broker_line(broker.result(), depths), "queues": _queues(depths),
        "carriers_up": sum(1 for one in carriers if one.state in {"up", "throttled"}),
        "carriers": sum(1 for one in carriers if one.active), "binds": _binds(binds),
        "held": held, "alerts": monitoring_alerts.table(request, alerts),
        "alerts_open": sum(1 for one in alerts if one.closed_us is None),
    }  # fmt: skip
    return render_live(
        request, "admin_console/monitoring.html", "admin_console/monitoring_live.html", context
    )


def _simulators_last(pair: tuple[Watched, Pinged]) -> bool:
    return not pair[0].name.startswith("cpaas-")


def _service(one: Watched, answer: Pinged, known: Running | None) -> dict[str, Any]:
    wished = known is None or known.wished
    if answer.up:
        state = cells.dot("UP", "is-ok")
    elif not wished:
        who = known.changed_by if known else ""
        state = cells.dot("DOWN", "is-idle", f"stopped by {who}")
    else:
        state = cells.dot("DOWN", "is-bad", answer.fault)
    started = known.started_us if known and answer.up else None
    return {
        "name": one.name, "state": state, "port": one.port, "wished": wished, "up": answer.up,
        "why": "" if wished else f"stopped by {known.changed_by if known else 'an operator'}",
        "ping": f"{answer.latency_ms:.0f} ms" if answer.up else formats.DASH,
        "uptime": formats.span(_now() - started) if started else formats.DASH,
        "restarts": known.restarts if known else 0, "version": known.version if known else "",
        "itself": one.name == _ITSELF,
    }  # fmt: skip


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def _broker_line(answer: Pinged | None, depths: list[Depth]) -> dict[str, Any]:
    held = sum(one.messages for one in depths)
    said = f"{formats.count(held)} messages in {len(depths)} queues"
    if answer is None:
        return {"state": cells.dot("embedded", "is-ok"), "ping": formats.DASH,
                "said": f"not used: PostgreSQL carries the queues; {said}"}  # fmt: skip
    state = cells.dot("UP", "is-ok") if answer.up else cells.dot("DOWN", "is-bad", answer.fault)
    away = "" if answer.up else "; they wait in PostgreSQL, nothing is lost"
    return {"state": state, "ping": f"{answer.latency_ms:.0f} ms" if answer.up else formats.DASH,
            "said": said + away}  # fmt: skip


def _queues(depths: list[Depth]) -> Table:
    return Table(
        columns=_QUEUES,
        rows=[
            Row(
                [
                    cells.mono(one.queue),
                    format_html("{}{}", cells.count(one.messages), "+" if one.more else ""),
                    cells.count(one.items),
                    cells.dot(
                        formats.span(int(one.oldest_s * 1_000_000)),
                        "is-wait" if one.oldest_s > OLD_SECONDS else "is-ok",
                    )
                    if one.items and one.oldest_s
                    else cells.NOTHING,
                ]
            )
            for one in depths
        ],
    )


def _binds(found: list[Bind]) -> Table:
    return Table(
        columns=_BINDS,
        rows=[
            Row(
                [
                    cells.name(one.system_id), one.account, one.bind_type,
                    cells.mono(one.address), cells.count(one.submitted), cells.count(one.refused),
                    cells.count(one.delivered), cells.time(one.bound_us),
                ]
            )
            for one in found
        ],
        empty_title="No customer is bound",
        empty_text="Customers bind to the SMPP server with the credentials of their account.",
    )  # fmt: skip


@require_POST
def control(request: HttpRequest, service: str, deed: str) -> HttpResponse:
    """Start, stop or restart a service: a wish that every supervisor obeys, also after `up`."""
    if service not in {one.name for one in runtime().watched} or deed not in _DEEDS:
        raise Http404("There is no such service.")
    if service == _ITSELF and deed == "stop":
        messages.error(request, "cpaas-admin cannot stop itself. Use ./cpaas service stop.")
        return redirect("monitoring:home")
    actor = acting(request).actor
    change(
        request,
        lambda c: queries.set_desired(
            c, service, running=deed != "stop", restart=deed == "restart", actor=actor
        ),
        note=f"{deed} {service}",
    )
    messages.success(request, _DEEDS[deed].format(service))
    return redirect("monitoring:home")


_DEEDS: Final = {
    "start": "{} starts, and starts with the platform again.",
    "stop": "{} stops. It stays stopped, also after a restart, until you start it.",
    "restart": "{} restarts.",
}

SCREEN = Screen(
    title="Monitoring",
    icon="monitor_heart",
    slug="monitoring",
    group="Platform",
    pages=[
        Page("", monitoring, "home"),
        Page("alerts/", monitoring_alerts.alerts, "alerts"),
        Page("alerts/<int:alert>/acknowledge/", monitoring_alerts.acknowledge, "acknowledge"),
        Page("dead-letters/", monitoring_letters.letters, "letters"),
        Page("dead-letters/<int:letter>/<str:deed>/", monitoring_letters.decide, "letter"),
        Page("receipts/", monitoring_letters.receipts, "receipts"),
        Page("receipts/<int:receipt>/<str:deed>/", monitoring_letters.decide_receipt, "receipt"),
        Page("<str:service>/<str:deed>/", control, "control"),
    ],
)
