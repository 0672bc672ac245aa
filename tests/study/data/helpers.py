"""Small real data: random pixels, folders of images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from study.data.arrays import ImageData


def random_pixels(count: int, seed: int = 0, size: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


def write_folder(
    folder: Path, classes: Mapping[str, int], *, test: int = 1, suffix: str = "png", seed: int = 0
) -> Path:
    """FOLDER/train/<class>/<number>.png with so many images a class, and ``test`` images each."""
    for split, counts in (("train", classes), ("test", dict.fromkeys(classes, test))):
        for name, count in counts.items():
            (folder / split / name).mkdir(parents=True)
            for number, pixels in enumerate(random_pixels(count, seed)):
                file = folder / split / name / f"{number:04d}.{suffix}"
                Image.fromarray(pixels).save(file)
            seed += 1
    return folder


def small_data(train: Mapping[str, int], test: int = 1) -> ImageData:
    """A data set of random pixels with so many training images a class."""
    labels = np.repeat(np.arange(len(train)), list(train.values()))
    return ImageData.without_validation(
        name="small",
        classes=tuple(train),
        train=(random_pixels(len(labels)), labels),
        test=(random_pixels(test * len(train), 1), np.repeat(np.arange(len(train)), test)),
    )
