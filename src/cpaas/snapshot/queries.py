"""SQL that reads the configuration tables whole; no other code of the data plane reads them."""

from typing import Any

import asyncpg

#: asyncpg records, which it gives no types for
Rows = Any


async def versions(connection: asyncpg.Connection) -> dict[str, int]:
    """Version of each configuration table that was ever changed."""
    rows = await connection.fetch("SELECT table_name, version FROM config_version")
    return {row[0]: row[1] for row in rows}


async def accounts(connection: asyncpg.Connection) -> Rows:
    """All accounts."""
    return await connection.fetch(
        """SELECT id, name, active, is_sandbox, allowed_ips, countries, tps, daily_cap,
             sms_enabled, whatsapp_enabled, rcs_enabled, voice_enabled, dlt_mode, pe_id, tm_id,
             refund_failed, unknown_outcome, stop_reply, start_reply
           FROM account"""
    )


async def api_keys(connection: asyncpg.Connection) -> Rows:
    """Keys that are not revoked."""
    return await connection.fetch(
        """SELECT digest, id, account_id, kind, user_id,
             coalesce(extract(epoch FROM expires_at) * 1000000, 0)::bigint
           FROM api_key
           WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())"""
    )


async def admin_keys(connection: asyncpg.Connection) -> Rows:
    """Operators' keys that are not revoked."""
    return await connection.fetch(
        "SELECT digest, id, name, allowed_ips FROM admin_key WHERE revoked_at IS NULL"
    )


async def senders(connection: asyncpg.Connection) -> Rows:
    """All senders, whatever their status."""
    return await connection.fetch(
        "SELECT id, account_id, channel, value, status, is_default, pe_id FROM sender ORDER BY id"
    )


async def prices(connection: asyncpg.Connection) -> Rows:
    """All prices, account 0 for the platform's defaults."""
    return await connection.fetch(
        """SELECT coalesce(account_id, 0), channel, category, country, prefix, amount_micro
           FROM price"""
    )


async def routes(connection: asyncpg.Connection) -> Rows:
    """All routes, the switched-off ones, too."""
    return await connection.fetch(
        """SELECT id, name, channel, dialect, host, port, active, simulated, tps, binds,
             window_size, bind_type, system_id, system_type, default_sender, message_id_mode,
             settings::text AS settings, secret, cost_micro, callback_token
           FROM route ORDER BY id"""
    )


async def route_costs(connection: asyncpg.Connection) -> Rows:
    """All carrier costs."""
    return await connection.fetch("SELECT route_id, prefix, amount_micro FROM route_cost")


async def rules(connection: asyncpg.Connection) -> Rows:
    """All rules in order of evaluation, the switched-off ones, too."""
    return await connection.fetch(
        """SELECT id, account_id, channel, coalesce(route_id, 0) AS route_id, priority, prefixes,
             senders, lanes, countries, templates, days, hours, active,
             coalesce(strategy_id, 0) AS strategy_id
           FROM routing_rule ORDER BY priority, account_id IS NULL, id"""
    )


async def strategies(connection: asyncpg.Connection) -> Rows:
    """All strategies, the switched-off ones, too."""
    return await connection.fetch(
        """SELECT id, name, channel, kind, active, overflow, no_receipt, no_receipt_seconds,
             settings::text AS settings
           FROM strategy ORDER BY id"""
    )


async def strategy_members(connection: asyncpg.Connection) -> Rows:
    """All members of strategies in their order."""
    return await connection.fetch(
        """SELECT strategy_id, route_id, weight, coalesce(share, weight) AS share, days, hours
           FROM strategy_member ORDER BY strategy_id, position, id"""
    )


async def assigned_routes(connection: asyncpg.Connection) -> Rows:
    """Routes assigned to accounts in the user editor."""
    return await connection.fetch("SELECT account_id, channel, route_id FROM assigned_route")


async def webhook_endpoints(connection: asyncpg.Connection) -> Rows:
    """All webhook endpoints, secrets still encrypted."""
    return await connection.fetch(
        """SELECT account_id, url, events, secret, previous_secret, previous_until, active
           FROM webhook_endpoint"""
    )


async def inbound_numbers(connection: asyncpg.Connection) -> Rows:
    """Numbers that recipients write to."""
    return await connection.fetch("SELECT id, channel, number, account_id FROM inbound_number")


async def inbound_keywords(connection: asyncpg.Connection) -> Rows:
    """Keywords of inbound numbers."""
    return await connection.fetch("SELECT number_id, keyword, account_id FROM inbound_keyword")


async def settings(connection: asyncpg.Connection) -> Rows:
    """What the operator changed at run time."""
    return await connection.fetch("SELECT name, value::text FROM platform_setting")


async def dlt_templates(connection: asyncpg.Connection) -> Rows:
    """Active templates of India's DLT."""
    return await connection.fetch(
        """SELECT account_id, template_id, name, body AS text, category, senders, pe_id
           FROM dlt_template WHERE active ORDER BY account_id, id"""
    )


async def twilio_credentials(connection: asyncpg.Connection) -> Rows:
    """Auth tokens of the Twilio interface."""
    return await connection.fetch("SELECT account_id, digest, secret FROM twilio_credential")


async def smpp_credentials(connection: asyncpg.Connection) -> Rows:
    """Active credentials of customers' ESMEs."""
    return await connection.fetch(
        """SELECT id, account_id, system_id, password_hash, max_binds, tps, receives, "window"
           FROM smpp_credential WHERE active ORDER BY id DESC"""
    )


async def identities(connection: asyncpg.Connection) -> Rows:
    """All identities, the switched-off ones, too."""
    return await connection.fetch(
        "SELECT id, channel, value, label, route_id, active, settings::text AS settings, secret"
        " FROM identity ORDER BY id"
    )


async def identity_accounts(connection: asyncpg.Connection) -> Rows:
    """Who may send from which identity."""
    return await connection.fetch(
        "SELECT identity_id, account_id, is_default FROM identity_account ORDER BY id"
    )


async def templates(connection: asyncpg.Connection) -> Rows:
    """Templates with their live version, or with the newest where none was ever live."""
    return await connection.fetch(
        """SELECT t.id, t.account_id, t.channel, t.name, t.language, v.number AS version, v.type,
             v.category, v.content::text AS content, v.variables, v.carrier_id, t.dlt_template_id,
             t.live_version > 0 AND v.status = 'APPROVED'
               AND v.carrier_status IN ('not_needed', 'approved') AS usable,
             CASE WHEN v.status <> 'APPROVED' OR v.carrier_status = 'not_needed' THEN v.status
                  ELSE v.carrier_status || ' with the carrier' END AS state
           FROM template t JOIN template_version v ON v.template_id = t.id
             AND v.number = CASE t.live_version WHEN 0 THEN t.last_version ELSE t.live_version END
           ORDER BY t.id"""
    )


async def halted_campaigns(connection: asyncpg.Connection) -> Rows:
    """Campaigns that are paused or being cancelled."""
    return await connection.fetch("SELECT campaign_id FROM campaign_halt")
