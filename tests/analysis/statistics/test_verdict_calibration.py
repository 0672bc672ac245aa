"""Do verdicts make a false claim in at most 5 % of studies? Thousands of simulated studies as arrays."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.best import best_set
from analysis.statistics.boundaries import information_growth, levels_by_open
from analysis.statistics.judging import contrasts, judge, single_look
from analysis.statistics.looks import planned_runs, seeds_by_look, shares
from benchmarks.adastop import adastop
from benchmarks.verdict_cases import (
    ALPHA,
    CASES,
    MARGIN,
    against_baseline,
    deviations,
    false_claims,
    staged_study,
    statistics,
    truths,
)
from benchmarks.verdict_methods import METHODS, dunnett_critical

pytestmark = pytest.mark.slow

STUDIES = 2000
# Skewness of 2 in one condition, or beside a baseline of twice the runs, is beyond Student's t: see docs/verdicts.md.
ALLOWED = {"one skewed": 0.075, "skewed": 0.065}


def _bound(case: str, studies: int) -> float:
    """Three standard errors above 5 %: a doubled error is noticed."""
    return ALLOWED.get(case, ALPHA) + 3 * math.sqrt(ALPHA * (1 - ALPHA) / studies)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("runs", "comparisons"), [(3, 2), (3, 10), (5, 1), (5, 10), (5, 20), (10, 3)])
def test_false_claims_of_one_look(case: str, runs: int, comparisons: int) -> None:
    x = deviations(case, np.random.default_rng(1), STUDIES, comparisons + 1, runs)
    seen = statistics(x, [runs] * (comparisons + 1))
    for name, true in truths(comparisons, MARGIN).items():
        margin = 0.2 if name == "none" else MARGIN
        verdict, difference = METHODS["chosen"](seen, true, margin)
        assert false_claims(verdict, difference, true, margin).mean() <= _bound(case, STUDIES), name


@pytest.mark.parametrize("case", ["equal", "doubled", "one wild", "zero baseline"])
def test_false_claims_with_unequal_numbers_of_runs(case: str) -> None:
    ns = [10, 3, 5, 3, 10, 4]
    x = deviations(case, np.random.default_rng(2), STUDIES, 6, 10)
    seen = statistics(x, ns)
    for name, true in truths(5, MARGIN).items():
        verdict, difference = METHODS["chosen"](seen, true, MARGIN)
        assert false_claims(verdict, difference, true, MARGIN).mean() <= _bound(case, STUDIES), name


@pytest.mark.parametrize("case", ["equal", "doubled", "tenfold", "one tripled"])
def test_false_claims_of_declared_questions(case: str) -> None:
    """Eight questions among six conditions, most of which take part in several."""
    pairs = np.array([(1, 0), (2, 1), (3, 2), (3, 0), (4, 5), (5, 1), (4, 0), (2, 5)])
    x = deviations(case, np.random.default_rng(3), STUDIES, 6, 4)
    means, variances, ns, _ = statistics(x, [4] * 6)
    for at in (np.zeros(6), np.array([0, 1, 0, 1, 0, 1]), np.array([0, 1, 2, 3, 1, 2])):
        for nudge in (1 - 1e-9, 1 + 1e-9):
            at_margin = at * nudge
            true = at_margin[pairs[:, 0]] - at_margin[pairs[:, 1]]
            found = contrasts(means + at_margin, variances, ns, pairs)
            judged = judge(found, MARGIN, single_look(ALPHA, len(pairs)), intervals=False)
            assert false_claims(judged.verdict, found.difference, true, MARGIN).mean() <= _bound(case, STUDIES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("start", "most", "comparisons"), [(5, 40, 1), (5, 40, 10), (3, 20, 3)])
def test_false_claims_with_seeds_added_in_six_looks(case: str, start: int, most: int, comparisons: int) -> None:
    studies, path = 1000, seeds_by_look(start, most)
    assert len(path) == 6
    x = deviations(case, np.random.default_rng(4), studies, comparisons + 1, planned_runs(path, comparisons)[-1])
    for name, true in truths(comparisons, MARGIN).items():
        margin = 0.2 if name == "none" else MARGIN
        assert staged_study(x, true, path, margin, hopeless=0).false.mean() <= _bound(case, studies), name


def test_giving_up_makes_no_more_false_claims() -> None:
    path, studies = seeds_by_look(5, 40), 1000
    x = deviations("equal", np.random.default_rng(5), studies, 11, planned_runs(path, 10)[-1])
    for name, true in truths(10, MARGIN).items():
        assert staged_study(x, true, path, MARGIN).false.mean() <= _bound("equal", studies), name


@pytest.mark.parametrize("case", ["equal", "one wild", "baseline tripled"])
def test_the_best_is_lost_in_at_most_5_percent_with_seeds_added_in_six_looks(case: str) -> None:
    """All conditions are equal, so that each is the best; the set is the intersection of those of all looks."""
    path, studies, conditions = seeds_by_look(5, 40), 1500, 6
    x = deviations(case, np.random.default_rng(12), studies, conditions, path[-1])
    growth, members = information_growth(path, path), np.ones((studies, conditions), bool)
    for look, n in enumerate(path):
        means, variances, ns, _ = statistics(x, [n] * conditions)
        level = levels_by_open(ALPHA, shares(look + 1, 6), growth[:look], conditions - 1)[-1]
        members &= best_set(means, variances, ns, float(level)).member
    assert (1 - members.mean(axis=0)).max() <= _bound("equal", studies)


def test_looking_six_times_at_the_level_of_one_look_breaks_the_promise() -> None:
    """What the spending is for: the same studies, each look judged as though it were the only one."""
    path, studies = seeds_by_look(5, 40), 2000
    x = deviations("equal", np.random.default_rng(6), studies, 2, 40)
    true, any_false = np.array([MARGIN * (1 - 1e-9)]), np.zeros(studies, bool)
    for n in path:
        verdict, difference = METHODS["chosen"](statistics(x, [n, n]), true, MARGIN)
        any_false |= false_claims(verdict, difference, true, MARGIN)
    assert any_false.mean() > 0.1


def test_a_fixed_study_extended_once_keeps_what_it_then_promises() -> None:
    x = deviations("equal", np.random.default_rng(7), STUDIES, 11, 20)
    for name, true in truths(10, MARGIN).items():
        found = staged_study(x, true, (5, 10), MARGIN, planned=1, hopeless=0)
        assert found.false.mean() <= 0.075 + 3 * math.sqrt(0.075 * 0.925 / STUDIES), name


def test_more_is_decided_than_by_welch_and_bonferroni() -> None:
    true = np.array([4.0] * 10)
    for runs in (3, 5):
        x = deviations("equal", np.random.default_rng(8), STUDIES, 11, runs)
        seen = statistics(x, [runs] * 11)
        share = {name: (METHODS[name](seen, true, MARGIN)[0] > 0).mean() for name in ("Welch, Bonferroni", "chosen")}
        assert share["chosen"] > 1.5 * share["Welch, Bonferroni"]


def test_a_mixed_study_takes_at_most_half_of_the_runs_of_a_fixed_one() -> None:
    """Fixed Welch with 50 seeds, 550 runs, decides a smaller share of the same comparisons."""
    true, path, studies = np.repeat([0, 1.5, 2, 3, 5.0], 2), seeds_by_look(5, 40), 400
    x = deviations("equal", np.random.default_rng(9), studies, 11, 80)
    added = staged_study(x, true, path)
    fixed, _ = METHODS["Welch, Bonferroni"](statistics(x, [55] * 11), true, MARGIN)
    assert (added.verdict > 0).mean() > (fixed > 0).mean()
    assert np.median(added.runs) <= 11 * 55 / 1.9


@pytest.mark.parametrize(
    ("m", "df", "two_sided", "value"),
    [(2, 20, True, 2.38), (5, 20, True, 2.73), (9, 20, True, 2.95), (5, 20, False, 2.39), (9, 20, False, 2.60)],
)
def test_dunnett_s_critical_values_are_those_of_his_tables(m: int, df: int, two_sided: bool, value: float) -> None:
    """Dunnett (1955, tables 1a; 1964, table II)."""
    assert dunnett_critical(m, df, two_sided=two_sided) == pytest.approx(value, abs=0.011)


def test_dunnett_s_critical_value_is_that_of_scipy() -> None:
    rng = np.random.default_rng(10)
    samples = [rng.normal(size=5) for _ in range(4)]
    limits: Any = stats.dunnett(*samples[1:], control=samples[0], rng=rng).confidence_interval(0.95)
    pooled = math.sqrt(np.mean([np.var(s, ddof=1) for s in samples]))
    half = (limits.high - limits.low) / 2 / (pooled * math.sqrt(2 / 5))
    assert dunnett_critical(3, 16) == pytest.approx(float(half[0]), abs=0.02)


def test_adastop_s_rule_keeps_its_own_promise_and_finds_what_is_plain() -> None:
    rng = np.random.default_rng(11)
    wrong = [adastop(rng.normal(size=(4, 40)), rng)[1] > 0 for _ in range(150)]
    assert np.mean(wrong) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 150)
    runs, share = adastop(rng.normal(np.array([0, 5, 5, 5.0])[:, None], 1, (4, 40)), rng)
    assert share == 1
    assert runs < 80


def test_the_baseline_is_condition_0() -> None:
    assert against_baseline(2).tolist() == [[1, 0], [2, 0]]
