"""Runs that are the beginning of longer ones, and so need no training of their own.

With a constant learning rate nothing that a run does in its first epochs depends on how many it will have: the run of
25 epochs is the first 25 epochs of the run of 51 with its seed. A schedule of the learning rate is laid over all
planned epochs, so there every number of epochs is a run of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from study.contract.axes import Configuration
from study.contract.states import Stage
from study.plan.planned import PlannedRun


@dataclass(frozen=True)
class Family:
    """Runs that differ in their number of epochs alone and are parts of one computation, the longest first."""

    runs: tuple[PlannedRun, ...]

    @property
    def longest(self) -> PlannedRun:
        """The one to train; the others are its beginnings."""
        return self.runs[0]


def families(runs: Iterable[PlannedRun]) -> list[Family]:
    """Every run in its family, which may be itself alone; families in the order of their first runs."""
    found: dict[tuple[Stage, Configuration, int], list[PlannedRun]] = {}
    for run in runs:
        configuration = run.run.configuration
        if configuration.lr_schedule == "constant":
            configuration = replace(configuration, epochs=1)
        found.setdefault((run.stage, configuration, run.run.seed), []).append(run)
    return [Family(tuple(sorted(members, key=_longest_first))) for members in found.values()]


def _longest_first(run: PlannedRun) -> int:
    return -run.run.configuration.epochs
