"""One connection of a process to RabbitMQ, kept, and on it a session for each queue.

What is asked of the server is what 3.10, 3.13 and 4.x all offer: durable queues of a named type,
confirms, a prefetch of the consumer's own. Nothing is ever limited or timed out by the server.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aio_pika
import aiormq
from aiormq.abc import DeliveredMessage

from cpaas.config import QueueType
from cpaas.kit.log import get_logger

CONNECT_SECONDS: Final = 5.0
RECONNECT_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
OPEN_SECONDS: Final = 5.0
#: a service that stops has little time, and nothing depends on parting politely.
CLOSE_SECONDS: Final = 0.5
HEARTBEAT_SECONDS: Final = 10
#: messages, each of which carries many items.
PREFETCH: Final = 16
#: the server drops a message of a quorum queue that came back so often; its rows are relayed anew.
DELIVERY_LIMIT: Final = 100
#: what the client raises when the server is away, refuses, or takes too long: errors of its own,
#: of the system's, and for what was under way when a connection ended at times a bare Exception.
TROUBLE: Final = (Exception,)
_ARGUMENTS: Final[dict[str, dict[str, Any]]] = {
    "classic": {"x-queue-type": "classic"},
    "quorum": {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT},
}
T = TypeVar("T")
_log = get_logger(__name__)


class Link:
    """The connection, made again whenever it is lost."""

    def __init__(self, url: str, name: str) -> None:
        self.error = ""
        self._url = _with_heartbeat(url)
        self._name = name
        self._connection: Any = None
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the server answers."""
        return self._up.is_set()

    async def start(self) -> None:
        """Connects; returns after the first try, so that a server that is there is used at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="amqp")
            await self._tried.wait()

    async def close(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def connection(self) -> Any:
        """The connection, once it stands."""
        await self._up.wait()
        return self._connection

    async def _run(self) -> None:
        tries = 0
        while True:
            try:
                connection = await _within(
                    CONNECT_SECONDS,
                    aio_pika.connect(self._url, client_properties={"connection_name": self._name}),
                )
            except TROUBLE as error:
                self._note(_told(error))
                self._tried.set()
            else:
                tries = 0
                await self._stand(connection)
            await asyncio.sleep(RECONNECT_SECONDS[min(tries, len(RECONNECT_SECONDS) - 1)])
            tries += 1

    async def _stand(self, connection: Any) -> None:
        self._connection = connection
        self.error = ""
        self._up.set()
        self._tried.set()
        _log.info("broker_connected")
        closed = asyncio.Event()
        connection.close_callbacks.add(lambda *_: closed.set())
        try:
            await closed.wait()
            self._note("the connection was closed")
        finally:
            self._up.clear()
            self._connection = None
            await _close(connection.close)

    def _note(self, error: str) -> None:
        if error != self.error:
            _log.warning("broker_away", error=error)
        self.error = error


class Session:
    """A queue declared, consumed and published to, until `ended`."""

    def __init__(self, channel: Any, underlay: Any, queue: str) -> None:
        self.ended = asyncio.Event()
        self._channel = channel
        self._underlay = underlay
        self._queue = queue
        self._tag: str | None = None
        self._acknowledging: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls, connection: Any, queue: str, kind: QueueType, on_message: "OnMessage"
    ) -> "Session":
        """Declares and consumes; on_message gets session, tag and body. Raises one of TROUBLE."""
        return await _within(OPEN_SECONDS, cls._open(connection, queue, kind, on_message))

    @classmethod
    async def _open(
        cls, connection: Any, queue: str, kind: QueueType, on_message: "OnMessage"
    ) -> "Session":
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        underlay = await channel.get_underlay_channel()
        session = cls(channel, underlay, queue)
        channel.close_callbacks.add(session._on_end)
        underlay.on_consumer_cancel_callbacks.add(session._on_end)
        try:
            await underlay.queue_declare(queue, durable=True, arguments=_ARGUMENTS[kind])
            await underlay.basic_qos(prefetch_count=PREFETCH)

            def deliver(message: DeliveredMessage) -> None:
                on_message(session, message.delivery_tag or 0, message.body)

            consumed = await underlay.basic_consume(queue, deliver)
            session._tag = consumed.consumer_tag
        except BaseException:
            await _close(channel.close)
            raise
        return session

    def _on_end(self, *_: Any) -> None:
        # The channel is gone, or the server cancelled the consumer, as when its queue was deleted.
        self.ended.set()

    async def publish(self, body: bytes) -> None:
        """Returns when the server has it; raises one of TROUBLE when it has not, or no queue."""
        # Not written to disk by the server: the rows are, and bring back whatever it loses.
        await self._underlay.basic_publish(
            body, routing_key=self._queue, mandatory=True, wait=False,
            properties=aiormq.spec.Basic.Properties(delivery_mode=1),
        )  # fmt: skip

    def acknowledge(self, tag: int) -> None:
        """The server may forget a message."""
        task = asyncio.create_task(self._acknowledge(tag))
        self._acknowledging.add(task)
        task.add_done_callback(self._acknowledging.discard)

    async def _acknowledge(self, tag: int) -> None:
        with contextlib.suppress(*TROUBLE):
            await self._underlay.basic_ack(tag, wait=False)

    async def cancel(self) -> None:
        """Nothing more shall come; what came can still be acknowledged."""
        if self._tag is not None and not self.ended.is_set():
            with contextlib.suppress(*TROUBLE):
                await _within(CLOSE_SECONDS, self._underlay.basic_cancel(self._tag))

    async def close(self) -> None:
        """Ends it; what is not acknowledged goes back to the queue."""
        await asyncio.gather(*self._acknowledging)
        self.ended.set()
        await _close(self._channel.close)


OnMessage = Callable[[Session, int, bytes], None]


async def _close(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Closes politely, but not for ever."""
    with contextlib.suppress(*TROUBLE):
        await _within(CLOSE_SECONDS, close())


async def _within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What the client's library gives, or TimeoutError, also if it will not be cancelled.

    Its own cancelling of what ends with a connection is no cancelling of ours.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_seen)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    if not task.done():
        raise TimeoutError(f"no answer within {seconds:g} s")
    if task.cancelled():
        raise ConnectionError("the connection ended meanwhile")
    return task.result()


def _seen(task: "asyncio.Task[Any]") -> None:
    """A failure that nobody waits for any more is not told by the loop."""
    if not task.cancelled():
        task.exception()


def _told(error: BaseException) -> str:
    """An error in a line; the client's texts name host and port, never the login."""
    return f"{type(error).__name__}: {error}".rstrip(": ")[:300]


def _with_heartbeat(url: str) -> str:
    parts = urlsplit(url)
    if "heartbeat" in parse_qs(parts.query):
        return url
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}heartbeat={HEARTBEAT_SECONDS}"))
