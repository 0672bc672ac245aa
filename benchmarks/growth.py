"""How the time of a model-epoch grows with blocks and replicas: one process, on a CPU one thread."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.cases import Case, Network
from benchmarks.processes import say_what_runs
from benchmarks.shared_images import model_epochs, open_images
from benchmarks.tables import markdown, with_extremes
from benchmarks.throughput_cases import Images
from benchmarks.worker import seconds_of_epoch, warm_training

BLOCKS, QUICK_BLOCKS = (1, 2, 5, 10, 20, 50), (1, 5, 50)
REPLICAS, QUICK_REPLICAS = (1, 2, 4, 8, 16, 32, 64), (1, 4, 16)


def run(network: Network, images: Images, repetitions: int, quick: bool) -> tuple[str, dict[str, Any], bool]:
    """Measure every size, all of them in turn and repeated.

    Returns:
        The tables, the values behind them, and True.
    """
    blocks, replicas = (QUICK_BLOCKS, QUICK_REPLICAS) if quick else (BLOCKS, REPLICAS)
    tables, values = [], {}
    for name, sizes in (("num_blocks", blocks), ("replicas", replicas)):
        series = {norm: _cases(network, name, sizes, norm) for norm in (False, True)}
        seconds = measure_all([case for cases in series.values() for case in cases], images, repetitions)
        for norm, cases in series.items():
            rows = growth_rows(sizes, [seconds[case] for case in cases])
            values[f"{name}, {'with' if norm else 'without'} batch norm"] = rows
            tables.append(_table(name, norm, rows))
    return "\n\n".join(tables), {"growth": values}, True


def measure_all(cases: Sequence[Case], images: Images, repetitions: int) -> dict[Case, list[float]]:
    """Seconds of an epoch of all replicas of each case, scaled to whole epochs."""
    torch.set_num_threads(1)
    data = open_images(images.folder)
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    for number in range(repetitions):
        for case in cases:
            say_what_runs(f"{number + 1}/{repetitions} {case.name}")
            seconds[case].append(seconds_of_epoch(warm_training(case, data)) / model_epochs(data))
    say_what_runs("")
    return seconds


def growth_rows(sizes: Sequence[int], seconds: Sequence[list[float]]) -> list[dict[str, Any]]:
    """What each size costs, in all, each, and for each one more than the size before.

    ``relative`` is the cost of each relative to that at the smallest size: growth is linear or better where it stays
    at 1 or falls. What a network costs besides its blocks makes it fall; ``added`` is free of that.
    """
    medians = [statistics.median(each) for each in seconds]
    smallest = medians[0] / sizes[0]
    rows: list[dict[str, Any]] = []
    for k, (size, median) in enumerate(zip(sizes, medians, strict=True)):
        added = (median - medians[k - 1]) / (size - sizes[k - 1]) if k else None
        rows.append(
            {
                "size": size,
                "seconds": seconds[k],
                "each": median / size,
                "relative": median / size / smallest,
                "added": added,
            }
        )
    return rows


def _cases(network: Network, name: str, sizes: Sequence[int], batch_norm: bool) -> list[Case]:
    plain = Case("", "study", **dataclasses.asdict(network))

    def case(size: int) -> Case:
        changes: dict[str, Any] = {name: size, "batch_norm": batch_norm}
        return dataclasses.replace(plain, name=f"{size} {name}, batch norm {batch_norm}", **changes)

    return [case(size) for size in sizes]


def _table(name: str, batch_norm: bool, rows: Sequence[dict[str, Any]]) -> str:
    one = {"num_blocks": "block", "replicas": "replica"}[name]
    headings = (f"{one}s", "s an epoch", f"s a {one}", "relative to the smallest", f"s for each {one} added")
    lines = [
        [
            str(row["size"]),
            with_extremes(row["seconds"], 3),
            f"{row['each']:.3f}",
            f"{row['relative']:.2f}",
            "" if row["added"] is None else f"{row['added']:.3f}",
        ]
        for row in rows
    ]
    return f"{one}s, {'with' if batch_norm else 'without'} batch norm\n\n{markdown(headings, lines)}"
