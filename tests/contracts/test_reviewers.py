"""What every carrier that reviews templates must be to us: one suite, a rig per channel."""

import base64
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest
from tests.contracts.test_channels import RIGS, Rig
from tests.gateway.harness import until

from cpaas.channels.base import Asked, Reviewed, Reviewer, ReviewLaterError
from cpaas.channels.rcs.reviews import RcsReviews
from cpaas.channels.whatsapp.reviews import WhatsappReviews
from cpaas.snapshot.types import Identity, Route

Made = Callable[[], AbstractAsyncContextManager[Rig]]
SECRETS = {
    "access_token": "token", "app_secret": "secret", "client_secret": "secret",
    "directory_client_id": base64.b64encode(b"ops@example.net").decode(),
    "directory_client_secret": "secret",
}  # fmt: skip
reviewing = pytest.mark.parametrize("kind", ["whatsapp", "rcs"])


def asked(name: str = "order") -> Asked:
    content: dict[str, Any] = {
        "body": "Hello {{name}}, it is on its way.",
        "examples": {"name": "Asha"},
    }
    return Asked(1, name, "en", "text", "UTILITY", 1, content)


def reviewer(rig: Rig) -> tuple[Reviewer, Identity, Route]:
    tools = msgspec.structs.replace(rig.tools, secrets=lambda _: SECRETS)
    identity = tools.identity("")
    assert identity is not None
    if rig.channel.name == "whatsapp":
        return WhatsappReviews(tools), identity, rig.route
    directory = f"{rig.route.settings['api_url']}/directory/secure/api/v1"
    settings = rig.route.settings | {"directory_url": directory}
    return RcsReviews(tools.secrets), identity, msgspec.structs.replace(
        rig.route, settings=settings
    )  # fmt: skip


@reviewing
async def test_a_template_is_handed_over_and_its_verdict_told_when_asked(kind: str) -> None:
    async with RIGS[kind]() as rig:
        desk, identity, route = reviewer(rig)
        said = await desk.submit(identity, route, asked())
        assert said.status == "pending"
        assert said.carrier_id
        assert said.account
        refused = await desk.submit(identity, route, asked("reject_me"))
        verdicts: dict[str, Reviewed] = {}

        async def decided() -> bool:
            for name, one in (("order", said), ("reject_me", refused)):
                found = await desk.ask(identity, route, asked(name), one.carrier_id)
                assert found is not None
                verdicts[name] = found
            return all(one.status != "pending" for one in verdicts.values())

        await until(decided)
        assert verdicts["order"].status == "approved"
        assert verdicts["reject_me"].status == "rejected"
        assert verdicts["reject_me"].reason
        # Handed over again, as after an answer that was lost, it is found and not made twice.
        again = await desk.submit(identity, route, asked())
        assert again.carrier_id == said.carrier_id
        await desk.close()


@reviewing
async def test_a_carrier_that_is_away_says_so_and_is_tried_later(kind: str) -> None:
    async with RIGS[kind]() as rig:
        desk, identity, route = reviewer(rig)
        away = {
            name: "http://127.0.0.1:9" if str(value).startswith("http") else value
            for name, value in route.settings.items()
        }
        away_route = msgspec.structs.replace(route, settings=away)
        with pytest.raises(ReviewLaterError, match="Connect"):
            await desk.submit(identity, away_route, asked())
        assert await desk.ask(identity, away_route, asked(), "17") is None
        assert (await desk.submit(identity, route, asked())).status == "pending"
        await desk.close()
