"""What a handset would show of a template, and what a review may say, without storing it. Pure."""

from collections.abc import Mapping

import msgspec

from cpaas.smpp.text import plan
from cpaas.templates import check, placeholders
from cpaas.templates.types import Button, Content, NewTemplate


class Bubble(msgspec.Struct, frozen=True):
    """One bubble or card on the handset; media: the kind that stands above its text."""

    title: str = ""
    text: str = ""
    footer: str = ""
    media: str = ""
    media_url: str = ""
    buttons: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """The bubbles, the variables in order, and for SMS what it comes to."""

    bubbles: list[Bubble]
    variables: list[str]
    warnings: list[str]
    segments: int = 0
    encoding: str = ""
    characters: int = 0


def preview(new: NewTemplate, values: Mapping[str, str]) -> Preview:
    """The template with these values; where one is missing its example or name stands.

    Errors: InputError.
    """
    new, variables = check.template(new)
    given = {**new.content.examples, **{name: v for name, v in values.items() if v}}
    bubbles = shown(new.content, given)
    if new.channel != "sms":
        return Preview(bubbles, list(variables), check.warnings(new))
    text = bubbles[0].text
    planned = plan(text)
    return Preview(
        bubbles, list(variables), check.warnings(new), planned.segments, planned.encoding.value,
        len(text),
    )  # fmt: skip


def shown(content: Content, values: Mapping[str, str]) -> list[Bubble]:
    """The bubbles of a content with these values."""
    if content.cards:
        return [
            Bubble(
                placeholders.filled(card.title, values),
                placeholders.filled(card.description, values), "", card.media, card.url,
                _labels(card.buttons),
            )
            for card in content.cards
        ]  # fmt: skip
    header = content.header
    title = "" if header is None else placeholders.filled(header.text, values)
    kind = "" if header is None or header.type == "text" else header.type
    return [
        Bubble(
            title, placeholders.filled(content.body, values), content.footer, kind,
            header.url if header is not None else "", _labels(content.buttons),
        )
    ]  # fmt: skip


def _labels(buttons: tuple[Button, ...]) -> tuple[str, ...]:
    usual = {"copy_code": "Copy code", "otp": "Copy code"}
    return tuple(one.text or usual.get(one.type, one.type) for one in buttons)
