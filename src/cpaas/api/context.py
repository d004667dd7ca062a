"""What every call needs, handed to the application once by its composition root."""

from collections.abc import Callable
from typing import Any

from litestar import Request
from litestar.datastructures import State

from cpaas.api.auth import Caller, Operator, authenticate, authenticate_operator
from cpaas.api.problem import ProblemError
from cpaas.kit.clock import now_us
from cpaas.kit.guard import Guard
from cpaas.kit.networks import Network, client_address
from cpaas.kit.secrets import Keyring
from cpaas.snapshot.holder import SnapshotHolder

ApiRequest = Request[Any, Any, State]


class Api:
    """The parts behind the API. pool: a data-plane pool (ids as bytes, times as micros).

    A plain class: the framework would look into a struct's fields for what it has to validate.
    """

    def __init__(
        self,
        pool: Any,
        snapshots: SnapshotHolder,
        keyring: Keyring,
        guard: Guard,
        *,
        currency: str,
        instance_id: int,
        trusted: tuple[Network, ...] = (),
        queue_details: Callable[[], dict[str, object]] = dict,
    ) -> None:
        self.pool = pool
        self.snapshots = snapshots
        self.keyring = keyring
        self.guard = guard
        self._currency = currency
        self.instance_id = instance_id
        self.trusted = trusted
        self.queue_details = queue_details
        #: megabytes that a campaign's file may have.
        self.campaign_file_mb_max = 512
        #: where people log in; invitations lead there.
        self.portal_url = ""

    @property
    def currency(self) -> str:
        """The platform's currency as it is now."""
        return str(self.snapshots.current.settings.get("currency") or self._currency)

    @staticmethod
    def now_us() -> int:
        """Unix microseconds."""
        return now_us()

    def client(self, request: ApiRequest) -> str:
        """The caller's address."""
        peer = request.client.host if request.client else ""
        return client_address(peer, request.headers.get("x-forwarded-for"), self.trusted)


async def provide_api(state: State) -> Api:
    """The parts, for handlers that name them `api`."""
    api: Api = state.api
    return api


async def provide_caller(request: ApiRequest, state: State) -> Caller:
    """The authenticated caller, for handlers that name it `caller`. Errors: ProblemError."""
    api = _confirmed(state)
    return authenticate(
        api.snapshots.current,
        request.headers.get("authorization"),
        request.headers.get("x-api-key"),
        api.client(request),
    )


async def provide_operator(request: ApiRequest, state: State) -> Operator:
    """The operator, for handlers that name it `operator`. Errors: ProblemError."""
    api = _confirmed(state)
    return authenticate_operator(
        api.snapshots.current,
        request.headers.get("authorization"),
        request.headers.get("x-api-key"),
        api.client(request),
    )


def _confirmed(state: State) -> Api:
    api: Api = state.api
    if not api.snapshots.confirmed:
        raise ProblemError(
            503, "unavailable", "The configuration cannot be confirmed; try again.", retry_after=1
        )
    return api
