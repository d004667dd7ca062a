"""The dashboard's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.admin import dashboard, reports, routes, users
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    users.SCREEN,
    routes.SCREEN,
    reports.SCREEN,
)
