"""The values of an axis: one, or a form that says how a search goes through several or draws from them."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    # Only random draws need numpy, and importing it takes as long as everything else here.
    from numpy.random import Generator

T = TypeVar("T")


class Model(BaseModel):
    """What every part of a space file shares: immutable, no unknown keys, no conversion of types, no infinities."""

    # Building a part's own validator is put off until it is used alone; a study's holds those of its parts.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse a list that names a value twice: the same runs would be trained and counted twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise PydanticCustomError("repeated", "{value} stands in the list twice", {"value": in_words([value])})
    return values


def _ascending(bounds: tuple[Any, Any]) -> tuple[Any, Any]:
    low, high = bounds
    if low >= high:
        raise PydanticCustomError(
            "bounds", "should be [low, high] with low below high, not [{low}, {high}]", {"low": low, "high": high}
        )
    return bounds


def _have_logarithms(bounds: tuple[Any, Any]) -> tuple[Any, Any]:
    if bounds[0] <= 0:
        raise PydanticCustomError(
            "no_logarithm",
            "should begin above 0, not at {low}, which has no logarithm; uniform and choice can include it",
            {"low": in_words(bounds[:1])},
        )
    return bounds


_Values = Annotated[
    tuple[T, ...],
    Field(strict=False, min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(distinct),
]
_Bounds = Annotated[tuple[T, T], Field(strict=False), AfterValidator(_ascending)]


class Form(Model):
    """Several values of an axis: a Listed or an Interval."""

    # Its key in a space file, and how it is written there.
    kind: ClassVar[str]
    layout: ClassVar[str]
    # Whether a search draws from the values, instead of going through all of them.
    sampled: ClassVar[bool] = True

    @abstractmethod
    def takes(self, value: Any) -> bool:
        """Whether the axis can have this value."""

    @abstractmethod
    def draw(self, rng: "Generator") -> Any:
        """One of the values at random."""

    def __repr_name__(self) -> str:
        """``Grid``; pydantic's own name of a generic model spells out its types."""
        return type(self).__name__.partition("[")[0]


class Listed(Form, Generic[T]):
    """Values that can be counted."""

    @property
    @abstractmethod
    def values(self) -> Sequence[T]:
        """The values, in the file's order."""

    def takes(self, value: Any) -> bool:
        """Whether the axis can have this value."""
        return value in self.values

    def draw(self, rng: "Generator") -> T:
        """One of the values, each equally likely."""
        return self.values[int(rng.integers(len(self.values)))]

    def __str__(self) -> str:
        """The values in words, for messages."""
        return in_words(self.values)


class Interval(Form, Generic[T]):
    """Numbers from low to high."""

    @property
    @abstractmethod
    def bounds(self) -> tuple[Any, Any]:
        """Low and high."""

    def takes(self, value: Any) -> bool:
        """Whether the axis can have this value."""
        return self.bounds[0] <= value <= self.bounds[1]

    def __str__(self) -> str:
        """The numbers in words, for messages."""
        return f"numbers from {self.bounds[0]} to {self.bounds[1]}"


class Grid(Listed[T], Generic[T]):
    """Every value of a list, in combination with every value of the other grids."""

    kind: ClassVar[str] = "grid"
    layout: ClassVar[str] = "{grid: [...]}"
    sampled: ClassVar[bool] = False
    grid: _Values[T] = Field(description="Every one of these values is trained.")

    @property
    def values(self) -> tuple[T, ...]:
        """The values, in the file's order."""
        return self.grid


class Choice(Listed[T], Generic[T]):
    """One value of a list, for a random or an optuna search."""

    kind: ClassVar[str] = "choice"
    layout: ClassVar[str] = "{choice: [...]}"
    choice: _Values[T] = Field(description="The search draws one of these values, each equally likely.")

    @property
    def values(self) -> tuple[T, ...]:
        """The values, in the file's order."""
        return self.choice


class RandInt(Listed[T], Generic[T]):
    """A whole number from low up to, but not including, high, for a random or an optuna search."""

    kind: ClassVar[str] = "randint"
    layout: ClassVar[str] = "{randint: [low, high]}"
    randint: _Bounds[T] = Field(
        description="[low, high]: the search draws a whole number from low to high - 1; high itself is never drawn."
    )

    @property
    def values(self) -> Sequence[T]:
        """The numbers, rising."""
        return range(*self.randint)  # pyright: ignore  (T is int; a bound would not tell 0 or more from 1 or more)

    def __str__(self) -> str:
        """The numbers in words, for messages."""
        return f"whole numbers from {self.values[0]} to {self.values[-1]}"


class Uniform(Interval[T], Generic[T]):
    """A number between low and high, for a random or an optuna search."""

    kind: ClassVar[str] = "uniform"
    layout: ClassVar[str] = "{uniform: [low, high]}"
    uniform: _Bounds[T] = Field(description="[low, high]: the search draws a number in between, all equally likely.")

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Low and high."""
        return self.uniform

    def draw(self, rng: "Generator") -> float:
        """A number, all equally likely."""
        return float(rng.uniform(*self.bounds))


class LogUniform(Interval[T], Generic[T]):
    """A number whose logarithm is evenly spread between low and high, for a random or an optuna search."""

    kind: ClassVar[str] = "loguniform"
    layout: ClassVar[str] = "{loguniform: [low, high]}"
    loguniform: Annotated[_Bounds[T], AfterValidator(_have_logarithms)] = Field(
        description="[low, high], low above 0: the search draws a number in between, equally likely in each power of "
        "ten."
    )

    @property
    def bounds(self) -> tuple[Any, Any]:
        """Low and high."""
        return self.loguniform

    def draw(self, rng: "Generator") -> float:
        """A number, equally likely in each power of ten."""
        low, high = self.bounds
        # The rounding of the exponential may step over a bound.
        return min(max(math.exp(rng.uniform(math.log(low), math.log(high))), low), high)


FORMS: tuple[type[Form], ...] = (Grid, Choice, RandInt, Uniform, LogUniform)


def values_of(axis: Any) -> Sequence[Any] | None:
    """The values of an axis, be it fixed or several; None for an interval."""
    if isinstance(axis, Form):
        return axis.values if isinstance(axis, Listed) else None
    return (axis,)


def is_sampled(axis: Any) -> bool:
    """Whether a search draws the axis's values."""
    return isinstance(axis, Form) and axis.sampled


def can_take(axis: Any, value: Any) -> bool:
    """Whether the axis can have the value."""
    return axis.takes(value) if isinstance(axis, Form) else axis == value


def in_words(values: Sequence[Any]) -> str:
    """Values as a space file writes them: ``1, 3, 5`` or ``false, true``."""
    return ", ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
