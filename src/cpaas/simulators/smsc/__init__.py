"""A simulated SMSC that behaves as told, so that every carrier's good and bad day can be played."""

from cpaas.simulators.smsc.settings import IdStyle, SmscSettings
from cpaas.simulators.smsc.smsc import SimulatedSmsc, serve

__all__ = ["IdStyle", "SimulatedSmsc", "SmscSettings", "serve"]
