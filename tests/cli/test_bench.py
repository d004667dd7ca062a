"""The bench: its arithmetic, its reconciliation, and one small run of the whole thing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cpaas.cli import bench_report
from cpaas.cli.bench_meter import Meter
from cpaas.cli.bench_queries import Books
from cpaas.cli.bench_report import Measured
from cpaas.simulators.load import LoadResult
from cpaas.simulators.load.tally import Ends


def measured(**changes: Any) -> Measured:
    """A run of 100 one-segment messages in which everything went well."""
    good = Measured(
        requests=100,
        load=LoadResult(
            started=10.0, ended=12.0, statuses={202: 100}, accepted=100, broken=0,
            cpu_seconds=0.001, latencies=[n / 1000 for n in range(100, 0, -1)], samples=[],
        ),
        ends=Ends(
            submits=100, last_submit=14.0, events={"message.delivered": 100}, finals=100,
            last_event=15.0,
        ),
        books=Books(
            stored=100, segments=100, final=100, submitted=0, again=0, queue_items=0, unmatched=0,
            dead=0, ledger_minus_balance=0,
        ),
        cpu={"cpaas-core": 0.01, "postgres": 0.02},
        ends_cpu=0.005,
        memory={"cpaas-core": 50_000_000},
        wal_bytes=220_000,
        receipts=True,
    )  # fmt: skip
    return msgspec.structs.replace(good, **changes)


def test_figures_of_a_run() -> None:
    found = bench_report.figures(measured(), cores=2)
    assert found["accepted_per_s"] == 50
    assert found["submit_sm_per_s"] == 25
    assert found["webhooks_per_s"] == 20
    assert found["accept_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert found["cpu_s_per_1000"] == {
        "cpaas-core": 0.1, "postgres": 0.2, "ours": 0.3, "load generator": 0.01,
        "simulated ends": 0.05,
    }  # fmt: skip
    assert found["cores_busy_with_ours"] == 0.01
    assert found["memory_mb"] == {"cpaas-core": 50.0}
    assert found["wal_bytes_per_message"] == 2200


@pytest.mark.parametrize(
    ("values", "percent", "wanted"),
    [([], 50, 0.0), ([7.0], 99, 7.0), ([1.0, 2.0], 50, 1.0), ([1.0, 2.0, 3.0], 99, 3.0)],
)
def test_percentiles_are_by_nearest_rank(values: list[float], percent: int, wanted: float) -> None:
    assert bench_report.percentile(values, percent) == wanted


def test_medians_and_table_over_runs() -> None:
    runs = [{"a": {"x": n}, "b": n * 2} for n in (3, 1, 2)]
    assert bench_report.medians(runs) == {"a x": 2, "b": 4}
    headings, rows = bench_report.rows(runs)
    assert headings == ["figure", "run 1", "run 2", "run 3", "median"]
    assert rows == [["a x", 3, 1, 2, 2], ["b", 6, 2, 4, 4]]
    assert bench_report.rows(runs[:1])[0] == ["figure", "run 1"]


def test_nothing_accepted_is_no_division_by_zero() -> None:
    nothing = LoadResult(
        started=1.0, ended=1.0, statuses={503: 5}, accepted=0, broken=0, cpu_seconds=0.0,
        latencies=[], samples=[],
    )  # fmt: skip
    found = bench_report.figures(measured(load=nothing, ends=Ends()), cores=2)
    assert found["accepted_per_s"] == found["webhooks_per_s"] == 0


def wrong(run: Measured) -> list[str]:
    return [check.what for check in bench_report.checks(run) if not check.good]


def test_a_good_run_reconciles() -> None:
    assert wrong(measured()) == []
    books = msgspec.structs.replace(measured().books, final=0, submitted=100)
    ends = Ends(submits=100, last_submit=14.0)
    assert wrong(measured(receipts=False, books=books, ends=ends)) == []


@pytest.mark.parametrize(
    ("part", "change", "found"),
    [
        ("books", {"stored": 101}, ["messages stored"]),
        ("books", {"final": 99}, ["messages final"]),
        ("books", {"again": 1}, ["messages tried again"]),
        ("books", {"queue_items": 1}, ["queue items left"]),
        ("books", {"unmatched": 1}, ["unmatched receipts"]),
        ("books", {"dead": 1}, ["dead letters"]),
        ("books", {"ledger_minus_balance": 1}, ["ledger minus balance, micro-units"]),
        ("ends", {"submits": 99}, ["submit_sm at the SMSC"]),
        ("ends", {"submitted_twice": 1}, ["submit_sm sent twice"]),
        ("ends", {"finals": 99}, ["messages with a final webhook"]),
        ("ends", {"final_twice": 1}, ["final webhooks sent twice"]),
        ("ends", {"unreadable": 1}, ["webhooks in all"]),
        ("load", {"broken": 1}, ["connections broken"]),
        ("load", {"statuses": {202: 99, 503: 1}}, ["requests answered 202"]),
    ],
)
def test_whatever_is_off_is_found(part: str, change: dict[str, Any], found: list[str]) -> None:
    run = measured()
    changed = msgspec.structs.replace(getattr(run, part), **change)
    assert wrong(measured(**{part: changed})) == found


def test_the_meter_counts_a_child_with_its_family() -> None:
    burn = "import time, subprocess, sys\nt = time.process_time() + 0.3\n"
    burn += "while time.process_time() < t: pass\n"
    parent = burn + "subprocess.run([sys.executable, '-c', sys.argv[1]])\nprint('ready')\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", "input()\n" + parent, burn],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with Meter({"postgres": process.pid, "alone": process.pid}) as meter:
            process.stdin.write(b"\n")
            process.stdin.flush()
            process.stdout.readline()
            spent = meter.spent()
        # The child has ended, yet its time counts for the family.
        assert spent["postgres"] - spent["alone"] >= 0.29
        assert spent["alone"] >= 0.29
        assert min(meter.peaks.values()) > 1_000_000
        process.communicate(b"\n")


@pytest.mark.slow
def test_three_hundred_messages_end_to_end(home: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CPAAS_")}
    done = subprocess.run(
        [sys.executable, "-m", "cpaas", "bench", "--count", "300", "--conns", "16",
         "--accounts", "2", "--runs", "2", "--json", "--folder", str(home)],
        env=environment | {"CPAAS_HOME": str(home / "unused")},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["reconciled"]
    assert all(check["good"] for check in answer["checks"])
    assert [run["accepted"] for run in answer["runs"]] == [300, 300]
    cpu = answer["runs"][0]["cpu_s_per_1000"]
    assert set(cpu) >= {"cpaas-core", "cpaas-sms", "postgres", "supervisor", "ours"}
    assert not list(home.iterdir()), "nothing is left"
