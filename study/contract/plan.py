"""plan.jsonl: every configuration, run and pack that the plan of a study ever asked for, when and why.

Lines are only ever added. Together with the records it tells where a study stands.
"""

from typing import Literal, TypedDict

from study.contract.axes import Value
from study.contract.states import Stage


class ConfigurationLine(TypedDict):
    """A configuration gets its name, which is that of its record too."""

    event: Literal["configuration"]
    time: str
    trial_id: str
    stage: Stage
    configuration: dict[str, Value]


class RunsLine(TypedDict):
    """Runs of a configuration are asked for; reason says by what, such as "grid" or "more seeds"."""

    event: Literal["runs"]
    time: str
    trial_id: str
    seeds: list[int]
    reason: str


class PackLine(TypedDict):
    """Runs are going to train side by side; runs holds the trial_id and seed of each, in the pack's order."""

    event: Literal["pack"]
    time: str
    pack: str
    session: str
    runs: list[tuple[str, int]]


class EndLine(TypedDict):
    """Runs ended in a way that their records do not show: stopped by a scheduler, or failed with an error."""

    event: Literal["end"]
    time: str
    pack: str
    runs: list[tuple[str, int]]
    state: Literal["stopped", "failed"]
    error: str | None


PlanLine = ConfigurationLine | RunsLine | PackLine | EndLine
