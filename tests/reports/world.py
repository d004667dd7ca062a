"""Messages at chosen times and ends, written as the pipeline writes them, for tests of reports."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from tests.pipeline.world import World

from cpaas.kit.ids import IdMaker
from cpaas.messages.types import Finish
from cpaas.pipeline.transitions import finish
from cpaas.reports.statement import Question, Rows, T, micros

ZONE = "Asia/Kolkata"
PRICE = 120_000


class Traffic(World):
    """A world whose messages are also counted at acceptance, as the accept step does."""

    async def send(
        self, at: datetime, status: str = "DELIVERED", *, account_id: int = 1, **fields: Any
    ) -> UUID:
        """A message accepted then, handed over and ended; returns its id."""
        self.now_us = micros(at)
        made = IdMaker(lambda: self.now_us * 1000).make()
        fields = {"channel": "sms", "country": "IN", "recipient": "+919876543210"} | fields
        test = bool(fields.get("is_test"))
        columns = {
            "id": made.bytes, "account_id": account_id, "created_at": self.now_us,
            "valid_until": self.now_us + 10**10, "price_micro": 0 if test else PRICE,
            "lane": "transactional", "status": "SENDING", "sender": "MYBRAND", "route_id": 1,
        } | fields  # fmt: skip
        marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        await self.pool.execute(
            f"INSERT INTO message ({', '.join(columns)}) VALUES ({marks})", *columns.values()
        )
        if not test:
            await self.pool.execute(
                "INSERT INTO counter_minute AS c (minute, account_id, channel, route_id, country,"
                " instance_id, accepted, segments, charged_micro) VALUES ($1,$2,$3,0,$4,7,1,1,$5)"
                " ON CONFLICT (minute, account_id, channel, route_id, country, instance_id) DO"
                " UPDATE SET accepted = c.accepted + 1, segments = c.segments + 1,"
                " charged_micro = c.charged_micro + excluded.charged_micro",
                self.now_us - self.now_us % 60_000_000, account_id, columns["channel"],
                columns["country"], PRICE,
            )  # fmt: skip
        if status != "SENDING":
            await self.end(made, status)
        return made

    async def end(self, message_id: UUID, status: str, error: str = "") -> None:
        """The carrier took it; then, unless it is SUBMITTED, this."""
        key = message_id.bytes
        ends = [
            Finish(
                key, "SUBMITTED", self.now_us, route_id=1, provider_message_id=f"p{key[6:].hex()}"
            )
        ]
        if status != "SUBMITTED":
            bad = status in {"FAILED", "REJECTED", "EXPIRED"}
            code = error or ("absent_subscriber" if bad else "")
            ends.append(Finish(key, status, self.now_us, error_code=code, handed_over=True))  # type: ignore[arg-type]
        async with self.pool.acquire() as connection, connection.transaction():
            await finish(connection, self.context(), ends)


def _may_act(connection: psycopg.Connection[Any]) -> None:
    for _ in range(20):
        try:
            connection.execute("GRANT cpaas_portal TO CURRENT_USER WITH SET TRUE")
            connection.commit()
            return
        except psycopg.errors.InternalError:  # Another worker grants the same, cluster-wide.
            connection.rollback()
            time.sleep(0.05)


@contextmanager
def portal(dsn: str, account_id: int) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in a transaction of the portal's role for one account."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        _may_act(connection)
        cursor.execute("SET LOCAL ROLE cpaas_portal")
        cursor.execute("SELECT set_config('app.account_id', %s, true)", [str(account_id)])
        yield cursor
        connection.rollback()


def ask_cursor(cursor: Any, question: Question[T]) -> T:
    """The answer, by a cursor of psycopg's: as a role that only a test takes on."""
    rows: Rows | None = None
    try:
        while True:
            statement = next(question) if rows is None else question.send(rows)
            cursor.execute(statement.text, list(statement.args))
            rows = cursor.fetchall()
    except StopIteration as ended:
        answer: T = ended.value
        return answer


def by_cursor(dsn: str, question: Question[T]) -> T:
    """The answer that a console of the operator gets."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        return ask_cursor(cursor, question)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)
