"""Image folders with random faults: ``python -m tests.faults.odd_images COUNT SEED`` tries so many."""

import io
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from study.data.arrays import DataError
from study.data.folder import load_folder
from tests.faults.damage import damaged
from tests.study.data.helpers import random_pixels

Pixels = NDArray[np.uint8]
ORIENTATION = 274  # the EXIF tag
# How Image.transpose turns what a camera has stored, by the value of that tag.
_TURN = Image.Transpose
TURNED = {
    2: _TURN.FLIP_LEFT_RIGHT,
    3: _TURN.ROTATE_180,
    4: _TURN.FLIP_TOP_BOTTOM,
    5: _TURN.TRANSPOSE,
    6: _TURN.ROTATE_270,
    7: _TURN.TRANSVERSE,
    8: _TURN.ROTATE_90,
}
DEEP = {"I;16": "uint16", "I": "int32", "F": "float32"}
SUFFIXES = {"LA": ("png",), "P": ("png", "bmp", "tif"), "RGBA": ("png", "tif", "webp"), "CMYK": ("jpg", "tif")}
SUFFIXES |= {"I;16": ("png", "tif"), "I": ("tif",), "F": ("tif",), "1": ("png", "bmp", "tif")}
NAMES = (b"a\nb", b"\xff\xfe", b"x" * 250, b" ", b"'\"", "é".encode(), b"%s{}", b"-rf", b"\x1b[31m")


def saved(folder: Path, rng: random.Random) -> tuple[Path, Pixels | None]:
    """An image in some format and mode, and what it must become; None where it has more than 8 bits a channel."""
    mode = rng.choice(("RGB", "RGB", "RGB", "L", "LA", "P", "RGBA", "CMYK", "1", rng.choice(tuple(DEEP))))
    suffix = rng.choice(SUFFIXES.get(mode, ("png", "bmp", "tif", "ppm", "jpg", "webp")))
    (pixels,) = random_pixels(1, rng.randrange(2**31))
    image = Image.fromarray(pixels[..., 0].astype(DEEP[mode]) if mode in DEEP else pixels)
    if mode not in DEEP:
        image = image.convert(mode)
    options: dict[str, Any] = {"lossless": True, "exact": True} if suffix == "webp" else {}
    value = rng.randrange(1, 9) if suffix in ("png", "jpg") and rng.random() < 0.3 else 1
    if value != 1:
        options["exif"] = exif = Image.Exif()
        exif[ORIENTATION] = value
    file = folder / f"{rng.randrange(10**6)}.{suffix}"
    image.save(file, **options)
    if mode in DEEP:
        return file, None
    if suffix == "jpg":  # which loses something
        image = Image.open(io.BytesIO(file.read_bytes()))
    upright = image.convert("RGB")
    return file, np.asarray(upright if value == 1 else upright.transpose(TURNED[value]))


def huge_png(file: Path) -> None:
    """A small file of 50,000 x 50,000 pixels."""
    rows = zlib.compress(bytes(10**6))
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    parts = (struct.pack(">I", len(d)) + name + d + struct.pack(">I", zlib.crc32(name + d)) for name, d in chunks)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def tiled_tiff(file: Path, side: int) -> None:
    """A TIFF file of 32 x 32 pixels in one tile of so many, with next to nothing in it."""
    data = zlib.compress(bytes(1000))
    tags = [(256, 32), (257, 32), (258, 8), (259, 8), (262, 1), (277, 1), (322, side), (323, side), (324, 8)]
    tags.append((325, len(data)))
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<I", 8 + len(data))
    file.write_bytes(b"II*\0" + start + data + struct.pack("<H", len(tags)) + directory + bytes(4))


def sparse(file: Path) -> None:
    """A file of 100 GB that takes no room."""
    with file.open("wb") as stream:
        stream.truncate(100 * 10**9)


def animated(file: Path) -> None:
    first, *more = (Image.fromarray(pixels) for pixels in random_pixels(3))
    first.save(file, save_all=True, append_images=more)


def postscript(file: Path) -> None:
    file.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n%%EndComments\nshowpage\n%%EOF\n")


# What makes a folder one that cannot be used, by its file's name.
REFUSED: dict[str, Callable[[Path], object]] = {
    "huge.png": huge_png,
    "tile.tif": lambda file: tiled_tiff(file, 100_000),
    "sparse.webp": sparse,
    "sparse.png": sparse,
    "animated.webp": animated,
    "animated.png": animated,
    "pages.tiff": animated,
    "gif.png": lambda file: Image.fromarray(random_pixels(1)[0]).save(file, format="GIF"),
    "postscript.jpg": postscript,
    "empty.png": lambda file: file.write_bytes(b""),
    "loop.png": lambda file: file.symlink_to(file.name),
    "again": lambda file: file.symlink_to("."),
    "nowhere.png": lambda file: file.symlink_to("nothing"),
    "small.png": lambda file: Image.fromarray(random_pixels(1, size=31)[0]).save(file),
}
# What is left out, or part of the class.
HARMLESS: dict[str, Callable[[Path], object]] = {
    ".DS_Store": lambda file: file.write_bytes(b"x"),
    "Thumbs.db": lambda file: file.write_bytes(b"x"),
    "._a.png": lambda file: file.write_bytes(b"x"),
    ".hidden": lambda file: file.mkdir(),
    "folder.png": lambda file: file.mkdir(),
    "pipe.png": os.mkfifo,
}


@dataclass
class Odd:
    """A folder: what each image must become, the damaged ones, and whether it must be refused."""

    folder: Path
    pixels: dict[str, Pixels] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    refused: bool = False


def make(folder: Path, rng: random.Random) -> Odd:
    """A folder of two classes, mostly with faults."""
    odd = Odd(folder)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            place = folder / split / name
            place.mkdir(parents=True)
            for _ in range(rng.choice((1, 2))):
                file, pixels = saved(place, rng)
                odd.refused |= pixels is None
                odd.pixels[str(file)] = np.empty(0, np.uint8) if pixels is None else pixels
    for _ in range(rng.choice((0, 1, 1, 2))):
        break_something(odd, folder / rng.choice(("train", "test")) / rng.choice(("cat", "dog")), rng)
    return odd


def break_something(odd: Odd, place: Path, rng: random.Random) -> None:
    fault = rng.choice(("refused", "harmless", "harmless", "bytes", "name", "name", "class"))
    if fault in ("refused", "harmless"):
        name, write = rng.choice(list((REFUSED if fault == "refused" else HARMLESS).items()))
        if not os.path.lexists(place / name):
            write(place / name)
            odd.refused |= fault == "refused"
    elif fault == "bytes":
        file = rng.choice(sorted(odd.pixels))
        Path(file).write_bytes(damaged(Path(file).read_bytes(), rng))
        odd.damaged.add(file)
    elif fault == "name":
        old = rng.choice(sorted(odd.pixels))
        directory, _, name = old.rpartition("/")
        new = f"{directory}/{os.fsdecode(rng.choice(NAMES))}.{name.rpartition('.')[2]}"
        Path(old).rename(new)
        odd.pixels[new] = odd.pixels.pop(old)
        if old in odd.damaged:
            odd.damaged.add(new)
    else:
        (odd.folder / rng.choice(("train", "test")) / "bird").mkdir(exist_ok=True)
        odd.refused = True


def try_one(odd: Odd, data_dir: Path) -> bool:
    """Load it; whether it became a data set. Fails where that has other pixels, or an error names no place in it."""
    data, said = None, ""
    try:
        data = load_folder(odd.folder, data_dir)
    except DataError as error:
        said = str(error)
    if data is None:
        assert odd.refused or odd.damaged, said
        assert "Memory" not in said
        for line in said.splitlines():
            assert line.startswith(str(odd.folder)), said
            assert line.isprintable(), said
        return False
    assert not odd.refused
    train, test = (sorted(each for each in odd.pixels if f"/odd/{split}/" in each) for split in ("train", "test"))
    for file, pixels in zip([*train, *test], [*data.train_images, *data.test_images], strict=True):
        assert file in odd.damaged or np.array_equal(pixels, odd.pixels[file]), file
    return True


def try_some(count: int, seed: int, scratch: Path) -> int:
    """Load so many odd folders; how many become data sets.

    Raises:
        AssertionError: one ends otherwise than ``try_one`` allows.
    """
    rng, well = random.Random(seed), 0
    for number in range(count):
        odd = make(scratch / "odd", rng)
        try:
            well += try_one(odd, scratch / "data")
        except Exception as error:
            raise AssertionError((seed, number, error)) from error
        shutil.rmtree(odd.folder)
    return well


if __name__ == "__main__":
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        print(try_some(int(sys.argv[1]), int(sys.argv[2]), Path(name)))
