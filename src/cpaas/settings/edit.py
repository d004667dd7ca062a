"""Changes platform settings; the caller's transaction names who does, and triggers tell all."""

from collections.abc import Mapping
from typing import Any, Final

from cpaas.kit.errors import InputError
from cpaas.kit.secrets import Keyring
from cpaas.settings import check, queries
from cpaas.settings.current import Current, sealed
from cpaas.settings.options import BY_NAME, Option
from cpaas.webhooks.sign import new_key, show_key

SIGNING: Final = "alert_webhook_secret"


def option_named(name: str) -> Option:
    """The option. Errors: InputError."""
    if name not in BY_NAME:
        raise InputError(
            f"there is no platform setting {name!r}", "list them: cpaas settings list", "name"
        )
    return BY_NAME[name]


def checked(current: Current, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Each value as it would be stored. Errors: InputError."""
    found = {}
    for name, text in wanted.items():
        option = option_named(name)
        if by := current.fixed_by(option):
            raise InputError(
                f"{option.label} is set by the environment ({by})",
                "change it there, or take it out there to change it here", name,
            )  # fmt: skip
        found[name] = check.value(option, text)
    return found


async def change(
    connection: Any, keyring: Keyring, current: Current, wanted: Mapping[str, str]
) -> list[str]:
    """Stores what differs from what is in force; the names of what did. An empty secret stays."""
    changed = []
    for name, value in checked(current, wanted).items():
        is_secret = BY_NAME[name].kind == "secret"
        if not value if is_secret else value == current[name]:
            continue
        stored = sealed(keyring, name, value.encode()) if is_secret else value
        await queries.put(connection, name, stored)
        changed.append(name)
    return changed


async def secret_for_webhook(connection: Any, keyring: Keyring, *, new: bool = False) -> str:
    """The secret that signs alerts, if one was made: for a webhook that has none, or a new one."""
    rows = await queries.rows(connection)
    if not rows.get("alert_webhook_url") or (rows.get(SIGNING) and not new):
        return ""
    key = new_key()
    await queries.put(connection, SIGNING, sealed(keyring, SIGNING, key))
    return show_key(key)
