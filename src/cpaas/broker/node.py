"""Prepares a private RabbitMQ node from the installed package: own folder, cookie, ports, login.

It listens on this machine only and never meets a node that the package itself started. What lies
in it is rebuilt from PostgreSQL, so its folder may vanish at any time.
"""

import contextlib
import os
import secrets
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import psutil

from cpaas.broker import address
from cpaas.config import Settings
from cpaas.kit.child import Command

#: only this program runs as any user; the one on PATH insists on root or its own.
SERVERS: Final = (
    Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    Path("/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server"),
    Path("/usr/local/opt/rabbitmq/sbin/rabbitmq-server"),
    Path("/opt/rabbitmq/sbin/rabbitmq-server"),
)
NODE: Final = "cpaas@localhost"
FOLDER: Final = "rabbitmq"
#: it carries little at a time: the backlog stays in PostgreSQL.
MEMORY_MAX: Final = "256MB"
DISK_FREE_MIN: Final = "100MB"
ORPHAN_STOP_SECONDS: Final = 15
# No busy waiting: on a small machine the schedulers' spinning would take the others' time.
ERLANG: Final = (
    "+sbwt none +sbwtdcpu none +sbwtdio none +S 2:2 +A 4"
    " -kernel inet_dist_use_interface {127,0,0,1}"
)


class NodeError(Exception):
    """A private node cannot be run: says why and what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """The two programs of a node: the port mapper that it needs, and the server."""

    epmd: Command
    server: Command


def prepare(settings: Settings, servers: Sequence[Path] = SERVERS) -> Node:
    """Writes what a node needs and ends an orphan of a killed run; raises NodeError."""
    server = next((path for path in servers if path.is_file()), None)
    epmd = shutil.which("epmd")
    if server is None or epmd is None:
        raise NodeError(
            "RabbitMQ is not installed on this machine",
            "apt-get install rabbitmq-server (or your system's package of that name), set "
            "CPAAS_AMQP_URL to a server elsewhere, or leave --rabbitmq out",
        )
    base = settings.home / FOLDER
    if not address.password_file(settings).is_file():
        # Its login was made with the lost password, and nothing in it is missed.
        shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    _end_orphans(base)
    password = _secret(address.password_file(settings), 0o600)
    _secret(base / ".erlang.cookie", 0o400)
    (base / "rabbitmq.config").write_text(_config(settings, password))
    (base / "enabled_plugins").write_text("[].\n")
    env = _environment(settings, base)
    listen = ("-address", "127.0.0.1", "-port", str(settings.rabbitmq_epmd_port))
    return Node(
        epmd=Command(argv=(epmd, *listen), env=env, death_signal=signal.SIGTERM),
        server=Command(argv=(str(server),), env=env, death_signal=signal.SIGTERM),
    )


def _environment(settings: Settings, base: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RABBITMQ_", "ERL_", "CPAAS_"))
    }
    return kept | {
        "HOME": str(base),
        "ERL_EPMD_PORT": str(settings.rabbitmq_epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_DIST_PORT": str(settings.rabbitmq_dist_port),
        "RABBITMQ_MNESIA_BASE": str(base / "data"),
        "RABBITMQ_LOG_BASE": str(base / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(base / "advanced"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG,
        # The start script then becomes the server, so that a signal to our child reaches it.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


def _config(settings: Settings, password: str) -> str:
    """In Erlang's own terms: the other form is translated by a program that takes five seconds."""
    return (
        "[{rabbit, [\n"
        f'  {{tcp_listeners, [{{"127.0.0.1", {settings.rabbitmq_port}}}]}},\n'
        f'  {{default_user, <<"{address.USER}">>}},\n'
        f'  {{default_pass, <<"{password}">>}},\n'
        f'  {{vm_memory_high_watermark, {{absolute, "{MEMORY_MAX}"}}}},\n'
        f'  {{disk_free_limit, "{DISK_FREE_MIN}"}},\n'
        "  {log, [{file, [{file, false}]}, {console, [{enabled, true}, {level, warning}]}]}\n"
        "]}].\n"
    )


def _secret(path: Path, mode: int) -> str:
    if not path.is_file():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(24))
    return path.read_text().strip()


def _end_orphans(base: Path) -> None:
    """Ends what a killed supervisor left on this folder; it is on its way out already."""
    ours = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            name = process.name()
            if name.startswith(("beam", "epmd")) and process.environ().get("HOME") == str(base):
                ours.append(process)
    for process in ours:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(ours, timeout=ORPHAN_STOP_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
