"""What a newcomer does: one command, one curl, one SMS that really went over SMPP."""

from collections.abc import Iterator

import pytest
from tests.journeys.platform import ALL_CHANNELS, Platform, until
from tests.smpp.test_smpp_peers import SmpplibEsme

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Platform]:
    """A copy with all channels and the sandbox on, started as a newcomer would."""
    platform = Platform(CPAAS_CHANNELS=ALL_CHANNELS)
    try:
        platform.up()
        yield platform
    finally:
        platform.down()


def test_up_tells_all_that_is_needed(sandbox: Platform) -> None:
    answer = sandbox.answer
    assert set(answer) >= {"urls", "smpp_port", "admin", "account"}
    assert set(answer["urls"]) == {"core", "sms", "admin", "portal"}
    assert answer["admin"]["username"]
    assert answer["admin"]["password"]
    account = answer["account"]
    assert account["api_key"].startswith("live_")
    assert account["test_key"].startswith("test_")
    assert len(account["smpp_password"]) <= 8
    rows = {row["name"]: row["status"] for row in sandbox.cpaas("status")["services"]}
    assert rows["cpaas-core"] == rows["cpaas-sms"] == rows["postgres"] == "UP"


def test_an_sms_goes_the_whole_way(sandbox: Platform) -> None:
    key = sandbox.answer["account"]["api_key"]
    balance = sandbox.call("GET", "/v1/balance", key=key)[1]["balance"]
    sent = sandbox.send(key, to="+919876543210", text="Hello")
    assert sent["status"] == "QUEUED"
    assert sent["encoding"] == "GSM7"
    assert sent["segments"] == 1
    message = sandbox.becomes(key, sent["id"], "DELIVERED")
    assert message["provider_message_id"]
    spent = float(balance) - float(sandbox.call("GET", "/v1/balance", key=key)[1]["balance"])
    assert spent == pytest.approx(float(sent["price"]))
    status, timeline = sandbox.call("GET", f"/v1/messages/{sent['id']}/timeline", key=key)
    assert status == 200
    assert [step["kind"] for step in timeline["data"]] == [
        "accepted", "routed", "sending", "submitted", "delivered",
    ]  # fmt: skip
    assert "smpp1" in str(timeline)


@pytest.mark.parametrize(
    ("number", "final"),
    [
        ("+999000000001", "DELIVERED"),
        ("+999000000002", "FAILED"),
        ("+999000000003", "REJECTED"),
        ("+999000000004", "EXPIRED"),
        ("+999000000007", "DELIVERED"),
    ],
)
@pytest.mark.parametrize("kind", ["test_key", "api_key"])
def test_the_reserved_numbers_play_their_part(
    sandbox: Platform, kind: str, number: str, final: str
) -> None:
    key = sandbox.answer["account"][kind]
    sent = sandbox.send(key, to=number, text="Hello")
    sandbox.becomes(key, sent["id"], final)


@pytest.mark.parametrize(
    ("number", "final"),
    [("+999000000001", "DELIVERED"), ("+999000000002", "FAILED"), ("+999000000003", "REJECTED")],
)
def test_a_call_goes_the_whole_way(sandbox: Platform, number: str, final: str) -> None:
    account = sandbox.answer["account"]
    for kind in ("test_key", "api_key"):
        sent = sandbox.send(
            account[kind], channel="voice", to=number, text="Your code is 4 8 2 1.",
            voice={"repeat": 2},
        )  # fmt: skip
        assert float(sent["price"]) == (0.6 if kind == "api_key" else 0)
        told = sandbox.becomes(account[kind], sent["id"], final)
        assert float(told["price"]) == (0.6 if kind == "api_key" and final == "DELIVERED" else 0)


def test_a_test_key_costs_nothing(sandbox: Platform) -> None:
    account = sandbox.answer["account"]
    before = sandbox.call("GET", "/v1/balance", key=account["api_key"])[1]
    sent = sandbox.send(account["test_key"], to="+919876543210", text="Hello")
    assert float(sent["price"]) == 0
    sandbox.becomes(account["test_key"], sent["id"], "DELIVERED")
    assert sandbox.call("GET", "/v1/balance", key=account["api_key"])[1] == before


def test_a_test_key_reaches_no_live_message(sandbox: Platform) -> None:
    account = sandbox.answer["account"]
    path = f"/v1/messages/{sandbox.send(account['api_key'], to='+919876543210', text='Hi')['id']}"
    for method, call in (("GET", ""), ("GET", "/timeline"), ("POST", "/cancel")):
        status, problem = sandbox.call(method, path + call, key=account["test_key"])
        assert (status, problem["code"]) == (404, "message_not_found")


def test_an_smpp_customer_goes_the_whole_way(sandbox: Platform) -> None:
    account = sandbox.answer["account"]
    assert sandbox.answer["smpp_port"] == 2775 + sandbox.offset
    esme = SmpplibEsme(
        sandbox.answer["smpp_port"], login=(account["smpp_system_id"], account["smpp_password"]),
        sender="", prefix="+91987654321",
    )  # fmt: skip
    # It leaves with its first receipt; the others wait for it.
    esme.talk()
    ids = [answer.rstrip(b"\0").decode() for answer in esme.answers]
    assert len(ids) == 3
    assert b"stat:DELIVRD" in esme.texts[0]
    for message_id in ids:
        sandbox.becomes(account["api_key"], message_id, "DELIVERED")
    bound = sandbox.cpaas("account", "binds")["binds"]
    assert all(row["system_id"] == account["smpp_system_id"] for row in bound)


def test_the_next_up_goes_on_where_it_was(sandbox: Platform) -> None:
    key = sandbox.answer["account"]["api_key"]
    sandbox.cpaas("down")
    again = sandbox.up()
    assert again["account"]["api_key"] is None, "secrets are told once"
    assert again["admin"]["password"] is None
    assert sandbox.call("GET", "/v1/balance", key=key)[0] == 200
    sent = sandbox.send(key, to="+919876543210", text="Hello again")
    sandbox.becomes(key, sent["id"], "DELIVERED")
    sandbox.answer["account"]["api_key"] = key


def test_nothing_is_left_after_down(sandbox: Platform) -> None:
    sandbox.cpaas("down")
    status = until(lambda: sandbox.cpaas("status", check=False))
    assert all(row["status"] != "UP" for row in status["services"])
