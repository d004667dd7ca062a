"""The two ends of a link as tests see them: what happened, in lists to wait for."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cpaas.smpp.client import BindParams, Client
from cpaas.smpp.events import Limits
from cpaas.smpp.layout import Pdu
from cpaas.smpp.pdu import BindRequest, DeliverSm, SubmitSm
from cpaas.smpp.server import Connection, Server, ServerLimits
from cpaas.smpp.status import CommandStatus

PATIENCE_SECONDS = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Polls, so that a slow machine makes a test slow instead of wrong."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


class Esme:
    """Keeps what a client reports."""

    def __init__(self) -> None:
        self.bound = 0
        self.answers: list[tuple[Any, int, str]] = []
        self.delivered: list[DeliverSm] = []
        self.timeouts: list[Any] = []
        self.lost: list[tuple[list[Any], str]] = []
        self.rooms = 0
        self.answer_deliveries = True

    def on_bound(self, bind: Client) -> None:
        self.bound += 1

    def on_submit_resps(self, bind: Client, answers: list[tuple[Any, int, str]]) -> None:
        self.answers += answers

    def on_deliver_sms(self, bind: Client, pdus: list[DeliverSm]) -> None:
        self.delivered += pdus
        if self.answer_deliveries:
            sequences = [pdu.sequence for pdu in pdus]
            bind.deliver_resps(sequences, link_number=bind.link_number)

    def on_timeouts(self, bind: Client, tags: list[Any]) -> None:
        self.timeouts += tags

    def on_lost(self, bind: Client, unanswered: list[Any], reason: str) -> None:
        self.lost.append((unanswered, reason))

    def on_room(self, bind: Client) -> None:
        self.rooms += 1


class Smsc:
    """One connection of a server that accepts the password `secret` and answers when told to."""

    def __init__(self, connection: Connection, *, answering: bool) -> None:
        self.connection = connection
        self.answering = answering
        self.requests: list[Pdu] = []
        self.answers: list[tuple[Any, int, str]] = []
        self.timeouts: list[Any] = []
        self.lost: list[tuple[list[Any], str]] = []
        self.rooms = 0

    def on_bind(self, request: BindRequest) -> None:
        if request.password == "secret":
            self.connection.accept_bind("smsc")
        else:
            self.connection.reject_bind(CommandStatus.ESME_RINVPASWD)

    def on_requests(self, pdus: list[Pdu]) -> None:
        self.requests += pdus
        if self.answering:
            self.answer(pdus)

    def answer(self, pdus: list[Pdu]) -> None:
        self.connection.submit_resps([(p.sequence, 0, f"id{p.sequence}") for p in pdus])

    def on_deliver_resps(self, answers: list[tuple[Any, int, str]]) -> None:
        self.answers += answers

    def on_timeouts(self, tags: list[Any]) -> None:
        self.timeouts += tags

    def on_room(self) -> None:
        self.rooms += 1

    def on_lost(self, unanswered: list[Any], reason: str) -> None:
        self.lost.append((unanswered, reason))


class Pair:
    """A listening server, its connections' handlers, and clients bound to it."""

    def __init__(self) -> None:
        self.handlers: list[Smsc] = []
        self.answering = True
        self.port = 0
        self.server: Server | None = None
        self._stops: list[Callable[[], Awaitable[None]]] = []

    async def serve(self, tls: ssl.SSLContext | None = None, **limits: Any) -> int:
        def factory(connection: Connection) -> Smsc:
            handler = Smsc(connection, answering=self.answering)
            self.handlers.append(handler)
            return handler

        inbound_max = limits.pop("inbound_max", 5_000)
        bounds = ServerLimits(link=Limits(**limits), inbound_max=inbound_max)
        self.server = Server("127.0.0.1", self.port, factory, ssl=tls, limits=bounds)
        self.port = await self.server.start()
        return self.port

    def connect(self, **params: Any) -> tuple[Client, Esme, asyncio.Task[None]]:
        esme = Esme()
        full: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "system_id": "me",
            "password": "secret",
        }
        client = Client(BindParams(**full | params), esme, backoff=lambda failures: 0.02)
        task = asyncio.get_running_loop().create_task(client.run())
        self._stops.append(lambda: client.stop(0.2))
        return client, esme, task

    async def bound(self, **params: Any) -> tuple[Client, Esme, Smsc]:
        client, esme, _ = self.connect(**params)
        await until(lambda: esme.bound)
        return client, esme, self.handlers[-1]

    async def close(self) -> None:
        stopping = asyncio.gather(*(stop() for stop in self._stops))
        await asyncio.sleep(0)
        for handler in self.handlers:
            # Some tests leave requests unanswered, for which an unbind would wait.
            handler.connection.abort("the test is over")
        await stopping
        if self.server is not None:
            await self.server.stop(0.2)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    await made.close()


def messages(count: int, start: int = 0) -> list[tuple[Any, SubmitSm]]:
    numbers = range(start, start + count)
    return [(n, SubmitSm(destination_addr="91", short_message=b"hi")) for n in numbers]


@pytest.fixture
def tls_contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate made now, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "both.pem").write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "both.pem")
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client
