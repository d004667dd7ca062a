"""Signatures against the reference library and the specification's own example."""

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpaas.simulators.customer.signature import signature_fault
from cpaas.webhooks.sign import new_key, read_key, show_key, signed_headers


def test_the_specifications_example() -> None:
    key = read_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = dict(
        signed_headers(b"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    )
    assert headers[b"webhook-signature"] == b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_keys_are_shown_and_read() -> None:
    key = new_key()
    assert read_key(show_key(key)) == key
    assert len(key) == 32
    with pytest.raises(ValueError, match="whsec_"):
        read_key("whsec_not base64!")


@given(key=st.binary(min_size=1, max_size=130), body=st.binary(max_size=300))
def test_any_key_signs_as_hmac_does(key: bytes, body: bytes) -> None:
    headers = dict(signed_headers(b"id-1", 1, body, [key]))
    digest = hmac.digest(key, b"id-1.1." + body, "sha256")
    assert headers[b"webhook-signature"] == b"v1," + base64.b64encode(digest)


@given(body=st.binary(max_size=500), at=st.integers(1_600_000_000, 2_000_000_000))
def test_both_keys_sign_while_one_changes(body: bytes, at: int) -> None:
    old, new = new_key(), new_key()
    headers = {k.decode(): v.decode() for k, v in signed_headers(b"id-1", at, body, [new, old])}
    for key in (old, new):
        assert signature_fault(headers, body, [show_key(key)], at) == ""
    assert signature_fault(headers, body + b"x", [show_key(old)], at) != ""
    assert signature_fault(headers, body, [show_key(new_key())], at) != ""
    assert "far" in signature_fault(headers, body, [show_key(old)], at + 301)
