"""The table of services: name, code, ports and what each needs running before it.

Command line, supervisor and dashboards all read this one table.
"""

import msgspec

from cpaas.config import OPTIONS, Settings
from cpaas.monitoring.types import Watched


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One row: the first port serves the page that says it is well."""

    name: str
    entry: str
    command: tuple[str, ...]
    ports: tuple[str, ...]
    needs: tuple[str, ...] = ()
    health_path: str = "/health"
    # Its first port listens on this machine only, whatever CPAAS_HOST says.
    loopback: bool = False
    sandbox_only: bool = False
    console: bool = False
    # It is there for this channel alone.
    channel: str = ""


CATALOGUE: tuple[Service, ...] = (
    Service(
        name="simulator-smsc",
        entry="cpaas.services.simulator_smsc:run",
        command=("simulate", "smsc"),
        ports=("smsc_control_port", "smsc_port"),
        health_path="/stats",
        loopback=True,
        sandbox_only=True,
        channel="sms",
    ),
    Service(
        name="simulator-whatsapp",
        entry="cpaas.services.simulator_whatsapp:run",
        command=("simulate", "whatsapp"),
        ports=("whatsapp_cloud_control_port", "whatsapp_cloud_port"),
        health_path="/stats",
        loopback=True,
        sandbox_only=True,
        channel="whatsapp",
    ),
    Service(
        name="simulator-rcs",
        entry="cpaas.services.simulator_rcs:run",
        command=("simulate", "rcs"),
        ports=("rcs_hub_control_port", "rcs_hub_port"),
        health_path="/stats",
        loopback=True,
        sandbox_only=True,
        channel="rcs",
    ),
    Service(
        name="simulator-voice",
        entry="cpaas.services.simulator_voice:run",
        command=("simulate", "voice"),
        ports=("call_provider_port",),
        health_path="/stats",
        loopback=True,
        sandbox_only=True,
        channel="voice",
    ),
    Service(
        name="cpaas-core",
        entry="cpaas.services.core:run",
        command=("serve", "cpaas-core"),
        ports=("core_port",),
        needs=("postgres",),
    ),
    Service(
        name="cpaas-sms",
        entry="cpaas.services.sms:run",
        command=("serve", "cpaas-sms"),
        ports=("sms_port", "smpp_port"),
        needs=("postgres", "cpaas-core"),
        channel="sms",
    ),
    Service(
        name="cpaas-whatsapp",
        entry="cpaas.services.whatsapp:run",
        command=("serve", "cpaas-whatsapp"),
        ports=("whatsapp_port",),
        needs=("postgres", "cpaas-core"),
        channel="whatsapp",
    ),
    Service(
        name="cpaas-rcs",
        entry="cpaas.services.rcs:run",
        command=("serve", "cpaas-rcs"),
        ports=("rcs_port",),
        needs=("postgres", "cpaas-core"),
        channel="rcs",
    ),
    Service(
        name="cpaas-voice",
        entry="cpaas.services.voice:run",
        command=("serve", "cpaas-voice"),
        ports=("voice_port",),
        needs=("postgres", "cpaas-core"),
        channel="voice",
    ),
    Service(
        name="cpaas-admin",
        entry="cpaas.services.console:run_admin",
        command=("serve", "cpaas-admin"),
        ports=("admin_port",),
        needs=("postgres",),
        console=True,
    ),
    Service(
        name="cpaas-portal",
        entry="cpaas.services.console:run_portal",
        command=("serve", "cpaas-portal"),
        ports=("portal_port",),
        needs=("postgres",),
        console=True,
    ),
)
BY_NAME: dict[str, Service] = {service.name: service for service in CATALOGUE}
#: what both consoles import, in an order that needs no settings yet.
CONSOLE_IMPORTS: tuple[str, ...] = (
    "cpaas.services.console",
    "cpaas.consoles.early",
)
_ENV = {option.name: option.env for option in OPTIONS}


def active(settings: Settings) -> tuple[Service, ...]:
    """The services that these settings run, in the order of their start."""
    return tuple(
        row
        for row in CATALOGUE
        if (settings.sandbox or not row.sandbox_only)
        and (settings.consoles or not row.console)
        and (not row.channel or row.channel in settings.channels)
    )


def imports(service: Service, settings: Settings) -> tuple[str, ...]:
    """Modules that a process may import on behalf of this service and others, which it then forks.

    The consoles apart: the data plane never loads their framework.
    """
    if service.console:
        return CONSOLE_IMPORTS
    rows = [row for row in active(settings) if not row.console]
    return tuple(sorted({row.entry.partition(":")[0] for row in rows}))


def ports(service: Service, settings: Settings) -> tuple[tuple[str, int], ...]:
    """Each port of a service with the variable that sets it."""
    return tuple((_ENV[name], getattr(settings, name)) for name in service.ports)


def health(service: Service, settings: Settings) -> tuple[str, int, str]:
    """Address, port and path of the page that says a service is well."""
    host = "127.0.0.1" if service.loopback else settings.reachable_host.strip("[]")
    return host, getattr(settings, service.ports[0]), service.health_path


def url(name: str, settings: Settings) -> str | None:
    """Where a service is opened, None when it does not exist."""
    service = BY_NAME.get(name)
    if service is None or service not in active(settings):
        return None
    if service.console:
        return settings.console_url(name.removeprefix("cpaas-"))
    return settings.url(ports(service, settings)[0][1])


def watched(settings: Settings) -> tuple[Watched, ...]:
    """Every service that these settings run, as its page of health is asked."""
    return tuple(Watched(one.name, *health(one, settings)) for one in active(settings))
