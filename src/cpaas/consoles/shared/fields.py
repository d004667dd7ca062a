"""Form fields that look alike everywhere: Unfold's classes, and errors in words."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django import forms
from unfold.widgets import (
    INPUT_CLASSES,
    SELECT_CLASSES,
    SWITCH_CLASSES,
    TEXTAREA_CLASSES,
)

from cpaas.kit.errors import InputError

Choices = Sequence[tuple[str, str]]


def _attributes(classes: Iterable[str], **more: Any) -> dict[str, Any]:
    given = {name: value for name, value in more.items() if value not in (None, "", False)}
    return {"class": " ".join(classes).replace("max-w-2xl", "")} | given


def text_field(
    label: str, *, required: bool = True, help_text: str = "", max_length: int | None = 200,
    initial: Any = None, **attributes: Any,
) -> forms.CharField:  # fmt: skip
    """One line. Further arguments are attributes of the input (placeholder, inputmode …)."""
    return forms.CharField(
        label=label, required=required, help_text=help_text, max_length=max_length,
        initial=initial, widget=forms.TextInput(_attributes(INPUT_CLASSES, **attributes)),
        error_messages={"required": f"{label} is missing."},
    )  # fmt: skip


def password_field(
    label: str, *, required: bool = True, help_text: str = "", **attributes: Any
) -> forms.CharField:
    """A secret; never filled in again."""
    return forms.CharField(
        label=label, required=required, help_text=help_text, strip=False, max_length=200,
        widget=forms.PasswordInput(_attributes(INPUT_CLASSES, **attributes)),
        error_messages={"required": f"{label} is missing."},
    )  # fmt: skip


def long_text_field(
    label: str, *, required: bool = True, help_text: str = "", rows: int = 4, **attributes: Any
) -> forms.CharField:
    """Several lines."""
    return forms.CharField(
        label=label, required=required, help_text=help_text, max_length=100_000,
        widget=forms.Textarea(_attributes(TEXTAREA_CLASSES, rows=rows, **attributes)),
        error_messages={"required": f"{label} is missing."},
    )  # fmt: skip


def number_field(
    label: str, *, required: bool = True, help_text: str = "", initial: int | None = None,
    least: int | None = 0, most: int | None = None,
) -> forms.IntegerField:  # fmt: skip
    """A whole number."""
    return forms.IntegerField(
        label=label, required=required, help_text=help_text, initial=initial,
        min_value=least, max_value=most,
        widget=forms.NumberInput(_attributes(INPUT_CLASSES, inputmode="numeric")),
        error_messages={
            "required": f"{label} is missing.", "invalid": f"{label} must be a whole number.",
        },
    )  # fmt: skip


def choice_field(
    label: str, choices: Choices | Callable[[], Choices], *, required: bool = True,
    help_text: str = "", initial: str = "",
) -> forms.ChoiceField:  # fmt: skip
    """One of a list."""
    return forms.ChoiceField(
        label=label, choices=choices, required=required, help_text=help_text, initial=initial,
        widget=forms.Select(_attributes(SELECT_CLASSES)),
        error_messages={
            "required": f"Choose a {label.lower()}.",
            "invalid_choice": f"This {label.lower()} is not one of the available choices.",
        },
    )  # fmt: skip


def switch_field(label: str, *, help_text: str = "", initial: bool = False) -> forms.BooleanField:
    """On or off."""
    return forms.BooleanField(
        label=label, required=False, help_text=help_text, initial=initial,
        widget=forms.CheckboxInput(_attributes(SWITCH_CLASSES, role="switch")),
    )  # fmt: skip


def add_fault(form: forms.Form, error: InputError, names: dict[str, str] | None = None) -> None:
    """Shows a rule's refusal at the field it is about; `names`: rule's field -> form's field."""
    field = (names or {}).get(error.field, error.field)
    sentence = f"{error.what[:1].upper()}{error.what[1:]}: {error.todo}."
    form.add_error(field if field in form.fields else None, sentence)
