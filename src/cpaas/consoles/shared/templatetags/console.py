"""Filters and tags of every template here: money, times, counts, assets, badges."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils.safestring import SafeString

from cpaas.consoles.shared import cells, formats, tones
from cpaas.consoles.shared.runtime import runtime

register = template.Library()


@register.simple_tag
@cache
def asset(path: str) -> str:
    """A static file's address, which changes with its content and may be kept for long."""
    found = finders.find(path)
    content = Path(str(found)).read_bytes() if found else b""
    return f"{static(path)}?{hashlib.sha256(content).hexdigest()[:8]}"


@register.filter
def money(micro: int) -> str:
    """₹0.1200."""
    return formats.amount(micro, runtime().settings.currency)


@register.filter
def count(number: int) -> str:
    """1,284,902."""
    return formats.count(number)


@register.filter
def when(micros: int | None) -> SafeString:
    """HH:MM, with the whole moment on hover."""
    return cells.time(micros)


@register.filter
def badge(status: str) -> SafeString:
    """A status in its colour."""
    return cells.badge(status)


@register.filter
def tone(status: str) -> str:
    """The tone class of a status."""
    return tones.tone(status)


@register.filter
def initial(name: Any) -> str:
    """The first letter, for the round sign of a person."""
    return str(name)[:1].upper()


@register.simple_tag(takes_context=True)
def same_but(context: template.Context, **changes: str) -> str:
    """This page's query with other values; an empty value removes one."""
    query = context["request"].GET.copy()
    query.pop("after", None)
    for name, value in changes.items():
        if value:
            query[name] = value
        else:
            query.pop(name, None)
    return f"?{query.urlencode()}"
