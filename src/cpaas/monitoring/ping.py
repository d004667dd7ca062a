"""Asks a service's page of health, and how long the answer takes."""

import http.client
import socket
import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

from cpaas.config import Settings
from cpaas.monitoring.types import Watched

SECONDS_MAX: Final = 1.0
_OK: Final = 200
_AMQP_PORT: Final = 5672


class Pinged(msgspec.Struct, frozen=True):
    """Whether it answered, within how many milliseconds, else why not."""

    up: bool
    latency_ms: float
    fault: str = ""


def ping(service: Watched) -> Pinged:
    """One GET of its page of health."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection(service.host, service.port, timeout=SECONDS_MAX)
    try:
        connection.request("GET", service.path)
        answer = connection.getresponse()
        answer.read(65_536)
    except (OSError, http.client.HTTPException) as error:
        return Pinged(False, 0, f"{type(error).__name__}: {error}"[:120])
    finally:
        connection.close()
    took = (time.perf_counter() - begun) * 1000
    return Pinged(answer.status == _OK, took, "" if answer.status == _OK else str(answer.status))


def knock(host: str, port: int) -> Pinged:
    """Whether something listens there, such as a broker."""
    begun = time.perf_counter()
    try:
        socket.create_connection((host, port), SECONDS_MAX).close()
    except OSError as error:
        return Pinged(False, 0, f"{type(error).__name__}: {error}"[:120])
    return Pinged(True, (time.perf_counter() - begun) * 1000)


def knock_broker(settings: Settings) -> Pinged | None:
    """RabbitMQ, where it carries the queues; None: they lie in PostgreSQL."""
    if settings.amqp_url:
        parts = urlsplit(settings.amqp_url)
        return knock(parts.hostname or "127.0.0.1", parts.port or _AMQP_PORT)
    return knock("127.0.0.1", settings.rabbitmq_port) if settings.rabbitmq else None
