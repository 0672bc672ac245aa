"""The images of a benchmark: loaded once, cut to a share, and laid where all its processes map the same pages."""

import dataclasses
from pathlib import Path

import numpy as np

from study.data import DataError, ImageData, load
from study.data.arrays import IMAGE_SHAPE

TRAIN, TEST = 50_000, 10_000  # what a model-epoch counts, whatever the data set holds
_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
# The smallest cut in the proportions of CIFAR-10 that fills its batches of 128.
_UNIT_TRAIN, _UNIT_TEST = 640, 128


def load_images(data: str, data_dir: Path, share: float) -> ImageData:
    """The images to measure on.

    Args:
        data: 'synthetic', or as for ``study.data.load``.
        data_dir: likewise.
        share: of CIFAR-10's numbers of images, at most 1.

    Raises:
        DataError: they cannot be had, or are too few.
    """
    images = synthetic() if data == "synthetic" else load(data, data_dir)
    return images if share == 1 and sizes(images) == (TRAIN, TEST) else cut(images, share)


def synthetic(seed: int = 0) -> ImageData:
    """Random bytes in the shapes of CIFAR-10: they cost what images cost, and nothing can be learned from them."""
    rng = np.random.default_rng(seed)

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        images = rng.integers(0, 256, size=(count, *IMAGE_SHAPE), dtype=np.uint8)
        return images, rng.integers(0, 10, size=count)

    classes = tuple(f"class {k}" for k in range(10))
    return ImageData.without_validation("synthetic (random bytes)", classes, split(TRAIN), split(TEST))


def cut(data: ImageData, share: float) -> ImageData:
    """A random part with five training images for each test image and no partial batch.

    In these proportions the training steps and the accuracies are to be scaled by the same factor.

    Raises:
        DataError: there are not enough images for the smallest part.
    """
    train, test = sizes(data)
    units = min(max(1, round(share * TRAIN / _UNIT_TRAIN)), train // _UNIT_TRAIN, test // _UNIT_TEST)
    if units == 0:
        raise DataError(f"{data.name}: {train} training and {test} test images are too few to measure on")
    rng = np.random.default_rng(0)
    some = rng.permutation(train)[: units * _UNIT_TRAIN]
    others = rng.permutation(test)[: units * _UNIT_TEST]
    return dataclasses.replace(
        data,
        train_images=data.train_images[some],
        train_labels=data.train_labels[some],
        test_images=data.test_images[others],
        test_labels=data.test_labels[others],
    )


def sizes(data: ImageData) -> tuple[int, int]:
    """Numbers of training and test images."""
    return len(data.train_labels), len(data.test_labels)


def model_epochs(data: ImageData) -> float:
    """What part of a model-epoch one run's epoch on these images is."""
    return len(data.train_labels) / TRAIN


def lay_out(data: ImageData, folder: Path) -> None:
    """Write the arrays as files that ``open_images`` maps."""
    for name in _ARRAYS:
        np.save(folder / f"{name}.npy", getattr(data, name))
    np.save(folder / "names.npy", np.array([data.name, data.fingerprint, *data.classes]))


def open_images(folder: Path, *, mapped: bool = True) -> ImageData:
    """The images of ``lay_out``; ``mapped``, all processes share one copy, in the system's page cache."""
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r" if mapped else None) for name in _ARRAYS}
    name, fingerprint, *classes = np.load(folder / "names.npy").tolist()
    for array in arrays.values():
        array.max()  # touches every page, so that no measurement pays for the first touch
    return ImageData(
        name=name,
        classes=tuple(classes),
        fingerprint=fingerprint,
        validation_images=np.empty((0, *IMAGE_SHAPE), np.uint8),
        validation_labels=np.empty(0, np.int64),
        **arrays,
    )
