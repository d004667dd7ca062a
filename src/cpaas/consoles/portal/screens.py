"""The portal's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.portal import (
    anomalies,
    api_docs,
    billing,
    blacklist,
    campaigns,
    dashboard,
    identities,
    inbox,
    quick,
    report_summary,
    reports,
    senders,
    settings,
    templates,
)
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    quick.SCREEN,
    templates.SCREEN,
    campaigns.SCREEN,
    identities.SCREEN,
    senders.SCREEN,
    reports.SCREEN,
    report_summary.SCREEN,
    anomalies.SCREEN,
    billing.SCREEN,
    blacklist.SCREEN,
    inbox.SCREEN,
    settings.SCREEN,
    api_docs.SCREEN,
)
