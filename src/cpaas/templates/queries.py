"""All SQL about templates, their versions and their history."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.templates.states import State
from cpaas.templates.types import CarrierWord, EventRow, NewTemplate, TemplateRow, VersionRow


def _us(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


_VERSION: Final = f"""v.id, v.number, v.type, v.category, v.content::text, v.variables, v.status,
  v.reason, v.decided_by, v.carrier_status, v.carrier_id, v.carrier_reason, v.carrier_account,
  v.carrier_trouble, {_us("v.carrier_due_at")}, v.media::text, {_us("v.created_at")},
  {_us("v.submitted_at")}, {_us("v.decided_at")}"""
_ROW: Final = f"""SELECT t.id, t.account_id, a.name, t.channel, t.name, t.language, t.status,
  t.last_version, t.live_version, t.dlt_template_id, {_us("t.created_at")},
  {_us("t.changed_at")}, {_VERSION}
FROM template t JOIN account a ON a.id = t.account_id
  JOIN template_version v ON v.template_id = t.id"""
_FIELDS: Final = 12
_decode: Final = msgspec.json.Decoder().decode


def _version(row: Sequence[Any]) -> VersionRow:
    values = dict(zip(VersionRow.__struct_fields__, row, strict=True))
    values["content"] = _decode(values["content"])
    values["media"] = None if values["media"] is None else _decode(values["media"])
    return msgspec.convert(values, VersionRow)


def _template(row: Any) -> TemplateRow:
    values = dict(zip(TemplateRow.__struct_fields__, row[:_FIELDS], strict=False))
    return TemplateRow(**values, version=_version(row[_FIELDS:]))


async def find(
    connection: Any, account_id: int, template_id: int, number: int = 0
) -> TemplateRow | None:
    """An account's template with a version of it (0 = the newest)."""
    row = await connection.fetchrow(
        f"""{_ROW} WHERE t.account_id = $1 AND t.id = $2
            AND v.number = CASE $3::int WHEN 0 THEN t.last_version ELSE $3 END""",
        account_id, template_id, number,
    )  # fmt: skip
    return None if row is None else _template(row)


async def owner(connection: Any, template_id: int) -> int | None:
    """The account that a template belongs to, for the operator who has its id only."""
    found: int | None = await connection.fetchval(
        "SELECT account_id FROM template WHERE id = $1", template_id
    )
    return found


async def named(
    connection: Any, account_id: int, channel: str, name: str, language: str = ""
) -> list[TemplateRow]:
    """An account's templates of that name, one a language, each with its newest version."""
    rows = await connection.fetch(
        f"""{_ROW} WHERE t.account_id = $1 AND t.channel = $2 AND t.name = $3
            AND ($4 = '' OR t.language = $4) AND v.number = t.last_version ORDER BY t.language""",
        account_id, channel, name, language,
    )  # fmt: skip
    return [_template(row) for row in rows]


async def templates(
    connection: Any,
    *,
    account_id: int = 0,
    status: str = "",
    channel: str = "",
    name: str = "",
    below: int = 0,
    most: int = 100,
) -> list[TemplateRow]:
    """Newest first, below an id (0 = from the newest); account 0 = of all. name: its beginning."""
    rows = await connection.fetch(
        f"""{_ROW} WHERE v.number = t.last_version AND ($1::bigint = 0 OR t.account_id = $1)
            AND ($2 = '' OR t.status = $2) AND ($3 = '' OR t.channel = $3)
            AND ($4 = '' OR starts_with(t.name, $4)) AND ($5::bigint = 0 OR t.id < $5)
            ORDER BY t.id DESC LIMIT $6""",
        account_id, status, channel, name, below, most,
    )  # fmt: skip
    return [_template(row) for row in rows]


async def versions(connection: Any, account_id: int, template_id: int) -> list[VersionRow]:
    """All versions of a template, newest first."""
    rows = await connection.fetch(
        f"""SELECT {_VERSION} FROM template_version v
            WHERE v.account_id = $1 AND v.template_id = $2 ORDER BY v.number DESC""",
        account_id, template_id,
    )  # fmt: skip
    return [_version(row) for row in rows]


async def history(connection: Any, account_id: int, template_id: int) -> list[EventRow]:
    """What became of a template, newest first."""
    rows = await connection.fetch(
        f"""SELECT number, {_us("at")}, kind, text, actor FROM template_event
           WHERE account_id = $1 AND template_id = $2 ORDER BY id DESC LIMIT 200""",
        account_id, template_id,
    )  # fmt: skip
    return [EventRow(*row) for row in rows]


async def lock(connection: Any, account_id: int, template_id: int) -> bool:
    """Keeps others from changing it until the transaction ends; False when it is not there."""
    found = await connection.fetchval(
        "SELECT 1 FROM template WHERE account_id = $1 AND id = $2 FOR UPDATE",
        account_id, template_id,
    )  # fmt: skip
    return found is not None


async def insert(connection: Any, account_id: int, new: NewTemplate) -> int:
    """A template without a version yet; its id. UniqueViolationError when it is there."""
    return int(
        await connection.fetchval(
            """INSERT INTO template (account_id, channel, name, language, dlt_template_id)
               VALUES ($1, $2, $3, $4, $5) RETURNING id""",
            account_id, new.channel, new.name, new.language, new.dlt_template_id,
        )
    )  # fmt: skip


async def put_version(
    connection: Any,
    account_id: int,
    template_id: int,
    number: int,
    new: NewTemplate,
    variables: Sequence[str],
) -> None:
    """Writes the draft of that number; nothing happens to one that was submitted."""
    await connection.execute(
        """INSERT INTO template_version (account_id, template_id, number, type, category, content,
             variables)
           VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7)
           ON CONFLICT (template_id, number) DO UPDATE SET type = excluded.type,
             category = excluded.category, content = excluded.content,
             variables = excluded.variables, media = NULL
           WHERE template_version.status = 'DRAFT'""",
        account_id, template_id, number, new.type, new.category,
        msgspec.json.encode(new.content).decode(), list(variables),
    )  # fmt: skip
    await connection.execute(
        """UPDATE template SET last_version = $3, status = 'DRAFT', dlt_template_id = $4,
             changed_at = now() WHERE account_id = $1 AND id = $2""",
        account_id, template_id, number, new.dlt_template_id,
    )  # fmt: skip


async def set_state(
    connection: Any, account_id: int, row: TemplateRow, state: State, reason: str
) -> None:
    """Where the version stands from now on; a usable one becomes the live one."""
    version = row.version
    await connection.execute(
        """UPDATE template_version SET status = $3, carrier_status = $4, decided_by = $5,
             reason = $6,
             submitted_at = CASE WHEN status = 'DRAFT' THEN now() ELSE submitted_at END,
             decided_at = CASE WHEN $3 IN ('APPROVED', 'REJECTED') AND status <> $3 THEN now()
                               ELSE decided_at END
           WHERE account_id = $1 AND id = $2""",
        account_id, version.id, state.status, state.carrier, state.by, reason,
    )  # fmt: skip
    await connection.execute(
        """UPDATE template SET changed_at = now(),
             status = CASE last_version WHEN $3 THEN $4 ELSE status END,
             live_version = CASE WHEN $5 THEN greatest(live_version, $3) ELSE live_version END
           WHERE account_id = $1 AND id = $2""",
        account_id, row.id, version.number, state.status, state.usable,
    )  # fmt: skip


async def set_carrier(connection: Any, account_id: int, version_id: int, said: CarrierWord) -> None:
    """What the carrier said beside its verdict; "" leaves its id and the category as they are."""
    await connection.execute(
        """UPDATE template_version SET carrier_told_at = now(), carrier_reason = $4,
             carrier_trouble = '', carrier_tries = 0,
             carrier_id = CASE $3 WHEN '' THEN carrier_id ELSE $3 END,
             category = CASE $5 WHEN '' THEN category ELSE $5 END,
             carrier_account = CASE $6 WHEN '' THEN carrier_account ELSE $6 END
           WHERE account_id = $1 AND id = $2""",
        account_id, version_id, said.carrier_id, said.reason, said.category,
    said.account,
    )  # fmt: skip


async def set_media(
    connection: Any, account_id: int, version_id: int, found: dict[str, Any]
) -> None:
    """What a look at the version's media found."""
    await connection.execute(
        "UPDATE template_version SET media = $3::text::jsonb WHERE account_id = $1 AND id = $2",
        account_id, version_id, msgspec.json.encode(found).decode(),
    )  # fmt: skip


async def note(
    connection: Any,
    account_id: int,
    template_id: int,
    number: int,
    kind: str,
    *,
    text: str,
    actor: str,
) -> None:
    """One more step of the template's history."""
    await connection.execute(
        """INSERT INTO template_event (account_id, template_id, number, kind, text, actor)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        account_id, template_id, number, kind, text, actor,
    )  # fmt: skip


async def delete(connection: Any, account_id: int, template_id: int) -> bool:
    """Deletes a template with its versions and its history; False when it is not there."""
    for table in ("template_event", "template_version"):
        await connection.execute(
            f"DELETE FROM {table} WHERE account_id = $1 AND template_id = $2",
            account_id, template_id,
        )  # fmt: skip
    found = await connection.fetchval(
        "DELETE FROM template WHERE account_id = $1 AND id = $2 RETURNING id",
        account_id, template_id,
    )  # fmt: skip
    return found is not None


async def wants_event(connection: Any, account_id: int, event_type: str) -> bool:
    """Whether the account's endpoint asked for events of this type."""
    found = await connection.fetchval(
        """SELECT 1 FROM webhook_endpoint
           WHERE account_id = $1 AND active AND $2 = ANY (events)""",
        account_id, event_type,
    )  # fmt: skip
    return found is not None
