"""Files and texts become telephone sound, once; what is no sound is refused in words."""

import array
import asyncio
import io
import itertools
import math
import wave
from pathlib import Path

import pytest
from tests.parts import require

from cpaas.channels.base import Piper
from cpaas.channels.voice.sound import BYTES_PER_SECOND, SoundError, telephone_sound
from cpaas.channels.voice.speech import (
    NoSpeechError,
    Speech,
    SpeechError,
    espeak_voice,
    piper_command,
    piper_missing,
    voice_file,
)


def wav(seconds: float, rate: int = 44_100, channels: int = 2, peak: int = 30_000) -> bytes:
    samples: array.array[int] = array.array("h")
    for n in range(int(seconds * rate)):
        samples.extend([round(peak * math.sin(2 * math.pi * 440 * n / rate))] * channels)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return out.getvalue()


def heard(sound: bytes) -> "array.array[int]":
    samples: array.array[int] = array.array("h")
    samples.frombytes(sound)
    return samples


async def test_a_file_becomes_eight_kilohertz_mono_and_not_too_loud() -> None:
    sound = await telephone_sound(wav(0.5))
    assert len(sound) == pytest.approx(BYTES_PER_SECOND / 2, rel=0.01)
    samples = heard(sound)
    assert max(samples) == pytest.approx(16_000, rel=0.01)
    # 440 Hz cross zero 440 times upwards in a second.
    rising = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
    assert rising == pytest.approx(220, abs=2)


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"RIFF\x00\x00\x00\x00WAVE" * 9])
async def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(SoundError, match="the audio file"):
        await telephone_sound(data)


class Store:
    """Keeps sounds as the database does."""

    def __init__(self) -> None:
        self.sounds: dict[str, bytes] = {}
        self.asked = 0

    async def get(self, key: str) -> bytes | None:
        self.asked += 1
        return self.sounds.get(key)

    async def put(self, key: str, sound: bytes) -> None:
        self.sounds[key] = sound


async def test_a_text_is_spoken_once() -> None:
    require("espeak-ng")
    store = Store()
    first = Speech(store)
    one, same, other = await asyncio.gather(
        first.say("Your code is 4821.", "en-IN"),
        first.say("Your code is 4821.", "en-IN"),
        first.say("Ihr Code ist 4821.", "de-DE", "woman"),
    )
    assert one == same != other
    assert store.asked == len(store.sounds) == 2
    assert 1.0 < len(one) / BYTES_PER_SECOND < 8.0
    samples = heard(one)
    loud = [s for s in samples if abs(s) > 50]
    assert math.sqrt(sum(s * s for s in loud) / len(loud)) > 1_000
    # A code is kept in this process only.
    await first.say("Your code is 1111.", "en-IN", secret=True)
    assert len(store.sounds) == 2
    # Another process finds it in the store and makes nothing.
    store.sounds = dict.fromkeys(store.sounds, b"kept")
    assert await Speech(store).say("Your code is 4821.", "en-IN") == b"kept"


async def test_what_cannot_be_spoken_says_why() -> None:
    require("espeak-ng")
    with pytest.raises(SpeechError, match="cannot be spoken"):
        await Speech().say("hello", "xx")


async def test_without_the_program_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SpeechError, match="apt-get install espeak-ng"):
        await Speech().say("hello", "en")


def test_languages_in_espeaks_words() -> None:
    assert espeak_voice("en-IN") == "en-gb"
    assert espeak_voice("hi-IN", "woman") == "hi+f3"
    assert espeak_voice("zh-CN") == "cmn"


def voices(folder: Path, *names: str) -> Piper:
    for name in names:
        (folder / f"{name}.onnx").touch()
        (folder / f"{name}.onnx.json").touch()
    (folder / "half.onnx").touch()
    return Piper("piper", str(folder))


def test_pipers_voice_for_what_was_asked(tmp_path: Path) -> None:
    piper = voices(tmp_path, "en_GB-alba-medium", "en_US-joe-medium", "hi_IN-pratham-medium")

    def found(language: str, voice: str = "") -> str:
        model = voice_file(piper, language, voice)
        return "" if model is None else model.stem

    assert found("en-US") == "en_US-joe-medium"
    assert found("en-IN", "woman") == "en_GB-alba-medium", "another one of the language"
    assert found("hi") == "hi_IN-pratham-medium"
    assert found("fr-FR") == "", "espeak-ng speaks it"
    assert found("en-US", "hi_IN-pratham-medium") == "hi_IN-pratham-medium", "by its name"
    assert found("en-US", "../secret") == ""
    assert found("en-US", "half") == "", "a voice without its settings cannot be used"
    assert voice_file(None, "en-US", "") is None
    model = voice_file(piper, "en-US", "")
    assert model is not None
    assert piper_command(piper, model) == [
        "piper", "--model", str(tmp_path / "en_US-joe-medium.onnx"), "--output_file", "-"
    ]  # fmt: skip


async def test_piper_that_is_set_and_not_there_says_so(tmp_path: Path) -> None:
    piper = Piper(str(tmp_path / "piper"), str(tmp_path))
    assert "which is no program here" in piper_missing(piper)
    with pytest.raises(NoSpeechError, match="CPAAS_PIPER names"):
        await Speech(piper=piper).say("hello", "en")
    program = tmp_path / "piper"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    assert "no voice" in piper_missing(piper)
    voices(tmp_path, "en_US-joe-medium")
    assert piper_missing(Piper(str(program), str(tmp_path))) == ""
    with pytest.raises(SpeechError, match="cannot be spoken"):
        await Speech(piper=Piper(str(program), str(tmp_path))).say("hello", "en-US")
