"""Fills a migrated, empty database with messages as a busy platform has them, by COPY.

`python bench/fill.py DSN [--messages 10000000] [--accounts 1000] [--seed 1] [--messages-only]`: the
same seed makes the same messages. Three days up to now, three fifths of them today; the counters
are added up from the messages, folded where the platform would have folded them; each account has
its owner, and the audit log a year of entries (whose hashes are no chain). Then fill_screens.sql
makes what stands on the other screens. Never on a database in use.
"""

import argparse
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import psycopg

from cpaas.reports.fold_queries import FOLD, FOLD_ERRORS

ZONE = "Asia/Kolkata"
BATCH = 20_000
CHANNELS = (("sms", 80), ("whatsapp", 15), ("rcs", 4), ("voice", 1))
COUNTRIES = (("IN", "+9198", 90), ("AE", "+9715", 6), ("GB", "+4477", 4))
STATUSES = (
    ("DELIVERED", 88),
    ("READ", 3),
    ("FAILED", 4),
    ("REJECTED", 1),
    ("EXPIRED", 2),
    ("SUBMITTED", 2),
)
ERRORS = ("absent_subscriber", "unknown_subscriber", "call_barred", "dlt_mismatch", "no_receipt")
#: beside the routes that the platform makes itself.
ROUTE_FIRST, ROUTES = 101, 6
AUDIT_ROWS = 1_000_000
#: kept by day; the oldest of the three days may lie before the oldest partition.
BY_DAY = ("message", "provider_id", "message_part", "message_event", "webhook_delivery")
COLUMNS = (
    "id, account_id, created_at, valid_until, routed_at, claimed_at, submitted_at, delivered_at,"
    " final_at, price_micro, carrier_cost_micro, route_id, campaign_id, segments, channel, lane,"
    " status, recipient, sender, body, encoding, country, provider_message_id, error_code, error"
)
_SUMS = """
    count(*) AS accepted, sum(segments) AS segments, count(submitted_at) AS submitted,
    count(*) FILTER (WHERE status IN ('DELIVERED', 'READ')) AS delivered,
    count(*) FILTER (WHERE status = 'READ') AS read,
    count(*) FILTER (WHERE status = 'FAILED') AS failed,
    count(*) FILTER (WHERE status = 'REJECTED') AS rejected,
    count(*) FILTER (WHERE status = 'EXPIRED') AS expired, sum(price_micro) AS charged_micro,
    sum(carrier_cost_micro) AS carrier_cost_micro
"""
_NAMES = (
    "accepted, segments, submitted, delivered, read, failed, rejected, expired, charged_micro,"
    " carrier_cost_micro"
)


def _weights(pairs: tuple[tuple[str, int], ...]) -> tuple[list[str], list[int]]:
    return [one[0] for one in pairs], list(accumulate(one[1] for one in pairs))


def rows(messages: int, accounts: int, seed: int, now: datetime) -> Iterator[str]:
    """Lines for COPY, in the order of their times within each day."""
    pick = random.Random(seed)
    channels, channel_weights = _weights(CHANNELS)
    statuses, status_weights = _weights(STATUSES)
    countries = list(accumulate(one[2] for one in COUNTRIES))
    # The first accounts are the largest, as customers are.
    shares = list(accumulate(1 / (number + 3) for number in range(accounts)))
    numbers = range(accounts)
    for back, share in ((2, 0.2), (1, 0.2), (0, 0.6)):
        end = now - timedelta(days=back)
        count = int(messages * share)
        step = timedelta(days=1) / max(1, count)
        first = end - timedelta(days=1)
        for number in range(count):
            at = first + number * step
            account = pick.choices(numbers, cum_weights=shares)[0] + 1
            status = pick.choices(statuses, cum_weights=status_weights)[0]
            country, prefix, _ = COUNTRIES[pick.choices(range(3), cum_weights=countries)[0]]
            yield _line(pick, at, account, pick.choices(channels, cum_weights=channel_weights)[0],
                        status, country, prefix)  # fmt: skip


def _line(
    pick: random.Random, at: datetime, account: int, channel: str, status: str, country: str,
    prefix: str,
) -> str:  # fmt: skip
    millis = int(at.timestamp() * 1000)
    tail = pick.getrandbits(74)
    value = millis << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0x2 << 62 | tail & ((1 << 62) - 1)
    name = f"{value:032x}"
    stamp = at.isoformat()
    rejected = status == "REJECTED"
    sent = r"\N" if rejected else (at + timedelta(milliseconds=400)).isoformat()
    done = (at + timedelta(seconds=4)).isoformat()
    arrived = status in {"DELIVERED", "READ"}
    bad = status in {"FAILED", "REJECTED", "EXPIRED"}
    campaign = account * 10 + tail % 3 if tail % 4 == 0 else 0
    return "\t".join(
        (
            name, str(account), stamp, done, stamp, stamp, sent, done if arrived else r"\N",
            done if arrived or bad else r"\N", "120000", "30000",
            str(tail % ROUTES + ROUTE_FIRST), str(campaign), "1", channel, "transactional", status,
            f"{prefix}{tail % 10**8:08d}", "MYBRAND", "Your order is on its way", "GSM7", country,
            r"\N" if rejected else name[12:], ERRORS[tail % 5] if bad else "",
            "The carrier says no" if bad else "",
        )
    )  # fmt: skip


def fill(dsn: str, messages: int, accounts: int, seed: int = 1, *, screens: bool = True) -> None:
    """Accounts, routes, messages, counters, and what other screens show; all were empty before."""
    now = datetime.now(UTC)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET work_mem = '256MB'")
        connection.execute("SET maintenance_work_mem = '512MB'")
        # The oldest of the three days may begin before the oldest partition that is kept ahead.
        for parent in BY_DAY:
            key = "message_id" if parent in {"message_part", "provider_id"} else "id"
            connection.execute(
                "SELECT cpaas_make_partition(%s, %s, (now() AT TIME ZONE 'UTC')::date - 3)",
                [parent, key],
            )
        _people(connection, accounts)
        with connection.cursor() as cursor:
            batch: list[str] = []
            for line in rows(messages, accounts, seed, now):
                batch.append(line)
                if len(batch) == BATCH:
                    _copy(cursor, batch)
            _copy(cursor, batch)
        connection.execute(
            "INSERT INTO provider_id (provider_message_id, message_id, account_id)"
            " SELECT provider_message_id, id, account_id FROM message"
            " WHERE provider_message_id IS NOT NULL"
        )
        connection.execute("ANALYZE message")
        _count(connection, now)
        if screens:
            fill_screens(connection)


def fill_screens(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """What stands beside messages and counters, which are there already."""
    script = (Path(__file__).parent / "fill_screens.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n\n"):
        connection.execute(statement.encode())
    connection.execute("VACUUM ANALYZE")


def _people(connection: psycopg.Connection[tuple[object, ...]], accounts: int) -> None:
    """Accounts with their owners and wallets, routes, and what was done to them."""
    connection.execute(
        "INSERT INTO account (id, name) SELECT n, 'account ' || n FROM generate_series(1, %s) n",
        [accounts],
    )
    connection.execute(
        "INSERT INTO app_user (username, email, role, account_id, password, last_login)"
        " SELECT 'owner' || id, 'owner' || id || '@example.com', 'USER', id, '',"
        " now() - id * interval '10 minutes' FROM account"
    )
    connection.execute(
        "INSERT INTO wallet (account_id, balance_micro) SELECT id, 1000000000 FROM account"
    )
    connection.execute(
        "INSERT INTO route (id, name, channel) SELECT %s + n, 'smpp' || n, 'sms'"
        " FROM generate_series(0, %s) n",
        [ROUTE_FIRST, ROUTES - 1],
    )
    for table in ("account", "route"):
        connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}".encode()
        )
    connection.execute(
        "INSERT INTO audit_log (at, actor, address, action, table_name, row_id, account_id,"
        " after, hash) SELECT now() - (%s - n) * interval '30 seconds', 'admin:admin' || n %% 20,"
        " '10.0.0.' || n %% 200, (array['update', 'insert', 'login', 'view'])[n %% 4 + 1],"
        " (array['account', 'price', 'app_user', 'message'])[n %% 4 + 1], n::text,"
        " n %% %s + 1, '{\"tps\": 20}', sha256(n::text::bytea) FROM generate_series(1, %s) n",
        [AUDIT_ROWS, accounts, AUDIT_ROWS],
    )


def _copy(cursor: psycopg.Cursor[tuple[object, ...]], batch: list[str]) -> None:
    if batch:
        with cursor.copy(f"COPY message ({COLUMNS}) FROM STDIN") as copy:
            copy.write("\n".join(batch) + "\n")
        batch.clear()


def _count(connection: psycopg.Connection[tuple[object, ...]], now: datetime) -> None:
    """The counters as the platform writes them, minute by minute, then its own fold."""
    connection.execute(
        "INSERT INTO counter_minute (minute, account_id, channel, route_id, country, instance_id,"
        f" {_NAMES}) SELECT date_trunc('minute', created_at), account_id, channel, route_id,"
        f" country, 1, {_SUMS} FROM message GROUP BY 1, 2, 3, 4, 5"
    )
    connection.execute(
        "INSERT INTO counter_error (minute, account_id, channel, route_id, error_code,"
        " instance_id, messages) SELECT date_trunc('minute', created_at), account_id, channel,"
        " route_id, error_code, 1, count(*) FROM message WHERE error_code <> ''"
        " GROUP BY 1, 2, 3, 4, 5"
    )
    before = now.replace(second=0, microsecond=0) - timedelta(minutes=10)
    for statement, table in ((FOLD, "counter_minute"), (FOLD_ERRORS, "counter_error")):
        begin = before - timedelta(days=4)
        while begin < before:
            begin += timedelta(hours=1)
            connection.execute(
                statement.replace("$1", "%(last)s").replace("$2", "%(zone)s"),
                {"last": min(begin, before), "zone": ZONE},
            )
        connection.execute(f"VACUUM ANALYZE {table}")
    connection.execute("VACUUM ANALYZE")


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dsn")
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages-only", action="store_true")
    given = parser.parse_args()
    began = time.monotonic()
    screens = not given.messages_only
    fill(given.dsn, given.messages, given.accounts, given.seed, screens=screens)
    print(f"{given.messages} messages in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
