"""Small inputs that several tests share."""

import numpy as np

from study.data import ImageData


def tiny_data(train: int = 300, test: int = 70, validation: int = 0, seed: int = 0) -> ImageData:
    """Ten classes of noisy 32 x 32 images; 300 images are two whole batches and a partial one."""
    rng = np.random.default_rng(seed)
    prototypes = rng.integers(40, 216, size=(10, 32, 32, 3))

    def split(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.permutation(np.arange(count) % 10).astype(np.int64)
        noise = rng.integers(-40, 40, size=(count, 32, 32, 3))
        return (prototypes[labels] + noise).astype(np.uint8), labels

    train_images, train_labels = split(train)
    validation_images, validation_labels = split(validation)
    test_images, test_labels = split(test)
    return ImageData(
        name="tiny",
        classes=tuple("abcdefghij"),
        fingerprint="0" * 64,
        train_images=train_images,
        train_labels=train_labels,
        validation_images=validation_images,
        validation_labels=validation_labels,
        test_images=test_images,
        test_labels=test_labels,
    )
