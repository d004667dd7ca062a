"""A simulated RCS hub of the Virtuoso, Vi and Dotgo family, strict where the real one is strict."""

from cpaas.simulators.rcs.hub import SimulatedHub
from cpaas.simulators.rcs.serve import RcsServer, serve
from cpaas.simulators.rcs.settings import RcsSettings

__all__ = ["RcsServer", "RcsSettings", "SimulatedHub", "serve"]
