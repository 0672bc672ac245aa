import logging
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from study.data.arrays import ImageData
from study.data.cache import cached, exclusive
from tests.study.data.helpers import small_data

DATA = small_data({"a": 3, "b": 2})


def must_not_decode() -> ImageData:
    raise AssertionError("decoded although the file was there")


def test_a_stored_data_set_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cache" / "small.npz"
    assert cached(file, "key", "small", lambda: DATA) is DATA
    again = cached(file, "key", "small", must_not_decode)
    assert (again.name, again.classes, again.fingerprint) == ("small", ("a", "b"), DATA.fingerprint)
    assert np.array_equal(again.train_images, DATA.train_images)
    assert np.array_equal(again.train_labels, DATA.train_labels)
    assert np.array_equal(again.test_images, DATA.test_images)
    assert np.array_equal(again.test_labels, DATA.test_labels)
    assert again.train_images.flags.c_contiguous


def test_another_key_replaces_the_file(tmp_path: Path) -> None:
    file = tmp_path / "small.npz"
    cached(file, "old", "small", lambda: small_data({"a": 1, "b": 1}))
    assert cached(file, "new", "small", lambda: DATA) is DATA
    assert cached(file, "new", "small", must_not_decode).fingerprint == DATA.fingerprint


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def alter_an_image(file: Path) -> None:
    with np.load(file) as arrays:
        content = dict(arrays)
    content["test_images"][0, 0, 0, 0] ^= 1
    np.savez(file, **content)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("damage", [truncate, empty, flip_a_bit, alter_an_image])
def test_a_damaged_file_is_made_anew_with_a_warning(tmp_path: Path, damage, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "small.npz"
    cached(file, "key", "small", lambda: DATA)
    damage(file)
    with caplog.at_level(logging.WARNING):
        assert cached(file, "key", "small", lambda: DATA) is DATA
    assert f"{file}: damaged" in caplog.text
    assert cached(file, "key", "small", must_not_decode).fingerprint == DATA.fingerprint


def test_a_place_that_cannot_be_written_only_costs_the_caching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with caplog.at_level(logging.WARNING):
        assert cached(tmp_path / "data/cache/small.npz", "key", "small", lambda: DATA) is DATA
    assert "cannot be kept there" in caplog.text


def test_a_file_that_cannot_be_replaced_only_costs_the_caching(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "small.npz"
    (file / "in the way").mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        assert cached(file, "key", "small", lambda: DATA) is DATA
    assert "cannot be kept there" in caplog.text
    assert not file.with_suffix(".part").exists()


def load_and_count(file: Path, counter: Path, start, results) -> None:
    """Run in a process of its own: every call of ``decode`` leaves a line."""

    def decode() -> ImageData:
        with counter.open("a") as lines:
            lines.write("decoded\n")
        return DATA

    start.wait()
    results.put(cached(file, "key", "small", decode).fingerprint)


def test_of_several_processes_one_decodes(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(3), context.Queue()
    arguments = (tmp_path / "small.npz", tmp_path / "counter", start, results)
    processes = [context.Process(target=load_and_count, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    assert {results.get(timeout=60) for _ in processes} == {DATA.fingerprint}
    for process in processes:
        process.join(timeout=60)
    assert (tmp_path / "counter").read_text() == "decoded\n"


def test_a_failure_lets_the_next_one_in(tmp_path: Path) -> None:
    def fail() -> ImageData:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cached(tmp_path / "small.npz", "key", "small", fail)
    with exclusive(tmp_path / "small.npz"):
        pass
    assert cached(tmp_path / "small.npz", "key", "small", lambda: DATA) is DATA
