"""Runs PostgreSQL from the programs of a wheel, so that nothing has to be installed first.

Only the programs are used; making, starting, guarding and stopping the cluster is done here,
because the server must never outlive its supervisor nor run with open authentication.
"""

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import psutil

from cpaas.config import Settings
from cpaas.db.binaries import SHARED_ROOT, Binaries, DatabaseError, choose, traversable
from cpaas.kit.child import Account, Command

SUPERUSER = "postgres"
# A path to a socket must fit into 107 bytes, the file's own name included.
SOCKET_FOLDER_BYTES_MAX = 85
ORPHAN_STOP_SECONDS = 10

# Durable, and sized for many small commits; an operator's ALTER SYSTEM stands above these.
TUNING: dict[str, str] = {
    "listen_addresses": "'127.0.0.1'",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_buffers": "16MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "effective_cache_size": "1GB",
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_cost_limit": "1000",
    "idle_in_transaction_session_timeout": "5min",
    "password_encryption": "scram-sha-256",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] '",
    "log_checkpoints": "off",
    "log_destination": "stderr",
    "logging_collector": "off",
}


#: a batch's memory is kept for the next batch instead of being given back and faulted in again.
_ALLOCATION = {"MALLOC_TRIM_THRESHOLD_": "16777216", "MALLOC_MMAP_THRESHOLD_": "16777216"}


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """One data folder with the programs and the user that serve it."""

    binaries: Binaries
    data: Path
    socket: Path
    port: int
    account: Account | None

    def command(self) -> Command:
        """How the server is started; it shuts down quickly when its parent dies."""
        return Command(
            argv=(
                str(self.binaries.folder / "postgres"),
                *("-D", str(self.data), "-h", "127.0.0.1"),
                *("-p", str(self.port), "-k", str(self.socket)),
            ),
            env=_environment(),
            cwd=self.data,
            account=self.account,
            death_signal=signal.SIGINT,
        )


def prepare(settings: Settings, tuning: Mapping[str, str] | None = None) -> Cluster:
    """Makes the cluster if there is none, ends an orphan of a killed run, writes the tuning."""
    home = settings.home
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    account = _unprivileged()
    base = _place(home, account)
    data, sockets = base / "data", _socket_folder(base)
    for folder in (base, sockets):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _own(folder, account)
    binaries = choose(data, account)
    if not (data / "PG_VERSION").is_file():
        _initialise(settings, binaries, data, account)
    for secret in (_superuser_password_file(settings), settings.postgres_password_file):
        if not secret.is_file():
            raise DatabaseError(
                f"the data in {base} is there, but its password file {secret} is gone",
                "put the file back from a backup, or remove that folder to start empty",
            )
    cluster = Cluster(
        binaries=binaries, data=data, socket=sockets, port=settings.postgres_port, account=account
    )
    end_orphan(data)
    _write_tuning(cluster, {**TUNING, **(tuning or {})})
    return cluster


def superuser_dsn(settings: Settings) -> str:
    """Login that makes the owner's role and database; nothing else uses it."""
    password = _superuser_password_file(settings).read_text().strip()
    return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{settings.postgres_port}/postgres"


def end_orphan(data: Path) -> None:
    """Stops a server that a killed supervisor left on this data folder; clears its pid file."""
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    try:
        process = psutil.Process(pid)
        ours = process.name().startswith("postgres") and str(data) in process.cmdline()
    except psutil.Error:
        return  # Dead: the server itself recognises that and recovers.
    if not ours:
        # The number was given to another program since, which the server could not tell.
        pid_file.unlink(missing_ok=True)
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        process.send_signal(number)
        with contextlib.suppress(psutil.TimeoutExpired):
            process.wait(ORPHAN_STOP_SECONDS)
            return
    raise DatabaseError(
        f"process {pid} still serves {data}", f"end it with `kill -9 {pid}`, then start again"
    )


def _unprivileged() -> Account | None:
    """The user PostgreSQL runs as when we are root, which it refuses to be."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise DatabaseError(
        "PostgreSQL refuses to run as root and no user postgres or nobody exists",
        "start as an ordinary user, or add the user postgres",
    )


def _place(home: Path, account: Account | None) -> Path:
    """Where the data lies: in the home, or outside it when its user cannot pass to the home."""
    if account is None or traversable(home, account):
        return home / "postgres"
    # The same home always leads to the same place, so a later start finds its data again.
    place = SHARED_ROOT / hashlib.sha256(str(home).encode()).hexdigest()[:12]
    place.mkdir(parents=True, exist_ok=True)
    for folder in (SHARED_ROOT, place):
        folder.chmod(0o755)
    link = home / "postgres"
    if not link.is_symlink() and not link.exists():
        link.symlink_to(place / "postgres")  # For people who look for the data in the home.
    return place / "postgres"


def _socket_folder(base: Path) -> Path:
    folder = base / "socket"
    if len(os.fsencode(folder)) <= SOCKET_FOLDER_BYTES_MAX:
        return folder
    return Path("/tmp") / f"cpaas-{hashlib.sha256(str(base).encode()).hexdigest()[:12]}"  # noqa: S108


def _own(path: Path, account: Account | None) -> None:
    if account is not None and path.stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)


def _superuser_password_file(settings: Settings) -> Path:
    return settings.home / "postgres.superuser"


def _password(path: Path) -> str:
    """The password kept in a file that only we can read; made on first use."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        value = secrets.token_urlsafe(32)
        _write_secret(path, value)
        return value


def _write_secret(path: Path, value: str) -> None:
    """Makes a file that nobody else can read, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value + "\n")


def _initialise(
    settings: Settings, binaries: Binaries, data: Path, account: Account | None
) -> None:
    superuser = _password(_superuser_password_file(settings))
    _password(settings.postgres_password_file)
    # Made beside its place and renamed, so that an interrupted start leaves nothing half done.
    partial = data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    password_file = data.with_name("superuser.txt")
    password_file.unlink(missing_ok=True)
    _write_secret(password_file, superuser)
    _own(password_file, account)
    locale = "C.UTF-8" if Path("/usr/lib/locale/C.utf8").exists() else "C"
    try:
        made = subprocess.run(
            [
                *(binaries.folder / "initdb", "-D", partial, "-U", SUPERUSER, "--data-checksums"),
                *("--auth=scram-sha-256", "--pwfile", password_file, "-E", "UTF8"),
                *(f"--locale={locale}", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            check=False,
            env=_environment(),
            cwd=data.parent,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    finally:
        password_file.unlink()
    if made.returncode != 0:
        reason = (made.stderr.strip() or made.stdout.strip()).splitlines()[-1:]
        raise DatabaseError(
            f"PostgreSQL could not make its data folder {data}: {' '.join(reason)}",
            "check that the disk has room and that the folder may be written",
        )
    with (partial / "postgresql.conf").open("a") as file:
        file.write("\ninclude_if_exists = 'cpaas.conf'\n")
    partial.rename(data)


def _write_tuning(cluster: Cluster, tuning: Mapping[str, str]) -> None:
    path = cluster.data / "cpaas.conf"
    lines = ["# Written at every start; use ALTER SYSTEM for settings of your own."]
    lines += [f"{name} = {value}" for name, value in tuning.items()]
    path.write_text("\n".join(lines) + "\n")
    _own(path, cluster.account)


def _environment() -> dict[str, str]:
    """Our environment without what would make the programs look elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "CPAAS_", "LC_"))}
    return {**kept, **_ALLOCATION, "LC_ALL": "C"}
