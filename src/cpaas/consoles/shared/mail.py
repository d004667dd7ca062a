"""Mail through the server that the settings name; without one, nothing is sent and pages say so."""

import threading
from typing import Any
from urllib.parse import unquote, urlsplit

from cpaas.kit.log import get_logger

TIMEOUT_SECONDS = 10
_PORTS = {"smtp": 25, "smtps": 465}
_log = get_logger("mail")


def django_settings(url: str, sender: str) -> dict[str, Any]:
    """Django's mail settings of an smtp:// or smtps:// URL; port 587 means STARTTLS."""
    if not url:
        return {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and port == 587,
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
        "DEFAULT_FROM_EMAIL": sender,
    }


def send_soon(to: str, subject: str, text: str) -> None:
    """Sends in the background: an answer must not tell by its time whether an address is known."""
    threading.Thread(target=_send, args=(to, subject, text), daemon=True).start()


def _send(to: str, subject: str, text: str) -> None:
    from django.core.mail import EmailMessage

    try:
        EmailMessage(subject, text, to=[to]).send()
    except OSError as error:  # smtplib's errors are all OSErrors
        _log.error("mail_not_sent", subject=subject, error=str(error))
