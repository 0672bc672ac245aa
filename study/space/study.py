"""A study, as a space file describes it."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from study.space.axes import Model, distinct
from study.space.rules import broken_rules
from study.space.sections import (
    AshaScheduler,
    Checkpoint,
    Compare,
    GridSearch,
    MedianScheduler,
    NoScheduler,
    OptunaSearch,
    PbtScheduler,
    RandomSearch,
    Resources,
    Seed,
    Space,
)
from study.space.yaml import write_yaml


def _count_or_list(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | list | tuple):
        raise PydanticCustomError("seeds", "should be a count such as 5, or a list of seeds such as [0, 1, 2]")
    return given


def _count_tag(given: Any) -> str:
    return "<count>" if isinstance(given, int) else "<list>"


SeedCount = Annotated[int, Field(ge=1, le=10_000)]
SeedList = Annotated[
    tuple[Seed, ...],
    Field(strict=False, min_length=1, max_length=10_000, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]


class Study(Model):
    """A question and what to train to answer it; every key but name and space has a default."""

    # The name becomes a folder: no separators, no leading dot or dash.
    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]
    """Names the results directory: letters, digits, - and _."""
    question: str = ""
    """What the study asks, in words, for the report."""
    data: Annotated[str, Field(min_length=1)] = "auto"
    """The images: auto, cifar10, digits, or a folder with train/ and test/, relative to where the command runs."""
    space: Space
    """The configurations to train: each axis a value or several."""
    seeds: Annotated[
        Annotated[SeedCount, Tag("<count>")] | Annotated[SeedList, Tag("<list>")],
        Discriminator(_count_tag),
        BeforeValidator(_count_or_list),
    ] = 5
    """Seeds of every configuration: a count n, which means 0 to n - 1, or a list."""
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
    resources: Resources = Resources()
    """What each trial is given."""
    compare: Compare = Compare()
    """What the analysis puts side by side, and the questions it must answer."""
    precision: Literal["float32", "tf32", "bf16"] = "float32"
    """Of the arithmetic: float32, or on a GPU the faster and coarser tf32 or bf16."""
    on_divergence: Literal["continue", "stop"] = "continue"
    """What a trial does when its loss is no longer finite."""
    checkpoint: Checkpoint = Checkpoint()
    """When the state of a trial is saved."""

    @model_validator(mode="after")
    def _keeps_rules(self) -> Self:
        errors = [
            InitErrorDetails(
                type=PydanticCustomError("rule", "{message}", {"message": broken.message, "needs": broken.needs}),
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
        """The seeds: 0 to n - 1 for a count n."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    def to_yaml(self) -> str:
        """The study as a space file with every default written out; ``load_study`` reads an equal study from it."""
        return write_yaml(self.model_dump())
