import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.best import best_set
from analysis.statistics.sights import Sight, sights
from analysis.statistics.standing import standing
from analysis.statistics.verdicts import Plan


def look(values: np.ndarray, *numbers: int) -> list[Sight]:
    """What looks see of values, shape (conditions, runs): the first so many runs at each; all at once by default."""
    conditions, runs = values.shape
    rows = {
        "condition": np.repeat(range(conditions), runs),
        "seed": np.tile(range(runs), conditions),
        "test_accuracy": values.ravel(),
    }
    asked = [{c: frozenset(range(n)) for c in range(conditions)} for n in numbers]
    return sights(pd.DataFrame(rows).assign(diverged=False), "test_accuracy", conditions, asked)


def test_the_best_first_those_that_may_be_and_those_that_are_not() -> None:
    rng = np.random.default_rng(1)
    found = standing(look(rng.normal([[60.0], [59.8], [50.0], [40.0]], 0.5, (4, 5))), range(4), Plan())
    assert {found.best, *found.near} == {0, 1}
    assert [number for number, _ in found.behind] == [2, 3]
    assert 8 < found.behind[0][1] < 10
    assert 18 < found.behind[1][1] < 20


def test_what_was_left_out_at_a_look_stays_out() -> None:
    rng = np.random.default_rng(2)
    values = np.hstack([rng.normal([[60.0], [50.0]], 0.5, (2, 5)), rng.normal([[59.0], [64.0]], 6.0, (2, 5))])
    found = standing(look(values, 5, 10), range(2), Plan(planned=2))
    assert (found.best, found.near) == (0, ())
    alone = standing(look(values), range(2), Plan())
    assert alone.near


def test_one_run_each_leaves_all_possible() -> None:
    found = standing(look(np.array([[60.0], [50.0]])), range(2), Plan())
    assert (found.best, found.near, found.alone) == (0, (1,), (0, 1))


@pytest.mark.parametrize("spread", [(1.0, 1.0, 1.0, 1.0), (0.5, 2.0, 1.0, 1.0)])
def test_how_far_behind_holds_for_all_at_once_in_95_percent_of_studies(spread: tuple[float, ...]) -> None:
    studies, true = 2000, np.array([60.0, 59.0, 57.0, 56.0])
    rng = np.random.default_rng(4)
    runs = rng.normal(true[:, None], np.array(spread)[:, None], (studies, 4, 5))
    found = best_set(runs.mean(axis=-1), runs.var(axis=-1, ddof=1), np.full(runs.shape[:2], 5))
    assert (found.behind[:, 1:] > 0).mean() > 0.3, "it says something"
    false = (found.behind > 60.0 - true).any(axis=1) | ~found.member[:, 0]
    assert false.mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / studies)
