"""The notebook's network, and R replicas of it side by side as one network.

Replica k owns channels ``8k .. 8k + 7`` of every activation. Convolutions are grouped, linear layers are
batched matrix products and batch norm is per channel anyway, so no number of one replica ever meets a
number of another: a replica computes what it would compute alone, also when its neighbour diverges.

The idea of training several models as one, operator by operator, is that of HFTA (Wang et al., "Horizontally
Fused Training Array", MLSys 2021, https://arxiv.org/abs/2102.02344).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.contract.axes import Configuration

IMAGE_CHANNELS = 3
CHANNELS = 8
FEATURES = 4 * 5 * 5
HIDDEN = 100


class ReplicatedConv2d(nn.Module):
    """R convolutions as one grouped convolution.

    ``weight`` is (R, out, in, k, k) and ``bias`` (R, out); the input is (B, R * in, H, W).
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        weights, biases = zip(*(_default_init(shape, generator) for generator in generators), strict=True)
        self.weight = nn.Parameter(torch.stack(weights))
        self.bias = nn.Parameter(torch.stack(biases))
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, R * in, H, W) -> (B, R * out, H', W')."""
        weight = self.weight.flatten(0, 1)
        bias = self.bias.flatten()
        return F.conv2d(x, weight, bias, self.stride, self.padding, groups=len(self.weight))


class ReplicatedLinear(nn.Module):
    """R linear layers as one batched matrix product: ``weight`` (R, out, in), input (R, B, in)."""

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        in_features: int,
        out_features: int,
        *,
        bias: bool,
    ) -> None:
        super().__init__()
        shape = (out_features, in_features)
        drawn = [_default_init(shape, generator, bias=bias) for generator in generators]
        self.weight = nn.Parameter(torch.stack([weight for weight, _ in drawn]))
        self.bias = nn.Parameter(torch.stack([b for _, b in drawn])) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """(R, B, in) -> (R, B, out)."""
        weight = self.weight.transpose(1, 2)
        if self.bias is None:
            return torch.bmm(x, weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, weight)


class ReplicatedBatchNorm2d(nn.Module):
    """Batch norm of R replicas: per channel, hence per replica; PyTorch's momentum and epsilon.

    ``weight`` and ``bias`` are (R, C), like the buffers ``running_mean`` and ``running_var``.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, replicas: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(replicas, channels))
        self.bias = nn.Parameter(torch.zeros(replicas, channels))
        self.register_buffer("running_mean", torch.zeros(replicas, channels))
        self.register_buffer("running_var", torch.ones(replicas, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, R * C, H, W) -> the same shape; in training mode updates the running statistics."""
        return F.batch_norm(
            x,
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.flatten(),
            self.bias.flatten(),
            training=self.training,
        )


class ConvBlock(nn.Module):
    """conv 3x3, [batch norm], ReLU, conv 3x3, [batch norm], ReLU."""

    def __init__(self, generators: Sequence[torch.Generator], *, batch_norm: bool) -> None:
        super().__init__()

        def norm() -> nn.Module:
            if batch_norm:
                return ReplicatedBatchNorm2d(len(generators), CHANNELS)
            return nn.Identity()

        self.conv1 = ReplicatedConv2d(generators, CHANNELS, CHANNELS, 3, padding=1)
        self.norm1 = norm()
        self.conv2 = ReplicatedConv2d(generators, CHANNELS, CHANNELS, 3, padding=1)
        self.norm2 = norm()

    def body(self, x: Tensor) -> Tensor:
        """Everything before the block's last ReLU, without a skip connection.

        In place where autograd does not need the value again: a step is bound by memory more than by arithmetic.
        """
        return self.norm2(self.conv2(F.relu_(self.norm1(self.conv1(x)))))

    def forward(self, x: Tensor) -> Tensor:
        """(B, R * 8, 12, 12) -> the same shape."""
        return F.relu_(self.body(x))


class ResidualBlock(ConvBlock):
    """The same block with its input added before the last ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, R * 8, 12, 12) -> the same shape."""
        return F.relu_(self.body(x).add_(x))


BLOCKS: dict[str, type[ConvBlock]] = {"residual": ResidualBlock, "conv": ConvBlock}


class ReplicatedNetwork(nn.Module):
    """R replicas of the notebook's network, each with the initialisation of its own seed.

    conv 5x5, 3 -> 8 (28 x 28); conv 5x5 stride 2 (12 x 12), nothing between or after them; ``num_blocks``
    blocks; conv 3x3 stride 2, 8 -> 4 (5 x 5); linear 100 -> 100, ReLU; linear 100 -> classes without bias.

    Seed s gives, bit for bit, the parameters that ``torch.manual_seed(s)`` followed by building the same
    layers from ``torch.nn`` gives: PyTorch's default initialisation, drawn in the order of the layers.

    Args:
        configuration: its block, num_blocks and batch_norm are used here.
        seeds: one for each replica.
        num_classes: outputs of the last layer.
    """

    def __init__(self, configuration: Configuration, seeds: Sequence[int], num_classes: int = 10) -> None:
        super().__init__()
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        block = BLOCKS[configuration.block]
        self.replicas = len(generators)
        self.conv1 = ReplicatedConv2d(generators, IMAGE_CHANNELS, CHANNELS, 5)
        self.conv2 = ReplicatedConv2d(generators, CHANNELS, CHANNELS, 5, stride=2)
        self.blocks = nn.Sequential(
            *(block(generators, batch_norm=configuration.batch_norm) for _ in range(configuration.num_blocks))
        )
        self.conv3 = ReplicatedConv2d(generators, CHANNELS, 4, 3, stride=2)
        self.fc1 = ReplicatedLinear(generators, FEATURES, HIDDEN, bias=True)
        self.fc2 = ReplicatedLinear(generators, HIDDEN, num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (R, B, classes) of (B, R * 3, 32, 32), or of (B, 3, 32, 32) shown to every replica."""
        kernel, bias = self.composed_stem()
        groups = images.shape[1] // IMAGE_CHANNELS  # 1 when every replica is shown the same images
        x = F.conv2d(images, kernel.flatten(0, 1), bias.flatten(), stride=2, groups=groups)
        x = self.conv3(self.blocks(x))
        return self.head(x.reshape(len(x), self.replicas, -1).transpose(0, 1))

    def head(self, features: Tensor) -> Tensor:
        """Features (R, B, 100) -> logits (R, B, classes): the two linear layers."""
        if features.shape[1] == 1 and features.device.type == "cpu":
            # A matrix of one row is multiplied by another routine, whose rounding depends on the place in memory,
            # hence on the neighbours; with two rows it does not.
            return self.head(features.repeat(1, 2, 1))[:, :1]
        return self.fc2(F.relu(self.fc1(features)))

    def composed_stem(self) -> tuple[Tensor, Tensor]:
        """conv1 and conv2 as the one 9x9 convolution of stride 2 that they are: (R, 8, 3, 9, 9) and bias (R, 8).

        Nothing stands between the two, so their composition is a convolution whose kernel is the full
        convolution of theirs. One pass over 12 x 12 outputs is cheaper than one over 28 x 28 and one over
        12 x 12; the gradients reach both weights through the composition.
        """
        # In float32 also under autocast: rounded to bfloat16, the kernel would be that of another network.
        with torch.autocast(self.conv1.weight.device.type, enabled=False):
            if self.conv1.weight.device.type == "cpu":
                # Replica by replica: of several groups the library rounds each otherwise than alone.
                kernels = [_composed(*weights) for weights in zip(self.conv2.weight, self.conv1.weight, strict=True)]
                kernel = torch.stack(kernels)
            else:
                kernel = _composed_groups(self.conv2.weight, self.conv1.weight)
            # (R, 8, 8) sums over the taps, times the bias (R, 1, 8) of each channel between the two.
            reach = self.conv2.weight.sum((3, 4))
            bias = self.conv2.bias + (reach * self.conv1.bias.unsqueeze(1)).sum(2)
        return kernel, bias


def _composed(second: Tensor, first: Tensor) -> Tensor:
    """Kernels (8, 8, 5, 5) after (8, 3, 5, 5) -> (8, 3, 9, 9): their full convolution."""
    return F.conv_transpose2d(second, first)


def _composed_groups(second: Tensor, first: Tensor) -> Tensor:
    """``_composed`` of R replicas at once: (R, 8, 8, 5, 5) after (R, 8, 3, 5, 5) -> (R, 8, 3, 9, 9)."""
    replicas = len(first)
    # (8, R * 8, 5, 5) by groups with (R * 8, 3, 5, 5) -> (8, R * 3, 9, 9) -> (R, 8, 3, 9, 9)
    kernel = F.conv_transpose2d(second.transpose(0, 1).flatten(1, 2), first.flatten(0, 1), groups=replicas)
    return kernel.unflatten(1, (replicas, IMAGE_CHANNELS)).transpose(0, 1)


def _default_init(shape: tuple[int, ...], generator: torch.Generator, *, bias: bool = True) -> tuple[Tensor, Tensor]:
    """PyTorch's default weight and bias (``nn.Conv2d.reset_parameters``), from one generator."""
    weight = torch.empty(shape)
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    offset = torch.empty(shape[0])
    if bias:
        bound = 1 / math.sqrt(weight[0].numel())
        nn.init.uniform_(offset, -bound, bound, generator=generator)
    return weight, offset
