"""What every data set becomes: arrays of 8-bit images, their labels and a fingerprint."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

IMAGE_SHAPE = (32, 32, 3)  # height, width, RGB: what the network takes


PROBLEMS_SHOWN = 20


class DataError(ValueError):
    """The data cannot be used; the message says what, where and what to do, one problem a line."""

    @classmethod
    def of(cls, problems: Sequence[str]) -> Self:
        """The error for one or more problems; of very many it shows the first and counts the rest."""
        left_out = len(problems) - PROBLEMS_SHOWN
        more = [f"and {left_out:,} more problems like these"] if left_out > 0 else []
        return cls("\n".join([*map(printable, problems[:PROBLEMS_SHOWN]), *more]))


def printable(text: str) -> str:
    """The text with escapes for what no terminal shows: names of files may hold line ends, and bytes of no letter."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory: every array is C-contiguous and may be read-only.

    Attributes:
        name: 'CIFAR-10', 'digits', or the name of the folder.
        classes: names of the classes; a label is an index into them.
        fingerprint: SHA-256 (hexadecimal) over the class names, pixels and labels of the whole
            training and test set. It does not depend on where the data lay, nor on how many images
            are held out for validation. JPEG decoders can differ by a grey level from version to
            version: as the decoded pixels are hashed, the fingerprint tells.
        train_images: uint8 (N, 32, 32, 3), not normalised. Likewise the validation set (possibly
            of length 0) and the test set.
        train_labels: int64 (N,). Likewise.
    """

    name: str
    classes: tuple[str, ...]
    fingerprint: str
    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.uint8]
    validation_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]

    @classmethod
    def without_validation(
        cls,
        name: str,
        classes: tuple[str, ...],
        train: tuple[NDArray[np.uint8], NDArray[np.int64]],
        test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    ) -> Self:
        """The data set of (images, labels) for training and test, with its fingerprint."""
        train_images, train_labels = _contiguous(*train)
        test_images, test_labels = _contiguous(*test)
        return cls(
            name=name,
            classes=classes,
            fingerprint=fingerprint_of(classes, train_images, train_labels, test_images, test_labels),
            train_images=train_images,
            train_labels=train_labels,
            validation_images=np.empty((0, *IMAGE_SHAPE), np.uint8),
            validation_labels=np.empty(0, np.int64),
            test_images=test_images,
            test_labels=test_labels,
        )


def fingerprint_of(classes: tuple[str, ...], *arrays: NDArray[np.uint8 | np.int64]) -> str:
    """SHA-256 (hexadecimal) of the class names and of every array's type, shape and content."""
    described = [[array.dtype.str, array.shape] for array in arrays]
    digest = hashlib.sha256(json.dumps([classes, described]).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _contiguous(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.ascontiguousarray(images), np.ascontiguousarray(labels)


def usual_validation(train: int) -> int:
    """About a fifth of so many training images, a round number: what may be held out."""
    return int(float(f"{train / 5:.0e}"))
