"""What a study asks for: its configurations with their seeds."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from study.contract.axes import Configuration
from study.contract.files import trial_id
from study.contract.runs import Run
from study.contract.states import Stage
from study.space import Study, configurations

RunKey = tuple[str, int]  # trial_id, seed: names a run within a study


@dataclass(frozen=True)
class Planned:
    """A configuration with its seeds; two stages of one configuration are two of these.

    Attributes:
        configuration: what to train.
        seeds: its runs.
        stage: why.
        reason: what asked for it, such as "grid" or "random".
    """

    configuration: Configuration
    seeds: tuple[int, ...]
    stage: Stage = "explore"
    reason: str = "grid"


@dataclass(frozen=True)
class PlannedRun:
    """A run with its place in the study.

    Attributes:
        trial_id: the name of its configuration's record.
        run: configuration and seed.
        stage: why it exists.
    """

    trial_id: str
    run: Run
    stage: Stage = "explore"

    @property
    def key(self) -> RunKey:
        """Its name within the study."""
        return self.trial_id, self.run.seed


def planned_by(study: Study) -> list[Planned]:
    """All that is known before anything runs: a grid or a random search, in the order of the space file's axes.

    An optuna search asks for its configurations while it runs; see ``study.growth``.

    Raises:
        ValueError: a random search finds fewer different configurations than it is asked for.
    """
    if study.search.algorithm == "optuna":
        return []
    return [Planned(each, study.seed_list, reason=study.search.algorithm) for each in configurations(study)]


def runs_of(planned: Iterable[Planned]) -> list[PlannedRun]:
    """Their runs, the configurations numbered in their order."""
    return [
        PlannedRun(trial_id(number), Run(each.configuration, seed), each.stage)
        for number, each in enumerate(planned)
        for seed in each.seeds
    ]


def missing(wanted: Iterable[Planned], held: Iterable[Planned]) -> Iterator[Planned]:
    """What ``wanted`` asks for beyond what ``held`` does, with the seeds that are missing.

    A configuration that is held with more epochs is held with fewer too.
    """
    seeds_of: dict[tuple[Stage, Configuration], list[tuple[int, frozenset[int]]]] = defaultdict(list)
    for each in held:
        seeds_of[each.stage, _but_epochs(each)].append((each.configuration.epochs, frozenset(each.seeds)))
    for each in wanted:
        there = seeds_of[each.stage, _but_epochs(each)]
        enough = frozenset[int]().union(*(seeds for epochs, seeds in there if epochs >= each.configuration.epochs))
        lacking = tuple(seed for seed in each.seeds if seed not in enough)
        if lacking:
            yield replace(each, seeds=lacking)


def _but_epochs(planned: Planned) -> Configuration:
    return replace(planned.configuration, epochs=1)
