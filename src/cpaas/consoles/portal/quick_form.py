"""The form of Quick Message: the fields of its channel, and what they say as the API takes it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from cpaas.consoles.portal import template_form
from cpaas.consoles.portal.message_form import (
    SHARED,
    MessageForm,
    moment,
    number,
    of_template,
    plain,
    step,
)
from cpaas.consoles.shared import fields

MEDIA: Final = {
    "whatsapp": (
        ("", "No file"), ("image", "Image"), ("video", "Video"), ("document", "Document"),
        ("audio", "Audio"),
    ),
    "rcs": (("", "No file"), ("image", "Image"), ("video", "Video")),
}  # fmt: skip
LANGUAGES: Final = (
    ("en-IN", "English (India)"), ("en-GB", "English (UK)"), ("en-US", "English (US)"),
    ("hi-IN", "Hindi"), ("bn-IN", "Bengali"), ("gu-IN", "Gujarati"), ("kn-IN", "Kannada"),
    ("ml-IN", "Malayalam"), ("mr-IN", "Marathi"), ("ta-IN", "Tamil"), ("te-IN", "Telugu"),
    ("ar", "Arabic"), ("de", "German"), ("es", "Spanish"), ("fr", "French"), ("pt", "Portuguese"),
)  # fmt: skip
VOICES: Final = (("", "As usual"), ("woman", "A woman's"), ("man", "A man's"))
REPEATS: Final = tuple((str(n), "Once" if n == 1 else f"{n} times") for n in range(1, 6))
KEYS: Final = (
    ("", "No"), ("1", "One key"), *((str(n), f"Up to {n} keys") for n in (2, 4, 6, 8, 16)),
)  # fmt: skip
_ADDRESS: Final = re.compile(r"https?://[^\s/]+\.?[^\s]*")
#: the API's field -> the form's; the longest beginning counts.
FIELDS: Final = SHARED | {
    "to": "recipient", "media.type": "media_kind", "media": "media_url",
    "rcs.card.title": "heading", "rcs.card.description": "text", "rcs.card.media": "media_url",
    "rcs.card.suggestions": "buttons", "rcs.card": "heading", "rcs.suggestions": "buttons",
    "rcs": "text", "voice.language": "language", "voice.voice": "voice", "voice.repeat": "repeat",
    "voice.audio_url": "audio_url", "voice.dtmf": "keys", "voice": "text",
}  # fmt: skip


class QuickForm(MessageForm):
    """One message on one channel; its choices decide which fields there are."""

    recipient = fields.text_field(
        "Recipient", placeholder="+91 98765 43210", inputmode="tel", max_length=40,
        autocomplete="off",
    )  # fmt: skip
    once = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.all_offers.is_sandbox:
            self.fields["recipient"].widget.attrs["list"] = "sandbox-numbers"

    def _content(self, values: Mapping[str, Any]) -> None:
        if self.template is not None:
            self._variables(self.template, "var_")
            return
        card = False
        if self.offer.channel == "rcs":
            look = fields.choice_field("Look", (("text", "Text"), ("card", "Card")), initial="text")
            self._add("look", look, decides=True)
            card = values.get("look") == "card"
            if card:
                self._add("heading", fields.text_field("Heading", required=False))
        calls = self.offer.channel == "voice"
        self._add(
            "text",
            fields.long_text_field(
                "Message", rows=4, required=self.offer.channel == "sms",
                help_text="Said by a voice; write numbers as they are spoken." if calls else "",
            ),
        )  # fmt: skip
        if self.offer.channel == "whatsapp" or card:
            self._media()
        if self.offer.channel == "rcs":
            self._add("buttons", fields.long_text_field(
                "Buttons", required=False, rows=2,
                help_text="One a line: Track | https://… · Call us | +91… · Yes, please",
            ))  # fmt: skip
        if calls:
            self._voice()

    def _media(self) -> None:
        self._add("media_kind", fields.choice_field(
            "File", MEDIA[self.offer.channel], required=False,
        ))  # fmt: skip
        self._add("media_url", fields.text_field(
            "Its address", required=False, max_length=2000, placeholder="https://",
            help_text="A public https address; the text goes with it as its caption."
            if self.offer.channel == "whatsapp" else "A public https address.",
        ))  # fmt: skip

    def _voice(self) -> None:
        self._add("language", fields.choice_field("Language", LANGUAGES, initial="en-IN"))
        self._add("voice", fields.choice_field("Voice", VOICES, required=False))
        self._add("repeat", fields.choice_field("Say it", REPEATS, initial="1"))
        self._add("keys", fields.choice_field(
            "Wait for keys", KEYS, required=False,
            help_text="What the person presses comes to your webhook.",
        ))  # fmt: skip
        self._add("audio_url", fields.text_field(
            "Play a file instead", required=False, max_length=2000, placeholder="https://",
            help_text="WAV or MP3 at a public address; then no text is said.",
        ))  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """What needs two fields, or what the API would say less plainly."""
        given: dict[str, Any] = super().clean() or {}
        for name in ("media_url", "audio_url"):
            if given.get(name) and not _ADDRESS.fullmatch(given[name]):
                self.add_error(name, "This is no address: write it whole, from https:// on.")
        if given.get("media_url") and not given.get("media_kind"):
            self.add_error("media_kind", "Say what the file is.")
        if given.get("media_kind") and not given.get("media_url") and "media_url" in given:
            self.add_error("media_url", "Say where the file is.")
        if "text" in self.fields and not any(
            given.get(one) for one in ("text", "media_url", "audio_url", "heading")
        ):
            self.add_error("text", "Write what is to be sent.")
        if given.get("audio_url") and given.get("text"):
            self.add_error("audio_url", "A call says the text or plays the file: empty one.")
        for line in buttons(given.get("buttons", "")):
            if len(line["text"]) > 25:
                self.add_error("buttons", f"{line['text']!r} is too long: 25 characters at most.")
        return given


def buttons(text: str) -> list[dict[str, str]]:
    """Lines of the field as RCS suggestions."""
    found = []
    for one in template_form.button_lines(text):
        if one["type"] == "url":
            found.append({"type": "url", "text": one["text"], "url": one["url"]})
        elif one["type"] == "phone":
            found.append({"type": "dial", "text": one["text"], "phone": one["phone"]})
        else:
            found.append({"type": "reply", "text": one["text"]})
    return found


def wanted(form: QuickForm) -> dict[str, Any]:
    """The body of the API's call."""
    given = form.cleaned_data
    body: dict[str, Any] = {
        "channel": form.offer.channel, "to": number(given["recipient"]), "from": given["sender"],
    }  # fmt: skip
    if given["kind"] and given["kind"] != "transactional":
        body["traffic_class"] = given["kind"]
    body |= _said(form, given)
    if form.fallback_offer is not None:
        body["fallback"] = [step(form, given)]
    if given["when"]:
        body["send_at"] = moment(given["when"])
    return body


def _said(form: QuickForm, given: Mapping[str, Any]) -> dict[str, Any]:
    if form.template is not None:
        return of_template(form.template, given, "var_")
    channel, text = form.offer.channel, plain(given["text"])
    if channel == "rcs":
        return _rcs(given, text)
    body: dict[str, Any] = {"text": text} if text else {}
    if channel == "whatsapp" and given["media_url"]:
        body["media"] = {"type": given["media_kind"], "url": given["media_url"]}
    if channel == "voice":
        spoken: dict[str, Any] = {"language": given["language"], "repeat": int(given["repeat"])}
        spoken |= {name: given[name] for name in ("voice", "audio_url") if given[name]}
        if given["keys"]:
            spoken["dtmf"] = {"digits": int(given["keys"])}
        body["voice"] = spoken
    return body


def _rcs(given: Mapping[str, Any], text: str) -> dict[str, Any]:
    chips = buttons(given["buttons"])
    if given["look"] != "card":
        return {"text": text} | ({"rcs": {"suggestions": chips}} if chips else {})
    card: dict[str, Any] = {"title": given["heading"], "description": text, "suggestions": chips}
    if given["media_url"]:
        card["media"] = {"url": given["media_url"]}
    return {"rcs": {"card": card}}
