"""From what was measured to the figures of a report, and whether the books agree; all of it pure.

Rates are told with the CPU they took: alone, a time says more about the machine than about us.
"""

import statistics
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.cli.bench_queries import Books
from cpaas.cli.checked import Check
from cpaas.simulators.load import LoadResult
from cpaas.simulators.load.tally import Ends

PERCENTILES: Final = (50, 95, 99)


class Measured(msgspec.Struct, kw_only=True):
    """One run as it was measured. CPU in seconds, memory in bytes."""

    requests: int
    load: LoadResult
    ends: Ends
    books: Books
    cpu: dict[str, float]
    ends_cpu: float
    memory: dict[str, int]
    wal_bytes: int
    receipts: bool


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed (nearest rank); 0 of nothing."""
    if not sorted_values:
        return 0.0
    rank = -(-len(sorted_values) * percent // 100)
    return sorted_values[max(0, int(rank) - 1)]


def figures(measured: Measured, cores: int) -> dict[str, Any]:
    """The figures of one run."""
    load, ends = measured.load, measured.ends
    thousands = max(measured.load.accepted, 1) / 1000
    latencies = sorted(load.latencies)
    ours = sum(measured.cpu.values())
    last = max(load.ended, ends.last_submit, ends.last_event)
    cpu = measured.cpu | {"ours": ours, "load generator": load.cpu_seconds}
    cpu["simulated ends"] = measured.ends_cpu
    return {
        "accepted": load.accepted,
        "accepted_per_s": _rate(load.accepted, load.ended - load.started),
        "submit_sm_per_s": _rate(ends.submits, ends.last_submit - load.started),
        "webhooks_per_s": _rate(ends.finals, ends.last_event - load.started),
        "accept_ms": {
            f"p{percent}": round(percentile(latencies, percent) * 1000, 1)
            for percent in PERCENTILES
        },
        "cpu_s_per_1000": {name: round(value / thousands, 4) for name, value in cpu.items()},
        "cores_busy_with_ours": round(ours / max(last - load.started, 1e-9), 2),
        "cores": cores,
        "memory_mb": {name: round(value / 1e6, 1) for name, value in measured.memory.items()},
        "wal_bytes_per_message": round(measured.wal_bytes / max(load.accepted, 1)),
    }


def checks(measured: Measured) -> list[Check]:
    """The reconciliation of one run: every message once at each place, every cent accounted for."""
    load, ends, books = measured.load, measured.ends, measured.books
    accepted = load.accepted
    final, events = (accepted, accepted) if measured.receipts else (0, 0)
    found = [
        Check("requests answered 202", measured.requests, load.statuses.get(202, 0)),
        Check("connections broken", 0, load.broken),
        Check("messages stored", accepted, books.stored),
        Check("messages final", final, books.final),
        Check("messages tried again", 0, books.again),
        Check("submit_sm at the SMSC", books.segments, ends.submits),
        Check("submit_sm sent twice", 0, ends.submitted_twice),
        Check("messages with a final webhook", events, ends.finals),
        Check("final webhooks sent twice", 0, ends.final_twice),
        Check("webhooks in all", events, sum(ends.events.values()) + ends.unreadable),
        Check("ledger minus balance, micro-units", 0, books.ledger_minus_balance),
        Check("queue items left", 0, books.queue_items),
        Check("dead letters", 0, books.dead),
        Check("unmatched receipts", 0, books.unmatched),
    ]
    if not measured.receipts:
        found.insert(3, Check("messages SUBMITTED", accepted, books.submitted))
    return found


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures as one level: accept_ms p50."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            result |= flat(value, f"{prefix}{name} ")
        else:
            result[prefix + name] = value
    return result


def medians(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The median of each figure over all runs."""
    rows = [flat(run) for run in runs]
    return {name: round(statistics.median(row[name] for row in rows), 4) for name in rows[0]}


def rows(runs: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows of the table: a figure a row, a run a column, the median last."""
    flats = [flat(run) for run in runs]
    headings = ["figure", *(f"run {n}" for n in range(1, len(runs) + 1))]
    lines = [[name, *(row[name] for row in flats)] for name in flats[0]]
    if len(runs) > 1:
        headings.append("median")
        middle = medians(runs)
        lines = [[*line, middle[line[0]]] for line in lines]
    return headings, lines


def _rate(count: int, seconds: float) -> int:
    return round(count / seconds) if seconds > 0 else 0
