"""The declared and baseline comparisons of a study as one family: a verdict on each, over all looks.

docs/verdicts.md has the method and the simulations that hold it. Each look is judged again from the runs that it saw,
so that a verdict depends on nothing but the records and the plan, and stands once it is reached.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.statistics.boundaries import information_growth, nominal_levels
from analysis.statistics.families import Pair, comparison_table
from analysis.statistics.judging import SMALLER, UNDECIDED, Contrast, Judgement, judge
from analysis.statistics.looks import levels_at_look, planned_runs, shares
from analysis.statistics.needed import SeedsNeeded, seeds_to_decide
from analysis.statistics.sights import Sight, contrast

ALPHA = 0.05
Verdict = Literal["larger", "smaller", "undecided", "does not train", "no data", "not judged"]


@dataclass(frozen=True)
class Plan:
    """How the looks were planned: how many, and the seeds of a condition of one comparison at each ((): not fixed)."""

    planned: int = 1
    path: tuple[int, ...] = ()


@dataclass(frozen=True)
class Judged:
    """The verdict on a comparison; look: the number of the one that it was read at, 0 the first.

    p: one-sided, against the nearer margin; level: what it was held against. low, high: the interval at that level.
    contrast: difference, standard error and degrees of freedom, of no shape. more: further seeds that would decide.
    """

    verdict: Verdict
    look: int
    p: float = np.nan
    level: float = np.nan
    low: float = np.nan
    high: float = np.nan
    contrast: Contrast | None = None
    more: SeedsNeeded | None = None


def judged(seen: Sequence[Sight], pairs: Sequence[Pair], margin: float, plan: Plan | None = None) -> list[Judged]:
    """Return the verdict on every pair, which together are what the study may claim.

    seen: what each look saw, the first first. margin: d, points. A comparison whose conditions were added by an
    extension belongs to a family of its own, which is looked at from then on.
    """
    plan = plan or Plan()
    result: list[Judged | None] = [None] * len(pairs)
    births = [_birth(seen, pair) for pair in pairs]
    for birth in sorted(set(births)):
        members = [place for place, born in enumerate(births) if born == birth]
        family = [pairs[place] for place in members]
        every = [(pair.a, pair.b) for pair in pairs]
        for place, found in zip(members, _family(seen, family, birth, margin, plan, every), strict=True):
            result[place] = found
    return [each for each in result if each is not None]


def looks_taken(seen: Sequence[Sight], pairs: Sequence[Pair], plan: Plan) -> int:
    """Return how often comparisons were looked at: once, and again whenever one of their family had got more runs."""
    numbers = [1]
    for birth in {_birth(seen, pair) for pair in pairs}:
        own = sorted({side for pair in pairs if _birth(seen, pair) == birth for side in (pair.a, pair.b)})
        numbers.append(len(_looks(seen, own, birth, staged=bool(plan.path))))
    return max(numbers)


def tested(
    counts: np.ndarray, pairs: Sequence[tuple[int, int]], every: Sequence[tuple[int, int]], runs: Sequence[int]
) -> np.ndarray:
    """Say which pairs have the runs that the plan foresees.

    counts: shape (conditions,). every: all pairs of the study, which say how many comparisons a condition has. runs:
    the path up to this look.
    """
    comparisons = Counter(condition for pair in every for condition in pair)
    enough = {condition: counts[condition] >= planned_runs(runs, n)[-1] for condition, n in comparisons.items()}
    return np.array([enough[a] and enough[b] for a, b in pairs])


def _birth(seen: Sequence[Sight], pair: Pair) -> int:
    asked = (look for look, sight in enumerate(seen) if min(sight.counts[pair.a], sight.counts[pair.b]) > 0)
    return next(asked, len(seen) - 1)


def _family(
    seen: Sequence[Sight],
    family: Sequence[Pair],
    birth: int,
    margin: float,
    plan: Plan,
    every: Sequence[tuple[int, int]],
) -> list[Judged]:
    index = [(pair.a, pair.b) for pair in family]
    own = sorted({condition for pair in index for condition in pair})
    looks = _looks(seen, own, birth, staged=bool(plan.path))
    planned = max(1, plan.planned - birth)
    latest = [Judged("undecided", looks[0])] * len(family)
    still = np.ones(len(family), bool)
    a, b = np.array(index).T
    for number, look in enumerate(looks):
        sight = seen[look]
        counts = np.array([seen[k].counts for k in looks[: number + 1]])
        found = contrast(sight, np.array(index), [place for place, pair in enumerate(family) if pair.paired])
        table = levels_at_look(np.maximum(counts, 1), index, planned, ALPHA)
        trains = still & ~(sight.fails[a] | sight.fails[b])
        ready = trains
        if plan.path and 0 < look < len(plan.path):
            ready = trains & tested(sight.counts, index, every, plan.path[: look + 1])
        seen_now = judge(found, margin, table, trains, ready)
        for place in np.flatnonzero(still & (ready | (number == 0))):
            if seen_now.level[place] > 0:
                latest[place] = _read(seen_now, found, int(place), look)
        still &= seen_now.verdict == UNDECIDED
    last = seen[looks[-1]]
    number = max(1, int((still & ~(last.fails[a] | last.fails[b])).sum()))
    return [
        _finished(each, pair, last, looks, planned, number, margin, seen)
        for each, pair in zip(latest, family, strict=True)
    ]


def _looks(seen: Sequence[Sight], conditions: Sequence[int], birth: int, staged: bool) -> list[int]:
    """The looks of a family: from its first on, those for which a condition of it got more runs."""
    looks = [birth]
    for look in range(birth + 1, len(seen)):
        grown = seen[look].counts[conditions] > seen[looks[-1]].counts[conditions]
        if staged or grown.any():
            looks.append(look)
    return looks


def _finished(
    each: Judged,
    pair: Pair,
    last: Sight,
    looks: Sequence[int],
    planned: int,
    number: int,
    margin: float,
    seen: Sequence[Sight],
) -> Judged:
    """The verdicts that no interval gives, and what would decide the undecided."""
    if each.verdict != "undecided":
        return each
    if min(last.ns[pair.a], last.ns[pair.b]) == 0:
        return Judged("no data", looks[-1])
    if last.fails[pair.a] or last.fails[pair.b]:
        return Judged("does not train", looks[-1])
    found = each.contrast
    if found is None or np.isnan(found.se):
        return each
    counts = [[max(1, int(seen[k].counts[side])) for k in looks] for side in (pair.a, pair.b)]
    growth = (*information_growth(*counts), 2.0)  # as though the seeds were doubled
    spent = tuple(ALPHA * share / number for share in shares(len(looks) + 1, planned))
    level = nominal_levels(spent, growth)[-1]
    ns = seen[each.look].ns
    more = seeds_to_decide(found, ns[pair.a], ns[pair.b], margin, np.array(level))
    return Judged(each.verdict, each.look, each.p, each.level, each.low, each.high, found, more)


def _read(judgement: Judgement, found: Contrast, place: int, look: int) -> Judged:
    """The verdict on one comparison of a family."""
    verdict = int(judgement.verdict[place])
    return Judged(
        verdict="undecided" if verdict == UNDECIDED else "smaller" if verdict == SMALLER else "larger",
        look=look,
        p=float(judgement.p[place]),
        level=float(judgement.level[place]),
        low=float(judgement.low[place]),
        high=float(judgement.high[place]),
        contrast=Contrast(found.difference[place], found.se[place], found.df[place]),
    )


def with_verdicts(
    seen: Sequence[Sight], chosen: Sequence[Pair], verdicts: Sequence[Judged], margin: float
) -> pd.DataFrame:
    """Return the comparisons (`families.comparison_table`), each of the runs that its verdict was read off.

    verdicts: of the pairs that were asked for, in their order. Columns beside those of `comparison_table`: diverged_a,
    diverged_b (runs), verdict, look (1 is the first), joint_interval, p_margin and level as in `Judged`, and more_low,
    more and more_high: further seeds that would decide, NaN where none are named.
    """
    none = Judged("not judged", len(seen) - 1)
    found = iter(verdicts)
    told = [(pair, next(found) if pair.confirms else none) for pair in chosen]
    compared: dict[Pair, Mapping[Any, Any]] = {}
    size = len(verdicts)
    for look in {each.look for _, each in told}:
        of_look = [pair for pair, each in told if each.look == look]
        table = comparison_table(seen[look].runs, of_look, margin, "value", size)
        compared |= zip(of_look, table.to_dict("records"), strict=True)
    return pd.DataFrame([{**compared[pair], **_columns(pair, each, seen[each.look])} for pair, each in told])


def _columns(pair: Pair, each: Judged, sight: Sight) -> dict[str, Any]:
    return {
        "diverged_a": int(sight.diverged[pair.a]),
        "diverged_b": int(sight.diverged[pair.b]),
        "verdict": each.verdict,
        "look": each.look + 1,
        "joint_interval": (each.low, each.high),
        "p_margin": each.p,
        "level": each.level,
        "more_low": np.nan if each.more is None else float(each.more.low),
        "more": np.nan if each.more is None else float(each.more.middle),
        "more_high": np.nan if each.more is None else float(each.more.high),
    }
