"""Who may post: limits in all and per account, shares, what fails and what grows stale."""

from hypothesis import given
from hypothesis import strategies as st

from cpaas.webhooks.lanes import FAILING_AFTER, JOBS_PER_ACCOUNT_MAX, Lane, Lanes
from cpaas.webhooks.types import Job


def job(account_id: int, *, item: int = 1, stale_us: int = 100) -> Job:
    return Job(b"e", account_id, b"m", "t", "", b"{}", item, 0, stale_us)


def start(lanes: Lanes) -> Lane | None:
    lane = lanes.next_start()
    if lane is not None:
        assert lanes.take(lane) is not None
        lane.running += 1
        lanes.running += 1
    return lane


@given(jobs=st.lists(st.integers(1, 6), max_size=200), posts_max=st.integers(2, 40))
def test_however_many_wait_something_stays_free_for_a_newcomer(
    jobs: list[int], posts_max: int
) -> None:
    lanes = Lanes(posts_max=posts_max)
    for account_id in jobs:
        lanes.add(job(account_id))
    while start(lanes) is not None:
        pass
    assert lanes.running <= posts_max
    accounts = len(set(jobs))
    if posts_max > 2 * accounts:
        lanes.add(job(99))
        newcomer = start(lanes)
        assert newcomer is not None
        assert newcomer.account_id == 99


def test_accounts_start_in_turn() -> None:
    lanes = Lanes(posts_max=100)
    for account_id in (1, 1, 1, 2, 2, 3):
        lanes.add(job(account_id))
    order = [lane.account_id for _ in range(6) if (lane := start(lanes))]
    assert order == [1, 2, 3, 1, 2, 1]


def test_a_failing_receiver_gets_one_post_and_recovers() -> None:
    lane = Lane(1)
    for _ in range(FAILING_AFTER):
        assert not lane.failing
        lane.failed(0)
    assert (lane.failing, lane.limit) == (True, 1)
    lane.succeeded(0)
    assert (lane.failing, lane.limit) == (False, 2)


def test_full_stale_queued_and_forgotten() -> None:
    lanes = Lanes()
    for number in range(JOBS_PER_ACCOUNT_MAX):
        lanes.add(job(1, stale_us=number))
    lanes.add(job(2, item=0))
    assert lanes.full() == [1]
    assert len(list(lanes.take_stale(9))) == 10
    assert lanes.full() == []
    assert lanes.take_queued(lanes.lane(2)) == []
    assert len(lanes.take_queued(lanes.lane(1))) == JOBS_PER_ACCOUNT_MAX - 10
    assert lanes.pending == 1
    assert len(list(lanes.take_all())) == 1
    assert lanes.pending == 0
    lanes.lane(2).failed(0)
    lanes.forget(1)
    assert list(lanes._lanes) == [2]
    lanes.forget(10**10)
    assert not lanes._lanes
