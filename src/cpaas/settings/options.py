"""The table of platform settings: one line each, for the page, the command line and the checks."""

from typing import Any, Final, Literal

import msgspec

Kind = Literal["text", "int", "choice", "switch", "zone", "currency", "email", "emails", "url",
               "host", "secret"]  # fmt: skip
SECTIONS: Final = ("general", "mail", "retention", "model", "alerts")
SECURITY: Final = (
    ("starttls", "STARTTLS (usually port 587)"), ("tls", "TLS from the start (usually port 465)"),
    ("none", "None: only within a network of your own"),
)  # fmt: skip


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. `started`: the setting of the start (`cpaas.config`) that fixes it if given."""

    name: str
    section: str
    label: str
    kind: Kind = "text"
    default: Any = ""
    help: str = ""
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[tuple[str, str], ...] = ()
    started: str = ""


def _seconds(name: str, label: str, default: int, text: str) -> Option:
    return Option(
        name=name, section="alerts", label=label, kind="int", default=default, minimum=1,
        maximum=86_400, help=text,
    )  # fmt: skip


_GENERAL: Final = (
    Option(name="platform_name", section="general", label="Name", maximum=40,
           help="Stands on both consoles and in their mails. Empty: CPaaS."),
    Option(name="currency", section="general", label="Currency", kind="currency", default="INR",
           started="currency",
           help="Three letters. Amounts stay as they are; only what stands beside them changes."),
    Option(name="timezone", section="general", label="Time zone", kind="zone",
           default="Asia/Kolkata", started="timezone",
           help="What today means on every screen. Days already summed stay as they were."),
)  # fmt: skip
_MAIL: Final = (
    Option(name="mail_host", section="mail", label="SMTP host", kind="host", maximum=253,
           started="smtp_url", help="Empty: no mail is sent, and pages say so."),
    Option(name="mail_port", section="mail", label="Port", kind="int", default=587, minimum=1,
           maximum=65_535, started="smtp_url"),
    Option(name="mail_security", section="mail", label="Encryption", kind="choice",
           default="starttls", choices=SECURITY, started="smtp_url"),
    Option(name="mail_username", section="mail", label="User", maximum=200, started="smtp_url",
           help="Empty: the server wants no login."),
    Option(name="mail_password", section="mail", label="Password", kind="secret", maximum=200,
           started="smtp_url", help="Encrypted, never shown again. Empty: it stays as it is."),
    Option(name="mail_from", section="mail", label="From", kind="email",
           default="cpaas@localhost", started="mail_from"),
)  # fmt: skip
_RETENTION: Final = (
    Option(name="retention_days", section="retention", label="Messages", kind="int", default=400,
           minimum=0, maximum=36_500, started="retention_days",
           help="Days; a day of messages is dropped once all of it is final. At least 7; 0: for "
           "ever."),
    Option(name="text_days", section="retention", label="Texts", kind="int", default=0, minimum=0,
           maximum=36_500,
           help="Days after which texts are taken out of final messages, which stay with all "
           "else. At least 7; 0: as long as the messages."),
    Option(name="export_days", section="retention", label="Exports", kind="int", default=7,
           minimum=1, maximum=90, help="Days that a finished file can be downloaded."),
)  # fmt: skip
_MODEL: Final = (
    Option(name="ollama_host", section="model", label="Ollama host", kind="url",
           default="http://127.0.0.1:11434", started="ollama_host",
           help="Empty: nothing asks a model; computed findings are shown as they are."),
    Option(name="ollama_model", section="model", label="Model", default="llama3.2", maximum=100,
           started="ollama_model", help="A model that the server has, such as llama3.2."),
)  # fmt: skip
_ALERTS: Final = (
    Option(name="alert_mail_to", section="alerts", label="Mail to", kind="emails",
           help="Addresses, separated by commas. Empty: no mail."),
    Option(name="alert_webhook_url", section="alerts", label="Webhook", kind="url",
           help="Each alert is posted there, signed by Standard Webhooks headers, and retried. "
           "Empty: none."),
    Option(name="alert_webhook_secret", section="alerts", label="Signing secret", kind="secret"),
    Option(name="alert_repeat_hours", section="alerts", label="Repeat after (hours)", kind="int",
           default=4, minimum=1, maximum=168,
           help="What stays open and is not acknowledged is told again."),
    _seconds("alert_link_down_seconds", "Route down for (seconds)", 60,
             "No bind or connection of an active route is up."),
    _seconds("alert_queue_age_seconds", "Queue waits for (seconds)", 300,
             "Counted from when it could have gone."),
    _seconds("alert_service_down_seconds", "Service down for (seconds)", 60,
             "A service that shall run does not answer; also PostgreSQL and RabbitMQ."),
    Option(name="alert_restarts", section="alerts", label="Restarts within ten minutes",
           kind="int", default=3, minimum=1, maximum=100,
           help="A service that keeps ending."),
    Option(name="alert_disk_percent", section="alerts", label="Disk used (percent)", kind="int",
           default=90, minimum=1, maximum=100, help="Of the disk with the home folder."),
    Option(name="alert_delivery", section="alerts", label="Delivery drops", kind="switch",
           default=True,
           help="A route or country delivers clearly less today than in the last 7 days."),
    Option(name="alert_dead_letters", section="alerts", label="Dead letters", kind="switch",
           default=True, help="Something could not be worked after all its tries."),
)  # fmt: skip
OPTIONS: Final[tuple[Option, ...]] = (*_GENERAL, *_MAIL, *_RETENTION, *_MODEL, *_ALERTS)
BY_NAME: Final[dict[str, Option]] = {one.name: one for one in OPTIONS}


def of(section: str) -> tuple[Option, ...]:
    """The options of a section, in the order of the page."""
    return tuple(one for one in OPTIONS if one.section == section)
