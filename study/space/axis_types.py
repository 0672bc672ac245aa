"""The axis types of a space file: which forms each axis takes, and one message for what is no form of it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from study.space.axes import (
    Block,
    Choice,
    Epochs,
    Form,
    Grid,
    LearningRate,
    LogUniform,
    NumBlocks,
    RandInt,
    Uniform,
)

_FORMS = {
    "grid": "{grid: [...]}",
    "choice": "{choice: [...]}",
    "randint": "{randint: [low, high]}",
    "uniform": "{uniform: [low, high]}",
    "loguniform": "{loguniform: [low, high]}",
}


def _only(*kinds: str) -> BeforeValidator:
    """Refuse what is neither a value nor one of these forms, so that a slip is one message, not one for each form."""
    possible = f"a value, {', '.join(_FORMS[kind] for kind in kinds)}"

    def check(given: Any) -> Any:
        if isinstance(given, list):
            raise PydanticCustomError("form", "a list alone does not say what to do with it: write {grid: [...]}")
        if not isinstance(given, dict):
            return given
        wrong = [kind for kind in given if kind not in kinds]
        if len(given) == 1 and not wrong:
            return given
        raise PydanticCustomError(
            "axis_form", "possible: {possible}", {"possible": possible, "kinds": kinds, "wrong": wrong}
        )

    return BeforeValidator(check)


def _tag(given: Any) -> str:
    """Which form; tags stand in <> so that pydantic's places tell them from keys of the file."""
    if isinstance(given, Form):
        return f"<{next(iter(type(given).model_fields))}>"
    return f"<{next(iter(given))}>" if isinstance(given, dict) else "<value>"


_by_form = Discriminator(_tag)
BlockAxis = Annotated[
    Annotated[Block, Tag("<value>")]
    | Annotated[Grid[Block], Tag("<grid>")]
    | Annotated[Choice[Block], Tag("<choice>")],
    _by_form,
    _only("grid", "choice"),
]
BoolAxis = Annotated[
    Annotated[bool, Tag("<value>")] | Annotated[Grid[bool], Tag("<grid>")] | Annotated[Choice[bool], Tag("<choice>")],
    _by_form,
    _only("grid", "choice"),
]
NumBlocksAxis = Annotated[
    Annotated[NumBlocks, Tag("<value>")]
    | Annotated[Grid[NumBlocks], Tag("<grid>")]
    | Annotated[Choice[NumBlocks], Tag("<choice>")]
    | Annotated[RandInt[NumBlocks], Tag("<randint>")],
    _by_form,
    _only("grid", "choice", "randint"),
]
EpochsAxis = Annotated[
    Annotated[Epochs, Tag("<value>")]
    | Annotated[Grid[Epochs], Tag("<grid>")]
    | Annotated[Choice[Epochs], Tag("<choice>")]
    | Annotated[RandInt[Epochs], Tag("<randint>")],
    _by_form,
    _only("grid", "choice", "randint"),
]
LearningRateAxis = Annotated[
    Annotated[LearningRate, Tag("<value>")]
    | Annotated[Grid[LearningRate], Tag("<grid>")]
    | Annotated[Choice[LearningRate], Tag("<choice>")]
    | Annotated[Uniform, Tag("<uniform>")]
    | Annotated[LogUniform, Tag("<loguniform>")],
    _by_form,
    _only("grid", "choice", "uniform", "loguniform"),
]
