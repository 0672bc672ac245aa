"""CIFAR-10 through torchvision: from the data directory, else downloaded into it."""

import http.client
import logging
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError

import numpy as np

from study.data.arrays import DataError, ImageData
from study.data.cache import exclusive

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

log = logging.getLogger(__name__)

SECONDS_OF_SILENCE = 60.0  # a server that sends nothing for so long is given up


def load_cifar10(
    data_dir: Path,
    dataset: "type[CIFAR10] | None" = None,
    silence: float = SECONDS_OF_SILENCE,
) -> ImageData:
    """CIFAR-10: 50,000 images for training and 10,000 for test, in the order of the original files.

    DATA_DIR/cifar-10-batches-py is used if it is there, else it is unpacked from
    DATA_DIR/cifar-10-python.tar.gz if that is there, else the archive is downloaded. Every file is
    verified by the checksums that torchvision knows, on every call. The folder appears in one step,
    complete; of several processes that ask at once one prepares it and the others wait.

    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

    Args:
        data_dir: where CIFAR-10 lies or is put.
        dataset: the torchvision class that names the archive's URL, files and checksums.
        silence: seconds without a word from the server after which the download fails.

    Raises:
        DataError: a damaged folder or archive (it is left as it is), no archive and no download,
            or a directory that cannot be written to.
    """
    if dataset is None:
        from torchvision.datasets import CIFAR10 as dataset  # noqa: N811 (imported late: slow)
    folder = data_dir / dataset.base_folder
    try:
        if not folder.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            with exclusive(folder):
                _prepare(data_dir, dataset, silence)
    except OSError as error:
        raise DataError(f"{data_dir}: CIFAR-10 cannot be put there ({error})") from error
    return _read(data_dir, dataset)


def _prepare(data_dir: Path, dataset: "type[CIFAR10]", silence: float) -> None:
    """Unpack the archive beside its final place, then rename."""
    from torchvision.datasets.utils import extract_archive

    folder = data_dir / dataset.base_folder
    if folder.exists():  # another process was faster
        return
    # The lock is held, so whatever lies here was left by a process that was killed.
    work = data_dir / f".{dataset.base_folder}.incomplete"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir()
        extract_archive(_archive(data_dir, work, dataset, silence), work)
        (work / dataset.base_folder).rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _archive(data_dir: Path, work: Path, dataset: "type[CIFAR10]", silence: float) -> Path:
    """The verified archive: the one in the data directory if there is any, else a download."""
    from torchvision.datasets.utils import check_integrity, download_url

    by_hand = data_dir / dataset.filename
    if by_hand.exists():
        if not check_integrity(by_hand, dataset.tgz_md5):
            raise DataError(
                f"{by_hand}: damaged or incomplete ({by_hand.stat().st_size:,} bytes; its MD5 "
                f"checksum is not {dataset.tgz_md5}): replace it, or delete it to have it downloaded"
            )
        return by_hand
    log.info("CIFAR-10 is not in %s: downloading it from %s", data_dir, dataset.url)
    try:
        with _timeout(silence):
            download_url(dataset.url, work, dataset.filename, dataset.tgz_md5)
    except (OSError, http.client.HTTPException, RuntimeError) as error:
        raise DataError(_ways_on(data_dir, dataset, error)) from error
    return work / dataset.filename


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    # torchvision passes no timeout on, and without one a silent server is waited for for ever.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _ways_on(data_dir: Path, dataset: "type[CIFAR10]", error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        reason = str(error)
    elif isinstance(error, URLError):
        reason = str(error.reason)
    elif isinstance(error, RuntimeError):  # what torchvision raises for a wrong checksum
        reason = "the download was cut short or is not the right file (wrong MD5 checksum)"
    else:
        reason = str(error)
    return (
        f"{data_dir}: CIFAR-10 is not there and could not be downloaded from {dataset.url}: "
        f"{reason}. Three ways on: (1) put {dataset.filename} or the folder "
        f"{dataset.base_folder} that it holds into {data_dir}, or name the directory that has it "
        "with --data-dir; (2) --data FOLDER for images in FOLDER/train/<class>/ and "
        "FOLDER/test/<class>/; (3) --data digits for a data set that needs no download"
    )


def _read(data_dir: Path, dataset: "type[CIFAR10]") -> ImageData:
    try:
        train, test = dataset(data_dir, train=True), dataset(data_dir, train=False)
    except (RuntimeError, OSError) as error:  # RuntimeError: a wrong checksum or a missing file
        problem = _damage(data_dir / dataset.base_folder, dataset) or str(error)
        raise DataError(
            f"{data_dir / dataset.base_folder}: damaged or incomplete ({problem}): delete the "
            "folder to have it unpacked or downloaded again"
        ) from error
    return ImageData.without_validation(
        name="CIFAR-10",
        classes=tuple(train.classes),
        train=(train.data, np.array(train.targets, np.int64)),
        test=(test.data, np.array(test.targets, np.int64)),
    )


def _damage(folder: Path, dataset: "type[CIFAR10]") -> str:
    """Names the files that are missing or altered."""
    from torchvision.datasets.utils import check_integrity

    meta = [dataset.meta["filename"], dataset.meta["md5"]]
    return ", ".join(
        f"{name}: {'wrong checksum' if (folder / name).exists() else 'missing'}"
        for name, md5 in [*dataset.train_list, *dataset.test_list, meta]
        if not check_integrity(folder / name, md5)
    )
