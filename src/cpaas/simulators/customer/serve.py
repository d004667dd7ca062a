"""Runs the receiver by itself, for a person who tries webhooks or a bench that counts them."""

import asyncio
import signal

import msgspec

from cpaas.simulators.customer.sink import Behaviour, CustomerSink

DEFAULT_PORT = 8089


class CustomerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen and how to answer."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    behaviour: Behaviour = Behaviour()
    kept_max: int = 1000


async def serve(settings: CustomerSettings) -> None:
    """Answers until SIGINT or SIGTERM; GET /counts tells what came."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sink = CustomerSink(behaviour=settings.behaviour, kept_max=settings.kept_max)
    await sink.start(settings.host, settings.port)
    try:
        await stop.wait()
    finally:
        await sink.stop()
