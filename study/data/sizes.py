"""How many images a data set has, without loading it."""

from dataclasses import dataclass
from pathlib import Path

from study.data.arrays import DataError, usual_validation
from study.data.listing import list_folder


@dataclass(frozen=True)
class Sizes:
    """Images of each part of a data set, and how many classes it has."""

    train: int
    validation: int
    test: int
    classes: int


def sizes(data: str, validation: int = 0) -> Sizes:
    """The sizes of the data set that ``study.data.load`` gives for the same words; nothing is read or downloaded.

    Raises:
        DataError: a folder cannot be used as it is, or fewer images are there than are to be held out.
    """
    if data in ("auto", "cifar10"):
        train, test, classes = 50_000, 10_000, 10
    elif data == "digits":
        train, test, classes = 1_437, 360, 10
    else:
        listing = list_folder(Path(data).expanduser())
        if listing.problems:
            raise DataError.of(listing.problems)
        train, test = (sum(map(len, split.values())) for split in (listing.train, listing.test))
        classes = len(listing.classes)
    if validation >= train:
        raise DataError(
            f"validation: {validation:,} images cannot be held out of {train:,}; set fewer, e.g. --set "
            f"validation={usual_validation(train)}"
        )
    return Sizes(train - validation, validation, test, classes)
