"""Imports what both consoles need and what asks for no settings, which is nearly all of it.

For the process of which both start as copies (`services/catalogue.py`); the rest, models and what
needs them, each of them imports itself.
"""

import whitenoise.middleware  # noqa: F401

import cpaas.consoles.admin.audit_logs
import cpaas.consoles.admin.campaigns
import cpaas.consoles.admin.dashboard
import cpaas.consoles.admin.monitoring
import cpaas.consoles.admin.reports  # noqa: F401
