"""cpaas-sms: SMS to carriers, and the SMPP server for customers beside it."""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any, Final

import msgspec

from cpaas.config import Settings
from cpaas.kit.clock import now_us as _now_us
from cpaas.services.channel import ChannelService, Spec, serve
from cpaas.services.smpp_door import SmppDoor
from cpaas.services.status_page import Gauge
from cpaas.simulators.smsc import SimulatedSmsc, SmscSettings
from cpaas.snapshot.types import Route

SERVICE: Final = "cpaas-sms"
CHANNEL: Final = "sms"
#: customers' binds: one connection commits, the others are for when a commit was lost.
ACCEPT_POOL: Final = (f"{SERVICE} accept", 1, 3)
TEST_SYSTEM_ID: Final = "test"
TEST_WINDOW: Final = 500
#: of the time that stopping may take.
DOOR_SHARE: Final = 0.2


class _TestCarrier:
    """The carrier for test keys, built in: on a port of its own that nobody else is told."""

    def __init__(self, _settings: Settings) -> None:
        self._password = secrets.token_hex(4)
        self._smsc = SimulatedSmsc(SmscSettings(accounts={TEST_SYSTEM_ID: self._password}))
        self._port = 0

    async def start(self) -> None:
        """Listens on a free port of this machine only."""
        self._port = await self._smsc.start()

    async def stop(self) -> None:
        """Ends it."""
        await self._smsc.stop()

    def located(self, route: Route) -> Route | None:
        """A simulated route as it can be reached; any other as it is."""
        if not route.simulated:
            return route
        return msgspec.structs.replace(
            route, dialect="smpp", host="127.0.0.1", port=self._port, system_id=TEST_SYSTEM_ID,
            binds=1, bind_type="trx", window_size=TEST_WINDOW, message_id_mode="same", settings={},
        )  # fmt: skip

    def credentials(self) -> dict[str, str]:
        """What to bind with."""
        return {"password": self._password}


class _Sms(ChannelService):
    """The channel with the door for customers' binds."""

    def __init__(self, spec: Spec, settings: Settings, pools: Any, *rest: Any) -> None:
        super().__init__(spec, settings, pools, *rest)
        self.door = SmppDoor(
            settings, self.pool, pools[1], self.holder, self.broker, self.instance_id, _now_us
        )

    def more_tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The door's own work."""
        return {"smpp": self.door.run()}

    async def opened(self) -> None:
        """Lets customers bind."""
        await self.door.listen()
        self.holder.on_change(self.door.ingress.changed)

    async def closing(self, seconds: float) -> None:
        """Customers go first."""
        await self.door.stop(seconds * DOOR_SHARE)

    def gauges(self) -> list[Gauge]:
        """With the binds of customers."""
        return super().gauges() + self.door.gauges()


SPEC: Final = Spec(SERVICE, CHANNEL, "sms_port", _TestCarrier, (ACCEPT_POOL,))


async def run(settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Serves until SIGTERM or SIGINT (or `stop`); 1 when a part of it ended by itself."""
    return await serve(SPEC, settings, stop, _Sms)
