"""The model's client against Ollama's protocol: what is absent, slow or wrong is told in words."""

from typing import Any

import msgspec
import pytest
from tests.insights.ollama_server import ollama

from cpaas.insights.model import Model, ModelError


class Wanted(msgspec.Struct):
    """What is asked for."""

    word: str


def ask(host: str, **more: Any) -> Wanted:
    return Model(host, "m", **more).ask("Be brief.", "Say a word.", Wanted)


def test_an_answer_and_what_was_asked() -> None:
    asked: list[dict[str, Any]] = []

    def say(request: dict[str, Any]) -> str:
        asked.append(request)
        return 'Here: ```json\n{"word": "héllo"}\n```'

    with ollama(say) as host:
        assert ask(host).word == "héllo"
    assert asked[0]["model"] == "m"
    assert [one["role"] for one in asked[0]["messages"]] == ["system", "user"]
    assert "word" in str(asked[0]["format"])


@pytest.mark.parametrize("said", ["", "no", '{"word": 1}', '{"other": "x"}', "{" * 300])
def test_what_does_not_fit_the_schema_is_no_answer(said: str) -> None:
    with ollama(lambda _: said) as host, pytest.raises(ModelError, match="cannot be used"):
        ask(host)


def test_it_may_not_talk_for_ever() -> None:
    with ollama(lambda _: "x" * 30_000) as host, pytest.raises(ModelError, match="too much"):
        ask(host)
    with ollama(lambda _: "x" * 4000, pause=0.05) as host, pytest.raises(ModelError, match="took"):
        ask(host, seconds=0.3)


def test_an_error_is_told_in_its_words() -> None:
    said = (404, "model 'm' not found")
    with ollama(lambda _: said) as host, pytest.raises(ModelError, match="'m' not found"):
        ask(host)


def test_one_that_is_away_rests() -> None:
    clock = [0.0]
    model = Model("http://127.0.0.1:9", "m", now=lambda: clock[0])
    with pytest.raises(ModelError, match="cannot be reached now"):
        model.ask("", "", Wanted)
    with pytest.raises(ModelError, match="a moment ago"):
        model.ask("", "", Wanted)
    clock[0] = 60
    with pytest.raises(ModelError, match="cannot be reached now"):
        model.ask("", "", Wanted)
    for host, name in (("", "m"), ("http://h", "")):
        with pytest.raises(ModelError, match="set up"):
            Model(host, name).ask("", "", Wanted)
