"""A migration operation for tables that are range-partitioned by a UUIDv7 column."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

#: table -> the UUIDv7 column that is its partition key; one partition a day each.
PARTITIONED = {
    "message": "id",
    "message_part": "message_id",
    "provider_id": "message_id",
    "message_event": "id",
    "webhook_delivery": "id",
    "webhook_attempt": "id",
}


class CreatePartitionedModel(CreateModel):
    """CreateModel whose table is PARTITION BY RANGE of its UUIDv7 column."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create the parent table; its indexes come by AddIndex."""
        model: Any = to_state.apps.get_model(app_label, self.name)
        sql, params = schema_editor.table_sql(model)
        key = PARTITIONED[model._meta.db_table]
        schema_editor.execute(f"{sql} PARTITION BY RANGE ({key})", params or None)
