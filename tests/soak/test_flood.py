"""Fifty accounts on one slow carrier, and one of them floods: what the others notice.

The same run measures quiet and flood: each of the 49 sends one message every two seconds, the
carrier takes 100 a second; then the fiftieth hands in lists of 2,000 until 20,000 wait. With the
embedded queue, and with RabbitMQ where there is one.
"""

import asyncio
import json
import statistics
import sys
import threading
import time
from typing import Any

import asyncpg
import psycopg
import pytest
from tests.journeys.carrier import Carrier
from tests.journeys.platform import Platform, until
from tests.parts import require

from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.billing import prices, wallet

ACCOUNTS = 50
TPS = 100
QUIET_SECONDS = 8
SECONDS = 24
LIST, LISTS = 2_000, 10
#: behind the flood the others would wait for all of it, 200 seconds.
P99_MAX = 3.0
LOOK_SECONDS = 0.25
#: what lies in front of the route.
LYING = "SELECT coalesce(sum(messages), 0) FROM queue_item WHERE queue = 'submit_slow'"


async def accounts(dsn: str) -> list[str]:
    """Makes the accounts with money, price and sender; returns their keys."""
    connection = await asyncpg.connect(dsn)
    keys = []
    try:
        for number in range(ACCOUNTS):
            made = await create_account(
                connection, NewAccount(name=f"flood{number}", username=f"flood{number}")
            )
            await wallet.credit(connection, made.id, 10**11, actor="test")
            await prices.set_price(connection, made.id, "sms", 10_000)
            keys.append(made.api_key)
        await connection.execute(
            "INSERT INTO sender (account_id, channel, value, status)"
            " SELECT id, 'sms', 'FLOODS', 'APPROVED' FROM account"
        )
    finally:
        await connection.close()
    return keys


def quiet_traffic(platform: Platform, keys: list[str], seconds: float) -> None:
    """One message of each account every two seconds."""

    def send(number: int, key: str) -> None:
        end = time.monotonic() + seconds
        time.sleep(2 * number / len(keys))
        while time.monotonic() < end:
            platform.send(key, to=f"+9198{number:08d}", text="Hello", **{"from": "FLOODS"})
            time.sleep(2)

    threads = [threading.Thread(target=send, args=one) for one in enumerate(keys)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def waits(platform: Platform, since: Any, flooder: int) -> list[float]:
    """Seconds from acceptance to the carrier's answer, of the 49's messages."""
    with psycopg.connect(platform.cpaas("db", "shell-dsn")["dsn"]) as connection:
        rows = connection.execute(
            "SELECT extract(epoch FROM submitted_at - created_at)::float8 FROM message"
            " WHERE created_at >= %s AND account_id <> %s AND sender = 'FLOODS'",
            [since, flooder],
        ).fetchall()
    assert all(row[0] is not None for row in rows)
    return [float(row[0]) for row in rows]


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("queue", ["embedded", "rabbitmq"])
def test_a_flood_leaves_the_others_their_share(
    queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if queue == "rabbitmq":
        require("rabbitmq")
    carried = "on" if queue == "rabbitmq" else "off"
    platform, carrier = Platform(CPAAS_SANDBOX="off", CPAAS_RABBITMQ=carried), Carrier()
    try:
        platform.up()
        dsn = platform.cpaas("db", "shell-dsn")["dsn"]
        keys = asyncio.run(accounts(dsn))
        platform.cpaas(
            "route", "create", "slow", "--host", "127.0.0.1", "--port", str(carrier.port),
            "--system-id", "me", "--password", "secret", "--tps", str(TPS), "--window", "100",
        )  # fmt: skip
        platform.cpaas("rule", "create", "--channel", "sms", "--route", "slow", "--priority", "1")
        until(
            lambda: any(
                one["name"] == "slow" and one["state"] == "up"
                for one in platform.cpaas("route", "list")["routes"]
            )
        )
        figures = measured(platform, keys, dsn)
    finally:
        platform.down()
        carrier.close()
    with capsys.disabled():
        sys.stdout.write(json.dumps({"queue": queue} | figures, default=float) + "\n")
    # All of the others' messages went while the flood still waited, and there was always something
    # in front of the route; the rate that it makes of it is the machine's as well.
    assert figures["flooder_waits"] > LIST * LISTS / 2
    assert figures["lay_least"] > 0
    assert figures["flood"]["p99"] <= P99_MAX


def measured(platform: Platform, keys: list[str], dsn: str) -> dict[str, Any]:
    """Quiet, then the flood: the others' waits in seconds, and what the route took a second."""

    def ask(statement: str) -> Any:
        with psycopg.connect(dsn) as connection:
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None
            return row[0]

    flooder = int(ask("SELECT id FROM account WHERE name = 'flood0'"))
    open_ones = (
        f"SELECT count(*) FROM message WHERE account_id <> {flooder} AND submitted_at IS NULL"
    )
    quiet_since = ask("SELECT now()")
    quiet_traffic(platform, keys[1:], QUIET_SECONDS)
    until(lambda: ask(open_ones) == 0, 60)
    quiet = waits(platform, quiet_since, flooder)
    for number in range(LISTS):
        to = [f"+9197{number:02d}{n:06d}" for n in range(LIST)]
        body = {"channel": "sms", "to": to, "from": "FLOODS", "text": "flood"}
        assert platform.call("POST", "/v1/messages", body, key=keys[0])[0] == 202
    lay: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            lay.append(int(ask(LYING)))

    looking = threading.Thread(target=look)
    until(lambda: int(ask(LYING)) >= TPS)
    flood_since = ask("SELECT now()")
    looking.start()
    quiet_traffic(platform, keys[1:], SECONDS)
    flood_until = ask("SELECT now()")
    done.set()
    looking.join()
    until(lambda: ask(open_ones) == 0, 60)
    flood = waits(platform, flood_since, flooder)
    waiting = ask(
        f"SELECT count(*) FROM message WHERE account_id = {flooder} AND submitted_at IS NULL"
    )
    went = ask(
        f"SELECT count(*) FROM message WHERE submitted_at >= '{flood_since}'"
        f" AND submitted_at < '{flood_until}'"
    )
    p99 = [statistics.quantiles(one, n=100)[98] for one in (quiet, flood)]
    return {
        "quiet": {"messages": len(quiet), "p50": statistics.median(quiet), "p99": p99[0]},
        "flood": {"messages": len(flood), "p50": statistics.median(flood), "p99": p99[1]},
        "rate": went / (flood_until - flood_since).total_seconds(), "flooder_waits": waiting,
        "lay_least": min(lay), "lay_most": max(lay),
    }  # fmt: skip
