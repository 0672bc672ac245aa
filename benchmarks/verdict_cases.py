"""Simulated studies with a known truth: how runs spread, where the true differences lie, what is decided.

Condition 0 is the baseline. Arrays are (studies, conditions) or (studies, conditions, runs).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.boundaries import information_growth, levels_by_open
from analysis.statistics.judging import LARGER, SMALLER, contrasts, judge
from analysis.statistics.looks import HOPELESS, chance_to_decide, planned_runs, shares

SD = 1.3  # points between seeds
DIVERGED = -45.0  # where diverged runs lie against the others, points
DIVERGED_RUN = 0.8 * DIVERGED  # the deviation of each of them from the mean, where one run in five diverges
MARGIN = 1.0
ALPHA = 0.05
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _scales(conditions: int, every_other: float = 1.0, first: float = 1.0, baseline: float = 1.0) -> np.ndarray:
    scales = np.where(np.arange(conditions) % 2, every_other, 1.0)
    scales[0], scales[1] = baseline, scales[1] * first
    return SD * scales[:, None]


SPREADS: dict[str, dict[str, float]] = {
    "equal": {},
    "doubled": {"every_other": 2},
    "tenfold": {"every_other": 10},
    "zero": {"every_other": 0},
    "zero baseline": {"baseline": 0},
    "one tripled": {"first": 3},
    "one wild": {"first": 10},
    "baseline tripled": {"baseline": 3},
    "wild baseline": {"baseline": 10},
}
SHAPES = ("heavy tails", "skewed", "one skewed", "bimodal")
CASES = (*SPREADS, *SHAPES)


def deviations(case: str, rng: np.random.Generator, studies: int, conditions: int, runs: int) -> np.ndarray:
    """Return what runs deviate from the true mean of their condition by, shape (studies, conditions, runs).

    'skewed': exponential, the long tail towards low accuracies. 'bimodal': one run in five diverges, in
    every condition.
    """
    shape = (studies, conditions, runs)
    if case == "heavy tails":
        return rng.standard_t(3, shape) * (SD / np.sqrt(3))
    if case == "skewed":
        return SD * (1 - rng.exponential(size=shape))
    if case == "one skewed":
        x = rng.normal(size=shape)
        x[:, 1] = 1 - rng.exponential(size=(studies, runs))
        return SD * x
    if case == "bimodal":
        return np.where(rng.random(shape) < 0.2, DIVERGED_RUN, rng.normal(-0.2 * DIVERGED, SD, shape))
    return rng.normal(size=shape) * _scales(conditions, **SPREADS[case])


def truths(comparisons: int, margin: float) -> dict[str, np.ndarray]:
    """Return the true differences that are the hardest to be right about, shape (comparisons,) each."""
    odd = np.arange(comparisons) % 2 == 1
    inside, outside = margin * (1 - 1e-9), margin * (1 + 1e-9)
    return {
        "none": np.zeros(comparisons),
        "just within d": np.full(comparisons, inside),
        "just within d, both signs": np.where(odd, inside, -inside),
        "just beyond d": np.full(comparisons, outside),
        "just beyond d, both signs": np.where(odd, outside, -outside),
        "half of them plain": np.where(odd, 8 * margin, inside),
    }


def false_claims(verdict: np.ndarray, difference: np.ndarray, true: np.ndarray, margin: float) -> np.ndarray:
    """Say which studies claim something false, shape (studies,)."""
    wrong_side = (np.abs(true) <= margin) | (np.sign(true) != np.sign(difference))
    false = ((verdict == LARGER) & wrong_side) | ((verdict == SMALLER) & (np.abs(true) > margin))
    return false.any(axis=-1)


def against_baseline(comparisons: int) -> np.ndarray:
    return np.array([(i, 0) for i in range(1, comparisons + 1)])


def statistics(x: np.ndarray, ns: Sequence[int]) -> Arrays:
    """Means, variances, numbers of runs and of diverged ones, of the first ns[i] runs of condition i.

    A condition whose runs all diverged has 0 runs: it takes part in no family.
    """
    means, variances = np.empty(x.shape[:2]), np.empty(x.shape[:2])
    numbers, diverged = np.empty(x.shape[:2], int), np.empty(x.shape[:2], int)
    for i, n in enumerate(ns):
        runs = x[:, i, :n]
        diverged[:, i] = (runs == DIVERGED_RUN).sum(axis=1)
        means[:, i], variances[:, i], numbers[:, i] = runs.mean(axis=1), runs.var(axis=1, ddof=1), n
        numbers[:, i][diverged[:, i] == n] = 0
    return means, variances, numbers, np.where(numbers > 0, diverged, 0)


@dataclass(frozen=True)
class Outcome:
    """runs: total of each study, shape (studies,); verdict: shape (studies, comparisons); false: shape (studies,)."""

    runs: np.ndarray
    verdict: np.ndarray
    false: np.ndarray


def staged_study(
    x: np.ndarray,
    true: np.ndarray,
    path: Sequence[int],
    margin: float = MARGIN,
    planned: int | None = None,
    hopeless: float = HOPELESS,
) -> Outcome:
    """Run studies that add seeds to undecided comparisons, all against the baseline.

    x: deviations, shape (studies, conditions, runs). true: differences, shape (comparisons,). path: seeds
    at each look; planned: how many of them were planned, all by default. hopeless: chance below which no
    more seeds are added.
    """
    studies, comparisons = len(x), len(true)
    pairs, base = against_baseline(comparisons), planned_runs(path, comparisons)
    planned = len(path) if planned is None else planned
    mean = np.concatenate([[0.0], true])
    open_: np.ndarray = np.ones((studies, comparisons), bool)  # undecided
    going: np.ndarray = open_.copy()  # of these, those that still get seeds
    verdict, difference = np.zeros((studies, comparisons), int), np.zeros((studies, comparisons))
    now = statistics(x, [path[0]] * (comparisons + 1))
    total = np.full(studies, path[0] * (comparisons + 1))
    growth = information_growth(path, base)
    last = levels_by_open(ALPHA, shares(len(path), planned), growth, comparisons)
    for look in range(len(path)):
        if look:
            live = np.concatenate([going.any(axis=1, keepdims=True), going], axis=1)
            wanted = [base[look], *[path[look]] * comparisons]
            before = np.array([base[look - 1], *[path[look - 1]] * comparisons])
            total = total + (live * (wanted - before)).sum(axis=1)
            fresh = statistics(x, wanted)
            now = tuple(np.where(live, new, old) for new, old in zip(fresh, now, strict=True))
        found = contrasts(now[0] + mean, now[1], now[2], pairs, now[3], -DIVERGED)
        levels = levels_by_open(ALPHA, shares(look + 1, planned), growth[:look], comparisons)
        judged = judge(found, margin, levels, open_, going, intervals=False)
        decided = judged.verdict > 0
        verdict, difference = (
            np.where(decided, judged.verdict, verdict),
            np.where(decided, found.difference, difference),
        )
        open_, going = open_ & ~decided, going & ~decided
        if look and look + 1 < len(path):
            se_then = found.se * np.sqrt((1 / path[-1] + 1 / base[-1]) / (1 / path[look] + 1 / base[look]))
            level_then = last[np.maximum(open_.sum(axis=1), 1) - 1][:, None]
            going &= ~(chance_to_decide(found, se_then, margin, level_then) < hopeless)
    return Outcome(total, verdict, false_claims(verdict, difference, true, margin))
