"""RCS templates through the review of a simulated hub, on a real database."""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from tests.api.doors import Client, client

from cpaas.channels.rcs.reviews import RcsReviews, code_of
from cpaas.gateway.reviews import RETRY_SECONDS, Reviews
from cpaas.simulators.rcs import RcsServer, RcsSettings
from cpaas.snapshot.types import Identity, Route, Snapshot
from cpaas.templates import decide, edit, queries, review_queries
from cpaas.templates.types import Button, Card, Content, NewTemplate, TemplateRow

BOT = "AGeCe4BMDXPH2rOC"
SECRETS = {
    "client_secret": "s",
    "directory_client_id": base64.b64encode(b"ops@example.net").decode(),
    "directory_client_secret": "s",
}
HELLO = NewTemplate(
    "rcs", "hello", Content("Hello {{name}}", buttons=(Button("quick_reply", "Yes"),))
)


class World:
    """The reviews of one account's bot at one hub."""

    def __init__(self, api: Client, server: RcsServer) -> None:
        self.api = api
        self.hub = server.hub
        self.url = f"http://127.0.0.1:{server.port}"
        self.settings: dict[str, object] = {
            "api_url": self.url,
            "token_url": f"{self.url}/oauth2/token",
            "directory_url": f"{self.url}/directory/secure/api/v1",
        }
        self.secrets = dict(SECRETS)
        self.reviewer = RcsReviews(lambda _: self.secrets)
        self.reviewer.ask_seconds = 0
        self.configured()
        self.reviews = Reviews(api.world.pool, "rcs", self.snapshot, self.reviewer)

    def configured(self, *, bot: bool = True, **changes: object) -> None:
        """The operator's configuration from now on."""
        account = self.api.account_id
        held = Identity(1, "rcs", "acme_bot", "", 7, True, {"bot_id": BOT}, b"", {account: True})
        route = Route(
            7, "rcs", "rcs", "", "", 0, True, False, 0, 1, 10, "trx", "", "", "", "same",
            self.settings | changes, b"", 0,
        )  # fmt: skip
        self.own = {(account, "rcs"): (held,)} if bot else {}
        self.routes = {7: route}

    def snapshot(self) -> Snapshot:
        return msgspec.structs.replace(
            self.api.world.holder.current, own_identities=self.own, routes=self.routes
        )

    async def due(self) -> None:
        """Time passes until the next try."""
        await self.api.world.pool.execute("UPDATE template_version SET carrier_due_at = now()")

    async def approved(self, new: NewTemplate) -> int:
        """A template that our operator has approved."""
        async with self.api.world.pool.acquire() as connection, connection.transaction():
            one = await edit.create(connection, self.api.account_id, new, actor="t")
            await edit.submit(connection, self.api.account_id, one, actor="t")
            await decide.approve(connection, self.api.account_id, one, actor="admin:1")
        return one

    async def row(self, one: int) -> TemplateRow:
        found = await queries.find(self.api.world.pool, self.api.account_id, one)
        assert found is not None
        return found


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[World]:
    server = RcsServer(RcsSettings(approve_seconds=3600))
    await server.start()
    async with client(dsn) as api:
        made = World(api, server)
        yield made
        await made.reviewer.close()
    await server.stop()


async def test_a_template_is_submitted_once_and_polled_until_decided(world: World) -> None:
    world.configured(template_use_case="OTP")
    one = await world.approved(HELLO)
    assert await world.reviews.turn() == 1
    held = world.hub.directory.one(BOT, "hello")
    assert held.data["templateUseCase"] == "OTP"
    assert held.data["textMessageContent"] == "Hello [name]"
    assert held.data["suggestions"] == [
        {"suggestionType": "reply", "displayText": "Yes", "postback": "Yes"}
    ]
    version = (await world.row(one)).version
    assert (version.carrier_status, version.carrier_id) == ("pending", "hello")
    assert version.carrier_account == "acme_bot"
    assert await world.reviews.turn() == 1
    version = (await world.row(one)).version
    assert (version.carrier_status, version.carrier_id) == ("pending", "hello")
    world.hub.directory.decide(BOT, "hello", "approved")
    assert await world.reviews.turn() == 1
    row = await world.row(one)
    assert (row.version.carrier_status, row.live_version) == ("approved", 1)
    assert world.hub.desk.issued == 1
    assert await world.reviews.turn() == 0


async def test_a_rejection_has_its_reason(world: World) -> None:
    one = await world.approved(HELLO)
    await world.reviews.turn()
    world.hub.directory.decide(BOT, "hello", "rejected", "No opt-out is named.")
    assert await world.reviews.turn() == 1
    version = (await world.row(one)).version
    assert (version.status, version.carrier_reason) == ("REJECTED", "No opt-out is named.")


async def test_what_the_directory_refuses_at_once_is_rejected(world: World) -> None:
    card = Card("A", "B", buttons=(Button("quick_reply", "Yes"),))
    one = await world.approved(NewTemplate("rcs", "card", Content(cards=(card,)), "rich_card"))
    await world.reviews.turn()
    version = (await world.row(one)).version
    assert version.carrier_status == "rejected"
    assert "mediaUrl" in version.carrier_reason, "the hub wants media on a card"


async def test_an_answer_that_was_lost_leaves_one_submission(world: World) -> None:
    one = await world.approved(HELLO)
    await world.reviews.turn()
    await world.api.world.pool.execute(
        "UPDATE template_version SET carrier_id = '', carrier_due_at = NULL"
    )
    await world.reviews.turn()
    assert world.hub.directory.one(BOT, "hello").number == 1
    assert (await world.row(one)).version.carrier_id == "hello"


REASONS = {
    "directory": "route rcs has no directory_url",
    "client": "the bot acme_bot has no directory_client_id",
    "hub": "the hub's directory: ",
    "bot": "has no active RCS bot",
}


@pytest.mark.parametrize("lacks", list(REASONS))
async def test_what_cannot_be_handed_over_says_why_and_is_tried_again_soon(
    world: World, lacks: str
) -> None:
    if lacks == "directory":
        world.configured(hub="vi", directory_url="")
    elif lacks == "client":
        world.secrets.pop("directory_client_id")
    elif lacks == "hub":
        world.hub.configure(directory=False)
    else:
        world.configured(bot=False)
    one = await world.approved(HELLO)
    for tries in range(3):
        before = time.time_ns() // 1000
        assert await world.reviews.turn() == 1
        version = (await world.row(one)).version
        assert (version.carrier_status, version.carrier_id) == ("pending", "")
        assert REASONS[lacks] in version.carrier_trouble
        assert version.carrier_reason == "", "what is the operator's business is not the owner's"
        waits = RETRY_SECONDS * 2**tries
        assert version.carrier_due_us is not None
        assert version.carrier_due_us - before >= waits * 900_000
        assert version.carrier_due_us - time.time_ns() // 1000 <= waits * 1_100_000
        assert await world.reviews.turn() == 0, "not due yet"
        await world.due()
    # The operator gives what was missing: nothing waits for the next try.
    world.secrets.update(SECRETS)
    world.hub.configure(directory=True)
    world.configured()
    assert await world.reviews.turn() == 1
    version = (await world.row(one)).version
    assert (version.carrier_id, version.carrier_trouble) == ("hello", "")


async def test_tries_get_seldom_and_one_is_asked_for_by_hand(world: World) -> None:
    world.configured(bot=False)
    one = await world.approved(HELLO)
    await world.api.world.pool.execute("UPDATE template_version SET carrier_tries = 40")
    await world.reviews.turn()
    due = (await world.row(one)).version.carrier_due_us
    assert due is not None
    assert 590 < (due - time.time_ns() // 1000) / 1_000_000 <= 600
    assert await world.reviews.turn() == 0
    assert await review_queries.hurry(world.api.world.pool, "rcs", one) == 1
    assert await world.reviews.turn() == 1


async def test_a_template_is_taken_by_one_process(world: World) -> None:
    pool = world.api.world.pool
    one = await world.approved(HELLO)
    [due] = await review_queries.due(pool, "rcs", 10)
    assert (due.template_id, due.carrier_id, due.tries) == (one, "", 0)
    assert await review_queries.due(pool, "rcs", 10) == []


def test_versions_have_codes_of_their_own() -> None:
    codes: list[Any] = [code_of("hello", 1), code_of("hello", 2), code_of("a" * 20, 12)]
    assert codes == ["hello", "hello_v2", "a" * 16 + "_v12"]
    assert {len(code) <= 20 for code in codes} == {True}
