"""The sections of a space file: its space, search, scheduler, resources, comparison and checkpoints."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, create_model
from pydantic_core import PydanticCustomError

from study.contract.axes import AXES, Value
from study.space.axes import Model
from study.space.axis_types import AxisName, PartialConfiguration, axis_type, limits

# What torch takes as a seed and what a column of 64-bit integers holds.
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
SeedCount = Annotated[int, Field(ge=1, le=10_000)]
Samples = Annotated[int, Field(ge=1, le=10_000)]
Epochs = Annotated[int, limits(AXES["epochs"])]
Percent = Annotated[float, Field(gt=0, lt=100)]

# What members of a population may differ in, and take over from each other with a state.
PERTURBABLE = ("lr", "momentum", "weight_decay")

_fields: dict[str, Any] = {
    axis.name: (axis_type(axis), Field(default=axis.default, description=axis.explanation)) for axis in AXES.values()
}


class Space(create_model("Axes", __base__=Model, **_fields)):
    """The configurations: each axis is a value or several. The defaults are the notebook's network and training."""

    @property
    def axes(self) -> dict[str, Any]:
        """Each axis, by its name: a value or a Form."""
        return {axis: getattr(self, axis) for axis in AXES}


def _not_empty(partial: dict[str, Value]) -> dict[str, Value]:
    if not partial:
        raise PydanticCustomError("empty", "should give a value of at least one axis")
    return partial


Condition = Annotated[PartialConfiguration, AfterValidator(_not_empty), Field(json_schema_extra={"minProperties": 1})]


class GridSearch(Model):
    """Every combination of the grids."""

    algorithm: Literal["grid"]
    """Every combination of the grids; the alternatives are random and optuna."""


class RandomSearch(Model):
    """Independent draws; where the space has grids too, each draw for every point of the grids."""

    algorithm: Literal["random"]
    """Independent draws; the alternatives are grid and optuna."""
    samples: Samples
    """How many different draws; with grids in the space there are samples x grid points configurations."""
    seed: Seed = 0
    """Seed of the draws: the same seed gives the same configurations."""


class OptunaSearch(Model):
    """Draws that learn from the trials before, selecting on validation accuracy."""

    algorithm: Literal["optuna"]
    """Draws that learn from the trials before; the alternatives are grid and random."""
    samples: Samples
    """How many configurations to draw."""
    seed: Seed = 0
    """Seed of the sampler: with max_concurrent 1, the same seed suggests the same configurations."""
    sampler: Literal["tpe", "gp", "cmaes", "qmc", "random"] = "tpe"
    """Optuna's sampler: tpe, gp (a Gaussian process), cmaes (numbers alone), qmc (a Sobol sequence) or random."""
    max_concurrent: Annotated[int, Field(ge=1)] | None = None
    """How many configurations train at once; as many as the devices take where it is left out."""
    points: Annotated[tuple[Condition, ...], Field(strict=False)] = ()
    """What to try first, each by the values of some of the axes that are drawn."""


class NoScheduler(Model):
    """Every trial runs to its last epoch."""

    name: Literal["none"]
    """Every trial runs to its last epoch; the alternatives are asha, median and pbt."""


class AshaScheduler(Model):
    """Asynchronous successive halving: most trials end early, the best go on (Li et al., MLSys 2020)."""

    name: Literal["asha"]
    """Successive halving; the alternatives are none, median and pbt."""
    grace_period: Epochs = 1
    """Epochs that every trial is given."""
    reduction_factor: Annotated[float, Field(gt=1)] = 4.0
    """At each rung one trial in this many goes on."""
    brackets: Annotated[int, Field(ge=1)] = 1
    """In how many brackets trials are put; each further one has its first rung a factor later."""


class MedianScheduler(Model):
    """Ends a trial whose best result is below the median of the others (Golovin et al., KDD 2017)."""

    name: Literal["median"]
    """Ends a trial below the median of the others; the alternatives are none, asha and pbt."""
    grace_period: Epochs = 1
    """Epochs that every trial is given."""
    min_samples: Annotated[int, Field(ge=1)] = 3
    """How many other trials the median needs."""


class PbtScheduler(Model):
    """Population based training: poor members go on from good ones (Jaderberg et al., arXiv:1711.09846)."""

    name: Literal["pbt"]
    """Population based training; the alternatives are none, asha and median."""
    perturbation_interval: Epochs = 5
    """Epochs between two exchanges."""
    quantile_fraction: Annotated[float, Field(gt=0, le=0.5)] = 0.25
    """Which part of the population, the worst, goes on from as large a part, the best."""
    perturb: Annotated[tuple[Literal["lr", "momentum", "weight_decay"], ...], Field(strict=False, min_length=1)] = (
        "lr",
    )
    """What is changed after that, beginning at the values of the better member."""
    resample_probability: Annotated[float, Field(ge=0, le=1)] = 0.25
    """How often a value is drawn anew from its axis, where that is drawn; else it is multiplied by 0.8 or 1.2."""
    seed: Seed = 0
    """Seed of the exchanges: the same seed, the same results, the same exchanges."""


class Plateau(Model):
    """Ends a run that no longer gets better."""

    epochs: Epochs
    """How many epochs may bring nothing."""
    by: Annotated[float, Field(ge=0, lt=100)] = 0.0
    """Percentage points of validation accuracy by which these epochs have to beat all before them."""


class Stop(Model):
    """Ends a run by its own validation accuracy, whatever the others do."""

    target: Percent | None = None
    """Validation accuracy in percent that is enough."""
    plateau: Plateau | None = None
    """Epochs without an improvement after which a run ends."""


def _one_at_most(gpus: float) -> float:
    if gpus > 1:
        raise PydanticCustomError("gpus", "should be 1 or less: a pack trains on one GPU, other packs use the others")
    return gpus


def _auto_or_number(given: Any) -> str:
    return "<auto>" if isinstance(given, str) else "<number>"


_Auto = Annotated[Literal["auto"], Tag("<auto>")]


class Resources(Model):
    """What a pack is given: the runs that one process trains side by side on one device."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    """CPU cores of a pack."""
    gpus: Annotated[
        _Auto
        | Annotated[
            float,
            Field(ge=0, json_schema_extra={"maximum": 1}),
            AfterValidator(_one_at_most),
            Tag("<number>"),
        ],
        Discriminator(_auto_or_number),
    ] = "auto"
    """GPUs of a pack: 0, 1, or a part of one such as 0.5; auto: one where the cluster has any, else none."""
    pack: Annotated[_Auto | Annotated[int, Field(ge=1), Tag("<number>")], Discriminator(_auto_or_number)] = "auto"
    """How many runs a pack has; auto: from the devices, their memory and the runs that there are."""


def _rising(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    if list(thresholds) != sorted(set(thresholds)):
        raise PydanticCustomError("rising", "should rise, each value once")
    return thresholds


class Question(Model):
    """A comparison declared before the study runs; the analysis adjusts all declared ones together."""

    name: Annotated[str, Field(min_length=1)]
    """What the comparison is called in the report."""
    a: Condition
    """The condition that is compared, by the values of some axes."""
    b: Condition
    """The condition it is compared with."""


class LastEpochs(Model):
    """The mean over the last epochs of a run, which vary less than the last one."""

    last: Epochs
    """How many of the planned epochs, the last ones, a run's accuracy is the mean of."""


def _final_or_last(given: Any) -> Any:
    if given != "final" and not isinstance(given, dict | LastEpochs):
        raise PydanticCustomError("measure", "should be final, or {last: K} for the mean of the last K epochs")
    return given


def _measure_tag(given: Any) -> str:
    return "<final>" if isinstance(given, str) else "<last>"


class Compare(Model):
    """What the analysis puts side by side."""

    across: AxisName | None = None
    """The axis whose values are compared: the horizontal axis of the figures."""
    within: AxisName | None = None
    """The axis that tells the curves of a figure apart."""
    baseline: Condition | None = None
    """The condition that the others are compared with, by the values of some axes."""
    meaningful_difference: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Percentage points of test accuracy below which a difference does not matter."""
    measure: Annotated[
        Annotated[Literal["final"], Tag("<final>")] | Annotated[LastEpochs, Tag("<last>")],
        Discriminator(_measure_tag),
        BeforeValidator(_final_or_last),
    ] = "final"
    """The accuracy that is compared: final, after the last planned epoch, or {last: K}, the mean of the last K."""
    thresholds: Annotated[tuple[Percent, ...], Field(strict=False), AfterValidator(_rising)] = (40.0, 50.0, 55.0, 60.0)
    """Test accuracies in percent, rising; the report says after how many epochs each is reached."""
    questions: Annotated[tuple[Question, ...], Field(strict=False)] = ()
    """Comparisons declared beforehand."""


class Stages(Model):
    """Seeds in stages: more are added to comparisons that are undecided."""

    start: Annotated[int, Field(ge=2, le=10_000)]
    """Seeds that every configuration gets."""
    most: Annotated[int, Field(ge=2, le=10_000)]
    """Up to how many seeds are added, of a configuration that is compared with one other."""


class Checkpoint(Model):
    """When the state of a trial is saved, from which it goes on after an interruption."""

    every: Epochs = 1
    """Epochs between two checkpoints."""
    keep: Annotated[int, Field(ge=1)] = 2
    """How many of the newest are kept."""


class Confirm(Model):
    """The best configurations again, with fresh seeds, on training and validation images, beside the baseline."""

    top: Annotated[int, Field(ge=1, le=100)] = 3
    """How many of the best, by validation accuracy."""
    seeds: Annotated[int, Field(ge=2, le=10_000)] = 10
    """Seeds of each of them and of the baseline; none that an explored run has."""


class Budget(Model):
    """Where to end: nothing new is started after it, and a session that is given more goes on."""

    hours: Annotated[float, Field(gt=0)] | None = None
    """Of all sessions together, by the clock."""
    model_epochs: Annotated[int, Field(ge=1)] | None = None
    """Epochs of a run, trained in all sessions together."""
