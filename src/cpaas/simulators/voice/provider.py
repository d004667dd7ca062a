"""The Calls API itself: what it takes, what it refuses and how, and the calls it makes."""

import asyncio
import base64
import binascii
import re
import time
from collections import Counter
from typing import Any, Final

import aiohttp
from aiohttp import web

from cpaas.simulators.voice.calls import ENDED, SimulatedCall
from cpaas.simulators.voice.outcome import Decider
from cpaas.simulators.voice.script import ScriptError, read_script
from cpaas.simulators.voice.settings import ProviderSettings

VERSION: Final = "2010-04-01"
MUTE_SECONDS: Final = 60.0
CALLS_KEPT_MAX: Final = 20_000
_NUMBER: Final = re.compile(r"\+[1-9]\d{6,14}")
_EVENTS: Final = frozenset({"initiated", "ringing", "answered", "completed"})


class CallProvider:
    """A provider of calls that listens."""

    def __init__(self, settings: ProviderSettings | None = None) -> None:
        self.settings = settings or ProviderSettings()
        self.calls: dict[str, SimulatedCall] = {}
        #: how often each number was called: nobody may be called twice.
        self.dialled: Counter[str] = Counter()
        self._decider = Decider(self.settings)
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_at = 0.0

    async def start(self) -> int:
        """Listens; returns the port."""
        app = web.Application(client_max_size=64 * 1024)
        base = f"/{VERSION}/Accounts/{{account}}"
        app.router.add_post(f"{base}/Calls.json", self._create)
        app.router.add_get(f"{base}/Calls/{{sid}}.json", self._fetch)
        app.router.add_post(f"{base}/Calls/{{sid}}.json", self._change)
        app.router.add_get("/stats", self._stats)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        await site.start()
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Ends it, with all its calls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _create(self, request: web.Request) -> web.Response:
        token = self._token(request)
        if token is None:
            return _problem(401, 20003, "Authenticate")
        posted = await request.post()
        form = {name: str(value) for name, value in posted.items()}
        events = [str(one) for one in posted.getall("StatusCallbackEvent", [])]
        refusal = self._refusal(form, events)
        if refusal is not None:
            return refusal
        try:
            script = read_script(form["Twiml"])
        except ScriptError as error:
            return _problem(400, 12100, str(error))
        kind = self._decider.decide(form["To"], form["Twiml"])
        if kind == "rejected":
            return _problem(400, 21211, f"Invalid 'To' Phone Number: {form['To']}")
        if kind == "throttled_first" or not self._paced():
            return _problem(429, 20429, "Too Many Requests")
        call = SimulatedCall(request.match_info["account"], token, form, events, script, kind)
        self.dialled[form["To"]] += 1
        if len(self.calls) >= CALLS_KEPT_MAX:
            del self.calls[next(iter(self.calls))]
        self.calls[call.sid] = call
        assert self._session is not None  # noqa: S101
        task = asyncio.create_task(call.run(self._session, self.settings))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if kind == "mute":
            # The call is made, and its answer is never heard.
            await asyncio.sleep(MUTE_SECONDS)
        return web.json_response(call.shown(VERSION), status=201)

    def _refusal(self, form: dict[str, str], events: list[str]) -> web.Response | None:
        if not form.get("To"):
            return _problem(400, 21201, "No 'To' number specified")
        if not form.get("From"):
            return _problem(400, 21213, "Caller phone number is required")
        if not _NUMBER.fullmatch(form["To"]):
            return _problem(400, 21211, f"Invalid 'To' Phone Number: {form['To']}")
        if not _NUMBER.fullmatch(form["From"]):
            return _problem(400, 21212, f"Invalid 'From' Number: {form['From']}")
        if not form.get("Twiml"):
            return _problem(400, 21205, "Url parameter is required")
        if set(events) - _EVENTS:
            return _problem(400, 21626, "StatusCallbackEvent is not valid")
        if not 1 <= int(form.get("Timeout") or 60) <= 600:
            return _problem(400, 21220, "Timeout is not valid")
        return None

    async def _fetch(self, request: web.Request) -> web.Response:
        call = self.calls.get(request.match_info["sid"])
        if self._token(request) is None:
            return _problem(401, 20003, "Authenticate")
        if call is None:
            return _problem(404, 20404, "The requested resource was not found")
        return web.json_response(call.shown(VERSION))

    async def _change(self, request: web.Request) -> web.Response:
        call = self.calls.get(request.match_info["sid"])
        if self._token(request) is None:
            return _problem(401, 20003, "Authenticate")
        if call is None:
            return _problem(404, 20404, "The requested resource was not found")
        status = str((await request.post()).get("Status", ""))
        if status not in {"canceled", "completed"} or call.status in ENDED:
            return _problem(400, 21220, "Call is not in-progress. Cannot redirect.")
        call.cancel()
        return web.json_response(call.shown(VERSION))

    async def _stats(self, _: web.Request) -> web.Response:
        shown: dict[str, Any] = {
            "calls": sum(self.dialled.values()),
            "dialled_twice": sum(1 for times in self.dialled.values() if times > 1),
            "under_way": len(self._tasks),
        }
        return web.json_response(shown)

    def _token(self, request: web.Request) -> str | None:
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            sid, _, token = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if scheme.lower() != "basic" or sid != request.match_info["account"]:
            return None
        accounts = self.settings.accounts
        return token if not accounts or accounts.get(sid) == token else None

    def _paced(self) -> bool:
        rate, now = self.settings.calls_a_second, time.monotonic()
        if not rate:
            return True
        if now < self._next_at:
            return False
        self._next_at = now + 1 / rate
        return True


def _problem(status: int, code: int, message: str) -> web.Response:
    return web.json_response(
        {
            "code": code, "message": message, "status": status,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
        },
        status=status,
    )  # fmt: skip
