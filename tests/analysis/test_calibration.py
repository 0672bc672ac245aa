"""Do the intervals and verdicts keep their word? Simulated studies with a known truth."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.question import Question
from analysis.statistics.comparison import Comparison, compare, decide, mean_interval, welch_bands, welch_interval
from analysis.statistics.families import Pair, comparison_table, pairs
from analysis.statistics.sights import sights
from analysis.statistics.verdicts import judged, with_verdicts
from study.contract.axes import Configuration

REPEATS = 3000
SD = 1.0  # percentage points between seeds


def conditions(number: int) -> pd.DataFrame:
    return pd.DataFrame([{"stage": "explore", **Configuration().as_dict()}] * number)


def verdicts_of(runs: pd.DataFrame, chosen: list[Pair], meaningful: float) -> pd.Series:
    """The verdicts of a study looked at once, as its report has them."""
    seen = sights(runs.assign(diverged=False), "test_accuracy", int(runs["condition"].max()) + 1, [])
    found = judged(seen, [pair for pair in chosen if pair.confirms], meaningful)
    return with_verdicts(seen, chosen, found, meaningful)["verdict"]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_of_means_cover_93_to_97_percent(n: int) -> None:
    rng = np.random.default_rng(n)
    samples = rng.normal(55.0, SD, (REPEATS, n))
    covered = [low <= 55.0 <= high for low, high in map(mean_interval, samples)]
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("ratio", [1.0, 1.5])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_of_differences_cover_93_to_97_percent(n: int, ratio: float) -> None:
    rng = np.random.default_rng(100 + n)
    a = rng.normal(56.0, SD * ratio, (n, REPEATS))
    b = rng.normal(55.0, SD, (n, REPEATS))
    bands = welch_bands(a, b)  # `welch_interval` of each column
    assert 0.93 <= np.mean((bands["low"] <= 1.0) & (bands["high"] >= 1.0)) <= 0.97


@pytest.mark.parametrize(("n", "meaningful"), [(3, 0.05), (5, 0.05), (5, 1.0)])
def test_a_a_studies_give_false_verdicts_at_most_5_percent(n: int, meaningful: float) -> None:
    """Six equal conditions against one baseline: any 'larger' in the study is false.

    With a meaningful difference near 0 this is the hardest case.
    """
    rng = np.random.default_rng(7)
    runs = rng.normal(55.0, SD, (7, n, REPEATS))
    bands = [welch_bands(condition, runs[0], 1 - 0.05 / 6) for condition in runs[1:]]
    larger = [
        [decide((low, high), meaningful) == "larger" for low, high in zip(each["low"], each["high"], strict=True)]
        for each in bands
    ]
    assert np.mean(np.any(larger, axis=0)) <= 0.05


def test_a_study_s_check_is_that_of_welch_s_joint_intervals() -> None:
    """The table of a study reads its check off the intervals calibrated above."""
    rng = np.random.default_rng(6)
    points = conditions(7).assign(num_blocks=range(7))
    values = rng.normal(np.repeat([55.0, 55, 57, 58, 53, 55, 56], 5), SD)
    runs = {"condition": np.repeat(range(7), 5), "seed": np.tile(range(5), 7)}
    question = Question(baseline={"num_blocks": 0}, meaningful=0.5)
    chosen, _ = pairs(points, ("num_blocks",), question)
    table = comparison_table(pd.DataFrame({**runs, "test_accuracy": values}), chosen, 0.5)
    baseline = table[table["family"] == "baseline"]
    samples = values.reshape(7, 5)
    intervals = [welch_interval(sample, samples[0], 1 - 0.05 / 6) for sample in samples[1:]]
    assert baseline["check"].tolist() == [decide(interval, 0.5) for interval in intervals]
    assert set(baseline["check"]) == {"larger", "undecided"}


def test_a_whole_a_a_study_gives_false_verdicts_at_most_5_percent() -> None:
    """Baseline and exploratory comparisons together, 5 seeds, 1 point between seeds and d = 1."""
    rng = np.random.default_rng(13)
    points = conditions(6)
    points[["num_blocks", "batch_norm"]] = [(b, n) for b in (1, 3, 5) for n in (0, 1)]
    chosen, _ = pairs(points, ("num_blocks", "batch_norm"), Question(baseline={"num_blocks": 1, "batch_norm": 0}))
    assert {pair.family for pair in chosen} == {"baseline", "exploratory"}
    false = 0
    for _ in range(100):
        runs = {"condition": np.repeat(range(6), 5), "seed": np.tile(range(5), 6)}
        table = pd.DataFrame({**runs, "test_accuracy": rng.normal(55.0, SD, 30)})
        false += bool((verdicts_of(table, chosen, 1.0) == "larger").any())
    assert false <= 5


def test_adjusted_p_values_of_a_a_studies_are_seldom_small() -> None:
    """Four conditions against a baseline: unadjusted, one in six studies would hold a p-value below 5 %."""
    rng = np.random.default_rng(14)
    chosen = [Pair("baseline", "", number, 0) for number in range(1, 5)]
    small, unadjusted, repeats = 0, 0, 100
    for _ in range(repeats):
        runs = {"condition": np.repeat(range(5), 5), "seed": np.tile(range(5), 5)}
        table = pd.DataFrame({**runs, "test_accuracy": rng.normal(55.0, SD, 25)})
        result = comparison_table(table, chosen, 1.0)
        small += bool((result["p_adjusted"] < 0.05).any())
        unadjusted += bool((result["p"] < 0.05).any())
    assert small / repeats <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / repeats)
    assert unadjusted / repeats > 0.1


def test_equal_conditions_with_plenty_of_seeds_are_smaller_than_d() -> None:
    rng = np.random.default_rng(8)
    found = [compare(*_pair(rng, 0.0, 40), meaningful=1.0).check for _ in range(200)]
    assert found.count("smaller") >= 180
    assert found.count("larger") == 0


def test_a_difference_at_the_border_is_seldom_called_smaller_or_larger() -> None:
    rng = np.random.default_rng(9)
    found = [compare(*_pair(rng, 1.0, 10), meaningful=1.0).check for _ in range(1000)]
    assert found.count("smaller") / 1000 <= 0.04
    assert found.count("larger") / 1000 <= 0.04


def test_a_true_difference_of_2d_is_found_with_plenty_of_seeds() -> None:
    rng = np.random.default_rng(10)
    found = [compare(*_pair(rng, 2.0, 30), meaningful=1.0).check for _ in range(200)]
    assert found.count("larger") >= 185


def test_joint_intervals_hold_together() -> None:
    """All six intervals of a study cover the truth at once in at least 95 % of studies."""
    rng = np.random.default_rng(11)
    means = [55.0, 55.5, 56.0, 57.0, 55.0, 54.0, 50.0]
    runs = [rng.normal(mean, SD, (5, REPEATS)) for mean in means]
    held = np.full(REPEATS, True)
    for mean, condition in zip(means[1:], runs[1:], strict=True):
        joint = welch_bands(condition, runs[0], 1 - 0.05 / 6)
        held &= (joint["low"] <= mean - means[0]) & (joint["high"] >= mean - means[0])
    assert held.mean() >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / REPEATS)


def _pair(rng: np.random.Generator, difference: float, n: int) -> tuple[pd.Series, pd.Series]:
    return pd.Series(rng.normal(55 + difference, SD, n)), pd.Series(rng.normal(55, SD, n))


def test_parts_of_the_same_runs_are_decided_by_their_differences() -> None:
    """A longer budget gains 0.4 +- 0.3 points a run; runs differ by 1 point, so Welch's interval could not tell."""
    rng = np.random.default_rng(15)
    long = rng.normal(55.4, SD, (REPEATS // 10, 5))
    short = long - rng.normal(0.4, 0.3, long.shape)
    found = [(_as_parts(a, b, True), _as_parts(a, b, False)) for a, b in zip(long, short, strict=True)]
    paired, apart = zip(*found, strict=True)
    assert np.mean([c.interval[0] <= 0.4 <= c.interval[1] for c in paired]) == pytest.approx(0.95, abs=0.03)
    assert np.mean([c.check == "smaller" for c in paired]) > 0.8
    assert np.mean([c.check == "smaller" for c in apart]) < 0.2


def test_paired_a_a_studies_give_false_verdicts_at_most_5_percent() -> None:
    rng = np.random.default_rng(16)
    false = 0
    for _ in range(300):
        base = rng.normal(55.0, SD, 5)
        runs = [base + rng.normal(0, 0.3, 5) for _ in range(4)]
        table = pd.DataFrame({"condition": np.repeat(range(4), 5), "seed": np.tile(range(5), 4)})
        chosen = [Pair("baseline", "", number, 0, paired=True) for number in (1, 2, 3)]
        result = verdicts_of(table.assign(test_accuracy=np.concatenate(runs)), chosen, 0.01)
        false += bool((result == "larger").any())
    assert false / 300 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)


def _as_parts(a: np.ndarray, b: np.ndarray, paired: bool) -> Comparison:
    return compare(pd.Series(a), pd.Series(b), 1.0, paired=paired)
