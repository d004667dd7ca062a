"""Mail of the consoles; without a mail server nothing is sent, and pages say so.

A server of the environment is used at once. One of the Settings page is used by the service that
can read its password: the mail is kept in the database until it is sent.
"""

import threading

from cpaas.consoles.shared.database import Acting
from cpaas.consoles.shared.runtime import runtime
from cpaas.kit.log import get_logger
from cpaas.notices import mail, queries

_log = get_logger("mail")


def send_soon(to: str, subject: str, text: str) -> None:
    """Sends in the background: an answer must not tell by its time whether an address is known."""
    threading.Thread(target=_send, args=(to, subject, text), daemon=True).start()


def _send(to: str, subject: str, text: str) -> None:
    here = runtime()
    try:
        if here.settings.smtp_url:
            sender = str(here.current["mail_from"])
            server = mail.of_url(here.settings.smtp_url, sender, str(here.current["platform_name"]))
            mail.send(server, to, subject, text)
            return
        here.database.change(
            Acting("system:mail"), lambda c: queries.add_mail(c, to, subject, text)
        )
    except Exception as error:  # noqa: BLE001 - a thread of its own: the log has it
        _log.error("mail_not_sent", subject=subject, error=str(error))
