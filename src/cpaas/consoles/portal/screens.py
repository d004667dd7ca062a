"""The portal's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.portal import billing, dashboard, inbox, quick, reports, settings
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    quick.SCREEN,
    reports.SCREEN,
    billing.SCREEN,
    inbox.SCREEN,
    settings.SCREEN,
)
