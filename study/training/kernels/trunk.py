"""The network's trunk (images -> 100 features) through the kernels of trunk.cpp, with gradients for autograd.

The kernels take one replica at a time, so R replicas cost R times one, and a replica is bit for bit what it is alone.
With several threads the replicas (in eval mode also parts of the images) are shared out among them.
"""

import ctypes
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from study.contract.axes import Configuration
from study.training.images import Images
from study.training.kernels.build import Shape, library
from study.training.network import FEATURES, ReplicatedNetwork

_IMAGE_SHAPE = (32, 32, 3)  # bytes; as layout.h has it
_NAMES = {torch.float32: "float", torch.float64: "double"}


class KernelTrunk:
    """The trunk of a network whose parameters stay where they are.

    Args:
        network: on the CPU, float32 or float64.
        configuration: that it was made from.
        batch_size: the largest batch that is trained.

    Raises:
        KernelsUnavailableError: see ``library``.
    """

    def __init__(self, network: ReplicatedNetwork, configuration: Configuration, batch_size: int) -> None:
        self._library = library()
        self._network = network
        self._batch_size = batch_size
        self._dtype = network.conv1.weight.dtype
        self._shape = Shape(configuration.num_blocks, configuration.block == "residual", configuration.batch_norm)
        self._running = list(network.blocks.buffers())
        size = self._call("workspace_size", batch_size)
        # Zeros, once: the kernels leave the borders of every activation alone.
        self._workspaces = torch.zeros(network.replicas, size, dtype=self._dtype)
        self.batches = 0  # trained so far: tells whose values the workspaces hold

    def features(self, images: Images, batch: Tensor) -> Tensor:
        """Features (R, B, 100) of the images with the indices (R, B), in training mode; differentiable.

        One batch at a time: what the gradients need is kept in a workspace that the next call uses again.
        """
        return _Features.apply(self, images, batch.contiguous(), *self._parameters())  # pyright: ignore[reportReturnType]

    @torch.no_grad()
    def infer(self, images: Images, first: int, last: int) -> Tensor:
        """Features (R, last - first, 100) of consecutive images, in eval mode."""
        _check(images)
        parameters = self._parameters()
        pointers, running = _pointers(parameters), _pointers(self._running)
        table = images.lookup_table
        out = torch.empty(self._network.replicas, last - first, FEATURES, dtype=self._dtype)
        size = self._call("scratch_size")

        def part(replica: int, start: int, stop: int) -> None:
            scratch = torch.zeros(size, dtype=self._dtype)
            self._call(
                "infer",
                *(pointers, running, replica, images.pixels.data_ptr(), start, stop - start),
                *(table.data_ptr(), scratch.data_ptr(), out[replica, start - first :].data_ptr()),
            )

        threads = torch.get_num_threads()
        step = -(-(last - first) // threads)
        _each(part, [(r, s, min(s + step, last)) for r in range(len(out)) for s in range(first, last, step)])
        return out

    def run_forward(self, images: Images, batch: Tensor, parameters: Sequence[Tensor]) -> Tensor:
        """The features and, in the workspaces, what ``backward`` needs."""
        _check(images)
        if batch.shape[1] > self._batch_size:
            raise ValueError(f"a batch of {batch.shape[1]} images: this trunk was made for at most {self._batch_size}")
        self.batches += 1
        pointers, running = _pointers(parameters), _pointers(self._running)
        table, (replicas, size) = images.lookup_table, batch.shape
        out = torch.empty(replicas, size, FEATURES, dtype=self._dtype)

        def run(replica: int) -> None:
            self._call(
                "forward",
                *(pointers, running, replica, images.pixels.data_ptr(), batch[replica].data_ptr(), table.data_ptr()),
                *(self._batch_size, size, self._workspaces[replica].data_ptr(), out[replica].data_ptr()),
            )

        _each(run, [(replica,) for replica in range(replicas)])
        return out

    def run_backward(self, grad_output: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
        """The gradients of the parameters, given those of the features (R, B, 100)."""
        grad_output = grad_output.contiguous()
        gradients = [torch.empty_like(parameter) for parameter in parameters]
        pointers, to = _pointers(parameters), _pointers(gradients)

        def run(replica: int) -> None:
            self._call(
                "backward",
                *(pointers, to, replica, self._batch_size, grad_output.shape[1]),
                *(self._workspaces[replica].data_ptr(), grad_output[replica].data_ptr()),
            )

        _each(run, [(replica,) for replica in range(len(grad_output))])
        return gradients

    def _parameters(self) -> list[Tensor]:
        """In the order that trunk.cpp expects: those of the network's convolutions and batch norms."""
        network = self._network
        layers = (network.conv1, network.conv2, network.blocks, network.conv3)
        return [parameter for layer in layers for parameter in layer.parameters()]

    def _call(self, name: str, *arguments: Any) -> int:
        function = getattr(self._library, f"{name}_{_NAMES[self._dtype]}")
        return function(ctypes.byref(self._shape), *arguments)


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, trunk: KernelTrunk, images: Images, batch: Tensor, *parameters: Tensor) -> Tensor:
        features = trunk.run_forward(images, batch, parameters)
        ctx.trunk, ctx.batch_number = trunk, trunk.batches
        ctx.save_for_backward(*parameters)
        return features

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.batch_number != ctx.trunk.batches:
            raise RuntimeError("another batch has gone forward since: its values have replaced this one's")
        return None, None, None, *ctx.trunk.run_backward(grad_outputs[0], ctx.saved_tensors)


def _check(images: Images) -> None:
    """Refuse images of another shape: the kernels would read out of bounds."""
    if images.pixels.shape[1:] != _IMAGE_SHAPE or not images.pixels.is_contiguous():
        raise ValueError(f"images of shape {tuple(images.pixels.shape[1:])}: the network takes {_IMAGE_SHAPE}")


def _pointers(tensors: Sequence[Tensor]) -> Any:
    for tensor in tensors:
        assert tensor.is_contiguous()
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


def _each(function: Callable[..., None], calls: Sequence[tuple[int, ...]]) -> None:
    """Make the calls, in as many threads as PyTorch has been given; the kernels let go of Python's lock."""
    threads = min(torch.get_num_threads(), len(calls))
    if threads <= 1:
        for arguments in calls:
            function(*arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(function, *arguments) for arguments in calls]:
            future.result()
