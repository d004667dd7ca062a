"""Invoices, billing details and top-ups over the API, and none of another account's."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
from tests.billing.test_invoices import SELLER, account, issue
from tests.services.test_core import Running, serving

from cpaas.billing import parties, top_ups
from cpaas.db.actor import acting
from cpaas.kit.errors import InputError


async def call(service: Running, method: str, path: str, **more: Any) -> tuple[int, Any]:
    async with service["session"].request(method, f"/v1{path}", **more) as answer:
        if answer.content_type == "application/pdf":
            return answer.status, await answer.read()
        return answer.status, await answer.json(content_type=None) if answer.status != 204 else None


async def test_papers_and_top_ups_of_ones_own(dsn: str, home: Path) -> None:
    connection = await asyncpg.connect(dsn)
    async with serving(dsn, home, "on") as service:
        mine = service["account"].id
        async with acting(connection, "test"):
            await parties.put_seller(connection, SELLER)
            other = await account(connection, "other")
            await connection.execute(
                "INSERT INTO ledger_entry (account_id, kind, amount_micro, created_at)"
                " VALUES ($1, 'DEBIT', -1000000, '2026-10-05T10:00Z')", mine,
            )  # fmt: skip
            theirs = await top_ups.ask(connection, other, 5_000_000, "", by="test")
        bad = {"legal_name": "Acme", "country": "IN", "tax_id": "29AAGCB7383J1Z5"}
        status, refused = await call(service, "PUT", "/billing-details", json=bad)
        assert (status, refused["errors"][0]["field"]) == (422, "tax_id")
        good = bad | {"tax_id": "29AAGCB7383J1Z4", "address": "1 Road\nTown"}
        assert (await call(service, "PUT", "/billing-details", json=good))[1] == good
        assert (await call(service, "GET", "/billing-details"))[1] == good
        foreign, own = await issue(connection, other), await issue(connection, mine)
        assert [one.number[-6:] for one in (foreign, own)] == ["000001", "000002"]

        _, told = await call(service, "GET", "/invoices")
        assert [one["number"] for one in told["data"]] == [own.number]
        _, whole = await call(service, "GET", f"/invoices/{own.id}")
        assert [(tax["label"], tax["rate"], tax["amount"]) for tax in whole["taxes"]] == [
            ("CGST", "9.00", "0.0900"), ("SGST", "9.00", "0.0900"),
        ]  # fmt: skip
        assert (whole["buyer"], whole["total"]) == (good, "1.1800")
        first, second = [(await call(service, "GET", f"/invoices/{own.id}/pdf"))[1] for _ in "12"]
        assert first.startswith(b"%PDF")
        assert first == second
        status, paper = await call(service, "GET", "/statements/2026-10/pdf")
        assert (status, paper[:4]) == (200, b"%PDF")
        for path in (f"/invoices/{foreign.id}", f"/invoices/{foreign.id}/pdf"):
            assert (await call(service, "GET", path))[1]["code"] == "invoice_not_found"

        wanted = {"amount": "25", "note": "transfer 7731"}
        status, asked = await call(service, "POST", "/top-ups", json=wanted)
        assert (status, asked["status"], asked["granted"]) == (201, "PENDING", None)
        for amount in ("0", "-1", "ten"):
            refused = await call(service, "POST", "/top-ups", json={"amount": amount})
            assert (refused[0], refused[1]["errors"][0]["field"]) == (422, "amount")
        assert (await call(service, "DELETE", f"/top-ups/{theirs.id}"))[1]["code"] == (
            "top_up_not_found"
        )
        _, before = await call(service, "GET", "/balance")
        grants = [_grant(dsn, asked["id"]) for _ in range(4)]
        assert sorted(await asyncio.gather(*grants)) == [False, False, False, True]
        _, after = await call(service, "GET", "/balance")
        assert float(after["balance"]) - float(before["balance"]) == 30
        _, listed = await call(service, "GET", "/top-ups")
        assert [(one["status"], one["granted"]) for one in listed["data"]] == [
            ("GRANTED", "30.0000")
        ]  # fmt: skip
        assert (await call(service, "DELETE", f"/top-ups/{asked['id']}"))[1]["code"] == (
            "top_up_decided"
        )
    await connection.close()


async def _grant(dsn: str, request_id: int) -> bool:
    """Whether this one of several operators granted it."""
    connection = await asyncpg.connect(dsn)
    try:
        async with acting(connection, "admin:ann"):
            await top_ups.grant(connection, request_id, by="admin:ann", amount_micro=30_000_000)
    except InputError:
        return False
    finally:
        await connection.close()
    return True
