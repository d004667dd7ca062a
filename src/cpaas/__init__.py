"""A self-hosted CPaaS: SMS, WhatsApp, RCS and Voice, with proof of every message and every cent."""

__version__ = "0.1.0"
