"""Which condition is best: a set that holds it with 95 % confidence, and how far each is from the best.

Hsu's multiple comparisons with the best (1984; 1996, chapter 4). Only the true best must not be lost, so
k - 1 one-sided comparisons share the error, not k (k - 1) / 2. Bonferroni's inequality
between them allows unequal variances and unequal numbers of runs.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from analysis.statistics.judging import Contrast, contrasts

ALPHA = 0.05


@dataclass(frozen=True)
class BestSet:
    """Shape (..., conditions) each.

    member: whether a condition may be the best (the highest mean). low, high: interval of its mean minus the best
    of the others' means, which holds for all conditions together; high is 0 for those that are not
    the best, low is 0 for a single member. behind: by how much at least its mean lies below that of the best, whichever
    member that is (Edwards & Hsu 1983); 0 for members.
    """

    member: np.ndarray
    low: np.ndarray
    high: np.ndarray
    behind: np.ndarray


def best_set(
    means: np.ndarray,
    variances: np.ndarray,
    ns: np.ndarray,
    level: float | None = None,
    live: np.ndarray | None = None,
    found: Contrast | None = None,
) -> BestSet:
    """Return the conditions that may be the best, at 95 % confidence.

    means, variances, ns: shape (..., conditions), two conditions or more; a higher mean is better.
    level: one-sided level of each comparison, by default 0.05 / (conditions - 1), for a study that is
    looked at once; at a later look `boundaries.levels_by_open(0.05, ...)[conditions - 2]`.
    live: shape (..., conditions), the conditions that have the runs which the plan foresees for this
    look; only they are compared. The sets of all looks hold the best together, so that their
    intersection does; a condition once left out stays out.
    found: the differences of `ordered_pairs`, where they are known better than from means, variances and ns.
    A condition with fewer than 2 runs is always a member.
    """
    means, k = np.asarray(means, float), np.shape(means)[-1]
    if k < 2:
        raise ValueError("the best of one condition: compare at least two")
    one_sided = ALPHA / (k - 1) if level is None else level
    pairs = ordered_pairs(k)
    found = contrasts(means, variances, ns, pairs) if found is None else found
    half = special.stdtrit(found.df, 1 - one_sided) * found.se
    known = ~np.isnan(half)
    if live is not None:
        known &= live[..., pairs[:, 0]] & live[..., pairs[:, 1]]
    shape = (*means.shape[:-1], k, k - 1)  # row i: condition i against every other
    upper = np.where(known, found.difference + np.nan_to_num(half), np.inf).reshape(shape)
    lower = np.where(known, found.difference - np.nan_to_num(half), -np.inf).reshape(shape)
    high = np.maximum(upper.min(axis=-1), 0.0)
    member = high > 0
    others = pairs[:, 1].reshape(k, k - 1)
    low = np.where(member[..., others], lower, np.inf).min(axis=-1)
    alone = member & (member.sum(axis=-1, keepdims=True) == 1)
    nearest = np.where(member[..., others], upper, -np.inf).max(axis=-1)
    behind = np.where(member, 0.0, np.maximum(-nearest, 0.0))
    return BestSet(member, np.where(alone, 0.0, np.minimum(low, 0.0)), high, behind)


def ordered_pairs(conditions: int) -> np.ndarray:
    """Return every condition against every other, shape (conditions * (conditions - 1), 2), by the first."""
    first, second = np.nonzero(~np.eye(conditions, dtype=bool))
    return np.stack([first, second], axis=1)
