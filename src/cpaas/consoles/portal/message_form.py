"""The part that the forms of messages and of campaigns share: sender, template, fallback."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django import forms

from cpaas.consoles.portal.core_api import Answer
from cpaas.consoles.portal.offers import Choices, Offer, Offers, content_of
from cpaas.consoles.shared import fields
from cpaas.consoles.shared.filters import zone
from cpaas.snapshot.types import Template

CLASSES: Final = (
    ("transactional", "Transactional"), ("promotional", "Promotional"), ("otp", "OTP"),
)  # fmt: skip
SAME, OWN = "", "own"
AFTER: Final = (
    ("", "Only after a failure"), ("30", "After 30 s without delivery"),
    ("60", "After 60 s without delivery"), ("300", "After 5 min without delivery"),
    ("1800", "After 30 min without delivery"), ("3600", "After 1 h without delivery"),
)  # fmt: skip
#: the API's field -> the form's, as far as both forms have it; the longest beginning counts.
SHARED: Final = {
    "from": "sender", "text": "text", "send_at": "when", "template": "template",
    "language": "template", "traffic_class": "kind", "fallback[0].from": "fallback_sender",
    "fallback[0].text": "fallback_text", "fallback[0].template": "fallback_template",
    "fallback[0].after_seconds": "fallback_after", "fallback": "fallback",
}  # fmt: skip


class MessageForm(forms.Form):
    """Sender, template or text, fallback, time and kind; the choices decide what else there is.

    Subclasses add the fields of their content in `_content`.
    """

    #: what is drawn anew when a choice changes the fields.
    redrawn = "#composer"

    sender = fields.choice_field("Sender", [])
    fallback = fields.choice_field("If not delivered", [], required=False)
    when = fields.text_field("Send later", required=False, type="datetime-local")
    kind = fields.choice_field("Kind", CLASSES, required=False, initial="transactional")

    def __init__(
        self,
        *args: Any,
        offer: Offer,
        all_offers: Offers,
        values: Mapping[str, Any],
        compose: str = "",
        **more: Any,
    ) -> None:
        """values: what is chosen so far. compose: where a choice that changes fields is told."""
        super().__init__(*args, **more)
        self.offer = offer
        self.all_offers = all_offers
        self.template = offer.template(str(values.get("template") or ""))
        others = {one.channel: one for one in all_offers.usable()}
        self.fallback_offer = others.get(str(values.get("fallback") or ""))
        self._compose = compose
        self.fallback_template: Template | None = None
        self._choices("sender", offer.senders)
        self.fields["when"].help_text = f"In {zone().key} time. Leave it empty to send now."
        if offer.templates:
            self._add("template", self._template_field(), decides=True)
        self._content(values)
        choices = [(one.channel, f"Send by {one.name}") for one in others.values()]
        self._choices("fallback", [("", "Nothing more"), *choices], decides=True)
        if self.fallback_offer is not None:
            self._fallback(self.fallback_offer, values)

    def _template_field(self) -> forms.ChoiceField:
        free = ("", "None: write the text")
        return fields.choice_field(
            "Template", [free, *self.offer.template_choices()], required=False
        )

    def _content(self, values: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def _variables(self, template: Template, prefix: str) -> None:
        examples = content_of(template).examples
        for name in template.variables:
            field = fields.text_field(
                f"{{{{{name}}}}}", max_length=1024, autocomplete="off",
                placeholder=examples.get(name, ""),
            )  # fmt: skip
            field.error_messages["required"] = f"Fill in {name}."
            self._add(f"{prefix}{name}", field)

    def _fallback(self, offer: Offer, values: Mapping[str, Any]) -> None:
        self._add("fallback_after", fields.choice_field("When", AFTER, required=False))
        self._add("fallback_sender", fields.choice_field("Its sender", offer.senders))
        texts = [(SAME, "The same text"), (OWN, "A text of its own"), *offer.template_choices()]
        self._add("fallback_template", fields.choice_field(
            "What it says", texts, required=False,
        ), decides=True)  # fmt: skip
        wanted = str(values.get("fallback_template") or "")
        self.fallback_template = offer.template(wanted)
        if self.fallback_template is not None:
            self._variables(self.fallback_template, "fvar_")
        elif wanted == OWN:
            self._add("fallback_text", fields.long_text_field("Its text", rows=3))

    def _add(self, name: str, field: forms.Field, *, decides: bool = False) -> None:
        self.fields[name] = field
        if decides:
            self._decides(name)

    def _choices(self, name: str, choices: Choices, *, decides: bool = False) -> None:
        chosen: Any = self.fields[name]
        chosen.choices = choices
        if decides:
            self._decides(name)

    def _decides(self, name: str) -> None:
        """A change of it changes which fields there are: the form is asked for anew."""
        if self._compose:
            self.fields[name].widget.attrs |= {
                "hx-post": self._compose, "hx-trigger": "change", "hx-include": "closest form",
                "hx-target": self.redrawn, "hx-swap": "outerHTML",
                # Its own queue: a counter that is under way neither holds it up nor drops it.
                "hx-sync": "this:queue last",
            }  # fmt: skip

    def clean_when(self) -> str:
        """The local time as it was chosen; one that is none is said here in plain words."""
        text = str(self.cleaned_data["when"])
        try:
            datetime.fromisoformat(text or "2000-01-01")
        except ValueError:
            raise forms.ValidationError("This is no date and time.") from None
        return text

    def variables(self, prefix: str) -> list[Any]:
        """The bound fields of a template's variables."""
        return [self[name] for name in self.fields if name.startswith(prefix)]


def number(text: str) -> str:
    """A number as people write it, in E.164."""
    bare = "".join(char for char in text if char not in " -().\N{NO-BREAK SPACE}")
    return bare if bare.startswith("+") else f"+{bare}"


def plain(text: str) -> str:
    """A text as browsers post it, with the line ends that are sent."""
    return text.replace("\r\n", "\n")


def moment(text: str) -> str:
    """A local time of the form in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=zone()).astimezone(UTC).isoformat()


def of_template(template: Template, given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """A template with the values of its variables, as the API takes it."""
    values = {name: given[f"{prefix}{name}"] for name in template.variables}
    return {"template": template.name, "language": template.language, "variables": values}


def step(form: MessageForm, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fallback's step as the API takes it."""
    found: dict[str, Any] = {"channel": given["fallback"], "from": given["fallback_sender"]}
    if given["fallback_after"]:
        found["after_seconds"] = int(given["fallback_after"])
    if form.fallback_template is not None:
        found |= of_template(form.fallback_template, given, "fvar_")
    elif "fallback_text" in given:
        found["text"] = plain(given["fallback_text"])
    return found


def show_refusal(form: forms.Form, told: Answer, names: Mapping[str, str]) -> str:
    """Each fault at its field; what belongs to none is returned as one sentence."""
    faults = told.body.get("errors") or []
    if not faults and told.body.get("code") == "invalid_number":
        faults = [{"field": "to", "detail": told.detail}]
    rest = [] if faults else [told.detail]
    for one in faults:
        name = _place(str(one.get("field", "")), names, form.fields)
        detail = str(one.get("detail", told.detail))
        detail = detail[:1].upper() + detail[1:]
        if name:
            form.add_error(name, detail)
        else:
            rest.append(detail)
    return " ".join(rest)


def _place(field: str, names: Mapping[str, str], there: Collection[str]) -> str:
    """The form's field that an API's field is about; "" where there is none."""
    for begin, prefix in (("fallback[0].variables.", "fvar_"), ("variables.", "var_")):
        if field.startswith(begin) and prefix + field[len(begin) :] in there:
            return prefix + field[len(begin) :]
    known = sorted((one for one in names if field.startswith(one)), key=len, reverse=True)
    return next((names[one] for one in known if names[one] in there), "")
