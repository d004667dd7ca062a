"""The dashboard's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.admin import (
    admins,
    audit_logs,
    dashboard,
    monitoring,
    reports,
    routes,
    users,
)
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    users.SCREEN,
    routes.SCREEN,
    reports.SCREEN,
    monitoring.SCREEN,
    audit_logs.SCREEN,
    admins.SCREEN,
)
