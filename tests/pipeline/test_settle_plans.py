"""Plans that are kept must find messages by their selective column, also if made on an empty day.

Every partition here is empty, as each is at midnight, and the plans are the generic ones.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from cpaas.messages import queries, receipt_queries


@pytest.fixture(scope="module")
def connection(module_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(module_dsn, autocommit=True) as made:
        yield made


def plan(connection: psycopg.Connection, sql: str, *, seqscan: str = "off") -> str:
    """The generic plan of a statement, as text."""
    connection.execute(f"SET enable_seqscan = {seqscan}".encode())
    rows: list[Any] = connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}".encode()).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("seqscan", ["on", "off"])
@pytest.mark.parametrize("random_page_cost", ["1.1", "4"])
@pytest.mark.parametrize(
    ("sql", "key"), [(receipt_queries.FIND, "id"), (receipt_queries.FIND_PARTS, "message_id")]
)
def test_receipts_are_found_by_provider_id(
    connection: psycopg.Connection, sql: str, key: str, random_page_cost: str, seqscan: str
) -> None:
    connection.execute(f"SET random_page_cost = {random_page_cost}".encode())
    text = plan(connection, sql, seqscan=seqscan)
    found = f"Index Cond: ((provider_message_id = ANY ($1)) AND ({key} >= $2) AND ({key} <= $3))"
    assert found in text
    assert "Seq Scan" not in text
    assert "BitmapAnd" not in text
    assert "pkey" not in text


def test_an_index_without_the_id_would_read_whole_days(connection: psycopg.Connection) -> None:
    """Should this fail, the planner has changed, and the index may change back."""
    with connection.transaction(force_rollback=True):
        connection.execute("DROP INDEX message_provider_id")
        connection.execute(
            "CREATE INDEX ON message (provider_message_id, route_id)"
            " WHERE provider_message_id IS NOT NULL"
        )
        text = plan(connection, receipt_queries.FIND)
    assert "Index Cond: ((id >= $2) AND (id <= $3))" in text


def test_transitions_and_states_find_messages_by_id(connection: psycopg.Connection) -> None:
    text = plan(connection, queries.APPLY)
    assert "Index Cond: ((id = ANY ($1)) AND (id >= $12) AND (id <= $13))" in text
    assert "Seq Scan" not in text
    text = plan(connection, receipt_queries.STATES)
    assert "Index Cond: ((id = ANY ($1)) AND (id >= $2) AND (id <= $3))" in text
