"""SQL of the first-run checklist: how far a new account has come."""

from typing import Any, Final

import msgspec

#: the newest messages that are looked at: a new account has few, and an old one asks no more.
LOOKED_AT: Final = 200
#: a person's wish to see the list no more is kept like a view of a screen that has none.
_SCREEN: Final = "first-run"


class Come(msgspec.Struct, frozen=True):
    """What is done: a sender or identity, money to spend, a test, a webhook, a delivery."""

    sender: bool
    funded: bool
    tested: bool
    webhook: bool
    delivered: bool


async def come(connection: Any, account_id: int) -> Come:
    """How far the account is; the newest `LOOKED_AT` messages tell of tests and deliveries."""
    row = await connection.fetchrow(
        """
        WITH newest AS (
            SELECT is_test, status FROM message WHERE account_id = $1 ORDER BY id DESC LIMIT $2
        ) SELECT
            EXISTS (SELECT FROM sender WHERE account_id = $1 AND status = 'APPROVED')
                OR EXISTS (SELECT FROM identity_account WHERE account_id = $1) AS sender,
            EXISTS (SELECT FROM wallet WHERE account_id = $1
                AND balance_micro + credit_limit_micro > 0) AS funded,
            EXISTS (SELECT FROM newest WHERE is_test) AS tested,
            EXISTS (SELECT FROM webhook_endpoint WHERE account_id = $1 AND active AND url <> '')
                AS webhook,
            EXISTS (SELECT FROM newest WHERE NOT is_test AND status IN ('DELIVERED', 'READ'))
                AS delivered
        """,
        account_id, LOOKED_AT,
    )  # fmt: skip
    return Come(**row)


async def is_dismissed(connection: Any, user_id: int) -> bool:
    """Whether a person wants to see the list no more."""
    return bool(
        await connection.fetchval(
            "SELECT EXISTS (SELECT FROM saved_view WHERE user_id = $1 AND screen = $2)",
            user_id, _SCREEN,
        )
    )  # fmt: skip


async def dismiss(connection: Any, account_id: int, user_id: int) -> None:
    """A person wants to see the list no more."""
    await connection.execute(
        "INSERT INTO saved_view (user_id, account_id, screen, name) VALUES ($1, $2, $3, 'off')"
        " ON CONFLICT DO NOTHING",
        user_id, account_id, _SCREEN,
    )  # fmt: skip


async def recall(connection: Any, user_id: int) -> None:
    """A person wants to see it again."""
    await connection.execute(
        "DELETE FROM saved_view WHERE user_id = $1 AND screen = $2", user_id, _SCREEN
    )
