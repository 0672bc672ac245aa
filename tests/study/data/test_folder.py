import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from study.data.arrays import DataError
from study.data.folder import _decoded, load_folder
from study.data.listing import list_folder
from tests.study.data.helpers import random_pixels, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "pets", {"dog": 2, "cat": 3})


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_images_and_labels(folder: Path, data_dir: Path) -> None:
    data = load_folder(folder, data_dir)
    assert (data.name, data.classes) == ("pets", ("cat", "dog"))
    assert data.train_labels.tolist() == [0, 0, 0, 1, 1]
    assert data.test_labels.tolist() == [0, 1]
    assert data.train_labels.dtype == np.int64
    for index, name in enumerate(["cat/0000", "cat/0001", "cat/0002", "dog/0000", "dog/0001"]):
        with Image.open(folder / "train" / f"{name}.png") as image:
            assert np.array_equal(data.train_images[index], np.asarray(image))
    with Image.open(folder / "test/dog/0000.png") as image:
        assert np.array_equal(data.test_images[1], np.asarray(image))
    for images in (data.train_images, data.test_images):
        assert images.flags.c_contiguous


def test_the_second_call_reads_one_file_and_gives_the_same(folder: Path, data_dir: Path) -> None:
    first = load_folder(folder, data_dir)
    [file] = (data_dir / "cache").glob("pets-*.npz")
    written = file.stat().st_mtime_ns
    second = load_folder(folder, data_dir)
    assert file.stat().st_mtime_ns == written
    assert second.fingerprint == first.fingerprint
    assert np.array_equal(second.train_images, first.train_images)


def test_a_change_is_noticed(folder: Path, data_dir: Path) -> None:
    before = load_folder(folder, data_dir)
    [pixels] = random_pixels(1, seed=99)
    Image.fromarray(pixels).save(folder / "train/cat/0000.png")
    after = load_folder(folder, data_dir)
    assert np.array_equal(after.train_images[0], pixels)
    assert after.fingerprint != before.fingerprint


def test_an_empty_class_is_noticed_although_no_image_changed(folder: Path, data_dir: Path) -> None:
    load_folder(folder, data_dir)
    (folder / "train/horse").mkdir()
    with pytest.raises(DataError, match="train/horse: a class without images"):
        load_folder(folder, data_dir)


def test_a_change_while_the_images_are_read_is_an_error(folder: Path) -> None:
    listing = list_folder(folder)
    Image.fromarray(random_pixels(1)[0]).save(folder / "train/cat/0009.png")
    with pytest.raises(DataError, match="changed while it was being read"):
        _decoded(listing, "pets")


def test_the_fingerprint_is_that_of_the_content_wherever_it_lies(folder: Path, data_dir: Path, tmp_path: Path) -> None:
    here = load_folder(folder, data_dir)
    shutil.copytree(folder, tmp_path / "elsewhere" / "animals")
    there = load_folder(tmp_path / "elsewhere" / "animals", data_dir)
    assert there.name == "animals"
    assert there.fingerprint == here.fingerprint


def test_two_folders_of_one_name_do_not_share_a_file(folder: Path, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other" / "pets", {"dog": 1, "cat": 1}, seed=9)
    load_folder(folder, tmp_path / "data")
    load_folder(other, tmp_path / "data")
    assert len(list((tmp_path / "data/cache").glob("pets-*.npz"))) == 2


def test_all_problems_are_reported_at_once_and_nothing_is_kept(folder: Path, data_dir: Path) -> None:
    (folder / "train/horse").mkdir()
    (folder / "test/horse").mkdir()
    damaged = folder / "train/cat/0001.png"
    damaged.write_bytes(damaged.read_bytes()[:500])
    Image.fromarray(random_pixels(1, size=64)[0]).save(folder / "test/dog/0000.png")
    with pytest.raises(DataError) as raised:
        load_folder(folder, data_dir)
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == [
        f"{folder}/train/horse",
        f"{folder}/test/horse",
        f"{folder}/train/cat/0001.png",
        f"{folder}/test/dog/0000.png",
    ]
    assert not list(data_dir.glob("**/*.npz"))


def test_of_many_damaged_images_the_first_are_shown(tmp_path: Path, data_dir: Path) -> None:
    folder = write_folder(tmp_path / "pets", {"cat": 30, "dog": 1})
    for file in (folder / "train/cat").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError) as raised:
        load_folder(folder, data_dir)
    lines = str(raised.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].startswith("and 10 more")


def test_an_unwritable_data_directory_only_costs_the_caching(
    folder: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data_dir.write_text("a file")
    with caplog.at_level(logging.WARNING):
        assert len(load_folder(folder, data_dir).train_images) == 5
    assert "cannot be kept there" in caplog.text


def test_files_that_are_no_images_are_left_out_with_a_warning(
    folder: Path, data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "train/cat/notes.txt").write_text("by hand")
    with caplog.at_level(logging.WARNING):
        assert len(load_folder(folder, data_dir).train_images) == 5
    [record] = caplog.records
    assert "left out 1 file(s)" in record.getMessage()
    assert "train/cat/notes.txt" in record.getMessage()


def test_jpeg(tmp_path: Path, data_dir: Path) -> None:
    folder = write_folder(tmp_path / "pets", {"cat": 1, "dog": 1}, suffix="jpg")
    data = load_folder(folder, data_dir)
    with Image.open(folder / "train/cat/0000.jpg") as image:
        assert np.array_equal(data.train_images[0], np.asarray(image))
