"""Routes that cannot work are refused with what to write instead."""

from typing import Any

import pytest

from cpaas.kit.errors import InputError
from cpaas.routes import check
from cpaas.routes.types import NewRoute, RouteChanges


@pytest.mark.parametrize("name", ["smpp1", "a", "x" * 32, "_9"])
def test_route_names(name: str) -> None:
    assert check.route_name(name) == name


@pytest.mark.parametrize("name", ["", "Smpp1", "a-b", "x" * 33, "a b", "smpp1\n"])
def test_no_route_names(name: str) -> None:
    with pytest.raises(InputError, match="small letters"):
        check.route_name(name)


@pytest.mark.parametrize("host", ["127.0.0.1", "smsc.example.com", "::1", "2001:db8::1"])
def test_hosts(host: str) -> None:
    route = NewRoute(name="r", host=host, port=2775, system_id="u")
    assert check.new_route(route) is route


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (RouteChanges(host="a/b"), "host"),
        (RouteChanges(host="-"), "host"),
        (RouteChanges(port=65536), "port"),
        (RouteChanges(binds=0), "binds"),
        (RouteChanges(window_size=10_001), "window_size"),
        (RouteChanges(tps=-1), "tps"),
        (RouteChanges(bind_type="rx"), "bind_type"),
        (RouteChanges(message_id_mode="octal"), "message_id_mode"),
        (RouteChanges(system_id="x" * 16), "system_id"),
        (RouteChanges(system_type="x" * 13), "system_type"),
        (RouteChanges(password="x" * 9), "password"),
        (RouteChanges(password="ärger"), "password"),
        (RouteChanges(system_id="a\0b"), "system_id"),
        (RouteChanges(label="x" * 65), "label"),
        (RouteChanges(default_sender="a b"), "default_sender"),
    ],
)
def test_fields_out_of_range(changes: RouteChanges, field: str) -> None:
    with pytest.raises(InputError) as refused:
        check.changes(changes)
    assert refused.value.field == field
    assert refused.value.todo


def test_a_simulated_route_needs_no_address() -> None:
    assert check.new_route(NewRoute(name="test_sms", simulated=True))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "channel"),
        ({"dialect": "sip"}, "host"),
        ({"dialect": "sip", "host": "sip.example.net"}, "system_id"),
        ({"dialect": "http"}, "system_id"),
        ({"dialect": "http", "system_id": "AC1", "settings": {"base_url": "ftp://x"}}, "settings"),
        ({"dialect": "sip", "settings": {"transport": "sctp"}}, "settings"),
        ({"dialect": "sip", "settings": {"srtp": "require"}}, "settings"),
    ],
)
def test_routes_of_calls(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        check.new_route(NewRoute(name="calls", channel="voice", **changes))
    assert refused.value.field == field
