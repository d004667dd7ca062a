"""The far ends of a drill as processes that can be killed and started again, and their journals."""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Final

from cpaas.cli import output

START_SECONDS_MAX: Final = 60


class FarEnd:
    """One far end: always on the same port, always with the same journal."""

    def __init__(self, name: str, folder: Path, seed: int | None = None) -> None:
        self.port = _free_port()
        self.journal = folder / f"{name}.journal"
        self._module = f"cpaas.simulators.drill.{name}"
        self._words = [str(self.port), str(self.journal), *([] if seed is None else [str(seed)])]
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Returns when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module, *self._words),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ctrl-C is for the drill, which ends this one when the platform is down.
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(START_SECONDS_MAX):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            await self.kill()
            raise output.CliError(f"{self._module} did not start", "see what it told above")

    async def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
