"""The settings of a WhatsApp route and of its numbers."""

from typing import Annotated

import msgspec

from cpaas.channels.base import RouteSettingsError
from cpaas.snapshot.types import Identity, Route

Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
GRAPH: str = "https://graph.facebook.com"


class WhatsappSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `route.settings`.

    upload_media: files are fetched by us, once, and uploaded; off: the carrier fetches each link.
    verify_token: what Meta repeats when a webhook is set up.
    """

    base_url: str = GRAPH
    version: Annotated[str, msgspec.Meta(pattern=r"^v\d{1,3}\.\d$")] = "v23.0"
    upload_media: bool = True
    verify_token: str = ""
    answer_seconds: Seconds = 30.0
    #: how long everything of a number waits after its token or account was refused.
    pause_seconds: Seconds = 60.0


class NumberSettings(msgspec.Struct, frozen=True):
    """What a number's identity says of it.

    tps: messages a second, in and out together. pair_seconds: one message to a recipient in so
    many, after a burst of pair_burst. daily_limit: recipients of templates in 24 hours, 0 = not
    limited here; numbers of one portfolio share it. template_tps: of one template, 0 = no limit.
    """

    phone_number_id: str
    waba_id: str = ""
    app_id: str = ""
    tps: float = 80.0
    pair_seconds: float = 6.0
    pair_burst: int = 45
    daily_limit: int = 0
    portfolio: str = ""
    template_tps: float = 0.0


def settings_of(route: Route) -> WhatsappSettings:
    """The route's settings; RouteSettingsError names the field that cannot be used."""
    try:
        return msgspec.convert(route.settings or {}, WhatsappSettings)
    except msgspec.ValidationError as error:
        raise RouteSettingsError(f"settings of route {route.name}: {error}") from error


def number_of(identity: Identity) -> NumberSettings:
    """A number's settings; RouteSettingsError names the field that cannot be used."""
    try:
        return msgspec.convert(identity.settings, NumberSettings, strict=False)
    except msgspec.ValidationError as error:
        raise RouteSettingsError(f"settings of {identity.value}: {error}") from error
