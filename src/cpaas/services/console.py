"""cpaas-admin and cpaas-portal: the two consoles, each a gunicorn of one process with threads.

A composition root: it alone makes the pool and hands it on. The framework is loaded by name in the
worker, so that nothing else of the platform imports it.
"""

import importlib
import os
from typing import Any, Final

from gunicorn.app.base import BaseApplication

from cpaas.alerts.watch import Watcher
from cpaas.config import Settings, given
from cpaas.consoles.shared.database import Database
from cpaas.consoles.shared.follow import Followed
from cpaas.kit.log import get_logger
from cpaas.kit.secrets import Keyring
from cpaas.services import catalogue
from cpaas.services.instance import registered

THREADS: Final = 8
BACKLOG: Final = 256
REQUEST_SECONDS_MAX: Final = 60
REQUESTS_SHARE: Final = 0.5
_log = get_logger("console")


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn with its options from our settings and its application made in the worker."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._port: int = getattr(settings, f"{name}_port")
        self._database: Database | None = None
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        host = self._settings.host
        options: dict[str, Any] = {
            "bind": f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}",
            "worker_class": "gthread",
            "threads": THREADS,
            "backlog": BACKLOG,
            "timeout": REQUEST_SECONDS_MAX,
            "graceful_timeout": max(1, int(self._settings.stop_seconds * REQUESTS_SHARE)),
            "loglevel": "warning",
            "proc_name": f"cpaas-{self._name}",
            "control_socket_disable": True,
            "worker_exit": lambda _server, _worker: self._end(),
            "post_worker_init": lambda _worker: _log.info("serving", port=self._port),
        }
        for option, value in options.items():
            self.cfg.set(option, value)

    def load(self) -> Any:
        """The WSGI application, in the worker's process."""
        settings, name = self._settings, self._name
        dsn = settings.dsn("portal") if name == "portal" else settings.dsn()
        database = Database(dsn, application_name=f"cpaas-{name}")
        database.start()
        self._database = database
        database.hold(registered(database.pool, f"cpaas-{name}", self._port))
        keyring = Keyring.load_or_make(settings.console_keyring(name))
        followed = Followed(dsn, settings, given(os.environ), portal=name == "portal")
        database.hold(followed.following())
        watched = catalogue.watched(settings)
        if name == "admin":
            watcher = Watcher(settings, given(os.environ), watched, database.pool)
            database.hold(watcher.running())
        module = importlib.import_module(f"cpaas.consoles.{name}.application")
        return module.application(followed, database, keyring, watched)

    def _end(self) -> None:
        if self._database is not None:
            self._database.stop()


def run_admin(settings: Settings) -> None:
    """Serves the Admin Dashboard until SIGTERM or SIGINT."""
    _Gunicorn(settings, "admin").run()


def run_portal(settings: Settings) -> None:
    """Serves the User Portal until SIGTERM or SIGINT."""
    _Gunicorn(settings, "portal").run()
