"""Makes, lists and revokes operators' REST keys."""

from typing import Annotated, Any

import typer

from cpaas.cli import output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Operators' REST keys.")
Name = Annotated[str, typer.Argument(help="Whose key it is, such as ann or grafana.")]


@app.command()
def create(
    name: Name,
    ip: Annotated[
        list[str] | None, typer.Option(help="Only from this address or network; repeatable.")
    ] = None,
    json: output.Json = False,
) -> None:
    """Make a key for the calls about the platform; it is shown once."""
    from cpaas.accounts import admin_keys
    from cpaas.cli import acting

    async def work(connection: Any) -> str:
        return await admin_keys.issue(connection, name, allowed_ips=ip or [])

    key = acting.change(work)
    if json:
        output.emit({"name": name, "admin_key": key})
    else:
        output.text(key)
        output.step("shown this once; it opens the operator's calls, no account's")


@app.command(name="list")
def list_(json: output.Json = False) -> None:
    """Show all keys, without their secrets."""
    from cpaas.accounts import admin_key_queries
    from cpaas.accounts.admin_key_queries import AdminKeyRow
    from cpaas.cli import acting

    async def work(connection: Any) -> list[AdminKeyRow]:
        return await admin_key_queries.admin_keys(connection)

    rows = acting.look(work)
    if json:
        output.emit({"admin_keys": rows})
    else:
        output.table(
            ("name", "begins", "from", "made", "revoked"),
            [
                (r.name, r.prefix, ", ".join(r.allowed_ips) or "anywhere", r.created_at,
                 r.revoked_at)
                for r in rows
            ],
        )  # fmt: skip


@app.command()
def revoke(name: Name, json: output.Json = False) -> None:
    """Take a key out of force, within a second."""
    from cpaas.accounts import admin_keys
    from cpaas.cli import acting

    async def work(connection: Any) -> None:
        await admin_keys.revoke(connection, name)

    acting.change(work)
    if json:
        output.emit({"name": name, "revoked": True})
    else:
        output.text(f"the key {name} is out of force")
