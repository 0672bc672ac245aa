"""The list of configurations."""

from typing import Any

import numpy as np
import pytest

from study.contract.axes import AXES, Configuration
from study.space import Study, configurations


def study_of(space: dict[str, Any], **settings: Any) -> Study:
    return Study.model_validate({"name": "a", "space": space, **settings})


def random_search(samples: int, seed: int = 0) -> dict[str, Any]:
    return {"algorithm": "random", "samples": samples, "seed": seed}


def test_a_grid_is_the_product_in_the_order_of_the_axes_whatever_the_order_of_the_file() -> None:
    study = study_of({"batch_norm": {"grid": [True, False]}, "num_blocks": {"grid": [3, 1]}, "lr": 0.1, "epochs": 2})
    assert configurations(study) == (
        Configuration("residual", 3, True, 0.1, 2),
        Configuration("residual", 3, False, 0.1, 2),
        Configuration("residual", 1, True, 0.1, 2),
        Configuration("residual", 1, False, 0.1, 2),
    )


def test_floats_are_exactly_those_written() -> None:
    rates = [0.1, 0.3, 1e-7, 0.30000000000000004]
    assert [each.lr for each in configurations(study_of({"lr": {"grid": rates}}))] == rates


def test_random_draws_lie_in_their_ranges_and_have_plain_types() -> None:
    space = {
        "block": {"choice": ["conv", "residual"]},
        "num_blocks": {"randint": [2, 5]},
        "batch_norm": {"choice": [False, True]},
        "lr": {"loguniform": [0.001, 1]},
        "epochs": {"choice": [1, 7]},
    }
    drawn = configurations(study_of(space, search=random_search(400)))
    assert len(drawn) == 400
    assert {each.num_blocks for each in drawn} == {2, 3, 4}
    assert {each.block for each in drawn} == {"conv", "residual"}
    assert {each.batch_norm for each in drawn} == {False, True}
    assert {each.epochs for each in drawn} == {1, 7}
    assert all(0.001 <= each.lr <= 1 for each in drawn)
    kinds = {tuple(type(value) for value in vars(each).values()) for each in drawn}
    assert kinds == {tuple(axis.kind for axis in AXES.values())}


def test_loguniform_spreads_evenly_over_powers_of_ten_and_uniform_over_numbers() -> None:
    # Counts of 3000 draws in thirds: 1000 each with a standard deviation of 26.
    for kind, edges in (("loguniform", [0.001, 0.01, 0.1, 1]), ("uniform", [0.001, 0.334, 0.667, 1])):
        drawn = configurations(study_of({"lr": {kind: [0.001, 1]}}, search=random_search(3000)))
        counts, _ = np.histogram([each.lr for each in drawn], edges)
        assert counts.sum() == 3000
        assert np.abs(counts - 1000).max() < 130


def test_a_search_is_fixed_by_its_seed() -> None:
    space = {"lr": {"uniform": [0.1, 1]}}
    first = configurations(study_of(space, search=random_search(5)))
    assert first == configurations(study_of(space, search=random_search(5)))
    assert first == configurations(study_of(space, search=random_search(9)))[:5]
    assert first != configurations(study_of(space, search=random_search(5, seed=1)))


def test_draws_differ_until_there_are_no_more() -> None:
    space = {"block": {"choice": ["conv", "residual"]}, "num_blocks": {"randint": [1, 11]}}
    assert len(set(configurations(study_of(space, search=random_search(20))))) == 20


def test_an_interval_too_small_for_so_many_draws_is_said() -> None:
    space = {"lr": {"uniform": [1, float(np.nextafter(1, 2))]}}
    with pytest.raises(ValueError, match="too few different"):
        configurations(study_of(space, search=random_search(3)))


def test_grids_of_a_random_search_repeat_each_draw() -> None:
    space = {"num_blocks": {"grid": [1, 2]}, "lr": {"uniform": [0.1, 1]}, "batch_norm": {"grid": [False, True]}}
    drawn = configurations(study_of(space, search=random_search(3)))
    assert len(drawn) == 12
    assert len({each.lr for each in drawn}) == 3
    for start in (0, 4, 8):
        group = drawn[start : start + 4]
        assert len({each.lr for each in group}) == 1
        assert [(each.num_blocks, each.batch_norm) for each in group] == [(1, False), (1, True), (2, False), (2, True)]


def test_listed_configurations_keep_their_order_and_take_the_rest_from_the_space() -> None:
    study = study_of({"lr": 1, "epochs": 2}, configurations=[{"num_blocks": 3}, {}, {"lr": 0.5, "block": "conv"}])
    assert configurations(study) == (
        Configuration(num_blocks=3, lr=1.0, epochs=2),
        Configuration(lr=1.0, epochs=2),
        Configuration(block="conv", lr=0.5, epochs=2),
    )
    assert {type(each.lr) for each in configurations(study)} == {float}


def test_a_list_needs_no_space() -> None:
    study = Study.model_validate({"name": "a", "configurations": [{}, {"momentum": 0.9}]})
    assert configurations(study) == (Configuration(), Configuration(momentum=0.9))


def test_without_blocks_what_is_in_a_block_changes_nothing() -> None:
    assert Configuration("conv", 0, True, lr=0.1).canonical() == Configuration("residual", 0, False, lr=0.1)
    assert Configuration("conv", 1, True).canonical() == Configuration("conv", 1, True)


def test_a_grid_has_equal_networks_once_under_their_first_name() -> None:
    space = {"block": {"grid": ["conv", "residual"]}, "num_blocks": {"grid": [1, 0]}, "batch_norm": {"grid": [True]}}
    assert configurations(study_of(space)) == (
        Configuration("conv", 1, True),
        Configuration("conv", 0, True),
        Configuration("residual", 1, True),
    )


def test_random_draws_have_equal_networks_once() -> None:
    space = {
        "block": {"choice": ["conv", "residual"]},
        "num_blocks": {"randint": [0, 3]},
        "batch_norm": {"choice": [False, True]},
    }
    drawn = configurations(study_of(space, search=random_search(9)))
    assert len({each.canonical() for each in drawn}) == len(drawn) == 9
    with pytest.raises(ValueError, match="10 is more than the 9 different draws that there are"):
        study_of(space, search=random_search(10))


def test_a_draw_counts_where_any_point_of_its_grids_is_new() -> None:
    space = {"block": {"choice": ["conv", "residual"]}, "num_blocks": {"grid": [0, 1]}}
    first, *others = configurations(study_of(space, search=random_search(2)))
    assert first.num_blocks == 0
    assert [each.num_blocks for each in others] == [1, 1]
    with pytest.raises(ValueError, match="2 is more than the 1 different draws"):
        study_of(space | {"num_blocks": 0}, search=random_search(2))


def test_optuna_draws_while_running() -> None:
    study = study_of({"lr": {"uniform": [0.1, 1]}}, validation=10, search={"algorithm": "optuna", "samples": 3})
    with pytest.raises(ValueError, match="while the study runs"):
        configurations(study)
