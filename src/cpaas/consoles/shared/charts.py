"""Charts as data: bars stacked by status and area lines, drawn by Chart.js with our options."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

#: the order is bottom to top.
GREEN: Final = "var(--color-green-600)"
AMBER: Final = "var(--color-orange-500)"
RED: Final = "var(--color-red-600)"
GREY: Final = "var(--color-base-400)"
PRIMARY: Final = "var(--color-primary-600)"


class Series(msgspec.Struct, frozen=True):
    """One set of figures; `tone` is the dot's class in the legend."""

    label: str
    values: Sequence[float]
    color: str
    tone: str = "is-info"


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """What `console/chart.html` shows; `said` reads it to whoever does not see it."""

    kind: str
    labels: Sequence[str]
    series: Sequence[Series]
    said: str
    height: int = 190
    #: how many labels the x axis shows.
    ticks: int = 6

    @property
    def data(self) -> str:
        """Chart.js' data."""
        line = self.kind == "line"
        sets = []
        for one in self.series:
            look: dict[str, Any] = (
                {"borderWidth": 2, "pointRadius": 0, "tension": 0.3, "fill": True}
                if line
                else {"barPercentage": 0.72, "categoryPercentage": 1, "maxBarThickness": 14}
            )
            sets.append({"label": one.label, "data": list(one.values), "color": one.color, **look})
        return msgspec.json.encode({"labels": list(self.labels), "datasets": sets}).decode()

    @property
    def options(self) -> str:
        """Chart.js' options, whole: they replace all defaults."""
        top, step = _scale(self._highest())
        stacked = self.kind == "bar"
        tick = {"font": {"size": 11}}
        number = {"notation": "compact", "minimumFractionDigits": 0, "maximumFractionDigits": 1}
        return msgspec.json.encode(
            {
                "animation": False,
                "maintainAspectRatio": False,
                "interaction": {"mode": "index", "intersect": False},
                "plugins": {"legend": {"display": False}},
                "scales": {
                    "x": {
                        "stacked": stacked,
                        "grid": {"display": False},
                        "border": {"display": False},
                        "ticks": {**tick, "maxRotation": 0, "maxTicksLimit": self.ticks},
                    },
                    "y": {
                        "stacked": stacked,
                        "beginAtZero": True,
                        "max": top,
                        "border": {"display": False, "dash": [4, 4]},
                        "grid": {"lineWidth": 1, "drawTicks": False},
                        "ticks": {**tick, "stepSize": step, "format": number},
                    },
                },
            }
        ).decode()

    def _highest(self) -> float:
        columns = zip(*(one.values for one in self.series), strict=True)
        if self.kind == "bar":
            return max((sum(column) for column in columns), default=0)
        return max((max(column) for column in columns), default=0)


def _scale(highest: float) -> tuple[float, float]:
    """A rounded top and a step that gives at most four ticks."""
    if highest <= 4:
        return 4, 2
    size = 1.0
    while highest > size * 10:
        size *= 10
    for step in (0.5, 1, 2, 2.5, 5):
        if step * size * 3 >= highest and (step * size) % 1 == 0:
            top = step * size * (2 if step * size * 2 >= highest else 3)
            return top, step * size
    return size * 12, size * 4
