"""From the word on the command line to a data set in memory."""

from pathlib import Path

from study.data_arrays import DataError, ImageData
from study.data_digits import load_digits

__all__ = ["DataError", "ImageData", "load"]


def load(data: str, data_dir: Path, *, validation: int = 0) -> ImageData:
    """Only digits so far."""
    if data != "digits" or validation:
        raise DataError(f"--data {data}: not yet")
    return load_digits()
