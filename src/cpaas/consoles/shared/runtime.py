"""What one console's process is made of, handed in once by its composition root."""

from typing import Any, Literal

import msgspec
from django.http import HttpRequest

from cpaas.config import Settings
from cpaas.consoles.shared.database import Acting, Database, T, Work
from cpaas.kit.networks import client_address
from cpaas.kit.secrets import Keyring
from cpaas.monitoring.types import Watched
from cpaas.reports.statement import Question, ask
from cpaas.settings.current import Current

Role = Literal["ADMIN", "USER"]


class Console(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two consoles."""

    name: str
    title: str
    role: Role
    service: str
    icon: str
    screens: str
    session_table: str

    @property
    def is_portal(self) -> bool:
        """Whether customers use it, under row-level security."""
        return self.role == "USER"


class Runtime(msgspec.Struct, frozen=True, kw_only=True):
    """The parts behind every page. settings: those of the start with what was changed since."""

    console: Console
    settings: Settings
    database: Database
    keyring: Keyring
    current: Current
    watched: tuple[Watched, ...] = ()


_current: list[Runtime] = []


def begin(runtime: Runtime) -> None:
    """Hands the parts in; once per process, before Django is set up."""
    _current[:] = [runtime]


def changed(current: Current) -> None:
    """Goes on with other settings; a request under way keeps what it has asked for already."""
    if _current:
        _current[:] = [
            msgspec.structs.replace(_current[0], settings=current.applied(), current=current)
        ]


def runtime() -> Runtime:
    """The parts of this process."""
    return _current[0]


def address(request: HttpRequest) -> str:
    """Where the request comes from; behind a trusted proxy, what that says."""
    return client_address(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR"),
        runtime().settings.trusted_proxies,
    )


def account_id(request: HttpRequest) -> int:
    """The account that this portal request is for; 0 on the dashboard."""
    return int(getattr(request.user, "account_id", None) or 0)


def user_id(request: HttpRequest) -> int:
    """The person who is logged in; 0 for nobody."""
    return int(request.user.pk or 0)


def acting(request: HttpRequest) -> Acting:
    """Who works in this request, as the audit log names them."""
    kind = "user" if runtime().console.is_portal else "admin"
    name = request.user.get_username() or "nobody"
    return Acting(f"{kind}:{name}", address(request), account_id(request))


def look(request: HttpRequest, work: Work[T]) -> T:
    """Reads for this request: `look(request, lambda c: queries.routes(c))`."""
    return runtime().database.look(acting(request), work)


def answer(request: HttpRequest, *questions: Question[Any]) -> list[Any]:
    """Answers reports' questions, all from one consistent view."""

    async def work(connection: Any) -> list[Any]:
        return [await ask(connection, question) for question in questions]

    return look(request, work)


def change(request: HttpRequest, work: Work[T], *, note: str = "") -> T:
    """Changes something in the name of who is logged in; InputError when it may not be."""
    return runtime().database.change(acting(request), work, note=note)
