"""The rules of a scheduler: what it compares can be compared."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from study.space.axes import Form, values_of
from study.space.broken import Broken, Path, key_of
from study.space.sections import PERTURBABLE, AshaScheduler, PbtScheduler

if TYPE_CHECKING:
    from study.space.study import Study


def scheduler_rules(study: "Study") -> Iterator[Broken]:
    """A scheduler compares all seeds of a configuration with those of others, at the same of equally many epochs."""
    name = study.scheduler.name
    if name == "none":
        return
    needs = (("scheduler",), ("space", "epochs"), ("configurations",))
    epochs = values_of(study.axes["epochs"]) or ()
    if len(epochs) > 1:
        # The shorter would be the beginnings of the longer, or at another point of their learning rate's schedule.
        path: Path = ("space", "epochs") if isinstance(study.space.axes["epochs"], Form) else ("configurations",)
        yield Broken(path, f"should give one number of epochs: scheduler.name {name} compares trials by epoch", needs)
    else:
        yield from _scheduler_fits_epochs(study, max(epochs), needs)
    if isinstance(study.scheduler, PbtScheduler):
        yield from _population_is_sound(study, study.scheduler)
    pack, seeds = study.resources.pack, len(study.seed_list)
    if pack != "auto" and pack < seeds:
        yield Broken(
            ("resources", "pack"),
            f"should be auto, or {seeds} or more: scheduler.name {name} needs all seeds of a configuration in a pack",
            (("scheduler",), ("resources",), ("seeds",)),
        )


def _scheduler_fits_epochs(study: "Study", epochs: int, needs: tuple[Path, ...]) -> Iterator[Broken]:
    for key in ("grace_period", "perturbation_interval"):
        value = getattr(study.scheduler, key, 0)
        if value > epochs:
            yield Broken(
                ("scheduler", key),
                f"{value} epochs are more than the {epochs} that a trial has ({key_of(study, 'epochs')})",
                needs,
            )
            return
    if isinstance(study.scheduler, AshaScheduler):
        asha = study.scheduler
        rungs = int(math.log(epochs / asha.grace_period) / math.log(asha.reduction_factor) + 1)
        if asha.brackets > rungs:
            yield Broken(
                ("scheduler", "brackets"),
                f"{asha.brackets} are more than the {rungs} rungs that there are from {asha.grace_period} to {epochs} "
                "epochs",
                needs,
            )


def _population_is_sound(study: "Study", scheduler: PbtScheduler) -> Iterator[Broken]:
    """Members take over each other's states and values, so they may differ in nothing else; later they change."""
    needs: tuple[Path, ...] = (("scheduler",), ("space",), ("configurations",), ("search",))
    for axis in study.axes:
        if axis not in (*PERTURBABLE, "epochs") and len(values_of(study.axes[axis]) or ()) != 1:
            path: Path = ("space", axis) if isinstance(study.space.axes[axis], Form) else ("configurations",)
            yield Broken(path, f"should give {axis} one value: with pbt {_listed(PERTURBABLE)} may differ", needs)
    refused = {
        ("search", "algorithm"): study.search.algorithm == "optuna",
        ("confirm",): study.confirm is not None,
        ("stop",): study.stop.target is not None or study.stop.plateau is not None,
        ("on_divergence",): study.on_divergence == "stop",
        ("compare", "across"): study.compare.across in PERTURBABLE,
        ("compare", "within"): study.compare.within in PERTURBABLE,
        ("compare", "baseline"): study.compare.baseline is not None,
        ("compare", "questions"): bool(study.compare.questions),
    }
    for path, is_so in refused.items():
        if is_so:
            yield Broken(path, f"is not for scheduler.name pbt: {_REASONS[str(path[0])]}", (*needs, path))


_REASONS = {
    "search": "members take over each other's states, so they tell nothing of where they began; use random or grid",
    "confirm": "a member's values change while it trains, so no configuration stands for it",
    "stop": "a member trains to its last epoch",
    "on_divergence": "a member that has diverged takes over another one's state",
    "compare": "a member's values change while it trains, so it cannot be compared by them",
}


def _listed(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
