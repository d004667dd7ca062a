"""A carrier dies under traffic: what was not yet written goes by the next route, at once.

Shown by the database's own times, against the moment the carrier was cut off.
"""

import sys
from typing import Any

import psycopg
import pytest
from tests.journeys.carrier import Carrier
from tests.journeys.platform import Platform, until

pytestmark = pytest.mark.slow
MESSAGES = 300
#: as many as lie in the dying carrier's window, which never answers.
WINDOW = 10
#: the promise is 2 s; the bound leaves room for a machine that does other things as well.
SECONDS_MAX = 10


def query(platform: Platform, statement: str) -> Any:
    with psycopg.connect(platform.cpaas("db", "shell-dsn")["dsn"]) as connection:
        return connection.execute(statement.encode()).fetchall()


def vanish(carrier: Carrier) -> None:
    """Cuts its connections without a word and lets nobody bind again."""

    def cut() -> None:
        carrier.smsc.configure(accounts={"nobody": "x"})
        carrier.smsc.drop()

    carrier.call(cut)


def test_what_is_not_written_leaves_a_dead_route_at_once(sandbox: Platform) -> None:
    dying, other = Carrier(silent=True), Carrier()
    try:
        for name, carrier, window in (("dying", dying, WINDOW), ("other", other, 100)):
            sandbox.cpaas(
                "route", "create", name, "--host", "127.0.0.1", "--port", str(carrier.port),
                "--system-id", "me", "--password", "secret", "--window", str(window),
            )  # fmt: skip
        sandbox.cpaas("strategy", "create", "pair", "--kind", "failover", "--route", "dying",
                      "--route", "other", "--no-overflow")  # fmt: skip
        sandbox.cpaas("sender", "create", "DEADWY", "--account", "sandbox", "--approve")
        sandbox.cpaas("rule", "create", "--channel", "sms", "--strategy", "pair", "--priority", "1",
                      "--sender", "DEADWY")  # fmt: skip
        until(lambda: all(r["state"] == "up" for r in sandbox.cpaas("route", "list")["routes"]
                          if r["name"] in ("dying", "other")))  # fmt: skip
        key = str(sandbox.answer["account"]["api_key"])
        numbers = [f"+9198765{n:05d}" for n in range(MESSAGES)]
        status, _ = sandbox.call(
            "POST", "/v1/messages",
            {"channel": "sms", "to": numbers, "from": "DEADWY", "text": "on its way"}, key=key,
        )  # fmt: skip
        assert status == 202
        mine = "FROM message m JOIN route r ON r.id = m.route_id WHERE m.sender = 'DEADWY'"
        sending = f"SELECT count(*) {mine} AND m.status = 'SENDING' AND r.name = 'dying'"
        until(lambda: query(sandbox, sending)[0][0] == WINDOW)
        assert other.smsc.stats.submits == 0
        died_at = query(sandbox, "SELECT clock_timestamp()")[0][0]
        vanish(dying)
        left = f"SELECT count(*) {mine} AND m.submitted_at IS NOT NULL AND r.name = 'other'"
        until(lambda: query(sandbox, left)[0][0] == MESSAGES - WINDOW, 60)
    finally:
        dying.close()
        other.close()
    moved = query(
        sandbox,
        f"SELECT min(m.claimed_at), max(m.claimed_at), count(*) {mine} AND r.name = 'other'",
    )[0]
    assert moved[2] == MESSAGES - WINDOW
    # None was given to the other carrier before the first one died, all of them right after.
    assert moved[0] > died_at
    took = (moved[1] - died_at).total_seconds()
    sys.stdout.write(f"{moved[2]} messages moved within {took:.2f} s\n")
    assert took < SECONDS_MAX
    # What was in the window may be with the carrier: it is left to the policy, not sent twice.
    kept = query(sandbox, f"SELECT DISTINCT m.attempt, m.claimed_at < '{died_at}' {mine}"
                          " AND r.name = 'dying'")  # fmt: skip
    assert kept == [(1, True)]
    assert other.smsc.stats.submits == MESSAGES - WINDOW
