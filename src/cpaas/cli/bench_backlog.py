"""Acceptance with nothing waiting against acceptance behind a long queue.

The route is slowed down to one message a second, so that what is accepted stays where a backlog
stays in real life, in front of the route step.
"""

import time
from typing import Any, Final

from cpaas.cli import bench_queries, output
from cpaas.cli.bench_meter import Meter
from cpaas.cli.bench_report import percentile
from cpaas.cli.bench_run import Stage
from cpaas.cli.checked import Check
from cpaas.cli.private_copy import ROUTE
from cpaas.kit.ids import lowest_at
from cpaas.messages.statuses import FINAL
from cpaas.simulators.load.requests import NUMBERS_MAX

LIST_RECIPIENTS: Final = 10_000
#: the platform lets 20,000 messages wait for their commit and refuses more.
LIST_CONNECTIONS: Final = 2
LIST_SILENCE_SECONDS: Final = 300.0
WARM_UP: Final = 500
#: services take over a change of a route within one second.
OBEY_SECONDS: Final = 2.0


def compare(stage: Stage, backlog: int, count: int, connections: int) -> dict[str, Any]:
    """Measures, fills, measures again; the ratio is what counts."""
    stage.copy.command("route", "set", ROUTE, "--tps", "1")
    time.sleep(OBEY_SECONDS)
    since = lowest_at(time.time_ns() // 1_000_000)
    sent = 0
    sent += stage.load(WARM_UP, connections=connections).accepted
    output.step(f"{count} messages with an empty queue")
    before, accepted = _accept(stage, count, connections)
    sent += accepted
    lists = max(1, backlog // LIST_RECIPIENTS)
    output.step(f"filling with {lists} lists of {LIST_RECIPIENTS}")
    with Meter(stage.copy.processes) as meter:
        # Far behind the numbers of the single messages.
        stage.sent = NUMBERS_MAX // LIST_RECIPIENTS // 2
        filled = stage.load(
            lists, recipients=LIST_RECIPIENTS, connections=LIST_CONNECTIONS,
            silence_seconds=LIST_SILENCE_SECONDS,
        )  # fmt: skip
        filling = meter.spent()
        stage.sent = WARM_UP + count
    sent += filled.accepted
    output.step(f"{count} messages behind {filled.accepted}")
    after, accepted = _accept(stage, count, connections)
    sent += accepted
    books = stage.ask(lambda c: bench_queries.books(c, since, sorted(FINAL)))
    queued = stage.ask(bench_queries.queued)
    ratio = after["accepted_per_s"] / max(before["accepted_per_s"], 1)
    cpu_before, cpu_after = (one["cpu_s_per_1000"]["ours"] for one in (before, after))
    wanted = lists * LIST_RECIPIENTS + 2 * count + WARM_UP
    checks = [
        Check("messages accepted", wanted, sent),
        Check("messages stored", sent, books.stored),
        Check("messages lost from the queue", 0, max(0, sent - queued - _gone(stage))),
        Check("ledger minus balance, micro-units", 0, books.ledger_minus_balance),
    ]
    return {
        "backlog": {
            "waiting": queued,
            "before": before,
            "filling": {
                "accepted_per_s": round(filled.accepted / (filled.ended - filled.started)),
                "cpu_s_per_1000": _per_1000(filling, filled.accepted),
                "memory_mb": _megabytes(meter),
            },
            "behind": after,
            "accepted_per_s_behind_to_before": round(ratio, 3),
            "cpu_behind_to_before": round(cpu_after / max(cpu_before, 1e-9), 3),
        },
        "reconciled": all(check.good for check in checks),
        "checks": [
            {"run": 1, "what": one.what, "expected": one.expected, "found": one.found,
             "good": one.good}
            for one in checks
        ],
    }  # fmt: skip


def _gone(stage: Stage) -> int:
    """Messages that the carrier has taken, and those on their way to it."""
    return stage.ends.ask("report").submits + 2


def _accept(stage: Stage, count: int, connections: int) -> tuple[dict[str, Any], int]:
    with Meter(stage.copy.processes) as meter:
        load = stage.load(count, connections=connections)
        cpu = meter.spent()
    latencies = sorted(load.latencies)
    shown = {
        "accepted_per_s": round(load.accepted / max(load.ended - load.started, 1e-9)),
        "accept_ms": {f"p{p}": round(percentile(latencies, p) * 1000, 1) for p in (50, 95, 99)},
        "cpu_s_per_1000": _per_1000(cpu, load.accepted),
        "memory_mb": _megabytes(meter),
    }
    return shown, load.accepted


def _per_1000(cpu: dict[str, float], accepted: int) -> dict[str, float]:
    thousands = max(accepted, 1) / 1000
    return {name: round(value / thousands, 4) for name, value in cpu.items()} | {
        "ours": round(sum(cpu.values()) / thousands, 4)
    }


def _megabytes(meter: Meter) -> dict[str, float]:
    return {name: round(value / 1e6, 1) for name, value in meter.peaks.items()}
