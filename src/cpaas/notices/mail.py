"""One mail over SMTP, as the settings say; every failure is a sentence for a person."""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from cpaas.kit.secrets import Keyring, SecretsError
from cpaas.settings.current import Current

TIMEOUT_SECONDS: Final = 10.0
Security = Literal["none", "starttls", "tls"]
_PORTS: Final = {"smtp": 25, "smtps": 465}
_SUBMISSION: Final = 587


class MailError(Exception):
    """The mail was not taken; says why in words."""


class Server(msgspec.Struct, frozen=True):
    """A mail server and in whose name it is used."""

    host: str
    port: int
    security: Security
    username: str = ""
    password: str = ""
    sender: str = "cpaas@localhost"
    #: the platform's name, shown beside the sender's address.
    name: str = ""


def of_url(url: str, sender: str, name: str = "") -> Server:
    """The server of an smtp:// or smtps:// URL; port 587 means STARTTLS."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    plain: Security = "starttls" if port == _SUBMISSION else "none"
    return Server(
        parts.hostname or "localhost", port, "tls" if parts.scheme == "smtps" else plain,
        unquote(parts.username or ""), unquote(parts.password or ""), sender, name,
    )  # fmt: skip


def server(current: Current, keyring: Keyring) -> Server | None:
    """The server in force, None without one. Errors: MailError."""
    sender, name = str(current["mail_from"]), str(current["platform_name"])
    if current.started.smtp_url:
        return of_url(current.started.smtp_url, sender, name)
    if not current["mail_host"]:
        return None
    try:
        password = current.secret("mail_password", keyring).decode()
    except SecretsError as error:
        raise MailError(str(error)) from None
    return Server(
        str(current["mail_host"]), int(current["mail_port"]), current["mail_security"],
        str(current["mail_username"]), password, sender, name,
    )  # fmt: skip


def send(server: Server, to: str, subject: str, text: str) -> None:
    """Hands one mail to the server. Blocks for up to some ten seconds. Errors: MailError."""
    try:
        letter = _letter(server, to, subject, text)
        with _connected(server) as connection:
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.username:
                connection.login(server.username, server.password)
            connection.send_message(letter)
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise MailError(f"the mail server answered {error.smtp_code} {words}"[:300]) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise MailError(f"the mail server refused {', '.join(error.recipients)}"[:300]) from None
    except (OSError, ValueError) as error:  # smtplib's other errors are OSErrors
        at = f"{server.host}:{server.port}"
        raise MailError(f"{at} cannot be used: {error or type(error).__name__}"[:300]) from None


def _connected(server: Server) -> smtplib.SMTP:
    if server.security == "tls":
        return smtplib.SMTP_SSL(
            server.host, server.port, timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(),
        )  # fmt: skip
    return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)


def _letter(server: Server, to: str, subject: str, text: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = Address(server.name, addr_spec=server.sender) if server.name else server.sender
    letter["To"] = to
    letter["Subject"] = " ".join(subject.split())
    letter["Date"] = formatdate(localtime=False)
    letter["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2] or "localhost")
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text)
    return letter
