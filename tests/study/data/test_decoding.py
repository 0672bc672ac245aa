from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.data import decoding
from study.data.decoding import CHUNK, decode
from tests.study.data.helpers import random_pixels


def save(pixels: np.ndarray, file: Path, mode: str | None = None) -> str:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file)
    return str(file)


def problem_of(file: Path | str) -> str:
    _, [problem] = decode([str(file)])
    assert problem.startswith(f"{file}: ")
    return problem.removeprefix(f"{file}: ")


def test_pixels_come_in_the_order_of_the_files(tmp_path: Path) -> None:
    pixels = random_pixels(CHUNK + 3)
    files = [save(image, tmp_path / f"{n}.png") for n, image in enumerate(pixels)]
    images, problems = decode(files[::-1])
    assert problems == []
    assert np.array_equal(images, pixels[::-1])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_other_8_bit_images_become_rgb(tmp_path: Path, mode: str) -> None:
    [pixels] = random_pixels(1)
    file = save(pixels, tmp_path / "image.png", mode)
    images, problems = decode([file])
    assert problems == []
    assert np.array_equal(images[0], np.asarray(Image.open(file).convert("RGB")))


def test_a_transparent_palette_is_no_cause_for_a_warning(tmp_path: Path) -> None:
    palette = Image.fromarray(random_pixels(1)[0]).convert("P")
    palette.save(tmp_path / "image.png", transparency=bytes(range(256)))
    images, problems = decode([str(tmp_path / "image.png")])
    assert problems == []
    assert np.array_equal(images[0], np.asarray(palette.convert("RGB")))


def test_cmyk(tmp_path: Path) -> None:
    file = save(random_pixels(1)[0], tmp_path / "image.jpg", "CMYK")
    images, problems = decode([file])
    assert problems == []
    assert np.array_equal(images[0], np.asarray(Image.open(file).convert("RGB")))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "ppm"])
def test_a_truncated_image(tmp_path: Path, suffix: str) -> None:
    file = Path(save(random_pixels(1)[0], tmp_path / f"image.{suffix}"))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])
    assert problem_of(file).startswith("truncated or damaged image (")


def test_a_wrong_size(tmp_path: Path) -> None:
    file = save(random_pixels(1)[0][:28], tmp_path / "image.png")
    assert problem_of(file) == ("the image is 32 x 28 pixels, the network takes 32 x 32: resize the images first")


def test_more_than_8_bits(tmp_path: Path) -> None:
    file = save(np.arange(1024, dtype=np.uint16).reshape(32, 32), tmp_path / "image.png")
    assert problem_of(file).startswith("pixels of type I;16: convert the images to 8 bits")


@pytest.mark.parametrize("content", [b"", b"this is no image"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image.png").write_bytes(content)
    assert problem_of(tmp_path / "image.png").startswith("empty, damaged, or of another format than BMP")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "gone.png") == "cannot be read (No such file or directory)"


def test_every_problem_is_reported_in_the_order_of_the_files(tmp_path: Path) -> None:
    good = save(random_pixels(1)[0], tmp_path / "good.png")
    _, problems = decode([str(tmp_path / "b.png"), good, str(tmp_path / "a.png")])
    assert [problem.split(":")[0] for problem in problems] == [
        str(tmp_path / "b.png"),
        str(tmp_path / "a.png"),
    ]


def test_decoding_that_takes_long_says_how_far_it_is(tmp_path: Path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(decoding, "SECONDS_BETWEEN_LINES", -1.0)
    file = save(random_pixels(1)[0], tmp_path / "image.png")
    with caplog.at_level("INFO", logger="study"):
        decode([file] * (CHUNK + 3))
    assert caplog.messages == [f"decoded {CHUNK} of {CHUNK + 3} images", f"decoded {CHUNK + 3} of {CHUNK + 3} images"]
