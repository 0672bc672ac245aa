"""When a study that adds seeds is looked at, what each look may spend, and which runs come next.

`seeds: {start: 5, most: 40}`: every configuration gets `start` seeds; at each look the undecided
comparisons are judged; the conditions of those that stay undecided get the seeds of the next look. The numbers of runs
are fixed in advance, so that results decide only whether a comparison goes on: the condition
under which the levels of `boundaries` hold.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from scipy import special

from analysis.statistics.boundaries import information_growth, levels_by_open
from analysis.statistics.judging import Contrast

MOST_LOOKS = 6
STAGED = 0.9  # share of the error that several planned looks spend
LEAST_GROWTH = 1.2
HOPELESS = 0.05
MOST_SHARED = 2.0


def seeds_by_look(start: int, most: int) -> tuple[int, ...]:
    """Return the number of seeds of a condition at each look, at most MOST_LOOKS of them.

    Each look has about the same factor more than the one before, about LEAST_GROWTH or more: (5, 40)
    gives 5, 8, 11, 17, 26, 40.
    """
    if not 2 <= start <= most:
        raise ValueError(f"seeds: start must be at least 2 and at most `most`, not start {start}, most {most}")
    steps = min(MOST_LOOKS - 1, int(math.log(most / start) / math.log(LEAST_GROWTH) + 1e-9))
    if most > start:
        steps = max(steps, 1)
    path = [round(start * (most / start) ** (k / max(steps, 1))) for k in range(steps + 1)]
    return tuple(dict.fromkeys(path))


def shares(looks: int, planned: int) -> tuple[float, ...]:
    """Return the share of the error that is spent by each of the looks so far.

    planned: looks that the study was planned with, 1 for a fixed number of seeds, which spends all at that
    look. Several spend alike at each, STAGED in all: levels for normal statistics, applied to few runs
    with estimated variances, let through up to a tenth more than they should. The shares go by looks,
    not by information, which Lan & DeMets (1989) allow.

    A look beyond the planned ones finds nothing left to spend. The first adds half of the error, the
    next half of that: see `promised_error`, which the report must then state.
    """
    whole = STAGED if planned > 1 else 1.0
    inside = [whole * k / planned for k in range(1, min(looks, planned) + 1)]
    outside = [2 - 0.5**k for k in range(1, looks - planned + 1)]
    return tuple(inside + outside)


def promised_error(alpha: float, looks: int, planned: int) -> float:
    """Return the bound on the share of studies with a false claim, with unplanned looks counted.

    5 % as planned; 7.5 % when extended once without a plan, 8.75 % twice, never above 10 %.
    """
    return alpha * max(1.0, shares(looks, planned)[-1])


def planned_runs(path: Sequence[int], comparisons: int) -> tuple[int, ...]:
    """Return the runs at each look of a condition that takes part in a number of comparisons.

    From the second look on a condition of c comparisons, such as the baseline, gets sqrt(c) times the
    seeds, the allotment with the smallest standard errors of c differences for a number of runs (Dunnett
    1955), but at most MOST_SHARED times: with very unequal numbers of runs the skewness of
    two distributions no longer cancels in their difference. `most` is the number for a condition of one
    comparison.
    """
    factor = min(math.sqrt(max(comparisons, 1)), MOST_SHARED)
    return (path[0], *(math.ceil(n * factor - 1e-9) for n in path[1:]))


def levels_at_look(
    counts: np.ndarray, pairs: Sequence[tuple[int, int]], planned: int, alpha: float = 0.05
) -> np.ndarray:
    """Return the levels that `judging.judge` takes at the latest look, shape (comparisons, comparisons).

    counts: runs of each condition at each look so far, shape (looks, conditions), unplanned ones (`--extend`) at the
    end. pairs: the comparisons of the family. planned: how many looks the study was planned with. Row i is for
    comparison i, column u - 1 for u undecided ones.
    """
    spent = shares(len(counts), planned)
    rows: dict[tuple[float, ...], np.ndarray] = {}
    table = np.empty((len(pairs), len(pairs)))
    for row, (a, b) in enumerate(pairs):
        growth = information_growth(counts[:, a].tolist(), counts[:, b].tolist())
        if growth not in rows:
            rows[growth] = levels_by_open(alpha, spent, growth, len(pairs))
        table[row] = rows[growth]
    return table


def next_runs(
    path: Sequence[int], look: int, pairs: Sequence[tuple[int, int]], undecided: Collection[int]
) -> dict[int, int]:
    """Return how many runs each condition should have at a look (0 is the first), where a comparison needs it.

    pairs: all comparisons of the families that seeds are added for. undecided: positions in pairs.
    The number of comparisons of a condition is counted over all pairs, decided or not, as fixed in advance.
    """
    counts = Counter(condition for pair in pairs for condition in pair)
    wanted: dict[int, int] = {}
    for position in undecided:
        for condition in pairs[position]:
            wanted[condition] = planned_runs(path, counts[condition])[look]
    return wanted


def chance_to_decide(contrast: Contrast, se_then: np.ndarray, margin: float, level_then: np.ndarray) -> np.ndarray:
    """Return the chance that a comparison will be decided by a later look, as far as the data tell.

    contrast: shape (...), today's; se_then: the standard error that the runs of the later look would
    give, below today's; level_then: the one-sided level at that look. Predictive power with a flat prior
    (Spiegelhalter, Freedman & Blackburn 1986; Jennison & Turnbull 2000, section 10.3): the difference
    then is normal around today's with variance se^2 - se_then^2.

    Below HOPELESS no more seeds are added: stopping without a claim makes no false claim. Sorting by it,
    highest first, gives seeds first to those that they decide.
    """
    critical = -special.ndtri(level_then) * se_then
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.maximum(contrast.se**2 - se_then**2, 1e-300))
        d = contrast.difference
        beyond = special.ndtr((d - margin - critical) / spread) + special.ndtr((-d - margin - critical) / spread)
        inner = np.maximum(margin - critical, 0.0)
        within = special.ndtr((inner - d) / spread) - special.ndtr((-inner - d) / spread)
    return beyond + within
