"""Has a language model word computed findings; what it says is kept only where it can be checked.

A sentence must name the finding it is about, hold at least one of its figures and no other; an
action must be one of those that were offered. Everything else is thrown away.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from cpaas.insights.model import Model

SENTENCES_MAX: Final = 8
CHARS_MAX: Final = 400
_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_INSTRUCTIONS: Final = (
    "You word findings about a messaging platform for the person who runs it. Each finding has an"
    " id, its facts and possible actions. For each finding that matters write one plain English"
    " sentence that repeats its figures exactly, and choose one of its actions, word for word."
    " Never invent a figure, a cause or a name. Answer in JSON only."
)


class Fact(msgspec.Struct, frozen=True):
    """A computed finding in words, with what may be done about it."""

    id: str
    text: str
    actions: Sequence[str]


class Worded(msgspec.Struct, frozen=True):
    """One sentence of the model, about one finding."""

    finding: str
    sentence: Annotated[str, msgspec.Meta(max_length=CHARS_MAX)]
    action: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the model is asked for."""

    insights: Annotated[list[Worded], msgspec.Meta(max_length=20)]


def word(model: Model, facts: Sequence[Fact]) -> list[Worded]:
    """Sentences that cite a finding, in the order of the findings. Errors: ModelError."""
    question = msgspec.json.encode(facts).decode()
    return checked(model.ask(_INSTRUCTIONS, question, Answer), facts)


def checked(answer: Answer, facts: Sequence[Fact]) -> list[Worded]:
    """What of an answer can be shown: one sentence a finding, with its own figures only."""
    said: dict[str, Worded] = {}
    known = {one.id: one for one in facts}
    for one in answer.insights:
        fact = known.get(one.finding)
        if fact is None or one.finding in said:
            continue
        figures = set(_NUMBER.findall(one.sentence))
        if not figures or not figures <= set(_NUMBER.findall(fact.text)):
            continue
        action = one.action if one.action in fact.actions else ""
        said[one.finding] = Worded(one.finding, one.sentence.strip(), action)
    return [said[one.id] for one in facts if one.id in said][:SENTENCES_MAX]
