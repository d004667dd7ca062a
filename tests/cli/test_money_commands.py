"""Invoices and requests for balance, as the operator decides about them on the command line."""

from pathlib import Path

import psycopg
from tests.cli.test_commands import Run, one
from tests.cli.test_commands import run as run  # noqa: PLC0414 - the fixture


def test_invoices_from_the_seller_to_the_paper(run: Run, dsn: str, tmp_path: Path) -> None:
    acme = run("account", "create", "acme")["id"]
    run("account", "create", "idle")
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro, created_at)"
            " VALUES (%s, 'DEBIT', -10000000, '2026-10-05T10:00Z')", [acme],
        )  # fmt: skip
    assert run("invoice", "issue", "2026-10", code=1)["error"].startswith("the seller is not set")
    run("invoice", "seller", "--legal-name", "Nimbus", "--country", "DE", "--tax-id", "DE123456789",
        "--tax", "VAT", "--rate", "19", "--prefix", "nb")  # fmt: skip
    assert run("invoice", "seller", "--rate", "7.5")["tax_rate_bp"] == 750
    assert run("invoice", "seller")["party"]["tax_id"] == "DE123456789"
    run("invoice", "seller", "--rate", "7.555", code=1)
    buyer = run("invoice", "buyer", "acme", "--legal-name", "Acme AG", "--address", "Weg 1\\nBonn")
    assert buyer["address"] == "Weg 1\nBonn"
    told = run("invoice", "issue", "2026-10")
    assert [one["account"] for one in told["left_out"]] == ["idle"]
    [made] = told["invoices"]
    assert (made["total"], made["tax"]) == ("10.7500", "0.7500")
    assert made["number"].startswith("NB-20")
    assert run("invoice", "issue", "2026-10")["invoices"] == []
    assert run("invoice", "issue", "2026-10", "--account", "acme")["invoices"] == [made]
    assert run("invoice", "list", "acme")["invoices"] == [made]
    file = tmp_path / "one.pdf"
    run("invoice", "pdf", made["number"], "--out", str(file))
    assert file.read_bytes().startswith(b"%PDF")
    run("invoice", "pdf", "NB-0-000001", code=1)


def test_top_ups_are_granted_or_declined_once(run: Run, dsn: str) -> None:
    acme = run("account", "create", "acme")["id"]
    with psycopg.connect(dsn) as connection:
        for amount in (5, 7):
            connection.execute(
                "INSERT INTO top_up_request (account_id, amount_micro) VALUES (%s, %s)",
                [acme, amount * 10**6],
            )
    first, second = sorted(one["id"] for one in run("topup", "list")["top_ups"])
    assert run("topup", "grant", str(first), "--note", "bank 1")["granted"] == "5.0000"
    assert one(dsn, "SELECT balance_micro FROM wallet") == 5_000_000
    assert one(dsn, "SELECT note FROM ledger_entry") == "bank 1"
    assert (
        "GRANTED already" in run("topup", "decline", str(first), "--reason", "x", code=1)["error"]
    )
    assert run("topup", "decline", str(second), "--reason", "not paid")["status"] == "DECLINED"
    assert run("topup", "list")["top_ups"] == []
    assert len(run("topup", "list", "--all")["top_ups"]) == 2
