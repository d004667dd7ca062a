"""The address at which a route's carrier calls us."""

from typing import Annotated, Any

import typer

from cpaas.cli import output


def callback(
    name: Annotated[str, typer.Argument(help="The route's name.", show_default=False)],
    *,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make a new address; the old ends at once.")
    ] = False,
    json: output.Json = False,
) -> None:
    """Show where a route's carrier brings receipts and replies; the address is a secret."""
    from cpaas.cli import acting
    from cpaas.routes import edit, queries

    async def work(connection: Any) -> tuple[str, str]:
        token = await edit.callback_token(connection, name, renew=renew)
        route = await queries.route_by_name(connection, name)
        return token, "" if route is None else route.channel

    token, channel = acting.change(work) if renew else acting.look(work)
    settings = output.settings()
    base = settings.callback_url.rstrip("/") or settings.url(getattr(settings, f"{channel}_port"))
    address = f"{base}/callbacks/{channel}/{name}/{token}"
    if json:
        output.emit({"name": name, "url": address})
    else:
        output.text(address)
