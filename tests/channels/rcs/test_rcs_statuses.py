"""The hub's answers and failures in the words of the catalogue."""

from typing import Any

import msgspec
import pytest

from cpaas.channels.rcs.statuses import read_answer, receipt_failure, token_error


def told(status: int, body: Any, duplicates: tuple[int, ...] = (409,)) -> tuple[Any, ...]:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    one = read_answer(status, raw, "ours", duplicates)
    return one.message_id, one.error.code if one.error else "", one.stale, one.known


@pytest.mark.parametrize(
    "body",
    [
        {"name": "phones/+91981/agentMessages/ours", "sendTime": "2026-11-26T10:00:00Z"},
        {"messageId": "ours"},
        {"msgId": "ours"},
        {"id": "ours"},
        b"",
        b"OK",
    ],
)
def test_every_shape_of_acceptance(body: Any) -> None:
    assert told(200, body) == told(202, body) == ("ours", "", False, False)


def _error(code: int, message: str, status: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, _error(400, "Bad Request"), "message_refused"),
        (400, _error(400, "", "google_rate_limit"), "carrier_throttled"),
        (400, _error(400, "invalid_template: no such template"), "template_refused"),
        (402, {}, "carrier_balance"),
        (403, _error(403, "invalid client id or invalid IP address"), "account_stopped"),
        (403, _error(403, "curfew_hrs"), "carrier_curfew"),
        (403, _error(403, "No open conversation with this user"), "no_conversation"),
        (404, _error(404, "rcs_disabled"), "not_capable"),
        (404, {}, "not_capable"),
        (409, _error(409, "invalid_template"), "template_refused"),
        (410, _error(410, "opted_out"), "opted_out"),
        (423, _error(423, "dnd_enabled"), "opted_out"),
        (429, {}, "carrier_throttled"),
        (500, b"<html>", "carrier_temporary"),
        (503, {}, "carrier_temporary"),
        (418, {}, "message_refused"),
        (200, _error(404, "rcs_disabled"), "not_capable"),
        (200, _error(400, "Bad Request"), "message_refused"),
        (200, _error(503, "Sorry"), "carrier_temporary"),
        (200, {"sendTime": "x", "eventType": "FAILED", "reason": "bad number"}, "message_refused"),
        (200, {"sendTime": "x", "eventType": "FAILED", "reason": "rcs_disabled"}, "not_capable"),
    ],
)
def test_refusals(status: int, body: Any, code: str) -> None:
    assert told(status, body) == (None, code, False, False)


def test_a_duplicate_was_accepted_before() -> None:
    assert told(409, _error(409, "Conflict")) == ("ours", "", False, True)
    assert told(200, _error(409, "Conflict")) == ("ours", "", False, True)
    assert told(400, _error(400, "messageId ours already exists")) == ("ours", "", False, True)
    assert told(400, _error(400, "Conflict"), (400,)) == ("ours", "", False, True)


def test_a_stale_token_is_no_fault_of_the_message() -> None:
    assert told(401, {})[2] is True
    assert told(200, {"error": "invalid_token"})[2] is True


@pytest.mark.parametrize(
    ("reason", "code", "state", "error_code"),
    [
        ("rcs_disabled", 404, "REJECTED", "not_capable"),
        ("", 404, "REJECTED", "not_capable"),
        ("opted_out", 410, "REJECTED", "opted_out"),
        ("dnd_enabled", 423, "REJECTED", "opted_out"),
        ("maap_specific_error", 400, "FAILED", "undeliverable"),
        ("", 0, "FAILED", "undeliverable"),
        ("exceeded the allowed requests per second", 0, "FAILED", "carrier_throttled"),
    ],
)
def test_failures_told_later(reason: str, code: int, state: str, error_code: str) -> None:
    assert receipt_failure(reason, code)[:2] == (state, error_code)


def test_what_a_refused_token_means() -> None:
    codes = [token_error(status).code for status in (401, 429, 500, 0)]
    assert codes == [
        "account_stopped", "carrier_throttled", "carrier_temporary", "carrier_temporary"
    ]  # fmt: skip
