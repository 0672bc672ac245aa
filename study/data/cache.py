"""A decoded data set kept as one file, so that the images are decoded once.

Several processes may ask for the same data set at once: one decodes, the others wait and read its file.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np

from study.data.arrays import ImageData
from study.process import locking

log = logging.getLogger(__name__)


def exclusive(file: Path) -> AbstractContextManager[None]:
    """Let one process at a time in, by a lock on FILE.lock that ends with its process.

    Raises:
        OSError: the lock file cannot be made.
    """
    return locking.hold(file.with_name(f"{file.name}.lock"), wait=True)


def cached(file: Path, key: str, name: str, decode: Callable[[], ImageData]) -> ImageData:
    """The data set in ``file`` if it was stored under ``key``, else ``decode()``, stored for the next call.

    A damaged file is reported and made anew; where nothing can be written only the caching is lost.

    Args:
        file: an .npz file, replaced in one step.
        key: describes the source; anything else in the file is out of date.
        name: the name of the data set.
        decode: makes the data set, without a validation set.
    """
    with ExitStack() as stack:
        writable = _enter_exclusively(stack, file)
        data = _read(file, key, name)
        if data is None:
            data = decode()
            if writable:
                _write(file, key, data)
    return data


def _enter_exclusively(stack: ExitStack, file: Path) -> bool:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(exclusive(file))
    except OSError as error:
        log.warning("%s: decoded images cannot be kept there (%s)", file.parent, error)
        return False
    return True


def _read(file: Path, key: str, name: str) -> ImageData | None:
    try:
        # Opened here, as numpy leaves a damaged file open.
        with file.open("rb") as stream, np.load(stream) as arrays:
            if str(arrays["key"]) != key:
                return None
            data = ImageData.without_validation(
                name=name,
                classes=tuple(arrays["classes"].tolist()),
                train=(arrays["train_images"], arrays["train_labels"]),
                test=(arrays["test_images"], arrays["test_labels"]),
            )
            if data.fingerprint != str(arrays["fingerprint"]):
                raise ValueError("its content does not match its fingerprint")
    except FileNotFoundError:
        return None
    except Exception as error:  # zipfile, zlib and numpy each raise their own for a damaged file
        log.warning("%s: damaged (%s); the images are decoded again", file, error)
        return None
    return data


def _write(file: Path, key: str, data: ImageData) -> None:
    part = file.with_suffix(".part")
    try:
        with part.open("wb") as stream:
            np.savez(
                stream,
                key=np.array(key),
                fingerprint=np.array(data.fingerprint),
                classes=np.array(data.classes),
                train_images=data.train_images,
                train_labels=data.train_labels,
                test_images=data.test_images,
                test_labels=data.test_labels,
            )
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        log.warning("%s: the decoded images cannot be kept there (%s)", file, error)
