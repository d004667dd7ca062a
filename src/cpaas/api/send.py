"""The framework's route of `POST /v1/messages`, for every request that the fast path leaves."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.datastructures import State

from cpaas.api.answers import ERRORS, complete, of_type
from cpaas.api.context import ApiRequest
from cpaas.api.problem import Problem
from cpaas.api.sending import NotSent, SendRequest, SentMessage, SentMessages
from cpaas.api.submit import Door, Headers

PATH: Final = "/v1/messages"
_REFERENCE: Final = "#/components/schemas/{name}"
_ERRORS: Final = {
    **{one: ERRORS[one] for one in ("400", "401", "402", "403", "413", "422")},
    "409": "The first request with this Idempotency-Key is still running.",
    "429": "Too many messages a second; see Retry-After.",
    "503": "Not now; see Retry-After. With code outcome_unknown, look `ids` up.",
}


@post(PATH, include_in_schema=False)
async def send_messages(request: ApiRequest, state: State) -> Response[bytes]:
    """Hands the request to the core and waits for its answer."""
    door: Door = state.door
    body = await request.body()
    answered: asyncio.Future[Response[bytes]] = asyncio.get_running_loop().create_future()

    def reply(status: int, headers: Headers, content: bytes) -> None:
        if answered.done():
            return
        texts = {name.decode(): value.decode("latin-1") for name, value in headers}
        media_type = texts.pop("content-type")
        answered.set_result(
            Response(content, status_code=status, headers=texts, media_type=media_type)
        )

    peer = request.client.host if request.client else ""
    door.submit(dict(request.scope["headers"]), body, peer, reply)
    return await answered


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Adds sending to the OpenAPI document: the framework never sees its body."""
    types = [SendRequest, SentMessage, SentMessages, NotSent, Problem]
    (wanted, one, many, not_sent, problem), components = msgspec.json.schema_components(
        types, ref_template=_REFERENCE
    )
    components["SentMessages"]["properties"]["messages"]["items"] = {"anyOf": [one, not_sent]}
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in components.items():
        schemas[name] = schema
    answers: dict[str, Any] = {
        "200": of_type("Checked and priced (dry_run).", {"oneOf": [one, many]}),
        "202": of_type(
            "Stored, charged and queued: one message, or each of a list.", {"oneOf": [one, many]}
        ),
    }
    for status, text in _ERRORS.items():
        answers[status] = of_type(text, problem, "application/problem+json")
    operation = {
        "tags": ["Messages"],
        "summary": "Send a message",
        "operationId": "SendMessages",
        "description": send_description(),
        "parameters": [
            {
                "name": "Idempotency-Key", "in": "header", "required": False,
                "description": "Makes a repeat safe for 24 hours: it gets the first answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": wanted}}},
        "responses": answers,
    }  # fmt: skip
    paths = document.setdefault("paths", {})
    complete(document)
    paths[PATH] = {**paths.get(PATH, {}), "post": operation}
    return document


def send_description() -> str:
    """What the page says about sending."""
    return (
        "202 means: stored durably, charged and queued. `to` is one number, or a list of up to"
        " 10,000 that is charged whole or refused whole; recipients that cannot be sent to are"
        " named in the answer. A key that begins with test_ reaches only simulated carriers and"
        " costs nothing."
    )


HANDLERS: Final = [send_messages]
