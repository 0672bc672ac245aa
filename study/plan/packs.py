"""Which runs train side by side in one process, so that no device idles and none is asked for too much."""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from study.contract.axes import Configuration, Value
from study.plan.planned import PlannedRun, RunKey
from study.space import Resources

# What a core gains from more runs side by side is used up by then, and a lost process loses less.
MOST_ON_A_CPU = 16
# More than fit go on in halves (see study.training); a GPU of today is full well before.
MOST_ON_A_GPU = 128
# A finer split that is not this much faster is not worth the start of more packs.
_WORTHWHILE = 0.9
_FINEST = 8


@dataclass(frozen=True)
class Pack:
    """Runs that one process trains side by side on one device; a trial of Ray Tune.

    Attributes:
        pack_id: names it in plan.jsonl, in records and below trials/; no other pack of the study has it.
        runs: they agree in ``configuration.shape``.
        until: the epoch after which they make way, to go on in another pack; None for their planned epochs.
        values: of axes in which they train otherwise than planned, as members of a population do.
        states: where each of them goes on from, a state file and the place in it; where it is None, whoever hands the
            pack to Ray Tune knows.
    """

    pack_id: str
    runs: tuple[PlannedRun, ...]
    until: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    states: Mapping[RunKey, tuple[FilePath, int]] | None = None


def pack_id(number: int) -> str:
    """The name of the pack with this number, counted over all sessions; no trial_id looks like one."""
    return f"p{number:04d}"


def largest_pack(resources: Resources, *, on_gpu: bool) -> int:
    """How many runs a pack may have, with ``pack: auto`` settled."""
    if resources.pack != "auto":
        return resources.pack
    return MOST_ON_A_GPU if on_gpu else MOST_ON_A_CPU


def cost(configuration: Configuration) -> float:
    """Of an epoch, in that of the network without blocks: a block costs about a fifth of it, a quarter normalised."""
    return 1 + configuration.num_blocks * (0.25 if configuration.batch_norm else 0.2)


def packed(
    runs: Sequence[PlannedRun],
    epochs_left: Mapping[RunKey, int],
    slots: int,
    largest: int,
    *,
    whole: bool = False,
) -> list[tuple[PlannedRun, ...]]:
    """Split runs into packs, the most expensive first.

    Runs that agree in shape share packs of at most ``largest``. They are split further where slots would idle: as
    coarsely as comes within a tenth of the shortest time that any split here promises.

    Args:
        runs: what to train.
        epochs_left: of each run.
        slots: how many packs the devices take at once.
        largest: how many runs a pack may have.
        whole: each explored configuration is a pack of its own, however large, in the order of the plan: a scheduler
            ends packs.
    """
    if whole:
        configurations: dict[str, list[PlannedRun]] = {}
        for run in runs:
            if run.stage == "explore":
                configurations.setdefault(run.trial_id, []).append(run)
        others = [run for run in runs if run.stage != "explore"]
        return [*map(tuple, configurations.values()), *packed(others, epochs_left, slots, largest)]
    if not runs:
        return []

    def price(run: PlannedRun) -> float:
        return epochs_left[run.key] * cost(run.run.configuration)

    groups: dict[tuple[object, ...], list[PlannedRun]] = {}
    for run in sorted(runs, key=lambda run: run.key):
        groups.setdefault((run.stage, *run.run.configuration.shape), []).append(run)
    total = sum(map(price, runs))
    splits = []
    for fineness in range(1, _FINEST + 1):
        target = total / (max(slots, 1) * fineness)
        packs = [pack for group in groups.values() for pack in _cut(group, price, target, largest)]
        packs.sort(key=lambda pack: -sum(map(price, pack)))
        splits.append((makespan([sum(map(price, pack)) for pack in packs], slots), packs))
    shortest = min(time for time, _ in splits)
    return next(packs for time, packs in splits if time * _WORTHWHILE <= shortest)


def _cut(
    group: Sequence[PlannedRun], price: Callable[[PlannedRun], float], target: float, largest: int
) -> list[tuple[PlannedRun, ...]]:
    """Neighbouring runs in pieces of about the target price, so many that none is larger than allowed."""
    prices = [price(run) for run in group]
    # Where the middle of each run lies on the way through the group, from 0 to 1.
    middles = [(sum(prices[:n]) + each / 2) / sum(prices) for n, each in enumerate(prices)]
    for pieces in range(max(1, round(sum(prices) / target)), len(group)):
        parts: dict[int, list[PlannedRun]] = {}
        for run, middle in zip(group, middles, strict=True):
            parts.setdefault(int(middle * pieces), []).append(run)
        if max(map(len, parts.values())) <= largest:
            return [tuple(part) for part in parts.values()]
    return [(run,) for run in group]


def makespan(prices: Iterable[float], slots: int) -> float:
    """How long the packs take when each goes to the slot that is free first."""
    free = [0.0] * max(slots, 1)
    for each in prices:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)
