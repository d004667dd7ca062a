"""Webhooks as Meta builds them: signed over the raw bytes, sent again until they are taken."""

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from cpaas.simulators.whatsapp.settings import CloudSettings, Number

WAITING_MAX = 100_000
POST_SECONDS = 15.0


class Webhooks:
    """Posts what happens; at least once, within the tries that the settings give."""

    def __init__(self, settings: Callable[[], CloudSettings]) -> None:
        self.taken = 0
        self.refused = 0
        self.given_up = 0
        self._settings = settings
        self._queue: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue(WAITING_MAX)
        self._session: aiohttp.ClientSession | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Starts its workers."""
        count = self._settings().callbacks_at_once
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
            connector=aiohttp.TCPConnector(limit=count),
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(count)]

    async def stop(self) -> None:
        """Forgets what waits."""
        for timer in self._timers:
            timer.cancel()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def after(self, seconds: float, make: Callable[[], None]) -> None:
        """Does something later."""
        loop = asyncio.get_running_loop()

        def run() -> None:
            self._timers.discard(timer)
            make()

        timer = loop.call_later(seconds, run)
        self._timers.add(timer)

    def tell(self, waba_id: str, field: str, value: dict[str, Any]) -> None:
        """Posts a change soon."""
        body = msgspec.json.encode(
            {
                "object": "whatsapp_business_account",
                "entry": [
                    {
                        "id": waba_id, "time": int(time.time()),
                        "changes": [{"field": field, "value": value}],
                    }
                ],
            }
        )  # fmt: skip
        for _ in range(2 if self._settings().callback_twice else 1):
            self._put(body, 0)

    def _put(self, body: bytes, tries: int) -> None:
        try:
            self._queue.put_nowait((body, tries))
        except asyncio.QueueFull:
            self.given_up += 1

    async def _work(self) -> None:
        while True:
            body, tries = await self._queue.get()
            if await self._post(body):
                self.taken += 1
                continue
            self.refused += 1
            delays = self._settings().callback_retry_seconds
            if tries < len(delays):
                self.after(delays[tries], lambda b=body, t=tries: self._put(b, t + 1))  # type: ignore[misc]
            else:
                self.given_up += 1

    async def _post(self, body: bytes) -> bool:
        settings = self._settings()
        if not settings.callback_url or self._session is None:
            return True
        sign = hmac.new(settings.app_secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={sign}"}
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.post(
                settings.callback_url, data=body, headers=headers, allow_redirects=False
            ) as reply:
                await reply.read()
                return 200 <= reply.status < 300
        return False


def messages_value(number_id: str, number: Number, **more: Any) -> dict[str, Any]:
    """The value of a change of `messages`."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": number.display.removeprefix("+"), "phone_number_id": number_id,
        },
        **more,
    }  # fmt: skip


def contact_of(digits: str) -> dict[str, Any]:
    """Who wrote: since 2026 with an id of its own for each business."""
    return {
        "profile": {"name": "Asha"}, "wa_id": digits, "user_id": f"IN.{int(digits) % 10**12}"
    }  # fmt: skip


def status_of(
    message_id: str, status: str, to: str, *, data: str = "", category: str = "", code: int = 0
) -> dict[str, Any]:
    """One status object."""
    made: dict[str, Any] = {
        "id": message_id, "status": status, "timestamp": str(int(time.time())),
        "recipient_id": to,
    }  # fmt: skip
    if data:
        made["biz_opaque_callback_data"] = data
    if status in ("sent", "delivered") and category:
        kind = "free_customer_service" if category == "service" else "regular"
        made["pricing"] = {
            "billable": category != "service", "pricing_model": "PMP", "type": kind,
            "category": category,
        }  # fmt: skip
    if status == "failed":
        made["errors"] = [
            {
                "code": code, "title": TITLES.get(code, "Error"),
                "message": TITLES.get(code, "Error"),
                "error_data": {"details": DETAILS.get(code, "The message was not delivered.")},
                "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
            }
        ]  # fmt: skip
    return made


TITLES = {
    131000: "Something went wrong", 131026: "Message undeliverable",
    131047: "Re-engagement message", 131049: "This message was not delivered",
    131050: "User stopped marketing messages", 131053: "Media upload error",
}  # fmt: skip
DETAILS = {
    131026: "Message Undeliverable.",
    131047: "More than 24 hours have passed since the recipient last replied to the sender number.",
    131049: "Not delivered to maintain healthy ecosystem engagement.",
}
