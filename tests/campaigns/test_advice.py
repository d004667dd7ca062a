"""Every reason for which a message does not arrive has words, a class and something to do."""

import pytest

from cpaas.campaigns.advice import advice, kind
from cpaas.channels.errors import CATALOGUE

OTHER = advice("never heard of")


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_each_error_of_a_carrier_has_advice_of_its_own(code: str) -> None:
    assert advice(code) != OTHER
    assert kind(code) in {"temporary", "permanent", "fixable"}


def test_what_the_carrier_tries_again_is_temporary_and_a_wrong_number_is_not() -> None:
    assert kind("carrier_temporary") == "temporary"
    assert kind("invalid_destination") == "permanent"
    assert kind("dlt_refused") == "fixable"
    assert advice("dlt_text_mismatch").startswith("Correct the DLT ids")
