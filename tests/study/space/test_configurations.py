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


def test_optuna_draws_while_running() -> None:
    study = study_of({"lr": {"uniform": [0.1, 1]}}, validation=10, search={"algorithm": "optuna", "samples": 3})
    with pytest.raises(ValueError, match="while the study runs"):
        configurations(study)
