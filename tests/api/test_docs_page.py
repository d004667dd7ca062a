"""The reference page: whole, without anything from outside, and true to its document."""

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cpaas.api import docs_page
from cpaas.api.docs_samples import LANGUAGES, Call, samples
from cpaas.api.docs_schema import example, fields, type_name

BASE = "https://api.example/cpaas"
MESSAGE = {
    "type": "object",
    "required": ["channel", "to"],
    "properties": {
        "channel": {"type": "string", "enum": ["sms", "whatsapp", "rcs", "voice"]},
        "to": {
            "oneOf": [
                {"type": "string", "maxLength": 16},
                {"type": "array", "maxItems": 10000, "items": {"type": "string"}},
            ],
            "description": "One number or a list, in `E.164`",
        },
        "from": {"oneOf": [{"type": "string"}, {"type": "null"}]},
        "text": {"type": "string", "maxLength": 1600, "default": ""},
        "dlt": {"oneOf": [{"$ref": "#/components/schemas/Dlt"}, {"type": "null"}]},
        "fallback": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}},
    },
}
DLT = {
    "type": "object",
    "required": ["pe_id"],
    "properties": {"pe_id": {"type": "string", "pattern": "^[0-9]{19}$"}},
}
VIEW = {"type": "object", "properties": {"id": {"type": "string"}, "status": {"type": "string"}}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "A <Core> API", "version": "1.2", "description": "Send `messages`."},
    "security": [{"bearer": []}],
    "components": {"schemas": {"Message": MESSAGE, "Dlt": DLT, "View": VIEW}},
    "paths": {
        "/v1/messages": {
            "post": {
                "tags": ["Messages"],
                "summary": "Send a message",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Message"}}
                    }
                },
                "responses": {
                    "202": {
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/View"}}
                        }
                    },
                    "422": {},
                },
            },
            "get": {
                "tags": ["Messages"],
                "summary": "Search",
                "parameters": [
                    {
                        "name": "limit",
                        "in": "query",
                        "schema": {"type": "integer", "maximum": 200.0},
                    },
                    {
                        "name": "since",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "string", "format": "date-time"},
                    },
                ],
            },
        },
        "/v1/messages/{id}": {
            "get": {
                "tags": ["Messages"],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
                ],
            }
        },
        "/v1/campaigns": {
            "post": {
                "tags": ["Campaigns"],
                "requestBody": {
                    "content": {
                        "multipart/form-data": {
                            "schema": {"properties": {"file": {"type": "string"}}}
                        }
                    }
                },
            }
        },
        "/health": {"get": {"tags": ["Service"], "security": []}},
    },
}


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.inline_scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.attributes |= set(told)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.links += [told[name] or "" for name in ("href", "src") if name in told]
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in {"script", "style"}:
            self.inline_scripts.append(data)


def real_document() -> dict[str, Any]:
    """The document of the application itself, without anything behind it."""
    app = pytest.importorskip("cpaas.api.app")
    application = app.make_app(None, [])
    return dict(json.loads(json.dumps(app.openapi_document(application))))


@pytest.mark.parametrize("which", ["fixture", "real"])
def test_page_is_whole_and_needs_nothing_from_outside(which: str) -> None:
    document = DOCUMENT if which == "fixture" else real_document()
    page = Page(docs_page.page(document, BASE))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    outside = [link for link in page.links if link.startswith(("http:", "https:", "//"))]
    assert outside == []
    assert page.inline_scripts == []
    assert not {name for name in page.attributes if name.startswith("on") or name == "style"}
    for path in document["paths"]:
        assert path in page.text


def test_every_static_file_is_used_and_every_use_is_there() -> None:
    page = Page(docs_page.page(DOCUMENT, BASE))
    used = {link for link in page.links if link.startswith("/cpaas/docs/")}
    assert used == {f"/cpaas/docs/{name}" for name in docs_page.STATIC}
    for _, content in docs_page.STATIC.values():
        assert not re.search(rb"https?://|@import|url\(|innerHTML|eval\(", content)


def test_text_of_the_document_is_escaped() -> None:
    text = docs_page.page(DOCUMENT, BASE)
    assert "A &lt;Core&gt; API" in text
    assert "<Core>" not in text
    assert "Send <code>messages</code>." in text


def test_every_code_of_the_api_has_its_anchor() -> None:
    text = docs_page.page(DOCUMENT, BASE)
    sources = Path(docs_page.__file__).parent.glob("*.py")
    told = "\n".join(path.read_text() for path in sources)
    codes = set(re.findall(r'ProblemError\(\s*\d+,\s*"([a-z_]+)"|refused\(\s*"([a-z_]+)"', told))
    missing = {a or b for a, b in codes if f'id="error-{a or b}"' not in text}
    assert missing == set()


def test_fields_name_types_limits_and_what_is_required() -> None:
    text = re.sub(r"<[^>]+>", " ", fields(MESSAGE, DOCUMENT["components"]["schemas"]))
    words = re.sub(r"\s+", " ", text)
    assert "channel string required" in words
    assert "one of sms , whatsapp , rcs , voice" in words
    assert "to string or list of strings required" in words
    assert "from string or null optional" in words
    assert "at most 1600 characters" in words
    assert "pe_id string required pattern ^[0-9]{19}$" in words


def test_recursive_schema_ends() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert fields(MESSAGE, schemas).count("<li>") == 7
    assert json.dumps(example(MESSAGE, schemas))
    loop = {"$ref": "#/components/schemas/Loop"}
    assert type_name(loop, {"Loop": loop})


def test_examples_use_what_the_schema_says() -> None:
    value = example(MESSAGE, DOCUMENT["components"]["schemas"])
    assert value["channel"] == "sms"
    assert value["to"] == "+919876543210"
    assert set(value["dlt"]) == {"pe_id"}
    short = example(MESSAGE, DOCUMENT["components"]["schemas"], brief=True)
    assert set(short) == {"channel", "to", "from", "text"}


@pytest.mark.parametrize("body", [None, {"text": 'it\'s "so"', "n": [1, True, None], "e": {}}])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_samples_are_valid(method: str, body: Any) -> None:
    told = dict(samples(Call(method, BASE + "/v1/x?a=1&b=2", body, needs_key=True)))
    assert tuple(told) == LANGUAGES
    ast.parse(told["Python"])
    assert told["JavaScript"].count("(") == told["JavaScript"].count(")")
    assert told["curl"].startswith("curl ")
    assert ("-d " in told["curl"]) == (body is not None)


def test_call_without_key_shows_none() -> None:
    told = dict(samples(Call("GET", BASE + "/health", None, needs_key=False)))
    assert all("CPAAS_KEY" not in text for text in told.values())
