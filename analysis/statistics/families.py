"""Which conditions are compared with which, and how far they lie apart.

Three families:
- declared: the study's own questions.
- baseline: every other condition against the baseline that shares its other axes.
- exploratory: every other pair that differs in one axis.
Declared and baseline comparisons together are what a study may claim, and are judged as one (`verdicts`). Beside each
verdict stands a check by Welch's interval alone, at 1 - 0.05 / m for the m of them, with adjusted p-values m p
(Bonferroni; Dunn 1961, 'Multiple Comparisons Among Means'): an adjusted p is below 0.05 exactly where that interval
leaves out 0. Exploratory pairs claim nothing.

Conditions of different stages are never compared. Conditions that differ in nothing but their planned epochs, with a
constant learning rate, are parts of the same runs: they are compared in pairs (see `comparison`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.axes import FACTORS, STAGE
from analysis.question import Condition, Question
from analysis.statistics.comparison import compare
from analysis.statistics.convergence import by_condition
from study.contract.axes import AXES

MOST_EXPLORATORY = 200
MEASURES = ("test_accuracy", "train_accuracy", "selected_accuracy", "aulc", "gap")


@dataclass(frozen=True)
class Pair:
    """Condition a (its number) is to be compared with condition b; paired where their runs are parts of the same."""

    family: str
    name: str
    a: int
    b: int
    paired: bool = False

    @property
    def confirms(self) -> bool:
        """Whether it was asked for before the study ran, so that it may claim something."""
        return self.family != "exploratory"


def pairs(conditions: pd.DataFrame, axes: tuple[str, ...], question: Question) -> tuple[list[Pair], list[str]]:
    """Return every pair to compare, and what could not be compared, in words.

    conditions: one row per condition, indexed by its number, with the axes and the stage as columns. axes: those that
    vary.
    """
    problems: list[str] = []
    points = {int(n): row for n, row in zip(conditions.index, _rows(conditions), strict=True)}
    declared = list(_declared(points, question, problems))
    asked = {frozenset((p.a, p.b)) for p in declared}
    against = _baseline(points, axes, question, problems)
    baseline = [p for p in against if frozenset((p.a, p.b)) not in asked]
    taken = asked | {frozenset((p.a, p.b)) for p in baseline}
    explored = conditions
    if question.searches:
        explored = conditions[conditions[STAGE] != "explore"]
        if explored.empty:
            problems.append(
                "a search explores: only declared questions and the baseline are compared; "
                "run the configurations of interest as a grid to compare them, or confirm the best"
            )
    other = [p for p in _neighbours(explored, axes) if frozenset((p.a, p.b)) not in taken]
    if len(other) > MOST_EXPLORATORY:
        other = []
        problems.append(
            f"more than {MOST_EXPLORATORY} pairs of conditions differ in one axis: no exploratory "
            "comparisons were made; declare questions under compare.questions in the space file"
        )
    chosen = [*declared, *baseline, *other]
    return [replace(pair, paired=same_runs(points[pair.a], points[pair.b])) for pair in chosen], problems


def same_runs(a: Condition, b: Condition) -> bool:
    """Whether the runs of two conditions are parts of the same ones, by design.

    With a constant learning rate nothing that a run computes depends on its planned epochs, so of two runs that differ
    in these alone the shorter is the beginning of the longer. A schedule stretches over the planned epochs.
    """
    different = [factor for factor in FACTORS if a[factor] != b[factor]]
    return different == ["epochs"] and a["lr_schedule"] == "constant"


def shorter_are_beginnings(conditions: pd.DataFrame) -> bool:
    """Whether `same_runs` holds for any two conditions of a table that differ in their epochs alone."""
    return bool((conditions["lr_schedule"] == "constant").all())


def comparison_table(
    runs: pd.DataFrame,
    chosen: Sequence[Pair],
    meaningful: float,
    measure: str = "test_accuracy",
    size: int | None = None,
) -> pd.DataFrame:
    """Compare every pair in a measure of the runs; one row each, in the order given.

    size: of the family of declared and baseline comparisons; as many as are given, by default.

    Columns: family, name, a, b (condition numbers), those of `comparison.Comparison`, p_adjusted
    and family_size; the latter two and the check are of exploratory pairs none.
    """
    needed = {number for pair in chosen for number in (pair.a, pair.b)}
    runs = runs[runs["condition"].isin(needed)]
    values = {number: rows.set_index("seed")[measure] for number, rows in by_condition(runs)}
    nothing = pd.Series(dtype="float64")
    size = sum(pair.confirms for pair in chosen) if size is None else size
    rows: list[dict[str, Any]] = []
    for pair in chosen:
        a, b = values.get(pair.a, nothing), values.get(pair.b, nothing)
        result = compare(a, b, meaningful, size if pair.confirms else None, pair.paired)
        named = {"family": pair.family, "name": pair.name, "a": pair.a, "b": pair.b}
        adjusted = float(np.minimum(1.0, result.p * size)) if pair.confirms else np.nan
        of = {"p_adjusted": adjusted, "family_size": size if pair.confirms else 0}
        rows.append({**named, **vars(result), **of})
    return pd.DataFrame(rows)


def _rows(conditions: pd.DataFrame) -> list[dict[str, Any]]:
    return conditions[list(FACTORS)].to_dict("records")  # type: ignore[return-value]


def _matches(point: Condition, wanted: Condition) -> bool:
    return all(point[axis] == value for axis, value in wanted.items())


def _declared(points: Mapping[int, Condition], question: Question, problems: list[str]) -> Iterator[Pair]:
    for declared in question.declared:
        free = [factor for factor in FACTORS if factor not in declared.a and factor not in declared.b]
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
    free = [axis for axis in (*axes, STAGE) if axis not in wanted]
    # Where winners are confirmed, their fresh runs answer the question; what a search explored claims nothing.
    if any(point[STAGE] == "confirm" for point in points.values()):
        points = {number: point for number, point in points.items() if point[STAGE] == "confirm"}
        free = [STAGE]
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
    for axis in (axis for axis in axes if axis in AXES):
        others = [name for name in FACTORS if name != axis]
        for _, group in conditions.groupby(others, sort=False):
            numbers = [int(n) for n in group.sort_values(axis).index]
            for low in range(len(numbers)):
                for high in range(low + 1, len(numbers)):
                    yield Pair("exploratory", f"effect of {axis}", numbers[high], numbers[low])
