"""The notebook's network and loop written the obvious way, to compare the study's with."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.contract.axes import Configuration
from study.data import ImageData


class PlainBlock(nn.Module):
    def __init__(self, *, residual: bool, batch_norm: bool) -> None:
        super().__init__()
        self.residual = residual
        self.conv1 = nn.Conv2d(8, 8, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(8) if batch_norm else nn.Identity()
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(8) if batch_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(out + x if self.residual else out)


class PlainNetwork(nn.Module):
    def __init__(self, configuration: Configuration, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 5)
        self.conv2 = nn.Conv2d(8, 8, 5, stride=2)
        self.blocks = nn.Sequential(
            *(
                PlainBlock(residual=configuration.block == "residual", batch_norm=configuration.batch_norm)
                for _ in range(configuration.num_blocks)
            )
        )
        self.conv3 = nn.Conv2d(8, 4, 3, stride=2)
        self.fc1 = nn.Linear(100, 100)
        self.fc2 = nn.Linear(100, num_classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv3(self.blocks(self.conv2(self.conv1(x))))
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def normalise(images: np.ndarray, dtype: torch.dtype) -> Tensor:
    """As torchvision's ToTensor and Normalize(0.5, 0.5) do it."""
    return ((torch.from_numpy(images).to(dtype) / 255 - 0.5) / 0.5).permute(0, 3, 1, 2)


def train_plainly(
    network: nn.Module,
    data: ImageData,
    optimizer: torch.optim.Optimizer,
    orders: list[Tensor],
    *,
    batch_size: int = 128,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
) -> list[dict[str, float]]:
    """One epoch for each given order of the training images; loss and accuracies after each."""
    dtype = next(network.parameters()).dtype
    x, y = normalise(data.train_images, dtype), torch.from_numpy(data.train_labels)
    x_test, y_test = normalise(data.test_images, dtype), torch.from_numpy(data.test_labels)
    history = []
    for order in orders:
        network.train()
        total = 0.0
        for batch in order.split(batch_size):
            optimizer.zero_grad()
            loss = F.cross_entropy(network(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            total += loss.item() * len(batch)
        network.eval()
        with torch.no_grad():
            train_accuracy = 100 * (network(x).argmax(1) == y).double().mean().item()
            test_accuracy = 100 * (network(x_test).argmax(1) == y_test).double().mean().item()
        history.append({"loss": total / len(y), "train": train_accuracy, "test": test_accuracy})
    return history
