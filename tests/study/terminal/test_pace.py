import pytest

from study.terminal.pace import FEWEST_EPOCHS, SECONDS_MEASURED, Pace


def test_before_the_first_epoch_nothing_is_known():
    pace = Pace(0.0)
    pace.began("p0", 5.0)
    assert pace.speed() is None
    assert pace.speed_of("p0") is None
    assert pace.seconds_left(10.0, {"p0": 3}) is None


def test_speed_is_that_of_all_packs_since_the_first_began():
    pace = Pace(0.0)  # Ray takes 10 s to start processes
    pace.began("p0", 10.0)
    pace.began("p1", 12.0)
    pace.epoch("p0", runs=4, work=8.0, now=20.0)
    pace.epoch("p1", runs=2, work=4.0, now=22.0)
    assert pace.speed() == pytest.approx(6 / 12)
    assert pace.speed_of("p0") == pytest.approx(0.4)
    assert pace.seconds_left(30.0, {}) == pytest.approx(30)


def test_what_is_left_takes_as_long_as_the_slowest_pack():
    pace = Pace(0.0)
    pace.began("p0", 0.0)
    pace.epoch("p0", runs=1, work=1.0, now=10.0)
    assert pace.seconds_left(2.0, {"p0": 5}) == pytest.approx(50)


def test_the_epoch_under_way_is_foreseen_from_the_one_before_and_never_done():
    pace = Pace(0.0)
    pace.began("p0", 0.0)
    assert pace.under_way("p0") is None
    pace.epoch("p0", runs=1, work=1.0, now=20.0)
    under_way = pace.under_way("p0")
    assert under_way is not None
    assert [under_way.part(now) for now in (20.0, 25.0, 90.0)] == [0.0, 0.25, 0.99]


def test_a_slow_beginning_is_forgotten():
    pace = Pace(0.0)
    pace.began("p0", 0.0)
    now = 0.0
    for _ in range(FEWEST_EPOCHS):
        now += 100
        pace.epoch("p0", runs=1, work=1.0, now=now)
    for _ in range(4 * FEWEST_EPOCHS):
        now += SECONDS_MEASURED / FEWEST_EPOCHS
        pace.epoch("p0", runs=1, work=1.0, now=now)
    assert pace.speed() == pytest.approx(FEWEST_EPOCHS / SECONDS_MEASURED)


def test_a_pack_that_begins_again_is_measured_from_there():
    pace = Pace(0.0)
    pace.began("p0", 0.0)
    pace.epoch("p0", runs=1, work=1.0, now=10.0)
    pace.began("p0", 60.0)
    pace.epoch("p0", runs=1, work=1.0, now=70.0)
    assert pace.speed_of("p0") == pytest.approx(0.1)
    pace.ended("p0")
    assert pace.speed_of("p0") is None
