"""Shows every setting with its value, or writes the reference page of all of them.

Both come from the one table in `cpaas.config`, so neither can be out of date. Platform settings,
which hold at once and need no restart, are listed and set by commands of their own.
"""

import os
import sys
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

import typer

from cpaas.cli import output
from cpaas.config import FILE_NAME, OPTIONS, given
from cpaas.config_values import Option

if TYPE_CHECKING:
    from cpaas.settings.current import Current

app = typer.Typer(invoke_without_command=True, add_completion=False)


@app.callback()
def settings(
    context: typer.Context,
    markdown: Annotated[bool, typer.Option(help="Print the reference page.")] = False,
    json: output.Json = False,
) -> None:
    """Show every setting, its value and its meaning; list and set those of the platform."""
    if context.invoked_subcommand:
        return
    if markdown:
        output.text(settings_page(), end="")
        return
    current = output.settings()
    values = {option.env: _masked(getattr(current, option.name)) for option in OPTIONS}
    if json:
        output.emit(values)
        return
    rows = [(option.env, values[option.env], option.help) for option in OPTIONS]
    output.table(("setting", "value", "meaning"), rows)


@app.command(name="list")
def list_(json: output.Json = False) -> None:
    """Show the platform settings: what holds now, and what it comes from."""
    from cpaas.cli import acting
    from cpaas.settings import queries
    from cpaas.settings.options import OPTIONS as PLATFORM

    rows = acting.look(queries.rows)
    current = _current(rows)
    found = [
        {
            "name": one.name,
            "value": _word(current[one.name]) if one.kind != "secret" or one.name not in rows
            else "***",
            "from": current.fixed_by(one) or ("stored" if one.name in rows else "default"),
            "meaning": f"{one.label}. {one.help}".strip(),
        }
        for one in PLATFORM
    ]  # fmt: skip
    if json:
        output.emit({"settings": found})
        return
    heads = ("name", "value", "from", "meaning")
    output.table(heads, [tuple(one[head] for head in heads) for one in found])


@app.command(name="set")
def set_(
    name: Annotated[str, typer.Argument(help="Name, as `cpaas settings list` shows it.")],
    value: Annotated[str, typer.Argument(help="Value; - reads it from the standard input.")],
    json: output.Json = False,
) -> None:
    """Set a platform setting; every service obeys within a second, and the audit log knows."""
    from cpaas.cli import acting
    from cpaas.kit.secrets import Keyring
    from cpaas.settings import edit, queries
    from cpaas.settings.options import BY_NAME

    text = sys.stdin.readline().rstrip("\n") if value == "-" else value
    keyring = Keyring.load(output.settings().keyring)

    async def work(connection: Any) -> tuple[bool, str]:
        current = _current(await queries.rows(connection))
        changed = await edit.change(connection, keyring, current, {name: text})
        return bool(changed), await edit.secret_for_webhook(connection, keyring)

    changed, secret = acting.change(work)
    if json:
        shown = "***" if BY_NAME[name].kind == "secret" else text
        made = {"secret": secret} if secret else {}
        output.emit({"name": name, "value": shown, "changed": changed, **made})
        return
    output.text(f"{name} is set" if changed else f"{name} was so already")
    if secret:
        output.text(f"the alerts' webhook is signed with {secret}; it is shown this once")


def _current(rows: dict[str, Any]) -> "Current":
    from cpaas.settings.current import Current

    return Current(output.settings(), given(os.environ), rows)


def _word(value: Any) -> str:
    return ("off", "on")[value] if isinstance(value, bool) else str(value)


def _masked(value: Any) -> str | int | bool:
    if isinstance(value, str) and "://" in value and (password := urlsplit(value).password):
        return value.replace(f":{password}@", ":***@")
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return value if isinstance(value, (int, str)) else str(value)


def settings_page() -> str:
    """The reference page of all settings, as Markdown."""
    lines = [
        "# Settings",
        "",
        "Set them in the environment, or as `name = value` (lower case, without `CPAAS_`) in the",
        f"TOML file that `CPAAS_CONFIG` names, else in `{FILE_NAME}` in the home folder.",
        "The environment wins. They are read once, at the start. What may change while all runs is",
        "on the dashboard's [Settings](../guides/settings.md) page.",
        "",
        "| Variable | Default | Unit | Meaning |",
        "|---|---|---|---|",
    ]
    shown = {"home": "`.cpaas` in the project's folder", "keyring": "`keyring.json` in the home"}
    for option in OPTIONS:
        default = shown.get(option.name) or _shown(option.default)
        lines.append(f"| `{option.env}` | {default} | {_unit(option)} | {option.help} |")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "`on`" if default else "`off`"
    if isinstance(default, tuple):
        default = ",".join(default)
    return f"`{default}`" if default not in ("", ()) else "empty"


def _unit(option: Option) -> str:
    if option.type is bool:
        return "on, off"
    if typing.get_origin(option.type) is Literal:
        return ", ".join(typing.get_args(option.type))
    return option.unit
