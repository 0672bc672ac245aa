"""A folder of images as a data set."""

import hashlib
import logging
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.data.arrays import DataError, ImageData, printable
from study.data.cache import cached
from study.data.decoding import decode
from study.data.listing import SUFFIXES, ImageFile, Listing, list_folder

log = logging.getLogger(__name__)


def load_folder(folder: Path, data_dir: Path) -> ImageData:
    """The images of FOLDER/train/<class>/ and FOLDER/test/<class>/, decoded on the first call only.

    Files without the suffix of an image are left out with a warning, hidden ones in silence. Grey,
    palette, CMYK and transparent images become RGB (transparency is dropped), and those with a rotation in their EXIF
    data are turned upright. The decoded images
    are kept in DATA_DIR/cache and used for as long as the folder's listing (paths, sizes, times of
    change) and the version of Pillow stay the same.

    Raises:
        DataError: train/ or test/ is missing, a class is missing or has no images, there are
            fewer than two classes, a file cannot be read or decoded, or an image is not 32 x 32.
    """
    listing = list_folder(folder)
    if listing.left_out:
        log.warning(
            "%s: left out %d file(s) without the suffix of an image (%s), the first is %s",
            folder,
            len(listing.left_out),
            ", ".join(SUFFIXES),
            printable(listing.left_out[0]),
        )
    if listing.problems:
        _, problems = decode(listing.paths)
        raise DataError.of([*listing.problems, *problems])
    path = folder.resolve()
    name = path.name or str(path)
    place = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    file = data_dir / "cache" / f"{name[:40]}-{place}.npz"
    return cached(file, listing.key(), name, lambda: _decoded(listing, name))


def _decoded(listing: Listing, name: str) -> ImageData:
    paths = listing.paths
    log.info("%s: decoding %s images, once", listing.folder, f"{len(paths):,}")
    images, problems = decode(paths)
    if problems:
        raise DataError.of(problems)
    if list_folder(listing.folder).key() != listing.key():
        raise DataError(f"{listing.folder}: changed while it was being read; start when it is complete")
    train_labels = _labels(listing.classes, listing.train)
    count = len(train_labels)
    return ImageData.without_validation(
        name=name,
        classes=listing.classes,
        train=(images[:count], train_labels),
        test=(images[count:], _labels(listing.classes, listing.test)),
    )


def _labels(classes: tuple[str, ...], split: dict[str, list[ImageFile]]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(classes)), [len(split[name]) for name in classes])
