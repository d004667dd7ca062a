"""Lays what a new platform needs to be used: keyring, admin, test routes, and the sandbox.

Every start runs it; what exists is left alone, so that it makes secrets once and never again.
Platform default prices come with the sandbox only: a real platform's prices are its operator's
decision, and without one a message is refused as `no_price` instead of being sold for nothing.
"""

from typing import Final

import asyncpg
import msgspec

from cpaas.accounts import people
from cpaas.accounts import queries as account_queries
from cpaas.accounts.create import create_account
from cpaas.accounts.types import NewAccount
from cpaas.billing import queries as billing_queries
from cpaas.billing import wallet
from cpaas.cli import queries, sandbox_rcs, sandbox_templates, sandbox_voice, sandbox_whatsapp
from cpaas.config import Settings
from cpaas.db import portal_role
from cpaas.db.actor import acting
from cpaas.kit.money import MICRO
from cpaas.kit.secrets import Keyring, SecretsError
from cpaas.routes import edit, rules
from cpaas.routes import queries as route_queries
from cpaas.routes.types import NewRoute, NewRule
from cpaas.senders import decide

ACTOR: Final = "system:bootstrap"
ADMIN: Final = "admin"
SANDBOX: Final = "sandbox"
SANDBOX_ROUTE: Final = "smpp1"
SANDBOX_SENDER: Final = "SANDBX"
SANDBOX_BALANCE_MICRO: Final = 1_000 * MICRO
#: what a test key reaches: the carrier built into the service, per channel that is there.
TEST_ROUTES: Final = {
    "test_sms": "sms", "test_whatsapp": "whatsapp", "test_rcs": "rcs", "test_voice": "voice"
}  # fmt: skip
#: from whom test messages come where nobody says.
TEST_SENDERS: Final = {
    "whatsapp": "+15550000001", "rcs": "TESTBOT", "voice": "+999000000000"
}  # fmt: skip
#: rules of the operator's own go before it.
SANDBOX_RULE_PRIORITY: Final = 1000
SANDBOX_WINDOW: Final = 500
#: (channel, category, micro-units): the sandbox's platform defaults.
SANDBOX_PRICES: Final = [
    ("sms", "", 120_000),
    ("whatsapp", "UIC", 145_000),
    ("whatsapp", "MIC", 880_000),
    ("whatsapp", "SIC", 50_000),
    ("whatsapp", "AUTH", 130_000),
    ("whatsapp", "AUTH_INT", 2_300_000),
    ("rcs", "", 250_000),
    ("voice", "minute", 600_000),
]


class Admin(msgspec.Struct, frozen=True):
    """The first admin; the password only on the run that made it."""

    username: str
    password: str | None


class Sandbox(msgspec.Struct, frozen=True):
    """The sandbox's account; the secrets only on the run that made them."""

    name: str
    username: str
    password: str | None
    api_key: str | None
    test_key: str | None
    smpp_system_id: str
    smpp_password: str | None


class BootstrapResult(msgspec.Struct, frozen=True):
    """Who can log in; `account` None without the sandbox."""

    admin: Admin
    account: Sandbox | None


async def bootstrap(settings: Settings, dsn: str) -> BootstrapResult:
    """Makes what is missing, in one transaction; a second run changes nothing."""
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    try:
        async with acting(connection, ACTOR, note="start"):
            await queries.lock_bootstrap(connection)
            keyring = await _keyring(connection, settings)
            if settings.consoles and not settings.portal_dsn:
                await portal_role.let_in(
                    connection, settings.portal_password_file, alone=settings.embedded
                )
            admin = await _admin(connection)
            for name, channel in TEST_ROUTES.items():
                if await route_queries.route_by_name(connection, name) is None:
                    route = NewRoute(
                        name=name, channel=channel, label="Test", simulated=True,
                        default_sender=TEST_SENDERS.get(channel, ""),
                    )  # fmt: skip
                    await edit.create_route(connection, keyring, route)
            account = await _sandbox(connection, settings, keyring) if settings.sandbox else None
        return BootstrapResult(admin=admin, account=account)
    finally:
        await connection.close()


async def _keyring(connection: asyncpg.Connection, settings: Settings) -> Keyring:
    # A further host on a shared database must not invent keys that decrypt nothing.
    if (
        not settings.embedded
        and not settings.keyring.exists()
        and await queries.keeps_secrets(connection)
    ):
        raise SecretsError(
            f"the database holds encrypted credentials, but {settings.keyring} is missing",
            "copy keyring.json from the host that made them, or from the backup (chmod 600)",
        )
    return Keyring.load_or_make(settings.keyring)


async def _admin(connection: asyncpg.Connection) -> Admin:
    if names := await account_queries.admin_names(connection, 1):
        return Admin(username=names[0], password=None)
    return Admin(username=ADMIN, password=await people.create_admin(connection, ADMIN))


async def _sandbox(
    connection: asyncpg.Connection, settings: Settings, keyring: Keyring
) -> Sandbox | None:
    host, port = settings.reachable_host.strip("[]"), settings.smsc_port
    known = await queries.sandbox_account(connection)
    if known is not None:
        if await queries.sandbox_smsc_known(connection):
            await queries.move_sandbox_route(connection, SANDBOX_ROUTE, host, port)
        elif "sms" in settings.channels:
            await _sandbox_route(connection, keyring, host, port)
        await _other_channels(connection, keyring, settings, known["id"])
        await sandbox_templates.lay(
            connection, known["id"], settings.channels, fresh=False, actor=ACTOR
        )
        return Sandbox(
            name=known["name"],
            username=known["username"],
            password=None,
            api_key=None,
            test_key=None,
            smpp_system_id=known["system_id"],
            smpp_password=None,
        )
    if await account_queries.account_name_taken(connection, SANDBOX):
        return None  # Somebody's own account of that name came before the sandbox.
    await billing_queries.insert_default_prices(connection, SANDBOX_PRICES)
    made = await create_account(
        connection, NewAccount(name=SANDBOX, username=SANDBOX, is_sandbox=True)
    )
    await wallet.credit(
        connection, made.id, SANDBOX_BALANCE_MICRO, actor=ACTOR, note="sandbox balance"
    )
    await decide.request(connection, made.id, "sms", SANDBOX_SENDER)
    await decide.approve(connection, made.id, "sms", SANDBOX_SENDER)
    if "sms" in settings.channels:
        await _sandbox_route(connection, keyring, host, port)
    await _other_channels(connection, keyring, settings, made.id)
    await sandbox_templates.lay(connection, made.id, settings.channels, fresh=True, actor=ACTOR)
    return Sandbox(
        name=made.name,
        username=made.username,
        password=made.password,
        api_key=made.api_key,
        test_key=made.test_key,
        smpp_system_id=made.smpp_system_id,
        smpp_password=made.smpp_password,
    )


async def _other_channels(
    connection: asyncpg.Connection, keyring: Keyring, settings: Settings, account_id: int
) -> None:
    """Routes to the simulated carriers of the channels that run here."""
    if "whatsapp" in settings.channels:
        await sandbox_whatsapp.lay(connection, keyring, settings, account_id)
    if "voice" in settings.channels:
        await sandbox_voice.lay(
            connection, keyring, settings, account_id, rule_priority=SANDBOX_RULE_PRIORITY
        )
    if "rcs" in settings.channels:
        await sandbox_rcs.lay(connection, keyring, settings, account_id)


async def _sandbox_route(
    connection: asyncpg.Connection, keyring: Keyring, host: str, port: int
) -> None:
    if await route_queries.route_by_name(connection, SANDBOX_ROUTE) is not None:
        return
    route = NewRoute(
        name=SANDBOX_ROUTE,
        channel="sms",
        label="Sandbox",
        host=host,
        port=port,
        window_size=SANDBOX_WINDOW,
        system_id="sandbox",
        password="sandbox",  # noqa: S106 the simulated SMSC takes any
        default_sender=SANDBOX_SENDER,
    )
    await edit.create_route(connection, keyring, route)
    await queries.note_sandbox_smsc(connection, host, port)
    await rules.create_rule(
        connection, NewRule(channel="sms", route=SANDBOX_ROUTE, priority=SANDBOX_RULE_PRIORITY)
    )
