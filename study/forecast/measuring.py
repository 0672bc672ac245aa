"""How long an epoch takes on this machine and how large its state is, by training on a part of as many images."""

import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import ImageData
from study.data.arrays import IMAGE_SHAPE
from study.data.sizes import Sizes
from study.plan.packs import cost
from study.training.loop import Training

SECONDS = 1.5  # of measuring a shape, and at least two epochs of the part
MOST_IMAGES = 2_560
MOST_WORK = 40_000  # images times the cost of one, so that deep networks are measured on fewer
MOST_SIDE_BY_SIDE = 4  # on a CPU, whose cores gain nothing from more


@dataclass(frozen=True)
class Measured:
    """What a run of a shape costs.

    Attributes:
        configuration: that was measured.
        fastest: seconds of a model-epoch, accuracies included, by the fastest of the epochs.
        median: by their median, which holds what else the machine was doing.
        state_bytes: of a run in a checkpoint.
    """

    configuration: Configuration
    fastest: float
    median: float
    state_bytes: int


def measure(configuration: Configuration, runs: int, sizes: Sizes, precision: str, device: str) -> Measured:
    """Train runs of a configuration for a moment on random images, in this process.

    What a step costs does not depend on what the images show, so none need be there.

    Args:
        configuration: of all runs; its number of epochs does not matter.
        runs: side by side, as in a pack; fewer are measured on a CPU.
        sizes: of the data set.
        precision: see ``Training``.
        device: a torch device.
    """
    count = runs if device != "cpu" else min(runs, MOST_SIDE_BY_SIDE)
    # Epochs without end: only some of the first are trained. A small rate, as the runs must not diverge on noise.
    endless = replace(configuration, epochs=1_000_000, lr=1e-4)
    part = _part(endless, count, sizes)
    images = _random_images(sizes, part)
    training = Training([Run(endless, seed) for seed in range(count)], images, device=device, precision=precision)
    training.run_epoch()  # compiles, captures, warms up
    seconds: list[float] = []
    while len(seconds) < 2 or (sum(seconds) < SECONDS and len(seconds) < 50):
        start = time.perf_counter()
        training.run_epoch()
        seconds.append(time.perf_counter() - start)
    whole = (sizes.train + sizes.validation + sizes.test) / (
        len(images.train_images) + len(images.validation_images) + len(images.test_images)
    )
    return Measured(
        configuration,
        fastest=min(seconds) * whole / count,
        median=statistics.median(seconds) * whole / count,
        state_bytes=_bytes_of(training) // count,
    )


def _part(configuration: Configuration, count: int, sizes: Sizes) -> float:
    """Which part of the data set to train on: some batches at least."""
    most = min(MOST_IMAGES, int(MOST_WORK / (cost(configuration) * count)))
    return min(1.0, max(most, 2 * configuration.batch_size) / sizes.train)


def _random_images(sizes: Sizes, part: float) -> ImageData:
    rng = np.random.default_rng(0)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        few = round(count * part) or min(1, count)
        pixels = rng.integers(0, 256, (few, *IMAGE_SHAPE), np.uint8)
        return pixels, rng.integers(0, sizes.classes, few, np.int64)

    splits: Sequence[np.ndarray] = [*draw(sizes.train), *draw(sizes.validation), *draw(sizes.test)]
    classes = tuple(str(number) for number in range(sizes.classes))
    return ImageData("random", classes, "", *splits)


def _bytes_of(training: Training) -> int:
    stream = io.BytesIO()
    torch.save(training.state_dict(), stream)
    return stream.tell()
