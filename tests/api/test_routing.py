"""The operator's question over HTTP: who may ask, and what is told."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from tests.services.test_core import serving

from cpaas.accounts import admin_keys
from cpaas.db.actor import acting
from cpaas.kit.secrets import Keyring
from cpaas.routes import edit, rules, strategies
from cpaas.routes.types import NewMember, NewRoute, NewRule, NewStrategy

ASKED = {"account": "acme", "to": "+919876543210"}


async def configure(dsn: str, home: Path) -> str:
    """Two routes of which one is down, three rules; returns an admin key."""
    connection = await asyncpg.connect(dsn)
    keyring = Keyring.load_or_make(home / "keyring.json")
    async with acting(connection, "test"):
        for name in ("r1", "r2"):
            made = await edit.create_route(
                connection, keyring, NewRoute(name=name, host="h", port=1, system_id="u")
            )
            await connection.execute(
                "INSERT INTO route_state (route_id, instance_id, state) VALUES ($1, 1, $2)",
                made, "down" if name == "r1" else "up",
            )  # fmt: skip
        for route, prefixes in (("r1", []), ("r2", []), ("r2", ["44"])):
            rule = NewRule(channel="sms", route=route, prefixes=list[str](prefixes))
            await rules.create_rule(connection, rule)
        best = NewStrategy(
            name="best", channel="sms", kind="best_delivery",
            members=[NewMember(route="r1", weight=70), NewMember(route="r2", weight=30)],
        )  # fmt: skip
        await strategies.create_strategy(connection, best)
        await connection.execute(
            "UPDATE strategy_member SET share = CASE weight WHEN 70 THEN 60 ELSE 40 END"
        )
        await connection.execute(
            "INSERT INTO strategy_change (strategy_id, at, kind, reason, route_ids, before, after)"
            " SELECT 1, now() + n * interval '1 s', 'slow', CASE n WHEN 2 THEN 'late' ELSE '' END,"
            " array_agg(id ORDER BY id), '{70,30}', '{60,40}' FROM route, generate_series(1, 2) n"
            " GROUP BY n"
        )
        key = await admin_keys.issue(connection, "ann")
        await admin_keys.issue(connection, "far", allowed_ips=["203.0.113.0/24"])
    await connection.close()
    return key


async def ask(session: aiohttp.ClientSession, key: str, **fields: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"}
    body = ASKED | fields
    async with session.post("/v1/routes/explain", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_only_an_admin_key_opens_it_and_it_opens_no_account(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        key = await configure(dsn, home)
        session = service["session"]
        async with asyncio.timeout(60):
            while (await ask(session, key))[0] == 401:
                await asyncio.sleep(0.02)
        status, told = await ask(session, key)
        assert (status, told["plan"], told["rule"]) == (200, ["r2", "r1"], 1)
        assert told["from"] == "MYBRAND"
        assert told["decision"].endswith("down: r1")
        assert [(one["verdict"], one["target"]) for one in told["rules"]] == [
            ("decides", "route r1"), ("follows", "route r2"), ("passed over", "route r2"),
        ]  # fmt: skip
        assert told["rules"][2]["why"] == (
            "it is for numbers that begin with 44, and this is 919876543210"
        )
        assert [(one["route"], one["place"], one["state"]) for one in told["routes"]] == [
            ("r2", 1, "up"), ("r1", 2, "down")
        ]  # fmt: skip
        for fields, field in (
            ({"account": "nobody"}, "account"), ({"to": "12"}, "to"),
            ({"channel": "fax"}, "channel"), ({"traffic_class": "bulk"}, "traffic_class"),
        ):  # fmt: skip
            status, told = await ask(session, key, **fields)
            assert (status, told["code"]) == (422, "validation_error"), told
            assert told["errors"][0]["field"] == field
        status, told = await ask(session, service["account"].api_key)
        assert (status, told["code"]) == (403, "admin_key_required")
        status, told = await ask(session, "admin_nonsense")
        assert (status, told["code"]) == (401, "invalid_key")
        headers = {"Authorization": f"Bearer {key}"}
        async with session.get("/v1/balance", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "account_key_required")
        # Best delivery's weights and every change of them with its reason, for the operator only.
        async with session.get("/v1/strategies", headers=headers) as answer:
            (best,) = (await answer.json())["data"]
        assert [(m["route"], m["weight"], m["share"]) for m in best["members"]] == [
            ("r1", 70, 60), ("r2", 30, 40)
        ]  # fmt: skip
        async with session.get("/v1/strategies/best/changes?limit=1", headers=headers) as answer:
            (change,) = (await answer.json())["data"]
        assert (change["kind"], change["reason"], change["routes"], change["after"]) == (
            "slow", "late", ["r1", "r2"], [60, 40]
        )  # fmt: skip
        async with session.get("/v1/strategies/nope/changes", headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (404, "strategy_missing")
        async with session.get("/v1/strategies") as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "admin_key_required")
