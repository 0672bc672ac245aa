"""Configurations and numbers of things in words, for the terminal."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from rich.console import Console

from study.contract.axes import AXES, Configuration, number

Verbosity = Literal["quiet", "normal", "verbose"]

# Said of every configuration; the other axes only where they differ from the notebook's recipe.
_ALWAYS = ("batch_norm", "lr", "epochs")


def say(console: Console, text: str) -> None:
    """Print a line as it is: no markup, no colours, no wrapping, so that it can be copied and searched for."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def cause(error: OSError, folder: Path) -> str:
    """What the system says, and of which file; of a folder where the error does not tell."""
    return f"{os.strerror(error.errno) if error.errno else error}: {error.filename or folder}"


def counted(count: float, thing: str) -> str:
    """So many of a thing: 1 run, 2 runs, 0.5 GPUs."""
    shown = f"{count:g}" if isinstance(count, float) else f"{count:,}"
    return f"{shown} {thing}{'' if count == 1 else 's'}"


def describe(configuration: Configuration, digits: Mapping[str, int | None] | None = None) -> str:
    """A configuration in a few words; of some axes with so many digits alone, of the others with all of them."""
    blocks = f"{configuration.num_blocks} {configuration.block} block{'' if configuration.num_blocks == 1 else 's'}"
    others = [
        axis.phrase(value, digits.get(name) if digits else None)
        for name, axis in AXES.items()
        if name not in ("block", "num_blocks")
        and ((value := getattr(configuration, name)) != axis.default or name in _ALWAYS)
    ]
    return ", ".join([blocks, *others])


def distinguish(configuration: Configuration, axes: Mapping[str, int | None]) -> str:
    """What tells a configuration from others that differ in these axes: their values; all of it where none does.

    Args:
        configuration: to describe.
        axes: with the digits that tell their values apart.
    """
    said = [AXES[axis].phrase(getattr(configuration, axis), digits) for axis, digits in axes.items()]
    return ", ".join(said) or describe(configuration)


def duration(seconds: float) -> str:
    """A time in the two largest units that matter: 40 s, 4 min, 2 h 10 min, 3 days 4 h."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(minutes / 60)
    return f"{hours // 24} days {hours % 24} h" if hours % 24 else f"{hours // 24} days"


def byte_size(count: float) -> str:
    """So many bytes with their unit, of 1,024 each step: 820 KiB, 6.2 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def as_yaml(value: object) -> str:
    """A setting as a space file has it, in a line: true, [0, 1], {grid: [25, 51]}."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {as_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    return number(value) if isinstance(value, float) else str(value)


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in rising order, runs of neighbours as one: ``0-4, 7``."""
    parts: list[list[int]] = []
    for each in sorted(numbers):
        if parts and each == parts[-1][-1] + 1:
            parts[-1].append(each)
        else:
            parts.append([each])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def seeds_in_words(seeds: Iterable[int]) -> str:
    """Seeds by their numbers: ``seed 3``, ``seeds 0-4, 7``."""
    numbers = list(seeds)
    return f"seed{'' if len(numbers) == 1 else 's'} {ranges(numbers)}"


def nothing_to_train(runs: int) -> str:
    """What a study says of itself when none of its runs is left."""
    return f"nothing to train, all {counted(runs, 'run')} have ended"
