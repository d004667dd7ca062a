"""A simulated Cloud API of WhatsApp: refuses what the real one refuses, calls back signed."""

from cpaas.simulators.whatsapp.api import CloudServer, serve
from cpaas.simulators.whatsapp.settings import CloudSettings, Number

__all__ = ["CloudServer", "CloudSettings", "Number", "serve"]
