"""The trials of a study, numbered."""

from collections.abc import Iterable
from dataclasses import dataclass

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.space import Study, configurations


@dataclass(frozen=True)
class PlannedTrial:
    """One configuration and its position in the plan, which names it in every session."""

    number: int
    configuration: Configuration

    @property
    def trial_id(self) -> str:
        """As in the results directory."""
        return trial_id(self.number)


class PlanError(ValueError):
    """What a space file may ask for but this version does not do."""


def plan_of(study: Study) -> list[PlannedTrial]:
    """All trials of a grid or random search, in the order of the space file's axes.

    Raises:
        PlanError: an optuna search or a scheduler.
        ValueError: a random search finds fewer different configurations than it is asked for.
    """
    if study.search.algorithm == "optuna":
        raise PlanError("search.algorithm optuna: not yet; use grid or random")
    if study.scheduler.name != "none":
        raise PlanError(f"scheduler.name {study.scheduler.name}: not yet; use none")
    return [PlannedTrial(number, each) for number, each in enumerate(configurations(study))]


def longest_first(trials: Iterable[PlannedTrial]) -> list[PlannedTrial]:
    """Trials by falling cost, so that no long one starts last while other devices stand idle.

    A block costs about a fifth of what the rest of the network does, and batch norm a quarter more.
    """

    def cost(trial: PlannedTrial) -> float:
        each = trial.configuration
        return each.epochs * (1 + each.num_blocks * (0.25 if each.batch_norm else 0.2))

    return sorted(trials, key=cost, reverse=True)
