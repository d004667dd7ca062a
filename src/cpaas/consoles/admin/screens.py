"""The dashboard's screens, in the order of its sidebar."""

from typing import Final

from cpaas.consoles.admin import (
    admins,
    audit_logs,
    blacklist,
    campaigns,
    dashboard,
    monitoring,
    platform_settings,
    report_summary,
    reports,
    routes,
    routing_rules,
    sender_requests,
    strategies,
    templates,
    user_channels,
    users,
)
from cpaas.consoles.shared.screen import Screen

SCREENS: Final[tuple[Screen, ...]] = (
    dashboard.SCREEN,
    users.SCREEN,
    user_channels.SCREEN,
    templates.SCREEN,
    sender_requests.SCREEN,
    routes.SCREEN,
    routing_rules.SCREEN,
    strategies.SCREEN,
    campaigns.SCREEN,
    reports.SCREEN,
    report_summary.SCREEN,
    monitoring.SCREEN,
    blacklist.SCREEN,
    audit_logs.SCREEN,
    admins.SCREEN,
    platform_settings.SCREEN,
)
