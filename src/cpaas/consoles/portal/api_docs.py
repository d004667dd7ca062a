"""API docs: the first calls, in three languages, with the account's own address and sender."""

import json
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from cpaas.accounts import queries
from cpaas.consoles.portal.quick import approved_senders
from cpaas.consoles.shared.runtime import account_id, look, runtime
from cpaas.consoles.shared.screen import Page, Screen

_LANGUAGES: Final = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))
_NUMBERS: Final = (
    ("+999 00 0000 0001", "delivered"), ("+999 00 0000 0002", "failed"),
    ("+999 00 0000 0003", "rejected"), ("+999 00 0000 0004", "expired"),
    ("+999 00 0000 0005", "slow receipt"), ("+999 00 0000 0006", "no receipt"),
    ("+999 00 0000 0007", "throttled first"), ("any other", "delivered"),
)  # fmt: skip


def api_docs(request: HttpRequest) -> HttpResponse:
    """The page."""
    account = account_id(request)
    here = runtime().settings
    base = here.url(here.core_port)
    keys = look(request, lambda c: queries.api_keys(c, account))
    test = next((key.prefix for key in keys if key.kind == "test"), "test_")
    senders = approved_senders(request, "sms")
    message: dict[str, Any] = {"channel": "sms", "to": "+999000000001", "text": "Hello"}
    if senders:
        message["from"] = senders[0][0]
    calls = [
        ("Send one SMS", "POST", "/v1/messages", message),
        ("See its whole life", "GET", "/v1/messages/MESSAGE_ID/timeline", None),
        ("Read the balance", "GET", "/v1/balance", None),
        ("Receive receipts", "PUT", "/v1/webhook", {"url": "https://shop.example/hooks/cpaas"}),
    ]
    context = {
        "title": "API docs", "base": base, "reference": f"{base}/docs", "key": f"{test}…",
        "languages": _LANGUAGES, "numbers": _NUMBERS,
        "calls": [
            {"title": title, "method": method, "path": path, "slug": number,
             "samples": [(slug, word, _sample(slug, base, f"{test}…", method, path, body))
                         for slug, word in _LANGUAGES]}
            for number, (title, method, path, body) in enumerate(calls, 1)
        ],
    }  # fmt: skip
    return render(request, "portal/api_docs.html", context)


def _sample(language: str, base: str, key: str, method: str, path: str, body: Any) -> str:
    made = {"curl": _curl, "python": _python, "javascript": _javascript}[language]
    return made(f"{base}{path}", key, method, body)


def _curl(url: str, key: str, method: str, body: Any) -> str:
    lines = [f"curl -s {url}" if method == "GET" else f"curl -s -X {method} {url}"]
    lines.append(f"  -H 'Authorization: Bearer {key}'")
    if body is not None:
        lines.append("  -H 'Content-Type: application/json'")
        lines.append(f"  -d '{json.dumps(body)}'")
    return " \\\n".join(lines)


def _python(url: str, key: str, method: str, body: Any) -> str:
    data = "" if body is None else f"\n    data=json.dumps({body!r}).encode(),"
    kind = "" if body is None else ', "Content-Type": "application/json"'
    return (
        "import json, urllib.request\n\n"
        f"request = urllib.request.Request(\n    {url!r}, method={method!r},{data}\n"
        f'    headers={{"Authorization": "Bearer {key}"{kind}}},\n)\n'
        "with urllib.request.urlopen(request) as answer:\n    print(json.load(answer))"
    )


def _javascript(url: str, key: str, method: str, body: Any) -> str:
    data = "" if body is None else f"\n  body: JSON.stringify({json.dumps(body)}),"
    kind = "" if body is None else ', "Content-Type": "application/json"'
    return (
        f'const answer = await fetch({json.dumps(url)}, {{\n  method: "{method}",\n'
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
