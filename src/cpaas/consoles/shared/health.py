"""GET /health and GET /metrics, as every service has them."""

from django.contrib.staticfiles import finders
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cpaas import __version__
from cpaas.consoles.shared.database import Acting
from cpaas.consoles.shared.gate import open_to_all
from cpaas.consoles.shared.runtime import runtime
from cpaas.settings import logo as logos
from cpaas.settings import queries


@open_to_all
def health(_request: HttpRequest) -> HttpResponse:
    """Well when the database answers."""
    here = runtime()
    try:
        here.database.wait(here.database.pool.fetchval("SELECT 1", timeout=2))
        up = True
    except Exception:  # noqa: BLE001 - whatever it is, pages cannot be made
        up = False
    body = {
        "service": here.console.service,
        "status": "UP" if up else "DOWN",
        "version": __version__,
    }
    return JsonResponse(body, status=200 if up else 503)


@open_to_all
def metrics(_request: HttpRequest) -> HttpResponse:
    """Prometheus' format."""
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


@open_to_all
def logo(_request: HttpRequest) -> HttpResponse:
    """The operator's logo, 404 without one; the same for everybody, also before a login."""
    here = runtime()
    read = queries.logo_of_portal if here.console.is_portal else logos.read
    data = here.database.look(Acting("system:logo"), read) if here.current.logo else b""
    if not data:
        return HttpResponse(status=404)
    return HttpResponse(data, content_type=logos.media_type(data))


@open_to_all
def favicon(_request: HttpRequest) -> HttpResponse | FileResponse:
    """The console's own sign, where browsers look unasked."""
    found = finders.find(f"console/{runtime().console.name}.svg")
    with open(str(found), "rb") as file:  # noqa: PTH123 - a package's file
        return HttpResponse(file.read(), content_type="image/svg+xml")
