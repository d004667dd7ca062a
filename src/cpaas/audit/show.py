"""Turns entries of the audit log into what people and programs read."""

from datetime import UTC, datetime

import msgspec

from cpaas.audit.types import Entry, Shown


def show(entry: Entry) -> Shown:
    """The entry with its time in ISO 8601 (UTC) and its values decoded."""
    return Shown(
        id=entry.id,
        at=datetime.fromtimestamp(entry.at_us / 1e6, UTC).isoformat(timespec="milliseconds"),
        actor=entry.actor,
        address=entry.address,
        action=entry.action,
        table=entry.table_name,
        row=entry.row_id,
        account_id=entry.account_id,
        before=None if entry.before is None else msgspec.json.decode(entry.before),
        after=None if entry.after is None else msgspec.json.decode(entry.after),
        note=entry.note,
    )
