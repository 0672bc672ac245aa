"""The notebook's loop written the obvious way, to compare the study's with."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from study.data import ImageData


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
