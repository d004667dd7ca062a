"""What the OpenAPI document says beside what the framework sees: errors, raw bodies, files.

Every call answers errors as problem documents; a test sends requests made from the document and
holds each answer against it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from cpaas.api.campaign_views import CampaignRequest
from cpaas.api.problem import CONTENT_TYPE, Problem

_REFERENCE: Final = "#/components/schemas/{name}"
ERRORS: Final[Mapping[str, str]] = {
    "400": "The body is not JSON.",
    "401": "The API key is missing or not valid.",
    "402": "Not enough balance; nothing is stored.",
    "403": "The account, the channel or the address is not allowed.",
    "404": "There is no such thing of yours.",
    "409": "Not possible in its state; `code` says why.",
    "410": "It has expired.",
    "413": "The body is too large.",
    "415": "The body has another Content-Type than this call takes.",
    "422": "The request is not valid; `errors` names each field.",
    "429": "Too much at once; see Retry-After.",
    "503": "Not now; see Retry-After.",
}
_ALWAYS: Final = ("401", "403", "422", "503")
_CHANGES: Final = ("post", "put", "patch")
_CSV: Final[Mapping[str, Any]] = {"text/csv": {"schema": {"type": "string"}}}
_FILE: Final[Mapping[str, Any]] = {"type": "string", "format": "binary"}
#: errors that only some calls have, by method and path.
_MORE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("post", "/v1/messages/{id}/cancel"): ("409",),
    ("patch", "/v1/campaigns/{id}"): ("409",),
    ("put", "/v1/campaigns/{id}/file"): ("409",),
    ("get", "/v1/campaigns/{id}/intelligence"): ("409",),
    ("post", "/v1/campaigns/{id}/check"): ("409",),
    ("post", "/v1/campaigns/{id}/{deed}"): ("402", "409", "429"),
    ("post", "/v1/campaigns"): ("415",),
    ("post", "/v1/blacklist/import"): ("415",),
    ("post", "/v1/dlt/templates/import"): ("415",),
    ("patch", "/v1/team/{id}"): ("409",),
    ("delete", "/v1/team/{id}"): ("409",),
    ("delete", "/v1/top-ups/{id}"): ("409",),
    ("post", "/v1/exports"): ("429",),
    ("get", "/v1/exports/{id}/file"): ("409", "410"),
}
#: calls that answer 200 for what was there already.
_KNOWN_ALREADY: Final = (("post", "/v1/blacklist"), ("post", "/v1/dlt/templates"))
#: calls that answer with a file, and its types.
_FILES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("get", "/v1/campaigns/{id}/results"): ("text/csv",),
    ("get", "/v1/invoices/{id}/pdf"): ("application/pdf",),
    ("get", "/v1/statements/{month}/pdf"): ("application/pdf",),
    ("get", "/v1/exports/{id}/file"): (
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}


def complete(document: dict[str, Any]) -> None:
    """Adds bodies, files and true errors to every call of the document; changes it in place."""
    (wanted, problem), components = msgspec.json.schema_components(
        [CampaignRequest, Problem], ref_template=_REFERENCE
    )
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    for (method, path), content in _bodies(wanted, components["CampaignRequest"]).items():
        document["paths"][path][method]["requestBody"] = {"required": True, "content": content}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "Service" not in operation.get("tags", ()):
                _answers(method, path, operation, problem)


def of_type(text: str, schema: Any, media_type: str = "application/json") -> dict[str, Any]:
    """An answer of the document."""
    return {"description": text, "content": {media_type: {"schema": schema}}}


def errors(statuses: Iterable[str], problem: Any) -> dict[str, Any]:
    """The answers of these statuses."""
    return {one: of_type(ERRORS[one], problem, CONTENT_TYPE) for one in statuses}


def _bodies(wanted: Any, campaign: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Bodies that a handler reads itself."""
    parts = {**campaign["properties"], "file": _FILE}
    form = {"type": "object", "properties": parts, "required": ["name"]}
    some = {key: value for key, value in campaign.items() if key != "required"}
    return {
        ("post", "/v1/campaigns"): {
            "multipart/form-data": {"schema": form}, "application/json": {"schema": wanted},
        },
        ("patch", "/v1/campaigns/{id}"): {"application/json": {"schema": some}},
        ("put", "/v1/campaigns/{id}/file"): {"application/octet-stream": {"schema": _FILE}},
        ("post", "/v1/blacklist/import"): dict(_CSV),
        ("post", "/v1/dlt/templates/import"): dict(_CSV),
    }  # fmt: skip


def _answers(method: str, path: str, operation: dict[str, Any], problem: Any) -> None:
    responses = operation.setdefault("responses", {})
    # The framework documents errors of a form of its own, which no call answers with.
    responses.pop("400", None)
    statuses = [*_ALWAYS, *_MORE.get((method, path), ())]
    if "{" in path:
        statuses.append("404")
    if method in _CHANGES and "requestBody" in operation:
        statuses += ["400", "413"]
    responses.update(errors(statuses, problem))
    if (method, path) in _KNOWN_ALREADY:
        responses["200"] = {**responses["201"], "description": "It was there already."}
    kinds = _FILES.get((method, path))
    if kinds:
        content = {kind: {"schema": _FILE} for kind in kinds}
        responses["200"] = {"description": "The file.", "content": content}
