"""Inbound numbers, keywords, replies and STOP's words, as an operator types them."""

import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.cli.test_commands import Run, one, run

from cpaas.kit.ids import new_id

__all__ = ["run"]
pytestmark = pytest.mark.slow


def test_numbers_and_keywords(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    run("account", "create", "pizza")
    made = run("number", "create", "+91 98123 45678", "--account", "acme")
    assert made == {"number": "919812345678", "channel": "sms", "account": "acme"}
    run("number", "create", "56161")
    assert "exists already" in run("number", "create", "56161", code=1)["error"]
    assert run("number", "keyword", "56161", "pizza", "--account", "pizza")["keyword"] == "PIZZA"
    assert run("number", "list")["numbers"] == [
        {"channel": "sms", "number": "56161", "account": "", "keywords": ["PIZZA pizza"]},
        {"channel": "sms", "number": "919812345678", "account": "acme", "keywords": []},
    ]
    assert len(run("number", "list", "--account", "acme")["numbers"]) == 1
    run("number", "assign", "56161", "--account", "acme")
    run("number", "delete-keyword", "56161", "PIZZA")
    assert "no keyword" in run("number", "delete-keyword", "56161", "PIZZA", code=1)["error"]
    assert run("number", "delete", "56161")["deleted"] is True
    assert "no sms number" in run("number", "delete", "56161", code=1)["error"]
    tables = "SELECT array_agg(DISTINCT table_name) FROM audit_log WHERE actor LIKE 'cli:%'"
    assert {"inbound_number", "inbound_keyword"} <= set(one(dsn, tables))


def test_replies_of_nobody_are_given_to_an_account(run: Run, dsn: str) -> None:
    run("account", "create", "acme")
    key = new_id()
    with psycopg.connect(dsn) as connection:
        connection.execute(
            b"INSERT INTO inbound_message (id, route_id, channel, sender, recipient, body)"
            b" VALUES (%s, 1, 'sms', '4479', '56161', 'who?')", (key,),
        )  # fmt: skip
    (row,) = run("inbound", "list", "--unassigned")["inbound"]
    assert (row["id"], row["text"], row["account"]) == (str(key), "who?", "")
    run("inbound", "assign", str(key), "acme")
    assert run("inbound", "list", "--unassigned")["inbound"] == []
    assert run("inbound", "list", "--account", "acme")["inbound"][0]["text"] == "who?"
    for wrong in (str(key), str(uuid.uuid4()), "x"):
        assert run("inbound", "assign", wrong, "acme", code=1)["error"]


def test_the_words_of_stop_are_local(run: Run, tmp_path: Path) -> None:
    assert run("inbound", "words")["stop_words"] == ["STOP", "STOPALL", "UNSUBSCRIBE"]
    given: Any = run("inbound", "words", "--stop", "stop", "--stop", "रुकें")
    assert given["stop_words"] == ["STOP", "रुकें"]
    assert run("inbound", "words") == given
    assert "keyword" in run("inbound", "words", "--stop", "two words", code=1)["error"]


def test_an_otp_may_go_after_a_stop(run: Run, dsn: str) -> None:
    assert run("inbound", "otp") == {"otp_after_stop": False}
    assert run("inbound", "otp", "--after-stop") == {"otp_after_stop": True}
    assert one(dsn, "SELECT value FROM platform_setting WHERE name = 'opt_out_allows_otp'") is True
    assert run("inbound", "otp", "--not-after-stop") == {"otp_after_stop": False}


def test_what_answers_a_stop(run: Run) -> None:
    run("account", "create", "acme")
    assert run("account", "set", "acme", "--stop-reply", " Bye. ")["stop_reply"] == "Bye."
    assert run("account", "set", "acme", "--stop-reply", "")["stop_reply"] == ""
    assert "too long" in run("account", "set", "acme", "--stop-reply", "x" * 481, code=1)["error"]
