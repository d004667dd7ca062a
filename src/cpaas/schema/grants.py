"""Row-level security and grants of the portal's database role, declared in one place.

The owner role (migrations, admin, data plane) is not subject to the policies. A table that nobody
lists here is closed to the portal: "permission denied".
"""

from django.db.backends.utils import CursorWrapper

PORTAL = "cpaas_portal"
# Account 0 marks rows of the platform (global blacklist, audit): it is nobody's account.
ACCOUNT = "nullif(nullif(current_setting('app.account_id', true), ''), '0')::bigint"
OWN = f"account_id = {ACCOUNT}"

#: tables keyed by account_id -> what the portal may do with its own rows. Where a row holds what
#: the operator decides (a sender's approval, a bind's rate, a person's role), only the other
#: columns are open: INSERT and UPDATE statements must name no more than these.
TENANT = {
    "api_key": "SELECT, INSERT, UPDATE (name, revoked_at)",
    "assigned_route": "SELECT",
    "smpp_credential": (
        "SELECT, INSERT (account_id, system_id, password_hash), UPDATE (password_hash)"
    ),
    "smpp_bind": "SELECT",
    "wallet": "SELECT",
    "ledger_entry": "SELECT",
    "account_statement": "SELECT",
    # Changed by calls of the API only.
    "billing_details": "SELECT",
    "invoice": "SELECT",
    "top_up_request": "SELECT",
    # The value stays as it was approved: another one is another request.
    "sender": "SELECT, INSERT (account_id, channel, value, pe_id), UPDATE (is_default), DELETE",
    "dlt_template": (
        "SELECT, INSERT (account_id, template_id, name, body, category, senders, pe_id),"
        " UPDATE (name, body, category, senders, pe_id, active), DELETE"
    ),
    # Changed by calls of the API only: what is submitted there is checked.
    "template": "SELECT",
    "template_version": "SELECT",
    "template_event": "SELECT",
    "message": "SELECT",
    "message_part": "SELECT",
    "provider_id": "SELECT",
    "message_event": "SELECT",
    "inbound_message": "SELECT",
    "inbound_number": "SELECT",
    "inbound_keyword": "SELECT",
    "blacklist_entry": ("SELECT, INSERT (account_id, number, channel, reason, created_by), DELETE"),
    "webhook_endpoint": (
        "SELECT, INSERT,"
        " UPDATE (url, events, secret, previous_secret, previous_until, active, disabled_reason)"
    ),
    "webhook_delivery": "SELECT",
    "webhook_attempt": "SELECT",
    "counter_minute": "SELECT",
    "counter_hour": "SELECT",
    "counter_day": "SELECT",
    "counter_account_day": "SELECT",
    "counter_error": "SELECT",
    "counter_error_hour": "SELECT",
    "export_job": (
        "SELECT, INSERT (account_id, kind, format, filters, actor), UPDATE (cancel_requested)"
    ),
    # The portal changes campaigns through the API, which checks them.
    "campaign": "SELECT",
    "campaign_row": "SELECT",
    "campaign_fault": "SELECT",
    "campaign_batch": "SELECT",
    "campaign_counter": "SELECT",
    "campaign_error": "SELECT",
    "blob": "SELECT",
    "blob_chunk": "SELECT",
    "audit_log": "SELECT",
    # member_role is the role within the account, which its owner gives out.
    "app_user": (
        "SELECT, INSERT, UPDATE (password, last_login, email, phone, member_role, is_active,"
        " must_change_password, failed_logins, locked_until, has_second_factor)"
    ),
    # An owner invites; the accepted, revoked or renewed one stays as a row.
    "team_invitation": (
        "SELECT, INSERT (account_id, email, member_role, digest, invited_by, expires_at),"
        " UPDATE (digest, expires_at, accepted_at, revoked_at)"
    ),
    "second_factor": "SELECT, INSERT, UPDATE (secret, confirmed, last_step), DELETE",
    "saved_view": "SELECT, INSERT, DELETE",
    "identity_account": "SELECT",
}
#: tables with a condition of their own.
CUSTOM = {
    "account": ("SELECT, UPDATE (allowed_ips)", f"id = {ACCOUNT}"),
    "price": ("SELECT", f"account_id IS NULL OR {OWN}"),
    # Never its secret, nor what the operator set.
    "identity": (
        "SELECT (id, channel, value, label, active, created_at)",
        f"id IN (SELECT identity_id FROM identity_account WHERE {OWN})",
    ),
    # Whether a number may be written to freely, from the identities that the account may use.
    "conversation": (
        "SELECT",
        "(channel, sender) IN (SELECT channel, upper(ltrim(value, '+')) FROM identity)",
    ),
    # A session is read before its account is known: by the hash of the cookie that came along.
    "portal_session": (
        "SELECT, INSERT, UPDATE, DELETE",
        f"session_key = nullif(current_setting('app.session', true), '') OR {OWN}",
    ),
    # A mail of the portal's, such as a link for a new password: written, never read.
    "notice": ("INSERT (kind, recipient, subject, body)", "kind = 'mail'"),
    # The portal's process makes itself known like any other, and sees no other's row.
    "service_instance": (
        "SELECT, INSERT, UPDATE (heartbeat_at, stopped_at, details)",
        "service = 'cpaas-portal'",
    ),
}
#: functions that run with the owner's rights and that the portal may call.
FUNCTIONS = (
    "cpaas_portal_login(text)",
    "cpaas_portal_mail(text)",
    "cpaas_invitation(bytea)",
    "cpaas_audit_event(text, text, text, text)",
    "cpaas_portal_settings()",
    "cpaas_portal_logo()",
)
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
    for function in FUNCTIONS:
        cursor.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        cursor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {PORTAL}")
