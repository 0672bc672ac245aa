"""The rules that tie the parts of a study together: search and axes, selection and validation, comparison and axes."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from study.contract.axes import Configuration
from study.space.axes import Choice, Form, Grid, can_take, in_words, is_sampled, values_of
from study.space.broken import Broken, Path, key_of
from study.space.configurations import configurations, different_draws
from study.space.scheduler_rules import scheduler_rules

if TYPE_CHECKING:
    from study.space.study import Study

# The seeds of confirmations begin here, where those of no exploration reach: 10,000 is the most that a count gives.
FIRST_CONFIRM_SEED = 10_000
# What decides which configurations there are.
_WHAT_IS_TRAINED: tuple[Path, ...] = (("space",), ("configurations",), ("search",))


def broken_rules(study: "Study") -> Iterator[Broken]:
    """All rules that the study does not keep; each part is valid in itself."""
    yield from _selection_has_validation(study)
    yield from _axes_differ(study)
    yield from _confirmation_compares(study)
    yield from _stages_compare(study)
    wrong = [*_something_to_train(study), *(_list_stands_alone(study) if study.configurations else ())]
    yield from wrong
    if not wrong:
        yield from _entries_differ(study) if study.configurations else _search_fits_axes(study)
        yield from _enough_to_draw(study)
        yield from _sampler_fits_axes(study)
        yield from _points_occur(study)
        yield from _measure_fits_epochs(study)
        yield from scheduler_rules(study)
        yield from _conditions_occur(study)


def _something_to_train(study: "Study") -> Iterator[Broken]:
    if not study.configurations and "space" not in study.model_fields_set:
        yield Broken(("space",), "is required (or configurations, a list)", (("space",), ("configurations",)))


def _list_stands_alone(study: "Study") -> Iterator[Broken]:
    """Listed configurations leave nothing to combine or to draw."""
    for axis, form in study.space.axes.items():
        if isinstance(form, Form):
            yield Broken(
                ("space", axis),
                f"should be one value beside configurations, not a {form.kind}: write the others into the list",
                (("space", axis), ("configurations",)),
            )
    if study.search.algorithm != "grid":
        yield Broken(
            ("search", "algorithm"),
            f"{study.search.algorithm} draws from space, and configurations is a list: leave out one of them",
            (("search",), ("configurations",)),
        )


def _entries_differ(study: "Study") -> Iterator[Broken]:
    first: dict[Configuration, int] = {}
    all_of_them = configurations(study)
    for number, each in enumerate(all_of_them):
        earlier = first.setdefault(each.canonical(), number)
        if earlier == number:
            continue
        why = "" if each == all_of_them[earlier] else "without blocks, block and batch_norm change nothing, so this "
        yield Broken(
            ("configurations", number),
            f"{why}is the same configuration as configurations[{earlier}]",
            (("configurations",), ("space",)),
            other=("configurations", earlier),
        )


def _search_fits_axes(study: "Study") -> Iterator[Broken]:
    algorithm = study.search.algorithm
    for axis, form in study.space.axes.items():
        needs = (("search",), ("space", axis))
        if algorithm == "grid" and is_sampled(form):
            yield Broken(
                ("space", axis),
                f"{form.kind} is drawn by a search: set search.algorithm to random or optuna (it is grid), "
                "or write a grid",
                needs,
            )
        if algorithm == "optuna" and isinstance(form, Grid):
            yield Broken(("space", axis), "optuna draws from every axis: write choice instead of grid", needs)
    # For optuna a grid is wrong already, and becomes a choice.
    axes = study.space.axes.values()
    drawn = [form for form in axes if is_sampled(form) or (algorithm == "optuna" and isinstance(form, Grid))]
    if algorithm != "grid" and not drawn:
        yield Broken(
            ("search", "algorithm"),
            f"{algorithm} has nothing to draw: give an axis a choice, randint, uniform or loguniform, or use grid",
            (("search",), ("space",)),
        )


def _enough_to_draw(study: "Study") -> Iterator[Broken]:
    """Draws differ, as a configuration drawn twice would give the same runs again; there must be that many."""
    if study.search.algorithm == "grid" or not any(map(is_sampled, study.space.axes.values())):
        return
    possible = different_draws(study, study.search.samples)
    if possible is not None and study.search.samples > possible:
        yield Broken(
            ("search", "samples"),
            f"{study.search.samples} is more than the {possible} different draws that there are",
            (("search",), ("space",)),
        )


def _selection_has_validation(study: "Study") -> Iterator[Broken]:
    selecting = {
        "search.algorithm optuna": study.search.algorithm == "optuna",
        f"scheduler.name {study.scheduler.name}": study.scheduler.name != "none",
        "confirm": study.confirm is not None,
        "stop.target": study.stop.target is not None,
        "stop.plateau": study.stop.plateau is not None,
    }
    reasons = [reason for reason, selects in selecting.items() if selects]
    if reasons and study.validation == 0:
        yield Broken(
            ("validation",),
            f"should be above 0 (5000, say): {' and '.join(reasons)} select{'s' if len(reasons) == 1 else ''} "
            "by validation accuracy, never by test accuracy",
            (("search",), ("scheduler",), ("confirm",), ("stop",), ("validation",)),
        )


def _confirmation_compares(study: "Study") -> Iterator[Broken]:
    if study.confirm is None:
        return
    if study.compare.baseline is None:
        yield Broken(
            ("confirm",),
            "needs compare.baseline, which the winners are compared with, such as {num_blocks: 10, batch_norm: false}",
            (("confirm",), ("compare",)),
        )
    if max(study.seed_list) >= FIRST_CONFIRM_SEED:
        yield Broken(
            ("seeds",),
            f"should be below {FIRST_CONFIRM_SEED}: confirm uses the seeds from there on, so that they are fresh",
            (("confirm",), ("seeds",)),
        )


def _sampler_fits_axes(study: "Study") -> Iterator[Broken]:
    if study.search.algorithm != "optuna" or study.search.sampler != "cmaes":
        return
    needs = (("search",), ("space",))
    drawn = {axis: form for axis, form in study.space.axes.items() if is_sampled(form)}
    chosen = [axis for axis, form in drawn.items() if isinstance(form, Choice)]
    if chosen:
        yield Broken(
            ("search", "sampler"),
            f"cmaes draws numbers alone, and {' and '.join(f'space.{axis}' for axis in chosen)} "
            f"{'is a choice' if len(chosen) == 1 else 'are choices'}: use tpe or gp",
            needs,
        )
    elif len(drawn) == 1:
        yield Broken(("search", "sampler"), "cmaes needs two drawn axes or more: use tpe or gp", needs)


def _points_occur(study: "Study") -> Iterator[Broken]:
    if study.search.algorithm != "optuna":
        return
    if len(study.search.points) > study.search.samples:
        yield Broken(("search", "points"), f"are more than the {study.search.samples} samples", (("search",),))
    for number, point in enumerate(study.search.points):
        for axis, value in point.items():
            form, path = study.space.axes[axis], ("search", "points", number, axis)
            needs = (("search",), ("space", axis))
            if not is_sampled(form):
                yield Broken(path, f"space.{axis} is fixed: a point names axes that are drawn", needs)
            elif not can_take(form, value):
                yield Broken(path, f"{in_words([value])} is not a value of space.{axis}; possible: {form}", needs)


def _measure_fits_epochs(study: "Study") -> Iterator[Broken]:
    epochs = values_of(study.axes["epochs"]) or ()
    shortest = epochs[0] if isinstance(epochs, range) else min(epochs)
    last = getattr(study.compare.measure, "last", 1)
    if last > shortest:
        yield Broken(
            ("compare", "measure", "last"),
            f"{last} epochs are more than the {shortest} that a run has ({key_of(study, 'epochs')})",
            (("compare", "measure"), ("space", "epochs"), ("configurations",)),
        )


def _stages_compare(study: "Study") -> Iterator[Broken]:
    """Seeds are added to comparisons that are undecided: there must be some, all known beforehand."""
    if isinstance(study.seeds, int | tuple):
        return
    if study.seeds.most < study.seeds.start:
        yield Broken(("seeds", "most"), f"should be at least the start, {study.seeds.start}", (("seeds",),))
    if study.compare.baseline is None and not study.compare.questions:
        yield Broken(
            ("seeds",),
            "seeds are added to comparisons that are undecided: give compare.baseline or compare.questions",
            (("seeds",), ("compare",)),
        )
    if study.search.algorithm != "grid" or study.scheduler.name != "none":
        yield Broken(
            ("seeds",),
            "seeds are added to a grid or to listed configurations, not within a search: give a count or a list",
            (("seeds",), ("search",), ("scheduler",)),
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
    """What is compared is trained: each value is one of its axis, and some configuration has them together."""
    conditions: dict[Path, Mapping[str, Any]] = {}
    # What winners are compared with is trained beside them, whether the search may draw it or not.
    if study.compare.baseline is not None and study.confirm is None:
        conditions["compare", "baseline"] = study.compare.baseline
    names: set[str] = set()
    for number, question in enumerate(study.compare.questions):
        path = ("compare", "questions", number)
        conditions |= {(*path, "a"): question.a, (*path, "b"): question.b}
        if question.a == question.b:
            yield Broken((*path, "b"), "is the same condition as a", (("compare", "questions"),))
        if question.name in names:
            yield Broken((*path, "name"), "an earlier question has this name", (("compare", "questions"),))
        names.add(question.name)
    drawn = study.search.algorithm != "grid" or any(map(is_sampled, study.space.axes.values()))
    trained = configurations(study) if conditions and not drawn else ()
    for path, condition in conditions.items():
        wrong = list(_values_occur(study, path, condition))
        yield from wrong
        if trained and not wrong and not any(each.has(condition) for each in trained):
            message = "no configuration has these values together"
            if not study.configurations:
                message += (
                    ": without blocks, block and batch_norm change nothing, and only the first of each is trained"
                )
            yield Broken(path, message, (path[:2], *_WHAT_IS_TRAINED))


def _values_occur(study: "Study", path: Path, condition: Mapping[str, Any]) -> Iterator[Broken]:
    for axis, value in condition.items():
        form = study.axes[axis]
        if not can_take(form, value):
            possible = str(form) if isinstance(form, Form) else in_words([form])
            yield Broken(
                (*path, axis),
                f"{in_words([value])} is not a value that {key_of(study, axis)} has; possible: {possible}",
                (path[:2], ("space", axis), ("configurations",)),
            )
