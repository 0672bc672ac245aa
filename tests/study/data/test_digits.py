import numpy as np

from study.data.digits import load_digits


def test_digits_are_pinned() -> None:
    data = load_digits()
    assert data.fingerprint == "0e6408fc9ae89788eca5b05147f01eace29c6e9d83797736027012c0383a0bcf"
    assert data.name == "digits"
    assert data.classes == tuple("0123456789")
    assert data.train_images.shape == (1437, 32, 32, 3)
    assert data.test_images.shape == (360, 32, 32, 3)
    assert len(data.validation_images) == 0


def test_digits_are_8_x_8_grey_images_upscaled_to_the_full_range() -> None:
    images = load_digits().train_images
    assert images.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    assert np.array_equal(images[..., 0], images[..., 2])
    coarse = images[:, ::4, ::4]
    assert np.array_equal(coarse.repeat(4, axis=1).repeat(4, axis=2), images)


def test_digits_hold_the_classes_in_equal_shares() -> None:
    data = load_digits()
    share = np.bincount(data.test_labels) / np.bincount(np.concatenate([data.train_labels, data.test_labels]))
    assert np.allclose(share, 0.2, atol=0.01)
