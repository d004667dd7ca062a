"""Plans that are kept must find messages by their selective column, also if made on an empty day.

Every partition here is empty, as each is at midnight, and the plans are the generic ones.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from cpaas.messages import queries, receipt_queries, straight_queries
from cpaas.pipeline import straight_queries as whole_queries


@pytest.fixture(scope="module")
def connection(module_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_dsn, autocommit=True) as made:
        yield made


def plan(connection: psycopg.Connection, sql: str, *, seqscan: str = "off") -> str:
    """The generic plan of a statement, as text."""
    connection.execute(f"SET enable_seqscan = {seqscan}".encode())
    for join in ("hashjoin", "mergejoin"):
        connection.execute(f"SET enable_{join} = off".encode())
    rows: list[Any] = connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}".encode()).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("seqscan", ["on", "off"])
@pytest.mark.parametrize("random_page_cost", ["1.1", "4"])
@pytest.mark.parametrize("sql", [receipt_queries.FIND, receipt_queries.FIND_PARTS])
def test_receipts_are_found_by_provider_id(
    connection: psycopg.Connection, sql: str, random_page_cost: str, seqscan: str
) -> None:
    connection.execute(f"SET random_page_cost = {random_page_cost}".encode())
    text = plan(connection, sql, seqscan=seqscan)
    probe = "((provider_message_id = p.provider_id) AND (message_id >= $2) AND (message_id <= $3))"
    assert f"Index Cond: {probe}" in text
    if sql == receipt_queries.FIND:
        assert "(id = provider_id.message_id))" in text
    assert "Seq Scan" not in text
    assert "BitmapAnd" not in text


def test_a_day_with_rows_is_not_read_whole(connection: psycopg.Connection) -> None:
    """As soon as a day has statistics, a range of ids must not look narrower than one id."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO message (id, account_id, valid_until, channel, lane, status, recipient,"
            " provider_message_id) SELECT encode(substring(uuid_send(cpaas_uuid_at(now()))"
            " FROM 1 FOR 8) || int8send(n), 'hex')::uuid, 1, now(), 'sms', 'otp', 'SUBMITTED',"
            " n::text, n::text FROM generate_series(1, 5000) n"
        )
        connection.execute(
            "INSERT INTO provider_id SELECT provider_message_id, id, account_id FROM message"
        )
        connection.execute("ANALYZE message, provider_id")
        text = plan(connection, receipt_queries.FIND)
    assert "Index Cond: ((id >= $2) AND (id <= $3))" not in text
    assert "Index Cond: ((message_id >= $2) AND (message_id <= $3))" not in text
    assert "Seq Scan" not in text


def test_transitions_and_states_find_messages_by_id(connection: psycopg.Connection) -> None:
    for statement in (
        queries.APPLY, straight_queries.SUBMIT, straight_queries.DELIVER,
        whole_queries.SUBMIT_WHOLE, whole_queries.DELIVER_WHOLE,
    ):  # fmt: skip
        text = plan(connection, statement)
        assert "Index Cond: (id = g.id)" in text
        assert "Seq Scan" not in text
    text = plan(connection, receipt_queries.STATES)
    assert "Index Cond: ((id = ANY ($1)) AND (id >= $2) AND (id <= $3))" in text
