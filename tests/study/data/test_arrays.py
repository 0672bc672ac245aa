import numpy as np
import pytest

from study.data.arrays import DataError, ImageData, fingerprint_of
from tests.study.data.helpers import random_pixels


def test_arrays_are_contiguous_and_the_validation_set_is_empty() -> None:
    channels_first = random_pixels(4).transpose(0, 3, 1, 2)
    data = ImageData.without_validation(
        name="small",
        classes=("a", "b"),
        train=(channels_first.transpose(0, 2, 3, 1)[::2], np.arange(4)[::2]),
        test=(random_pixels(2), np.array([0, 1])),
    )
    for images in (data.train_images, data.validation_images, data.test_images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (32, 32, 3)
        assert images.flags.c_contiguous
    for labels in (data.train_labels, data.validation_labels, data.test_labels):
        assert labels.dtype == np.int64
        assert labels.flags.c_contiguous
    assert (len(data.train_images), len(data.validation_images)) == (2, 0)


def test_the_fingerprint_depends_on_classes_pixels_and_labels() -> None:
    images, labels = random_pixels(3), np.array([0, 1, 1])
    other_images, other_labels = images.copy(), labels[::-1].copy()
    other_images[2, 31, 31, 2] ^= 1
    fingerprints = {
        fingerprint_of(("a", "b"), images, labels),
        fingerprint_of(("a", "c"), images, labels),
        fingerprint_of(("a", "b"), other_images, labels),
        fingerprint_of(("a", "b"), images, other_labels),
    }
    assert len(fingerprints) == 4
    assert fingerprint_of(("a", "b"), images.copy(), labels.copy()) in fingerprints


@pytest.mark.parametrize(("count", "lines"), [(1, 1), (20, 20), (21, 21), (50, 21)])
def test_an_error_shows_the_first_problems_and_counts_the_rest(count: int, lines: int) -> None:
    shown = str(DataError.of([f"problem {n}" for n in range(count)])).splitlines()
    assert len(shown) == lines
    assert shown[0] == "problem 0"
    if count > 20:
        assert shown[-1].startswith(f"and {count - 20} more")
