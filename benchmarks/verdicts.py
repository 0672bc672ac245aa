"""False claims and runs to a decision, of the verdicts' method and of others: python -m benchmarks.verdicts.

One core, some five minutes; numpy and scipy alone. --quick takes a tenth of the studies.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np

from analysis.statistics.looks import planned_runs, seeds_by_look
from benchmarks.adastop import adastop
from benchmarks.verdict_cases import (
    CASES,
    MARGIN,
    SD,
    Outcome,
    deviations,
    false_claims,
    staged_study,
    statistics,
    truths,
)
from benchmarks.verdict_methods import METHODS, welch_bonferroni

ONE_LOOK = ((3, 1), (3, 3), (3, 10), (3, 20), (5, 1), (5, 3), (5, 10), (5, 20), (10, 3), (10, 10))
STAGED = (((5, 40), 1), ((5, 40), 3), ((5, 40), 10), ((5, 40), 20), ((3, 20), 1), ((3, 20), 10))
PLANTED = {f"{size:g}": np.full(10, float(size)) for size in (0, 1.5, 2, 3, 5)} | {
    "0, 1.5, 2, 3, 5 twice": np.repeat([0.0, 1.5, 2.0, 3.0, 5.0], 2)
}
MOST_SHARE = 0.95  # the fixed number of seeds is not asked to decide more than this share
SMALL_MARGIN = 0.2  # d far below the standard error: both directions of 'larger' are false at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the studies")
    scale = 10 if parser.parse_args().quick else 1
    print("Studies with a false claim, percent, at the worst of the true differences; one look.\n")
    for method, judge in METHODS.items():
        print(
            _table(
                method,
                [f"n {n}, m {m}" for n, m in ONE_LOOK],
                lambda case, i, j=judge: one_look(case, *ONE_LOOK[i], j, 2000 // scale),
            )
        )
    print("The same with seeds added in up to 6 looks; the chosen method.\n")
    names = [f"{start}-{most}, m {m}" for (start, most), m in STAGED]
    print(_table("chosen", names, lambda case, i: staged(case, *STAGED[i], 1000 // scale)))
    print("Runs until decided, 10 conditions against a baseline, sd 1.3, d = 1.\n")
    print(runs_to_decision(1000 // scale))


def _table(method: str, columns: list[str], rate: Callable[[str, int], float]) -> str:
    lines = [f"| {method} | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for case in CASES:
        lines.append(f"| {case} | " + " | ".join(f"{100 * rate(case, i):.1f}" for i in range(len(columns))) + " |")
    return "\n".join(lines) + "\n"


def one_look(
    case: str, runs: int, comparisons: int, method: Callable[..., tuple[np.ndarray, np.ndarray]], studies: int
) -> float:
    """The largest share of studies with a false claim, over the true differences."""
    x = deviations(case, np.random.default_rng(2), studies, comparisons + 1, runs)
    seen = statistics(x, [runs] * (comparisons + 1))
    worst = 0.0
    for name, true in truths(comparisons, MARGIN).items():
        margin = SMALL_MARGIN if name == "none" else MARGIN
        verdict, difference = method(seen, true, margin)
        worst = max(worst, float(false_claims(verdict, difference, true, margin).mean()))
    return worst


def staged(case: str, seeds: tuple[int, int], comparisons: int, studies: int) -> float:
    """The same for studies that add seeds; no comparison is given up, the hardest case."""
    path = seeds_by_look(*seeds)
    x = deviations(case, np.random.default_rng(4), studies, comparisons + 1, planned_runs(path, comparisons)[-1])
    worst = 0.0
    for name, true in truths(comparisons, MARGIN).items():
        outcome = staged_study(x, true, path, SMALL_MARGIN if name == "none" else MARGIN, hopeless=0)
        worst = max(worst, float(outcome.false.mean()))
    return worst


def runs_to_decision(studies: int) -> str:
    """A row for each planted difference: what is decided, at what cost, and what other ways need."""
    lines = [
        "| planted | seeds | runs: median, 90 % | decided | fixed Welch, as many | ratio | AdaStop, against 0 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, true in PLANTED.items():
        for seeds in ((5, 40), (3, 40), (5, 100)):
            outcome = _planted(true, seeds, studies)
            share = float((outcome.verdict > 0).mean())
            fixed = 11 * best_fixed(true, min(share, MOST_SHARE), studies)
            middle, most = np.quantile(outcome.runs, [0.5, 0.9])
            other = "" if seeds != (5, 40) else _adastop(true, max(studies // 20, 10))
            lines.append(
                f"| {name} | {seeds[0]}-{seeds[1]} | {middle:.0f}, {most:.0f} | {100 * share:.0f} % "
                f"| {fixed} | {middle / fixed:.2f} | {other} |"
            )
    return "\n".join(lines)


def _planted(true: np.ndarray, seeds: tuple[int, int], studies: int) -> Outcome:
    path = seeds_by_look(*seeds)
    x = deviations("equal", np.random.default_rng(1), studies, len(true) + 1, planned_runs(path, len(true))[-1])
    return staged_study(x, true, path)


def best_fixed(true: np.ndarray, share: float, studies: int) -> int:
    """The smallest number of seeds with which Welch's intervals decide that share of comparisons."""

    def decided(n: int) -> float:
        rng = np.random.default_rng(3)
        shape = (studies, len(true) + 1)
        means, variances = rng.normal(0, SD / math.sqrt(n), shape), SD**2 * rng.chisquare(n - 1, shape) / (n - 1)
        verdict, _ = welch_bonferroni((means, variances, np.full(shape, n), np.zeros(shape, int)), true, MARGIN)
        return float((verdict > 0).mean())

    high = 3
    while decided(high) < share:
        high *= 2
    low = max(2, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) >= share else (middle, high)
    return high


def _adastop(true: np.ndarray, studies: int) -> str:
    rng = np.random.default_rng(6)
    found = [adastop(rng.normal(np.r_[0, true][:, None], SD, (len(true) + 1, 40)), rng) for _ in range(studies)]
    middle, most = np.quantile([runs for runs, _ in found], [0.5, 0.9])
    return f"{middle:.0f}, {most:.0f} ({100 * np.mean([share for _, share in found]):.0f} % differ)"


if __name__ == "__main__":
    main()
