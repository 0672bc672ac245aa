"""plan.jsonl: every configuration, run and pack that the plan of a study ever asked for, when and why.

Lines are only ever added. Together with the records it tells where a study stands.
"""

from typing import Any, Literal, NotRequired, TypedDict

from study.contract.axes import Value
from study.contract.states import Stage, StopReason


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
    """Runs ended before their planned epochs: stopped for a reason, or failed with an error.

    pack is null for runs that were stopped before any pack held them. reason is absent from lines of older studies,
    which a scheduler alone could stop.
    """

    event: Literal["end"]
    time: str
    pack: str | None
    runs: list[tuple[str, int]]
    state: Literal["stopped", "failed"]
    error: str | None
    reason: NotRequired[StopReason | None]


class LookLine(TypedDict):
    """The comparisons were judged, and it was decided which get more seeds; for studies with `seeds: {start, most}`.

    look counts from 1, of as many as were planned. path: seeds of a condition of one comparison at each look. seeds:
    how many of each configuration's seeds, in the plan's order, were judged.
    """

    event: Literal["look"]
    time: str
    look: int
    of: int
    path: list[int]
    seeds: dict[str, int]


# Of `compare` in study.yaml, what verdicts depend on.
JUDGED_BY = ("baseline", "meaningful_difference", "measure", "questions")


class QuestionLine(TypedDict):
    """Another question is asked from now on, although results were there: verdicts were not declared before them.

    begun: how many runs had an epoch by then. before: what JUDGED_BY names, as it was until now.
    """

    event: Literal["question"]
    time: str
    begun: int
    before: dict[str, Any]


class Move(TypedDict):
    """A member of a population goes on from another one's state; values are those it trains with from then on."""

    trial_id: str
    source: str
    values: dict[str, float]


class ExchangeLine(TypedDict):
    """A population trained to this epoch, and some members take over the states of others, seed by seed."""

    event: Literal["exchange"]
    time: str
    epoch: int
    moves: list[Move]


PlanLine = ConfigurationLine | RunsLine | PackLine | EndLine | LookLine | QuestionLine | ExchangeLine
