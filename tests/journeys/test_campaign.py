"""A campaign on the whole platform, with cpaas-core and PostgreSQL killed: true to the row."""

import csv
import io
import json
import time
import urllib.request
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.journeys.platform import Platform, until
from tests.journeys.test_kill import ledger_sum, smsc

pytestmark = pytest.mark.slow
ROWS = 2_500


def rows_of(platform: Platform, key: str, campaign_id: int) -> list[dict[str, str]]:
    """The results as a person fetches them."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{8081 + platform.offset}/v1/campaigns/{campaign_id}/results",
        headers={"Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return list(csv.DictReader(io.StringIO(reply.read().decode("utf-8-sig"))))


def shown(platform: Platform, key: str, campaign_id: int) -> dict[str, Any]:
    try:
        status, body = platform.call("GET", f"/v1/campaigns/{campaign_id}", key=key)
    except (OSError, json.JSONDecodeError):
        return {}
    return body if status == 200 else {}


def test_killed_in_the_middle_it_is_true_to_the_row(sandbox: Platform, tmp_path: Path) -> None:
    key = sandbox.answer["account"]["api_key"]
    before = Decimal(sandbox.call("GET", "/v1/balance", key=key)[1]["balance"])
    file = tmp_path / "rows.csv"
    lines = ["phone,name", *(f"+9197{n:08d},Person {n}" for n in range(ROWS)), "12,Bob"]
    file.write_text("\n".join([*lines, "+919700000000,again"]))
    made = sandbox.cpaas(
        "campaign", "create", str(file), "--text", "Hello {{name}}", "--key", key, "--rate", "800",
        "--start",
    )  # fmt: skip
    assert made["status"] == "QUEUED"
    campaign_id = made["id"]
    until(lambda: shown(sandbox, key, campaign_id).get("accepted", 0) > 300)
    paused(sandbox, key, campaign_id)
    sandbox.kill("cpaas-core")
    until(lambda: shown(sandbox, key, campaign_id).get("accepted", 0) > 900)
    sandbox.kill("postgres")
    until(lambda: shown(sandbox, key, campaign_id).get("accepted", 0) > 1_500, 90)
    sandbox.kill("cpaas-core")
    until(lambda: shown(sandbox, key, campaign_id).get("accepted", 0) == ROWS, 90)
    found = until(lambda: _settled(sandbox, key, campaign_id), 120)
    statuses = Counter(one["Status"] for one in found)
    assert len(found) == ROWS + 2
    assert statuses["NOT_SENT"] == 2
    assert {one["Error Code"] for one in found if one["Status"] == "NOT_SENT"} == {
        "invalid_number", "duplicate",
    }  # fmt: skip
    sent = [one for one in found if one["Status"] != "NOT_SENT"]
    assert len({one["Number"] for one in sent}) == len({one["Message ID"] for one in sent}) == ROWS
    kept = smsc(sandbox, "GET", "/messages?limit=10000")["messages"]
    received = Counter(one["destination"].lstrip("+") for one in kept)
    assert not [n for n, times in received.items() if n.startswith("9197") and times > 1]
    delivered = {one["Number"].lstrip("+") for one in sent if one["Status"] == "DELIVERED"}
    assert delivered <= received.keys()
    balance = Decimal(sandbox.call("GET", "/v1/balance", key=key)[1]["balance"])
    assert ledger_sum(sandbox, key) == balance
    assert before - balance == sum((Decimal(one["Cost"]) for one in sent), Decimal(0))


def paused(platform: Platform, key: str, campaign_id: int) -> None:
    """Paused, it stands still from the row to the carrier; then it goes on."""
    assert platform.call("POST", f"/v1/campaigns/{campaign_id}/pause", key=key)[0] == 200
    still: list[tuple[int, int]] = []

    def stands() -> bool:
        now = shown(platform, key, campaign_id)
        still.append((now["accepted"], now["processed"]))
        time.sleep(0.1)
        return len(still) > 20 and len(set(still[-20:])) == 1

    until(stands)
    assert shown(platform, key, campaign_id)["status"] == "PAUSED"
    assert still[-1][0] < ROWS
    assert platform.call("POST", f"/v1/campaigns/{campaign_id}/resume", key=key)[0] == 200


def _settled(platform: Platform, key: str, campaign_id: int) -> list[dict[str, str]]:
    """The rows once each is final, or honestly of unknown outcome."""
    found = rows_of(platform, key, campaign_id)
    open_ones = [one for one in found if one["Status"] in {"PENDING", "QUEUED", "SUBMITTED"}]
    sending = sum(one["Status"] == "SENDING" for one in found)
    return found if not open_ones and sending < ROWS / 10 else []
