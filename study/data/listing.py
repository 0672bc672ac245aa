"""What lies in FOLDER/train/<class>/* and FOLDER/test/<class>/*, without opening an image."""

import difflib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import PIL

from study.data.arrays import DataError

WORDS = ("auto", "cifar10", "digits")  # for data that are no folder
LAYOUT = "a data folder holds train/<class>/ and test/<class>/ with the images of each class"
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, order=True)
class ImageFile:
    """An image file: its path, and its size and times of change (ns) as the file system has them."""

    path: str
    size: int
    modified: int
    changed: int


@dataclass(frozen=True)
class Listing:
    """What a data folder holds, in a fixed order: by class, then by path.

    Attributes:
        folder: the data folder.
        train: the image files of every class that has a folder in train/, likewise test.
        problems: why the folder cannot be used as it is, a line each.
        left_out: paths of files without the suffix of an image.
    """

    folder: Path
    train: dict[str, list[ImageFile]]
    test: dict[str, list[ImageFile]]
    problems: list[str]
    left_out: list[str]

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes; a label is an index into them."""
        return tuple(sorted(self.train.keys() | self.test.keys()))

    @property
    def paths(self) -> list[str]:
        """Every image: the training set, then the test set."""
        return [file.path for split in (self.train, self.test) for file in _files(split)]

    def key(self) -> str:
        """SHA-256 (hexadecimal) of all that a change of the images alters.

        Every file's path in the folder, size and times of change, and the version of the decoder.
        """
        root = f"{self.folder}{os.sep}"  # of '.' the paths bear no trace
        lines = [
            f"{file.path.removeprefix(root)}\0{file.size}\0{file.modified}\0{file.changed}"
            for split in (self.train, self.test)
            for file in _files(split)
        ]
        text = "\n".join([f"Pillow {PIL.__version__}, upright", *lines])
        return hashlib.sha256(os.fsencode(text)).hexdigest()


def list_folder(folder: Path) -> Listing:
    """List a folder in torchvision's ImageFolder layout.

    Sub-folders of a class belong to the class. Names that start with a dot are skipped.

    Raises:
        DataError: there is no such folder, or it has no train/ or no test/.
    """
    try:
        _check_layout(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
    finder = _Finder()
    train, test = (finder.classes(folder / split) for split in ("train", "test"))
    problems = [*_class_problems(folder, train, test), *finder.problems]
    return Listing(folder, train, test, problems, sorted(finder.left_out))


def _check_layout(folder: Path) -> None:
    if not folder.is_dir():
        exists = folder.exists()
        what = "not a folder" if exists else "no such folder"
        near = [] if exists else difflib.get_close_matches(str(folder).lower(), WORDS, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise DataError(f"{folder}: {what}; the data are {', '.join(WORDS)} or a folder's path{hint}")
    splits = [folder / "train", folder / "test"]
    missing = [f"{split}: no such folder; {LAYOUT}" for split in splits if not split.is_dir()]
    if missing:
        raise DataError.of(missing)


@dataclass
class _Finder:
    """Finds image files, and remembers what it could not read and what it left out."""

    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def classes(self, split: Path) -> dict[str, list[ImageFile]]:
        try:
            folders = sorted(path for path in split.iterdir() if path.is_dir())
        except OSError as error:
            self._cannot_read(error)
            return {}
        visible = [folder for folder in folders if not folder.name.startswith(".")]
        return {folder.name: sorted(self._images(folder)) for folder in visible}

    def _images(self, class_folder: Path) -> Iterator[ImageFile]:
        for path in self._visible_files(class_folder):
            if not path.lower().endswith(SUFFIXES):
                self.left_out.append(path)
                continue
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError as error:
                self._cannot_read(error)
                continue
            if stat.S_ISREG(status.st_mode):
                yield ImageFile(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def _visible_files(self, class_folder: Path) -> Iterator[str]:
        """Paths as text: ``Path`` would take most of the time of 60,000 files."""
        walk = os.walk(class_folder, onerror=self._cannot_read, followlinks=True)
        seen: set[tuple[int, int]] = set()
        for directory, folders, names in walk:
            status = os.stat(directory)  # noqa: PTH116
            if (status.st_dev, status.st_ino) in seen:  # its images would count twice, or without end
                self.problems.append(f"{directory}: a folder that is in its class twice, by a symbolic link")
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if not name.startswith("."):
                    yield os.path.join(directory, name)  # noqa: PTH118

    def _cannot_read(self, error: OSError) -> None:
        self.problems.append(f"{error.filename}: cannot be read ({error.strerror})")


def _files(split: dict[str, list[ImageFile]]) -> Iterator[ImageFile]:
    return (file for _, files in sorted(split.items()) for file in files)


def _class_problems(folder: Path, train: dict[str, list[ImageFile]], test: dict[str, list[ImageFile]]) -> list[str]:
    problems = []
    for split, classes, other, others in (
        ("train", train, "test", test),
        ("test", test, "train", train),
    ):
        problems += [
            f"{folder / split / name}: no such folder, but {other}/{name} is there; "
            "every class needs images in train/ and in test/"
            for name in sorted(others.keys() - classes.keys())
        ]
        problems += [
            f"{folder / split / name}: a class without images ({', '.join(SUFFIXES)})"
            for name, files in classes.items()
            if not files
        ]
    count = len(train.keys() | test.keys())
    if count < 2:
        problems.append(f"{folder}: {count} class{'' if count == 1 else 'es'} where at least 2 are needed; {LAYOUT}")
    return problems
