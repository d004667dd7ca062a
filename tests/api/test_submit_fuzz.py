"""Whatever the body is: an answer of the catalogue, never a 500, and the books stay right."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.doors import LIVE, TEST, Answered, client

from cpaas.api.docs_errors import PROBLEMS

CODES = {code for _, code, _ in PROBLEMS}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
FIELDS: dict[str, Any] = {
    "channel": st.sampled_from(["sms", "whatsapp", "rcs", "voice", "fax"]),
    "to": st.from_regex(r"\+?[0-9]{0,16}", fullmatch=True)
    | st.lists(st.sampled_from(["+919876543210", "12", "+447901234567", "x\0"]), max_size=5),
    "from": st.sampled_from(["MYBRAND", "", "NO", "\0"]),
    "text": st.text(max_size=2000),
    "reference": st.text(max_size=300),
    "traffic_class": st.sampled_from(["otp", "transactional", "promotional", "x"]),
    "send_at": st.datetimes().map(lambda at: f"{at.isoformat()}Z") | st.text(max_size=30),
    "validity_seconds": st.integers(),
    "webhook_url": st.sampled_from(["https://a.test/x", "http://", "x", "https://\0"]),
    "dlt": st.dictionaries(st.sampled_from(["pe_id", "tm_id", "x"]), st.text(max_size=80)),
    "dry_run": st.booleans(),
}
FIELDS["fallback"] = st.lists(
    st.fixed_dictionaries(
        {"channel": FIELDS["channel"]},
        optional={
            "from": FIELDS["from"], "text": FIELDS["text"], "after_seconds": st.integers(0, 100_000)
        },
    ),
    max_size=6,
)  # fmt: skip
LIKELY = st.fixed_dictionaries(
    {"channel": st.just("sms"), "to": st.just("+919876543210"), "text": FIELDS["text"]},
    optional={
        name: one | JSON for name, one in FIELDS.items() if name not in {"channel", "to", "text"}
    },
)
BODIES = st.one_of(
    LIKELY.map(lambda body: msgspec.json.encode(_clean(body))),
    st.fixed_dictionaries({}, optional={name: one | JSON for name, one in FIELDS.items()}).map(
        lambda body: msgspec.json.encode(_clean(body))
    ),
    JSON.map(lambda body: msgspec.json.encode(_clean(body))),
    st.binary(max_size=200),
)


def _clean(value: Any) -> Any:
    """Without lone surrogates, which cannot be written as JSON."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return 0
    return value


def check(answer: Answered) -> None:
    if answer.status in {200, 202}:
        assert answer.json
        return
    assert answer.status < 500, answer.body
    assert answer.json["code"] in CODES
    assert answer.json["status"] == answer.status


@pytest.mark.slow
def test_never_a_500(dsn: str) -> None:
    with asyncio.Runner() as runner:
        context = client(dsn)
        api = runner.run(context.__aenter__())

        @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
        @given(BODIES, st.sampled_from([LIVE, TEST]))
        def fuzz(body: bytes, key: str) -> None:
            check(runner.run(api.raw(body, key)))

        try:
            fuzz()
            runner.run(api.world.balance(api.account_id))
        finally:
            runner.run(context.__aexit__(None, None, None))
