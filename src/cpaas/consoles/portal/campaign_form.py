"""The form of a campaign: to whom, what, when and how fast, and what of it the API takes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django import forms
from unfold.widgets import INPUT_CLASSES

from cpaas.campaigns.types import Campaign
from cpaas.consoles.portal.message_form import SHARED, MessageForm, moment, plain, step
from cpaas.consoles.portal.offers import Offer, content_of
from cpaas.consoles.shared import fields
from cpaas.consoles.shared.filters import zone
from cpaas.snapshot.types import Template

ZONES: Final = (("", "Our time zone"), ("recipient", "Each recipient's own"))
#: of numbers that are pasted instead of a file; more belong into one.
PASTED_MAX: Final = 10_000
PASTED_CHARS_MAX: Final = 1_000_000
PASTED_NAME: Final = "pasted.csv"
FIELDS: Final = SHARED | {
    "name": "name", "rate": "rate", "window": "hours", "mapping": "number_column",
    "mapping.country": "country", "channel": "name",
}  # fmt: skip
_SPLIT: Final = re.compile(r"[\n\r,;\t]+")


class CampaignForm(MessageForm):
    """What is sent to whom, when and how fast."""

    redrawn = "#campaign-content"

    name = fields.text_field("Campaign name", placeholder="Diwali offer", autocomplete="off")
    file = forms.FileField(
        label="File", help_text="CSV or XLSX, one row per recipient; a million rows are fine.",
        widget=forms.FileInput({"class": " ".join(INPUT_CLASSES), "accept": ".csv,.xlsx,.txt"}),
        error_messages={"empty": "The file is empty."}, required=False,
    )  # fmt: skip
    numbers = fields.long_text_field(
        "Or paste numbers", rows=3, required=False,
        help_text="One a line, or with commas; with their country codes.",
    )  # fmt: skip
    number_column = fields.text_field(
        "Number column", required=False, help_text="Found by itself if left empty."
    )
    country = fields.text_field(
        "Country of numbers", required=False, max_length=2, placeholder="IN",
        help_text="Only for numbers without a country code.",
    )  # fmt: skip
    rate = fields.number_field(
        "Messages a second", required=False, help_text="Empty: as fast as the routes allow."
    )
    hours = fields.text_field(
        "Hours of sending", required=False, placeholder="09:00-18:00",
        help_text="Empty: at any time.",
    )  # fmt: skip
    zone = fields.choice_field("Hours are in", ZONES, required=False)

    def __init__(self, *args: Any, known: Campaign | None = None, **more: Any) -> None:
        """known: the campaign that is changed, with the columns of the file that it has."""
        self._known = known
        super().__init__(*args, **more)
        if self._known is not None and self._known.columns:
            columns = [(name, name) for name in self._known.columns]
            found = [("", "Found by itself"), *columns]
            self.fields["number_column"] = fields.choice_field(
                "Number column", found, required=False
            )

    def _template_field(self) -> forms.ChoiceField:
        if self.offer.channel != "whatsapp":
            return super()._template_field()
        # Hardly anybody in a list wrote within 24 hours: free text would be refused row by row.
        return fields.choice_field("Template", [("", "Choose one"), *self.offer.template_choices()])

    def _content(self, values: Mapping[str, Any]) -> None:
        if self.template is not None:
            self._columns(self.template)
        elif self.offer.channel != "whatsapp":
            self._add(
                "text",
                fields.long_text_field(
                    "Message", rows=4, help_text="{{name}} is the row's cell of the column name."
                ),
            )

    def _columns(self, template: Template) -> None:
        """Where each variable comes from; left empty, from the column of its name."""
        examples = content_of(template).examples
        for name in template.variables:
            like = f", such as {examples[name]}" if examples.get(name) else ""
            field = fields.text_field(
                f"{{{{{name}}}}}", required=False, max_length=1024, autocomplete="off",
                placeholder=f"{{{{{name}}}}}",
                help_text=f"Words{like}, or a column as {{{{column}}}}. Empty: its own column.",
            )  # fmt: skip
            self._add(f"var_{name}", field)

    def clean(self) -> dict[str, Any]:
        """A new campaign has a file or pasted numbers, and not both."""
        given: dict[str, Any] = super().clean() or {}
        file, pasted = given.get("file"), str(given.get("numbers") or "").strip()
        if file and pasted:
            self.add_error("numbers", "Give a file or paste numbers, not both.")
        elif not file and not pasted and self._known is None and "file" not in self.errors:
            self.add_error("file", "Choose a file, or paste numbers.")
        if len(pasted) > PASTED_CHARS_MAX or len(numbers_in(pasted)) > PASTED_MAX:
            self.add_error("numbers", f"More than {PASTED_MAX:,} numbers belong into a file.")
        if self.offer.channel == "whatsapp" and not self.offer.templates:
            self.add_error(None, "WhatsApp needs an approved template: make one first.")
        return given


def numbers_in(text: str) -> list[str]:
    """What is pasted, number by number, as it was written."""
    return [one.strip() for one in _SPLIT.split(text) if one.strip()]


def file_of(numbers: str) -> bytes:
    """Pasted numbers as the file that is uploaded."""
    rows = ['"' + one.replace('"', "") + '"' for one in numbers_in(numbers)]
    return "\n".join(["phone", *rows, ""]).encode()


def wanted(form: CampaignForm) -> dict[str, Any]:
    """The body of the API's call."""
    given = form.cleaned_data
    hours = [one.strip() for one in given["hours"].split(",") if one.strip()]
    body: dict[str, Any] = {
        "name": given["name"], "channel": form.offer.channel, "from": given["sender"],
        "traffic_class": given["kind"] or "transactional", "text": "", "template": "",
        "language": "", "variables": {}, "rate": given["rate"] or 0, "send_at": None,
        "mapping": {"number_column": given["number_column"], "country": given["country"]},
        "window": {"hours": hours, "zone": given["zone"]}, "fallback": None,
    }  # fmt: skip
    template = form.template
    if template is None:
        body["text"] = plain(given.get("text", ""))
    else:
        told = {name: given[f"var_{name}"] for name in template.variables}
        body |= {
            "template": template.name, "language": template.language,
            "variables": {name: text for name, text in told.items() if text},
        }  # fmt: skip
    if form.fallback_offer is not None:
        body["fallback"] = [step(form, given)]
    if given["when"]:
        body["send_at"] = moment(given["when"])
    return body


def initial(campaign: Campaign, offer: Offer) -> dict[str, Any]:
    """A campaign's words as the form shows them."""
    content, pace = campaign.content, campaign.pace
    when = ""
    if pace.send_at_us:
        at = datetime.fromtimestamp(pace.send_at_us / 1_000_000, UTC).astimezone(zone())
        when = at.strftime("%Y-%m-%dT%H:%M")
    found: dict[str, Any] = {
        "name": campaign.name, "channel": campaign.channel, "sender": content.sender,
        "text": content.text, "kind": content.traffic_class, "rate": pace.rate or "",
        "when": when, "hours": ", ".join(pace.window.hours), "zone": pace.window.zone,
        "number_column": campaign.mapping.number_column, "country": campaign.mapping.country,
    }  # fmt: skip
    found |= {f"var_{name}": text for name, text in content.variables.items()}
    found["template"] = _key(offer, content.template, content.language)
    return found


def fallback_initial(campaign: Campaign, offer: Offer | None) -> dict[str, Any]:
    """The fallback's part of it; offer: of its channel."""
    if not campaign.content.fallback or offer is None:
        return {}
    first = campaign.content.fallback[0]
    found: dict[str, Any] = {
        "fallback": first.channel, "fallback_sender": first.sender, "fallback_text": first.text,
        "fallback_after": "" if first.after_seconds is None else str(first.after_seconds),
        "fallback_template": "own" if first.text else "",
    }  # fmt: skip
    if first.template:
        found["fallback_template"] = _key(offer, first.template, first.language)
    return found | {f"fvar_{name}": text for name, text in (first.variables or {}).items()}


def _key(offer: Offer, name: str, language: str) -> str:
    """A template's key in the form's select, by how the API names it."""
    for one in offer.templates:
        if name in (one.name, str(one.id)) and language in ("", one.language):
            return str(one.id)
    return ""
