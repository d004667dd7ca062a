"""A simulated provider of calls with a Twilio-compatible Calls API, over real sockets."""

from cpaas.simulators.voice.provider import CallProvider
from cpaas.simulators.voice.settings import ProviderSettings

__all__ = ["CallProvider", "ProviderSettings"]
