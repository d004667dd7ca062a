"""Errors as RFC 9457 problem documents with a stable `code`, the same for every call."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

CONTENT_TYPE: Final = "application/problem+json"


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of the request."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """A problem document. `code` is stable; `detail` says what is wrong and what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    errors: list[FieldError] = []
    request_id: str = ""
    ids: list[str] = []


class ProblemError(Exception):
    """A request is answered with a problem document; `retry_after` in seconds, 0 = none."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        title: str = "",
        errors: Sequence[FieldError] = (),
        retry_after: int = 0,
        ids: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.problem = Problem(
            f"/docs#error-{code}", title or HTTPStatus(status).phrase, status, code, detail,
            list(errors), "", list(ids),
        )  # fmt: skip
        self.retry_after = retry_after


def document(error: ProblemError, request_id: str = "") -> bytes:
    """The body of a problem's answer."""
    return msgspec.json.encode(msgspec.structs.replace(error.problem, request_id=request_id))


def headers_of(error: ProblemError) -> list[tuple[str, str]]:
    """What a problem adds to the answer's headers."""
    headers = [("content-type", CONTENT_TYPE)]
    if error.retry_after:
        headers.append(("retry-after", str(error.retry_after)))
    if error.problem.status == HTTPStatus.UNAUTHORIZED:
        headers.append(("www-authenticate", "Bearer"))
    return headers


def refused(code: str, detail: str, field: str, *, status: int = 422) -> ProblemError:
    """A problem about one field."""
    return ProblemError(status, code, detail, errors=[FieldError(field, detail)] if field else [])
