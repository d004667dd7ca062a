"""The private RabbitMQ node under the supervisor: its port mapper, then the server.

It starts beside everything else, since consumers take from PostgreSQL until it is there, and it
may be killed at any time, since the rows of the queue are the truth.
"""

import asyncio
from collections.abc import Callable

from cpaas.broker import node
from cpaas.config import Settings
from cpaas.supervisor.keeper import Keeper
from cpaas.supervisor.types import Program, Report, Row, StartError

RABBITMQ = "rabbitmq"
EPMD = "rabbitmq-epmd"
#: of the time that it may take to stop, what the server gets; its port mapper ends at once.
SERVER_SHARE = 0.9


class Broker:
    """Both programs of the node."""

    def __init__(
        self, settings: Settings, keeper: Callable[[Program], Keeper], report: Report
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._report = report
        self._epmd: Keeper | None = None
        self._server: Keeper | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def rows(self) -> list[Row]:
        """Its programs as `status` shows them."""
        return [keeper.row for keeper in (self._server, self._epmd) if keeper is not None]

    async def begin(self) -> None:
        """Prepares and starts it; raises StartError when it cannot be started at all."""
        self._report("starting RabbitMQ")
        settings = self._settings
        try:
            made = await asyncio.to_thread(node.prepare, settings)
        except node.NodeError as error:
            raise StartError(error.what, error.todo) from error
        epmd, port = settings.rabbitmq_epmd_port, settings.rabbitmq_port
        self._epmd = self._keeper(
            Program(
                name=EPMD,
                command=made.epmd,
                health=("127.0.0.1", epmd, ""),
                ports=(("CPAAS_RABBITMQ_EPMD_PORT", epmd),),
            )
        )
        self._server = self._keeper(
            Program(
                name=RABBITMQ,
                command=made.server,
                health=("127.0.0.1", port, ""),
                ports=(
                    ("CPAAS_RABBITMQ_PORT", port),
                    ("CPAAS_RABBITMQ_DIST_PORT", settings.rabbitmq_dist_port),
                ),
            )
        )
        self._server.refuse_taken_ports()
        await self._epmd.start(settings.start_seconds)
        self._starting = asyncio.create_task(self._server.start(settings.start_seconds))

    async def started(self) -> None:
        """Returns when the server answers; raises StartError when it does not."""
        if self._starting is not None:
            if not self._starting.done():
                self._report("waiting for RabbitMQ")
            await self._starting

    async def stop(self, seconds_max: float) -> None:
        """Ends both; a server that takes longer is killed, which loses nothing."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._server is not None:
            await self._server.stop(seconds_max * SERVER_SHARE)
        if self._epmd is not None:
            await self._epmd.stop(seconds_max * (1 - SERVER_SHARE))
