"""API docs: the first calls, in three languages, with the account's own address and sender."""

import itertools
import json
import shlex
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.accounts import queries
from cpaas.consoles.portal.offers import Offer, Offers, content_of, offers
from cpaas.consoles.portal.quick import sandbox_numbers
from cpaas.consoles.shared.runtime import account_id, look, runtime
from cpaas.consoles.shared.screen import Page, Screen
from cpaas.snapshot.types import Template

_LANGUAGES: Final = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))
#: stands for a file as the body of a call.
_FILE: Final = "numbers.csv"
_TO: Final = "+999000000001"


class Call(msgspec.Struct, frozen=True):
    """One call of the page. body: JSON, `_FILE` for a file's bytes, or None."""

    title: str
    method: str
    path: str
    body: Any = None


def api_docs(request: HttpRequest) -> HttpResponse:
    """The page."""
    account = account_id(request)
    here = runtime().settings
    base = here.url(here.core_port)
    keys = look(request, lambda c: queries.api_keys(c, account))
    test = next((key.prefix for key in keys if key.kind == "test"), "test_")
    found = offers(request)
    groups = [
        ("Send", [_message(one) for one in found.by_channel.values() if _is_on(one)]),
        ("Follow", _FOLLOW), ("Campaigns", _campaign(found)), ("Templates", _templates(found)),
        ("Account", _ACCOUNT),
    ]  # fmt: skip
    numbers = itertools.count(1)
    context = {
        "title": "API docs", "base": base, "reference": f"{base}/docs", "key": f"{test}…",
        "languages": _LANGUAGES, "numbers": [*sandbox_numbers("sms"), ("any other", "delivered")],
        "locked": [one for one in found.by_channel.values() if not _is_on(one)],
        "groups": [
            (name, [_shown(call, base, f"{test}…", next(numbers)) for call in calls])
            for name, calls in groups
        ],
    }  # fmt: skip
    return render(request, "portal/api_docs.html", context)


def _shown(call: Call, base: str, key: str, number: int) -> dict[str, Any]:
    return {
        "title": call.title, "method": call.method, "path": call.path, "slug": number,
        "samples": [(slug, word, _sample(slug, base, key, call)) for slug, word in _LANGUAGES],
    }  # fmt: skip


def _is_on(offer: Offer) -> bool:
    """Whether the channel can be used; SMS is shown anyway, by the route's own sender."""
    return offer.channel == "sms" or not offer.why_not


def _message(offer: Offer) -> Call:
    """A message of this channel with the account's own sender, and its template if it has one."""
    body: dict[str, Any] = {"channel": offer.channel, "to": _TO}
    if offer.senders:
        body["from"] = offer.senders[0][0]
    if offer.templates:
        body |= _made_of(offer.templates[0])
        return Call(f"Send {offer.name} by your template {offer.templates[0].name}", "POST",
                    "/v1/messages", body)  # fmt: skip
    body |= _TEXTS[offer.channel]
    return Call(f"Send {offer.name}", "POST", "/v1/messages", body)


def _made_of(template: Template) -> dict[str, Any]:
    examples = content_of(template).examples
    values = {name: examples.get(name, "…") for name in template.variables}
    return {"template": template.name, "language": template.language, "variables": values}


_TEXTS: Final[dict[str, dict[str, Any]]] = {
    "sms": {"text": "Hello"},
    "whatsapp": {"text": "Hello, thank you for writing to us."},
    "rcs": {
        "rcs": {
            "card": {
                "title": "20% off until Sunday", "description": "Members shop one day early.",
                "suggestions": [{"type": "url", "text": "Shop", "url": "https://shop.example"}],
            }
        }
    },
    "voice": {"text": "Your table is ready.", "voice": {"language": "en-IN", "repeat": 2}},
}  # fmt: skip
_FOLLOW: Final = (
    Call("See a message's whole life", "GET", "/v1/messages/MESSAGE_ID/timeline"),
    Call("Read replies", "GET", "/v1/inbound?limit=50"),
    Call("Receive receipts", "PUT", "/v1/webhook", {"url": "https://shop.example/hooks/cpaas"}),
)
_ACCOUNT: Final = (
    Call("Read the balance", "GET", "/v1/balance"),
    Call("Ask what a number costs", "GET", "/v1/prices/quote?to=%2B919876543210&channel=sms"),
)


def _campaign(found: Offers) -> list[Call]:
    """From the words to the start, on the first channel that can be used."""
    usable = found.usable() or [found["sms"]]
    offer = usable[0]
    body: dict[str, Any] = {"name": "Diwali offer", "channel": offer.channel}
    if offer.senders:
        body["from"] = offer.senders[0][0]
    body["text"] = "Hello {{name}}, 20% off until Sunday."
    return [
        Call("Make a campaign", "POST", "/v1/campaigns", body),
        Call("Give it its file: a column phone, and name for {{name}}", "PUT",
             f"/v1/campaigns/CAMPAIGN_ID/file?name={_FILE}", _FILE),
        Call("See what it will cost and reach", "GET", "/v1/campaigns/CAMPAIGN_ID/intelligence"),
        Call("Start it", "POST", "/v1/campaigns/CAMPAIGN_ID/start"),
    ]  # fmt: skip


def _templates(found: Offers) -> list[Call]:
    """One to write, and one of the account's own to read."""
    new = {
        "channel": "sms", "name": "order_shipped", "submit": True,
        "content": {"body": "Your order {{number}} is on its way.", "examples": {"number": "17"}},
    }  # fmt: skip
    own = next((one for offer in found.by_channel.values() for one in offer.templates), None)
    read = Call("List templates", "GET", "/v1/templates")
    if own is not None:
        read = Call(f"Read your template {own.name}", "GET", f"/v1/templates/{own.id}")
    return [Call("Write a template and submit it", "POST", "/v1/templates", new), read]


def _sample(language: str, base: str, key: str, call: Call) -> str:
    made = {"curl": _curl, "python": _python, "javascript": _javascript}[language]
    return made(f"{base}{call.path}", key, call.method, call.body)


def _curl(url: str, key: str, method: str, body: Any) -> str:
    verb = "" if method == "GET" else f"-X {method} "
    lines = [f"curl -s {verb}{shlex.quote(url)}"]
    lines.append(f"  -H 'Authorization: Bearer {key}'")
    if body == _FILE:
        lines.append(f"  --data-binary @{_FILE}")
    elif body is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return " \\\n".join(lines)


def _python(url: str, key: str, method: str, body: Any) -> str:
    data = "" if body is None else f"\n    data=json.dumps({body!r}).encode(),"
    kind = "" if body is None else ', "Content-Type": "application/json"'
    if body == _FILE:
        data, kind = f'\n    data=open("{_FILE}", "rb").read(),', ""
    return (
        "import json, urllib.request\n\n"
        f"request = urllib.request.Request(\n    {url!r}, method={method!r},{data}\n"
        f'    headers={{"Authorization": "Bearer {key}"{kind}}},\n)\n'
        "with urllib.request.urlopen(request) as answer:\n    print(json.load(answer))"
    )


def _javascript(url: str, key: str, method: str, body: Any) -> str:
    data = "" if body is None else f"\n  body: JSON.stringify({json.dumps(body)}),"
    kind = "" if body is None else ', "Content-Type": "application/json"'
    first = ""
    if body == _FILE:
        first = 'import { readFile } from "node:fs/promises";\n'
        data, kind = f'\n  body: await readFile("{_FILE}"),', ""
    return (
        f'{first}const answer = await fetch({json.dumps(url)}, {{\n  method: "{method}",\n'
        f'  headers: {{Authorization: "Bearer {key}"{kind}}},{data}\n}});\n'
        "console.log(await answer.json());"
    )


SCREEN = Screen(
    title="API docs",
    icon="code",
    slug="api",
    group="Account",
    roles=frozenset({"owner", "developer"}),
    pages=[Page("", api_docs, "home")],
)
