"""Which conditions of a study may be its best, over all looks at it (`best` has the method)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.statistics.best import ALPHA, best_set, ordered_pairs
from analysis.statistics.boundaries import nominal_levels
from analysis.statistics.judging import Contrast
from analysis.statistics.looks import shares
from analysis.statistics.sights import Sight, contrast
from analysis.statistics.verdicts import Plan


@dataclass(frozen=True)
class Standing:
    """Numbers of conditions, the highest mean first.

    best: the one with the highest mean. near: the others that may be the best. behind: those that are not, with how
    many points at least they lie below the best. alone: those with one run, of which nothing can be said.
    """

    best: int
    near: tuple[int, ...]
    behind: tuple[tuple[int, float], ...]
    alone: tuple[int, ...]


def standing(seen: Sequence[Sight], conditions: Sequence[int], plan: Plan) -> Standing:
    """Return the set that holds the best condition with 95 % confidence.

    seen: what each look saw. conditions: those to compare, two or more, which have finished runs and train. A look
    counts the conditions that have the runs planned for it; one that is left out once stays out (docs/verdicts.md, 6).
    """
    number = np.array(conditions)
    pairs = number[ordered_pairs(len(number))]
    member = np.ones(len(number), bool)
    behind = np.zeros(len(number))
    for look, sight in enumerate(seen):
        found = contrast(sight, pairs, [])
        live = sight.ns[number] > 0
        if plan.path and look < len(plan.path):
            live &= sight.counts[number] >= plan.path[look]
        level = _level(seen[: look + 1], number, plan)
        if level <= 0 or live.sum() < 2:
            continue
        now = best_set(
            sight.means[number],
            sight.variances[number],
            sight.ns[number],
            level,
            live,
            Contrast(found.difference, found.se, found.df),
        )
        behind = np.where(now.member, behind, np.maximum(behind, now.behind))
        member &= now.member
    last = seen[-1]
    order = np.argsort(-np.nan_to_num(last.means[number], nan=-np.inf), kind="stable")
    best = next((place for place in order if member[place]), order[0])
    return Standing(
        best=int(number[best]),
        near=tuple(int(number[place]) for place in order if member[place] and place != best),
        behind=tuple((int(number[place]), float(behind[place])) for place in order if not member[place]),
        alone=tuple(int(each) for each in number if last.ns[each] < 2),
    )


def _level(seen: Sequence[Sight], number: np.ndarray, plan: Plan) -> float:
    """The one-sided level at the latest look; 0 where no condition got more runs."""
    counts = np.maximum(np.array([sight.counts[number] for sight in seen]), 1)
    growth = [float((after / before).max()) for before, after in pairwise(counts)]
    if growth and growth[-1] <= 1:
        return 0.0
    spent = tuple(ALPHA * share / (len(number) - 1) for share in shares(len(seen), plan.planned))
    return nominal_levels(spent, tuple(growth))[-1]
