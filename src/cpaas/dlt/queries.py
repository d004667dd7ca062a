"""All SQL of DLT templates; the data plane reads them through the snapshot only."""

from collections.abc import Sequence
from typing import Any, Final

from cpaas.dlt.types import NewTemplate, TemplateRow

_ROW: Final = """
SELECT t.id, t.account_id, a.name AS account, t.template_id, t.name, t.body AS text, t.category,
    t.senders, t.pe_id, t.active
FROM dlt_template t JOIN account a ON a.id = t.account_id
"""


async def put(connection: Any, account_id: int, templates: Sequence[NewTemplate]) -> int:
    """Stores templates, each id at most once among them; returns how many are new."""
    rows = await connection.fetch(
        """
        INSERT INTO dlt_template (account_id, template_id, body, name, category, pe_id, senders)
        SELECT $1, i, b, n, c, p, coalesce(string_to_array(nullif(s, ''), ','), '{}')
        FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
             AS t (i, b, n, c, p, s)
        ON CONFLICT (account_id, template_id) DO UPDATE SET body = excluded.body,
            name = excluded.name, category = excluded.category, pe_id = excluded.pe_id,
            senders = excluded.senders, active = true
        RETURNING xmax = 0
        """,
        account_id, [one.template_id for one in templates], [one.text for one in templates],
        [one.name for one in templates], [one.category for one in templates],
        [one.pe_id for one in templates], [",".join(one.senders) for one in templates],
    )  # fmt: skip
    return sum(row[0] for row in rows)


async def delete(connection: Any, account_id: int, template_id: str) -> bool:
    """Deletes a template of an account."""
    status: str = await connection.execute(
        "DELETE FROM dlt_template WHERE account_id = $1 AND template_id = $2",
        account_id, template_id,
    )  # fmt: skip
    return status != "DELETE 0"


async def find(connection: Any, account_id: int, template_id: str) -> TemplateRow | None:
    """A template of an account."""
    row = await connection.fetchrow(
        _ROW + " WHERE t.account_id = $1 AND t.template_id = $2", account_id, template_id
    )
    return None if row is None else TemplateRow(**row)


async def templates(
    connection: Any, account_id: int, *, above: int = 0, most: int = 50
) -> list[TemplateRow]:
    """Templates of one account, in order of their making, from above an id."""
    rows = await connection.fetch(
        _ROW + " WHERE t.account_id = $1 AND t.id > $2 ORDER BY t.id LIMIT $3",
        account_id, above, most,
    )  # fmt: skip
    return [TemplateRow(**row) for row in rows]


async def account_ids(connection: Any, account_id: int) -> dict[str, str]:
    """An account's DLT ids and mode ("" = enforce once it has a PE ID)."""
    row = await connection.fetchrow(
        "SELECT pe_id, tm_id, dlt_mode FROM account WHERE id = $1", account_id
    )
    return dict(row)
