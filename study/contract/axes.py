"""The axes of a study: every setting that tells one configuration from another, a row each.

A new axis is a field of ``Configuration`` here, and its use in the training loop; the space file, its schema, the
tables, the labels and the figures are made from this table.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args, get_type_hints

Block = Literal["residual", "conv"]
LrSchedule = Literal["constant", "cosine", "one_cycle"]
Value = str | bool | int | float
Scale = Literal["category", "linear", "log"]


@dataclass(frozen=True)
class Axis:
    """What is known of an axis besides its values.

    Attributes:
        name: its key in a space file and its column in every table.
        kind: the Python type of a value: str, bool, int or float.
        default: the value of the notebook's recipe.
        title: on a figure's axis and in a table's head.
        short_title: where room is scarce.
        explanation: for the schema and the documentation, a sentence.
        scale: how figures and searches space its values; "category" has no order between them.
        choices: the values of an axis of kind str; empty for the others.
        minimum: the smallest value.
        above: a bound that every value exceeds.
        below: a bound that no value reaches.
        maximum: the largest value; far above what could be trained where it only catches slips such as 1e9 for 1e3.
        shapes: whether it fixes the computation, so that the runs of a pack must agree in it.
        quiet: whether texts may leave it out where every run has its default.
        words: a value, written as in ``number``, in words that stand alone, such as "3 blocks".
    """

    name: str
    kind: type[str] | type[bool] | type[int] | type[float]
    default: Value
    title: str
    short_title: str
    explanation: str
    scale: Scale
    choices: tuple[str, ...]
    minimum: float | None
    above: float | None
    below: float | None
    maximum: float | None
    shapes: bool
    quiet: bool
    words: Callable[[str], str]

    @property
    def numeric(self) -> bool:
        """Whether values have an order and a distance."""
        return self.kind in (int, float)

    def phrase(self, value: Value, digits: int | None = None) -> str:
        """A value in words that stand alone: "3 blocks", "no batch norm", "lr 0.01"; see ``number`` for ``digits``."""
        return self.words(self.text(value, digits))

    def text(self, value: Value, digits: int | None = None) -> str:
        """A value by itself, below the axis's title: "3", "yes", "0.01"; see ``number`` for ``digits``."""
        if self.kind is bool:
            return "yes" if value else "no"
        return number(value, digits) if self.kind is float and not isinstance(value, str) else str(value)


def number(value: float, digits: int | None = None) -> str:
    """A number as short as it can be written; all its digits by default, so that two numbers never look alike."""
    if digits is not None:
        return f"{value:.{digits}g}"
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def digits_apart(values: Iterable[float], least: int = 3) -> int:
    """How many significant digits tell the different values apart; ``least`` of them at least."""
    different = {float(value) for value in values if math.isfinite(value)}
    for digits in range(least, 17):
        if len({number(value, digits) for value in different}) == len(different):
            return digits
    return 17


def _counted(thing: str) -> Callable[[str], str]:
    return lambda value: f"{value} {thing}{'' if value == '1' else 's'}"


def _axis(
    default: Value,
    *,
    title: str,
    short_title: str,
    explanation: str,
    words: Callable[[str], str],
    scale: Scale = "category",
    minimum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    maximum: float | None = None,
    shapes: bool = False,
    quiet: bool = False,
) -> Any:
    row = {key: value for key, value in locals().items() if key != "default"}
    return dataclasses.field(default=default, metadata=row)


@dataclass(frozen=True)
class Configuration:
    """Everything about a run but its seed; the defaults are the notebook's recipe."""

    block: Block = _axis(
        "residual",
        title="Block",
        short_title="Block",
        explanation="The block: residual, or conv for the same block without the skip connection.",
        words=str,
        shapes=True,
    )
    num_blocks: int = _axis(
        10,
        title="Number of blocks",
        short_title="Blocks",
        explanation="How many blocks the network has; 0 or more.",
        words=_counted("block"),
        scale="linear",
        minimum=0,
        maximum=10_000,
        shapes=True,
    )
    batch_norm: bool = _axis(
        False,
        title="Batch norm",
        short_title="Norm",
        explanation="Whether a block normalises after each convolution.",
        words=lambda value: "batch norm" if value == "yes" else "no batch norm",
        shapes=True,
    )
    lr: float = _axis(
        0.01,
        title="Learning rate",
        short_title="LR",
        explanation="Learning rate of SGD, the highest one where there is a schedule; above 0.",
        words=lambda value: f"lr {value}",
        scale="log",
        above=0,
    )
    epochs: int = _axis(
        25,
        title="Planned epochs",
        short_title="Epochs",
        explanation="Passes over the training set; 1 or more.",
        words=_counted("epoch"),
        scale="linear",
        minimum=1,
        maximum=1_000_000,
    )
    momentum: float = _axis(
        0.0,
        title="Momentum",
        short_title="Momentum",
        explanation="Momentum of SGD, without dampening; from 0 to below 1.",
        words=lambda value: f"momentum {value}",
        quiet=True,
        scale="linear",
        minimum=0,
        below=1,
    )
    weight_decay: float = _axis(
        0.0,
        title="Weight decay",
        short_title="Decay",
        explanation="L2 penalty on every parameter, as torch.optim.SGD adds it to the gradient; 0 or more.",
        words=lambda value: f"weight decay {value}",
        quiet=True,
        scale="log",
        minimum=0,
    )
    batch_size: int = _axis(
        128,
        title="Batch size",
        short_title="Batch",
        explanation="Images of an SGD step; the last, partial batch of an epoch is trained too.",
        words=lambda value: f"batches of {value}",
        quiet=True,
        scale="log",
        minimum=1,
        maximum=10_000,
        shapes=True,
    )
    lr_schedule: LrSchedule = _axis(
        "constant",
        title="Schedule of the learning rate",
        short_title="Schedule",
        explanation="How the learning rate changes from step to step: constant, cosine (down to 0 over the planned "
        "epochs) or one_cycle (up and down again over them, as torch's OneCycleLR; the momentum stays as it is).",
        words=lambda value: f"{value.replace('_', '-')} lr",
        quiet=True,
    )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The configuration of a record or a table; an axis that it does not know yet has its default.

        Raises:
            KeyError: it names something that is no axis.
        """
        unknown = values.keys() - AXES.keys()
        if unknown:
            raise KeyError(f"not an axis: {', '.join(sorted(map(str, unknown)))}")
        typed: dict[str, Any] = {name: AXES[name].kind(value) for name, value in values.items()}
        return cls(**typed)

    def as_dict(self) -> dict[str, Value]:
        """The value of each axis by its name."""
        return {name: getattr(self, name) for name in AXES}

    def has(self, values: Mapping[str, Value]) -> bool:
        """Whether it has these values of some axes."""
        return all(getattr(self, name) == value for name, value in values.items())

    def canonical(self) -> Self:
        """The same for all configurations that give the same network and training.

        Without blocks, the kind of block and its batch norm change nothing.
        """
        return self if self.num_blocks else dataclasses.replace(self, block="residual", batch_norm=False)

    @property
    def shape(self) -> tuple[Value, ...]:
        """What the runs of a pack agree in."""
        return tuple(getattr(self, axis.name) for axis in AXES.values() if axis.shapes)


def _table() -> dict[str, Axis]:
    hints = get_type_hints(Configuration)
    rows = {}
    for field in dataclasses.fields(Configuration):
        choices = get_args(hints[field.name])
        kind = str if choices else hints[field.name]
        rows[field.name] = Axis(
            name=field.name, kind=kind, default=cast(Value, field.default), choices=choices, **field.metadata
        )
    return rows


AXES: dict[str, Axis] = _table()
