"""The rules that tie the parts of a study together: search and axes, selection and validation, comparison and axes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from study.space.axes import Grid, Interval, can_take, in_words, is_sampled, values_of

if TYPE_CHECKING:
    from study.space.study import Study

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Broken:
    """A rule that a study does not keep.

    Attributes:
        path: the key to change.
        message: what is wrong.
        needs: the keys that the rule looked at; where one of them is wrong in itself, the rule says nothing.
    """

    path: Path
    message: str
    needs: tuple[Path, ...]


def broken_rules(study: "Study") -> Iterator[Broken]:
    """All rules that the study does not keep; each part is valid in itself."""
    yield from _search_fits_axes(study)
    yield from _enough_to_draw(study)
    yield from _selection_has_validation(study)
    yield from _scheduler_fits_epochs(study)
    yield from _axes_differ(study)
    yield from _conditions_occur(study)


def _search_fits_axes(study: "Study") -> Iterator[Broken]:
    algorithm = study.search.algorithm
    for axis, form in study.space.axes.items():
        needs = (("search",), ("space", axis))
        if algorithm == "grid" and is_sampled(form):
            kind = next(iter(type(form).model_fields))
            yield Broken(
                ("space", axis),
                f"{kind} is drawn by a search: set search.algorithm to random or optuna (it is grid), or write a grid",
                needs,
            )
        if algorithm == "optuna" and isinstance(form, Grid):
            yield Broken(("space", axis), "optuna draws from every axis: write choice instead of grid", needs)
    # For optuna a grid is wrong already, and becomes a choice.
    drawn = [
        is_sampled(form) or (algorithm == "optuna" and isinstance(form, Grid)) for form in study.space.axes.values()
    ]
    if algorithm != "grid" and not any(drawn):
        yield Broken(
            ("search", "algorithm"),
            f"{algorithm} has nothing to draw: give an axis a choice, randint, uniform or loguniform, or use grid",
            (("search",), ("space",)),
        )


def _enough_to_draw(study: "Study") -> Iterator[Broken]:
    """A configuration drawn twice gives the same runs again, so draws differ; are there that many?"""
    if study.search.algorithm == "grid":
        return
    drawn = [form for form in study.space.axes.values() if is_sampled(form)]
    if not drawn or any(isinstance(form, Interval) for form in drawn):
        return
    possible = math.prod(len(form.values) for form in drawn)
    if study.search.samples > possible:
        yield Broken(
            ("search", "samples"),
            f"{study.search.samples} is more than the {possible} different draws that there are",
            (("search",), ("space",)),
        )


def _selection_has_validation(study: "Study") -> Iterator[Broken]:
    selecting = {
        "search.algorithm optuna": study.search.algorithm == "optuna",
        f"scheduler.name {study.scheduler.name}": study.scheduler.name != "none",
    }
    reasons = [reason for reason, selects in selecting.items() if selects]
    if reasons and study.validation == 0:
        yield Broken(
            ("validation",),
            f"should be above 0 (5000, say): {' and '.join(reasons)} select{'s' if len(reasons) == 1 else ''} "
            "by validation accuracy, never by test accuracy",
            (("search",), ("scheduler",), ("validation",)),
        )


def _scheduler_fits_epochs(study: "Study") -> Iterator[Broken]:
    epochs = values_of(study.space.epochs) or ()
    longest = epochs[-1] if isinstance(epochs, range) else max(epochs)
    for key in ("grace_period", "perturbation_interval"):
        value = getattr(study.scheduler, key, 0)
        if value > longest:
            yield Broken(
                ("scheduler", key),
                f"{value} epochs are more than the {longest} that a trial has (space.epochs)",
                (("scheduler",), ("space", "epochs")),
            )


def _axes_differ(study: "Study") -> Iterator[Broken]:
    across, within = study.compare.across, study.compare.within
    if across is not None and across == within:
        yield Broken(
            ("compare", "within"),
            f"should be another axis than compare.across ({across})",
            (("compare", "across"), ("compare", "within")),
        )


def _conditions_occur(study: "Study") -> Iterator[Broken]:
    yield from _condition_occurs(study, ("compare", "baseline"), study.compare.baseline or {})
    names: set[str] = set()
    for number, question in enumerate(study.compare.questions):
        path = ("compare", "questions", number)
        yield from _condition_occurs(study, (*path, "a"), question.a)
        yield from _condition_occurs(study, (*path, "b"), question.b)
        if question.a == question.b:
            yield Broken((*path, "b"), "is the same condition as a", (("compare", "questions"),))
        if question.name in names:
            yield Broken((*path, "name"), "an earlier question has this name", (("compare", "questions"),))
        names.add(question.name)


def _condition_occurs(study: "Study", path: Path, condition: Mapping[str, Any]) -> Iterator[Broken]:
    for axis, value in condition.items():
        form = study.space.axes[axis]
        if can_take(form, value):
            continue
        possible = in_words([form]) if not is_sampled(form) and not isinstance(form, Grid) else str(form)
        yield Broken(
            (*path, axis),
            f"{in_words([value])} is not a value that space.{axis} has; possible: {possible}",
            (path[:2], ("space", axis)),
        )
