"""What follows every migration: functions, triggers, storage, partitions, grants. Idempotent."""

from pathlib import Path

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from cpaas.schema import grants

#: configuration tables -> key column. Each change bumps config_version and is audited.
CONFIGURATION = {
    "account": "id",
    "assigned_route": "id",
    "api_key": "id",
    "admin_key": "id",
    "smpp_credential": "id",
    "twilio_credential": "id",
    "price": "id",
    "sender": "id",
    "dlt_template": "id",
    "template": "id",
    "template_version": "id",
    "route": "id",
    "route_cost": "id",
    "routing_rule": "id",
    "identity": "id",
    "identity_account": "id",
    "inbound_number": "id",
    "inbound_keyword": "id",
    "strategy": "id",
    "strategy_member": "id",
    "webhook_endpoint": "account_id",
    "platform_setting": "name",
    "campaign_halt": "campaign_id",
}
#: audited, but no part of the snapshot.
AUDITED = {
    "app_user": "id",
    "service_state": "service",
    "second_factor": "user_id",
    "team_invitation": "id",
    "billing_details": "account_id",
    "top_up_request": "id",
    "invoice": "id",
}
#: audited once a statement: too many rows may come at once.
AUDITED_TOGETHER = ("blacklist_entry",)
APPEND_ONLY = ("ledger_entry", "account_statement", "audit_log", "invoice")
#: what people ask for is audited, what the platform then notes there is not.
AUDITED_REQUESTS = {"export_job": "id", "campaign": "id"}
#: audited where one of these columns is named: what traffic writes into the table costs nothing.
AUDITED_COLUMNS = {
    "wallet": ("account_id", "credit_limit_micro, low_balance_micro"),
    "campaign": ("id", "status, name, channel, content, pace, mapping, blob_id"),
    "alert": ("id", "acknowledged_at"),
}
#: tables whose byte columns are stored out of line uncompressed: packed or random bytes.
EXTERNAL = {"queue_item": "payload", "dead_letter": "payload", "blob_chunk": "data"}
PARTITION_DAYS_AHEAD = 14


def _trigger(cursor: CursorWrapper, name: str, table: str, when: str, action: str) -> None:
    cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    cursor.execute(f"CREATE TRIGGER {name} {when} ON {table} {action}")


def _triggers(cursor: CursorWrapper) -> None:
    for table in CONFIGURATION:
        _trigger(
            cursor,
            "config_changed",
            table,
            "AFTER INSERT OR UPDATE OR DELETE",
            "FOR EACH STATEMENT EXECUTE FUNCTION cpaas_config_changed()",
        )
    for table, key in (CONFIGURATION | AUDITED).items():
        _trigger(
            cursor,
            "audit",
            table,
            "AFTER INSERT OR UPDATE OR DELETE",
            f"FOR EACH ROW EXECUTE FUNCTION cpaas_audit('{key}')",
        )
    for table in AUDITED_TOGETHER:
        for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            _trigger(
                cursor,
                f"audit_{event.lower()}",
                table,
                f"AFTER {event}",
                f"REFERENCING {rows} TABLE AS changed"
                " FOR EACH STATEMENT EXECUTE FUNCTION cpaas_audit_many()",
            )
    for table, (key, columns) in AUDITED_COLUMNS.items():
        _trigger(
            cursor,
            "audit_terms",
            table,
            f"AFTER UPDATE OF {columns}",
            f"FOR EACH ROW EXECUTE FUNCTION cpaas_audit('{key}')",
        )
    for table, key in AUDITED_REQUESTS.items():
        _trigger(
            cursor,
            "audit",
            table,
            "AFTER INSERT",
            f"FOR EACH ROW EXECUTE FUNCTION cpaas_audit('{key}')",
        )
    _trigger(
        cursor,
        "service_state_changed",
        "service_state",
        "AFTER INSERT OR UPDATE OR DELETE",
        "FOR EACH STATEMENT EXECUTE FUNCTION cpaas_service_state_changed()",
    )
    for table in APPEND_ONLY:
        for kind, level in (("UPDATE OR DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            _trigger(
                cursor,
                f"append_only_{level.lower()}",
                table,
                f"BEFORE {kind}",
                f"FOR EACH {level} EXECUTE FUNCTION cpaas_append_only()",
            )


def _storage(cursor: CursorWrapper) -> None:
    for table, column in EXTERNAL.items():
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL")
    cursor.execute(
        "ALTER TABLE queue_item SET (autovacuum_vacuum_scale_factor = 0,"
        " autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,"
        " autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000)"
    )
    for table in ("wallet", "campaign", "campaign_counter"):
        cursor.execute(
            f"ALTER TABLE {table} SET (fillfactor = 10, autovacuum_vacuum_threshold = 500)"
        )
    for table in ("minute", "error", "hour", "day", "account_day"):
        cursor.execute(f"ALTER TABLE counter_{table} SET (fillfactor = 50)")


def run(using: str) -> None:
    """Lay everything that models cannot say, in one transaction."""
    folder = Path(__file__).parent / "sql"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('message')")
        row = cursor.fetchone()
        if row is None or row[0] is None:
            return
        for name in ("partitions.sql", "triggers.sql"):
            cursor.execute((folder / name).read_text())
        _triggers(cursor)
        _storage(cursor)
        cursor.execute(
            "SELECT cpaas_keep_partitions(), cpaas_make_partitions(%s)", [PARTITION_DAYS_AHEAD]
        )
        grants.lay(cursor)
