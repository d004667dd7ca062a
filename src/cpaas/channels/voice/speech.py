"""Text to speech for telephones: by espeak-ng, or by piper where the operator has a voice for it.

What was said once is kept: campaigns and codes say the same beginning to many.
"""

import asyncio
import hashlib
import shutil
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from cpaas.channels.base import SoundStore
from cpaas.channels.voice.sound import SoundError, telephone_sound

ESPEAK: Final = "espeak-ng"
KEPT_BYTES_MAX: Final = 32 * 1024 * 1024
AT_ONCE: Final = 2
SPEAK_SECONDS_MAX: Final = 60.0
#: words a minute; the default of 175 is quick for a telephone.
WORDS_A_MINUTE: Final = 150
#: as a telephone user says it -> what espeak-ng calls it.
_LANGUAGES: Final = {
    "en-in": "en-gb", "en-us": "en-us", "en-gb": "en-gb", "es-mx": "es-419", "pt-pt": "pt",
    "pt-br": "pt-br", "fr-fr": "fr-fr", "zh": "cmn", "zh-cn": "cmn", "zh-hk": "yue", "no": "nb",
}  # fmt: skip


class SpeechError(Exception):
    """The text cannot be spoken here; says what to do."""


class NoSpeechError(SpeechError):
    """The program that speaks is not here; says how to install it."""


class Speech:
    """Speaks texts, each once."""

    def __init__(self, kept: SoundStore | None = None, piper_voices: Path | None = None) -> None:
        """piper_voices: a folder of piper voices, files such as en_US-joe-medium.onnx."""
        self._kept = kept
        self._piper = piper_voices
        self._sounds: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def say(
        self, text: str, language: str, voice: str = "", *, secret: bool = False
    ) -> bytes:
        """A text as sound; a secret one is kept nowhere else. Errors: SpeechError."""
        key = _key("say", text, language, voice)
        return await self.sound(key, lambda: self._speak(text, language, voice), secret=secret)

    async def sound(
        self, key: str, make: Callable[[], Awaitable[bytes]], *, secret: bool = False
    ) -> bytes:
        """The sound of that key, made by whoever asks first."""
        known = self._sounds.get(key)
        if known is not None:
            self._sounds.move_to_end(key)
            return known
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(self._make(key, make, None if secret else self._kept))
            self._making[key] = making
            making.add_done_callback(lambda task: self._made(key, task))
        return await asyncio.shield(making)

    async def _make(
        self, key: str, make: Callable[[], Awaitable[bytes]], kept: SoundStore | None
    ) -> bytes:
        if kept is not None and (stored := await kept.get(key)) is not None:
            return stored
        async with self._slots:
            sound = await make()
        if kept is not None:
            await kept.put(key, sound)
        return sound

    def _made(self, key: str, task: "asyncio.Task[bytes]") -> None:
        self._making.pop(key, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._sounds[key] = task.result()
        self._size += len(task.result())
        while self._size > KEPT_BYTES_MAX and len(self._sounds) > 1:
            _, old = self._sounds.popitem(last=False)
            self._size -= len(old)

    async def _speak(self, text: str, language: str, voice: str) -> bytes:
        found = self._piper / f"{voice}.onnx" if self._piper is not None and voice else None
        if found is not None and found.parent == self._piper and found.is_file():
            argv = ["piper", "--model", str(found), "--output_file", "-"]
        else:
            argv = [
                ESPEAK, "--stdin", "--stdout", "-s", str(WORDS_A_MINUTE),
                "-v", espeak_voice(language, voice),
            ]  # fmt: skip
        program = shutil.which(argv[0])
        if program is None:
            raise NoSpeechError(missing(argv[0]))
        wav = await _run([program, *argv[1:]], text)
        try:
            return await telephone_sound(wav)
        except SoundError as error:
            raise SpeechError(f"{argv[0]} made nothing that can be played: {error}") from error


def missing(program: str = ESPEAK) -> str:
    """What is not here and how to get it; "" when all is."""
    if shutil.which(program) is not None:
        return ""
    return f"{program} is not installed: apt-get install {program}"


def espeak_voice(language: str, voice: str = "") -> str:
    """What espeak-ng calls a language and a voice: "man" and "woman" are its two variants."""
    tag = language.lower()
    name = _LANGUAGES.get(tag, tag.split("-", maxsplit=1)[0])
    return name + {"woman": "+f3", "man": "+m3"}.get(voice, "")


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def _run(argv: list[str], text: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SPEAK_SECONDS_MAX):
            out, words = await process.communicate(text.encode())
    except TimeoutError:
        raise SpeechError("the text takes too long to be spoken") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not out:
        raise SpeechError(f"the text cannot be spoken: {words.decode(errors='replace')[:200]}")
    return out
