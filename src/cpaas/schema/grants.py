"""Row-level security and grants of the portal's database role, declared in one place.

The owner role (migrations, admin, data plane) is not subject to the policies. A table that nobody
lists here is closed to the portal: "permission denied".
"""

from django.db.backends.utils import CursorWrapper

PORTAL = "cpaas_portal"
# Account 0 marks rows of the platform (global blacklist, audit): it is nobody's account.
ACCOUNT = "nullif(nullif(current_setting('app.account_id', true), ''), '0')::bigint"
OWN = f"account_id = {ACCOUNT}"

#: tables keyed by account_id -> what the portal may do with its own rows.
TENANT = {
    "api_key": "SELECT, INSERT, UPDATE",
    "assigned_route": "SELECT",
    "smpp_credential": "SELECT, INSERT, UPDATE",
    "wallet": "SELECT",
    "ledger_entry": "SELECT",
    "sender": "SELECT, INSERT, UPDATE, DELETE",
    "message": "SELECT",
    "message_part": "SELECT",
    "message_event": "SELECT",
    "inbound_message": "SELECT",
    "blacklist_entry": "SELECT, INSERT, DELETE",
    "webhook_endpoint": "SELECT, INSERT, UPDATE",
    "webhook_delivery": "SELECT",
    "webhook_attempt": "SELECT",
    "counter_minute": "SELECT",
    "audit_log": "SELECT",
    "app_user": "SELECT, INSERT, UPDATE",
}
#: tables with a condition of their own.
CUSTOM = {
    "account": ("SELECT", f"id = {ACCOUNT}"),
    "price": ("SELECT", f"account_id IS NULL OR {OWN}"),
}
#: tables without tenants' rows that the portal may read whole.
SHARED: dict[str, str] = {}


def lay(cursor: CursorWrapper) -> None:
    """Make the role if it is missing, close everything, then open what is listed."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [PORTAL])
    if cursor.fetchone() is None:
        cursor.execute(f"CREATE ROLE {PORTAL} NOLOGIN NOBYPASSRLS")
    cursor.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {PORTAL}")
    cursor.execute(f"GRANT USAGE ON SCHEMA public TO {PORTAL}")
    listed = {t: (p, OWN) for t, p in TENANT.items()} | CUSTOM
    for table, (privileges, condition) in listed.items():
        cursor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        cursor.execute(f"DROP POLICY IF EXISTS tenant ON {table}")
        cursor.execute(
            f"CREATE POLICY tenant ON {table} TO {PORTAL}"
            f" USING ({condition}) WITH CHECK ({condition})"
        )
        cursor.execute(f"GRANT {privileges} ON {table} TO {PORTAL}")
    for table, privileges in SHARED.items():
        cursor.execute(f"GRANT {privileges} ON {table} TO {PORTAL}")
