"""A set of images where the trial computes: uint8 in memory, normalised batch by batch."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Images:
    """Images and labels on a device.

    On a CPU the tensors are views of the arrays, which may be read-only (Ray maps the data set into every trial
    without a copy); nothing here writes to them.

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
        self._images = _tensor_of(images).to(device)
        self._labels = _tensor_of(labels).to(device)

    def __len__(self) -> int:
        return len(self._labels)

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The batches of R replicas: indices (R, B) -> images (B, R * 3, H, W), labels (R, B)."""
        replicas, size = indices.shape
        by_image = indices.t().reshape(-1)
        _, height, width, channels = self._images.shape
        # Gathered as rows of bytes, which index_select copies fastest: (B * R, H * W * 3).
        pixels = self._images.flatten(1).index_select(0, by_image)
        pixels = pixels.view(size, replicas, height, width, channels)
        # Channels last: (B, H, W, R, 3) in memory is (B, R * 3, H, W) with its channels side by side.
        pixels = pixels.permute(0, 2, 3, 1, 4).reshape(size, height, width, replicas * channels)
        return self._normalise(pixels), self._labels[indices]

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole set in order, for all replicas alike: images (B, 3, H, W), labels (B,)."""
        for pixels, labels in zip(self._images.split(size), self._labels.split(size), strict=True):
            yield self._normalise(pixels), labels

    def _normalise(self, pixels: Tensor) -> Tensor:
        """uint8 (B, H, W, C) -> floats (B, C, H, W) in channels_last; ``(x / 255 - 0.5) / 0.5``."""
        return pixels.permute(0, 3, 1, 2).to(self._dtype).mul_(2 / 255).sub_(1)


def _tensor_of(array: NDArray[np.uint8] | NDArray[np.int64]) -> Tensor:
    with warnings.catch_warnings():
        # PyTorch warns that writing to a tensor over a read-only array is undefined; we only read.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
