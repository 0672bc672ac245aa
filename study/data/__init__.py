"""From the word on the command line to a data set in memory."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from study.data.arrays import DataError, ImageData, usual_validation
from study.data.cifar10 import load_cifar10
from study.data.digits import load_digits

__all__ = ["DataError", "ImageData", "hold_out", "load"]


def load(data: str, data_dir: Path, *, validation: int = 0) -> ImageData:
    """The data set that a study trains on.

    Args:
        data: 'auto' or 'cifar10' (from ``data_dir``, else downloaded), 'digits' (no download), or
            the path of a folder with train/<class>/ and test/<class>/ (a folder that is called
            digits is given as ./digits).
        data_dir: where CIFAR-10 lies or is downloaded to, and where decoded folders are kept.
        validation: number of training images to hold out, see ``hold_out``.

    Raises:
        DataError: the data cannot be had or used; one problem a line.
    """
    if data in ("auto", "cifar10"):
        images = load_cifar10(data_dir)
    elif data == "digits":
        images = load_digits()
    else:
        # Pillow: a training on arrays in memory goes without it.
        from study.data.folder import load_folder

        images = load_folder(Path(data).expanduser(), data_dir)
    return hold_out(images, validation)


def hold_out(data: ImageData, count: int) -> ImageData:
    """Move ``count`` images from the training set into the validation set.

    The classes keep their shares in both. Which images go depends on the data and the count alone,
    so all runs of a study share them; both sets keep the order of the images. The test set and the
    fingerprint, which is that of the whole data set, stay as they are.

    Raises:
        DataError: so few or so many images that a class could be left without an image on one side.
    """
    if count == 0:
        return data
    _check_count(data, count)
    # scikit-learn takes about a second to import: only those who ask for it wait.
    from sklearn.model_selection import train_test_split

    labels = data.train_labels
    kept, held_out = train_test_split(np.arange(len(labels)), test_size=count, random_state=0, stratify=labels)
    kept, held_out = np.sort(kept), np.sort(held_out)
    return replace(
        data,
        train_images=data.train_images[kept],
        train_labels=labels[kept],
        validation_images=data.train_images[held_out],
        validation_labels=labels[held_out],
    )


def _check_count(data: ImageData, count: int) -> None:
    """Each class's share must come to one image at least, held out and kept alike."""
    sizes = np.bincount(data.train_labels, minlength=len(data.classes))
    total, smallest = int(sizes.sum()), int(sizes.argmin())
    fewest = math.ceil(total / sizes[smallest])
    usual = min(max(fewest, usual_validation(total)), total - fewest)
    limits = (
        f"between {fewest:,} and {total - fewest:,}, e.g. --set validation={usual}"
        if fewest <= total - fewest
        else f"0: class {data.classes[smallest]} has only {sizes[smallest]} training images"
    )
    if not fewest <= count <= total - fewest:
        raise DataError(
            f"validation: {count:,} images cannot be held out of {total:,} with every class on "
            f"both sides; the number must be {limits}"
        )
