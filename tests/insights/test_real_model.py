"""AI Assist and AI insights with a real small language model behind Ollama's protocol.

Asserts that it fits together, never that the model is wise: it has 135 million parameters.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.parts import require

from cpaas.insights.model import Model, ModelError
from cpaas.insights.words import Answer, Fact, Worded, checked, word
from cpaas.templates import assist
from cpaas.templates.types import Content, NewTemplate

pytestmark = pytest.mark.slow


class Word(msgspec.Struct):
    """What is asked for."""

    answer: str


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """SmolLM2 in a process of its own, spoken to as an Ollama server."""
    require("language-model")
    with subprocess.Popen(
        [sys.executable, "-m", "tests.insights.small_model"],
        cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(line.split()[1] for line in lines if line.startswith("address "))
        process.stdin.close()


def test_a_real_model_answers_in_the_schema(host: str) -> None:
    asked = Model(host, "smollm2", seconds=120).ask(
        'Answer with JSON {"answer": "..."}.', "What is the colour of grass? One word.", Word
    )
    assert asked.answer.strip()


def test_a_real_models_draft_is_judged_like_a_persons(host: str) -> None:
    new = NewTemplate("sms", "draft", Content())
    wish = "tell customers that the order {{order_id}} is ready"
    assert drafted(host, new, wish)


def drafted(host: str, new: NewTemplate, wish: str) -> str:
    """A text that passed the checks, or why none did: the one or the other, in words."""
    try:
        return assist.draft(Model(host, "smollm2", seconds=120), new, wish).body
    except ModelError as error:
        return str(error)


FACTS = [
    Fact(
        "f0",
        "Route smpp1: fewer arrive than usual. 61.0% of 800 ended messages were delivered over it"
        " today; over the last 7 days it was 95.2%.",
        ["See the messages", "Test the route"],
    )
]


def test_a_real_models_insights_carry_the_findings_figures_or_are_thrown_away(host: str) -> None:
    heard: list[Answer] = []

    class Listening(Model):
        """The same model; what it says is heard before it is judged."""

        def ask(self, instructions: str, question: str, wanted: type[Any]) -> Any:
            heard.append(super().ask(instructions, question, wanted))
            return heard[-1]

    told: list[Worded] = []
    # Where it says what is no answer at all, the findings are shown without it.
    with contextlib.suppress(ModelError):
        told = word(Listening(host, "smollm2", seconds=120), FACTS)
    if not heard:
        return
    assert told == checked(heard[0], FACTS)
    for one in told:
        assert one.finding == "f0"
        assert any(figure in one.sentence for figure in ("61.0", "800", "7", "95.2"))
        assert one.action in ("", *FACTS[0].actions)
