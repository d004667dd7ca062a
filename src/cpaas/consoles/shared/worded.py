"""Findings in our words, and a language model's about them where one answers in time.

The findings are computed at each look; a model only words them, and what it says is shown only
where it holds a finding's own figures (`insights/words.py`).
"""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from cpaas.consoles.shared.runtime import runtime
from cpaas.consoles.shared.unusual import Said
from cpaas.insights.model import Model, ModelError
from cpaas.insights.words import Fact, Worded, word

#: a model's words are kept for so long, of so many looks.
KEPT_SECONDS: Final = 300.0
KEPT_MAX: Final = 1000
_kept: dict[tuple[str, ...], tuple[float, dict[int, Worded]]] = {}
_asking = threading.Lock()


@cache
def _model(host: str, name: str) -> Model:
    return Model(host, name)


def worded(found: Sequence[Said], actions: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What `console/insights.html` shows of these findings. actions: what to do, by their tone."""
    told, away = _told(found, actions)
    lines = [{"said": one, "worded": told.get(place)} for place, one in enumerate(found)]
    return {"lines": lines, "away": away, "model": runtime().settings.ollama_model}


def _told(
    found: Sequence[Said], actions: Mapping[str, Sequence[str]]
) -> tuple[dict[int, Worded], str]:
    """The model's words by the place of their finding; or why it has none."""
    settings = runtime().settings
    model = _model(settings.ollama_host, settings.ollama_model)
    if not found or not model.wanted:
        return {}, "" if model.wanted else "No language model is set up."
    key = tuple(one.title + one.text for one in found)
    kept = _kept.get(key)
    if kept and kept[0] > time.monotonic():
        return kept[1], ""
    facts = [
        Fact(f"f{place}", f"{one.title}. {one.text}", actions.get(one.tone, []))
        for place, one in enumerate(found)
    ]
    # One look asks; the others show the computed findings meanwhile.
    if not _asking.acquire(blocking=False):
        return {}, "The language model is being asked."
    try:
        told = {int(one.finding[1:]): one for one in word(model, facts)}
    except ModelError as error:
        return {}, str(error)
    finally:
        _asking.release()
    if len(_kept) >= KEPT_MAX:
        _kept.clear()
    _kept[key] = time.monotonic() + KEPT_SECONDS, told
    return told, ""
