"""The levels at which a comparison is tested when a study is looked at several times.

Error spending (Lan & DeMets 1983): of the error that a comparison may make, a share fixed in advance has
been spent by each look, and the level at a look is what spends the look's part, given that earlier
looks did not decide. Levels are one-sided, of standard normal statistics; for estimated variances they are
applied to p-values of Student's t (the significance-level approach, Jennison & Turnbull 2000,
section 4.4). What is known at a look is measured by numbers of runs, see `information_growth`.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
from scipy import optimize, special

NODES = 160  # Gauss-Legendre nodes of each integral
LOWEST = -9.0  # standard normal statistics below this do not happen


def information_growth(runs_a: Sequence[int], runs_b: Sequence[int]) -> tuple[float, ...]:
    """Return by what factor the information on a difference grew from each look to the next, at most.

    runs_a, runs_b: numbers of runs of the two conditions at every look. The information is
    1 / (variance_a / n_a + variance_b / n_b). Whatever the variances, it grows by a factor between the
    growths of n_a and n_b; the larger one gives the smaller correlation between looks and so, by
    Slepian's inequality (1962), levels that spend no more than they should.
    """
    steps = zip(pairwise(runs_a), pairwise(runs_b), strict=True)
    return tuple(max(1.0, a2 / a1, b2 / b1) for (a1, a2), (b1, b2) in steps)


@lru_cache(maxsize=4096)
def nominal_levels(spent: tuple[float, ...], growth: tuple[float, ...]) -> tuple[float, ...]:
    """Return the one-sided level at each look.

    spent: the error spent by each look, rising, in (0, 1). growth: factors from each look to the next
    by which the information grew, one fewer. A look without new information (factor 1) or without new
    error has level 0.

    Recursive integration over the statistic of undecided studies (Armitage, McPherson & Rowe 1969;
    Jennison & Turnbull 2000, chapter 19): Z_k = r Z_(k-1) + sqrt(1 - r^2) e with r = 1 / sqrt(growth).
    """
    if len(growth) != len(spent) - 1:
        raise ValueError(f"{len(spent)} looks need {len(spent) - 1} growths, not {len(growth)}")
    if not all(0 < s < 1 for s in spent) or any(b < a for a, b in pairwise(spent)):
        raise ValueError(f"the error spent must rise within 0 and 1, not {spent}")
    bound = -float(special.ndtri(spent[0]))
    levels = [spent[0]]
    nodes, weights = _quadrature()
    z = LOWEST + (bound - LOWEST) * (nodes + 1) / 2
    density = weights * (bound - LOWEST) / 2 * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    used, pending = spent[0], 1.0
    for total, factor in zip(spent[1:], growth, strict=True):
        pending *= factor
        if total - used <= 1e-15 or pending <= 1 + 1e-9:
            levels.append(0.0)
            continue
        r, rest = 1 / math.sqrt(pending), math.sqrt(1 - 1 / pending)
        bound = _bound(z, density, r, rest, total - used)
        levels.append(float(special.ndtr(-bound)))
        after = LOWEST + (bound - LOWEST) * (nodes + 1) / 2
        # (after, before): the density of the next statistic given each former one
        kernel = np.exp(-(((after[:, None] - r * z) / rest) ** 2) / 2) / (rest * math.sqrt(2 * math.pi))
        density = weights * (bound - LOWEST) / 2 * (kernel @ density)
        z, used, pending = after, total, 1.0
    return tuple(levels)


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


def _bound(z: np.ndarray, density: np.ndarray, r: float, rest: float, part: float) -> float:
    """Solve P(undecided before, next statistic above the bound) = part."""
    found = optimize.brentq(lambda c: float(density @ special.ndtr((r * z - c) / rest)) - part, -6.0, 12.0)
    return float(found)  # type: ignore[arg-type]


def levels_by_open(alpha: float, shares: Sequence[float], growth: Sequence[float], comparisons: int) -> np.ndarray:
    """Return the level at the latest look for 1, 2, ... `comparisons` undecided comparisons, shape (comparisons,).

    alpha: the error of the family. shares: of it spent by each look, 1 at the last planned one.
    u undecided comparisons share the error equally, as in Holm's procedure (1979); when one is decided, the others
    are tested as though they had had their larger part from the first look on (Maurer & Bretz 2013).
    """
    levels = [
        nominal_levels(tuple(alpha * share / u for share in shares), tuple(growth))[-1]
        for u in range(1, comparisons + 1)
    ]
    return np.array(levels)
