"""Measures the whole way on a private copy: API, queue, SMPP, receipt, webhook.

A figure counts only if the books agree: every message once at each end, every cent accounted for.
"""

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from cpaas.cli import output

app = typer.Typer()


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    count: int
    connections: int
    accounts: int
    rate: float
    runs: int
    receipts: bool
    long: bool
    backlog: int
    fast_path: bool
    rabbitmq: bool
    amqp_url: str
    folder: Path | None
    keep: bool


@app.command()
def bench(  # noqa: PLR0913 one option per wish
    *,
    count: Annotated[int, typer.Option(min=1, max=10_000_000, help="Messages a run.")] = 30_000,
    conns: Annotated[int, typer.Option(min=1, max=10_000, help="Keep-alive connections.")] = 128,
    accounts: Annotated[int, typer.Option(min=1, max=100, help="Accounts that send.")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="Requests a second; 0 = closed loop.")] = 0,
    runs: Annotated[int, typer.Option(min=1, max=50, help="Runs on the same copy.")] = 1,
    receipts: Annotated[bool, typer.Option(help="The carrier sends receipts.")] = True,
    long: Annotated[bool, typer.Option("--long", help="Texts of three segments.")] = False,
    backlog: Annotated[
        int, typer.Option(min=0, max=20_000_000, help="Compare acceptance before and behind these.")
    ] = 0,
    fast_path: Annotated[bool, typer.Option(help="CPAAS_API_FAST_PATH of the copy.")] = True,
    rabbitmq: Annotated[
        bool, typer.Option("--rabbitmq", help="A private RabbitMQ node carries the queues.")
    ] = False,
    amqp_url: Annotated[str, typer.Option(help="This RabbitMQ carries the queues.")] = "",
    folder: Annotated[Path | None, typer.Option(help="Where the copy lives, on a disk.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the copy's logs.")] = False,
    json: output.Json = False,
) -> None:
    """Measure a private copy end to end; exit code 1 if its books do not agree."""
    wishes = Wishes(
        count=count, connections=conns, accounts=accounts, rate=rate, runs=runs, receipts=receipts,
        long=long, backlog=backlog, fast_path=fast_path, rabbitmq=rabbitmq, amqp_url=amqp_url,
        folder=folder, keep=keep,
    )  # fmt: skip
    from cpaas.cli import bench_backlog

    # A plain `kill` cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _stage(wishes) as stage:
        answer = (
            bench_backlog.compare(stage, backlog, count, conns) if backlog else _runs(stage, wishes)
        )
        if keep:
            answer["logs"] = _keep(stage)
    answer = {"options": msgspec.to_builtins(wishes, enc_hook=str)} | answer
    if json:
        output.emit(answer)
    else:
        _show(answer)
    raise typer.Exit(0 if answer["reconciled"] else 1)


def _options(wishes: Wishes) -> dict[str, str]:
    """The settings of the copy."""
    return {
        "CPAAS_API_FAST_PATH": "on" if wishes.fast_path else "off",
        "CPAAS_RABBITMQ": "on" if wishes.rabbitmq else "off",
        "CPAAS_AMQP_URL": wishes.amqp_url,
    }


@contextlib.contextmanager
def _stage(wishes: Wishes) -> Iterator[Any]:
    from cpaas.cli.bench_run import Stage, far_ends
    from cpaas.cli.private_copy import Copy

    with (
        far_ends(receipts=wishes.receipts) as ends,
        Copy(wishes.folder, **_options(wishes)) as copy,
    ):
        output.step(f"starting a private copy in {copy.home}")
        try:
            copy.start(ends.ports, wishes.accounts, events=None)
            yield Stage(copy, ends, wishes.receipts)
        except BaseException:
            if wishes.keep:
                output.step(f"logs: {_keep(Stage(copy, ends, wishes.receipts))}")
            raise
        finally:
            # A second Ctrl-C must not leave half a copy behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            output.step("stopping the copy")


def _runs(stage: Any, wishes: Wishes) -> dict[str, Any]:
    from cpaas.cli import bench_report, bench_run
    from cpaas.simulators.load.requests import LONG_TEXT, SHORT_TEXT

    load = {
        "connections": wishes.connections,
        "rate": wishes.rate,
        "text": LONG_TEXT if wishes.long else SHORT_TEXT,
    }
    output.step("warming up")
    warm = bench_run.measure(stage, min(wishes.count, 500), **load)
    found, all_checks = [], [bench_report.checks(warm)]
    for number in range(1, wishes.runs + 1):
        output.step(f"run {number} of {wishes.runs}: {wishes.count} messages")
        measured = bench_run.measure(stage, wishes.count, **load)
        all_checks.append(bench_report.checks(measured))
        found.append(bench_report.figures(measured, bench_run.cores()))
        for sample in measured.load.samples:
            output.step(f"refused: {sample}")
    return {
        "runs": found,
        "median": bench_report.medians(found),
        "reconciled": all(check.good for checks in all_checks for check in checks),
        # The warm-up counts: a message lost there is lost.
        "checks": [
            {"run": run, "what": check.what, "expected": check.expected, "found": check.found,
             "good": check.good}
            for run, checks in enumerate(all_checks)
            for check in checks
        ],
    }  # fmt: skip


def _keep(stage: Any) -> str:
    """Copies the logs out of the copy's home, which is removed."""
    settings = stage.copy.settings
    kept = stage.copy.home.with_name(f"{stage.copy.home.name}-logs")
    shutil.copytree(settings.logs, kept, dirs_exist_ok=True)
    return str(kept)


def _show(answer: dict[str, Any]) -> None:
    from cpaas.cli import bench_report

    if "runs" in answer:
        output.table(*bench_report.rows(answer["runs"]))
    else:
        output.table(("figure", "value"), list(bench_report.flat(answer["backlog"]).items()))
    lines = [
        (one["run"] or "warm-up", one["what"], one["expected"], one["found"], "ok")
        if one["good"]
        else (one["run"] or "warm-up", one["what"], one["expected"], one["found"], "WRONG")
        for one in answer["checks"]
    ]
    output.table(("run", "reconciliation", "expected", "found", ""), lines)
    output.text("the books agree" if answer["reconciled"] else "THE BOOKS DO NOT AGREE")
    if "logs" in answer:
        output.text(f"logs: {answer['logs']}")
