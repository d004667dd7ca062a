"""The commands of the operator, run as a person runs them, on a real database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cpaas.cli import main, output
from cpaas.kit.secrets import Keyring, api_key_digest, verify_password
from cpaas.messages.envelopes import unpack_events
from cpaas.routes.credentials import unseal

Run = Callable[..., Any]


@pytest.fixture
def run(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs `cpaas … --json` and returns what it printed, decoded; the exit code must be as told."""
    monkeypatch.setenv("CPAAS_DSN", dsn)
    monkeypatch.setenv("CPAAS_HOME", str(tmp_path))
    output.settings.cache_clear()

    def command(*words: str, code: int = 0) -> Any:
        monkeypatch.setattr("sys.argv", ["cpaas", *words, "--json"])
        assert main.main() == code
        return json.loads(capsys.readouterr().out)

    yield command
    output.settings.cache_clear()


def one(dsn: str, sql: str) -> Any:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(sql.encode()).fetchone()
        return row and (row[0] if len(row) == 1 else row)


def test_an_account_is_made_ready_to_send(run: Run, dsn: str) -> None:
    run("price", "set", "0.12", "--channel", "sms")
    made = run("account", "create", "acme", "--username", "acme", "--credit", "1000")
    assert {"id", "name", "username", "password", "api_key", "test_key"} <= set(made)
    assert (made["name"], made["username"]) == ("acme", "acme")
    assert one(dsn, "SELECT balance_micro FROM wallet") == 1_000_000_000
    assert one(dsn, "SELECT sum(amount_micro) FROM ledger_entry") == 1_000_000_000
    assert verify_password(one(dsn, "SELECT password FROM app_user"), made["password"])
    assert verify_password(one(dsn, "SELECT password_hash FROM smpp_credential"),
                           made["smpp_password"])  # fmt: skip
    digests = one(dsn, "SELECT array_agg(digest ORDER BY id) FROM api_key")
    assert [bytes(d) for d in digests] == [
        api_key_digest(made["api_key"]), api_key_digest(made["test_key"])
    ]  # fmt: skip
    prices = run("price", "list", "--account", "acme")
    assert prices["prices"] == [
        {
            "account": "acme",
            "channel": "sms",
            "category": "",
            "country": "",
            "prefix": "",
            "amount": "0.1200",
        }
    ]
    assert str(one(dsn, "SELECT actor FROM audit_log ORDER BY id DESC LIMIT 1")).startswith("cli:")


def test_a_booking_that_crosses_the_mark_is_told_once(run: Run, dsn: str) -> None:
    account_id = run("account", "create", "acme", "--credit", "10")["id"]
    run("account", "low-balance", "acme", "5")
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO webhook_endpoint (account_id, url, secret, events)"
            " VALUES (%s, 'https://a.test', '', '{balance.low}')",
            [account_id],
        )
    told = "SELECT count(*) FROM queue_item WHERE queue = 'cpaas.webhook'"
    run("account", "debit", "acme", "5", "--note", "at the mark, not below")
    assert one(dsn, told) == 0
    run("account", "debit", "acme", "1", "--note", "below")
    run("account", "debit", "acme", "1", "--note", "still below")
    assert one(dsn, told) == 1
    (event,) = unpack_events(one(dsn, "SELECT payload FROM queue_item")).events
    assert b'"balance":"4.0000","low_balance":"5.0000"' in event.body
    run("account", "credit", "acme", "5")
    run("account", "adjust", "acme", "-4.5", "--note", "a correction crosses it, too")
    assert one(dsn, told) == 2


def test_money_and_limits_of_an_account(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    assert run("account", "credit", "acme", "50")["balance"] == "50.0000"
    for _ in range(2):
        answer = run("account", "credit", "acme", "1.5", "--note", "invoice 7", "--once")
        assert answer["balance"] == "51.5000"
    answer = run("account", "adjust", "acme", "-1.5", "--note", "typed wrong")
    assert answer["balance"] == "50.0000"
    assert "balance" in run("account", "adjust", "acme", "-51", "--note", "x", code=1)["error"]
    assert "reason" in run("account", "adjust", "acme", "-1", code=1)["error"]
    assert "above 0" in run("account", "credit", "acme", "0", code=1)["error"]
    changed = run("account", "set", "acme", "--inactive", "--ip", "203.0.113.7", "--ip",
                  "10.0.0.9/8", "--tps", "5", "--off", "rcs", "--credit-limit", "100")  # fmt: skip
    assert changed["active"] is False
    assert changed["allowed_ips"] == ["203.0.113.7", "10.0.0.0/8"]
    assert changed["channels"] == ["sms", "whatsapp", "voice"]
    assert (changed["tps"], changed["credit_limit"]) == (5, "100.0000")
    assert run("account", "set", "acme", "--any-ip", "--active")["allowed_ips"] == []
    assert [a["name"] for a in run("account", "list")["accounts"]] == ["acme"]


def test_limit_mark_policy_and_statement_of_an_account(run: Run, dsn: str) -> None:
    run("account", "create", "acme", "--credit", "10")
    assert run("account", "limit", "acme", "5")["billing_mode"] == "postpaid"
    assert run("account", "debit", "acme", "12", "--note", "fee")["balance"] == "-2.0000"
    assert "balance" in run("account", "debit", "acme", "4", "--note", "fee", code=1)["error"]
    assert "reason" in run("account", "debit", "acme", "1", code=1)["error"]
    assert "negative" in run("account", "limit", "acme", "-1", code=1)["error"]
    assert run("account", "limit", "acme", "0")["billing_mode"] == "prepaid"
    assert run("account", "low-balance", "acme", "3")["low_balance"] == "3.0000"
    changed = run("account", "set", "acme", "--refund-failed")
    assert (changed["refund_failed"], changed["low_balance"]) == (True, "3.0000")
    made = run("account", "statement", "acme")
    assert (made["opening"], made["closing"], made["closed"]) == ("0.0000", "-2.0000", False)
    assert {line["kind"]: line["amount"] for line in made["lines"]} == {
        "ADJUST": "-12.0000", "CREDIT": "10.0000"
    }  # fmt: skip
    entries = run("account", "ledger", "acme", "--kind", "adjust")["entries"]
    assert [(e["amount"], e["note"]) for e in entries] == [("-12.0000", "fee")]
    assert "kind" in run("account", "ledger", "acme", "--kind", "gift", code=1)["error"]
    tables = "SELECT array_agg(DISTINCT table_name) FROM audit_log WHERE actor LIKE 'cli:%'"
    assert {"wallet", "ledger_entry", "account"} <= set(one(dsn, tables))


def test_a_new_key_takes_the_old_one_out_of_force(run: Run, dsn: str) -> None:
    made = run("account", "create", "acme")
    new = run("account", "key", "acme")["api_key"]
    assert new.startswith("live_")
    in_force = "SELECT array_agg(digest ORDER BY id) FROM api_key WHERE revoked_at IS NULL"
    assert [bytes(d) for d in one(dsn, in_force)] == [
        api_key_digest(made["test_key"]), api_key_digest(new)
    ]  # fmt: skip
    assert run("account", "key", "acme", "--test")["test_key"].startswith("test_")
    assert run("account", "smpp", "acme")["smpp_password"] != made["smpp_password"]


def test_what_an_smpp_client_may_do(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    changed = run("account", "smpp-set", "acme", "--max-binds", "2", "--tps", "9", "--inactive")
    assert changed == {
        "system_id": "acme", "max_binds": 2, "tps": 9, "window": 0, "active": False
    }  # fmt: skip
    assert run("account", "smpp-set", "acme")["max_binds"] == 2
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO service_instance (id, service, host, pid, port) VALUES (5, 's', 'h', 1, 1)"
        )
        for instance in (5, 6):
            connection.execute(
                "INSERT INTO smpp_bind (instance_id, account_id, system_id, bind_type, address,"
                " bound_at) SELECT %s, id, 'acme', 'trx', '203.0.113.7', now() FROM account",
                [instance],
            )
    (bind,) = run("account", "binds", "acme")["binds"]
    assert (bind["system_id"], bind["address"]) == ("acme", "203.0.113.7")
    assert "no account" in run("account", "binds", "other", code=1)["error"]


def test_names_are_taken_once_and_must_be_names(run: Run) -> None:
    run("account", "create", "acme")
    assert "exists" in run("account", "create", "ACME", "--username", "x", code=1)["error"]
    assert "taken" in run("account", "create", "other", "--username", "Acme", code=1)["error"]
    assert "username" in run("account", "create", "a b", "--username", "a b", code=1)["error"]
    weak = run("account", "create", "z", "--password", "short", code=1)
    assert "weak" in weak["error"]
    assert "no account" in run("account", "credit", "nobody", "1", code=1)["error"]
    assert "amount" in run("account", "credit", "acme", "1,5", code=1)["error"]


def test_a_route_with_its_rule(run: Run, dsn: str, tmp_path: Path) -> None:
    made = run("route", "create", "smpp9", "--channel", "sms", "--host", "127.0.0.1", "--port",
               "2776", "--system-id", "u", "--password", "p", "--window", "50")  # fmt: skip
    assert made["queue"] == "submit_smpp9"
    ring = Keyring.load(tmp_path / "keyring.json")
    secret = "SELECT secret FROM route WHERE name = 'smpp9'"
    assert unseal(ring, "smpp9", bytes(one(dsn, secret))) == {"password": "p"}
    rule = run("rule", "create", "--channel", "sms", "--route", "smpp9", "--priority", "1")
    assert (rule["account"], rule["priority"]) == ("ALL", 1)
    listed = run("rule", "list")["rules"]
    assert [(r["id"], r["route"], r["active"]) for r in listed] == [(rule["id"], "smpp9", True)]
    assert "1 rules" in run("route", "delete", "smpp9", code=1)["error"]
    assert run("route", "off", "smpp9")["active"] is False
    assert (
        "sorce_ton"
        in run("route", "set", "smpp9", "--settings", '{"sorce_ton":1}', code=1)["error"]
    )
    assert "JSON" in run("route", "set", "smpp9", "--settings", "ton=1", code=1)["error"]
    run("route", "set", "smpp9", "--settings", '{"source_ton": 5}')
    assert one(dsn, "SELECT settings FROM route") == {"source_ton": 5}
    changed = run("route", "set", "smpp9", "--password", "new", "--tps", "20")
    assert (changed["tps"], changed["has_password"]) == (20, True)
    assert unseal(ring, "smpp9", bytes(one(dsn, secret))) == {"password": "new"}
    run("rule", "off", str(rule["id"]))
    run("rule", "delete", str(rule["id"]))
    assert run("route", "delete", "smpp9")["deleted"]
    assert run("route", "list")["routes"] == []


def test_a_rule_of_an_account_stands_before_all(run: Run) -> None:
    run("account", "create", "acme")
    for name in ("a", "b"):
        run("route", "create", name, "--host", "h", "--port", "1", "--system-id", "u")
    everyone = run("rule", "create", "--route", "a")["id"]
    own = run("rule", "create", "--route", "b", "--account", "acme", "--prefix", "+91")["id"]
    rules = run("rule", "list")["rules"]
    assert [r["id"] for r in rules] == [own, everyone]
    assert rules[0]["prefixes"] == ["91"]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("Smpp 9",), "no route name"),
        (("ok", "--host", "smpp://x", "--port", "1", "--system-id", "u"), "no host"),
        (("ok", "--port", "1", "--system-id", "u"), "where the carrier is"),
        (("ok", "--host", "h", "--port", "1"), "system id"),
        (("ok", "--host", "h", "--port", "70000", "--system-id", "u"), "port"),
        (("ok", "--host", "h", "--port", "1", "--system-id", "u", "--window", "0"), "window_size"),
        (("ok", "--host", "h", "--port", "1", "--system-id", "u", "--password", "123456789"),
         "9 characters"),
        (("ok", "--channel", "fax"), "no channel"),
    ],
)  # fmt: skip
def test_a_route_that_cannot_work_is_refused(run: Run, words: list[str], fault: str) -> None:
    answer = run("route", "create", *words, code=1)
    assert fault in answer["error"]
    assert answer["todo"]


def test_senders_are_requested_and_decided(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    made = run("sender", "create", "MYBRAND", "--account", "acme", "--channel", "sms", "--approve")
    assert (made["value"], made["status"], made["is_default"]) == ("MYBRAND", "APPROVED", False)
    assert run("sender", "create", "OTHER1", "--account", "acme")["status"] == "PENDING"
    refused = run("sender", "default", "OTHER1", "--account", "acme", code=1)
    assert refused["error"] == "OTHER1 is PENDING"
    run("sender", "approve", "OTHER1", "--account", "acme")
    for value in ("OTHER1", "MYBRAND"):
        assert run("sender", "default", value, "--account", "acme")["is_default"]
    assert one(dsn, "SELECT string_agg(value, ',') FROM sender WHERE is_default") == "MYBRAND"
    rejected = run("sender", "reject", "MYBRAND", "--account", "acme", "--reason", "not yours")
    assert (rejected["status"], rejected["is_default"]) == ("REJECTED", False)
    assert len(run("sender", "list", "--account", "acme")["senders"]) == 2
    changed = run("sender", "set", "OTHER1", "--account", "acme", "--pe-id", "1" * 19)
    assert changed["pe_id"] == "1" * 19
    assert "19 digits" in run(
        "sender", "set", "OTHER1", "--account", "acme", "--pe-id", "12", code=1
    )["todo"]  # fmt: skip
    assert run("sender", "delete", "OTHER1", "--account", "acme")["deleted"]
    assert (
        "no sms sender" in run("sender", "delete", "OTHER1", "--account", "acme", code=1)["error"]
    )
    assert "cannot be" in run("sender", "create", "MY-BRAND!", "--account", "acme", code=1)["error"]


def test_prices_by_account_category_and_prefix(run: Run) -> None:
    run("account", "create", "acme")
    run("price", "set", "0.10", "--account", "acme", "--channel", "sms")
    run("price", "set", "0.12", "--account", "acme", "--channel", "sms")
    run("price", "set", "0.50", "--account", "acme", "--channel", "sms", "--prefix", "+44")
    made = run("price", "set", "2.3", "--account", "acme", "--channel", "whatsapp",
               "--category", "Auth INT")  # fmt: skip
    assert made["category"] == "AUTH_INT"
    listed = run("price", "list", "--account", "acme")["prices"]
    assert [(p["channel"], p["category"], p["prefix"], p["amount"]) for p in listed] == [
        ("sms", "", "", "0.1200"), ("sms", "", "44", "0.5000"),
        ("whatsapp", "AUTH_INT", "", "2.3000"),
    ]  # fmt: skip
    made = run("price", "set", "0.2", "--account", "acme", "--country", "in")
    assert made["country"] == "IN"
    assert run("price", "delete", "--account", "acme", "--country", "IN")["deleted"] is True
    assert "no such price" in run("price", "delete", "--account", "acme", "--country", "IN",
                                  code=1)["error"]  # fmt: skip
    assert run("price", "list")["prices"] == []
    bad = run("price", "set", "1", "--channel", "whatsapp", "--category", "VIP", code=1)
    assert "no category" in bad["error"]


def test_admins(run: Run, dsn: str) -> None:
    made = run("admin", "create", "--username", "ann", "--email", "ann@example.com")
    row = "SELECT password, must_change_password, role FROM app_user WHERE username = 'ann'"
    hashed, must_change, role = one(dsn, row)
    assert verify_password(hashed, made["password"])
    assert (must_change, role) == (True, "ADMIN")
    chosen = run("admin", "create", "--username", "bob", "--password", "Tr1cky-Horse")
    assert chosen == {"username": "bob", "password": None}
    new = run("admin", "reset-password", "ann")["password"]
    assert verify_password(one(dsn, row)[0], new)
    assert "nobody" in run("admin", "reset-password", "carl", code=1)["error"]


def test_the_audit_log_names_the_command_and_holds(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    entries = run("audit", "list", "--table", "account")["entries"]
    assert entries[0]["actor"].startswith("cli:")
    assert entries[0]["after"]["name"] == "acme"
    assert run("audit", "verify")["ok"]
    with psycopg.connect(dsn) as connection:
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        connection.execute("UPDATE audit_log SET actor = 'me' WHERE id = 1")
    assert run("audit", "verify", code=1)["broken_id"] == 1


def test_no_database_is_told_in_two_lines(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPAAS_DSN", "postgresql://x@127.0.0.1:1/x")
    output.settings.cache_clear()
    answer = run("account", "list", code=1)
    assert "does not answer" in answer["error"]
    assert answer["todo"] == "check CPAAS_DSN"


def test_carrier_costs_by_prefix(run: Run) -> None:
    run("route", "create", "smpp9", "--host", "127.0.0.1", "--port", "2776", "--system-id", "u")
    run("route", "cost", "set", "smpp9", "0.03", "--prefix", "+91")
    run("route", "cost", "set", "smpp9", "0.02", "--prefix", "91")
    run("route", "cost", "set", "smpp9", "0.05")
    assert run("route", "cost", "list", "smpp9")["costs"] == [
        {"route": "smpp9", "prefix": "", "amount": "0.0500"},
        {"route": "smpp9", "prefix": "91", "amount": "0.0200"},
    ]
    assert run("route", "cost", "delete", "smpp9", "--prefix", "91")["deleted"]
    assert "no cost" in run("route", "cost", "delete", "smpp9", "--prefix", "91", code=1)["error"]
    assert "no route" in run("route", "cost", "set", "nope", "1", code=1)["error"]
    assert run("route", "delete", "smpp9")["deleted"]
    assert "amount" in run("route", "cost", "set", "smpp9", "0,1", code=1)["error"]
