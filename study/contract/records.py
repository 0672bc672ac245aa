"""A record, ``records/<trial_id>.jsonl``: what it holds, and the one reader of it.

The first line says which configuration the file is of; every further line holds an epoch of one or more of its runs
(those that trained side by side), one value a run and measure. ``study.contract.lines`` says how a line is written.

Format 1 is read as format 2: its header names the seeds of every line, its seconds are those of the whole trial, and a
line that repeats an epoch replaces the earlier one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeGuard

from study.contract.axes import AXES, Configuration, Value
from study.contract.files import READABLE_FORMATS
from study.contract.lines import parse_lines
from study.contract.states import Stage

# The values of a line, one for each of its runs, in the order of its seeds.
MEASURES = ("train_loss", "train_accuracy", "validation_accuracy", "test_accuracy")


class Header(TypedDict):
    """The first line of a record."""

    format: int
    trial_id: str
    stage: Stage
    configuration: dict[str, Value]


class EpochLine(TypedDict):
    """An epoch of the runs of one configuration that trained side by side; every list holds one value a run.

    epoch: 1 for the first. seeds: which runs. iterations: SGD steps of each run so far. seconds: training time of each
    run so far, its share of the wall-clock time of the process that trained it beside others. train_loss: mean over
    the images of the epoch, each at its own step; null where it is not finite. train_accuracy, validation_accuracy,
    test_accuracy: percent of the whole set, in eval mode, after the epoch; validation_accuracy is null where there is
    no such set. diverged: whether the loss has been infinite or not a number in this epoch or before. finished: UTC,
    ISO 8601. host, device, pid, pack: where it was trained, and in which pack. derived_from: the trial_id whose longer
    runs these epochs are the beginning of; absent where they were trained.
    """

    epoch: int
    seeds: list[int]
    iterations: int
    seconds: list[float]
    train_loss: list[float | None]
    train_accuracy: list[float]
    validation_accuracy: list[float] | None
    test_accuracy: list[float]
    diverged: list[bool]
    finished: str
    host: str
    device: str
    pid: int
    pack: NotRequired[str]
    derived_from: NotRequired[str]


@dataclass(frozen=True)
class RunEpoch:
    """An epoch of one run: a column of an ``EpochLine``, with the same meanings."""

    seed: int
    epoch: int
    iterations: int
    seconds: float
    train_loss: float | None
    train_accuracy: float
    validation_accuracy: float | None
    test_accuracy: float
    diverged: bool
    line: EpochLine


@dataclass
class Record:
    """One file of records/.

    Attributes:
        trial_id: names the file and the configuration.
        configuration: what was trained.
        stage: why.
        lines: the epochs in the order of the file.
        seeds: those that the header of a format 1 record names; empty in format 2.
    """

    trial_id: str
    configuration: Configuration
    stage: Stage = "explore"
    lines: list[EpochLine] = field(default_factory=list)
    seeds: tuple[int, ...] = ()

    def runs(self) -> dict[int, dict[int, RunEpoch]]:
        """By seed, then by epoch, both rising; of an epoch that stands twice the last one counts."""
        found: dict[int, dict[int, RunEpoch]] = {}
        for line in self.lines:
            for run in epochs_of(line):
                found.setdefault(run.seed, {})[run.epoch] = run
        return {seed: dict(sorted(found[seed].items())) for seed in sorted(found)}


def epochs_of(line: EpochLine) -> Iterator[RunEpoch]:
    """The runs of a line."""
    validation = line["validation_accuracy"]
    for place, seed in enumerate(line["seeds"]):
        yield RunEpoch(
            seed=seed,
            epoch=line["epoch"],
            iterations=line["iterations"],
            seconds=line["seconds"][place],
            train_loss=line["train_loss"][place],
            train_accuracy=line["train_accuracy"][place],
            validation_accuracy=None if validation is None else validation[place],
            test_accuracy=line["test_accuracy"][place],
            diverged=line["diverged"][place],
            line=line,
        )


def part_of(line: EpochLine, seeds: Collection[int]) -> EpochLine | None:
    """The line with these of its runs alone, in its own order; itself with all of them, None with none."""
    places = [place for place, seed in enumerate(line["seeds"]) if seed in seeds]
    if len(places) == len(line["seeds"]):
        return line
    if not places:
        return None
    parts = {
        name: [values[place] for place in places]
        for name in ("seeds", "seconds", "diverged", *MEASURES)
        if (values := line[name]) is not None  # type: ignore[literal-required]
    }
    return {**line, **parts}  # type: ignore[return-value]


def read_record(path: Path) -> tuple[Record | None, list[str]]:
    """Read one record.

    Returns:
        The record, None where no readable line says of which configuration it is; and the problems met, each with its
        place. What cannot be read is skipped.

    Raises:
        OSError: the file cannot be read.
    """
    name = f"records/{path.name}"
    data = path.read_bytes()
    if not data.strip():
        return None, [f"{name}: empty; nothing was trained yet"]
    parsed, problems = parse_lines(data, name)
    # The first line, unless it was torn: then another one was written further down.
    described = next(((place, content) for place, content in parsed if "configuration" in content), None)
    if described is None:
        return None, [*problems, f"{name}: no readable line says which configuration this is; skipped"]
    record = _header(*described, path.stem, problems)
    if record is not None:
        _add_lines(record, parsed, problems)
    return record, problems


def _header(place: str, content: Mapping[str, Any], stem: str, problems: list[str]) -> Record | None:
    known = content.get("format")
    if known not in READABLE_FORMATS or isinstance(known, bool):
        readable = " and ".join(map(str, READABLE_FORMATS))
        problems.append(f"{place}: format {known!r}, this version reads formats {readable}; skipped")
        return None
    seeds = content.get("seeds", []) if known == 1 else []
    configuration = _configuration(content.get("configuration"))
    stage = content.get("stage", "explore")
    whole = isinstance(seeds, list) and all(_is_int(seed) for seed in seeds) and (known != 1 or seeds)
    if configuration is None or not whole or stage not in ("explore", "confirm") or "trial_id" not in content:
        problems.append(f"{place}: not a whole description of a configuration; its file is skipped")
        return None
    if content["trial_id"] != stem:
        problems.append(f"{place}: is a copy of the record of {content['trial_id']!r} under another name; skipped")
        return None
    return Record(stem, configuration, stage, [], tuple(seeds))


def _configuration(values: Any) -> Configuration | None:
    """The configuration, None where an axis is unknown or has a value of another type."""
    if not isinstance(values, dict) or not values.keys() <= AXES.keys():
        return None
    for name, value in values.items():
        axis = AXES[name]
        fits = _is_number(value) if axis.kind is float else type(value) is axis.kind
        if not fits or (axis.choices and value not in axis.choices):
            return None
    return Configuration.of(values)


def _add_lines(record: Record, lines: Sequence[tuple[str, dict[str, Any]]], problems: list[str]) -> None:
    for place, content in lines:
        if "configuration" in content:
            continue
        if record.seeds and "seeds" not in content:
            content = as_format_2(content, record.seeds)
        if complaint := _complaint(content):
            problems.append(f"{place}: {complaint}; skipped")
        else:
            record.lines.append(_completed(content))


def as_format_2(content: Mapping[str, Any], seeds: Sequence[int]) -> Any:
    """A line of format 1, which its header's seeds complete, as an ``EpochLine``; not checked."""
    seconds = content.get("seconds")
    shares = [seconds / len(seeds)] * len(seeds) if _is_number(seconds) else seconds
    return {**content, "seeds": list(seeds), "seconds": shares}


def _complaint(line: Mapping[str, Any]) -> str | None:
    """What is wrong with a line, None where nothing is."""
    epoch, seeds = line.get("epoch"), line.get("seeds")
    if not _is_int(epoch) or epoch < 1:
        return f"epoch {epoch!r} is not a whole number from 1"
    if not isinstance(seeds, list) or not seeds or not all(_is_int(seed) for seed in seeds):
        return "seeds does not name the runs"
    if not _is_int(line.get("iterations")):
        return "iterations is missing"
    for name in (*MEASURES, "seconds", "diverged"):
        values = line.get(name)
        if values is None and name in ("validation_accuracy", "diverged"):
            continue
        if not isinstance(values, list) or len(values) != len(seeds):
            return f"{name} does not hold one value for each of {len(seeds)} seed{'' if len(seeds) == 1 else 's'}"
        if not all(map(_VALUES[name], values)):
            return f"{name} holds something other than {'true and false' if name == 'diverged' else 'numbers'}"
    return None


def _completed(line: dict[str, Any]) -> EpochLine:
    """A checked line with what may be missing or null in it."""
    defaults = {"finished": "", "host": "unknown host", "device": "unknown device", "pid": 0}
    known = {name: line[name] if isinstance(line.get(name), type(value)) else value for name, value in defaults.items()}
    diverged = line.get("diverged") or [False] * len(line["seeds"])
    return {**line, **known, "diverged": diverged, "validation_accuracy": line.get("validation_accuracy")}  # type: ignore[return-value]


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


_VALUES: dict[str, Callable[[object], bool]] = dict.fromkeys((*MEASURES, "seconds"), _is_number) | {
    "train_loss": lambda value: value is None or _is_number(value),
    "diverged": lambda value: isinstance(value, bool),
}
