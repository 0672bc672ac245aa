"""The handwritten digits that come with scikit-learn: a data set that needs no download."""

import numpy as np

from study.data.arrays import ImageData

TEST_IMAGES = 360
UPSCALING = 4  # 8 x 8 -> 32 x 32


def load_digits() -> ImageData:
    """1,437 images for training and 360 for test of the digits 0 to 9.

    The split is fixed and holds the classes in equal shares. The 8 x 8 grey images (values 0 to 16)
    are scaled to 0 to 255, every pixel is repeated 4 x 4 times, and the three channels are equal.
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, 1998, of which ``sklearn.datasets.load_digits`` carries the test part.
    """
    # scikit-learn takes about a second to import: only those who ask for it wait.
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    grey, labels = datasets.load_digits(return_X_y=True)
    labels = np.asarray(labels, np.int64)
    images = _as_rgb(np.asarray(grey).reshape(-1, 8, 8))
    train, test = train_test_split(np.arange(len(labels)), test_size=TEST_IMAGES, random_state=0, stratify=labels)
    return ImageData.without_validation(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        train=(images[train], labels[train]),
        test=(images[test], labels[test]),
    )


def _as_rgb(grey: np.ndarray) -> np.ndarray:
    """Values 0 to 16 (N, 8, 8) -> uint8 (N, 32, 32, 3)."""
    pixels = np.rint(grey * (255 / 16)).astype(np.uint8)
    upscaled = pixels.repeat(UPSCALING, axis=1).repeat(UPSCALING, axis=2)
    return np.repeat(upscaled[..., None], 3, axis=3)
