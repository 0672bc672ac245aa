"""Where a Ray of this machine keeps its sockets and logs: a folder of its own, which is gone when it has ended."""

import contextlib
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from study.process.locking import Owner

_log = logging.getLogger(__name__)

# The path of a Unix socket has at most this many bytes, of which Ray puts so many behind the folder it is given.
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
_RAYS_OWN = len("/session_2026-11-27_20-54-08_629649_4194304/sockets/plasma_store")
_PREFIX = "rs-"  # short, for there is little room
_LONGEST = LONGEST_SOCKET - _RAYS_OWN - len(f"/{_PREFIX}12345678")
_OWNER = "owner.json"
_LAST_RESORT = Path("/tmp")  # noqa: S108 Ray's own default; what is made there has a random name and is its owner's
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 looked at, never written to
SMALL_SHARED_MEMORY = 512 * 2**20  # bytes; CIFAR-10 takes 184 MB of it


class NoFolderError(ValueError):
    """There is no folder that Ray could use; the message says what to set."""


def base_folder() -> tuple[Path, str | None]:
    """The folder below which Ray's lies: that of RAY_TMPDIR or TMPDIR where it will do, else /tmp.

    Returns:
        The folder, and why it is not the one that the environment names.

    Raises:
        NoFolderError: none will do.
    """
    named = [(name, Path(os.environ[name])) for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)]
    reasons = []
    for name, folder in (*named, (None, _LAST_RESORT)):
        reason = _unfit(folder)
        if reason is None:
            return folder, f"{'; '.join(reasons)}: Ray uses {folder} instead" if reasons else None
        reasons.append(f"{name} ({folder}) {reason}" if name else f"{folder} {reason}")
    raise NoFolderError(f"{'; '.join(reasons)}: set RAY_TMPDIR to a short folder that can be written to")


@contextlib.contextmanager
def ray_folder(base: Path) -> Iterator[Path]:
    """A new folder for one Ray; folders of processes that were killed are removed too."""
    for folder in base.glob(f"{_PREFIX}*"):
        owner = Owner.read(folder / _OWNER)
        if owner is not None and owner.is_gone():
            shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        (folder / _OWNER).write_text(json.dumps(asdict(Owner.this_process())), encoding="utf-8")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def say_if_memory_is_small(base: Path) -> None:
    """Say so where the images cannot be shared through memory, as in a container with Docker's default."""
    with contextlib.suppress(OSError):
        size = shutil.disk_usage(_SHARED_MEMORY).total
        if size < SMALL_SHARED_MEMORY:
            said = "%s has %d MB: Ray shares the images through %s, which is slower (docker run --shm-size=1g)"
            _log.info(said, _SHARED_MEMORY, size // 2**20, base)


def _unfit(folder: Path) -> str | None:
    """Why Ray cannot keep its files below a folder; None where it can."""
    if not folder.is_dir():
        return "is no folder"
    if not folder.is_absolute():
        return "is no absolute path"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "cannot be written to"
    if len(os.fsencode(folder)) > _LONGEST:
        return f"is too long for Ray's sockets, whose paths may have {LONGEST_SOCKET} bytes"
    return None
