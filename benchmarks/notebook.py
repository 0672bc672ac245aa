"""The loop of the notebook that the study grew out of, as its description has it, inefficiencies and flaw included.

Images are decoded and normalised one by one in two worker processes, in every pass again; the gradient of the loss
with respect to the images is computed too; the accuracies are measured in training mode and with gradients recorded.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import transforms

from benchmarks.shared_images import TEST, TRAIN, sizes
from benchmarks.stopwatch import Stopwatch
from study.contract.axes import Configuration
from study.data import ImageData
from study.training.plain import PlainNetwork

BATCH_SIZE = 128
# Batches that a short measurement leaves out: the workers start with the first, and run ahead of the last.
_START, _AHEAD = 6, 6


class PillowImages(Dataset[tuple[Any, int]]):
    """As torchvision's data sets serve images: through Pillow, ToTensor and Normalize."""

    def __init__(self, images: Any, labels: Any) -> None:
        self._images, self._labels = images, labels
        self._transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._transform(Image.fromarray(self._images[index])), int(self._labels[index])


class NotebookLoop:
    """The network, its optimiser and its loaders.

    Args:
        configuration: of the network.
        data: the images.
        device: a torch device.
    """

    def __init__(self, configuration: Configuration, data: ImageData, device: str) -> None:
        torch.manual_seed(4)
        self._device = device
        self._sizes = sizes(data)
        self._network = PlainNetwork(configuration, len(data.classes)).to(device)
        self._optimizer = torch.optim.SGD(self._network.parameters(), lr=configuration.lr)
        self.accuracies: list[float] = []
        self._train = PillowImages(data.train_images, data.train_labels)
        self._test = PillowImages(data.test_images, data.test_labels)
        # A GPU's libraries load with the first step.
        self._step(torch.zeros(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64), Stopwatch(device, every_lap=False))

    def epoch(self, *, parts: bool) -> dict[str, float]:
        """Seconds of the parts of a model-epoch; on fewer images than CIFAR-10 has, of what it would take.

        Their sum is right in any case, on a GPU each of them only with ``parts``, which costs time there.

        A whole epoch is timed as it is. Of a shorter one the steps and the accuracies are timed while the workers are
        in full swing and scaled by the number of images, each apart, without the start of the workers.
        """
        watch = Stopwatch(self._device, every_lap=parts)
        if self._sizes == (TRAIN, TEST):
            self._train_on(watch, DataLoader(self._train, BATCH_SIZE, shuffle=True, num_workers=2))
            self._accuracy(watch, DataLoader(self._train, BATCH_SIZE, shuffle=True, num_workers=2))
            self._accuracy(watch, DataLoader(self._test, BATCH_SIZE, shuffle=False, num_workers=2))
            return watch.seconds
        batches = max(1, self._sizes[0] // BATCH_SIZE)
        self._train_on(watch, self._in_full_swing(watch, batches, "data"))
        self._accuracy(watch, self._in_full_swing(watch, batches, "accuracy"))
        scale = dict.fromkeys(watch.seconds, TRAIN) | {"accuracy": TRAIN + TEST}
        return {part: seconds * scale[part] / (batches * BATCH_SIZE) for part, seconds in watch.seconds.items()}

    def _train_on(self, watch: Stopwatch, loader: Any) -> None:
        for images, labels in loader:
            watch.lap("data")
            self._step(images, labels, watch)

    def _step(self, images: Tensor, labels: Tensor, watch: Stopwatch) -> None:
        images, labels = images.requires_grad_().to(self._device), labels.to(self._device)
        self._optimizer.zero_grad()
        loss = F.cross_entropy(self._network(images), labels)
        watch.lap("forward")
        loss.backward()
        self._optimizer.step()
        watch.lap("backward")

    def _accuracy(self, watch: Stopwatch, loader: Any) -> None:
        correct, total = torch.zeros((), dtype=torch.int64, device=self._device), 0
        for images, labels in loader:
            outputs = self._network(images.to(self._device))
            _, predicted = torch.max(outputs.detach(), 1)
            total += len(labels)
            correct += (predicted == labels.to(self._device)).sum()
            watch.lap("accuracy")
        self.accuracies.append(100 * correct.item() / total)  # reading it waits for a GPU
        watch.lap("accuracy")

    def _in_full_swing(self, watch: Stopwatch, batches: int, waiting: str) -> Iterator[Any]:
        """Batches of shuffled training images, the watch running for ``batches`` of them.

        The time for which the loop waits for a batch counts as ``waiting``.
        """
        sampler = RandomSampler(self._train, num_samples=(_START + batches + _AHEAD) * BATCH_SIZE)
        before = dict(watch.seconds)
        for number, batch in enumerate(DataLoader(self._train, BATCH_SIZE, sampler=sampler, num_workers=2)):
            if number == _START:
                watch.seconds = dict(before)
                watch.start()
            if number == _START + batches:
                watch.stop(waiting)
                return
            yield batch
