"""Messages as the operator looks at them, straight in the database."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cpaas.cli import main, output
from cpaas.kit.ids import new_id

Run = Callable[..., Any]


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
def message(dsn: str) -> str:
    made = new_id()
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO account (id, name) VALUES (7, 'acme')")
        connection.execute(
            "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient,"
            " price_micro, refunded_micro, carrier_cost_micro, submitted_at, final_at, error_code,"
            " error) VALUES (%s, 7, now(), 'sms', 'otp', 'FAILED', '919876543210', 120000, 20000,"
            " 130000,"
            " now() + interval '1 second', now() + interval '3 seconds', 'undeliverable', 'gone')",
            [made],
        )
        connection.execute(
            "INSERT INTO message_event (id, message_id, account_id, at, kind, actor, text,"
            " details) VALUES (%s, %s, 7, now() + interval '2 seconds', 'retry', 'sms-1', 'again',"
            ' \'{"code": "x"}\')',
            [new_id(), made],
        )
        connection.execute(
            "INSERT INTO message_part (message_id, attempt, part_no, account_id, route_id,"
            " provider_message_id, status, submitted_at, final_at) VALUES (%s, 1, 0, 7, 3, 'p1',"
            " 'DELIVERED', now() + interval '1.5 seconds', now() + interval '5 seconds')",
            [made],
        )
        connection.execute(
            "INSERT INTO webhook_delivery (id, account_id, message_id, event_type, url, body,"
            " status, attempts, last_status, last_attempt_at)"
            " VALUES (%s, 7, %s, 'message.failed', 'https://x', '', 'delivered', 1, 200,"
            " now() + interval '4 seconds')",
            [new_id(), made],
        )
    return str(made)


def test_a_message_and_its_life(run: Run, message: str) -> None:
    shown = run("message", "show", message)
    assert (shown["account"], shown["status"], shown["price"]) == ("acme", "FAILED", "0.1000")
    # What the customer paid, less refunds, less what the carrier takes: here a loss.
    assert (shown["carrier_cost"], shown["margin"]) == ("0.1300", "-0.0300")
    steps = run("message", "timeline", message)["timeline"]
    assert [step["what"] for step in steps] == [
        "accepted", "submitted", "attempt 1 submitted", "retry", "FAILED",
        "webhook message.failed", "attempt 1 DELIVERED",
    ]  # fmt: skip
    assert steps[2]["text"] == "p1 (route , attempt 1)"
    assert steps[3]["text"] == 'again (sms-1, attempt 0) {"code": "x"}'


def test_messages_are_found(run: Run, message: str) -> None:
    for words in ([], ["--account", "acme"], ["--status", "failed"], ["--to", "919876543210"]):
        assert [m["id"] for m in run("message", "list", *words)["messages"]] == [message]
    assert run("message", "list", "--status", "DELIVERED")["messages"] == []


def test_what_is_no_message(run: Run) -> None:
    assert "no message id" in run("message", "show", "12", code=1)["error"]
    assert "there is no message" in run("message", "show", str(new_id()), code=1)["error"]
