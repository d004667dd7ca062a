"""The channels that exist: a new one is a folder and a line here."""

from typing import Final

from cpaas.channels.base import Channel
from cpaas.channels.rcs.channel import RcsChannel
from cpaas.channels.sms.channel import SmsChannel
from cpaas.channels.voice.channel import VoiceChannel
from cpaas.channels.whatsapp.channel import WhatsappChannel

CHANNELS: Final[dict[str, Channel]] = {
    "sms": SmsChannel(), "whatsapp": WhatsappChannel(), "rcs": RcsChannel(),
    "voice": VoiceChannel(),
}  # fmt: skip
