"""What is left of a study that a results directory holds, seen without changing it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from study.contract.runs import Run
from study.contract.states import ENDED
from study.forecast.typical import typical
from study.plan.beginnings import Family, families
from study.plan.planned import Planned, PlannedRun, missing
from study.results.ledger import Ledger
from study.space import Study

NEW = "new "  # before the number of a configuration that the directory does not hold yet


@dataclass(frozen=True)
class Left:
    """A run to train.

    Attributes:
        run: the longest of its family.
        epochs: that it lacks.
    """

    run: PlannedRun
    epochs: int


def left_of(ledger: Ledger, wanted: Iterable[Planned]) -> list[Left]:
    """The runs to train, those first that the directory holds.

    Args:
        ledger: knows what it holds.
        wanted: what is asked for now; what the ledger holds of it stays as it is.
    """
    names = {(each.stage, each.configuration): name for name, each in ledger.by_name.items()}
    new: list[PlannedRun] = []
    for each in missing(wanted, ledger.planned):
        name = names.setdefault((each.stage, each.configuration), f"{NEW}{len(names)}")
        new += [PlannedRun(name, Run(each.configuration, seed), each.stage) for seed in each.seeds]
    found = families([*(status.planned for status in ledger.runs.values()), *new])
    return [Left(family.longest, epochs) for family in found if (epochs := _epochs_left(ledger, family))]


def foreseen(study: Study, held: Sequence[Planned]) -> list[Planned]:
    """What the study asks for and may still come to ask for; see ``study.forecast.typical``.

    Args:
        study: as it is asked for now.
        held: what its directory holds: of a search, the draws that were made; its confirmation, where that has begun.
    """
    whole = typical(study)
    explored = [each for each in whole if each.stage == "explore"]
    if study.search.algorithm == "optuna":
        explored = explored[sum(each.stage == "explore" for each in held) :]
    confirmed = [each for each in held if each.stage == "confirm"]
    again = [each for each in whole if each.stage == "confirm"]
    if again and confirmed:
        more = [replace(each, seeds=again[0].seeds) for each in confirmed]  # of which some may be there
        winners = sum(each.reason != "baseline" for each in confirmed)
        again = more + again[winners : len(again) - 1]
    return explored + again


def _epochs_left(ledger: Ledger, family: Family) -> int:
    statuses = {run.key: ledger.runs[run.key] for run in family.runs if run.key in ledger.runs}
    longest = statuses.get(family.longest.key)
    if longest is not None and longest.state in ENDED:
        return 0
    return family.longest.run.configuration.epochs - max(
        (status.epochs_done for status in statuses.values()), default=0
    )
