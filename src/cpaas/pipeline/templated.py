"""A draft that names a template: found, allowed, and filled in, before everything else is checked.

Without a template nothing here is called.
"""

from typing import Any

import msgspec

from cpaas.billing.check import WHATSAPP_CATEGORIES
from cpaas.pipeline.drafts import Draft
from cpaas.pipeline.refusals import RefusedError
from cpaas.snapshot.types import Snapshot, Template, Templates
from cpaas.templates.fill import FillError, fill

_NONE = Templates()
#: free text in WhatsApp's window.
_SERVICE = "SERVICE"


def find(snapshot: Snapshot, account_id: int, draft: Draft) -> Template:
    """The template that a draft names, if messages can be made of it. Errors: RefusedError."""
    own = snapshot.templates.get((account_id, draft.channel), _NONE)
    if draft.template.isdecimal():
        one = own.by_id.get(int(draft.template[:18]))
        found = {} if one is None else {one.language: one}
    else:
        found = own.by_name.get(draft.template, {})
    if draft.language:
        found = {key: one for key, one in found.items() if key == draft.language}
    if not found:
        spoken = f" in {draft.language[:20]}" if draft.language else ""
        raise RefusedError(
            "template_not_found",
            f"This account has no {draft.channel} template {draft.template[:60]!r}{spoken}.",
            "template",
        )
    if len(found) > 1:
        raise RefusedError(
            "template_language",
            f"The template {draft.template} exists in {', '.join(sorted(found))}; say which in"
            " language.",
            "language",
        )
    template = next(iter(found.values()))
    if not template.usable:
        raise RefusedError(
            "template_not_approved", f"The template {template.name} is {template.state}.",
            "template",
        )  # fmt: skip
    return template


def filled(snapshot: Snapshot, account_id: int, draft: Draft) -> tuple[Draft, Template]:
    """The draft with the text and content that its template makes. Errors: RefusedError."""
    if draft.text:
        raise RefusedError("validation_error", "Give either template or text, not both.", "text")
    template = find(snapshot, account_id, draft)
    return refilled(template, draft, draft.variables or {}), template


def refilled(template: Template, draft: Draft, values: dict[str, str]) -> Draft:
    """The draft with what this template says with these values. Errors: RefusedError."""
    try:
        text, content = fill(template, values)
    except FillError as error:
        raise RefusedError(error.code, error.detail, error.field) from None
    given = draft.content or {}
    if spoken := template.content.get("voice"):
        given = {**given, "voice": {**spoken, **given.get("voice", {})}}
    dlt = draft.dlt
    if template.dlt_template_id and not (dlt and dlt.get("template_id")):
        dlt = {**(dlt or {}), "template_id": template.dlt_template_id}
    return msgspec.structs.replace(
        draft, text=text, content={**given, **content}, dlt=dlt, template=template.name,
        language=template.language, variables=values,
    )  # fmt: skip


def category(channel: str, template: Template | None) -> str:
    """What the price goes by: of WhatsApp its template's category, or SIC for free text."""
    if channel != "whatsapp":
        return ""
    return WHATSAPP_CATEGORIES[template.category if template is not None else _SERVICE]


def name_of(content: dict[str, Any] | None) -> str:
    """The template that a stored message was made of; "" = none."""
    made_of = (content or {}).get("template")
    return str(made_of.get("name", "")) if isinstance(made_of, dict) else ""
