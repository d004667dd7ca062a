"""Runs the simulated provider of calls with the platform's port, as a child of the supervisor.

A composition root like the others: the simulator itself knows nothing of our settings.
"""

import asyncio
import signal

from cpaas.config import Settings
from cpaas.simulators.voice import CallProvider, ProviderSettings


async def run(settings: Settings) -> int:
    """Serves its Calls API, on this machine only, until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    provider = CallProvider(
        ProviderSettings(port=settings.call_provider_port, ring_seconds=1.0, talk_seconds=3.0)
    )
    await provider.start()
    await stopping.wait()
    await provider.stop()
    return 0
