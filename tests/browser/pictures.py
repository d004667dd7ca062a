"""Pictures of pages for docs/: one window, or a screen in light, dark and on a phone."""

import importlib
import importlib.util
import io
from pathlib import Path
from typing import Any

from tests.journeys.platform import ROOT

IMAGES = ROOT / "docs" / "images"
#: how a screen is shown besides: name of the window -> its size.
LOOKS = {"": (1440, 900), "-phone": (390, 844)}


def looks(page: Any, name: str) -> None:
    """The screen in light, dark and on a phone, into docs/images; then as it was."""
    before = page.viewport_size
    for ending, (width, height) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("() => scrollTo(0, 0)")
        take(page, IMAGES / f"{name}{ending}.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.evaluate("() => window.chooseTheme('dark')")
    take(page, IMAGES / f"{name}-dark.png")
    page.evaluate("() => window.chooseTheme('light')")
    page.set_viewport_size(before)


def take(page: Any, path: Path, near: Any = None) -> None:
    """A picture of the window, made small where Pillow is installed."""
    if near is not None:
        near.evaluate("one => one.scrollIntoView({block: 'center'})")
    page.mouse.move(0, 0)
    page.evaluate("() => document.fonts.ready.then(() => true)")
    # Charts are drawn in steps.
    page.wait_for_timeout(400)
    data = page.screenshot(animations="disabled")
    if importlib.util.find_spec("PIL"):
        image = importlib.import_module("PIL.Image")
        small = image.open(io.BytesIO(data)).convert("RGB").quantize(256, 1, kmeans=2, dither=0)
        kept = io.BytesIO()
        small.save(kept, "PNG", optimize=True)
        data = kept.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
