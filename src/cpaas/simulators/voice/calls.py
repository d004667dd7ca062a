"""One simulated call: its way from queued to an end, and the callbacks that tell of it."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import Any, Final

import aiohttp

from cpaas.simulators.voice.outcome import Kind
from cpaas.simulators.voice.script import Script
from cpaas.simulators.voice.settings import ProviderSettings

CALLBACK_TRIES: Final = 5
CALLBACK_SECONDS: Final = 5.0
ENDED: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_SIP: Final = {"completed": "200", "busy": "486", "failed": "503", "no-answer": "487"}


class SimulatedCall:
    """A call, as the API shows it."""

    def __init__(
        self, account: str, token: str, form: dict[str, str], events: Sequence[str],
        script: Script, kind: Kind,
    ) -> None:  # fmt: skip
        self.sid = "CA" + secrets.token_hex(16)
        self.account = account
        self.form = form
        self.script = script
        self.kind = kind
        self.status = "queued"
        self.duration: int | None = None
        self.created = formatdate(usegmt=True)
        self._token = token
        self._tells = True
        self._events = set(events) or {"completed"}
        self._sequence = 0
        self._cancel = asyncio.Event()

    def shown(self, version: str) -> dict[str, Any]:
        """The resource of the API."""
        return {
            "sid": self.sid, "account_sid": self.account, "status": self.status,
            "to": self.form["To"], "from": self.form["From"], "direction": "outbound-api",
            "duration": None if self.duration is None else str(self.duration),
            "price": None, "price_unit": "USD", "start_time": None, "end_time": None,
            "answered_by": None, "queue_time": "0", "date_created": self.created,
            "api_version": version,
            "uri": f"/{version}/Accounts/{self.account}/Calls/{self.sid}.json",
        }  # fmt: skip

    def cancel(self) -> None:
        """The customer ends it: canceled before the answer, completed after it."""
        self._cancel.set()

    async def run(self, session: aiohttp.ClientSession, settings: ProviderSettings) -> None:
        """Rings, talks and ends, in short time."""
        started = time.monotonic()
        self._tells = settings.callbacks
        if self.kind == "silent":
            self.status = "in-progress"
            return
        await self._step(session, "initiated", "initiated")
        self.status = "ringing"
        await self._step(session, "ringing", "ringing")
        slow = settings.slow_seconds if self.kind == "slow" else 0.0
        if await self._cancelled(settings.ring_seconds):
            await self._end(session, "canceled")
            return
        if self.kind in {"busy", "failed", "no-answer"}:
            await self._end(session, self.kind)
            return
        self.status = "in-progress"
        await self._step(session, "answered", "in-progress")
        cut = await self._cancelled(settings.talk_seconds + slow)
        await self._press(session)
        spoken = time.monotonic() - started if cut else self.script.seconds
        self.duration = max(1, min(round(spoken), int(self.form.get("TimeLimit", "14400"))))
        await self._end(session, "completed")

    async def _cancelled(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cancel.wait()
            return True
        return False

    async def _press(self, session: aiohttp.ClientSession | None) -> None:
        if self.script.keys and self.script.action and session is not None:
            digits = "1234567890"[: self.script.keys]
            await self._post(session, self.script.action, {"Digits": digits})

    async def _end(self, session: aiohttp.ClientSession | None, status: str) -> None:
        self.status = status
        more = {"SipResponseCode": _SIP.get(status, "487"), "CallDuration": str(self.duration or 0)}
        if self.duration is not None:
            more["Duration"] = str(-(-self.duration // 60))
        await self._step(session, "completed", status, more)

    async def _step(
        self, session: aiohttp.ClientSession | None, event: str, status: str,
        more: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        url = self.form.get("StatusCallback", "")
        if url and self._tells and session is not None and event in self._events:
            await self._post(session, url, {"CallStatus": status} | (more or {}))

    async def _post(self, session: aiohttp.ClientSession, url: str, more: dict[str, str]) -> None:
        form = {
            "CallSid": self.sid, "AccountSid": self.account, "From": self.form["From"],
            "To": self.form["To"], "CallStatus": self.status, "Direction": "outbound-api",
            "ApiVersion": "2010-04-01", "Timestamp": formatdate(usegmt=True),
            "CallbackSource": "call-progress-events", "SequenceNumber": str(self._sequence),
        } | more  # fmt: skip
        self._sequence += 1
        headers = {"X-Twilio-Signature": signature(self._token, url, form)}
        for number in range(CALLBACK_TRIES):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                timeout = aiohttp.ClientTimeout(total=CALLBACK_SECONDS)
                async with session.post(
                    url, data=form, headers=headers, timeout=timeout
                ) as response:
                    if response.status < 500:
                        return
            await asyncio.sleep(0.2 * 2**number)


def signature(token: str, url: str, form: dict[str, str]) -> str:
    """X-Twilio-Signature of a form that is posted to a URL."""
    text = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()
