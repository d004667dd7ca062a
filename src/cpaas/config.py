"""Reads every setting of the platform once, from the environment or one file, into a frozen object.

One table holds default, unit and help of each option, so that the command line, the services
and the reference page can never tell different stories.
"""

import difflib
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec

from cpaas.config_values import ConfigError, Doc, Network, Option, parse, port, secret, with_login

PREFIX = "CPAAS_"
FILE_NAME = "cpaas.toml"
DATABASE_NAME = "cpaas"
OWNER_ROLE = "cpaas"
PORTAL_ROLE = "cpaas_portal"

Level = Literal["debug", "info", "warning", "error"]
QueueType = Literal["classic", "quorum"]
Role = Literal["owner", "portal"]
Channel = Literal["sms", "whatsapp", "rcs", "voice"]

# Read by the start script, the tests or the supervisor itself; they are no options of the platform.
OTHER_NAMES = frozenset(
    {
        "CPAAS_CONFIG",
        "CPAAS_PYTHON",
        "CPAAS_VENV",
        "CPAAS_SUPERVISED",
        "CPAAS_TEST_REQUIRE_ALL",
        "CPAAS_SOAK_MINUTES",
    }
)


def _project_root() -> Path:
    root = Path(__file__).resolve().parents[2]
    return root if (root / "requirements.lock").is_file() else Path.home()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting of the platform; each field is one option, in capitals after CPAAS_."""

    home: Annotated[
        Path, Doc("Folder of this installation's data, logs and secrets.", unit="folder")
    ] = msgspec.field(default_factory=lambda: _project_root() / ".cpaas")
    external_dsn: Annotated[str, Doc("PostgreSQL to use instead of the embedded server.")] = ""
    portal_dsn: Annotated[
        str,
        Doc("Login of the User Portal's restricted role; empty derives it from the owner's."),
    ] = ""
    amqp_url: Annotated[str, Doc("RabbitMQ to carry the queues; empty: PostgreSQL does.")] = ""
    amqp_queue_type: Annotated[QueueType, Doc("RabbitMQ's queues; quorum: a cluster.")] = "classic"
    rabbitmq: Annotated[bool, Doc("Runs a private RabbitMQ node to carry the queues.")] = False
    host: Annotated[str, Doc("Address that every service listens on.", unit="address")] = (
        "127.0.0.1"
    )
    port_offset: Annotated[
        int,
        Doc(
            "Added to every default port, for a second copy on one machine; a port that is set "
            "by name is taken as it is.",
            minimum=0,
            maximum=50000,
        ),
    ] = 0
    core_port: Annotated[int, port("REST API (cpaas-core).")] = 8081
    sms_port: Annotated[int, port("Carriers' HTTP callbacks for SMS (cpaas-sms).")] = 8082
    whatsapp_port: Annotated[int, port("WhatsApp webhooks (cpaas-whatsapp).")] = 8083
    rcs_port: Annotated[int, port("RCS webhooks (cpaas-rcs).")] = 8084
    voice_port: Annotated[int, port("Voice (cpaas-voice).")] = 8085
    admin_port: Annotated[int, port("Admin Dashboard (cpaas-admin).")] = 8087
    portal_port: Annotated[int, port("User Portal (cpaas-portal).")] = 8088
    smpp_port: Annotated[int, port("SMPP server for customers.")] = 2775
    smpp_tls_port: Annotated[
        int, port("SMPP server for customers over TLS; only with a certificate.")
    ] = 3550
    smpp_tls_certificate: Annotated[
        Path, Doc("Certificate chain (PEM) of the SMPP server; empty: no TLS.", unit="file")
    ] = Path()
    smpp_tls_key: Annotated[Path, Doc("Private key (PEM) of that certificate.", unit="file")] = (
        Path()
    )
    smpp_receipt_days: Annotated[
        int,
        Doc(
            "How long receipts wait for an SMPP customer who is not bound.",
            unit="days",
            minimum=1,
            maximum=90,
        ),
    ] = 7
    smsc_port: Annotated[int, port("Simulated SMSC of the sandbox (SMPP).")] = 2776
    smsc_control_port: Annotated[int, port("Control and health of the simulated SMSC.")] = 2778
    whatsapp_cloud_port: Annotated[int, port("Simulated Cloud API of the sandbox.")] = 8092
    whatsapp_cloud_control_port: Annotated[
        int, port("Control and health of the simulated Cloud API.")
    ] = 8093
    rcs_hub_port: Annotated[int, port("Simulated RCS hub of the sandbox.")] = 8094
    rcs_hub_control_port: Annotated[int, port("Control and health of the simulated RCS hub.")] = (
        8095
    )
    call_provider_port: Annotated[int, port("Simulated provider of calls of the sandbox.")] = 8096
    postgres_port: Annotated[int, port("Embedded PostgreSQL, on 127.0.0.1 only.")] = 5433
    rabbitmq_port: Annotated[int, port("Private RabbitMQ node (AMQP), on 127.0.0.1 only.")] = 5673
    rabbitmq_dist_port: Annotated[int, port("The same, for its own commands.")] = 5674
    rabbitmq_epmd_port: Annotated[int, port("The same, for its port mapper.")] = 4370
    sandbox: Annotated[
        bool, Doc("Makes a test account, a simulated SMSC and the routes between them.")
    ] = True
    allow_networks: Annotated[
        tuple[Network, ...],
        Doc(
            "Private networks that outgoing calls (webhooks, media) may reach, besides the "
            "public internet.",
            unit="CIDR list",
        ),
    ] = ()
    callback_url: Annotated[
        str, Doc("Public address of carriers' callbacks, if it is another.")
    ] = ""
    piper: Annotated[str, Doc("piper, to speak calls; empty: espeak-ng.", unit="path")] = ""
    piper_voices: Annotated[str, Doc("Folder of piper's voices, *.onnx.", unit="path")] = ""
    trusted_proxies: Annotated[
        tuple[Network, ...],
        Doc("Proxies whose X-Forwarded-For names the client's address.", unit="CIDR list"),
    ] = ()
    currency: Annotated[str, Doc("Currency of all prices and balances.", unit="ISO 4217")] = "INR"
    timezone: Annotated[str, Doc("Zone that 'today' means on every screen.", unit="IANA name")] = (
        "Asia/Kolkata"
    )
    api_fast_path: Annotated[
        bool, Doc("Answers POST /v1/messages past the web framework; off takes the usual way.")
    ] = True
    consoles: Annotated[bool, Doc("Runs the Admin Dashboard and the User Portal on this host.")] = (
        True
    )
    channels: Annotated[tuple[Channel, ...], Doc("Channels whose services this host runs.")] = (
        typing.get_args(Channel)
    )
    admin_public_url: Annotated[
        str,
        Doc("Address of the Admin Dashboard behind a proxy; https makes its cookies secure."),
    ] = ""
    portal_public_url: Annotated[str, Doc("The same of the User Portal.")] = ""
    smtp_url: Annotated[
        str,
        Doc(
            "Mail server: smtp:// (with port 587: STARTTLS) or smtps://, "
            "with user and password if it wants them; empty: the dashboard's Settings name it."
        ),
    ] = ""
    mail_from: Annotated[str, Doc("Sender of the platform's mail.", unit="address")] = (
        "cpaas@localhost"
    )
    ollama_host: Annotated[
        str, Doc("Ollama server of AI Assist and AI insights; empty: neither asks a model.")
    ] = "http://127.0.0.1:11434"
    ollama_model: Annotated[str, Doc("Its model.", unit="name")] = "llama3.2"
    log_level: Annotated[Level, Doc("Least severe log line that is written.")] = "info"
    log_max_mb: Annotated[
        int,
        Doc("Size at which a log file is rotated; five old ones stay.", unit="MB", minimum=1),
    ] = 20
    stop_seconds: Annotated[
        int,
        Doc(
            "Time that stopping may take in all; what is left then is killed.",
            unit="seconds",
            minimum=2,
            maximum=600,
        ),
    ] = 15
    start_seconds: Annotated[
        int,
        Doc("Time that one service may take to become healthy.", unit="seconds", minimum=1),
    ] = 60
    restart_seconds_max: Annotated[
        int,
        Doc(
            "Longest pause before a service that keeps ending is started again; the pauses grow "
            "from one second.",
            unit="seconds",
            minimum=1,
            maximum=600,
        ),
    ] = 30
    unknown_outcome_seconds: Annotated[
        int,
        Doc(
            "Time that a message whose carrier's answer was lost waits for a receipt; then it is "
            "sent again or ended, by its account's policy.",
            unit="seconds",
            minimum=1,
            maximum=86400,
        ),
    ] = 120
    queue_items_max: Annotated[
        int,
        Doc(
            "Items of all queues beyond which messages are refused as `busy`; an item holds 1 to "
            "500 messages.",
            unit="items",
            minimum=1000,
        ),
    ] = 3_000_000
    campaign_rows_max: Annotated[int, Doc("Rows of a campaign's file.", "rows", 1)] = 2_000_000
    campaign_file_mb_max: Annotated[int, Doc("Size of a campaign's file.", "MB", 1)] = 512
    retention_days: Annotated[
        int,
        Doc(
            "Age at which a day of final messages is dropped; at least 7, 0 keeps all for ever.",
            unit="days",
            minimum=0,
        ),
    ] = 400
    waiting_mb_max: Annotated[
        int,
        Doc(
            "Requests and answers that may wait for the database before more are refused as "
            "`busy`.",
            unit="MB",
            minimum=1,
        ),
    ] = 64
    api_connections_max: Annotated[
        int,
        Doc(
            "Open connections of the REST API beyond which requests are refused as `busy`.",
            unit="connections",
            minimum=10,
        ),
    ] = 4_000
    keyring: Annotated[
        Path,
        Doc("File with the keys that encrypt stored credentials; default in the home folder."),
    ] = Path()

    @property
    def embedded(self) -> bool:
        """True when the supervisor runs PostgreSQL itself."""
        return not self.external_dsn

    @property
    def logs(self) -> Path:
        """Folder of the log files."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Folder of the lock, the state file and other traces of a running copy."""
        return self.home / "run"

    @property
    def postgres_password_file(self) -> Path:
        """File with the embedded server's generated password."""
        return self.home / "postgres.password"

    @property
    def portal_password_file(self) -> Path:
        """File with the generated password of the portal's restricted role."""
        return self.home / "portal.password"

    def console_keyring(self, console: str) -> Path:
        """File with the keys of one console's cookies and second factors, never the carriers'."""
        return self.home / f"{console}.keyring.json"

    def console_url(self, console: str) -> str:
        """The address at which people open a console, without a closing slash."""
        public: str = getattr(self, f"{console}_public_url")
        return public.rstrip("/") or self.url(getattr(self, f"{console}_port"))

    def url(self, port: int) -> str:
        """The address a person on this machine opens for a port."""
        return f"http://{self.reachable_host}:{port}"

    @property
    def reachable_host(self) -> str:
        """Where a service that listens on `host` is found from this machine."""
        return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)

    def dsn(self, role: Role = "owner") -> str:
        """The database address for a role; secrets are read from the home folder when asked."""
        if role == "portal":
            if self.portal_dsn:
                return self.portal_dsn
            return with_login(
                self.dsn("owner"), PORTAL_ROLE, secret(self.portal_password_file, "portal")
            )
        if self.external_dsn:
            return self.external_dsn
        password = secret(self.postgres_password_file, "database")
        return (
            f"postgresql://{OWNER_ROLE}:{quote(password, safe='')}"
            f"@127.0.0.1:{self.postgres_port}/{DATABASE_NAME}"
        )


# The field is named for what it is; people know the variable as CPAAS_DSN.
_ENV_NAMES = {"external_dsn": "CPAAS_DSN", "ollama_host": "OLLAMA_HOST"}


def _options() -> Iterator[Option]:
    hints = typing.get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        kind, doc = typing.get_args(hints[field.name])
        default = None if field.default is msgspec.NODEFAULT else field.default
        yield Option(
            name=field.name,
            env=_ENV_NAMES.get(field.name, PREFIX + field.name.upper()),
            type=kind,
            default=default,
            unit=doc.unit,
            help=doc.help,
            minimum=doc.minimum,
            maximum=doc.maximum,
        )


OPTIONS: tuple[Option, ...] = tuple(_options())
PORTS: tuple[Option, ...] = tuple(option for option in OPTIONS if option.unit == "port")


def load(environ: Mapping[str, str]) -> Settings:
    """Parses the environment, then the file for what the environment leaves out."""
    chosen, known = _given(environ), {option.name: option for option in OPTIONS}
    return _finish({name: parse(known[name], *chosen[name]) for name in chosen})


def given(environ: Mapping[str, str]) -> frozenset[str]:
    """The options that the environment or the file sets to anything."""
    return frozenset(name for name, (_, value) in _given(environ).items() if value != "")


def _given(environ: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for option in OPTIONS:
        if option.env in environ:
            found[option.name] = (option.env, environ[option.env])
    file = _file(environ)
    for name, value in _read_file(file, required="CPAAS_CONFIG" in environ).items():
        found.setdefault(name, (f"{name} in {file}", value))
    return found


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """One warning per CPAAS_ variable that no option reads, with the name probably meant."""
    known = {option.env for option in OPTIONS} | OTHER_NAMES
    warnings = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            warnings.append(f"{name} is not a setting and is ignored; did you mean {near[0]}?")
    return warnings


def _finish(values: dict[str, Any]) -> Settings:
    offset = values.get("port_offset", 0)
    for option in PORTS:
        if option.name not in values:
            values[option.name] = option.default + offset
    settings = Settings(**values)
    home = settings.home.expanduser().absolute()
    keyring = settings.keyring if "keyring" in values else home / "keyring.json"
    return msgspec.structs.replace(settings, home=home, keyring=keyring.expanduser().absolute())


def _file(environ: Mapping[str, str]) -> Path:
    if named := environ.get("CPAAS_CONFIG"):
        return Path(named).expanduser()
    return Path(environ.get("CPAAS_HOME") or _project_root() / ".cpaas").expanduser() / FILE_NAME


def _read_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        if required:
            raise ConfigError(
                f"CPAAS_CONFIG names {path}, which does not exist", "create it, or unset it"
            ) from error
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", "write it as TOML, one `name = value` a line"
        ) from error
    names = {"dsn": "external_dsn"} | {option.name: option.name for option in OPTIONS}
    for name in content:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{path}: {name} is not a setting", f"did you mean {near}?")
    return {names[name]: value for name, value in content.items()}
