"""What the study asks: the `compare` section of study.yaml with its defaults.

Reads whatever is there: a missing or unusable entry becomes its default, and is named.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from study.contract.axes import AXES

THRESHOLDS = (40.0, 50.0, 55.0, 60.0)
Condition = Mapping[str, Any]
COMPARE = ("across", "within", "baseline", "meaningful_difference", "measure", "thresholds", "questions")
# The settings that the analysis reads: a slip in one of them would change what the report says.
_SETTINGS = ("name", "question", "seeds", "search", "scheduler", "compare", "on_divergence")


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
    last: how many of a run's last epochs its final values are the mean of.
    thresholds: accuracies in percent whose epochs are counted. most: the seeds of a configuration where a study adds
    them by itself, else None.
    """

    text: str = ""
    across: str | None = None
    within: str | None = None
    baseline: Condition | None = None
    meaningful: float = 1.0
    last: int = 1
    thresholds: tuple[float, ...] = THRESHOLDS
    declared: tuple[Declared, ...] = ()
    selects: bool = False
    searches: bool = False
    most: int | None = None

    @property
    def measure(self) -> str:
        """What is compared, in words: 'final test accuracy', or the mean that was declared."""
        return self.named("test accuracy")

    def named(self, value: str) -> str:
        """A final value as the study declared it: 'final gap', 'gap (mean of the last 3 epochs)'."""
        return f"final {value}" if self.last == 1 else f"{value} (mean of the last {self.last} epochs)"


def parse(study: Mapping[str, Any]) -> tuple[Question, list[str]]:
    """Return the question of a study.yaml and the problems met in it."""
    problems = [f"{slip}; ignored" for slip in slips(study)]
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
        last=_last(compare.get("measure", "final"), problems),
        thresholds=thresholds,
        declared=_declared(compare.get("questions") or [], problems),
        selects=algorithm == "optuna" or scheduler not in (None, "none"),
        searches=algorithm != "grid" or scheduler not in (None, "none"),
        most=_most(study.get("seeds")),
    )
    return question, problems


def slips(study: Mapping[str, Any]) -> list[str]:
    """Name the keys that are none, which would be passed over: in `compare` all, elsewhere those close to one read."""
    found = []
    for key in map(str, study):
        if key not in _SETTINGS and (meant := difflib.get_close_matches(key, _SETTINGS, cutoff=0.8)):
            found.append(f"study.yaml: {key} is not a setting (did you mean {meant[0]}?)")
    compare = study.get("compare")
    found += _unknown(compare if isinstance(compare, Mapping) else {}, COMPARE, "compare")
    questions = compare.get("questions") if isinstance(compare, Mapping) else None
    for number, entry in enumerate(questions if isinstance(questions, list) else [], start=1):
        if isinstance(entry, Mapping):
            found += _unknown(entry, ("name", "a", "b"), f"compare.questions[{number}]")
    return found


def _unknown(section: Mapping[Any, Any], known: Iterable[str], where: str) -> list[str]:
    found = []
    for key in map(str, section):
        if key not in known:
            meant = difflib.get_close_matches(key, list(known))
            hint = f"did you mean {meant[0]}?" if meant else f"there are {', '.join(known)}"
            found.append(f"study.yaml: {where}.{key} is not a setting ({hint})")
    return found


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


def _last(value: Any, problems: list[str]) -> int:
    if value in (None, "final"):
        return 1
    last = value.get("last") if isinstance(value, Mapping) else None
    if isinstance(last, int) and not isinstance(last, bool) and last >= 1:
        return last
    problems.append(f"study.yaml: compare.measure: {value!r} is neither final nor {{last: K}}; final is assumed")
    return 1


def _most(seeds: Any) -> int | None:
    most = seeds.get("most") if isinstance(seeds, Mapping) else None
    return most if isinstance(most, int) else None


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
