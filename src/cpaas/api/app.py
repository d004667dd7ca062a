"""The application: every call, one way to show errors, the OpenAPI document and its page."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import msgspec
from litestar import Litestar, Response, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from cpaas import __version__
from cpaas.api import (
    balance,
    blacklist,
    campaigns,
    dlt,
    docs_page,
    exports,
    health,
    identities,
    inbound,
    invoices,
    messages,
    prices,
    routing,
    send,
    senders,
    smpp,
    strategies,
    summary,
    team,
    template_reviews,
    templates,
    top_ups,
    webhook,
)
from cpaas.api.context import Api, ApiRequest, provide_api, provide_caller, provide_operator
from cpaas.api.doors import jasmin, jasmin_rest, kannel, twilio
from cpaas.api.problem import FieldError, ProblemError, document, headers_of, refused
from cpaas.db.trouble import is_passing
from cpaas.kit.errors import InputError
from cpaas.kit.log import get_logger

BODY_BYTES_MAX: Final = 10 * 1024 * 1024
REQUEST_ID_CHARS_MAX: Final = 100
#: the calls, one module per noun, in the order of the document.
_NOUNS: Final[tuple[Any, ...]] = (
    messages, campaigns, inbound, balance, invoices, top_ups, prices, webhook, blacklist, senders,
    identities, templates, template_reviews, dlt, team, smpp, summary, routing, strategies,
    exports, health,
)  # fmt: skip
_log = get_logger(__name__)
_CODES: Final = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large",
    415: "unsupported_media_type", 429: "rate_limited",
}  # fmt: skip


def request_id(request: ApiRequest) -> str:
    """The caller's X-Request-Id if it is printable and short, else a new one."""
    given = request.headers.get("x-request-id", "")
    if given and len(given) <= REQUEST_ID_CHARS_MAX and given.isascii() and given.isprintable():
        return str(given)
    return str(uuid4())


def _answer(request: ApiRequest, error: ProblemError) -> Response[bytes]:
    known = request_id(request)
    headers = dict(headers_of(error)) | {"x-request-id": known}
    media_type = headers.pop("content-type")
    return Response(
        document(error, known), status_code=error.problem.status, headers=headers,
        media_type=media_type,
    )  # fmt: skip


def _on_problem(request: ApiRequest, error: ProblemError) -> Response[bytes]:
    return _answer(request, error)


def _on_input(request: ApiRequest, error: InputError) -> Response[bytes]:
    return _answer(
        request, refused("validation_error", f"{error.what}; {error.todo}.", error.field)
    )


def _on_validation(request: ApiRequest, error: ValidationException) -> Response[bytes]:
    fields = [
        FieldError(str(item.get("key", "")), str(item.get("message", error.detail)))
        for item in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(item, dict)
    ]
    detail = fields[0].detail if fields else error.detail
    return _answer(
        request,
        ProblemError(422, "validation_error", detail, title="Not valid", errors=fields),
    )


def _on_http(request: ApiRequest, error: HTTPException) -> Response[bytes] | Response[str]:
    status = error.status_code
    if status in {404, 405} and request.url.path.startswith(f"/{twilio.VERSION}/"):
        return twilio.missing(status, request.url.path)
    code = _CODES.get(status, "internal_error" if status >= 500 else "bad_request")
    detail = str(error.detail)
    if isinstance(error, NotFoundException):
        detail = f"There is no {request.url.path}; see /docs."
    elif isinstance(error, MethodNotAllowedException):
        detail = f"{request.method} is not possible here; see /docs."
    elif status == 413:
        detail = f"The body is larger than {BODY_BYTES_MAX // 2**20} MB."
    return _answer(request, ProblemError(status, code, detail))


def _on_anything(request: ApiRequest, error: Exception) -> Response[bytes]:
    if is_passing(error):
        _log.warning("request_without_database", path=request.url.path, error=repr(error))
        return _answer(
            request,
            ProblemError(
                503, "unavailable", "The database cannot be reached; try again.", retry_after=5
            ),
        )
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _answer(
        request,
        ProblemError(500, "internal_error", "An unexpected error; it is in the log.", title=""),
    )


def openapi_document(application: Litestar) -> dict[str, Any]:
    """The OpenAPI document of the application."""
    schema: dict[str, Any] = application.openapi_schema.to_schema()
    return send.describe(schema)


@get("/openapi.json", include_in_schema=False)
async def get_openapi(request: ApiRequest) -> Response[bytes]:
    """The OpenAPI document."""
    return Response(
        msgspec.json.encode(openapi_document(request.app)), media_type="application/json"
    )


@get("/docs", include_in_schema=False)
async def get_docs(request: ApiRequest) -> Response[str]:
    """The API's pages; they need nothing from outside."""
    base = str(request.base_url).rstrip("/")
    return Response(
        docs_page.page(openapi_document(request.app), base), media_type="text/html; charset=utf-8",
        headers={"content-security-policy": docs_page.POLICY},
    )  # fmt: skip


@get("/docs/{name:str}", include_in_schema=False)
async def get_static(name: str) -> Response[bytes]:
    """Style and script of the pages."""
    if name not in docs_page.STATIC:
        raise NotFoundException
    media_type, content = docs_page.STATIC[name]
    return Response(content, media_type=media_type)


async def _common_headers(response: Response[Any]) -> Response[Any]:
    response.headers.setdefault("x-content-type-options", "nosniff")
    response.headers.setdefault("cache-control", "no-store")
    return response


def make_app(
    api: Api,
    handlers: Sequence[Any],
    *,
    lifespan: Callable[[Litestar], AbstractAsyncContextManager[None]] | None = None,
) -> Litestar:
    """The application over `api`; `handlers` are the calls made elsewhere (sending)."""

    @asynccontextmanager
    async def none(_: Litestar) -> AsyncGenerator[None, None]:
        yield

    return Litestar(
        [
            *handlers,
            *(handler for noun in _NOUNS for handler in noun.HANDLERS),
            *kannel.HANDLERS, *jasmin.HANDLERS, *jasmin_rest.HANDLERS, *twilio.HANDLERS,
            get_openapi, get_docs, get_static,
        ],
        dependencies={
            "api": Provide(provide_api), "caller": Provide(provide_caller),
            "operator": Provide(provide_operator),
        },
        state=State({"api": api}),
        exception_handlers={
            ProblemError: _on_problem, InputError: _on_input,
            ValidationException: _on_validation, HTTPException: _on_http, Exception: _on_anything,
        },
        after_request=_common_headers,
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
        lifespan=[lifespan or none],
        openapi_config=OpenAPIConfig(
            title="CPaaS Core API",
            version=__version__,
            description=(
                "Send messages, follow them to the handset, and account for every cent. "
                "Errors are problem documents (RFC 9457) with a stable `code`."
            ),
            path="/.openapi",
            render_plugins=(),
            use_handler_docstrings=True,
            components=Components(
                security_schemes={
                    "bearer": SecurityScheme(type="http", scheme="bearer"),
                    "key": SecurityScheme(
                        type="apiKey", name="X-API-Key", security_scheme_in="header"
                    ),
                }
            ),
            security=[{"bearer": []}, {"key": []}],
        ),
    )  # fmt: skip
