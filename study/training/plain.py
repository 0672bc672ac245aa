"""One network the obvious way, as PyTorch's own layers: what a trained run is handed over as."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from study.contract.axes import Configuration
from study.training.network import CHANNELS, FEATURES, HIDDEN, IMAGE_CHANNELS
from study.training.states import RunState


class PlainBlock(nn.Module):
    """conv 3x3, [batch norm], ReLU, conv 3x3, [batch norm], [its input added], ReLU."""

    def __init__(self, *, residual: bool, batch_norm: bool) -> None:
        super().__init__()
        self.residual = residual
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(CHANNELS) if batch_norm else nn.Identity()
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(CHANNELS) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, 8, 12, 12) -> the same shape."""
        out = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(out + x if self.residual else out)


class PlainNetwork(nn.Module):
    """The notebook's network; images (B, 3, 32, 32), as ``normalised`` gives them, -> logits (B, classes)."""

    def __init__(self, configuration: Configuration, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(IMAGE_CHANNELS, CHANNELS, 5)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 5, stride=2)
        self.blocks = nn.Sequential(
            *(
                PlainBlock(residual=configuration.block == "residual", batch_norm=configuration.batch_norm)
                for _ in range(configuration.num_blocks)
            )
        )
        self.conv3 = nn.Conv2d(CHANNELS, 4, 3, stride=2)
        self.fc1 = nn.Linear(FEATURES, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, num_classes, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, 3, 32, 32)."""
        x = self.conv3(self.blocks(self.conv2(self.conv1(images))))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def plain_network(configuration: Configuration, state: RunState) -> PlainNetwork:
    """The network of a run as it was after its last epoch, in eval mode, on the CPU.

    Raises:
        RuntimeError: the state is that of another configuration.
    """
    tensors = {name: tensor[0] for name, tensor in state["network"].items()}
    network = PlainNetwork(configuration, num_classes=len(tensors["fc2.weight"]))
    # How many batches batch norm has seen is counted by PyTorch alone, and changes nothing.
    counters = {name: tensor for name, tensor in network.named_buffers() if name.endswith("num_batches_tracked")}
    network.load_state_dict(tensors | counters)
    return network.eval()


def normalised(images: NDArray[np.uint8]) -> Tensor:
    """Images uint8 (N, 32, 32, 3) -> float32 (N, 3, 32, 32), ``(x / 255 - 0.5) / 0.5``, as runs are trained on."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).to(torch.float32).mul_(2 / 255).sub_(1)
