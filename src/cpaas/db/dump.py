"""Dumps a database and restores it with PostgreSQL's own programs, as streams of bytes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from cpaas.db.archive import CHUNK_BYTES
from cpaas.db.binaries import DatabaseError
from cpaas.kit.child import dies_with_parent

ERROR_BYTES_MAX: Final = 4_000


async def dump(program: Path, dsn: str, snapshot: str) -> AsyncIterator[bytes]:
    """The database as it was at an exported snapshot, in pg_dump's custom format."""
    process = await _start(
        program, dsn, "--format=custom", "--compress=1", "--no-owner", f"--snapshot={snapshot}",
        receives=False,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - asked for
    assert process.stderr is not None  # noqa: S101
    said = asyncio.create_task(process.stderr.read())
    try:
        while chunk := await process.stdout.read(CHUNK_BYTES):
            yield chunk
        await _ended(process, "pg_dump", await said)
    finally:
        _kill(process)
        said.cancel()


async def restore(program: Path, dsn: str, chunks: Iterable[bytes], *, whole: bool) -> None:
    """Reads a dump into an empty database; whole: in one transaction, all or nothing."""
    words = ["--no-owner", "--exit-on-error", *(["--single-transaction"] if whole else [])]
    process = await _start(program, dsn, *words, receives=True)
    assert process.stdin is not None  # noqa: S101 - asked for
    assert process.stderr is not None  # noqa: S101
    said = asyncio.create_task(process.stderr.read())
    try:
        try:
            for chunk in chunks:
                process.stdin.write(chunk)
                await process.stdin.drain()
            process.stdin.close()
        except (BrokenPipeError, ConnectionResetError):
            pass  # It ended early, and says below why.
        await _ended(process, "pg_restore", await said)
    finally:
        _kill(process)
        said.cancel()


async def _start(
    program: Path, dsn: str, *words: str, receives: bool
) -> asyncio.subprocess.Process:
    parts = urlsplit(dsn)
    login = parts.netloc.rpartition("@")
    user = login[0].partition(":")[0]
    # A password on the command line could be read by everybody on this machine.
    address = urlunsplit(parts._replace(netloc=f"{user}@{login[2]}" if user else login[2]))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "CPAAS_", "LC_"))}
    environment = {**kept, "LC_ALL": "C"}
    if parts.password:
        environment["PGPASSWORD"] = unquote(parts.password)
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        program, f"--dbname={address}", *words,
        stdin=pipe if receives else nothing, stdout=nothing if receives else pipe, stderr=pipe,
        env=environment, preexec_fn=dies_with_parent(signal.SIGTERM),
    )  # fmt: skip


async def _ended(process: asyncio.subprocess.Process, name: str, said: bytes) -> None:
    if await process.wait() != 0:
        lines = said[-ERROR_BYTES_MAX:].decode(errors="replace").strip().splitlines()
        reason = next((line for line in lines if "error:" in line), (lines or ["no reason"])[-1])
        raise DatabaseError(
            f"{name} failed: {reason}", "check that the disk has room and that the database runs"
        )


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
