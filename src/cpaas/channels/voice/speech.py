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

from cpaas.channels.base import Piper, SoundStore
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

    def __init__(self, kept: SoundStore | None = None, piper: Piper | None = None) -> None:
        self._kept = kept
        self._piper = piper
        self._sounds: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def say(
        self, text: str, language: str, voice: str = "", *, secret: bool = False
    ) -> bytes:
        """A text as sound; a secret one is kept nowhere else. Errors: SpeechError."""
        model = voice_file(self._piper, language, voice)
        key = _key("say", text, language, voice, *([model.name] if model else []))
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

    def missing(self) -> str:
        """What is not here of what texts are spoken with, and how to get it; "" when all is."""
        return piper_missing(self._piper) or missing()

    async def _speak(self, text: str, language: str, voice: str) -> bytes:
        model = voice_file(self._piper, language, voice)
        if self._piper is not None and (why := piper_missing(self._piper)):
            raise NoSpeechError(why)
        if self._piper is not None and model is not None:
            argv = piper_command(self._piper, model)
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


def piper_missing(piper: Piper | None) -> str:
    """What is wrong with piper as it is set; "" when nothing is, or it is not set."""
    if piper is None:
        return ""
    if shutil.which(piper.program) is None:
        return f"CPAAS_PIPER names {piper.program}, which is no program here: correct or unset it"
    if not _models(piper):
        return (
            f"CPAAS_PIPER_VOICES names {piper.voices or 'nothing'}, where no voice (*.onnx with its"
            " *.onnx.json) is: put one there, or unset CPAAS_PIPER"
        )
    return ""


def voice_file(piper: Piper | None, language: str, voice: str) -> Path | None:
    """The piper voice for what was asked: by its name, else the first of the language.

    None = espeak-ng speaks it.
    """
    if piper is None:
        return None
    models = _models(piper)
    if voice and voice not in ("woman", "man"):
        return models.get(voice)
    main, _, region = language.replace("_", "-").partition("-")
    exact = f"{main.lower()}_{region.upper()}-"
    for start in (exact, f"{main.lower()}_", f"{main.lower()}-"):
        for name in sorted(models):
            if name.startswith(start):
                return models[name]
    return None


def piper_command(piper: Piper, model: Path) -> list[str]:
    """What is run: the text comes by its input, a WAV goes to its output."""
    return [piper.program, "--model", str(model), "--output_file", "-"]


def _models(piper: Piper) -> dict[str, Path]:
    """Voices by name; one without its settings beside it cannot be used."""
    folder = Path(piper.voices) if piper.voices else None
    if folder is None or not folder.is_dir():
        return {}
    return {
        one.stem: one
        for one in folder.glob("*.onnx")
        if one.with_name(f"{one.name}.json").is_file()
    }


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
