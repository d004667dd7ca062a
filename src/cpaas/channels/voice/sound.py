"""Sound for telephones: any WAV, MP3, FLAC or Ogg Vorbis file as 8 kHz mono, 16 bit.

The files come from customers and the decoder is C, so it runs in a process of its own that may
take little memory and time: `python -m cpaas.channels.voice.sound`, file in, samples out.
"""

import array
import asyncio
import resource
import sys
from typing import Final

RATE: Final = 8_000
BYTES_PER_SECOND: Final = RATE * 2
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
SECONDS_MAX: Final = 600
_CPU_SECONDS_MAX: Final = 20
_MEMORY_MAX: Final = 1024 * 1024 * 1024
_WAIT_SECONDS: Final = 40.0
#: peaks at half of full scale: louder is clipped by A-law and µ-law gateways.
_PEAK: Final = 16_000


class SoundError(Exception):
    """The file cannot be played; says why."""


async def telephone_sound(data: bytes) -> bytes:
    """The samples of a sound file. Errors: SoundError."""
    if len(data) > FILE_BYTES_MAX:
        raise SoundError(f"the audio file has {len(data)} bytes; at most {FILE_BYTES_MAX} fit")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cpaas.channels.voice.sound",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            out, words = await process.communicate(data)
    except TimeoutError:
        raise SoundError("the audio file takes too long to be read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not out:
        said = words.decode(errors="replace").strip().splitlines() or [""]
        raise SoundError(
            said[-1] if said[-1].startswith("the audio") else
            "the audio file is no WAV, MP3, FLAC or Ogg Vorbis that can be played"
        )  # fmt: skip
    return out


def decode(data: bytes) -> bytes:
    """The samples, in this process. Errors: SoundError."""
    import miniaudio  # only here: the service itself never holds a decoder

    try:
        made = miniaudio.decode(
            data, output_format=miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=RATE
        )
    except miniaudio.MiniaudioError as error:
        raise SoundError(f"the audio file cannot be read: {error}") from error
    if made.duration > SECONDS_MAX:
        raise SoundError(
            f"the audio lasts {made.duration:.0f} s; at most {SECONDS_MAX} s are played"
        )
    samples = made.samples
    if not samples:
        raise SoundError("the audio file is empty")
    loudest = max(*samples, -min(samples), 0)
    if loudest > _PEAK:
        samples = array.array("h", [one * _PEAK // loudest for one in samples])
    sound: bytes = samples.tobytes()
    return sound


def _main() -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_MAX, _CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX, _MEMORY_MAX))
    try:
        sys.stdout.buffer.write(decode(sys.stdin.buffer.read()))
    except SoundError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
