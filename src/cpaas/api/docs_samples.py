"""A call as something to paste: curl, Python with nothing but its library, JavaScript's fetch.

The key is taken from the environment, so that a pasted sample never holds a secret.
"""

import json
import shlex
from typing import Any, Final, NamedTuple

LANGUAGES: Final = ("curl", "Python", "JavaScript")


class Call(NamedTuple):
    """What a sample sends; `body` None = nothing, `form` = a multipart file instead."""

    method: str
    url: str
    body: Any
    needs_key: bool
    form: tuple[str, ...] = ()


def samples(call: Call) -> list[tuple[str, str]]:
    """(language, text) for each language."""
    return list(zip(LANGUAGES, (_curl(call), _python(call), _javascript(call)), strict=True))


def _curl(call: Call) -> str:
    lines = ["curl " + ("" if call.method == "GET" else f"-X {call.method} ") + _quoted(call.url)]
    if call.needs_key:
        lines.append('-H "Authorization: Bearer $CPAAS_KEY"')
    lines += [f"-F {name}={'@numbers.csv' if name == 'file' else '...'}" for name in call.form]
    if call.body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append("-d " + shlex.quote(json.dumps(call.body, indent=2, ensure_ascii=False)))
    return " \\\n  ".join(lines)


def _quoted(url: str) -> str:
    return shlex.quote(url)


def _python(call: Call) -> str:
    if call.form:
        return "# A file goes as multipart/form-data; curl shows its fields."
    lines = ["import json", *(["import os"] if call.needs_key else []), "import urllib.request", ""]
    lines += ["request = urllib.request.Request(", f"    {_double(call.url)},"]
    if call.method not in {"GET", "POST"} or (call.method == "POST" and call.body is None):
        lines.append(f'    method="{call.method}",')
    headers = _headers(call, "f\"Bearer {os.environ['CPAAS_KEY']}\"")
    if headers:
        lines += ["    headers={", *(f"        {line}" for line in headers), "    },"]
    if call.body is not None:
        first, *rest = _python_value(call.body).split("\n")
        lines += [f"    data=json.dumps({first}", *(f"    {line}" for line in rest)]
        lines[-1] += ").encode(),"
    lines += [")", "with urllib.request.urlopen(request) as answer:"]
    return "\n".join([*lines, "    print(json.load(answer))"])


def _javascript(call: Call) -> str:
    if call.form:
        return "// A file goes as multipart/form-data; curl shows its fields."
    options = [f'  method: "{call.method}",'] if call.method != "GET" else []
    headers = _headers(call, "`Bearer ${process.env.CPAAS_KEY}`")
    if headers:
        options += ["  headers: {", *(f"    {line}" for line in headers), "  },"]
    if call.body is not None:
        first, *rest = json.dumps(call.body, indent=2, ensure_ascii=False).split("\n")
        options += [f"  body: JSON.stringify({first}", *(f"  {line}" for line in rest)]
        options[-1] += "),"
    end = ", {" if options else ");"
    lines = [f"const answer = await fetch({_double(call.url)}{end}", *options]
    lines += ["});"] if options else []
    return "\n".join([*lines, "console.log(await answer.json());"])


def _headers(call: Call, bearer: str) -> list[str]:
    lines = [f'"Authorization": {bearer},'] if call.needs_key else []
    if call.body is not None:
        lines.append('"Content-Type": "application/json",')
    return lines


def _double(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _python_value(value: Any, indent: str = "") -> str:
    inner = indent + "    "
    if isinstance(value, dict) and value:
        parts = [f"{inner}{_double(k)}: {_python_value(v, inner)},\n" for k, v in value.items()]
        return "{\n" + "".join(parts) + indent + "}"
    if isinstance(value, list) and value:
        return "[\n" + "".join(f"{inner}{_python_value(v, inner)},\n" for v in value) + indent + "]"
    return _double(value) if isinstance(value, str) else repr(value)
