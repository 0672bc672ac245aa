"""Image files -> pixels, with a line for every file that cannot be used."""

import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from study.data.arrays import IMAGE_SHAPE

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LINES = 5.0
CHUNK = 256  # files a thread takes at a time
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # of Pillow's many; some would run other programs
LARGEST = 10 * 2**20  # bytes of a file; the pixels of an image take 4,096, and what describes them little more
LARGEST_TILE = 1024  # pixels
_SIZE = f"{IMAGE_SHAPE[1]} x {IMAGE_SHAPE[0]}"
# Of the modes of Pillow, those of at most 8 bits a channel that turn into RGB without a choice of range.
MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}


def decode(files: Sequence[str]) -> tuple[NDArray[np.uint8], list[str]]:
    """The images as RGB, uint8 (N, 32, 32, 3) in the order of ``files``, and the problems.

    A file with a problem leaves its pixels undefined. Pillow lets go of Python's lock while it
    decodes, so threads share the work.
    """
    images = np.empty((len(files), *IMAGE_SHAPE), np.uint8)

    def decode_chunk(start: int) -> list[str]:
        stop = min(start + CHUNK, len(files))
        problems = (_decode_into(images[index], files[index]) for index in range(start, stop))
        return [problem for problem in problems if problem]

    problems: list[str] = []
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        said = time.monotonic()
        for number, found in enumerate(pool.map(decode_chunk, range(0, len(files), CHUNK)), start=1):
            problems += found
            if time.monotonic() - said > SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                log.info("decoded %s of %s images", f"{min(number * CHUNK, len(files)):,}", f"{len(files):,}")
    return images, problems


def _decode_into(pixels: NDArray[np.uint8], file: str) -> str | None:
    """Write the image's pixels (32, 32, 3), or say what is wrong with it."""
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 as Pillow has it, without a Path for each of 60,000
            if os.fstat(stream.fileno()).st_size > LARGEST:
                return f"{file}: has more than {LARGEST // 2**20} MB, which no image of {_SIZE} pixels needs"
            with Image.open(stream, formats=FORMATS) as image:
                problem = _unsuitable(image)
                if problem is None:
                    # Otherwise Pillow warns that it drops a palette's transparency, which is meant.
                    image.info.pop("transparency", None)
                    ImageOps.exif_transpose(image, in_place=True)
                    pixels[...] = np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        problem = f"empty, damaged, or of another format than {', '.join(FORMATS)}"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        problem = f"the image is far larger than {_SIZE} pixels: resize the images first"
    except Exception as error:  # Pillow's decoders raise all kinds for damaged files
        from_system = isinstance(error, OSError) and error.strerror
        problem = "cannot be read" if from_system else "truncated or damaged image"
        problem = f"{problem} ({from_system or error})"
    return problem and f"{file}: {problem}"


def _unsuitable(image: Image.Image) -> str | None:
    height, width, _ = IMAGE_SHAPE
    if image.size != (width, height):
        return f"the image is {image.width} x {image.height} pixels, the network takes {_SIZE}: resize the images first"
    if image.mode not in MODES:
        return f"pixels of type {image.mode}: convert the images to 8 bits a channel first"
    if (frames := getattr(image, "n_frames", 1)) > 1:
        return f"an animation or a file of {frames} images: keep one of them"
    if any(side > LARGEST_TILE for side in _tile(image)):
        return "its pixels lie in tiles far larger than the image: save it anew"
    return None


def _tile(image: Image.Image) -> tuple[int, int]:
    """Width and height of the tiles of a TIFF file, which are unpacked whole; 0 where it has none."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0, 0
    return int(image.tag_v2.get(322, 0)), int(image.tag_v2.get(323, 0))
