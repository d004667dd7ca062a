"""Identities: made whole, changed in part, given to accounts, their secrets never shown."""

from pathlib import Path

import asyncpg
import pytest

from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.identities import edit, queries
from cpaas.identities.credentials import unseal
from cpaas.identities.types import NewIdentity
from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.pipeline.check import prepare
from cpaas.pipeline.drafts import Author, Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.routes import edit as routes
from cpaas.routes.types import NewRoute
from cpaas.routing.plan import Planner
from cpaas.snapshot.load import LOADERS, load_all

NUMBER = "+15550001111"


def wanted(**changes: object) -> NewIdentity:
    values: dict[str, object] = {
        "channel": "whatsapp", "value": NUMBER, "route": "wa",
        "settings": {"phone_number_id": "111", "waba_id": "222"},
        "secrets": {"access_token": "EAAG", "app_secret": "hush"},
    }  # fmt: skip
    return NewIdentity(**(values | changes))  # type: ignore[arg-type]


async def test_an_identity_leads_its_accounts_over_its_own_route(
    pool: asyncpg.Pool, home: Path
) -> None:
    keyring = Keyring.load_or_make(home / "keyring.json")
    async with pool.acquire() as connection:
        for name in ("wa", "other"):
            await routes.create_route(connection, keyring, NewRoute(name=name, channel="whatsapp"))
        made = await create_account(connection, NewAccount(name="acme", username="acme"))
        await edit.create(connection, keyring, wanted())
        await edit.give(connection, made.id, "whatsapp", NUMBER)
        snapshot = await load_all(connection, LOADERS.keys(), {})
        author = Author(made.id, "api")
        for sender in ("", NUMBER, NUMBER[1:]):
            draft = Draft("whatsapp", "Hello", sender)
            assert prepare(snapshot, author, draft, 1).sender == NUMBER
        with pytest.raises(RefusedError, match="no whatsapp identity"):
            prepare(snapshot, author, Draft("whatsapp", "Hello", "+15550002222"), 1)
        planner = Planner(snapshot, made.id, "whatsapp", "transactional", is_test=False)
        plan = planner.plan("+919876543210", NUMBER)
        assert [snapshot.routes[one].name for one in plan.route_ids] == ["wa"]
        assert "bound" in plan.decision
        row, sealed = await edit.found(connection, "whatsapp", NUMBER)
        assert edit.named(keyring, row, sealed).secrets == ["access_token", "app_secret"]
        assert b"hush" not in sealed
        audit = await connection.fetch("SELECT after::text FROM audit_log")
        assert not any("hush" in (one[0] or "") for one in audit)
        tokens = [snapshot.routes_by_name[name].callback_token for name in ("wa", "other")]
        assert len(set(tokens)) == 2
        assert not any(token in (one[0] or "") for one in audit for token in tokens)
        await edit.change(connection, keyring, "whatsapp", NUMBER, secrets={"app_secret": "new"})
        row, sealed = await edit.found(connection, "whatsapp", NUMBER)
        kept = unseal(keyring, "whatsapp", NUMBER, sealed)
        assert kept == {"access_token": "EAAG", "app_secret": "new"}
        await edit.take(connection, made.id, "whatsapp", NUMBER)
        assert not await queries.identities(connection, account_id=made.id)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "5550001111"}, "no WhatsApp number"),
        ({"secrets": {"access_token": "x"}}, "app_secret"),
        ({"settings": {"phone_number_id": "1"}}, "waba_id"),
        ({"settings": {"phone_id": "1"}}, "have no 'phone_id'"),
        ({"route": "nowhere"}, "there is no whatsapp route"),
        ({"channel": "sms"}, "has no identities"),
    ],
)
async def test_what_cannot_be_used_is_refused(
    pool: asyncpg.Pool, home: Path, changes: dict[str, object], words: str
) -> None:
    keyring = Keyring.load_or_make(home / "keyring.json")
    async with pool.acquire() as connection:
        await routes.create_route(connection, keyring, NewRoute(name="wa", channel="whatsapp"))
        with pytest.raises(InputError, match=words):
            await edit.create(connection, keyring, wanted(**changes))
