"""A trunk whose calls all talk is not down, however long they talk."""

from typing import Any

import pytest

from cpaas.channels.voice.sip_link import SipLink
from cpaas.gateway.contact import SILENT_SECONDS
from cpaas.gateway.deliver import RouteGateway


class Full:
    """A link without room."""

    up, free, in_flight = True, 0, 5

    def __init__(self, *, patient: bool) -> None:
        self.patient = patient


@pytest.mark.parametrize("patient", [True, False])
def test_a_full_window_is_silence_only_where_answers_come_at_once(patient: bool) -> None:
    now = 100.0
    around: Any = type("Around", (), {"clock": staticmethod(lambda: now), "clock_us": lambda: 0})
    route: Any = type("Route", (), {"tps": 0, "id": 1})
    gateway = RouteGateway(route, around, None, None, None)  # type: ignore[arg-type]
    gateway.link = Full(patient=patient)  # type: ignore[assignment]
    gateway.may_send_until = now + 60
    assert gateway._ready(now)
    assert gateway._contact.down(now + SILENT_SECONDS + 0.1) is not patient
    assert SipLink.patient
