"""Which HTTP dialect a route speaks, where its carrier is, and what came to its receipt address."""

from typing import Final
from urllib.parse import urlsplit

from cpaas.channels.base import CarrierReceipt
from cpaas.channels.sms.http_jasmin import Jasmin
from cpaas.channels.sms.http_kannel import Kannel
from cpaas.channels.sms.http_settings import (
    HttpSettings,
    JasminSettings,
    KannelSettings,
    TemplateSettings,
    settings_of,
)
from cpaas.channels.sms.http_template import Template
from cpaas.channels.sms.http_types import Dialect, Report
from cpaas.snapshot.types import Route

RAW_BYTES_MAX: Final = 1024


def dialect_of(route: Route, credentials: dict[str, str]) -> Dialect:
    """The dialect of a route; credentials: password, and callback, the route's receipt address."""
    settings = settings_of(route)
    login = (route.system_id, credentials.get("password", ""))
    base, callback = _base(route, settings), credentials.get("callback", "")
    if isinstance(settings, KannelSettings):
        return Kannel(settings, base, login, callback)
    if isinstance(settings, JasminSettings):
        return Jasmin(settings, base, login, callback)
    assert isinstance(settings, TemplateSettings)  # noqa: S101
    return Template(settings, base, login, callback)


def address_of(route: Route, settings: HttpSettings) -> tuple[str, int]:
    """Host and port of the carrier."""
    if isinstance(settings, TemplateSettings):
        parts = urlsplit(settings.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    return route.host, route.port


def receipts_of(
    dialect: Dialect, report: Report, *, now_us: int, token: object
) -> list[CarrierReceipt]:
    """The receipts of a report. Errors: UnreadableCallbackError."""
    return [
        CarrierReceipt(
            one.provider_id, one.state, one.error_code, one.error, one.done_us or now_us,
            one.to, one.sender, report.raw[:RAW_BYTES_MAX], token,
        )
        for one in dialect.receipts(report)
    ]  # fmt: skip


def _base(route: Route, settings: HttpSettings) -> str:
    host = f"[{route.host}]" if ":" in route.host else route.host
    return f"{'https' if settings.tls else 'http'}://{host}:{route.port}"
