"""A study, as a space file describes it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from study.contract.axes import Value
from study.space.axes import Grid, Model, distinct, values_of
from study.space.axis_types import PartialConfiguration
from study.space.rules import broken_rules
from study.space.sections import (
    AshaScheduler,
    Budget,
    Checkpoint,
    Compare,
    Confirm,
    GridSearch,
    MedianScheduler,
    NoScheduler,
    OptunaSearch,
    PbtScheduler,
    RandomSearch,
    Resources,
    Seed,
    SeedCount,
    Space,
    Stages,
    Stop,
)
from study.space.yaml import write_yaml


def _count_or_list(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | list | tuple | dict | Stages):
        raise PydanticCustomError(
            "seeds",
            "should be a count such as 5, a list of seeds such as [0, 1, 2], or {start: 5, most: 40}",
        )
    return given


def _count_tag(given: Any) -> str:
    if isinstance(given, dict | Stages):
        return "<stages>"
    return "<count>" if isinstance(given, int) else "<list>"


def _on_divergence(given: dict[str, Any]) -> Literal["continue", "stop"]:
    """A search or a scheduler has no use for the rest of a run that has diverged, unless another state replaces it."""
    ends = given["search"].algorithm == "optuna" or given["scheduler"].name in ("asha", "median")
    return "stop" if ends else "continue"


SeedList = Annotated[
    tuple[Seed, ...],
    Field(strict=False, min_length=1, max_length=10_000, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]


class Study(Model):
    """A question and what to train to answer it; name and one of space and configurations are required."""

    model_config = ConfigDict(
        defer_build=False, json_schema_extra={"anyOf": [{"required": ["space"]}, {"required": ["configurations"]}]}
    )

    # The name becomes a folder: no separators, no leading dot or dash.
    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    """Names the results directory: letters, digits, - and _."""
    question: str = ""
    """What the study asks, in words, for the report."""
    data: Annotated[str, Field(min_length=1)] = "auto"
    """The images: auto, cifar10, digits, or a folder with train/ and test/, relative to where the command runs."""
    space: Space = Field(default_factory=Space)
    """The configurations to train: each axis a value or several, in every combination."""
    configurations: Annotated[tuple[PartialConfiguration, ...], Field(strict=False, min_length=1)] = ()
    """The configurations one by one, instead of all combinations; what an entry leaves out is as in space."""
    seeds: Annotated[
        Annotated[SeedCount, Tag("<count>")] | Annotated[SeedList, Tag("<list>")] | Annotated[Stages, Tag("<stages>")],
        Discriminator(_count_tag),
        BeforeValidator(_count_or_list),
    ] = 5
    """Seeds of every configuration: a count n, which means 0 to n - 1, a list, or {start: n, most: m} to add seeds."""
    validation: Annotated[int, Field(ge=0)] = 0
    """Images held out of the training set; above 0 for a search or a scheduler that selects."""
    search: Annotated[GridSearch | RandomSearch | OptunaSearch, Field(discriminator="algorithm")] = GridSearch(
        algorithm="grid"
    )
    """How configurations are found in the space."""
    scheduler: Annotated[NoScheduler | AshaScheduler | MedianScheduler | PbtScheduler, Field(discriminator="name")] = (
        NoScheduler(name="none")
    )
    """Whether poor trials end early."""
    stop: Stop = Stop()
    """When a run has trained enough."""
    confirm: Confirm | None = None
    """Whether the best configurations are trained again with fresh seeds, and compared with the baseline."""
    budget: Budget | None = None
    """Where the study ends though more is asked for."""
    resources: Resources = Resources()
    """What each pack of runs is given."""
    compare: Compare = Compare()
    """What the analysis puts side by side, and the questions it must answer."""
    track: Annotated[tuple[Literal["mlflow", "wandb"], ...], Field(strict=False), AfterValidator(distinct)] = ()
    """Further programs that are given the curves: mlflow, wandb (offline), or both."""
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    """Of the arithmetic: float32, or on a GPU the faster and coarser tf32 or bf16."""
    on_divergence: Literal["continue", "stop"] = Field(default_factory=_on_divergence)
    """What a run does when its loss is no longer finite; stop for optuna and schedulers where nothing is said."""
    checkpoint: Checkpoint = Checkpoint()
    """When the state of a trial is saved."""

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("rule", "{message}", vars(broken)),
                loc=broken.path,
                input=None,
            )
            for broken in broken_rules(self)
        ]
        if errors:
            raise ValidationError.from_exception_data("Study", errors)
        return self

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds to begin with: 0 to n - 1 for a count or a start of n."""
        count = self.seeds.start if isinstance(self.seeds, Stages) else self.seeds
        return tuple(range(count)) if isinstance(count, int) else count

    @property
    def most_seeds(self) -> int | None:
        """Up to how many seeds a configuration of one comparison may get; None where their number is fixed."""
        return self.seeds.most if isinstance(self.seeds, Stages) else None

    @property
    def axes(self) -> dict[str, Any]:
        """Each axis, by its name: a value or a Form; of listed configurations, a Grid of the values that occur."""
        if not self.configurations:
            return self.space.axes
        axes: dict[str, Any] = {}
        for axis, common in self.space.axes.items():
            values = tuple(dict.fromkeys(entry.get(axis, common) for entry in self.configurations))
            axes[axis] = values[0] if len(values) == 1 else Grid[Any].model_construct(grid=values)
        return axes

    def axis_values(self, name: str) -> Sequence[Value] | None:
        """The values that the axis has in the whole study, in the file's order; None for an interval.

        Raises:
            KeyError: there is no such axis.
        """
        return values_of(self.axes[name])

    def to_yaml(self) -> str:
        """The study as a space file with every default written out; ``load_study`` reads an equal study from it."""
        values = self.model_dump()
        if not self.configurations:
            del values["configurations"]
        values = {key: value for key, value in values.items() if key not in ("confirm", "budget") or value is not None}
        return write_yaml(values)
