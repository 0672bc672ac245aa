"""Which conditions are compared with which, and the adjustment for making many comparisons.

Three families:
- declared: the study's own questions. p-values by Holm (1979).
- baseline: every other condition against the baseline that shares its other axes. p-values by Dunnett
  (1955), many against one; by Holm from Welch's tests where the spreads differ (Bartlett's test,
  p < 0.01: Dunnett assumes one spread, and a single diverging condition would hide the rest),
  where Dunnett is not defined, or for more than 20 comparisons. Where k baselines share a family,
  Dunnett's p-values are multiplied by k (Bonferroni).
- exploratory: every other pair that differs in one axis. p-values by Benjamini & Hochberg (1995),
  which bounds the share of false discoveries.
Verdicts read Welch intervals at 1 - 0.05 / m for the m comparisons of the family (Bonferroni): they
hold jointly, at a family-wise error of 5 %, and, unlike Dunnett's, without equal variances.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analysis.question import Condition, Question
from analysis.records import AXES
from analysis.statistics.comparison import compare, constant, holm
from analysis.statistics.convergence import by_condition

MOST_EXPLORATORY = 200
MOST_DUNNETT = 20
FAMILIES = ("declared", "baseline", "exploratory")
MEASURES = ("test_accuracy", "train_accuracy", "selected_accuracy", "aulc", "gap")


@dataclass(frozen=True)
class Pair:
    """Condition a (its number) is to be compared with condition b."""

    family: str
    name: str
    a: int
    b: int


def pairs(conditions: pd.DataFrame, axes: tuple[str, ...], question: Question) -> tuple[list[Pair], list[str]]:
    """Return every pair to compare, and what could not be compared, in words.

    conditions: one row per condition, indexed by its number, with the axes as columns.
    """
    problems: list[str] = []
    points = {int(n): row for n, row in zip(conditions.index, _rows(conditions), strict=True)}
    declared = list(_declared(points, question, problems))
    asked = {frozenset((p.a, p.b)) for p in declared}
    against = _baseline(points, axes, question, problems)
    baseline = [p for p in against if frozenset((p.a, p.b)) not in asked]
    taken = asked | {frozenset((p.a, p.b)) for p in baseline}
    if question.searches:
        problems.append(
            "a search explores: only declared questions and the baseline are compared; "
            "run the configurations of interest as a grid to compare them"
        )
        return [*declared, *baseline], problems
    other = [p for p in _neighbours(conditions, axes) if frozenset((p.a, p.b)) not in taken]
    if len(other) > MOST_EXPLORATORY:
        other = []
        problems.append(
            f"more than {MOST_EXPLORATORY} pairs of conditions differ in one axis: no exploratory "
            "comparisons were made; declare questions under compare.questions in the space file"
        )
    return [*declared, *baseline, *other], problems


def comparison_table(
    runs: pd.DataFrame, chosen: list[Pair], meaningful: float, measure: str = "test_accuracy"
) -> pd.DataFrame:
    """Compare every pair in a measure of the runs; one row each.

    Columns: family, name, a, b (condition numbers), those of `comparison.Comparison`, p_adjusted,
    adjustment (its name) and family_size.
    """
    needed = {number for pair in chosen for number in (pair.a, pair.b)}
    runs = runs[runs["condition"].isin(needed)]
    values = {number: rows.set_index("seed")[measure] for number, rows in by_condition(runs)}
    nothing = pd.Series(dtype="float64")
    rows: list[dict[str, Any]] = []
    for family in FAMILIES:
        members = [pair for pair in chosen if pair.family == family]
        compared = [
            vars(pair)
            | {"family_size": len(members)}
            | vars(
                compare(
                    values.get(pair.a, nothing),
                    values.get(pair.b, nothing),
                    meaningful,
                    len(members),
                )
            )
            for pair in members
        ]
        rows += _adjusted(family, compared, values)
    return pd.DataFrame(rows)


def _adjusted(family: str, rows: list[dict[str, Any]], values: Mapping[int, pd.Series]) -> list[dict[str, Any]]:
    method = {"declared": "Holm", "baseline": "Holm", "exploratory": "Benjamini-Hochberg"}[family]
    p = np.array([row["p"] for row in rows], dtype=float)
    adjusted = holm(p)
    known = ~np.isnan(p)
    if family == "exploratory":
        adjusted[known] = stats.false_discovery_control(p[known])
    named = [method] * len(rows)
    if family == "baseline":
        for index, value in _dunnett(rows, values).items():
            adjusted[index], named[index] = value, "Dunnett"
    return [
        row | {"p_adjusted": float(value), "adjustment": name}
        for row, value, name in zip(rows, adjusted, named, strict=True)
    ]


def _dunnett(rows: list[dict[str, Any]], values: Mapping[int, pd.Series]) -> dict[int, float]:
    """p-values by Dunnett's test against each baseline, times their number; {} unless all allow it.

    Its quasi-random integration is seeded, so the same results give the same digits.
    """
    groups: list[dict[int, float]] = []
    if len(rows) > MOST_DUNNETT:
        return {}
    for control in dict.fromkeys(row["b"] for row in rows):
        members = [i for i, row in enumerate(rows) if row["b"] == control and row["p"] == row["p"]]
        samples = [values[rows[i]["a"]].dropna().to_numpy() for i in members]
        reference = values[control].dropna().to_numpy() if control in values else np.array([])
        if not members or len(reference) < 2:
            continue
        if not _equal_spread([*samples, reference]):
            return {}
        result = stats.dunnett(*samples, control=reference, rng=np.random.default_rng(0))
        groups.append(dict(zip(members, (float(p) for p in np.atleast_1d(result.pvalue)), strict=True)))
    return {row: min(1.0, p * len(groups)) for group in groups for row, p in group.items()}


def _equal_spread(samples: list[np.ndarray]) -> bool:
    if any(constant(sample) for sample in samples):
        return False
    return bool(stats.bartlett(*samples).pvalue >= 0.01)


def _rows(conditions: pd.DataFrame) -> list[dict[str, Any]]:
    return conditions[list(AXES)].to_dict("records")  # type: ignore[return-value]


def _matches(point: Condition, wanted: Condition) -> bool:
    return all(point[axis] == value for axis, value in wanted.items())


def _declared(points: Mapping[int, Condition], question: Question, problems: list[str]) -> Iterator[Pair]:
    for declared in question.declared:
        free = [axis for axis in AXES if axis not in declared.a and axis not in declared.b]
        found = [
            Pair("declared", declared.name, i, j)
            for i, a in points.items()
            if _matches(a, declared.a)
            for j, b in points.items()
            if i != j and _matches(b, declared.b) and all(a[axis] == b[axis] for axis in free)
        ]
        if not found:
            problems.append(f"question '{declared.name}': the study has no such two conditions")
        yield from found


def _baseline(
    points: Mapping[int, Condition],
    axes: tuple[str, ...],
    question: Question,
    problems: list[str],
) -> Iterator[Pair]:
    if not question.baseline or len(points) < 2:
        return
    wanted = question.baseline
    free = [axis for axis in axes if axis not in wanted]
    controls = {
        tuple(point[axis] for axis in free): number for number, point in points.items() if _matches(point, wanted)
    }
    if not controls:
        said = ", ".join(f"{axis} {value}" for axis, value in wanted.items())
        problems.append(f"no condition of the study is the baseline ({said}): nothing compared to it")
    for number, point in points.items():
        control = controls.get(tuple(point[axis] for axis in free))
        if control is not None and control != number:
            yield Pair("baseline", "against the baseline", number, control)


def _neighbours(conditions: pd.DataFrame, axes: tuple[str, ...]) -> Iterator[Pair]:
    """Pairs that differ in exactly one axis; the later value comes first, as 'more minus less'."""
    for axis in axes:
        others = [name for name in AXES if name != axis]
        for _, group in conditions.groupby(others, sort=False):
            numbers = [int(n) for n in group.sort_values(axis).index]
            for low in range(len(numbers)):
                for high in range(low + 1, len(numbers)):
                    yield Pair("exploratory", f"effect of {axis}", numbers[high], numbers[low])
