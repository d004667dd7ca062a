"""Our clock goes evenly whatever the machine's does."""

import subprocess
import sys
from uuid import UUID

import pytest

from cpaas.kit.clock import BELIEVED_AFTER_US, SteadyClock
from cpaas.kit.ids import IdMaker, milliseconds

SECOND = 1_000_000
HOUR = 3_600 * SECOND
START = 1_790_000_000 * SECOND


class Times:
    """The machine's clock and the time that really passes."""

    def __init__(self) -> None:
        self.wall = START
        self.monotonic = 7 * HOUR
        self.clock = SteadyClock(lambda: self.wall, lambda: self.monotonic)

    def pass_by(self, us: int, *, wall_us: int | None = None) -> int:
        self.monotonic += us
        self.wall += us if wall_us is None else wall_us
        return self.clock()


def test_it_follows_what_time_keeping_corrects() -> None:
    times = Times()
    for second in range(1, 1_000):
        # The machine's clock gains half a second each second.
        assert times.pass_by(SECOND, wall_us=3 * SECOND // 2) == START + second * 3 * SECOND // 2
    assert times.clock.apart_us == 0


@pytest.mark.parametrize("step", [5 * HOUR, -5 * HOUR, 400 * 24 * HOUR])
def test_a_step_that_is_put_right_is_never_seen(step: int) -> None:
    times = Times()
    times.wall += step
    for n in range(1, 100):
        assert times.pass_by(SECOND) == START + n * SECOND
    assert times.clock.apart_us == step
    times.wall -= step
    assert times.pass_by(SECOND) == START + 100 * SECOND
    assert times.clock.apart_us == 0
    assert times.pass_by(2 * BELIEVED_AFTER_US) == START + 100 * SECOND + 2 * BELIEVED_AFTER_US


@pytest.mark.parametrize("step", [5 * HOUR, -5 * HOUR])
def test_a_step_that_stands_is_believed(step: int) -> None:
    times = Times()
    times.wall += step
    times.clock()
    assert times.pass_by(BELIEVED_AFTER_US - 1) == START + BELIEVED_AFTER_US - 1
    assert times.pass_by(1) == times.wall
    assert times.pass_by(SECOND) == times.wall
    assert times.clock.apart_us == 0


def test_a_clock_that_goes_on_jumping_is_not_believed() -> None:
    times = Times()
    for n in range(20):
        times.wall += HOUR * (-1) ** n * (n + 1)
        times.pass_by(BELIEVED_AFTER_US // 2)
    assert times.clock() == START + 10 * BELIEVED_AFTER_US


def test_ids_grow_through_every_step() -> None:
    times = Times()
    maker = IdMaker(lambda: times.clock() * 1000)
    made = []
    for step in (0, 9 * HOUR, -20 * HOUR, 11 * HOUR):
        times.wall += step
        times.pass_by(SECOND)
        made.append(maker.make())
    assert made == sorted(made)
    assert milliseconds(made[-1]) == (START + 4 * SECOND) // 1000


def test_a_copy_of_the_process_gives_out_ids_of_its_own() -> None:
    program = (
        "import os; from cpaas.kit import ids; ids._MAKER._now_ns = lambda: 10**9\n"
        "ids.new_id(); pid = os.fork(); pid and os.waitpid(pid, 0); print(ids.new_id(), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    ids = done.stdout.decode().split()
    assert [milliseconds(UUID(one)) for one in ids] == [1_000, 1_000]
    assert ids[0] != ids[1]
    # Counted on from where the copy was made, they would lie beside each other.
    assert ids[0][:-8] != ids[1][:-8]
