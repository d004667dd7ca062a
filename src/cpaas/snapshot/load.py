"""Makes the snapshot's values out of rows, table by table.

Each loader returns the snapshot's fields that its table fills, so that a change reloads one table
and shares all others with the snapshot before.
"""

from collections.abc import Awaitable, Callable, Collection
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

import asyncpg
import msgspec

from cpaas.kit.errors import InputError
from cpaas.kit.hours import NEVER, Hours, read
from cpaas.kit.log import get_logger
from cpaas.messages.envelopes import CHANNELS
from cpaas.snapshot import queries
from cpaas.snapshot.types import (
    Account,
    AdminKey,
    ApiKey,
    DltTemplate,
    DltTemplates,
    Identity,
    InboundNumber,
    Member,
    Prices,
    Route,
    Rule,
    Sender,
    SmppCredential,
    Snapshot,
    Strategy,
    Template,
    Templates,
    TwilioCredential,
    WebhookEndpoint,
)

_log = get_logger(__name__)
_Network = IPv4Network | IPv6Network
#: stands where every allowed address was unreadable: such an account is closed, not open to all.
_NOBODY: Final = (IPv4Network("255.255.255.255/32"),)
_Fields = dict[str, Any]
_decode = msgspec.json.Decoder().decode

EMPTY: Final = Snapshot(
    version=0, accounts={}, keys={}, senders={}, default_senders={}, prices={}, routes={},
    routes_by_name={}, rules={}, assigned={}, webhooks={}, settings={},
)  # fmt: skip


async def load(
    connection: asyncpg.Connection,
    before: Snapshot,
    tables: Collection[str],
    defaults: dict[str, object],
) -> Snapshot:
    """The snapshot with these tables read anew; names it does not know are passed over.

    defaults: platform settings for which no row stands.
    """
    fields: _Fields = {}
    for loader in dict.fromkeys(one for table, one in LOADERS.items() if table in tables):
        fields |= await loader(connection)
    if "settings" in fields:
        fields["settings"] = defaults | fields["settings"]
    return msgspec.structs.replace(before, **fields)


async def load_all(
    connection: asyncpg.Connection, tables: Collection[str], defaults: dict[str, object]
) -> Snapshot:
    """A snapshot of these tables for one question, as of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await load(connection, EMPTY, {*tables, "platform_setting"}, defaults)


async def _accounts(connection: asyncpg.Connection) -> _Fields:
    found = {}
    for row in await queries.accounts(connection):
        enabled = (row[f"{channel}_enabled"] for channel in CHANNELS)
        found[row["id"]] = Account(
            id=row["id"],
            name=row["name"],
            active=row["active"],
            is_sandbox=row["is_sandbox"],
            networks=_networks(row["id"], row["allowed_ips"]),
            countries=frozenset(row["countries"]),
            tps=row["tps"],
            daily_cap=row["daily_cap"],
            channels=frozenset(c for c, on in zip(CHANNELS, enabled, strict=True) if on),
            dlt_mode=row["dlt_mode"],
            pe_id=row["pe_id"],
            tm_id=row["tm_id"],
            refund_failed=row["refund_failed"],
            unknown_outcome=row["unknown_outcome"],
            stop_reply=row["stop_reply"],
            start_reply=row["start_reply"],
        )
    return {"accounts": found}


def _networks(account_id: int, values: list[str]) -> tuple[_Network, ...]:
    found: list[_Network] = []
    for value in values:
        try:
            found.append(ip_network(value, strict=False))
        except ValueError:
            _log.warning("allowed_ip_unreadable", account=account_id, value=value)
    return tuple(found) if found or not values else _NOBODY


async def _keys(connection: asyncpg.Connection) -> _Fields:
    rows = await queries.api_keys(connection)
    return {"keys": {bytes(row[0]): ApiKey(*row[1:]) for row in rows}}


async def _admin_keys(connection: asyncpg.Connection) -> _Fields:
    rows = await queries.admin_keys(connection)
    return {
        "admin_keys": {
            bytes(row[0]): AdminKey(row[1], row[2], _networks(row[1], row[3])) for row in rows
        }
    }


async def _senders(connection: asyncpg.Connection) -> _Fields:
    found: dict[tuple[int, str], dict[str, Sender]] = {}
    defaults: dict[tuple[int, str], Sender] = {}
    for row in await queries.senders(connection):
        one = Sender(*row)
        found.setdefault((one.account_id, one.channel), {})[one.value] = one
        if one.is_default:
            defaults[one.account_id, one.channel] = one
    return {"senders": found, "default_senders": defaults}


def _by_prefix(prefixes: dict[str, int], countries: dict[str, int]) -> Prices:
    lengths = sorted({len(prefix) for prefix in prefixes if prefix}, reverse=True)
    return Prices(prefixes.get(""), tuple(lengths), prefixes, countries)


async def _prices(connection: asyncpg.Connection) -> _Fields:
    prefixes: dict[tuple[int, str, str], dict[str, int]] = {}
    countries: dict[tuple[int, str, str], dict[str, int]] = {}
    for row in await queries.prices(connection):
        account_id, channel, category, country, prefix, micro = row
        kind = countries if country else prefixes
        kind.setdefault((account_id, channel, category), {})[country or prefix] = micro
    found = {}
    for key in prefixes.keys() | countries.keys():
        found[key] = _by_prefix(prefixes.get(key, {}), countries.get(key, {}))
    return {"prices": found}


async def _routes(connection: asyncpg.Connection) -> _Fields:
    found: dict[int, Route] = {}
    for row in await queries.routes(connection):
        values = dict(row)
        settings = _decode(values["settings"])
        values["settings"] = settings if isinstance(settings, dict) else {}
        found[row["id"]] = Route(**values)
    return {"routes": found, "routes_by_name": {route.name: route for route in found.values()}}


async def _route_costs(connection: asyncpg.Connection) -> _Fields:
    found: dict[int, dict[str, int]] = {}
    for route_id, prefix, micro in await queries.route_costs(connection):
        found.setdefault(route_id, {})[prefix] = micro
    return {"route_costs": {key: _by_prefix(values, {}) for key, values in found.items()}}


async def _rules(connection: asyncpg.Connection) -> _Fields:
    found: dict[bool, dict[str, list[Rule]]] = {True: {}, False: {}}
    for row in await queries.rules(connection):
        values = dict(row)
        active = values.pop("active")
        values["prefixes"] = tuple(values["prefixes"])
        for name in ("senders", "lanes", "countries", "templates"):
            values[name] = frozenset(values[name])
        values["hours"] = _hours(f"rule {row['id']}", values.pop("days"), values["hours"])
        found[active].setdefault(row["channel"], []).append(Rule(**values))
    return {
        "rules": {channel: tuple(rules) for channel, rules in found[True].items()},
        "idle_rules": {channel: tuple(rules) for channel, rules in found[False].items()},
    }


def _hours(whose: str, days: list[str], spans: list[str]) -> Hours:
    try:
        return read(days, spans)
    except InputError as error:
        _log.warning("hours_unreadable", whose=whose, error=str(error))
        return NEVER


async def _strategies(connection: asyncpg.Connection) -> _Fields:
    members: dict[int, list[Member]] = {}
    for row in await queries.strategy_members(connection):
        strategy_id, route_id, weight, share, days, spans = row
        hours = _hours(f"strategy {strategy_id}", days, spans)
        members.setdefault(strategy_id, []).append(Member(route_id, weight, share, hours))
    found = {}
    for row in await queries.strategies(connection):
        values = dict(row)
        settings = _decode(values["settings"])
        values["settings"] = settings if isinstance(settings, dict) else {}
        found[row["id"]] = Strategy(members=tuple(members.get(row["id"], ())), **values)
    return {"strategies": found}


async def _assigned(connection: asyncpg.Connection) -> _Fields:
    rows = await queries.assigned_routes(connection)
    return {"assigned": {(row[0], row[1]): row[2] for row in rows}}


async def _webhooks(connection: asyncpg.Connection) -> _Fields:
    found = {}
    for row in await queries.webhook_endpoints(connection):
        values = dict(row)
        values["events"] = frozenset(values["events"])
        found[row["account_id"]] = WebhookEndpoint(**values)
    return {"webhooks": found}


async def _numbers(connection: asyncpg.Connection) -> _Fields:
    keywords: dict[int, dict[str, int]] = {}
    for number_id, keyword, account_id in await queries.inbound_keywords(connection):
        keywords.setdefault(number_id, {})[keyword] = account_id
    rows = await queries.inbound_numbers(connection)
    return {
        "numbers": {
            (row[1], row[2]): InboundNumber(row[3], keywords.get(row[0], {})) for row in rows
        }
    }


async def _identities(connection: asyncpg.Connection) -> _Fields:
    users: dict[int, dict[int, bool]] = {}
    for identity_id, account_id, is_default in await queries.identity_accounts(connection):
        users.setdefault(identity_id, {})[account_id] = is_default
    found: dict[tuple[str, str], Identity] = {}
    own: dict[tuple[int, str], list[Identity]] = {}
    for row in await queries.identities(connection):
        values = dict(row)
        settings = _decode(values["settings"])
        values["settings"] = settings if isinstance(settings, dict) else {}
        one = Identity(accounts=users.get(row["id"], {}), **values)
        found[one.channel, one.value.removeprefix("+")] = one
        for account_id, is_default in one.accounts.items() if one.active else ():
            mine = own.setdefault((account_id, one.channel), [])
            mine.insert(0 if is_default else len(mine), one)
    return {
        "identities": found, "own_identities": {key: tuple(some) for key, some in own.items()}
    }  # fmt: skip


async def _settings(connection: asyncpg.Connection) -> _Fields:
    return {"settings": {row[0]: _decode(row[1]) for row in await queries.settings(connection)}}


async def _dlt_templates(connection: asyncpg.Connection) -> _Fields:
    found: dict[int, list[DltTemplate]] = {}
    for row in await queries.dlt_templates(connection):
        values = dict(row)
        account_id = values.pop("account_id")
        values["senders"] = frozenset(values["senders"])
        found.setdefault(account_id, []).append(DltTemplate(**values))
    return {"dlt_templates": {key: DltTemplates(tuple(rows)) for key, rows in found.items()}}


async def _smpp_credentials(connection: asyncpg.Connection) -> _Fields:
    rows = await queries.smpp_credentials(connection)
    found = [SmppCredential(**row) for row in rows]
    return {
        "smpp_credentials": {one.system_id: one for one in found},
        # The oldest of several, which comes last.
        "smpp_receivers": {one.account_id: one.system_id for one in found if one.receives},
    }


async def _templates(connection: asyncpg.Connection) -> _Fields:
    found: dict[tuple[int, str], Templates] = {}
    for row in await queries.templates(connection):
        values = dict(row)
        values["content"] = _decode(values["content"])
        values["variables"] = tuple(values["variables"])
        one = Template(**values)
        own = found.setdefault((one.account_id, one.channel), Templates({}, {}))
        own.by_name.setdefault(one.name, {})[one.language] = one
        own.by_id[one.id] = one
    return {"templates": found}


async def _halted(connection: asyncpg.Connection) -> _Fields:
    return {"halted": frozenset(row[0] for row in await queries.halted_campaigns(connection))}


async def _twilio(connection: asyncpg.Connection) -> _Fields:
    found = [TwilioCredential(**row) for row in await queries.twilio_credentials(connection)]
    return {"twilio": {one.account_id: one for one in found}}


LOADERS: Final[dict[str, Callable[[asyncpg.Connection], Awaitable[_Fields]]]] = {
    "account": _accounts,
    "api_key": _keys,
    "admin_key": _admin_keys,
    "sender": _senders,
    "price": _prices,
    "route": _routes,
    "route_cost": _route_costs,
    "routing_rule": _rules,
    "strategy": _strategies,
    "strategy_member": _strategies,
    "assigned_route": _assigned,
    "webhook_endpoint": _webhooks,
    "identity": _identities,
    "identity_account": _identities,
    "inbound_number": _numbers,
    "inbound_keyword": _numbers,
    "platform_setting": _settings,
    "dlt_template": _dlt_templates,
    "template": _templates,
    "template_version": _templates,
    "smpp_credential": _smpp_credentials,
    "campaign_halt": _halted,
    "twilio_credential": _twilio,
}
#: the tables that decide about a message's route.
ROUTING: Final = frozenset(
    {
        "account", "sender", "identity", "route", "route_cost", "routing_rule", "strategy",
        "assigned_route",
    }
)  # fmt: skip
