"""The types of an axis in a space file, made from its row in the table of axes: its value, and the forms it takes."""

from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, ConfigDict, Discriminator, Field, GetPydanticSchema, Tag
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from study.contract.axes import AXES, Axis, Value
from study.space.axes import Choice, Form, Grid, LogUniform, RandInt, Uniform

_FORMS: dict[type, tuple[Any, ...]] = {
    str: (Grid, Choice),
    bool: (Grid, Choice),
    int: (Grid, Choice, RandInt),
    float: (Grid, Choice, Uniform, LogUniform),
}


def limits(axis: Axis) -> Any:
    """The bounds of a numeric axis, as pydantic has them."""
    return Field(ge=axis.minimum, gt=axis.above, lt=axis.below, le=axis.maximum)


def value_type(axis: Axis) -> Any:
    """The type of one value of the axis."""
    if axis.choices:
        return Literal[axis.choices]
    return Annotated[axis.kind, limits(axis)] if axis.numeric else axis.kind


def axis_type(axis: Axis) -> Any:
    """The type of the axis in a space: a value, or one of the forms that values of its kind can have."""
    value, forms = value_type(axis), _FORMS[axis.kind]
    possible = [Annotated[value, Tag("<value>")], *(Annotated[form[value], Tag(f"<{form.kind}>")] for form in forms)]
    return Annotated[Union[tuple(possible)], Discriminator(_tag), _only(*forms)]  # noqa: UP007  (made from a list)


def _only(*forms: type[Form]) -> BeforeValidator:
    """Refuse what is neither a value nor one of these forms, so that a slip is one message, not one for each form."""
    possible = f"a value, {', '.join(form.layout for form in forms)}"
    kinds = [form.kind for form in forms]

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
        return f"<{given.kind}>"
    return f"<{next(iter(given))}>" if isinstance(given, dict) else "<value>"


def _checked_as(described: Any) -> GetPydanticSchema:
    """Check a value as this type, which is made while the program runs and therefore unknown to a type checker."""
    return GetPydanticSchema(lambda _, schema_of: schema_of(described))


_values: dict[str, Any] = {
    axis.name: Annotated[value_type(axis), Field(description=axis.explanation)] for axis in AXES.values()
}
_Partial: Any = TypedDict("PartialConfiguration", _values, total=False)  # pyright: ignore  (made from the table)
_Partial.__doc__ = "A value for some of the axes."
_Partial.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

AxisName = Annotated[str, _checked_as(Literal[tuple(AXES)])]
PartialConfiguration = Annotated[dict[str, Value], _checked_as(_Partial)]
