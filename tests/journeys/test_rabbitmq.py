"""The platform with a RabbitMQ node of its own: a message's whole way, and the node killed."""

import json
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psutil
import pytest
from tests.journeys.outside import Receiver
from tests.journeys.platform import Platform, until
from tests.parts import require

pytestmark = pytest.mark.slow
BATCH = 100


@pytest.fixture(scope="module")
def rabbit(postgres: str) -> Iterator[Platform]:
    """A copy with the sandbox, started by `up --rabbitmq`."""
    require("rabbitmq")
    platform = Platform(CPAAS_CHANNELS="sms,whatsapp")
    try:
        platform.lay_database()
        platform.answer = platform.cpaas("up", "--detach", "--rabbitmq")
        until(lambda: all(queue(platform, port)["up"] for port in (8081, 8082)))
        yield platform
    finally:
        platform.down()


def queue(platform: Platform, port: int) -> dict[str, Any]:
    """What a service's health page tells of the broker."""
    url = f"http://127.0.0.1:{port + platform.offset}/health"
    with urllib.request.urlopen(url, timeout=60) as reply:
        found: dict[str, Any] = json.loads(reply.read())["queue"]
    return found


def gauge(platform: Platform, port: int, name: str) -> float:
    """One figure of a service's metrics."""
    url = f"http://127.0.0.1:{port + platform.offset}/metrics"
    with urllib.request.urlopen(url, timeout=60) as reply:
        lines = reply.read().decode().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def test_it_is_shown(rabbit: Platform) -> None:
    rows = {row["name"]: row for row in rabbit.cpaas("status")["services"]}
    assert rows["rabbitmq"]["status"] == "UP"
    assert rows["rabbitmq"]["port"] == 5673 + rabbit.offset

    def seen() -> list[str]:
        """Each service tells it with its next heartbeat."""
        findings = rabbit.cpaas("doctor", check=False)["findings"]
        return [one["verdict"] for one in findings if one["check"] == "RabbitMQ"]

    # cpaas-core and the two channels.
    until(lambda: seen() == ["ok"] * 3)
    assert gauge(rabbit, 8081, "cpaas_broker_up") == 1
    listening = [
        connection.laddr.ip
        for name in ("rabbitmq", "rabbitmq-epmd")
        for connection in psutil.Process(rows[name]["pid"]).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) <= {"127.0.0.1", "::1"}


def test_a_message_goes_its_whole_way_through_rabbitmq(rabbit: Platform) -> None:
    key = rabbit.answer["account"]["api_key"]
    before = gauge(rabbit, 8082, "cpaas_broker_items_relayed")
    receiver = Receiver()
    rabbit.call("PUT", "/v1/webhook", {"url": receiver.url}, key=key)
    sent = rabbit.send(key, to="+919876543210", text="Hello")
    assert rabbit.becomes(key, sent["id"], "DELIVERED")
    assert until(lambda: receiver.events(sent["id"]))[0]["type"] == "message.delivered"
    receiver.close()
    # Its submit queue and its route's; the webhook's in the other service.
    assert gauge(rabbit, 8082, "cpaas_broker_items_relayed") - before >= 2
    assert gauge(rabbit, 8081, "cpaas_broker_items_relayed") >= 1


def test_the_node_killed_amid_traffic_loses_nothing(rabbit: Platform) -> None:
    key = rabbit.answer["account"]["api_key"]
    ids: list[str] = []
    old = rabbit.pid("rabbitmq")
    for number in range(6):
        to = [f"+9198765{number}{n:04d}" for n in range(BATCH)]
        body = {"channel": "sms", "to": to, "text": "Node", "reference": "node"}
        status, answer = rabbit.call("POST", "/v1/messages", body, key=key)
        assert status == 202
        ids += [one["id"] for one in answer["messages"]]
        if number == 2:
            psutil.Process(old).kill()

    def ended() -> list[dict[str, Any]]:
        found = [rabbit.message(key, one) for one in ids[:: BATCH // 10]]
        return found if all(one["status"] == "DELIVERED" for one in found) else []

    until(ended, 60)
    until(lambda: unfinished(rabbit, key) == 0, 60)
    until(lambda: rabbit.pid("rabbitmq") not in (None, old) if node_up(rabbit) else None, 60)
    until(lambda: all(queue(rabbit, port)["up"] for port in (8081, 8082)), 60)
    balance = rabbit.call("GET", "/v1/balance", key=key)[1]
    figures = rabbit.call("GET", "/v1/summary", key=key)[1]["total"]
    assert Decimal(balance["balance"]) == 1000 - Decimal(figures["cost"])
    assert rabbit.cpaas("deadletter", "list")["dead_letters"] == []


def unfinished(platform: Platform, key: str) -> int:
    """Messages of the test that are not delivered yet."""
    total = platform.call("GET", "/v1/summary", key=key)[1]["total"]
    return int(total["messages"] - total["delivered"])


def node_up(platform: Platform) -> bool:
    """Whether the supervisor has the node up again."""
    rows = {row["name"]: row for row in platform.cpaas("status")["services"]}
    return bool(rows["rabbitmq"]["status"] == "UP")


def test_a_killed_supervisor_leaves_no_node_behind(rabbit: Platform) -> None:
    key = rabbit.answer["account"]["api_key"]
    pids = [rabbit.pid(name) for name in ("rabbitmq", "rabbitmq-epmd")]
    state = json.loads((rabbit.home / "h" / "run" / "state.json").read_text())
    psutil.Process(state["pid"]).kill()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 60)
    # The next start finds all ports free, and without the word the queues are PostgreSQL's again.
    rabbit.up()
    assert "rabbitmq" not in {row["name"] for row in rabbit.cpaas("status")["services"]}
    sent = rabbit.send(key, to="+919876543210", text="Hello again")
    assert rabbit.becomes(key, sent["id"], "DELIVERED")
