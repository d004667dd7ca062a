"""In which order programs start."""

import pytest

from cpaas.kit.child import Command
from cpaas.supervisor.types import Program, waves


def test_what_waits_for_nothing_of_one_another_starts_together() -> None:
    def one(name: str, *needs: str) -> Program:
        return Program(name=name, command=Command(argv=("true",), env={}), needs=needs)

    rows = [one("a"), one("b", "a", "postgres"), one("c", "a"), one("d"), one("e", "c")]
    assert waves(rows) == [{"a", "d"}, {"b", "c"}, {"e"}]
    with pytest.raises(ValueError, match="f, g"):
        waves([one("f", "g"), one("g", "f")])
