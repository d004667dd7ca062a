"""Prices and the low-balance mark over the API, as their account reads and sets them."""

from pathlib import Path
from typing import Any

import asyncpg
from tests.services.test_core import Running, serving

from cpaas.billing import prices


async def call(
    service: Running, method: str, path: str, *, key: str = "", **more: Any
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with service["session"].request(method, path, headers=headers, **more) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_prices_and_what_one_number_costs(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        account = service["account"]
        connection = await asyncpg.connect(dsn)
        await prices.set_price(connection, account.id, "sms", 200_000, prefix="9199")
        await connection.close()
        _, listed = await call(service, "GET", "/v1/prices")
        mine = [one for one in listed["data"] if one["prefix"] == "9199"]
        assert [(one["channel"], one["price"]) for one in mine] == [("sms", "0.2000")]
        for _ in range(40):
            status, told = await call(service, "GET", "/v1/prices/quote?to=%2B919987654321")
            if told.get("price") == "0.2000":
                break
        assert (status, told["price"], told["country"]) == (200, "0.2000", "IN")
        for query, code in (
            ("to=12", "invalid_number"),
            ("to=%2B919987654321&channel=fax", "unknown_channel"),
            ("to=%2B919987654321&channel=whatsapp&category=none", "validation_error"),
        ):
            status, told = await call(service, "GET", f"/v1/prices/quote?{query}")
            assert (status, told["code"]) == (422, code)


async def test_the_low_balance_mark(dsn: str, home: Path) -> None:
    async with serving(dsn, home, "on") as service:
        path = "/v1/balance/alert"
        assert (await call(service, "PUT", path, json={"low_balance": "12.5"}))[0] == 200
        assert (await call(service, "GET", path))[1] == {"low_balance": "12.5000"}
        for body in ({"low_balance": "-1"}, {"low_balance": "ten"}, {"other": "1"}):
            status, told = await call(service, "PUT", path, json=body)
            assert (status, told["code"]) == (422, "validation_error"), body
        test_key = service["account"].test_key
        assert (await call(service, "PUT", path, key=test_key, json={"low_balance": "1"}))[0] == 403
        assert (await call(service, "GET", path))[1] == {"low_balance": "12.5000"}
