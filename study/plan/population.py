"""Population based training (Jaderberg et al., arXiv:1711.09846): who goes on from whose state, with which values.

Synchronous: when every member has trained to the epoch of an exchange, the worst part of the population takes over the
states and values of members of the best part, and changes the values. Everything is a function of the accuracies, the
values and the seed, so a session that dies makes the same exchange again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from study.contract.axes import AXES
from study.contract.plan import Move
from study.space import Study
from study.space.axes import Form
from study.space.sections import PERTURBABLE, PbtScheduler

# As in Ray Tune's PopulationBasedTraining.
_FACTORS = (0.8, 1.2)
_TRIES = 20  # for values that no other member goes on with from the same state: two would train the same network
Values = Mapping[str, float]


@dataclass(frozen=True)
class Member:
    """A configuration of the population at an exchange.

    Attributes:
        trial_id: names it.
        accuracy: mean validation accuracy over its seeds, in percent.
        values: with which it trained until now, of the axes that members may differ in.
    """

    trial_id: str
    accuracy: float
    values: Values


def moves(members: Sequence[Member], epoch: int, scheduler: PbtScheduler, draw: Mapping[str, Form]) -> list[Move]:
    """What happens at an exchange.

    Args:
        members: all that have trained to this epoch.
        epoch: of the exchange.
        scheduler: its settings.
        draw: by axis, what it is drawn from anew; axes that are not drawn are only multiplied.

    Returns:
        A move for each of the worst part of the population, the worst first.
    """
    count = math.ceil(len(members) * scheduler.quantile_fraction)
    count = min(count, len(members) // 2)
    ranked = sorted(members, key=lambda member: (member.accuracy, member.trial_id))
    found = []
    for place, member in enumerate(ranked[:count]):
        rng = np.random.default_rng([scheduler.seed, epoch, place])
        source = ranked[len(ranked) - count :][int(rng.integers(count))]
        values, tried = _perturbed(source.values, scheduler, draw, rng), 1
        while tried < _TRIES and any((move["source"], move["values"]) == (source.trial_id, values) for move in found):
            values, tried = _perturbed(source.values, scheduler, draw, rng), tried + 1
        found.append(Move(trial_id=member.trial_id, source=source.trial_id, values=values))
    return found


def _perturbed(
    values: Values, scheduler: PbtScheduler, draw: Mapping[str, Form], rng: np.random.Generator
) -> dict[str, float]:
    found = dict(values)
    for axis in scheduler.perturb:
        anew, factor = rng.random() < scheduler.resample_probability, _FACTORS[int(rng.integers(len(_FACTORS)))]
        if anew and axis in draw:
            found[axis] = float(draw[axis].draw(rng))
        else:
            below = AXES[axis].below
            larger = found[axis] * factor
            found[axis] = larger if below is None or larger < below else found[axis] * min(_FACTORS)
    return found


def drawn_axes(study: Study) -> dict[str, Form]:
    """The axes that members may differ in and that a search draws, by name."""
    axes = {axis: study.axes[axis] for axis in PERTURBABLE}
    return {axis: form for axis, form in axes.items() if isinstance(form, Form)}


@dataclass(frozen=True)
class Origin:
    """Where a member stands after an exchange: it went on from this one's state at this epoch."""

    trial_id: str
    epoch: int


def origin_of(trial_id: str, exchanges: Mapping[int, Sequence[Move]], until: int) -> tuple[Origin | None, Values]:
    """Where a member's state comes from, and the values that it has trained with since.

    Args:
        trial_id: of the member.
        exchanges: by epoch.
        until: exchanges after this epoch are not looked at.

    Returns:
        None, and no values, where it has trained by itself from its beginning.
    """
    for epoch in sorted((epoch for epoch in exchanges if epoch <= until), reverse=True):
        for move in exchanges[epoch]:
            if move["trial_id"] == trial_id:
                return Origin(move["source"], epoch), move["values"]
    return None, {}


def boundaries(epochs: int, interval: int) -> list[int]:
    """The epochs to which the whole population trains before any member goes on; the last is the end."""
    return [*range(interval, epochs, interval), epochs]
