"""The forms of the Settings page, one a section, made from the table of options."""

from typing import Any, Final

from django import forms
from unfold.widgets import INPUT_CLASSES

from cpaas.consoles.admin.user_form import PRICES
from cpaas.consoles.shared import fields
from cpaas.settings import options
from cpaas.settings.current import Current
from cpaas.settings.options import Option

#: the sections in their order, by their slugs.
TITLES: Final = {
    "general": "General", "mail": "Mail", "retention": "Retention", "model": "Ollama",
    "prices": "Default prices", "alerts": "Operator alerts",
}  # fmt: skip
_TEXTS: Final = {
    "general": "Name and logo stand on both consoles and in their mails.",
    "mail": "For forgotten passwords and operator alerts.",
    "retention": (
        "Money and the audit log stay for ever: the one is the books, and a chain that lost its"
        " beginning would prove nothing."
    ),
    "model": "The language model of AI insights and AI Assist.",
    "prices": (
        "Copied to every new account; accounts that exist keep theirs. Empty: no price, and"
        " sending answers no_price. 0 must be meant."
    ),
    "alerts": (
        "Each is told once, again only while it stays open, and once more when it is over. All of"
        " them stand in Monitoring."
    ),
}


class SectionForm(forms.Form):
    """The settings of one section; what the environment sets is shown and cannot be changed."""

    def __init__(self, section: str, current: Current, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.section = section
        if section == "prices":
            for name, (_, _, label) in PRICES.items():
                self.fields[name] = fields.text_field(label, required=False, inputmode="decimal")
        for option in options.of(section):
            self.fields[option.name] = _field(option, current)
        if section == "general":
            self.fields["logo"] = forms.FileField(
                label="Logo", required=False, allow_empty_file=True,
                help_text="PNG, JPEG or WebP of up to 256 KiB, best a square.",
                widget=forms.FileInput(
                    {"class": " ".join(INPUT_CLASSES), "accept": "image/png,image/jpeg,image/webp"}
                ),
            )  # fmt: skip
            if current.logo:
                self.fields["no_logo"] = fields.switch_field("Remove the logo")

    @property
    def title(self) -> str:
        """The tab's name."""
        return TITLES[self.section]

    @property
    def text(self) -> str:
        """What the section is for."""
        return _TEXTS[self.section]

    def texts(self) -> dict[str, str]:
        """What was entered, as texts for the checks; without what the environment sets."""
        found = {}
        for option in options.of(self.section):
            if self.fields[option.name].disabled:
                continue
            value = self.cleaned_data.get(option.name)
            if option.kind == "switch":
                value = "on" if value else "off"
            found[option.name] = "" if value is None else str(value)
        return found


def _field(option: Option, current: Current) -> forms.Field:
    made = _widget(option)
    fixed = current.fixed_by(option)
    if option.kind != "secret":
        made.initial = current[option.name]
    if fixed:
        made.disabled = True
        made.required = False
        made.help_text = f"Set by the environment ({fixed})."
        if option.section == "mail" and option.name != "mail_from":
            made.initial = ""
    elif option.kind == "secret" and current[option.name]:
        made.widget.attrs["placeholder"] = "••••••••"
    return made


def _widget(option: Option) -> forms.Field:
    label, text = option.label, option.help
    if option.kind == "int":
        return fields.number_field(label, help_text=text, least=option.minimum, most=option.maximum)
    if option.kind == "switch":
        return fields.switch_field(label, help_text=text)
    if option.kind == "choice":
        return fields.choice_field(label, option.choices, help_text=text)
    if option.kind == "secret":
        return fields.password_field(
            label, required=False, help_text=text, autocomplete="new-password"
        )
    wanted = option.kind in {"zone", "currency"}
    return fields.text_field(label, required=wanted, help_text=text, max_length=2000)
