"""R replicas' 3x3 convolutions of 8 channels in PyTorch's operations; all give the same numbers.

Images are (B, R * 8, 12, 12), weights (R, 8, 8, 3, 3), as in study.training.network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANNELS, SIDE = 8, 12


def grouped(x: Tensor, weight: Tensor) -> Tensor:
    """(B, R * 8, 12, 12) with weights (R, 8, 8, 3, 3): a convolution of R groups."""
    return F.conv2d(x, weight.flatten(0, 1), padding=1, groups=len(weight))


def unfolded(x: Tensor, weight: Tensor) -> Tensor:
    """Every pixel's 72 inputs as a column, and a batched product of matrices (8 x 72) with them."""
    batch, replicas = len(x), len(weight)
    columns = F.unfold(x, 3, padding=1).view(batch, replicas, CHANNELS * 9, SIDE * SIDE)
    products = weight.flatten(2) @ columns  # (R, 8, 72) @ (B, R, 72, 144)
    return products.reshape(batch, replicas * CHANNELS, SIDE, SIDE)


def banded(x: Tensor, weight: Tensor) -> Tensor:
    """A row of outputs as one product with the weights scattered into a band.

    Three padded input rows (3 * 14 * 8 numbers) give a row of outputs (12 * 8): 4.7 times the operations, in shapes
    that suit tensor cores.
    """
    batch, replicas = len(x), len(weight)
    padded = F.pad(x, (1, 1, 1, 1)).view(batch, replicas, CHANNELS, SIDE + 2, SIDE + 2)
    rows = padded.unfold(3, 3, 1)  # (B, R, 8, 12 rows, 14, 3): the three rows of each row of outputs
    rows = rows.permute(1, 0, 3, 5, 4, 2).reshape(replicas, batch * SIDE, 3 * (SIDE + 2) * CHANNELS)
    band = weight.new_zeros(replicas, 3, SIDE + 2, CHANNELS, SIDE, CHANNELS)
    at = torch.arange(SIDE, device=x.device)
    for kx in range(3):  # input column x + kx feeds output column x
        taps = weight[:, :, :, :, kx].permute(0, 3, 2, 1)  # (R, ky, in, out)
        band[:, :, at + kx, :, at, :] = taps.expand(SIDE, *taps.shape)
    products = torch.bmm(rows, band.view(replicas, 3 * (SIDE + 2) * CHANNELS, SIDE * CHANNELS))
    products = products.view(replicas, batch, SIDE, SIDE, CHANNELS)
    return products.permute(1, 0, 4, 2, 3).reshape(batch, replicas * CHANNELS, SIDE, SIDE)


def block(x: Tensor, weight: Tensor) -> Tensor:
    """A residual block without batch norm and biases, the same weights in both convolutions; grouped."""
    return F.relu_(grouped(F.relu_(grouped(x, weight)), weight).add_(x))
