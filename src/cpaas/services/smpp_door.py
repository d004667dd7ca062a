"""The SMPP server for customers within cpaas-sms: its acceptor, its listeners, its figures."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cpaas.broker.base import Broker
from cpaas.broker.topology import SMPP_RECEIPT
from cpaas.config import Settings
from cpaas.config_values import ConfigError
from cpaas.kit.log import get_logger
from cpaas.pipeline.accept import Acceptor
from cpaas.services.status_page import Gauge
from cpaas.smpp_ingress.server import Ingress
from cpaas.snapshot.holder import SnapshotHolder

#: of the time for stopping that may be taken here: to commit, and to unbind.
DRAIN_SHARE: Final = 0.5
_log = get_logger("smpp")


class SmppDoor:
    """Lets customers' ESMEs in. Start `run`, then `listen`; end it by `stop`, then cancel."""

    def __init__(  # noqa: PLR0917 - the parts it is made of
        self,
        settings: Settings,
        pool: Any,
        accept_pool: Any,
        holder: SnapshotHolder,
        broker: Broker,
        instance_id: int,
        clock_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._acceptor = Acceptor(
            accept_pool, holder, instance_id, clock_us=clock_us,
            queue_items_max=settings.queue_items_max,
            waiting_bytes_max=settings.waiting_mb_max * 2**20,
        )  # fmt: skip
        consumer = broker.consumer(SMPP_RECEIPT)
        self.ingress = Ingress(
            pool, self._acceptor, holder, consumer, instance_id, clock_us=clock_us,
            receipt_days=settings.smpp_receipt_days,
        )  # fmt: skip

    async def run(self) -> None:
        """Accepts and notifies for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acceptor.run())
            tasks.create_task(self.ingress.run())

    async def listen(self) -> None:
        """Listens on 2775, and for TLS if there is a certificate."""
        settings = self._settings
        context = tls_context(settings.smpp_tls_certificate, settings.smpp_tls_key)
        await self.ingress.listen(settings.host, settings.smpp_port)
        if context is not None:
            await self.ingress.listen(settings.host, settings.smpp_tls_port, tls=context)
            _log.info("smpp_tls", port=settings.smpp_tls_port)

    async def stop(self, seconds: float) -> None:
        """Commits what gathered, answers it, and unbinds."""
        await self._acceptor.drain(seconds * DRAIN_SHARE)
        await self.ingress.stop(seconds * (1 - DRAIN_SHARE))

    def gauges(self) -> list[Gauge]:
        """What /metrics shows."""
        shown = [
            Gauge("cpaas_smpp_binds", count, {"system_id": system_id, "type": kind})
            for (system_id, kind), count in sorted(self.ingress.counts.items())
        ]
        shown += [
            Gauge("cpaas_smpp_refusals", count, {"code": code})
            for code, count in sorted(self.ingress.intake.refusals.items())
        ]
        return [*shown, Gauge("cpaas_smpp_incomplete", len(self.ingress.long_messages))]


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext | None:
    """The context of the TLS listener; None without a certificate. Errors: ConfigError."""
    if certificate == Path():
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, None if key == Path() else key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"CPAAS_SMPP_TLS_CERTIFICATE {certificate} or its key cannot be used: {error}",
            "give PEM files that belong together and that cpaas may read",
        ) from error
    return context
