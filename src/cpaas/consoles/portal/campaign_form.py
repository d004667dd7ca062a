"""The form of a campaign: its words and its file, and how a refusal is shown at its field."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from django import forms
from unfold.widgets import INPUT_CLASSES

from cpaas.campaigns.types import Campaign
from cpaas.consoles.portal.core_api import Answer
from cpaas.consoles.shared import fields
from cpaas.consoles.shared.filters import zone

ZONES: Final = (("", "Our time zone"), ("recipient", "Each recipient's own"))
CLASSES: Final = (
    ("transactional", "Transactional"), ("promotional", "Promotional"), ("otp", "OTP"),
)  # fmt: skip
_FIELDS: Final = {
    "name": "name", "from": "sender", "text": "text", "send_at": "when", "rate": "rate",
    "window": "hours", "mapping": "number_column", "traffic_class": "traffic_class",
}  # fmt: skip


class CampaignForm(forms.Form):
    """What is sent to whom, when and how fast."""

    name = fields.text_field("Campaign name", placeholder="Diwali offer", autocomplete="off")
    sender = fields.choice_field("Sender", [])
    traffic_class = fields.choice_field("Kind", CLASSES, initial="transactional")
    file = forms.FileField(
        label="File", help_text="CSV or XLSX, one row per recipient; a million rows are fine.",
        widget=forms.FileInput({"class": " ".join(INPUT_CLASSES), "accept": ".csv,.xlsx,.txt"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )  # fmt: skip
    number_column = fields.text_field(
        "Number column", required=False, help_text="Found by itself if left empty."
    )
    country = fields.text_field(
        "Country of numbers", required=False, max_length=2, placeholder="IN",
        help_text="Only for numbers without a country code.",
    )  # fmt: skip
    text = fields.long_text_field(
        "Message", rows=4, help_text="{{name}} is the row's cell of the column name."
    )
    when = fields.text_field(
        "Send later", required=False, type="datetime-local", help_text="Leave it empty to send now."
    )
    rate = fields.number_field(
        "Messages a second", required=False, help_text="Empty: as fast as the routes allow."
    )
    hours = fields.text_field(
        "Hours of sending", required=False, placeholder="09:00-18:00",
        help_text="Empty: at any time.",
    )  # fmt: skip
    zone = fields.choice_field("Hours are in", ZONES, required=False)

    def __init__(
        self, *args: Any, offered: Sequence[tuple[str, str]], with_file: bool = True, **more: Any
    ) -> None:
        super().__init__(*args, **more)
        chosen: Any = self.fields["sender"]
        chosen.choices = offered
        self.fields["file"].required = with_file


def wanted(form: CampaignForm) -> dict[str, Any]:
    """The body of the API's call."""
    given = form.cleaned_data
    hours = [one.strip() for one in given["hours"].split(",") if one.strip()]
    body = {
        "name": given["name"], "from": given["sender"], "traffic_class": given["traffic_class"],
        "text": given["text"].replace("\r\n", "\n"), "rate": given["rate"] or 0, "send_at": None,
        "mapping": {"number_column": given["number_column"], "country": given["country"]},
        "window": {"hours": hours, "zone": given["zone"]},
    }  # fmt: skip
    if given["when"]:
        try:
            at = datetime.fromisoformat(given["when"]).replace(tzinfo=zone())
            body["send_at"] = at.astimezone(UTC).isoformat()
        except ValueError:
            body["send_at"] = given["when"]
    return body


def initial(campaign: Campaign) -> dict[str, Any]:
    """A campaign's words as the form shows them."""
    content, pace = campaign.content, campaign.pace
    when = ""
    if pace.send_at_us:
        at = datetime.fromtimestamp(pace.send_at_us / 1_000_000, UTC).astimezone(zone())
        when = at.strftime("%Y-%m-%dT%H:%M")
    return {
        "name": campaign.name, "sender": content.sender, "text": content.text,
        "traffic_class": content.traffic_class, "rate": pace.rate or None, "when": when,
        "hours": ", ".join(pace.window.hours), "zone": pace.window.zone,
        "number_column": campaign.mapping.number_column, "country": campaign.mapping.country,
    }  # fmt: skip


def show_refusal(form: CampaignForm, told: Answer) -> str:
    """Each fault at its field; what belongs to none is returned."""
    rest = []
    for one in told.body.get("errors") or [{"detail": told.detail}]:
        name = _FIELDS.get(str(one.get("field", "")).split(".")[0])
        if name:
            form.add_error(name, str(one["detail"]))
        else:
            rest.append(str(one.get("detail", told.detail)))
    return " ".join(rest)
