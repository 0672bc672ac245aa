"""What figures, tables and words call the axes, and the stage of a study beside them.

Everything about an axis comes from the table in ``study.contract.axes``. Runs of different stages are never pooled, so
the stage stands beside the axes as one more thing that tells conditions apart: together they are the *factors*.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from study.contract.axes import AXES, Scale, digits_apart

STAGE = "stage"
FACTORS = (*AXES, STAGE)
_STAGE_WORDS = {"explore": "explored", "confirm": "confirmed"}
_TYPES = {str: "str", bool: "bool", int: "int64", float: "float64"}
FACTOR_TYPES = {name: _TYPES[axis.kind] for name, axis in AXES.items()} | {STAGE: "str"}


def title(factor: str) -> str:
    """What stands on a figure's axis or in a table's head."""
    return "Stage" if factor == STAGE else AXES[factor].title


def short_title(factor: str) -> str:
    """The title where room is scarce."""
    return "Stage" if factor == STAGE else AXES[factor].short_title


def numeric(factor: str) -> bool:
    """Whether the values of a factor have an order and a distance."""
    return factor != STAGE and AXES[factor].numeric


def scale(factor: str, values: Iterable[Any] = ()) -> Scale:
    """How a figure spaces the values of a factor; a logarithmic one that has to show a 0 is linear."""
    if factor == STAGE:
        return "category"
    own = AXES[factor].scale
    return "linear" if own == "log" and any(value <= 0 for value in values) else own


@dataclass(frozen=True)
class Labels:
    """How a study's values are written: with as many digits as tell the different ones apart.

    digits: significant digits by the name of an axis; the values of an axis that is not named have all of theirs.
    """

    digits: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Labels":
        """The labels for the values in the axes' columns of a table."""
        return cls({name: digits_apart(table[name]) for name, axis in AXES.items() if axis.kind is float})

    def phrase(self, factor: str, value: Any) -> str:
        """A value in words that stand alone: '3 blocks', 'no batch norm', 'lr 0.01'."""
        if factor == STAGE:
            return _STAGE_WORDS.get(value, str(value))
        return AXES[factor].phrase(value, self.digits.get(factor))

    def text(self, factor: str, value: Any) -> str:
        """A value below its factor's own title: '3', 'no', '0.01'."""
        if factor == STAGE:
            return self.phrase(factor, value)
        return AXES[factor].text(value, self.digits.get(factor))

    def condition(self, condition: Mapping[str, Any], factors: Iterable[str]) -> str:
        """A condition in words, by the given factors; by all that need saying where there are none."""
        named = tuple(factors) or tuple(name for name in AXES if not _goes_without_saying(name, condition[name]))
        return ", ".join(self.phrase(factor, condition[factor]) for factor in named)


def _goes_without_saying(axis: str, value: Any) -> bool:
    return AXES[axis].quiet and value == AXES[axis].default
