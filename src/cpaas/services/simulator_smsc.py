"""Runs the simulated SMSC with the platform's ports, as one more child of the supervisor.

A composition root like the others: the simulator itself knows nothing of our settings.
"""

import asyncio
import signal

from cpaas.config import Settings
from cpaas.simulators.smsc import SmscSettings, serve


async def run(settings: Settings) -> int:
    """Serves SMPP and the control page until SIGTERM or SIGINT."""
    serving = asyncio.create_task(
        serve(
            SmscSettings(
                host=settings.host, port=settings.smsc_port, control_port=settings.smsc_control_port
            )
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()
    return 0
