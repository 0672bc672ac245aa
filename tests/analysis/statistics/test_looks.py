from itertools import pairwise

import numpy as np
import pytest
from scipy import special

from analysis.statistics.judging import Contrast
from analysis.statistics.looks import (
    MOST_LOOKS,
    chance_to_decide,
    levels_at_look,
    next_runs,
    planned_runs,
    promised_error,
    seeds_by_look,
    shares,
)


@pytest.mark.parametrize(("start", "most"), [(2, 3), (3, 10), (5, 6), (5, 40), (5, 100), (10, 12)])
def test_looks_begin_at_start_end_at_most_and_rise(start: int, most: int) -> None:
    path = seeds_by_look(start, most)
    assert (path[0], path[-1]) == (start, most)
    assert len(path) <= MOST_LOOKS
    assert all(a < b for a, b in pairwise(path))


def test_five_to_forty() -> None:
    assert seeds_by_look(5, 40) == (5, 8, 11, 17, 26, 40)
    assert seeds_by_look(5, 5) == (5,)


@pytest.mark.parametrize(("start", "most"), [(1, 5), (6, 5)])
def test_impossible_numbers_of_seeds_are_refused(start: int, most: int) -> None:
    with pytest.raises(ValueError, match="start must be at least 2"):
        seeds_by_look(start, most)


def test_a_fixed_number_of_seeds_loses_nothing_and_an_extension_says_what_it_costs() -> None:
    assert shares(1, planned=1) == (1.0,)
    assert shares(3, planned=1) == (1.0, 1.5, 1.75)
    assert promised_error(0.05, 1, 1) == 0.05
    assert promised_error(0.05, 2, 1) == pytest.approx(0.075)
    assert promised_error(0.05, 50, 1) <= 0.1


def test_planned_looks_keep_within_the_error() -> None:
    spent = shares(6, planned=6)
    assert all(a < b for a, b in pairwise(spent))
    assert spent[-1] <= 1
    assert promised_error(0.05, 6, 6) == 0.05


def test_a_shared_condition_gets_more_seeds_but_at_most_twice_as_many() -> None:
    path = (5, 8, 40)
    assert planned_runs(path, 1) == path
    assert planned_runs(path, 2) == (5, 12, 57)
    assert planned_runs(path, 10) == planned_runs(path, 20) == (5, 16, 80)


def test_only_the_conditions_of_undecided_comparisons_get_seeds() -> None:
    pairs = [(1, 0), (2, 0), (3, 0), (3, 4)]
    wanted = next_runs((5, 8, 11), 1, pairs, undecided=[1, 3])
    assert wanted == {2: 8, 0: 14, 3: 12, 4: 8}
    assert next_runs((5, 8, 11), 1, pairs, undecided=[]) == {}


def test_the_chance_to_decide_is_what_simulated_continuations_decide() -> None:
    rng = np.random.default_rng(1)
    difference, se, then, level = 0.4, 0.5, 0.25, 0.01
    delta = rng.normal(difference, se, 200_000)
    # the later estimate is the mean of today's and of new runs, weighted by information
    weight = then**2 / se**2
    new = rng.normal(delta, 1 / np.sqrt(1 / then**2 - 1 / se**2))
    later = weight * difference + (1 - weight) * new
    c = -special.ndtri(level) * then
    decided = (np.abs(later) - c > 1) | (np.abs(later) + c <= 1)
    found = Contrast(np.array(difference), np.array(se), np.array(9.0))
    assert float(chance_to_decide(found, np.array(then), 1.0, np.array(level))) == pytest.approx(
        decided.mean(), abs=0.01
    )


def test_a_clear_difference_has_every_chance_and_one_at_the_margin_little() -> None:
    found = Contrast(np.array([9.0, 1.0]), np.array([0.5, 0.3]), np.array([9.0, 9.0]))
    clear, close = chance_to_decide(found, np.array([0.2, 0.25]), 1.0, np.array(0.005))
    assert clear > 0.999
    assert close < 0.1


def test_the_levels_of_a_fixed_study_are_holm_s() -> None:
    table = levels_at_look(np.full((1, 5), 5), [(1, 0), (2, 0), (3, 4)], planned=1)
    np.testing.assert_allclose(table, np.broadcast_to([0.05, 0.025, 0.05 / 3], (3, 3)))


def test_the_levels_of_later_looks_depend_on_the_runs_that_a_comparison_gets() -> None:
    pairs, path = [(1, 0), (2, 0), (3, 4)], seeds_by_look(5, 40)
    counts = np.array([planned_runs(path, n)[:4] for n in (2, 1, 1, 1, 1)]).T
    table = levels_at_look(counts, pairs, planned=6)
    assert (np.diff(table, axis=1) < 0).all()
    np.testing.assert_allclose(table[0], table[1])
    assert (table[2] > table[0]).all()  # its conditions grow less at once, so that its looks are more alike


def test_an_extension_has_a_level_after_all_was_spent() -> None:
    assert (levels_at_look(np.array([[5, 5], [10, 10]]), [(1, 0)], planned=1) > 0).all()


def test_a_comparison_without_new_runs_has_none() -> None:
    counts = np.array([[5, 5, 5], [10, 5, 5]])
    table = levels_at_look(counts, [(1, 2), (1, 0)], planned=1)
    assert (table[0] == 0).all()
    assert (table[1] > 0).all()
