"""Runs the simulated SMSC with the platform's ports, as one more child of the supervisor.

A composition root like the others: the simulator itself knows nothing of our settings.
"""

from cpaas.config import Settings
from cpaas.simulators.smsc.serve import SmscSettings, serve


async def run(settings: Settings) -> int:
    """Serves SMPP and the control page until SIGTERM."""
    await serve(
        SmscSettings(
            host=settings.host, port=settings.smsc_port, control_port=settings.smsc_control_port
        )
    )
    return 0
