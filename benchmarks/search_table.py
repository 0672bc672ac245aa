"""The table that ``benchmarks.search`` replays: real configurations, each trained to its end with several seeds.

    python -m benchmarks.search_table [--out FILE.parquet]

192 configurations x 4 seeds x 9 epochs on the embedded digits, 200 training images held out: 6,912 model-epochs in two
processes of one thread each.
"""

import argparse
import itertools
import math
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch

from benchmarks.processes import say_what_runs
from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import ImageData, load
from study.plan.packs import cost
from study.training.loop import train

EPOCHS = 9
SEEDS = (0, 1, 2, 3)
VALIDATION = 200  # images
BLOCKS = ("residual", "conv")
NUMBERS_OF_BLOCKS = (1, 2, 3, 5)
LEARNING_RATES = tuple(float(f"{lr:.2g}") for lr in np.geomspace(0.003, 1.0, 12))
FILE = Path(__file__).parent / "data" / "search_table.parquet"
_PROCESSES = 2
_AXES = ("block", "num_blocks", "batch_norm", "lr")
_MEASURES = ("validation_accuracy", "test_accuracy", "diverged")


@dataclass(frozen=True, eq=False)
class Table:
    """What every configuration reached, after every epoch with every seed.

    Attributes:
        configurations: all with the same number of epochs.
        seeds: of each of them.
        validation: accuracy in percent, shape (configurations, seeds, epochs); likewise test.
        diverged: whether the loss has left the numbers by then, same shape.
    """

    configurations: tuple[Configuration, ...]
    seeds: tuple[int, ...]
    validation: np.ndarray
    test: np.ndarray
    diverged: np.ndarray

    @property
    def epochs(self) -> int:
        """Of every run."""
        return self.validation.shape[2]

    def place_of(self, configuration: Configuration) -> int:
        """Of the configuration that is this one or, by the ratio of the learning rates, the nearest to it.

        Raises:
            ValueError: none has its block, number of blocks and batch norm.
        """
        near = self._by_shape.get(configuration.shape, [])
        return min(near, key=lambda k: abs(math.log(self.configurations[k].lr / configuration.lr)))

    @cached_property
    def _by_shape(self) -> dict[tuple[object, ...], list[int]]:
        """The places of the configurations that are one network."""
        found: dict[tuple[object, ...], list[int]] = {}
        for place, each in enumerate(self.configurations):
            found.setdefault(each.shape, []).append(place)
        return found

    def reordered(self, order: Sequence[int]) -> "Table":
        """The same with the seeds in another order, their places given; they keep no names."""
        places = list(order)
        measures = (each[:, places] for each in (self.validation, self.test, self.diverged))
        return Table(self.configurations, self.seeds, *measures)

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """The table of rows of configuration, seed and epoch, in any order.

        Raises:
            ValueError: a configuration lacks an epoch of a seed, or has it twice.
        """
        rows = rows.sort_values([*_AXES, "seed", "epoch"])
        seeds, epochs = sorted(set(rows["seed"])), int(rows["epoch"].max())
        axes = rows[list(_AXES)].drop_duplicates()
        shape = (len(axes), len(seeds), epochs)
        if len(rows) != math.prod(shape) or rows.duplicated([*_AXES, "seed", "epoch"]).any():
            raise ValueError(f"not every configuration has {len(seeds)} seeds of {epochs} epochs, each once")
        configurations = tuple(
            Configuration.of({**dict(zip(_AXES, values, strict=True)), "epochs": epochs})
            for values in axes.itertuples(index=False, name=None)
        )
        return cls(
            configurations, tuple(map(int, seeds)), *(rows[name].to_numpy().reshape(shape) for name in _MEASURES)
        )


def read_table(file: Path = FILE) -> Table:
    """The table in a file of ``train_table``."""
    return Table.of(pd.read_parquet(file))


def all_configurations() -> list[Configuration]:
    """Every combination of the axes."""
    return [
        Configuration(block=block, num_blocks=number, batch_norm=norm, lr=lr, epochs=EPOCHS)
        for block, number, norm, lr in itertools.product(BLOCKS, NUMBERS_OF_BLOCKS, (False, True), LEARNING_RATES)
    ]


def train_table(configurations: Sequence[Configuration], seeds: Sequence[int], processes: int) -> pd.DataFrame:
    """Train every configuration with every seed on the digits, those of one shape and seed side by side.

    Returns:
        A row for each configuration, seed and epoch.
    """
    groups: dict[tuple[object, ...], list[Run]] = {}
    for configuration, seed in itertools.product(configurations, seeds):
        groups.setdefault((configuration.shape, seed), []).append(Run(configuration, seed))
    packs = sorted(groups.values(), key=lambda runs: -math.fsum(cost(run.configuration) for run in runs))
    spawn = multiprocessing.get_context("spawn")
    rows: list[pd.DataFrame] = []
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for found in pool.map(train_pack, packs):
            rows.append(found)
            say_what_runs(f"{len(rows)} of {len(packs)} packs")
    say_what_runs("")
    return pd.concat(rows, ignore_index=True)


def train_pack(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of runs that train side by side in this process."""
    rows = [
        {axis: getattr(runs[result.run].configuration, axis) for axis in _AXES}
        | {"seed": runs[result.run].seed, "epoch": result.epoch}
        | {name: getattr(result, name) for name in _MEASURES}
        for results in train(runs, _digits())
        for result in results
    ]
    small = {"num_blocks": "int8", "seed": "int8", "epoch": "int8"} | dict.fromkeys(_MEASURES[:2], "float32")
    return pd.DataFrame(rows).astype(small)


@cache
def _digits() -> ImageData:
    return load("digits", Path(), validation=VALIDATION)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search_table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=FILE, metavar="FILE.parquet", help="default: benchmarks/data")
    out: Path = parser.parse_args().out
    start = time.perf_counter()
    rows = train_table(all_configurations(), SEEDS, _PROCESSES)
    rows.to_parquet(out, index=False, compression="zstd")
    print(f"{len(rows):,} model-epochs in {time.perf_counter() - start:.0f} s, {out.stat().st_size:,} bytes: {out}")


if __name__ == "__main__":
    main()
