"""Every call of the OpenAPI document, with what it allows and what not: no 500, no surprise.

schemathesis makes the requests from the document and holds the answers against it: the status, the
content type, the shape. The service, its database and its socket are real. What a path names is now
and then something that exists, so that more than "not found" is looked at.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.campaigns.bureau import table
from tests.parts import require
from tests.services.test_core import BODY, Running, serving

from cpaas.accounts import admin_keys
from cpaas.db.actor import acting

#: requests a call and mode: what is generated the first time finds nearly everything.
USUAL, SOAK = 3, 60
TRIES: Final = 5
NOBODY: Final = "00000000-0000-0000-0000-000000000000"
TEMPLATE = {"channel": "sms", "name": "otp", "content": {"body": "Your code is {{code}}."}}
DLT = {"template_id": "1" * 19, "text": "Your code is {#var#}.", "senders": ["MYBRAND"]}


class World(NamedTuple):
    """What the requests are made with."""

    url: str
    document: dict[str, Any]
    key: str
    admin_key: str
    known: Mapping[str, str]


async def _post(service: Running, path: str, body: Any) -> Any:
    async with service["session"].post(f"/v1{path}", json=body) as answer:
        assert answer.status < 300, await answer.text()
        return await answer.json()


async def _furnished(service: Running, dsn: str) -> World:
    """The service with one thing of every kind, by the path that leads to it."""
    sent = await _post(service, "/messages", BODY | {"reference": "order-17"})
    template = await _post(service, "/templates", TEMPLATE)
    await _post(service, "/blacklist", {"number": "+919800000009", "reason": "asked"})
    await _post(service, "/dlt/templates", DLT)
    made = aiohttp.FormData({"name": "Spring", "text": "Hello {{name}}"})
    made.add_field("file", table(3), filename="rows.csv", content_type="text/csv")
    async with service["session"].post("/v1/campaigns", data=made) as answer:
        campaign = await answer.json()
    async with service["session"].get("/openapi.json") as answer:
        document = await answer.json()
    connection = await asyncpg.connect(dsn)
    async with acting(connection, "test"):
        admin_key = await admin_keys.issue(connection, "ann")
    await connection.close()
    known = {
        "/v1/messages/": sent["id"], "/v1/campaigns/": str(campaign["id"]),
        "/v1/templates/": str(template["id"]), "/v1/admin/templates/": str(template["id"]),
        "/v1/senders/": "MYBRAND", "/v1/blacklist/": "+919800000009",
        "/v1/dlt/templates/": "1" * 19, "/v1/statements/": "2026-11",
    }  # fmt: skip
    return World(service["url"], document, service["account"].api_key, admin_key, known)


def _pieces(world: World, path: str) -> st.SearchStrategy[str | None]:
    """Something that exists at this path, or None to leave what was generated."""
    found = [value for start, value in world.known.items() if path.startswith(start + "{")]
    return st.sampled_from([None, *found])


def _trial(world: World, operation: Any, mode: Any, most: int, number: int) -> Callable[[], None]:
    """Sends `most` requests of one call and raises what contradicts the document."""
    from schemathesis import checks
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    key = world.admin_key if _is_operators(operation.path) else world.key
    asked = [
        checks.not_a_server_error, status_code_conformance, content_type_conformance,
        response_schema_conformance,
    ]  # fmt: skip

    @seed(17 + number)
    @settings(
        max_examples=most, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), piece=_pieces(world, operation.path))
    def trial(case: Any, piece: str | None) -> None:
        if piece is not None:
            name = operation.path.split("{", 1)[1].split("}", 1)[0]
            case.path_parameters[name] = piece
        headers = {"Authorization": f"Bearer {key}"}
        answer = case.call(base_url=world.url, headers=headers, timeout=60)
        case.validate_response(answer, checks=asked)

    return trial


def _is_operators(path: str) -> bool:
    return path.startswith(("/v1/admin/", "/v1/routes/", "/v1/strategies"))


def walk(world: World, most: int) -> Iterator[str]:
    """What contradicts the document, each with the request that shows it."""
    from hypothesis.errors import FlakyStrategyDefinition, Unsatisfiable
    from schemathesis import GenerationMode, openapi

    schema = openapi.from_dict(world.document)
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for number in range(TRIES):
                try:
                    _trial(world, operation, mode, most, number)()
                except Unsatisfiable:
                    pass  # Nothing can be wrong with a call that takes nothing.
                except FlakyStrategyDefinition as error:
                    # The generator's own trouble, which another seed does not have.
                    if number + 1 == TRIES:
                        yield f"{operation.label} ({mode}): {error}"
                    continue
                except (Exception, BaseExceptionGroup) as error:
                    yield f"{operation.label} ({mode}): {_told(error)}"
                break


def _told(error: BaseException) -> str:
    inner = getattr(error, "exceptions", None)
    return "; ".join(map(_told, inner)) if inner else f"{type(error).__name__}: {error}"


# The generator warns of its own use of chance.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "most",
    [
        pytest.param(USUAL, marks=[pytest.mark.slow, pytest.mark.timeout(600)]),
        pytest.param(SOAK, marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
async def test_no_answer_contradicts_the_document(dsn: str, home: Path, most: int) -> None:
    require("schemathesis")
    async with serving(dsn, home, "on") as service:
        world = await _furnished(service, dsn)
        faults = await asyncio.to_thread(lambda: list(walk(world, most)))
        assert not faults, "\n\n".join(faults)
