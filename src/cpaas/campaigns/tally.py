"""Sums up what a campaign's rows would cost, as the check walks over them. Pure."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from cpaas.messages.envelopes import Outgoing

SAMPLES: Final = 5
CODES_MAX: Final = 50


class Estimate(msgspec.Struct):
    """What a check of all rows found. Money in micro-units.

    countries: ISO 3166 ("" = of none) -> [messages, segments, cost]. refused: code -> rows.
    """

    messages: int = 0
    segments: int = 0
    cost_micro: int = 0
    blocked: int = 0
    refused_rows: int = 0
    encodings: dict[str, int] = {}
    by_segments: dict[str, int] = {}
    countries: dict[str, list[int]] = {}
    refused: dict[str, int] = {}
    warnings: dict[str, int] = {}
    samples: list[str] = []
    #: numbers of the first rows, by which routes are asked for their rate.
    numbers: list[str] = []
    sender: str = ""
    checked_us: int = 0

    def add(self, messages: Sequence[Outgoing], blocked: set[str]) -> None:
        """Messages that would go, and those of them that are on the blacklist."""
        for message in messages:
            if message.to in blocked:
                self.blocked += 1
                continue
            self.messages += 1
            self.segments += message.segments
            self.cost_micro += message.price_micro
            encodings, lengths = self.encodings, self.by_segments
            encodings[message.encoding] = encodings.get(message.encoding, 0) + 1
            key = str(message.segments)
            lengths[key] = lengths.get(key, 0) + 1
            country = self.countries.get(message.country)
            if country is None:
                country = self.countries[message.country] = [0, 0, 0]
            country[0] += 1
            country[1] += message.segments
            country[2] += message.price_micro
            if message.dlt and "warning" in message.dlt:
                self._note(self.warnings, message.dlt["warning"])
            if len(self.samples) < SAMPLES:
                self.samples.append(message.text)
                self.sender = self.sender or message.sender
            if len(self.numbers) < CODES_MAX:
                self.numbers.append(message.to)

    def refuse(self, code: str) -> None:
        """A row that would not go."""
        self.refused_rows += 1
        self._note(self.refused, code)

    def stored(self) -> dict[str, Any]:
        """As it lies in the campaign's row."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept

    @staticmethod
    def _note(to: dict[str, int], key: str) -> None:
        if key in to or len(to) < CODES_MAX:
            to[key] = to.get(key, 0) + 1


def read_estimate(stored: dict[str, Any] | None) -> Estimate | None:
    """The estimate in a campaign's row."""
    return None if stored is None else msgspec.convert(stored, Estimate)
