"""What the study asks: the `compare` section of study.yaml with its defaults, and how axes are named.

Reads whatever is there: a missing or unusable entry becomes its default, and is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.records import AXES

AXIS_TITLES = {
    "block": "Block",
    "num_blocks": "Number of blocks",
    "batch_norm": "Batch norm",
    "lr": "Learning rate",
    "epochs": "Planned epochs",
}
SHORT_TITLES = {
    "block": "Block",
    "num_blocks": "Blocks",
    "batch_norm": "Norm",
    "lr": "LR",
    "epochs": "Epochs",
}
NUMERIC = ("num_blocks", "lr", "epochs")
THRESHOLDS = (40.0, 50.0, 55.0, 60.0)
Condition = Mapping[str, Any]


@dataclass(frozen=True)
class Declared:
    """A comparison the study declared beforehand: a and b give some of the axes."""

    name: str
    a: Condition
    b: Condition


@dataclass(frozen=True)
class Question:
    """The question in words and what to compare to answer it.

    meaningful: the smallest difference of accuracies that matters, in percentage points.
    thresholds: accuracies in percent whose epochs are counted.
    """

    text: str = ""
    across: str | None = None
    within: str | None = None
    baseline: Condition | None = None
    meaningful: float = 1.0
    thresholds: tuple[float, ...] = THRESHOLDS
    declared: tuple[Declared, ...] = ()
    selects: bool = False
    searches: bool = False


def parse(study: Mapping[str, Any]) -> tuple[Question, list[str]]:
    """Return the question of a study.yaml and the problems met in it."""
    problems: list[str] = []
    compare = _mapping(study.get("compare"), "compare", problems)
    meaningful = _number(compare.get("meaningful_difference", 1.0), 1.0, problems)
    thresholds = _thresholds(compare.get("thresholds"), problems)
    algorithm = _mapping(study.get("search"), "search", problems).get("algorithm", "grid")
    scheduler = _mapping(study.get("scheduler"), "scheduler", problems).get("name", "none")
    question = Question(
        text=str(study.get("question") or ""),
        across=_axis(compare.get("across"), "across", problems),
        within=_axis(compare.get("within"), "within", problems),
        baseline=_condition(compare.get("baseline"), "baseline", problems) or None,
        meaningful=meaningful,
        thresholds=thresholds,
        declared=_declared(compare.get("questions") or [], problems),
        selects=algorithm == "optuna" or scheduler not in (None, "none"),
        searches=algorithm != "grid" or scheduler not in (None, "none"),
    )
    return question, problems


def value_label(axis: str, value: Any) -> str:
    """Return a value of an axis in words that stand alone: '3 blocks', 'no batch norm'."""
    if axis == "batch_norm":
        return "batch norm" if value else "no batch norm"
    if axis == "num_blocks":
        return f"{value} block{'' if value == 1 else 's'}"
    if axis == "lr":
        return f"lr {value:.3g}"
    if axis == "epochs":
        return f"{value} epoch{'' if value == 1 else 's'}"
    return str(value)


def tick_label(axis: str, value: Any) -> str:
    """Return a value of an axis for a tick below that axis's own title."""
    if axis == "batch_norm":
        return "yes" if value else "no"
    return f"{value:.3g}" if axis == "lr" else str(value)


def condition_label(condition: Condition, axes: tuple[str, ...]) -> str:
    """Return a condition in words, by the axes that tell it apart (all of them if none does)."""
    return ", ".join(value_label(axis, condition[axis]) for axis in axes or AXES)


def _mapping(value: Any, name: str, problems: list[str]) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    problems.append(f"study.yaml: {name} is not a mapping: its defaults are assumed")
    return {}


def _axis(value: Any, name: str, problems: list[str]) -> str | None:
    if value is None or value in AXES:
        return value
    problems.append(f"study.yaml: compare.{name}: {value!r} is not an axis ({', '.join(AXES)})")
    return None


def _condition(value: Any, name: str, problems: list[str]) -> Condition:
    condition = _mapping(value, f"compare.{name}", problems)
    if unknown := [str(axis) for axis in condition if axis not in AXES]:
        problems.append(f"study.yaml: compare.{name}: no such axis: {', '.join(unknown)}; ignored")
    return {axis: condition[axis] for axis in AXES if axis in condition}


def _number(value: Any, default: float, problems: list[str]) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    problems.append(
        f"study.yaml: compare.meaningful_difference: {value!r} is not a number above 0; {default:g} is assumed"
    )
    return default


def _thresholds(value: Any, problems: list[str]) -> tuple[float, ...]:
    if value is None:
        return THRESHOLDS
    if isinstance(value, list) and all(isinstance(t, int | float) for t in value):
        return tuple(sorted({float(t) for t in value}))
    problems.append("study.yaml: compare.thresholds is not a list of percents; defaults are assumed")
    return THRESHOLDS


def _declared(value: Any, problems: list[str]) -> tuple[Declared, ...]:
    declared = []
    for number, entry in enumerate(value if isinstance(value, list) else [], start=1):
        where = f"questions[{number}]"
        entry = _mapping(entry, f"compare.{where}", problems)
        a = _condition(entry.get("a"), f"{where}.a", problems)
        b = _condition(entry.get("b"), f"{where}.b", problems)
        if a and b:
            declared.append(Declared(str(entry.get("name") or f"question {number}"), a, b))
        else:
            problems.append(f"study.yaml: compare.{where} does not say what to compare; ignored")
    return tuple(declared)
