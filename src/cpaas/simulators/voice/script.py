"""The TwiML of a request: whether the provider would take it, how long it talks, what it asks."""

from xml.etree import ElementTree as ET

import msgspec

CHARS_A_SECOND = 13
CHARS_MAX = 4_000
_VERBS = frozenset({"Say", "Play", "Gather", "Pause", "Redirect", "Hangup", "Dial", "Record"})


class ScriptError(Exception):
    """The document is not taken; says why."""


class Script(msgspec.Struct, frozen=True):
    """seconds: how long it talks. keys: how many it waits for, 0 = none. action: who is told."""

    seconds: float
    keys: int
    action: str
    text: str


def read_script(document: str) -> Script:
    """A TwiML document. Errors: ScriptError."""
    root = _root(document)
    seconds, keys, action, text = 0.0, 0, "", ""
    for verb in root:
        if verb.tag not in _VERBS:
            raise ScriptError(f"TwiML knows no {verb.tag}")
        if verb.tag == "Hangup":
            break
        for one in [verb, *verb]:
            loop = int(one.get("loop", "1"))
            if one.tag == "Say":
                text += one.text or ""
                seconds += len(one.text or "") / CHARS_A_SECOND * loop
            elif one.tag == "Play":
                seconds += 10.0 * loop
            elif one.tag == "Pause":
                seconds += float(one.get("length", "1"))
        if verb.tag == "Gather":
            keys, action = int(verb.get("numDigits", "1")), verb.get("action", "")
    return Script(seconds, keys, action, text)


def _root(document: str) -> ET.Element:
    if len(document) > CHARS_MAX:
        raise ScriptError(f"TwiML is longer than {CHARS_MAX} characters")
    if "<!DOCTYPE" in document or "<!ENTITY" in document:
        raise ScriptError("TwiML with a document type is not taken")
    try:
        root = ET.fromstring(document)  # noqa: S314 - no document type, so nothing to expand
    except ET.ParseError as error:
        raise ScriptError(f"TwiML is no XML: {error}") from None
    if root.tag != "Response":
        raise ScriptError("TwiML has no Response")
    return root
