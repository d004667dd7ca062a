"""AI Assist: a language model drafts a template, the same checks judge it as a person's.

What does not pass is asked for once more with the fault, and then not shown at all.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from cpaas.dlt import match, pattern
from cpaas.insights.model import Model, ModelError
from cpaas.kit.errors import InputError
from cpaas.templates import check, placeholders
from cpaas.templates.types import Content, NewTemplate

WISH_CHARS_MAX: Final = 500
TRIES_MAX: Final = 2
_RULES: Final = {
    "sms": "At most 300 characters, plain letters, no emoji. Name the sender's brand.",
    "whatsapp": (
        "At most 500 characters. Do not begin or end with a variable, put words between variables,"
        " at least three words for each. UTILITY: about an order or account, nothing that sells."
        " MARKETING may sell."
    ),
    "rcs": "At most 500 characters. No square brackets.",
    "voice": "It is spoken: short sentences, no abbreviations, no links.",
}


class _Draft(msgspec.Struct):
    """What the model answers."""

    body: Annotated[str, msgspec.Meta(max_length=2000)]
    examples: dict[str, str] = {}


class Suggestion(msgspec.Struct, frozen=True):
    """A draft that passed the checks; a person decides. dlt: which DLT template it fits, if any."""

    body: str
    examples: dict[str, str]
    warnings: list[str]
    dlt: str = ""


def draft(
    model: Model, new: NewTemplate, wish: str, dlt_texts: Sequence[tuple[str, str]] = ()
) -> Suggestion:
    """A text for this template as wished. dlt_texts: (id, text) of those it might be.

    Errors: ModelError when there is none that passes.
    """
    wish = " ".join(wish.split())[:WISH_CHARS_MAX]
    if not wish:
        raise ModelError("Say in a sentence what the message shall say.")
    question = f"Write the {new.channel} message for this wish: {wish}"
    fault = ""
    for _ in range(TRIES_MAX):
        asked = f"{question}\nYour last draft was refused: {fault}" if fault else question
        try:
            return _checked(new, model.ask(_instructions(new), asked, _Draft), dlt_texts)
        except InputError as error:
            fault = f"{error.what}; {error.todo}."
    raise ModelError(f"Its draft does not keep the rules ({fault}) Write it yourself, or ask anew.")


def _instructions(new: NewTemplate) -> str:
    category = f" Its category is {new.category}." if new.category else ""
    return (
        f"You draft message templates for a business. Channel: {new.channel}.{category}"
        f" {_RULES[new.channel]} Write in the language {new.language}. Where a value differs from"
        " message to message write a variable such as {{name}} or {{order_id}}: small letters and"
        " underscores in double braces. Invent no facts, prices or links. Answer with JSON:"
        ' {"body": "the text", "examples": {"name": "Asha"}}.'
    )


def _checked(new: NewTemplate, said: _Draft, dlt_texts: Sequence[tuple[str, str]]) -> Suggestion:
    body = said.body.strip()
    names = placeholders.names([("content.body", body)])
    examples = {name: said.examples[name][:60] for name in names if said.examples.get(name)}
    content = msgspec.structs.replace(new.content, body=body, examples=examples)
    filled = msgspec.structs.replace(new, content=content)
    check.template(filled)
    warnings = [one for one in check.warnings(filled) if "DLT" not in one]
    fitting = _dlt(content, dlt_texts) if new.channel == "sms" else ""
    if new.channel == "sms" and dlt_texts and not fitting:
        warnings.append("It fits none of your DLT templates: register it before it goes to India.")
    return Suggestion(body, examples, warnings, fitting)


def _dlt(content: Content, dlt_texts: Sequence[tuple[str, str]]) -> str:
    parts = placeholders.pieces(content.body)
    values = {name: content.examples.get(name) or "1" for name in parts[1::2]}
    text = placeholders.fill(parts, values)
    for template_id, registered in dlt_texts:
        try:
            if match.mismatch(pattern.read(registered), text) is None:
                return template_id
        except InputError:
            continue
    return ""
