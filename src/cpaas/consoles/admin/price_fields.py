"""Saves the price fields of a form: an account's own, or the platform's defaults."""

from typing import Any

from django import forms

from cpaas.billing import check, prices
from cpaas.consoles.admin.user_form import PRICES
from cpaas.kit.errors import InputError


async def save_prices(connection: Any, account_id: int | None, form: forms.Form) -> None:
    """Sets what changed, deletes what was emptied; account None: the platform's defaults.

    Raises InputError with the field's name.
    """
    for field, (channel, category, _) in PRICES.items():
        text = form.cleaned_data[field]
        if text == form.initial[field]:
            continue
        try:
            if text:
                micro = check.amount(text)
                await prices.set_price(connection, account_id, channel, micro, category=category)
            else:
                await prices.delete_price(connection, account_id, channel, category=category)
        except InputError as error:
            raise InputError(error.what, error.todo, field) from error
