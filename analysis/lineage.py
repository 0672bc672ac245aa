"""Population based training: whose state each member went on from, and the values that its network was trained with."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.axes import FACTORS, Labels
from study.contract.plan import Move

Exchanges = Mapping[int, Sequence[Move]]


@dataclass(frozen=True)
class Stretch:
    """Epochs that a member trained with the same values.

    start, end: after which epoch it begins, and its last one. source: the member whose state it went on from; None
    where it went on from nobody's. values: by axis.
    """

    trial_id: str
    start: int
    end: int
    source: str | None
    values: Mapping[str, float]


def stretches(trial_id: str, settings: Mapping[str, Any], exchanges: Exchanges, end: int) -> list[Stretch]:
    """Return what a member trained, in order.

    settings: its configuration, with the values that it began with. end: its last epoch.
    """
    source, values, start = None, {axis: settings[axis] for axis in changing(exchanges)}, 0
    found = []
    for epoch, move in _moves_of(trial_id, exchanges):
        if epoch < end:
            found.append(Stretch(trial_id, start, epoch, source, values))
            source, values, start = move["source"], {**values, **move["values"]}, epoch
    return [*found, Stretch(trial_id, start, end, source, values)]


def path(trial_id: str, members: Mapping[str, Sequence[Stretch]]) -> list[Stretch]:
    """Return the stretches in which a member's network was trained, from the first epoch on, whoever trained it.

    members: the stretches of each. Where the epochs that a member went on from are missing, the way begins there.
    """
    last = members[trial_id][-1]
    found = [last]
    while last.source is not None:
        theirs = members.get(last.source, ())
        before = next((each for each in theirs if each.start < last.start <= each.end), None)
        if before is None:
            break
        last = replace(before, end=last.start)
        found.insert(0, last)
    return found


def changing(exchanges: Exchanges) -> list[str]:
    """Return the axes whose values move with the members."""
    named = {axis for moves in exchanges.values() for move in moves for axis in move["values"]}
    return [axis for axis in FACTORS if axis in named]


def perturbed(members: Mapping[str, Sequence[Stretch]]) -> list[str]:
    """Return those of the moving axes that do not have the same value everywhere."""
    every = [each.values for stretches in members.values() for each in stretches]
    return [axis for axis in (every[0] if every else ()) if len({values[axis] for values in every}) > 1]


def scheduled(axis: str, stretches: Sequence[Stretch], labels: Labels) -> str:
    """Return the values of an axis along a path in words: 'lr 0.05 → 0.06 from epoch 6'."""
    text = labels.phrase(axis, stretches[0].values[axis])
    for before, after in itertools.pairwise(stretches):
        if after.values[axis] != before.values[axis]:
            text += f" → {labels.text(axis, after.values[axis])} from epoch {after.start + 1}"
    return text


def _moves_of(trial_id: str, exchanges: Exchanges) -> Iterator[tuple[int, Move]]:
    for epoch in sorted(exchanges):
        for move in exchanges[epoch]:
            if move["trial_id"] == trial_id:
                yield epoch, move
