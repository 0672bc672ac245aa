"""The axes that a search draws, as Optuna's distributions."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from study.contract.axes import Configuration, Value
from study.space import Study
from study.space.axes import Choice, Form, LogUniform, RandInt, Uniform


def distributions(study: Study) -> dict[str, BaseDistribution]:
    """By axis, those that are drawn. Numbers in a choice stay a choice: nothing says that their distances mean much."""
    return {axis: _distribution(form) for axis, form in study.space.axes.items() if isinstance(form, Form)}


def _distribution(form: Form) -> BaseDistribution:
    if isinstance(form, Choice):
        return CategoricalDistribution(form.values)
    if isinstance(form, RandInt):
        return IntDistribution(form.values[0], form.values[-1])
    assert isinstance(form, Uniform | LogUniform)
    low, high = form.bounds
    return FloatDistribution(low, high, log=isinstance(form, LogUniform))


def configuration_of(study: Study, drawn: Mapping[str, Any]) -> Configuration:
    """What was drawn, completed by the axes that are fixed; of equal networks the plainest."""
    fixed: dict[str, Value] = {axis: form for axis, form in study.space.axes.items() if not isinstance(form, Form)}
    return Configuration.of(fixed | dict(drawn)).canonical()


def parameters_of(study: Study, configuration: Configuration) -> dict[str, Any]:
    """The values of the axes that are drawn; of a network without blocks one of those that change nothing."""
    values = configuration.as_dict()
    forms = {axis: form for axis, form in study.space.axes.items() if isinstance(form, Form)}
    return {
        axis: form.values[0] if isinstance(form, Choice) and not form.takes(values[axis]) else values[axis]
        for axis, form in forms.items()
    }
