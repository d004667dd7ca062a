"""Django's name for this folder; "admin" alone is taken by Django itself."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Templates and static files are found through it."""

    name = "cpaas.consoles.portal"
    label = "portal_console"
    default = True
