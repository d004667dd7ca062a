"""Shows every setting with its value, or writes the reference page of all of them.

Both come from the one table in `cpaas.config`, so neither can be out of date.
"""

import typing
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import typer

from cpaas.cli import output
from cpaas.config import FILE_NAME, OPTIONS
from cpaas.config_values import Option

app = typer.Typer()


@app.command()
def settings(
    markdown: Annotated[bool, typer.Option(help="Print the reference page.")] = False,
    json: output.Json = False,
) -> None:
    """Show every setting, its value and its meaning."""
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
        "The environment wins. They are read once, at the start.",
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
