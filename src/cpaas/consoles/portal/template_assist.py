"""AI Assist in the template editor: the model drafts, the checks judge, the person decides."""

import json
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from cpaas.consoles.portal.template_form import TemplateForm, wanted
from cpaas.consoles.shared.runtime import account_id, look, runtime
from cpaas.dlt import queries as dlt
from cpaas.insights.model import Model, ModelError
from cpaas.templates import assist
from cpaas.templates.types import CATEGORIES, Button, Content, Header, NewTemplate

_DLT_MAX = 200


@cache
def _model(host: str, name: str) -> Model:
    return Model(host, name)


@require_POST
def draft(request: HttpRequest) -> HttpResponse:
    """A suggestion beside the form, or why there is none; never an error page."""
    settings = runtime().settings
    body = wanted({key: str(value)[:20_000] for key, value in request.POST.items()})
    new = _about(body)
    rows = look(request, lambda c: dlt.templates(c, account_id(request), most=_DLT_MAX))
    known = [(one.template_id, one.text) for one in rows if one.active]
    context: dict[str, Any] = {"model": settings.ollama_model}
    try:
        if body["type"] == "rich_card":
            raise ModelError("It drafts texts; a card's words are yours.")
        found = assist.draft(
            _model(settings.ollama_host, settings.ollama_model), new,
            request.POST.get("wish", ""), known,
        )  # fmt: skip
    except ModelError as error:
        context["fault"] = str(error)
    else:
        context |= {
            "found": found,
            "values": json.dumps({
                "body": found.body, "dlt_template_id": found.dlt,
                "examples": "\n".join(f"{k} = {v}" for k, v in found.examples.items()),
            }),
        }  # fmt: skip
    return render(request, "portal/template_assist.html", context)


def _about(body: dict[str, Any]) -> NewTemplate:
    """The template that is being written, as far as its draft depends on it."""
    channel, category = body["channel"], body["category"]
    content = Content()
    if channel == "whatsapp":
        category = category if category in CATEGORIES else "UTILITY"
        if body["type"] == "media":
            content = Content(header=Header("image", url="https://example.com/a.png"))
        elif category == "AUTHENTICATION":
            content = Content(buttons=(Button("otp", "Copy code"),))
    return NewTemplate(
        channel, "draft", content, body["type"], body["language"] or "en",
        category if channel == "whatsapp" else "",
    )  # fmt: skip


@require_POST
def use(request: HttpRequest) -> HttpResponse:
    """Puts a suggestion into the form, where the person goes on with it."""
    start = {name: request.POST.get(name, "")[:20_000] for name in ("body", "examples")}
    return render(request, "portal/template_used.html", {"form": TemplateForm(initial=start)})
