"""Makes admins and gives people new passwords: the door that opens when nobody can log in."""

from typing import Annotated, Any

import typer

from cpaas.cli import admin_key, output

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make admins, reset passwords.")
app.add_typer(admin_key.app, name="key")


@app.command()
def create(
    username: Annotated[str, typer.Option(help="Login name.", prompt=True)],
    email: Annotated[str, typer.Option(help="Email address.")] = "",
    password: Annotated[str, typer.Option(help="Generated if left out.")] = "",
    json: output.Json = False,
) -> None:
    """Make an admin. A chosen password logs in at once; a generated one must be changed."""
    from cpaas.accounts import people
    from cpaas.cli import acting

    async def work(connection: Any) -> str:
        return await people.create_admin(connection, username, email=email, password=password)

    _tell(username, acting.change(work), chosen=bool(password), json=json)


@app.command(name="reset-password")
def reset_password(
    username: Annotated[str, typer.Argument(help="Login name of an admin or a user.")],
    password: Annotated[str, typer.Option(help="Generated if left out.")] = "",
    json: output.Json = False,
) -> None:
    """Give a person a new password and lift a lock-out."""
    from cpaas.accounts import people
    from cpaas.cli import acting

    async def work(connection: Any) -> str:
        return await people.reset_password(connection, username, password=password)

    _tell(username, acting.change(work), chosen=bool(password), json=json)


def _tell(username: str, password: str, *, chosen: bool, json: bool) -> None:
    if json:
        output.emit({"username": username, "password": None if chosen else password})
    elif chosen:
        output.text(f"{username} can log in with the given password")
    else:
        output.text(f"{username}  {password}")
        output.step("shown this once; it must be changed at the first login")
