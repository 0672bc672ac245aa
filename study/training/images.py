"""A set of images where the trial computes: uint8 in memory, normalised batch by batch."""

import functools
import warnings
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class ImageArrays(Protocol):
    """A data set in memory, as the training loop needs it; ``study.data.ImageData`` is one.

    Images are uint8 (N, 32, 32, 3), not normalised; labels int64 (N,), indices into the classes. The validation set may
    be empty.
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        ...

    @property
    def train_images(self) -> NDArray[np.uint8]:
        """To learn from."""
        ...

    @property
    def train_labels(self) -> NDArray[np.int64]:
        """Of these."""
        ...

    @property
    def validation_images(self) -> NDArray[np.uint8]:
        """To select by."""
        ...

    @property
    def validation_labels(self) -> NDArray[np.int64]:
        """Of these."""
        ...

    @property
    def test_images(self) -> NDArray[np.uint8]:
        """To report on."""
        ...

    @property
    def test_labels(self) -> NDArray[np.int64]:
        """Of these."""
        ...


class Images:
    """Images and labels on a device.

    On a CPU the tensors are views of the arrays, which may be read-only (Ray maps the data set into every trial
    without a copy); nothing here writes to them.

    Attributes:
        pixels: uint8 (N, H, W, 3) on the device.
        labels: int64 (N,) on the device.

    Args:
        images: uint8 (N, H, W, 3).
        labels: int64 (N,).
        device: where batches are wanted.
        dtype: of the batches.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        device: torch.device,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._dtype = dtype
        self.pixels = _tensor_of(images).to(device).contiguous()
        self.labels = _tensor_of(labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    @functools.cached_property
    def lookup_table(self) -> Tensor:
        """(256,) what each value of a pixel is normalised to."""
        return _normalised(torch.arange(256, dtype=torch.uint8), self._dtype)

    def batch(self, indices: Tensor) -> Tensor:
        """The batches of R replicas: indices (R, B) -> images (B, R * 3, H, W)."""
        replicas, size = indices.shape
        by_image = indices.t().reshape(-1)
        _, height, width, channels = self.pixels.shape
        # Gathered as rows of bytes, which index_select copies fastest: (B * R, H * W * 3).
        pixels = self.pixels.flatten(1).index_select(0, by_image)
        pixels = pixels.view(size, replicas, height, width, channels)
        # Channels last: (B, H, W, R, 3) in memory is (B, R * 3, H, W) with its channels side by side.
        pixels = pixels.permute(0, 2, 3, 1, 4).reshape(size, height, width, replicas * channels)
        return self._normalise(pixels)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole set in order, for all replicas alike: images (B, 3, H, W), labels (B,)."""
        for pixels, labels in zip(self.pixels.split(size), self.labels.split(size), strict=True):
            yield self._normalise(pixels), labels

    def _normalise(self, pixels: Tensor) -> Tensor:
        """uint8 (B, H, W, C) -> floats (B, C, H, W) in channels_last; ``(x / 255 - 0.5) / 0.5``."""
        return _normalised(pixels.permute(0, 3, 1, 2), self._dtype)


def _normalised(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    return pixels.to(dtype).mul_(2 / 255).sub_(1)


def _tensor_of(array: NDArray[np.uint8] | NDArray[np.int64]) -> Tensor:
    with warnings.catch_warnings():
        # PyTorch warns that writing to a tensor over a read-only array is undefined; we only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
