"""The runs that a study comes to, as far as that can be known before it starts."""

from collections.abc import Sequence

from study.plan.beginnings import families
from study.plan.planned import Planned, planned_by, runs_of
from study.space import Study, configurations
from study.space.rules import FIRST_CONFIRM_SEED
from study.space.sections import RandomSearch


def typical(study: Study) -> list[Planned]:
    """What the plan asks for; in place of what a search will suggest and confirm, as many random draws.

    Raises:
        ValueError: see ``study.plan.planned.planned_by``.
    """
    planned = planned_by(study)
    if study.search.algorithm == "optuna":
        drawn = study.model_copy(update={"search": RandomSearch(algorithm="random", samples=study.search.samples)})
        planned = [Planned(each, study.seed_list) for each in configurations(drawn)]
    if study.confirm is not None:
        again = planned[: study.confirm.top + 1]  # the best ones and the baseline
        seeds = tuple(range(FIRST_CONFIRM_SEED, FIRST_CONFIRM_SEED + study.confirm.seeds))
        planned += [Planned(each.configuration, seeds, "confirm", "confirm") for each in again]
    return planned


def model_epochs(planned: Sequence[Planned]) -> int:
    """Epochs to train, each of a run; those of a run that is the beginning of a longer one are trained with it."""
    return sum(family.longest.run.configuration.epochs for family in families(runs_of(planned)))
