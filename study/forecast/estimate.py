"""What a study will take, from what its shapes were measured to cost: time, device-hours, disk."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.contract.axes import Configuration
from study.forecast.measuring import Measured
from study.plan.packs import Pack, cost, makespan
from study.plan.planned import RunKey

# Seconds, the least and the most: of starting Ray and of the report at the end; of starting a pack's process; of
# an epoch of a pack besides its training, for its report, record and checkpoint.
START_AND_END = (10.0, 25.0)
PACK = (0.5, 3.0)
EPOCH_OF_PACK = (0.03, 0.08)
# Packs side by side share a machine's memory and cache: each is slower than alone by up to this.
BESIDE_OTHERS = 1.25
# Bytes: of a run and epoch in records, curves and a checkpoint's rows; of a pack and epoch in Ray's own files; of a
# report.
ROW = 900
ROW_OF_PACK = 2_200
REPORT = 6_000_000


@dataclass(frozen=True)
class Range:
    """The least and the most."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The geometric mean: as many times the least as the most is of it."""
        return math.sqrt(self.low * self.high)


@dataclass(frozen=True)
class Estimate:
    """What a study takes.

    Attributes:
        seconds: from its start to the end of its report.
        busy: seconds of all packs together, each on the devices of a pack.
        model_epoch: seconds of one, of the cheapest and of the most expensive shape.
        disk: bytes.
    """

    seconds: Range
    busy: Range
    model_epoch: Range
    disk: int


def estimate(
    packs: Sequence[Pack], epochs_left: Mapping[RunKey, int], measured: Sequence[Measured], slots: int, keep: int
) -> Estimate:
    """Put together what the packs take, each when a slot is free.

    Args:
        packs: in the order in which they begin.
        epochs_left: of each run.
        measured: one shape or more; those between are interpolated by ``study.plan.packs.cost``.
        slots: how many packs train at once.
        keep: checkpoints that stay of a pack.
    """
    crowded = BESIDE_OTHERS if min(slots, len(packs)) > 1 else 1.0
    low = [_seconds(pack, epochs_left, measured, 0) for pack in packs]
    high = [_seconds(pack, epochs_left, measured, 1, crowded) for pack in packs]
    each = [of(one, measured) for one in {run.run.configuration for pack in packs for run in pack.runs}]
    return Estimate(
        seconds=Range(START_AND_END[0] + makespan(low, slots), START_AND_END[1] + makespan(high, slots)),
        busy=Range(sum(low), sum(high)),
        model_epoch=Range(min(one.fastest for one in each), max(one.median for one in each)),
        disk=REPORT + sum(_bytes(pack, epochs_left, measured, keep) for pack in packs),
    )


def of(configuration: Configuration, measured: Sequence[Measured]) -> Measured:
    """What a run of a configuration costs, from the measured shapes next to it.

    An epoch grows linearly with the number of blocks (docs/performance.md): on the line between two shapes, beyond
    them in proportion.
    """
    price = cost(configuration)
    points = sorted(measured, key=lambda each: cost(each.configuration))
    below = [each for each in points if cost(each.configuration) <= price]
    above = [each for each in points if cost(each.configuration) >= price]
    near = below[-1] if below else above[0]
    far = above[0] if above else near
    a, b = cost(near.configuration), cost(far.configuration)
    if a == b:
        return Measured(
            configuration, near.fastest * price / a, near.median * price / a, round(near.state_bytes * price / a)
        )
    share = (price - a) / (b - a)
    return Measured(
        configuration,
        near.fastest + share * (far.fastest - near.fastest),
        near.median + share * (far.median - near.median),
        round(near.state_bytes + share * (far.state_bytes - near.state_bytes)),
    )


def _seconds(
    pack: Pack, epochs_left: Mapping[RunKey, int], measured: Sequence[Measured], end: int, factor: float = 1.0
) -> float:
    """Of a pack: its start, its epochs and the training of its runs, by the low or the high end."""
    training = 0.0
    for run in pack.runs:
        costs = of(run.run.configuration, measured)
        training += epochs_left[run.key] * (costs.fastest, costs.median)[end]
    return PACK[end] + _epochs(pack, epochs_left) * EPOCH_OF_PACK[end] + factor * training


def _bytes(pack: Pack, epochs_left: Mapping[RunKey, int], measured: Sequence[Measured], keep: int) -> int:
    states = keep * sum(of(run.run.configuration, measured).state_bytes for run in pack.runs)
    rows = sum(epochs_left[run.key] for run in pack.runs)
    return states + ROW * rows + ROW_OF_PACK * _epochs(pack, epochs_left)


def _epochs(pack: Pack, epochs_left: Mapping[RunKey, int]) -> int:
    return max(epochs_left[run.key] for run in pack.runs)
