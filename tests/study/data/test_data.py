from pathlib import Path

import numpy as np
import pytest

from study.data import DataError, ImageData, hold_out, load
from tests.study.data.helpers import small_data, write_folder


def test_digits_by_name(tmp_path: Path) -> None:
    data = load("digits", tmp_path / "data", validation=100)
    assert data.name == "digits"
    assert len(data.validation_images) == 100
    assert not (tmp_path / "data").exists()


def test_a_folder_that_is_called_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "digits", {"cat": 2, "dog": 2})
    monkeypatch.chdir(tmp_path)
    data = load("./digits", tmp_path / "data")
    assert (data.name, data.classes) == ("digits", ("cat", "dog"))


@pytest.mark.parametrize(("name", "near"), [("digit", "digits"), ("CIFAR-10", "cifar10"), ("cats", None)])
def test_a_mistyped_name_is_taken_for_a_folder_and_the_error_names_all_choices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, near: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    hint = rf" \(did you mean {near}\?\)" if near else ""
    with pytest.raises(DataError, match=rf"^{name}: no such folder.*auto, cifar10, digits or a folder's path{hint}$"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", ["auto", "cifar10"])
def test_cifar10_from_the_data_directory(tmp_path: Path, name: str) -> None:
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"the beginning of an archive")
    with pytest.raises(DataError, match=r"cifar-10-python.tar.gz: damaged or incomplete"):
        load(name, tmp_path)


def read_only(data: ImageData) -> ImageData:
    """As Ray's object store maps them."""
    for array in (data.train_images, data.train_labels, data.test_images, data.test_labels):
        array.setflags(write=False)
    return data


def test_held_out_images_are_stratified_and_disjoint_from_training() -> None:
    data = read_only(small_data({"a": 40, "b": 20, "c": 10}))
    split = hold_out(data, 14)
    assert np.bincount(split.validation_labels).tolist() == [8, 4, 2]
    assert np.bincount(split.train_labels).tolist() == [32, 16, 8]
    kept = {image.tobytes() for image in split.train_images}
    held_out = {image.tobytes() for image in split.validation_images}
    assert not kept & held_out
    assert kept | held_out == {image.tobytes() for image in data.train_images}
    for images, labels in (
        (split.train_images, split.train_labels),
        (split.validation_images, split.validation_labels),
    ):
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
        assert images.flags.c_contiguous
        assert labels.flags.c_contiguous


def test_images_keep_their_labels() -> None:
    data = small_data({"a": 6, "b": 6})
    split = hold_out(data, 4)
    label_of = {image.tobytes(): label for image, label in zip(data.train_images, data.train_labels, strict=True)}
    for image, label in zip(split.validation_images, split.validation_labels, strict=True):
        assert label_of[image.tobytes()] == label


def test_which_images_are_held_out_is_fixed_by_the_data_and_the_count() -> None:
    data = small_data({"a": 30, "b": 30})
    np.random.seed(1)  # scikit-learn draws from this generator where it is not told otherwise
    first = hold_out(data, 10)
    np.random.seed(2)
    again = hold_out(data, 10)
    assert np.array_equal(first.validation_images, again.validation_images)
    assert np.array_equal(first.train_images, again.train_images)


def test_the_test_set_and_the_fingerprint_stay() -> None:
    data = small_data({"a": 5, "b": 5})
    split = hold_out(data, 2)
    assert split.test_images is data.test_images
    assert split.test_labels is data.test_labels
    assert (split.name, split.classes, split.fingerprint) == (
        data.name,
        data.classes,
        data.fingerprint,
    )


def test_nothing_held_out_is_the_data_itself() -> None:
    data = small_data({"a": 5, "b": 5})
    assert hold_out(data, 0) is data


@pytest.mark.parametrize("count", [-1, 1, 3, 17, 20, 21])
def test_a_count_that_leaves_a_class_empty_is_refused(count: int) -> None:
    with pytest.raises(DataError, match=r"of 20 .* must be between 4 and 16, e\.g\. --set validation=4$"):
        hold_out(small_data({"a": 15, "b": 5}), count)


@pytest.mark.parametrize("count", [4, 16])
def test_the_limits_themselves_leave_an_image_of_every_class_on_both_sides(count: int) -> None:
    split = hold_out(small_data({"a": 15, "b": 5}), count)
    assert np.bincount(split.train_labels).min() >= 1
    assert np.bincount(split.validation_labels).min() >= 1


def test_a_class_with_one_image_cannot_be_held_out() -> None:
    with pytest.raises(DataError, match="must be 0: class b has only 1 training image"):
        hold_out(small_data({"a": 9, "b": 1}), 2)
