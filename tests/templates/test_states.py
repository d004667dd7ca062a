"""The states of a template's version: the tables, and when messages can be made of it."""

import pytest

from cpaas.kit.errors import InputError
from cpaas.templates import states
from cpaas.templates.states import CARRIER_NEXT, NEXT, State


def test_sms_and_voice_are_approved_by_being_submitted() -> None:
    for channel in ("sms", "voice"):
        state = states.submitted(State("DRAFT"), channel)
        assert (state.status, state.carrier, state.usable) == ("APPROVED", "not_needed", True)


def test_whatsapp_needs_the_operator_and_then_the_carrier() -> None:
    state = states.submitted(State("DRAFT"), "whatsapp")
    assert (state.status, state.usable) == ("PENDING", False)
    state = states.approved(state, "whatsapp")
    assert (state.status, state.carrier, state.usable) == ("APPROVED", "pending", False)
    said = states.told(state, "approved")
    assert said is not None
    assert said.usable


def test_a_carriers_rejection_is_ours_until_it_changes_its_mind() -> None:
    state = states.told(State("APPROVED", "pending", "admin"), "rejected")
    assert state == State("REJECTED", "rejected", "carrier")
    again = states.told(State("REJECTED", "rejected", "carrier"), "approved")
    assert again is not None
    assert again.usable
    kept = states.told(State("REJECTED", "pending", "admin"), "approved")
    assert kept is not None
    assert kept.status == "REJECTED"
    assert not kept.usable, "the carrier cannot overrule the operator"


def test_a_paused_one_comes_back() -> None:
    paused = states.told(State("APPROVED", "approved", "admin"), "paused")
    assert paused is not None
    assert not paused.usable
    back = states.told(paused, "approved")
    assert back is not None
    assert back.usable


@pytest.mark.parametrize("status", ["PENDING", "APPROVED", "REJECTED"])
def test_nothing_is_submitted_twice(status: str) -> None:
    with pytest.raises(InputError):
        states.submitted(State(status), "sms")


@pytest.mark.parametrize("status", ["DRAFT", "REJECTED"])
def test_only_what_waits_or_is_approved_is_rejected(status: str) -> None:
    with pytest.raises(InputError):
        states.rejected(State(status))
    assert states.rejected(State("APPROVED", "approved")).status == "REJECTED"


def test_what_was_said_before_changes_nothing() -> None:
    for carrier in CARRIER_NEXT:
        assert states.told(State("APPROVED", carrier), carrier) is None


def test_the_tables_know_each_other() -> None:
    for table in (NEXT, CARRIER_NEXT):
        for before, after in table.items():
            assert before not in after
            assert after <= table.keys()
