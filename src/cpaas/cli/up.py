"""Starts the platform, in the foreground or detached, and tells how to use it.

Detached, the same command runs once more as a daemon and reports back over a pipe, so that
secrets made by this start are never written anywhere on the way.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import IO, Annotated, Any

import msgspec
import typer

from cpaas.cli import output
from cpaas.config import Settings

app = typer.Typer()


@app.command()
def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready.")] = False,
    rabbitmq: Annotated[
        bool,
        typer.Option("--rabbitmq", help="A private RabbitMQ node carries the queues this time."),
    ] = False,
    json: output.Json = False,
    report_to: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Start the platform: database, schema, first accounts, services."""
    if rabbitmq:
        # For everything that is started from here; the next `up` decides anew.
        os.environ["CPAAS_RABBITMQ"] = "on"
    settings = output.settings()
    if rabbitmq and settings.amqp_url:
        raise output.CliError(
            "CPAAS_AMQP_URL names a RabbitMQ already", "unset it, or leave --rabbitmq out", code=2
        )
    # Passable, not readable: the database's own user passes through when we are root.
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    if detach:
        _detached(settings, json=json)
        return
    if report_to:
        pipe = os.fdopen(report_to, "wb", buffering=0)
        teller = Teller(
            step=lambda line: _send(pipe, {"step": line}),
            ready=lambda answer: _send(pipe, {"ready": answer}),
            unready=lambda answer: _send(pipe, {"unready": answer}),
        )
    else:
        teller = Teller(
            step=output.step,
            ready=lambda answer: _show(answer, json=json),
            unready=lambda answer: _show_logins(answer, output.step),
        )
    asyncio.run(_run(settings, teller))


class Teller(msgspec.Struct, frozen=True):
    """Where a start tells its steps and its result."""

    step: Callable[[str], None]
    ready: Callable[[dict[str, Any]], None]
    # The start failed after it made logins, which can be told only now.
    unready: Callable[[dict[str, Any]], None]


async def _run(settings: Settings, teller: Teller) -> None:
    from cpaas.kit import log
    from cpaas.supervisor.programs import programs
    from cpaas.supervisor.supervise import Supervisor

    log.configure(settings.log_level, "supervisor")
    made: list[Any] = []

    # Both of these import much, which other work of the start need not wait for.
    async def prepare(settings: Settings, dsn: str) -> None:
        from cpaas.cli import bootstrap

        teller.step("preparing accounts and settings")
        made.append(await bootstrap.bootstrap(settings, dsn))

    async def save(settings: Settings) -> str:
        from cpaas.cli import db_upgrade

        saved = await db_upgrade.save_before_start(settings)
        if saved is None:
            return ""
        teller.step(f"the database is of an older version: saved in {saved}")
        return db_upgrade.way_back(saved)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supervisor = Supervisor(
        settings, programs(settings), save=save, prepare=prepare, report=teller.step
    )
    told = False

    def ready() -> None:
        nonlocal told
        told = True
        teller.ready(answer(settings, made[0]))

    try:
        await supervisor.run(stop, ready)
    finally:
        if made and not told:
            teller.unready(answer(settings, made[0]))


def answer(settings: Settings, made: Any) -> dict[str, Any]:
    """What `up --json` prints; secrets only on the run that made them, else null."""
    from cpaas.services.catalogue import url

    known: dict[str, Any] = msgspec.to_builtins(made)
    return {
        "urls": {name: url(f"cpaas-{name}", settings) for name in _URLS},
        "smpp_port": settings.smpp_port if "sms" in settings.channels else None,
        "admin": known.get("admin"),
        "account": known.get("account") if settings.sandbox else None,
    }


_URLS = ("core", "sms", "admin", "portal")
_LABELS = {
    "username": "user name",
    "password": "password",
    "name": "account",
    "api_key": "API key",
    "test_key": "test key",
    "smpp_system_id": "SMPP system id",
    "smpp_password": "SMPP password",
}


def _show(answer: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit(answer)
        return
    for name, url in answer["urls"].items():
        if url:
            output.text(f"{name:8} {url}")
    if answer["smpp_port"]:
        output.text(f"{'smpp':8} port {answer['smpp_port']}")
    _show_logins(answer, output.text)
    output.text("\nready")


def _show_logins(answer: dict[str, Any], say: Callable[[str], None]) -> None:
    for who in ("admin", "account"):
        values = {key: value for key, value in (answer[who] or {}).items() if value}
        if values.keys() - {"username", "name", "smpp_system_id"}:
            say(f"\n{who} (shown this once):")
            for key, value in values.items():
                say(f"  {_LABELS.get(key, key):15} {value}")


def _send(pipe: IO[bytes], message: dict[str, Any]) -> None:
    try:
        pipe.write(msgspec.json.encode(message) + b"\n")
    except (OSError, ValueError):
        return  # Whoever started us has gone; the platform goes on.


def _detached(settings: Settings, *, json: bool) -> None:
    settings.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    log_path = settings.logs / "supervisor.log"
    if log_path.exists() and log_path.stat().st_size > settings.log_max_mb * 1_000_000:
        log_path.replace(log_path.with_name("supervisor.log.1"))
    reading, writing = os.pipe()
    log_file = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    daemon = subprocess.Popen(
        [sys.executable, "-m", "cpaas", "up", "--report-to", str(writing)],
        stdin=subprocess.DEVNULL,
        stdout=log_file,
        stderr=log_file,
        pass_fds=(writing,),
        start_new_session=True,
    )
    os.close(writing)
    os.close(log_file)
    try:
        with os.fdopen(reading, "rb") as pipe:
            ready = _follow(pipe)
    except KeyboardInterrupt:
        daemon.terminate()
        daemon.wait()
        raise
    if ready is None:
        daemon.wait()
        raise _reason(log_path)
    _show(ready, json=json)


def _follow(pipe: IO[bytes]) -> dict[str, Any] | None:
    # A line is one message; the pipe ends when the daemon does.
    for line in pipe:
        message = msgspec.json.decode(line)
        if "ready" in message:
            found: dict[str, Any] = message["ready"]
            return found
        if "unready" in message:
            _show_logins(message["unready"], output.step)
        else:
            output.step(message["step"])
    return None


def _reason(log_path: Any) -> output.CliError:
    """The daemon's last words, which are the two lines of its own error."""
    lines = log_path.read_text(errors="replace").splitlines()[-20:]
    what = next((line for line in reversed(lines) if line.startswith("cpaas: ")), "")
    todo = next((line for line in reversed(lines) if line.startswith("  -> ")), "")
    return output.CliError(
        what.removeprefix("cpaas: ") or "the platform did not start",
        todo.removeprefix("  -> ") or f"see {log_path}",
    )
