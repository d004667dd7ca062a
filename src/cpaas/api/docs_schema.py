"""JSON schemas of the OpenAPI document as nested lists of fields, and as example values.

Apart from the page, because what a schema means is one thing and how a call is laid out another.
"""

import re
from collections.abc import Mapping
from html import escape
from typing import Any, Final

DEPTH_MAX: Final = 6
FIELDS_MAX: Final = 200

Schema = Mapping[str, Any]
_LIMITS: Final = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("exclusiveMinimum", "more than {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("pattern", "pattern {}"),
    ("default", "default {}"),
)
#: what a field holds in an example, by its name, where the schema has no example of its own.
_BY_NAME: Final[Mapping[str, Any]] = {
    "id": "019ab1c2-7d3e-7f40-9a51-6b7c8d9e0f12",
    "to": "+919876543210",
    "from": "MYBRAND",
    "text": "Your code is 4821",
    "channel": "sms",
    "status": "DELIVERED",
    "price": "0.1200",
    "balance": "982.4000",
    "credit_limit": "0.0000",
    "amount": "-0.1200",
    "balance_after": "982.4000",
    "currency": "INR",
    "encoding": "GSM7",
    "segments": 1,
    "reference": "order-17",
    "traffic_class": "transactional",
    "number": "+919876543210",
    "url": "https://shop.example/hooks/cpaas",
    "next_cursor": None,
    "event": "message.delivered",
    "type": "message.delivered",
    "secret": "whsec_…",
    "active": True,
    "error": "",
    "error_code": "",
}
_COUNTABLE: Final = frozenset({"object", "string", "integer", "number", "boolean"})
#: optional fields that are worth showing in a request.
_SENT: Final = ("from", "text", "reference", "url")


def resolved(schema: Schema, schemas: Schema) -> Schema:
    """The schema behind a reference, and behind "this or null"."""
    for _ in range(DEPTH_MAX):
        if "$ref" in schema:
            schema = schemas.get(str(schema["$ref"]).rpartition("/")[2], {})
            continue
        choices = [c for c in _choices(schema) if c.get("type") != "null"]
        if len(choices) != 1:
            break
        rest = {k: v for k, v in schema.items() if k not in {"oneOf", "anyOf", "allOf"}}
        schema = {**resolved(choices[0], schemas), **rest}
    return schema


def type_name(schema: Schema, schemas: Schema, depth: int = 0) -> str:
    """The type in words: "string", "list of objects", "integer or null"."""
    choices = _choices(schema)
    if choices and depth < DEPTH_MAX:
        names = dict.fromkeys(type_name(choice, schemas, depth + 1) for choice in choices)
        return " or ".join(names)
    schema = resolved(schema, schemas)
    implied = "object" if "properties" in schema else "string" if "enum" in schema else "any value"
    kind = schema.get("type", implied)
    if isinstance(kind, list):
        return " or ".join(str(one) for one in kind)
    if kind == "array" and depth < DEPTH_MAX:
        item = type_name(schema.get("items", {}), schemas, depth + 1)
        return f"list of {item}{'s' if item in _COUNTABLE else ''}"
    return str(kind)


def limits(schema: Schema, schemas: Schema) -> list[str]:
    """What a value must keep to, each in a few words of HTML."""
    schema = resolved(schema, schemas)
    found = [
        text.format(f"<code>{escape(_plain(schema[key]))}</code>")
        for key, text in _LIMITS
        if schema.get(key) is not None
    ]
    if schema.get("format"):
        found.insert(0, escape(str(schema["format"])))
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if allowed:
        values = ", ".join(f"<code>{escape(_plain(value))}</code>" for value in allowed)
        found.append(f"one of {values}")
    return found


def fields(schema: Schema, schemas: Schema, above: tuple[int, ...] = ()) -> str:
    """The fields of an object (or of a list's items) as a nested list; empty if it has none.

    `above`: the objects it stands in, so that one that holds its own kind is told once.
    """
    schema = resolved(schema, schemas)
    if schema.get("type") == "array":
        schema = resolved(schema.get("items", {}), schemas)
    alternatives = [resolved(choice, schemas) for choice in _choices(schema)]
    objects = [schema, *(c for c in alternatives if c.get("type") != "null")]
    items: dict[str, str] = {}
    for one in objects:
        if one.get("type") == "array":
            one = resolved(one.get("items", {}), schemas)  # noqa: PLW2901
        needed = set(one.get("required", ())) if len(objects) < 3 else set()
        parts = one.get("properties", {})
        if id(parts) in above or len(above) >= DEPTH_MAX:
            continue
        for name, part in list(parts.items())[:FIELDS_MAX]:
            told = field(name, part, schemas, name in needed, (*above, id(parts)))
            items.setdefault(name, told)
    return f'<ul class="fields">{"".join(items.values())}</ul>' if items else ""


def field(
    name: str, schema: Schema, schemas: Schema, needed: bool, above: tuple[int, ...] = ()
) -> str:
    """One field or parameter: name, type, whether it is required, limits, meaning."""
    inner = fields(schema, schemas, above)
    kept = limits(schema, schemas)
    mark = '<b class="needed">required</b>' if needed else '<span class="side">optional</span>'
    text = schema.get("description") or resolved(schema, schemas).get("description", "")
    return (
        f'<li><div class="field"><code class="name">{escape(name)}</code> '
        f'<span class="side">{escape(type_name(schema, schemas))}</span> {mark}</div>'
        + (f'<p class="side">{"; ".join(kept)}</p>' if kept else "")
        + (f"<p>{prose(str(text))}</p>" if text else "")
        + f"{inner}</li>"
    )


def example(
    schema: Schema, schemas: Schema, name: str = "", depth: int = 0, *, brief: bool = False
) -> Any:
    """A value that the schema allows; `brief`: only what is required or well known."""
    stated = _stated(schema, name)
    if stated is not _NOTHING:
        return stated
    schema = resolved(schema, schemas)
    stated = _stated(schema, name)
    if stated is not _NOTHING:
        return stated
    choices = _choices(schema)
    if choices and depth < DEPTH_MAX:
        return example(choices[0], schemas, name, depth + 1, brief=brief)
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if depth >= DEPTH_MAX or kind == "null":
        return None
    if kind == "array":
        return [
            example(
                schema.get("items", {}), schemas, name.removesuffix("s"), depth + 1, brief=brief
            )
        ]
    if kind == "object":
        parts = list(schema.get("properties", {}).items())[:FIELDS_MAX]
        needed = {*schema.get("required", ()), *(_SENT if brief else ())}
        kept = [(key, part) for key, part in parts if not brief or key in needed] or parts
        return {key: example(part, schemas, key, depth + 1, brief=brief) for key, part in kept}
    return _scalar(str(kind), schema, name)


def prose(text: str) -> str:
    """Escaped text in which `words` in backticks become code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", escape(text))


_NOTHING: Final = object()


def _stated(schema: Schema, name: str) -> Any:
    if "example" in schema:
        return schema["example"]
    if isinstance(schema.get("examples"), list) and schema["examples"]:
        return schema["examples"][0]
    allowed = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    known = _BY_NAME.get(name, _NOTHING)
    if allowed:
        return known if known in allowed else allowed[0]
    if schema.get("default") not in (None, "", [], {}):
        return schema["default"]
    return _NOTHING


def _scalar(kind: str, schema: Schema, name: str) -> Any:
    known = _BY_NAME.get(name, _NOTHING)
    if kind == "string":
        if isinstance(known, str):
            return known
        is_time = (
            schema.get("format") == "date-time" or name == "at" or name.endswith(("_at", "_until"))
        )
        return "2026-12-01T09:00:00.000Z" if is_time else ""
    if kind == "boolean":
        return known if isinstance(known, bool) else False
    return known if isinstance(known, int) else int(schema.get("minimum", 1))


def _choices(schema: Schema) -> list[Schema]:
    return list(schema.get("oneOf") or schema.get("anyOf") or schema.get("allOf") or ())


def _plain(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value) if value != "" else '""'
