"""Fallback from one SMS to another over real SMPP: failed, silent and slow carriers."""

from collections.abc import Iterator

import pytest
from tests.journeys.carrier import Carrier
from tests.journeys.platform import Platform, until

pytestmark = pytest.mark.slow
FAILED, SILENT = "+999000000002", "+999000000006"
FROM = {"from": "SANDBX"}
STEP = {"channel": "sms", "from": "OTHERX", "text": "the other way"}


@pytest.fixture(scope="module")
def key(sandbox: Platform) -> Iterator[str]:
    """The sandbox's key; what goes out as BADWAY never arrives, as SLOWLY very late."""
    bad = Carrier(receipt_mix={"UNDELIV": 1.0})
    slow = Carrier(receipt_delay_seconds=14)
    for name, carrier, sender in (("bad", bad, "BADWAY"), ("slow", slow, "SLOWLY")):
        sandbox.cpaas(
            "route", "create", name, "--host", "127.0.0.1", "--port", str(carrier.port),
            "--system-id", "me", "--password", "secret",
        )  # fmt: skip
        sandbox.cpaas("rule", "create", "--channel", "sms", "--route", name, "--priority", "1",
                      "--sender", sender)  # fmt: skip
        sandbox.cpaas("sender", "create", sender, "--account", "sandbox", "--approve")
    sandbox.cpaas("sender", "create", "OTHERX", "--account", "sandbox", "--approve")
    until(lambda: all(r["state"] == "up" for r in sandbox.cpaas("route", "list")["routes"]
                      if r["name"] in ("bad", "slow")))  # fmt: skip
    yield str(sandbox.answer["account"]["api_key"])
    bad.close()
    slow.close()


def balance(sandbox: Platform, key: str) -> float:
    return float(sandbox.call("GET", "/v1/balance", key=key)[1]["balance"])


def attempt(sandbox: Platform, key: str, root: str) -> str:
    """The message that the first step was made as."""
    return str(until(lambda: sandbox.message(key, root)["fallback"][0]["message_id"]))


def kinds(sandbox: Platform, key: str, message: str) -> list[str]:
    status, told = sandbox.call("GET", f"/v1/messages/{message}/timeline", key=key)
    assert status == 200
    return [step["kind"] for step in told["data"]]


def test_a_failed_sms_arrives_by_another_route(sandbox: Platform, key: str) -> None:
    before = balance(sandbox, key)
    sent = sandbox.send(key, to="+919876543210", text="Hello", fallback=[STEP],
                        **{"from": "BADWAY"})  # fmt: skip
    sandbox.becomes(key, sent["id"], "FAILED")
    other = attempt(sandbox, key, sent["id"])
    arrived = sandbox.becomes(key, other, "DELIVERED")
    assert (arrived["text"], arrived["from"]) == ("the other way", "OTHERX")
    assert arrived["parent_id"] == sent["id"]
    assert "fallback" in kinds(sandbox, key, sent["id"])
    assert balance(sandbox, key) == pytest.approx(before - 2 * float(sent["price"]))


@pytest.mark.parametrize("kind", ["api_key", "test_key"])
def test_a_reserved_number_fails_both_ways(sandbox: Platform, key: str, kind: str) -> None:
    own = str(sandbox.answer["account"][kind])
    sent = sandbox.send(own, to=FAILED, text="Hello", fallback=[STEP], **FROM)
    sandbox.becomes(own, sent["id"], "FAILED")
    sandbox.becomes(own, attempt(sandbox, own, sent["id"]), "FAILED")


def test_silence_is_followed_by_another_attempt(sandbox: Platform, key: str) -> None:
    sent = sandbox.send(key, to=SILENT, text="Hello", fallback=[STEP | {"after_seconds": 5}],
                        **FROM)  # fmt: skip
    sandbox.becomes(key, sent["id"], "SUBMITTED")
    sandbox.becomes(key, attempt(sandbox, key, sent["id"]), "SUBMITTED", "DELIVERED")
    until(lambda: "revoke" in kinds(sandbox, key, sent["id"]))
    assert sandbox.message(key, sent["id"])["status"] == "SUBMITTED"


def test_a_slow_carrier_is_asked_to_take_it_back(sandbox: Platform, key: str) -> None:
    sent = sandbox.send(key, to="+919876543211", text="Hello",
                        fallback=[STEP | {"after_seconds": 5}], **{"from": "SLOWLY"})  # fmt: skip
    sandbox.becomes(key, attempt(sandbox, key, sent["id"]), "DELIVERED")
    # Its cancel_sm was in time: the receipt says that it was deleted.
    gone = sandbox.becomes(key, sent["id"], "FAILED", "REJECTED", "EXPIRED")
    assert gone["error_code"] != "duplicate_delivery"


def test_a_step_that_is_none_is_refused_by_name(sandbox: Platform, key: str) -> None:
    status, problem = sandbox.call(
        "POST", "/v1/messages",
        {"channel": "sms", "to": "+919876543210", "text": "x", "fallback": [{"channel": "fax"}]},
        key=key,
    )  # fmt: skip
    assert (status, problem["code"]) == (422, "unknown_channel")
    assert problem["errors"][0]["field"] == "fallback[0].channel"
