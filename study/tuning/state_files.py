"""A checkpoint's ``state.pt`` with a checksum beside it: what is damaged is never trained from."""

import hashlib
import io
import pickle
import time
from pathlib import Path
from typing import Any

from study.contract.files import CHECKSUM_FILE, STATE_FILE

# Seconds before each further attempt to read a file that is there and cannot be read, such as a stale NFS handle.
PATIENCE = (0.2, 1.0)


class DamagedStateError(ValueError):
    """The file is not what was written; the message says what is wrong."""


def save_state(folder: Path, content: Any) -> None:
    """Write the content as ``state.pt`` and its SHA-256 as ``state.pt.sha256``, as sha256sum has it.

    Raises:
        OSError: they cannot be written, as on a full disk.
    """
    import torch

    data = io.BytesIO()
    torch.save(content, data)
    (folder / STATE_FILE).write_bytes(data.getbuffer())
    (folder / CHECKSUM_FILE).write_text(f"{hashlib.sha256(data.getbuffer()).hexdigest()}  {STATE_FILE}\n")


def load_state(file: Path) -> Any:
    """The content of a ``state.pt``, tensors on the CPU; nothing but tensors and plain values is unpickled.

    Raises:
        DamagedStateError: it differs from its checksum, or, of an earlier version that wrote none, cannot be read.
        OSError: it is there and cannot be read, not at a third attempt either.
    """
    import torch

    data, checksum = _read(file), file.with_name(CHECKSUM_FILE)
    if checksum.exists() and _read(checksum).split()[:1] != [hashlib.sha256(data).hexdigest().encode()]:
        raise DamagedStateError("its checksum does not match")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no one kind for what is not its own: RuntimeError, EOFError, ...
        refused = "it holds more than tensors and plain values" if isinstance(error, pickle.UnpicklingError) else None
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DamagedStateError(refused or said) from error


def load_newest_state(file: Path) -> Any | None:
    """The content of a pack's ``state.pt``, or where that is damaged of the newest one before it that is not.

    Returns:
        None where all are damaged.

    Raises:
        OSError: one is there and cannot be read.
    """
    folder = file.parent
    before = (each for each in folder.parent.glob("checkpoint_*") if each.name < folder.name)
    for each in (folder, *sorted(before, reverse=True)):
        try:
            return load_state(each / STATE_FILE)
        except (DamagedStateError, FileNotFoundError):
            continue
    return None


def _read(file: Path) -> bytes:
    for seconds in PATIENCE:
        try:
            return file.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise
        except OSError:
            time.sleep(seconds)
    return file.read_bytes()
