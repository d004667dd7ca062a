"""A model's sentences: what cites no finding or invents a figure is not shown."""

import json

import pytest
from tests.insights.ollama_server import ollama

from cpaas.insights.model import Model, ModelError
from cpaas.insights.words import Fact, word

FACTS = [
    Fact("f1", "SMS: 71.0% of 1,000 messages were delivered; usually 95.0%.", ["Look at routes"]),
    Fact("f2", "14:00: 900 messages; usually about 100.", ["Ask the account"]),
]


def said(*insights: dict[str, str]) -> str:
    return json.dumps({"insights": insights})


@pytest.mark.parametrize(
    ("insight", "shown"),
    [
        ({"finding": "f1", "sentence": "Only 71.0% of 1,000 SMS arrived."}, True),
        ({"finding": "f1", "sentence": "Delivery fell to 70% today."}, False),
        ({"finding": "f1", "sentence": "Delivery of SMS fell."}, False),
        ({"finding": "f9", "sentence": "71.0% of 1,000 arrived."}, False),
        ({"finding": "f2", "sentence": "900 messages at 14:00, usually 100."}, True),
        ({"finding": "f2", "sentence": "900 messages came and 71.0% arrived."}, False),
    ],
)
def test_only_a_finding_s_own_figures(insight: dict[str, str], shown: bool) -> None:
    with ollama(lambda _: said(insight)) as host:
        found = word(Model(host, "m"), FACTS)
    assert bool(found) is shown


def test_an_action_must_be_one_of_those_offered() -> None:
    sentence = "900 messages at 14:00, usually 100."
    with ollama(
        lambda _: said(
            {"finding": "f2", "sentence": sentence, "action": "Delete the account"},
            {"finding": "f1", "sentence": "71.0% arrived.", "action": "Look at routes"},
        )
    ) as host:
        found = word(Model(host, "m"), FACTS)
    assert [(one.finding, one.action) for one in found] == [("f1", "Look at routes"), ("f2", "")]


@pytest.mark.parametrize("text", ["no JSON at all", '{"insights": "none"}', "{}"])
def test_what_does_not_fit_the_schema_is_an_error_to_be_caught(text: str) -> None:
    with ollama(lambda _: text) as host, pytest.raises(ModelError):
        word(Model(host, "m"), FACTS)
