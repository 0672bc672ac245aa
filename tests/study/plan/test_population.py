"""Who goes on from whose state, with which values."""

import pytest

from study.contract.plan import Move
from study.plan.population import Member, boundaries, moves, origin_of
from study.space.axes import LogUniform
from study.space.sections import PbtScheduler

MEMBERS = [Member(f"{n:04d}", 10.0 * n, {"lr": 0.1 * (n + 1), "momentum": 0.9, "weight_decay": 0.0}) for n in range(8)]


def scheduler(**settings: object) -> PbtScheduler:
    return PbtScheduler.model_validate({"name": "pbt", **settings})


def test_the_worst_quarter_goes_on_from_the_best_quarter_with_values_near_its_own():
    found = moves(MEMBERS, 5, scheduler(resample_probability=0), {})
    assert [move["trial_id"] for move in found] == ["0000", "0001"]
    for move in found:
        assert move["source"] in ("0006", "0007")
        source = MEMBERS[int(move["source"])].values
        assert move["values"]["lr"] / source["lr"] in (pytest.approx(0.8), pytest.approx(1.2))
        assert {**move["values"], "lr": 0} == {**source, "lr": 0}


def test_two_members_that_go_on_from_one_state_do_not_train_the_same_network():
    for epoch in range(20):
        found = moves(MEMBERS[:5], epoch, scheduler(resample_probability=0, quantile_fraction=0.4), {})
        assert len({(move["source"], move["values"]["lr"]) for move in found}) == len(found) == 2


def test_the_same_seed_makes_the_same_exchange_and_another_epoch_or_seed_another():
    asked = [moves(MEMBERS, epoch, scheduler(seed=seed), {}) for epoch, seed in [(5, 1), (5, 1), (10, 1), (5, 2)]]
    assert asked[0] == asked[1]
    assert asked[0] == moves(list(reversed(MEMBERS)), 5, scheduler(seed=1), {})
    assert len({str(each) for each in asked}) >= 2


def test_values_are_drawn_anew_from_the_axis_where_it_is_drawn():
    axis = {"lr": LogUniform[float](loguniform=(1e-9, 1e-8))}
    found = moves(MEMBERS, 5, scheduler(resample_probability=1, perturb=["lr", "momentum"]), axis)
    assert all(1e-9 <= move["values"]["lr"] <= 1e-8 for move in found)
    # No search draws the momentum; it is multiplied, and 0.9 x 1.2 would be none.
    assert {round(move["values"]["momentum"], 3) for move in found} == {0.72}


@pytest.mark.parametrize(("size", "fraction", "count"), [(1, 0.5, 0), (2, 0.25, 1), (3, 0.5, 1), (5, 0.25, 2)])
def test_never_more_than_half_of_the_population_moves(size, fraction, count):
    assert len(moves(MEMBERS[:size], 1, scheduler(quantile_fraction=fraction), {})) == count


def test_a_member_stands_where_its_last_exchange_put_it():
    first, second = ({"lr": 0.1}, {"lr": 0.2})
    exchanges = {
        2: [Move(trial_id="0001", source="0000", values=first)],
        4: [Move(trial_id="0001", source="0002", values=second)],
    }
    assert origin_of("0000", exchanges, 9) == (None, {})
    assert origin_of("0001", exchanges, 1) == (None, {})
    for until, source, epoch, values in [(2, "0000", 2, first), (3, "0000", 2, first), (4, "0002", 4, second)]:
        origin, found = origin_of("0001", exchanges, until)
        assert origin is not None
        assert (origin.trial_id, origin.epoch, found) == (source, epoch, values)


def test_the_population_meets_at_every_interval_and_at_the_end():
    assert boundaries(10, 4) == [4, 8, 10]
    assert boundaries(8, 4) == [4, 8]
    assert boundaries(3, 5) == [3]
