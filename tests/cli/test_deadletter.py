"""Dead letters, receipts without a message and stuck messages, as the operator decides on them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cpaas.cli import main, output
from cpaas.kit.ids import new_id
from cpaas.messages.envelopes import (
    VERSION,
    Envelope,
    Event,
    EventEnvelope,
    Outgoing,
    pack,
)

Run = Callable[..., Any]
SUBMIT = "cpaas.sms.submit"


@pytest.fixture
def run(
    dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    monkeypatch.setenv("CPAAS_DSN", dsn)
    monkeypatch.setenv("CPAAS_HOME", str(tmp_path))
    output.settings.cache_clear()

    def command(*words: str, code: int = 0) -> Any:
        monkeypatch.setattr("sys.argv", ["cpaas", *words, "--json"])
        assert main.main() == code
        return json.loads(capsys.readouterr().out)

    yield command
    output.settings.cache_clear()


@pytest.fixture
def database(dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("INSERT INTO account (id, name) VALUES (7, 'acme')")
        connection.execute("INSERT INTO wallet (account_id, balance_micro) VALUES (7, 880000)")
        connection.execute(
            "INSERT INTO ledger_entry (account_id, kind, amount_micro)"
            " VALUES (7, 'CREDIT', 1000000)"
        )
        yield connection


def message(database: psycopg.Connection, status: str = "QUEUED", **columns: str) -> Outgoing:
    """A charged message; columns are SQL."""
    made = Outgoing(new_id().bytes, "919876543210", "X", "hi", "GSM7", 1, 1, 0, 2**60, 120_000)
    values = {"valid_until": "now() + interval '1 day'"} | columns
    database.execute(
        f"INSERT INTO message (id, account_id, channel, lane, status, recipient, price_micro,"
        f" {', '.join(values)}) VALUES (%s, 7, 'sms', 'transactional', %s, %s, 120000,"
        f" {', '.join(values.values())})".encode(),
        [made.id.hex(), status, made.to],
    )
    database.execute(
        "INSERT INTO ledger_entry (account_id, kind, amount_micro, message_id)"
        " VALUES (7, 'DEBIT', -120000, %s)",
        [made.id.hex()],
    )
    return made


def letter(database: psycopg.Connection, payload: bytes, queue: str = SUBMIT) -> int:
    row = database.execute(
        "INSERT INTO dead_letter (queue, account_id, messages, tries, reason, payload)"
        " VALUES (%s, 7, 1, 2, 'broken', %s) RETURNING id",
        [queue, payload],
    ).fetchone()
    assert row is not None
    return int(row[0])


def envelope(*messages: Outgoing) -> bytes:
    return pack(
        Envelope(
            VERSION, 1, 7, "sms", "transactional", False, 0, [], 0, "", 0, list(messages)
        )
    )  # fmt: skip


def one(database: psycopg.Connection, sql: str) -> Any:
    row = database.execute(sql.encode()).fetchone()
    return row and (row[0] if len(row) == 1 else row)


def test_dead_letters_are_shown_with_what_is_in_them(
    run: Run, database: psycopg.Connection
) -> None:
    sent = message(database)
    good, bad = letter(database, envelope(sent)), letter(database, b"\xc1")
    events = EventEnvelope(VERSION, 7, [Event(sent.id, sent.id, "message.delivered", "", b"{}")])
    told = letter(database, pack(events), "cpaas.webhook")
    listed = run("deadletter", "list", "--account", "acme")["dead_letters"]
    assert [row["id"] for row in listed] == [told, bad, good]
    assert (listed[2]["queue"], listed[2]["account"], listed[2]["reason"]) == (
        SUBMIT, "acme", "broken",
    )  # fmt: skip
    assert run("deadletter", "list", "--queue", "cpaas.webhook")["dead_letters"] == listed[:1]
    (inside,) = run("deadletter", "show", str(good))["message_list"]
    assert (inside["to"], inside["status"]) == (sent.to, "QUEUED")
    assert run("deadletter", "show", str(bad))["unreadable"]
    (event,) = run("deadletter", "show", str(told))["event_list"]
    assert event["type"] == "message.delivered"
    assert "no dead letter" in run("deadletter", "show", "999", code=1)["error"]


def test_a_replayed_letter_is_back_in_its_queue_and_audited(
    run: Run, database: psycopg.Connection
) -> None:
    first, second = letter(database, envelope()), letter(database, envelope(), "cpaas.webhook")
    assert run("deadletter", "replay", str(first)) == {"replayed": [first]}
    assert one(database, "SELECT queue, tries FROM queue_item") == (SUBMIT, 0)
    assert "no dead letter" in run("deadletter", "replay", str(first), code=1)["error"]
    assert "not said which" in run("deadletter", "replay", code=1)["error"]
    assert run("deadletter", "replay", "--all", "--queue", "cpaas.webhook") == {
        "replayed": [second]
    }
    actor, action, row = one(
        database, "SELECT actor, action, row_id FROM audit_log WHERE table_name = 'dead_letter'"
        " ORDER BY id LIMIT 1",
    )  # fmt: skip
    assert actor.startswith("cli:")
    assert (action, row) == ("replay", str(first))


def test_a_discarded_letters_messages_end_and_are_refunded(
    run: Run, database: psycopg.Connection
) -> None:
    waiting, gone = message(database), message(database, "DELIVERED")
    database.execute("UPDATE wallet SET balance_micro = 760000")
    made = letter(database, envelope(waiting, gone))
    assert run("deadletter", "discard", str(made)) == {"discarded": [made], "messages_ended": 1}
    assert one(database, "SELECT status, error_code, refunded_micro FROM message"
                         f" WHERE id = '{waiting.id.hex()}'") == (
        "REJECTED", "discarded", 120_000,
    )  # fmt: skip
    assert one(database, "SELECT balance_micro FROM wallet") == 880_000
    assert one(database, "SELECT sum(amount_micro) FROM ledger_entry") == 880_000
    assert one(database, "SELECT count(*) FROM dead_letter") == 0
    assert one(database, "SELECT action FROM audit_log WHERE table_name = 'dead_letter'") == (
        "discard"
    )
    assert one(database, "SELECT count(*) FROM message_event WHERE actor LIKE 'cli:%'") == 1


def test_receipts_without_a_message(run: Run, database: psycopg.Connection) -> None:
    database.execute(
        "INSERT INTO unmatched_receipt (route_id, provider_message_id, state, raw, tries,"
        " next_try_at, given_up_at, received_at) VALUES"
        " (1, 'p1', 'DELIVERED', 'id:p1 stat:DELIVRD', 3, now() + interval '1 hour', NULL, now()),"
        " (1, 'p2', 'FAILED', '', 80, now(), now(), now() - interval '4 days')"
    )
    both = run("receipt", "list")["receipts"]
    assert [row["provider_message_id"] for row in both] == ["p2", "p1"]
    given_up = run("receipt", "list", "--given-up")["receipts"]
    assert given_up == both[:1]
    shown = run("receipt", "show", str(both[1]["id"]))
    assert shown["raw"] == "id:p1 stat:DELIVRD"
    assert run("receipt", "retry", str(both[0]["id"])) == {"retried": [both[0]["id"]]}
    assert run("receipt", "list", "--given-up")["receipts"] == []
    assert one(database, "SELECT bool_and(received_at > now() - interval '1 hour')"
                         " FROM unmatched_receipt")  # fmt: skip
    assert run("receipt", "discard", str(both[1]["id"])) == {"discarded": [both[1]["id"]]}
    assert "none" in run("receipt", "discard", "999", code=1)["error"]
    actions = one(database, "SELECT array_agg(action ORDER BY id) FROM audit_log"
                            " WHERE table_name = 'unmatched_receipt'")  # fmt: skip
    assert actions == ["retry", "discard"]


def test_stuck_messages_are_found(run: Run, database: psycopg.Connection) -> None:
    message(database)
    late = message(database, valid_until="now() - interval '1 hour'")
    silent = message(database, "SENDING", claimed_at="now() - interval '1 hour'")
    message(database, "SENDING", claimed_at="now()")
    rows = run("message", "stuck")["messages"]
    assert [bytes.fromhex(row["id"].replace("-", "")) for row in rows] == [late.id, silent.id]
    assert all(row["why"] for row in rows)


def test_the_doctor_names_them(run: Run, database: psycopg.Connection) -> None:
    message(database, valid_until="now() - interval '1 hour'")
    made = letter(database, b"\xc1")
    database.execute(
        "INSERT INTO unmatched_receipt (route_id, provider_message_id, state, given_up_at)"
        " VALUES (1, 'p2', 'FAILED', now())"
    )
    findings = {f["check"]: f for f in run("doctor", code=1)["findings"]}
    assert "1 dead letters" in findings[f"{SUBMIT}.dead"]["what"]
    assert str(made) in findings[f"{SUBMIT}.dead"]["todo"]
    assert findings["receipts"]["verdict"] == "warning"
    assert "1 QUEUED" in findings["messages"]["what"]
