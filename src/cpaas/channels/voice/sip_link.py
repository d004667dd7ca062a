"""One SIP trunk as the gateway sees it: a call per message, and what becomes of it.

A message is SUBMITTED when the network has the call, and ends with it. Until then the link holds
its place in the window, which is how many calls the trunk carries at once.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from cpaas.channels.base import (
    CarrierReceipt,
    Inbound,
    MediaError,
    NotEncodableError,
    Outcome,
    Prepared,
    Sink,
    Tools,
)
from cpaas.channels.errors import CATALOGUE, CarrierError
from cpaas.channels.voice.config import SipSettings, port_of, trunk_of
from cpaas.channels.voice.content import VoiceContent, content_of, limit_seconds
from cpaas.channels.voice.dialer import Dialer
from cpaas.channels.voice.frames import Answered, Digit, Ended, FromWorker, Ringing
from cpaas.channels.voice.sound import FILE_BYTES_MAX, SoundError, telephone_sound
from cpaas.channels.voice.speech import NoSpeechError, Speech, SpeechError
from cpaas.channels.voice.statuses import UNKNOWN, sip_code, sip_error
from cpaas.kit.clock import now_us
from cpaas.kit.log import get_logger
from cpaas.messages.call_record import with_seconds
from cpaas.messages.envelopes import Envelope, Outgoing
from cpaas.snapshot.types import Route

_TYPES: Final = (
    "audio/wav",
    "audio/x-wav",
    "audio/wave",
    "audio/mpeg",
    "audio/mp3",
    "audio/flac",
    "audio/x-flac",
    "audio/ogg",
    "application/ogg",
)
AUDIO_TYPES: Final = dict.fromkeys(_TYPES, FILE_BYTES_MAX)
#: calls without a word of the carrier, one after the other, and the trunk counts as away.
SILENT_MAX: Final = 3
SILENT_SECONDS: Final = 30.0
LOST: Final = "The call was under way when the process that made it ended."
_log = get_logger(__name__)


class _Call(msgspec.Struct, eq=False):
    """A message on its way through the trunk."""

    prepared: Prepared
    content: VoiceContent
    provider_id: str = ""
    told: bool = False
    digits: str = ""


class SipLink:
    """The calls of one trunk."""

    #: a full window means that all talk; that the carrier says nothing is noticed here.
    patient: Final = True

    def __init__(
        self,
        route: Route,
        settings: SipSettings,
        password: str,
        sink: Sink,
        tools: Tools,
        speech: Speech,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._route = route
        self._settings = settings
        self._sink = sink
        self._tools = tools
        self._speech = speech
        self._clock = clock
        self._window = max(1, route.window_size)
        self._dialer = Dialer(trunk_of(route, settings, password), self)
        self._calls: dict[int, _Call] = {}
        self._making: set[asyncio.Task[None]] = set()
        self._silent = 0
        self._silent_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._last_error = ""
        self._fault = ""

    @property
    def up(self) -> bool:
        """Whether calls can be made."""
        return self._dialer.ready and self._clock() >= self._silent_until

    @property
    def free(self) -> int:
        """How many more calls the trunk carries."""
        room = max(0, self._window - self.in_flight)
        # After a silence one call tries whether the carrier is back.
        return min(room, max(0, 1 - self.in_flight)) if self._silent >= SILENT_MAX else room

    @property
    def largest_free(self) -> int:
        """The same: a message is one call."""
        return self.free

    @property
    def connections_up(self) -> int:
        """1 while the worker can dial."""
        return int(self.up)

    @property
    def connections_wanted(self) -> int:
        """1: one worker."""
        return 1

    @property
    def in_flight(self) -> int:
        """Calls that are made or under way."""
        return len(self._calls) + len(self._making)

    @property
    def last_error(self) -> str:
        """Why no calls can be made."""
        return self._fault if self.up else self._dialer.last_error or self._last_error

    @property
    def worker_pid(self) -> int:
        """The process that makes the calls."""
        return self._dialer.pid

    def prepare(self, envelope: Envelope, message: Outgoing) -> Prepared:
        """The message as a call; NotEncodableError when that cannot be."""
        content = _content(message)
        settings, route = self._settings, self._route
        digits = message.to.removeprefix("+")
        number = f"+{digits}" if settings.plus else digits
        caller = message.sender if settings.caller == "sender" and message.sender else ""
        keys = content.dtmf
        wanted = {
            "uri": f"sip:{number}@{route.host}:{port_of(route, settings)}"
            f";transport={settings.transport}",
            "caller": caller, "repeat": content.repeat, "ring_seconds": settings.ring_seconds,
            "limit_seconds": float(limit_seconds(message.text, content)),
            "digits_max": keys.digits if keys else 0,
            "digits_seconds": keys.seconds if keys else 0.0,
            "finish_on": keys.finish_on if keys else "",
        }  # fmt: skip
        return Prepared(envelope, message, 1, [(1, wanted)], 1, owner=content)

    def send(self, batch: Sequence[Prepared]) -> list[Prepared]:
        """Starts as many calls as fit; returns those of which nothing was done."""
        room = self.free
        for prepared in batch[:room]:
            task = asyncio.create_task(self._make(prepared))
            self._making.add(task)
            task.add_done_callback(self._making.discard)
        return list(batch[room:])

    def acknowledge(self, tokens: Sequence[object], *, accepted: bool = True) -> None:
        """Nobody waits for an answer to what became of a call."""

    def revoke(self, provider_message_id: str, sender: str, recipient: str) -> bool:
        """Hangs up, whatever it is saying."""
        for number, call in self._calls.items():
            if call.provider_id == provider_message_id:
                self._dialer.hang_up(number)
                return True
        return False

    def update(self, route: Route) -> None:
        """How many calls at once may change under way."""
        self._route, self._window = route, max(1, route.window_size)

    def start(self) -> None:
        """Starts the worker; what is missing to speak shows at once, not with the first call."""
        self._fault = self._speech.missing()
        self._dialer.start()

    async def stop(self, drain_seconds: float) -> None:
        """Waits for calls to end, then hangs up."""
        until = self._clock() + drain_seconds
        while self.in_flight and self._clock() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        for task in list(self._making):
            task.cancel()
        await asyncio.gather(*self._making, return_exceptions=True)
        await self._dialer.stop()
        if self._timer is not None:
            self._timer.cancel()

    # What the dialer tells

    def on_ready(self) -> None:
        """Calls can be made, or cannot any more."""
        self._sink.on_change()

    def on_call(self, event: FromWorker) -> None:
        """Something happened to a call."""
        number = getattr(event, "call", 0)
        call = self._calls.get(number)
        if call is None:
            return
        match event:
            case Ringing() | Answered():
                self._silent = 0
                self._submitted(call, event.call_id)
            case Digit():
                call.digits += event.digit
            case Ended():
                del self._calls[number]
                self._ended(call, event)
                self._sink.on_change()

    def on_lost(self, calls: list[int]) -> None:
        """The worker is gone, and with it these calls: none is made again."""
        for number in calls:
            call = self._calls.pop(number, None)
            if call is None:
                continue
            if call.told:
                self._receipt(call, "FAILED", UNKNOWN, LOST, b"lost")
            else:
                self._outcome(call.prepared, None, UNKNOWN, LOST)
        self._sink.on_change()

    # One call

    async def _make(self, prepared: Prepared) -> None:
        """Makes its sound first, so that nothing is dialled that has nothing to say."""
        content, wanted = prepared.owner, prepared.parts[0][1]
        error: tuple[CarrierError, str]
        try:
            sound = await self._sound(prepared, content)
        except asyncio.CancelledError:
            self._outcome(prepared, None, CATALOGUE["carrier_temporary"], "stopped before it")
            raise
        except MediaError as failed:
            code = "media_unreachable" if failed.passing else "media_failed"
            error = CATALOGUE[code], str(failed)
        except NoSpeechError as failed:
            # The operator's to mend: another route may speak meanwhile.
            self._fault = str(failed)
            error = CATALOGUE["route_down"], str(failed)
        except (SpeechError, SoundError) as failed:
            error = CATALOGUE["not_encodable"], str(failed)
        except Exception as failed:  # noqa: BLE001 - nothing was dialled; the log has it
            _log.exception("call_without_sound", route=self._route.name)
            error = CATALOGUE["carrier_temporary"], repr(failed)[:200]
        else:
            self._fault = ""
            if self._dialer.ready:
                number = self._dialer.place(sound, wanted)
                self._calls[number] = _Call(prepared, content)
                return
            error = CATALOGUE["route_down"], "the SIP worker is away"
        self._outcome(prepared, None, *error)
        self._sink.on_change()

    async def _sound(self, prepared: Prepared, content: VoiceContent) -> bytes:
        if not content.audio_url:
            return await self._speech.say(
                prepared.message.text, content.language, content.voice,
                secret=prepared.envelope.lane == "otp",
            )  # fmt: skip
        media = await self._tools.media.get(
            prepared.envelope.account_id, content.audio_url, AUDIO_TYPES
        )
        return await self._speech.sound(f"media:{media.id}", lambda: telephone_sound(media.data))

    def _submitted(self, call: _Call, call_id: str) -> None:
        if call.told:
            return
        call.told = True
        call.provider_id = call_id or f"{call.prepared.message.id.hex()}"
        self._outcome(call.prepared, call.provider_id, None, "")

    def _ended(self, call: _Call, ended: Ended) -> None:
        error, code = sip_error(ended, rang=call.told), sip_code(ended)
        self._count_silence(ended, error)
        if error is not None and not call.told:
            self._outcome(call.prepared, None, error, code)
            return
        self._submitted(call, ended.call_id)
        if error is not None:
            self._receipt(call, "FAILED", error, code, code.encode())
            return
        seconds = -(-(ended.milliseconds or 0) // 1000)
        words = f"{ended.by}, {ended.milliseconds} ms, {ended.packets} packets".encode()
        self._receipt(call, "DELIVERED", None, "", words, seconds)
        if call.digits:
            self._pressed(call)

    def _count_silence(self, ended: Ended, error: CarrierError | None) -> None:
        silent = error is UNKNOWN and not ended.status
        self._silent = self._silent + 1 if silent else 0
        if self._silent >= SILENT_MAX:
            self._last_error = f"not a word of the carrier: {ended.reason}"
            self._silent_until = self._clock() + SILENT_SECONDS
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SILENT_SECONDS + 0.01, self._sink.on_change)

    def _outcome(
        self, prepared: Prepared, provider_id: str | None, error: CarrierError | None, code: str
    ) -> None:
        self._sink.on_outcomes([Outcome(prepared, [provider_id], error, code)])

    def _receipt(
        self, call: _Call, state: Any, error: CarrierError | None, code: str, raw: bytes,
        seconds: int | None = None,
    ) -> None:  # fmt: skip
        message = call.prepared.message
        words = "" if error is None else (code if error is UNKNOWN else error.text)
        receipt = CarrierReceipt(
            call.provider_id, state, "" if error is None else error.code, words, now_us(),
            message.to, message.sender, raw if seconds is None else with_seconds(seconds, raw),
            None, message.id, seconds=seconds,
        )  # fmt: skip
        self._sink.on_receipts([receipt])

    def _pressed(self, call: _Call) -> None:
        message = call.prepared.message
        self._sink.on_inbound(
            [
                Inbound(
                    message.to, message.sender, call.digits, b"", [],
                    content={"dtmf": call.digits}, key=f"{call.provider_id}:keys",
                )
            ]
        )  # fmt: skip


def _content(message: Outgoing) -> VoiceContent:
    try:
        return content_of(message.content)
    except msgspec.ValidationError as error:
        raise NotEncodableError(f"voice: {error}") from None
