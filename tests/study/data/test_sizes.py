import pytest

from study.data import DataError, load
from study.data.sizes import Sizes, sizes


def test_the_digits_have_the_sizes_that_they_are_said_to_have(tmp_path):
    data = load("digits", tmp_path, validation=100)
    parts = (data.train_labels, data.validation_labels, data.test_labels)
    train, validation, test = map(len, parts)
    assert sizes("digits", 100) == Sizes(train, validation, test, len(data.classes))


def test_cifar10_has_those_of_its_publication():
    assert sizes("auto", 5_000) == sizes("cifar10", 5_000) == Sizes(45_000, 5_000, 10_000, 10)


def test_a_folder_is_counted_and_a_missing_one_named(tmp_path):
    for split, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{number}.png").touch()
    assert sizes(str(tmp_path)) == Sizes(6, 0, 4, 2)
    with pytest.raises(DataError, match="nowhere"):
        sizes(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"6 images cannot be held out of 6; set fewer, e\.g\. --set validation=1$"):
        sizes(str(tmp_path), 6)


def test_of_too_many_images_held_out_the_error_says_what_to_set():
    with pytest.raises(DataError, match=r"of 1,437; set fewer, e\.g\. --set validation=300$"):
        sizes("digits", 5_000)
