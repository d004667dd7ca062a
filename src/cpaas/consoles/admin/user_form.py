"""The user editor's form: its tabs, its fields, and how an account fills them."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms

from cpaas.accounts.editing_types import Edited
from cpaas.billing.types import PriceRow
from cpaas.consoles.shared.fields import (
    choice_field,
    long_text_field,
    number_field,
    switch_field,
    text_field,
)
from cpaas.kit import money

CHANNELS: Final = (("sms", "SMS"), ("whatsapp", "WhatsApp"), ("rcs", "RCS"), ("voice", "Voice"))
#: field -> channel, category, label: the prices that every account has.
PRICES: Final = {
    "price_sms": ("sms", "", "SMS price per segment"),
    "price_uic": ("whatsapp", "UIC", "UIC (utility)"),
    "price_mic": ("whatsapp", "MIC", "MIC (marketing)"),
    "price_sic": ("whatsapp", "SIC", "SIC (service)"),
    "price_auth": ("whatsapp", "AUTH", "Auth"),
    "price_auth_int": ("whatsapp", "AUTH_INT", "Auth INT"),
    "price_rcs": ("rcs", "", "RCS price per message"),
    "price_voice_minute": ("voice", "minute", "Voice price per minute"),
    "price_voice_call": ("voice", "call", "Voice price per call"),
}
_NO_PRICE: Final = "Empty: no price, and sending answers no_price. 0 must be meant."
_DLT: Final = (
    ("", "By PE ID: enforce when one is set"), ("off", "Off"), ("warn", "Warn"),
    ("enforce", "Enforce"),
)  # fmt: skip


class UserForm(forms.Form):
    """Every field of an account; the choices of routes come with the instance."""

    username = text_field("Username", autocomplete="off")
    name = text_field("Account name", help_text="Fills every Account column.")
    email = text_field("Email", required=False, type="email")
    phone = text_field("Phone", required=False)
    active = switch_field("Active", help_text="Off: calls and logins are refused, messages held.")
    allowed_ips = long_text_field(
        "Whitelisted IPs", required=False, rows=3,
        help_text="An address or a network (CIDR) a line, for REST and SMPP. Empty: all.",
    )  # fmt: skip
    webhook_url = text_field(
        "Webhook URL", required=False, type="url", placeholder="https://example.com/dlr",
        help_text="Delivery receipts are posted here, signed. Empty: none.",
    )  # fmt: skip
    sms_enabled = switch_field("SMS")
    whatsapp_enabled = switch_field("WhatsApp")
    rcs_enabled = switch_field("RCS")
    voice_enabled = switch_field("Voice")
    tm_id = text_field("Telemarketer ID", required=False, inputmode="numeric")
    pe_id = text_field(
        "PE ID", required=False, inputmode="numeric", help_text="19 digits, from the DLT portal."
    )
    dlt_mode = choice_field("DLT check", _DLT, required=False)
    route_sms = choice_field("SMS route", (), required=False)
    route_whatsapp = choice_field("WhatsApp route", (), required=False)
    route_rcs = choice_field("RCS route", (), required=False)
    route_voice = choice_field("Voice route", (), required=False)
    billing_mode = choice_field("Billing", (("prepaid", "Prepaid"), ("postpaid", "Postpaid")))
    credit_limit = text_field(
        "Credit limit", inputmode="decimal", help_text="How far below 0 the balance may go."
    )
    low_balance = text_field(
        "Low balance mark", inputmode="decimal",
        help_text="Passing it sends the event balance.low. 0: never.",
    )  # fmt: skip
    refund_failed = switch_field(
        "Refund what a carrier failed",
        help_text="What never reached a carrier is refunded always.",
    )
    tps = number_field("Messages per second", help_text="0: no limit.")
    daily_cap = number_field("Messages per day", help_text="0: no cap.")
    countries = text_field(
        "Countries", required=False, placeholder="IN, AE, DE",
        help_text="Two-letter codes that may be sent to. Empty: all.",
    )  # fmt: skip

    def __init__(self, *args: Any, routes: Sequence[tuple[str, str]] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        for channel, _ in CHANNELS:
            names = [(name, name) for name, of in routes if of == channel]
            field: Any = self.fields[f"route_{channel}"]
            field.choices = [("", "By the routing rules"), *names]
        for field_name, (_, _, label) in PRICES.items():
            self.fields[field_name] = text_field(label, required=False, inputmode="decimal")

    @property
    def tabs(self) -> list[dict[str, Any]]:
        """The tabs with their fields, in the guide's order."""
        return [
            {
                "slug": slug,
                "title": title,
                "text": text,
                "fields": [self[name] for name in names],
                "faulty": any(self[name].errors for name in names),
            }
            for slug, title, text, names in _TABS
        ]

    def price_fields(self) -> list[Any]:
        """The prices as bound fields."""
        return [self[name] for name in PRICES]


_TABS: Final = (
    ("basic", "Basic Info", "", ("username", "name", "email", "phone", "active", "allowed_ips")),
    ("api", "API Credentials", "", ()),
    ("webhook", "DLR Webhook", "", ("webhook_url",)),
    (
        "channels", "Channel Enablement",
        "A channel that is off answers 403 channel_disabled and is hidden in the portal.",
        ("sms_enabled", "whatsapp_enabled", "rcs_enabled", "voice_enabled"),
    ),
    (
        "compliance", "SMS Compliance", "Only for destinations where DLT applies.",
        ("tm_id", "pe_id", "dlt_mode"),
    ),
    (
        "routes", "Route Assignment",
        "An assigned route stands before all rules; if it is off or down, the rules decide.",
        ("route_sms", "route_whatsapp", "route_rcs", "route_voice"),
    ),
    ("pricing", "Pricing", _NO_PRICE, tuple(PRICES)),
    ("balance", "Balance", "", ("billing_mode", "credit_limit", "low_balance", "refund_failed")),
    ("limits", "Limits", "", ("tps", "daily_cap", "countries")),
)  # fmt: skip


def initial(known: Edited, prices: Sequence[PriceRow]) -> dict[str, Any]:
    """An account's values as the form shows them."""
    base = {
        (one.channel, one.category): one.amount_micro
        for one in prices
        if not one.prefix and not one.country
    }
    found: dict[str, Any] = {
        name: getattr(known, name)
        for name in (
            "username", "name", "email", "phone", "active", "webhook_url", "sms_enabled",
            "whatsapp_enabled", "rcs_enabled", "voice_enabled", "tm_id", "pe_id", "dlt_mode",
            "billing_mode", "refund_failed", "tps", "daily_cap",
        )
    }  # fmt: skip
    found["allowed_ips"] = "\n".join(known.allowed_ips)
    found["countries"] = ", ".join(known.countries)
    found["credit_limit"] = money.show(known.credit_limit_micro)
    found["low_balance"] = money.show(known.low_balance_micro)
    for channel, _ in CHANNELS:
        found[f"route_{channel}"] = known.assigned.get(channel, "")
    for field, (channel, category, _) in PRICES.items():
        micro = base.get((channel, category))
        found[field] = "" if micro is None else money.show(micro)
    return found
