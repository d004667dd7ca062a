"""A Calls API's link: the common one, which can also be asked how a call ended."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import aiohttp

from cpaas.channels.base import CarrierReceipt, Sink
from cpaas.channels.http import HttpLink
from cpaas.channels.voice.calls_driver import CallsDriver
from cpaas.channels.voice.statuses import call_end
from cpaas.kit.clock import now_us
from cpaas.messages.call_record import with_seconds
from cpaas.snapshot.types import Route


class CallsLink(HttpLink):
    """One route's calls."""

    def __init__(
        self, route: Route, driver: CallsDriver, sink: Sink, *, answer_seconds: float
    ) -> None:
        super().__init__(route, driver, sink, answer_seconds=answer_seconds)
        self._calls = driver
        self._tells = sink

    def ask(self, unheard: Sequence[Any]) -> None:
        """Asks how these calls are; those that are over come as receipts."""
        session = self._session
        if session is None or not self.up:
            return
        for one in unheard:
            task = asyncio.create_task(self._ask(partial(self._look, one), session))
            self._revokes.add(task)
            task.add_done_callback(self._revokes.discard)

    async def _look(self, one: Any, session: aiohttp.ClientSession) -> None:
        status, seconds = await self._calls.look(session, one.provider_message_id)
        ended = call_end(status)
        if ended is None:
            return
        state, error = ended
        taken = max(1, seconds) if state == "DELIVERED" else None
        words = f"asked: {status}".encode()
        receipt = CarrierReceipt(
            one.provider_message_id, state, "" if error is None else error.code,
            "" if error is None else error.text, now_us(), one.recipient, one.sender,
            words if taken is None else with_seconds(taken, words), None, one.id, seconds=taken,
        )  # fmt: skip
        self._tells.on_receipts([receipt])
