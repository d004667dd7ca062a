"""Runs the simulated RCS hub with the platform's ports, as one more child of the supervisor.

A composition root like the others: the simulator itself knows nothing of our settings. Its events
go to the sandbox's route, whose secret path both sides make of the keyring.
"""

import asyncio
import signal
from typing import Final

from cpaas.config import Settings
from cpaas.gateway.callbacks import PATH
from cpaas.kit.secrets import Keyring
from cpaas.simulators.rcs import RcsSettings, serve

ROUTE: Final = "rcs"


def callback_token(keyring: Keyring) -> str:
    """The secret in the path of the sandbox route's callbacks."""
    return keyring.derive("sandbox rcs callbacks").hex()


async def run(settings: Settings) -> int:
    """Serves the hub and its control page until SIGTERM or SIGINT."""
    hub = RcsSettings(
        host=settings.host, port=settings.rcs_hub_port, control_port=settings.rcs_hub_control_port,
        token_calls=0, any_template=True, callback_url=_callback_url(settings),
    )  # fmt: skip
    serving = asyncio.create_task(serve(hub))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    await asyncio.wait({serving})
    if not serving.cancelled():
        serving.result()
    return 0


def _callback_url(settings: Settings) -> str:
    if not settings.keyring.exists():
        # Run by itself, before the platform ever was: its control port can name an address.
        return ""
    token = callback_token(Keyring.load(settings.keyring))
    return f"{settings.url(settings.rcs_port)}{PATH}/rcs/{ROUTE}/{token}"
