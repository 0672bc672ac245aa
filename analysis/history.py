"""What plan.jsonl tells of a study: how often it has been looked at, with which seeds, and a population's exchanges.

A study with a fixed number of seeds, or a search, is looked at once, when all has run. Seeds that `--extend` adds make
another look that was not planned. A study with `seeds: {start, most}` writes a line for every look; see
`analysis.looking`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.contract.lines import parse_lines
from study.contract.plan import JUDGED_BY, LookLine, Move


@dataclass(frozen=True)
class Declared:
    """The question as it was before somebody changed it.

    compare: by the keys of JUDGED_BY. begun: how many runs had an epoch when it was changed.
    """

    compare: Mapping[str, Any]
    begun: int


@dataclass(frozen=True)
class History:
    """The looks at a study, and the exchanges of its population.

    seeds: of each trial_id, all that were asked for, in the plan's order. looks: for each look how many of
    these had been asked for by then. planned: looks that the study was planned with. path: seeds of a condition of one
    comparison at each planned look, empty for a fixed number. taken: lines of planned looks in the file. exchanges: by
    epoch, the moves of population based training. declared: what was asked until somebody changed it although results
    were there; None where nobody did.
    """

    seeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    looks: tuple[Mapping[str, int], ...] = ()
    planned: int = 1
    path: tuple[int, ...] = ()
    taken: tuple[LookLine, ...] = ()
    exchanges: Mapping[int, tuple[Move, ...]] = field(default_factory=dict)
    declared: Declared | None = None


def read_history(path: Path) -> History:
    """Return the looks that a plan.jsonl tells of; none where there is no such file. Damaged lines are passed over."""
    try:
        lines, _ = parse_lines(path.read_bytes(), path.name)
    except OSError:
        return History()
    return history_of(event for _, event in lines)


def history_of(events: Iterable[Mapping[str, Any]]) -> History:
    """Return the looks that the lines of a plan tell of."""
    seeds: dict[str, tuple[int, ...]] = {}
    phases: list[dict[str, int]] = []
    taken: list[LookLine] = []
    exchanges: dict[int, tuple[Move, ...]] = {}
    declared: Declared | None = None
    trained = True  # whether packs were formed since the last seeds were asked for
    for event in events:
        try:
            if event["event"] == "pack":
                trained = True
            elif event["event"] == "runs":
                name = str(event["trial_id"])
                had = seeds.get(name, ())
                seeds[name] = (*had, *(seed for seed in map(int, event["seeds"]) if seed not in had))
                # A search asks for one configuration after another, and nobody judges them meanwhile.
                if trained and not (phases and event.get("reason") == "search"):
                    phases.append({})
                trained = False
                phases[-1] = {trial: len(asked) for trial, asked in seeds.items()}
            elif event["event"] == "look":
                taken.append(_look(event))
            elif event["event"] == "question":
                compare = {key: event["before"].get(key) for key in JUDGED_BY}
                declared = declared or Declared(compare, int(event["begun"]))
            elif event["event"] == "exchange":
                exchanges[int(event["epoch"])] = tuple(map(_move, event["moves"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
    if taken:
        looks = tuple(look["seeds"] for look in taken)
        return History(seeds, looks, taken[0]["of"], tuple(taken[-1]["path"]), tuple(taken), declared=declared)
    return History(seeds, tuple(phases), exchanges=exchanges, declared=declared)


def _look(event: Mapping[str, Any]) -> LookLine:
    return LookLine(
        event="look",
        time=str(event["time"]),
        look=int(event["look"]),
        of=int(event["of"]),
        path=[int(n) for n in event["path"]],
        seeds={str(name): int(n) for name, n in event["seeds"].items()},
    )


def _move(event: Mapping[str, Any]) -> Move:
    values = {str(axis): float(value) for axis, value in event["values"].items()}
    return Move(trial_id=str(event["trial_id"]), source=str(event["source"]), values=values)
