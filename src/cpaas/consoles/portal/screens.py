"""The portal's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.portal import (
    anomalies,
    api_docs,
    billing,
    dashboard,
    identities,
    inbox,
    quick,
    reports,
    settings,
)
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    quick.SCREEN,
    identities.SCREEN,
    reports.SCREEN,
    anomalies.SCREEN,
    billing.SCREEN,
    inbox.SCREEN,
    settings.SCREEN,
    api_docs.SCREEN,
)
