"""1,000 messages with the SMS service killed and the link dropped: nothing lost, nothing twice."""

import json
import urllib.request
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from tests.journeys.platform import Platform, until

pytestmark = pytest.mark.slow
MESSAGES = 1_000
FINAL = {"DELIVERED", "FAILED", "REJECTED", "EXPIRED", "CANCELLED"}


def smsc(platform: Platform, method: str, path: str) -> Any:
    """A call of the simulated SMSC's control port."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{2778 + platform.offset}{path}",
        method=method,
        data=b"{}" if method == "POST" else None,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def messages(platform: Platform, key: str, reference: str) -> list[dict[str, Any]]:
    """All messages with a reference, page by page."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        path = f"/v1/messages?limit=200&reference={reference}{cursor}"
        status, page = platform.call("GET", path, key=key)
        assert status == 200, page
        found += page["data"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def ledger_sum(platform: Platform, key: str) -> Decimal:
    """The sum of every movement of money."""
    total, cursor = Decimal(0), ""
    while True:
        page = platform.call("GET", f"/v1/ledger?limit=200{cursor}", key=key)[1]
        total += sum((Decimal(entry["amount"]) for entry in page["data"]), Decimal(0))
        if not page["next_cursor"]:
            return total
        cursor = f"&cursor={page['next_cursor']}"


def test_nothing_is_lost_and_nothing_sent_twice(sandbox: Platform) -> None:
    key = sandbox.answer["account"]["api_key"]
    numbers = [f"+9198765{n:05d}" for n in range(MESSAGES)]
    accepted = 0
    for start in range(0, MESSAGES, 100):
        status, body = sandbox.call(
            "POST", "/v1/messages",
            {"channel": "sms", "to": numbers[start : start + 100], "text": "Drill",
             "reference": "kill"},
            key=key,
        )  # fmt: skip
        assert status == 202, body
        accepted += body["accepted"]
        if start in (200, 600):
            sandbox.kill("cpaas-sms")
        if start in (400, 800):
            smsc(sandbox, "POST", "/drop")
    assert accepted == MESSAGES

    def unknown(message: dict[str, Any]) -> bool:
        told = sandbox.call("GET", f"/v1/messages/{message['id']}/timeline", key=key)[1]
        return message["status"] == "SENDING" and "unknown_outcome" in str(told)

    def settled() -> list[dict[str, Any]]:
        """Empty until each message is final, or honestly unknown: it says so itself."""
        found = messages(sandbox, key, "kill")
        done = all(m["status"] in FINAL or unknown(m) for m in found)
        return found if done and len(found) == MESSAGES else []

    found = until(settled, 90)
    counts = Counter(m["status"] for m in found)
    kept = smsc(sandbox, "GET", "/messages?limit=10000")["messages"]
    received = Counter(m["destination"].lstrip("+") for m in kept if m["text"] == "Drill")
    twice = {number: times for number, times in received.items() if times > 1}
    assert not twice, "nothing is sent twice"
    for message in found:
        if message["status"] == "DELIVERED":
            assert received[message["to"].lstrip("+")] == 1
        else:
            assert message["status"] == "SENDING", counts
    balance = Decimal(sandbox.call("GET", "/v1/balance", key=key)[1]["balance"])
    assert ledger_sum(sandbox, key) == balance
    assert counts["DELIVERED"] > MESSAGES / 2
