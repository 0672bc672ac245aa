"""How the replicas of a chunk are computed: by this project's kernels where they can be had, else by PyTorch.

Both give the same logits within rounding; the training loop does not know which it has.
"""

import functools
import itertools
import logging
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.func import functional_call

from study.contract.axes import Configuration
from study.training.images import Images
from study.training.kernels.build import KernelsUnavailableError
from study.training.kernels.trunk import KernelTrunk
from study.training.network import ReplicatedNetwork
from study.training.precision import autocast

_logger = logging.getLogger(__name__)


class Backend(Protocol):
    """The forward passes of R replicas."""

    name: str

    def logits(self, images: Images, batch: Tensor) -> Tensor:
        """(R, B, classes) of the images with the indices (R, B), in training mode; differentiable."""
        ...

    def evaluate(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """The whole set, piece by piece, in eval mode: logits (R, B, classes) and labels (B,)."""
        ...


class KernelBackend:
    """The trunk by the kernels of study.training.kernels, the two linear layers by PyTorch; on a CPU.

    Raises:
        KernelsUnavailableError: see ``study.training.kernels.build.library``.
    """

    name = "kernels"
    _PIECE = 2000

    def __init__(self, network: ReplicatedNetwork, configuration: Configuration, batch_size: int) -> None:
        self._network = network
        self._trunk = KernelTrunk(network, configuration, batch_size)

    def logits(self, images: Images, batch: Tensor) -> Tensor:
        """See Backend."""
        return self._network.head(self._trunk.features(images, batch))

    def evaluate(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """See Backend."""
        for first in range(0, len(images), self._PIECE):
            last = min(first + self._PIECE, len(images))
            yield self._network.head(self._trunk.infer(images, first, last)), images.labels[first:last]


class TorchBackend:
    """Everything by PyTorch, the replicas as grouped convolutions; on any device, in any precision."""

    name = "PyTorch"
    # Large, as each batch costs a GPU a launch of every kernel.
    _PIECE = 2000

    def __init__(self, network: ReplicatedNetwork, precision: str) -> None:
        self._network = network
        self._precision = precision
        self._device = network.conv1.weight.device

    def logits(self, images: Images, batch: Tensor) -> Tensor:
        """See Backend."""
        self._network.train()
        pixels = images.batch(batch)
        with autocast(self._precision, self._device):
            return self._network(pixels)

    def evaluate(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """See Backend."""
        self._network.eval()
        for pixels, labels in images.batches(self._PIECE):
            with autocast(self._precision, self._device):
                logits = self._network(pixels)
            yield logits, labels


class OneByOneBackend:
    """Everything by PyTorch, one replica after another; for a CPU.

    A core gains nothing from replicas side by side, and grouped convolutions cost it half as much again: their
    activations are too large for its caches and for the memory that the allocator keeps.
    """

    name = "PyTorch"
    # Large enough to drown the cost of a call, small enough that the activations stay in a core's cache.
    _PIECE = 250

    def __init__(self, network: ReplicatedNetwork, configuration: Configuration, precision: str) -> None:
        self._network = network
        # What a replica runs through; its own parameters and buffers never take part.
        self._lone = ReplicatedNetwork(configuration, [0], network.fc2.weight.shape[1])
        self._precision = precision
        self._device = network.conv1.weight.device

    def logits(self, images: Images, batch: Tensor) -> Tensor:
        """See Backend."""
        self._lone.train()
        return torch.cat(
            [
                self._forward(replica, images.batch(indices))
                for replica, indices in zip(self._replicas(), batch.split(1), strict=True)
            ]
        )

    def evaluate(self, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
        """See Backend."""
        self._lone.eval()
        replicas = self._replicas()
        for pixels, labels in images.batches(self._PIECE):
            yield torch.cat([self._forward(replica, pixels) for replica in replicas]), labels

    def _replicas(self) -> list[dict[str, Tensor]]:
        """The parameters and buffers of each replica, views of those of the network: (1, ...) of (R, ...)."""
        replicas: list[dict[str, Tensor]] = [{} for _ in range(self._network.replicas)]
        for name, tensor in itertools.chain(self._network.named_parameters(), self._network.named_buffers()):
            for replica, own in zip(replicas, tensor.split(1), strict=True):
                replica[name] = own
        return replicas

    def _forward(self, replica: dict[str, Tensor], pixels: Tensor) -> Tensor:
        with autocast(self._precision, self._device):
            return functional_call(self._lone, replica, pixels)


def backend_for(network: ReplicatedNetwork, configuration: Configuration, precision: str, batch_size: int) -> Backend:
    """The fastest way to compute a network where it lies: kernels on a CPU in float32 (and float64), else PyTorch."""
    if network.conv1.weight.device.type == "cpu" and precision in ("float32", "float64"):
        try:
            return KernelBackend(network, configuration, batch_size)
        except KernelsUnavailableError as error:
            _say_once(f"training with PyTorch alone, several times slower than with the kernels: {error}")
    if network.conv1.weight.device.type == "cpu":
        return OneByOneBackend(network, configuration, precision)
    return TorchBackend(network, precision)


@functools.cache
def _say_once(message: str) -> None:
    _logger.warning(message)
