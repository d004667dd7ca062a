"""The API's reference as one page, made from the OpenAPI document by the server itself.

It must be readable where nothing outside can be reached, so it needs no script from elsewhere,
and none at all to be read: the script only adds tabs, copy buttons and the phone's menu.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from cpaas.api.docs_errors import PROBLEMS, code_block, errors
from cpaas.api.docs_samples import Call, samples
from cpaas.api.docs_schema import Schema, example, field, fields, prose, resolved

POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOLDER: Final = files("cpaas.api") / "static"
#: name → (content type, content), to be served under /docs/.
STATIC: Final[dict[str, tuple[str, bytes]]] = {
    "docs.css": ("text/css; charset=utf-8", (_FOLDER / "docs.css").read_bytes()),
    "docs.js": ("text/javascript; charset=utf-8", (_FOLDER / "docs.js").read_bytes()),
}
_SAYS_NOTHING: Final = frozenset(one.description for one in HTTPStatus)
_METHODS: Final = ("post", "get", "put", "patch", "delete")


class Operation(NamedTuple):
    """One call of the document."""

    method: str
    path: str
    told: Schema
    schemas: Schema
    has_key: bool

    @property
    def anchor(self) -> str:
        """Its place in the page: get-v1-messages-id."""
        return re.sub(r"[^a-z0-9]+", "-", f"{self.method}{self.path}".lower()).strip("-")

    @property
    def title(self) -> str:
        """Its summary, else the path."""
        return str(self.told.get("summary") or self.path)


def page(
    openapi: dict[str, Any],
    base_url: str,
    problems: Sequence[tuple[int, str, str]] = PROBLEMS,
) -> str:
    """The whole page; `base_url` is where customers reach the API."""
    base = base_url.rstrip("/")
    info = openapi.get("info", {})
    title = escape(str(info.get("title", "API")))
    groups = _groups(openapi)
    sections = "".join(_group(noun, calls, base) for noun, calls in groups.items())
    static = escape(urlsplit(base).path + "/docs", quote=True)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title>"
        f'<link rel="stylesheet" href="{static}/docs.css">'
        f'<link rel="icon" href="data:,"><script src="{static}/docs.js" defer></script></head>'
        '<body><a class="skip" href="#content">Skip to content</a>'
        f'<header class="bar"><a class="brand" href="#top"><span class="logo" aria-hidden="true">'
        f'</span>{title}</a><span class="side">version {escape(str(info.get("version", "")))}'
        f"</span></header>{_navigation(groups)}"
        f'<main id="content"><div id="top">{_introduction(info, base, static)}</div>'
        f"{sections}{errors(problems)}</main></body></html>"
    )


def _groups(openapi: Schema) -> dict[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    schemas = openapi.get("components", {}).get("schemas", {})
    for path, methods in openapi.get("paths", {}).items():
        for method in _METHODS:
            if method in methods:
                told = methods[method]
                noun = str((told.get("tags") or ["Calls"])[0])
                secured = bool(told.get("security", openapi.get("security", ())))
                call = Operation(method.upper(), path, told, schemas, secured)
                groups.setdefault(noun, []).append(call)
    # A list's calls stand before those of one of its things; the sort keeps a path's own order.
    return {noun: sorted(calls, key=lambda call: call.path) for noun, calls in groups.items()}


def _navigation(groups: Mapping[str, Sequence[Operation]]) -> str:
    parts = ['<h2><a href="#top">Start here</a></h2>']
    for noun, calls in groups.items():
        links = "".join(
            f'<li><a href="#{call.anchor}">{_badge(call.method)}'
            f"<span>{escape(call.title)}</span></a></li>"
            for call in calls
        )
        parts.append(f'<h2><a href="#{_slug(noun)}">{escape(noun)}</a></h2><ul>{links}</ul>')
    parts.append('<h2><a href="#errors">Errors</a></h2>')
    return f'<nav id="contents" aria-label="Contents">{"".join(parts)}</nav>'


def _introduction(info: Schema, base: str, static: str) -> str:
    document = static.removesuffix("/docs") + "/openapi.json"
    return (
        f"<h1>{escape(str(info.get('title', 'API')))}</h1>"
        f'<p class="lead">{prose(str(info.get("description", "")))}</p>'
        '<dl class="facts">'
        f"<dt>Address</dt><dd><code>{escape(base)}</code></dd>"
        "<dt>Key</dt><dd><code>Authorization: Bearer &lt;key&gt;</code> or "
        "<code>X-API-Key: &lt;key&gt;</code>. A key that begins with <code>test_</code> reaches "
        "simulated carriers only and costs nothing.</dd>"
        "<dt>Bodies</dt><dd>JSON in UTF-8; money as text with four decimals; times in UTC.</dd>"
        "<dt>Repeats</dt><dd>Send an <code>Idempotency-Key</code> and repeat as often as needed: "
        "for 24 hours the same key gives the first answer.</dd>"
        "<dt>Lists</dt><dd><code>limit</code> and <code>cursor</code>; the next page's cursor is "
        "<code>next_cursor</code>.</dd>"
        f'<dt>Document</dt><dd><a href="{document}">OpenAPI 3.1</a></dd></dl>'
    )


def _group(noun: str, calls: Sequence[Operation], base: str) -> str:
    inner = "".join(_operation(call, base) for call in calls)
    return f'<section class="noun"><h2 id="{_slug(noun)}">{escape(noun)}</h2>{inner}</section>'


def _operation(call: Operation, base: str) -> str:
    path = re.sub(r"(\{[^}]+\})", r"<var>\1</var>", escape(call.path))
    return (
        f'<article id="{call.anchor}" aria-labelledby="{call.anchor}-title">'
        f'<div class="told"><h3 id="{call.anchor}-title"><a href="#{call.anchor}">'
        f'{escape(call.title)}</a></h3><p class="path">{_badge(call.method)}'
        f"<code>{path}</code></p><p>{prose(str(call.told.get('description', '')))}</p>"
        f"{''.join(_requirements(call))}{_answers(call)}</div>"
        f'<div class="shown">{_samples(call, base)}{_example_answer(call)}</div></article>'
    )


def _requirements(call: Operation) -> Iterator[str]:
    for place, heading in (("path", "Path"), ("query", "Query"), ("header", "Headers")):
        told = [p for p in call.told.get("parameters", ()) if p.get("in") == place]
        if told:
            items = "".join(
                field(
                    str(one["name"]),
                    {
                        # "or null" of a parameter only means that it may be left out.
                        **resolved(one.get("schema", {}), call.schemas),
                        "description": one.get("description", ""),
                    },
                    call.schemas,
                    bool(one.get("required")),
                )
                for one in told
            )
            yield f'<h4>{heading}</h4><ul class="fields">{items}</ul>'
    media_type, content = _body(call)
    listed = fields(content.get("schema", {}), call.schemas)
    if listed:
        yield f'<h4>Body <span class="side">{escape(media_type)}</span></h4>{listed}'


def _answers(call: Operation) -> str:
    parts = []
    for status, answer in sorted(call.told.get("responses", {}).items()):
        media_type, content = _first(answer.get("content"))
        good = str(status).startswith("2")
        if not good and "problem" not in media_type:
            continue  # The framework's own form of errors, which this API never sends.
        listed = fields(content.get("schema", {}), call.schemas) if good else ""
        fold = f"<details><summary>Fields</summary>{listed}</details>" if listed else ""
        text = str(answer.get("description", ""))
        told = "" if text in _SAYS_NOTHING else f"<p>{prose(text)}</p>"
        parts.append(
            f'<div class="answer"><b class="{"ok" if good else "bad"}">{escape(str(status))}</b>'
            f"<div>{told}{fold}</div></div>"
        )
    return (
        f'<h4>Answers</h4>{"".join(parts)}<p class="side">Errors are problem documents with a '
        'stable <code>code</code>: see <a href="#errors">Errors</a>.</p>'
    )


def _samples(call: Operation, base: str) -> str:
    media_type, content = _body(call)
    schema = content.get("schema", {})
    form: tuple[str, ...] = ()
    body = None
    if media_type.startswith("multipart/"):
        form = tuple(resolved(schema, call.schemas).get("properties", {"file": {}}))
    elif media_type:
        body = content.get("example", example(schema, call.schemas, brief=True))
    told = call.told.get("parameters", ())
    url = base + call.path
    for one in told:
        if one.get("in") == "path":
            value = example(one.get("schema", {}), call.schemas, "id")
            url = url.replace("{" + str(one["name"]) + "}", str(value or "id"))
    needed = [p for p in told if p.get("in") == "query" and p.get("required")]
    query = {p["name"]: example(p.get("schema", {}), call.schemas, p["name"]) for p in needed}
    url += f"?{urlencode(query)}" if query else ""
    parts = []
    for name, text in samples(Call(call.method, url, body, call.has_key, form)):
        code = code_block(text, f"{call.title}: {name}")
        parts.append(f'<section class="sample"><h4>{name}</h4>{code}</section>')
    return f'<div class="samples">{"".join(parts)}</div>'


def _example_answer(call: Operation) -> str:
    responses = call.told.get("responses", {})
    # Accepted is the telling one where a dry run may answer 200.
    good = sorted((s for s in map(str, responses) if s.startswith("2")), key=lambda s: s != "202")
    for status in good[:1]:
        media_type, content = _first(responses[status].get("content"))
        if "json" in media_type:
            value = content.get("example", example(content.get("schema", {}), call.schemas))
            if status == "202" and isinstance(value, dict) and "status" in value:
                value = {**value, "status": "QUEUED"}  # Nothing has come of it yet.
            code = code_block(_json(value), f"{call.title}: answer")
            return f'<section class="sample"><h4>Answer {escape(status)}</h4>{code}</section>'
    return ""


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _body(call: Operation) -> tuple[str, Schema]:
    return _first(call.told.get("requestBody", {}).get("content"))


def _first(content: Schema | None) -> tuple[str, Schema]:
    return next(iter((content or {}).items()), ("", {}))


def _badge(method: str) -> str:
    return f'<span class="method {method.lower()}">{method}</span>'


def _slug(text: str) -> str:
    return "noun-" + re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
