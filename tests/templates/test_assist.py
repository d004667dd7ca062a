"""AI Assist: a draft is shown only if it passes the checks that a person's text passes."""

import json
from typing import Any

import pytest
from tests.insights.ollama_server import ollama

from cpaas.insights.model import Model, ModelError
from cpaas.templates import assist
from cpaas.templates.assist import Suggestion
from cpaas.templates.types import Content, NewTemplate

SMS = NewTemplate("sms", "draft", Content())
WHATSAPP = NewTemplate("whatsapp", "draft", Content(), category="UTILITY")
DLT = [("1107160000000000001", "Your code is {#var#}. - ACME")]


def drafted(new: NewTemplate, *bodies: str, dlt: Any = (), wish: str = "a code") -> Suggestion:
    said = [json.dumps({"body": body, "examples": {"code": "4821"}}) for body in bodies]
    with ollama(lambda _: said.pop(0)) as host:
        return assist.draft(Model(host, "m"), new, wish, dlt)


def test_a_draft_with_its_examples() -> None:
    found = drafted(SMS, "Your code is {{code}}.")
    assert (found.body, found.examples) == ("Your code is {{code}}.", {"code": "4821"})


def test_a_refused_draft_is_asked_for_once_more_with_its_fault() -> None:
    asked: list[str] = []
    said = ['{"body": "Hi {{a}}{{b}} there"}', '{"body": "Hello {{a}}, and thanks, {{b}}, dear"}']

    def say(request: dict[str, Any]) -> str:
        asked.append(request["messages"][1]["content"])
        return said.pop(0)

    with ollama(say) as host:
        found = assist.draft(Model(host, "m"), WHATSAPP, "thank them")
    assert found.body.startswith("Hello")
    assert "side by side" in asked[1]
    with pytest.raises(ModelError, match="does not keep the rules"):
        drafted(WHATSAPP, "{{Bad}}", "{{a")


def test_reviews_rules_are_told_before_it_is_used() -> None:
    found = drafted(WHATSAPP, "{{code}} is it")
    assert any("begin or end" in one for one in found.warnings)


def test_an_sms_is_compared_with_the_dlt_templates() -> None:
    assert drafted(SMS, "Your code is {{code}}. - ACME", dlt=DLT).dlt == DLT[0][0]
    other = drafted(SMS, "Your key is {{code}}. - ACME", dlt=DLT)
    assert other.dlt == ""
    assert any("DLT" in one for one in other.warnings)


def test_no_wish_no_question() -> None:
    with pytest.raises(ModelError, match="Say in a sentence"):
        drafted(SMS, wish="  ")
