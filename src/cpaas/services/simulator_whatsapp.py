"""Runs the simulated Cloud API with the platform's ports, as one more child of the supervisor.

A composition root like the others: the simulator itself knows nothing of our settings. Its webhooks
go to the sandbox's route, whose secret path both sides make of the keyring.
"""

import asyncio
import signal
from typing import Final

from cpaas.config import Settings
from cpaas.gateway.callbacks import PATH
from cpaas.kit.secrets import Keyring
from cpaas.simulators.whatsapp import CloudSettings, Number, serve

ROUTE: Final = "wa"
DISPLAY: Final = "+15550001000"
NUMBER_ID: Final = "100000000000001"
WABA_ID: Final = "200000000000001"
TOKEN: Final = "sandbox-token"  # noqa: S105 - of a simulation
SECRET: Final = "sandbox-secret"  # noqa: S105 - of a simulation


def callback_token(keyring: Keyring) -> str:
    """The secret in the path of the sandbox route's callbacks."""
    return keyring.derive("sandbox whatsapp callbacks").hex()


async def run(settings: Settings) -> int:
    """Serves the API and its control page until SIGTERM or SIGINT."""
    cloud = CloudSettings(
        host=settings.host, port=settings.whatsapp_cloud_port,
        control_port=settings.whatsapp_cloud_control_port, app_secret=SECRET,
        numbers={NUMBER_ID: Number(display=DISPLAY, waba_id=WABA_ID, token=TOKEN)},
        any_template=True, callback_url=_callback_url(settings),
    )  # fmt: skip
    serving = asyncio.create_task(serve(cloud))
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
    return f"{settings.url(settings.whatsapp_port)}{PATH}/whatsapp/{ROUTE}/{token}"
