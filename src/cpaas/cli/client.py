"""Calls the REST API for a command, with a given key or one that lives as long as the command.

Going through the API, a command meets the same checks as a customer.
"""

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from cpaas.cli import output
from cpaas.kit.secrets import KeyKind

CALL_SECONDS_MAX: Final = 30
UPLOAD_SECONDS_MAX: Final = 600
#: services know a new key within a second; a loaded machine gets more.
KEY_SECONDS_MAX: Final = 10
RETRY_SECONDS: Final = 0.1


class Api:
    """The REST API of this installation, as the owner of one key sees it."""

    def __init__(self, host: str, port: int, key: str, *, fresh: bool) -> None:
        self._host = host.strip("[]")
        self._port = port
        self._key = key
        self._fresh_until = time.monotonic() + KEY_SECONDS_MAX if fresh else 0.0

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The decoded answer; CliError with the API's own words when it refuses."""
        while True:
            status, answer = self._once(method, path, body)
            if status == 401 and time.monotonic() < self._fresh_until:
                time.sleep(RETRY_SECONDS)
                continue
            if status >= 400:
                raise _refused(status, answer)
            self._fresh_until = 0.0
            return answer

    def upload(self, path: str, file: Path) -> dict[str, Any]:
        """A file as the body of a PUT, read as it goes."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=UPLOAD_SECONDS_MAX)
        headers = {
            "Authorization": f"Bearer {self._key}", "Content-Type": "application/octet-stream",
            "Content-Length": str(file.stat().st_size),
        }  # fmt: skip
        try:
            with file.open("rb") as body:
                connection.request("PUT", f"{path}?name={quote(file.name)}", body, headers)
                response = connection.getresponse()
                answer = msgspec.json.decode(response.read(), type=dict[str, Any])
        except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
            raise output.CliError(
                f"the file could not be handed over: {error}", "see `cpaas status`"
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _refused(response.status, answer)
        return answer

    def _once(self, method: str, path: str, body: Any) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=CALL_SECONDS_MAX)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(
                method, path, None if body is None else msgspec.json.encode(body), headers
            )
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise output.CliError(
                f"cpaas-core does not answer on port {self._port}: {error}",
                "start the platform with `cpaas up`, or see `cpaas status`",
            ) from error
        finally:
            connection.close()
        try:
            return response.status, msgspec.json.decode(raw, type=dict[str, Any]) if raw else {}
        except msgspec.MsgspecError:
            return response.status, {"detail": raw[:200].decode(errors="replace")}


@contextlib.contextmanager
def api(account: str, key: str, *, kind: KeyKind = "live") -> Iterator[Api]:
    """The API with the given key, else with one made for the account and revoked at the end."""
    from cpaas.accounts import keys
    from cpaas.cli import acting

    settings = output.settings()
    if key:
        yield Api(settings.reachable_host, settings.core_port, key, fresh=False)
        return
    if not account:
        raise output.CliError("whose message is it?", "give --account or --key")

    async def issue(connection: Any) -> str:
        owner = await acting.account_named(connection, account)
        return await keys.issue(connection, owner.id, kind)

    async def revoke(connection: Any) -> None:
        await keys.revoke(connection, made)

    made = acting.change(issue)
    try:
        yield Api(settings.reachable_host, settings.core_port, made, fresh=True)
    finally:
        acting.change(revoke)


def _refused(status: int, answer: dict[str, Any]) -> output.CliError:
    code = answer.get("code", status)
    what = answer.get("detail") or answer.get("title") or f"the API answered {status}"
    faults = answer.get("errors")
    if isinstance(faults, list):
        shown = [f"{f.get('field', '')}: {f.get('detail', '')}" for f in faults[:5] if f]
        what = f"{what} ({'; '.join(shown)})" if shown else what
    page = str(answer.get("type", "/docs"))
    settings = output.settings()
    todo = f"read about it: {settings.url(settings.core_port)}{page}" if page[:1] == "/" else page
    return output.CliError(f"{code}: {what}", todo)
