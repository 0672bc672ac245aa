"""The training loop: R seeds of one configuration side by side, one record an epoch. No ray in here.

The recipe is the notebook's: SGD without momentum, weight decay or schedule, cross entropy, batches of 128 with the
last partial one trained too, and after each epoch the accuracy on the whole training and the whole test set. Unlike the
notebook, accuracies are measured in eval mode.
"""

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from study.contract.axes import Configuration
from study.training.backends import BATCH_SIZE, computation_for
from study.training.graphs import launcher
from study.training.images import ImageArrays, Images
from study.training.network import ReplicatedNetwork
from study.training.precision import dtype_of, set_precision


@dataclasses.dataclass(frozen=True)
class EpochRecord:
    """What one epoch of a trial gave; every tuple holds one value a seed.

    Attributes:
        epoch: 1 for the first.
        iterations: SGD steps of each replica so far.
        seconds: wall-clock time of the trial so far, training and accuracies of all its seeds.
        train_loss: cross entropy, mean over the images of the epoch, each at its own step.
        train_accuracy: percent of the whole training set, in eval mode, after the epoch.
        validation_accuracy: percent of the held-out set; None where there is none.
        test_accuracy: percent of the whole test set.
        diverged: whether the seed's training loss has been infinite or not a number in this epoch or before.
    """

    epoch: int
    iterations: int
    seconds: float
    train_loss: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    validation_accuracy: tuple[float, ...] | None
    test_accuracy: tuple[float, ...]
    diverged: tuple[bool, ...]


def train(
    configuration: Configuration,
    data: ImageArrays,
    seeds: Sequence[int],
    *,
    device: str = "cpu",
    precision: str = "float32",
    lr: Sequence[float] | None = None,
    state: dict[str, Any] | None = None,
) -> Iterator[EpochRecord]:
    """Train every seed of a configuration and yield a record after each epoch.

    Args:
        configuration: what to train; ``configuration.epochs`` epochs of it.
        data: the images.
        seeds: one replica each; a seed fixes its replica's initialisation and order of the data.
        device: a torch device.
        precision: float32, float64, tf32 or bf16.
        lr: a learning rate for each seed; ``configuration.lr`` for all of them by default.
        state: a ``Training.state_dict()`` to go on from.

    Yields:
        One record an epoch, from the one after ``state`` on.
    """
    training = Training(configuration, data, seeds, device=device, precision=precision, lr=lr)
    if state is not None:
        training.load_state_dict(state)
    while not training.finished:
        yield training.run_epoch()


class Training:
    """A training run of R replicas that can be stopped after any epoch and continued bit for bit.

    Args: as for ``train``.

    Attributes:
        computation: how the replicas are computed.
        changing: every tensor that a step changes, on the device.

    Raises:
        ValueError: no seeds, a seed twice, or not one learning rate for each seed.
    """

    def __init__(
        self,
        configuration: Configuration,
        data: ImageArrays,
        seeds: Sequence[int],
        *,
        device: str = "cpu",
        precision: str = "float32",
        lr: Sequence[float] | None = None,
    ) -> None:
        rates = [configuration.lr] * len(seeds) if lr is None else list(lr)
        if not seeds or len(set(seeds)) != len(seeds):
            raise ValueError(f"seeds must be distinct and at least one, not {list(seeds)}")
        if len(rates) != len(seeds):
            raise ValueError(f"{len(rates)} learning rates for {len(seeds)} seeds")
        self.configuration = configuration
        self.device = torch.device(device)
        self.precision = precision
        set_precision(precision, self.device)
        dtype = dtype_of(precision)
        network = ReplicatedNetwork(configuration, seeds, num_classes=len(data.classes))
        self.network = network.to(self.device, dtype)
        self._dtype = dtype
        self._parameters = list(self.network.parameters())
        self._values = _as_one(self._parameters)
        self._rates = _rates_for(self._parameters, rates)
        self.computation = computation_for(self.network, configuration, precision)
        self._orders = [_order_generator(seed) for seed in seeds]
        self._train = Images(data.train_images, data.train_labels, self.device, dtype)
        self._test = Images(data.test_images, data.test_labels, self.device, dtype)
        self._validation = Images(data.validation_images, data.validation_labels, self.device, dtype)
        self._order = torch.empty(len(seeds), len(self._train), dtype=torch.int64, device=self.device)
        self._places = torch.arange(BATCH_SIZE, device=self.device)
        self._position = torch.zeros(1, dtype=torch.int64, device=self.device)
        self._total = torch.zeros(len(seeds), dtype=torch.float64, device=self.device)
        self.changing = [self._values, *self.network.buffers(), self._position, self._total]
        self._launch = launcher(self.changing, self.device)
        self.epoch = 0
        self.iterations = 0
        self.seconds = 0.0
        self.diverged = [False] * len(seeds)

    @property
    def finished(self) -> bool:
        """Whether all planned epochs are done."""
        return self.epoch >= self.configuration.epochs

    def run_epoch(self) -> EpochRecord:
        """Train one epoch, measure the accuracies and return them.

        Raises:
            RuntimeError: all planned epochs are done.
        """
        if self.finished:
            raise RuntimeError(f"all {self.configuration.epochs} epochs are trained")
        start = time.perf_counter()
        losses = self._train_epoch()
        train_accuracy = self._accuracy(self._train)
        validation_accuracy = self._accuracy(self._validation) if len(self._validation) else None
        test_accuracy = self._accuracy(self._test)
        self.seconds += time.perf_counter() - start
        self.epoch += 1
        self.diverged = [before or not math.isfinite(loss) for before, loss in zip(self.diverged, losses, strict=True)]
        return EpochRecord(
            epoch=self.epoch,
            iterations=self.iterations,
            seconds=self.seconds,
            train_loss=losses,
            train_accuracy=train_accuracy,
            validation_accuracy=validation_accuracy,
            test_accuracy=test_accuracy,
            diverged=tuple(self.diverged),
        )

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, as tensors and plain values on the CPU."""
        return {
            "network": {name: t.detach().to("cpu", copy=True) for name, t in self.network.state_dict().items()},
            "orders": [order.get_state() for order in self._orders],
            "epoch": self.epoch,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "diverged": list(self.diverged),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from ``state_dict()`` of a run of the same configuration and seeds."""
        self.network.load_state_dict(state["network"])
        for order, saved in zip(self._orders, state["orders"], strict=True):
            order.set_state(saved)
        self.epoch = state["epoch"]
        self.iterations = state["iterations"]
        self.seconds = state["seconds"]
        self.diverged = list(state["diverged"])

    def _train_epoch(self) -> tuple[float, ...]:
        """One pass over the training set in each replica's own order; the mean loss of each replica."""
        count = len(self._train)
        for replica, order in enumerate(self._orders):
            self._order[replica].copy_(torch.randperm(count, generator=order))
        self._position.zero_()
        self._total.zero_()
        for first in range(0, count, BATCH_SIZE):
            self._step(min(BATCH_SIZE, count - first))
            self.iterations += 1
        # Read once: the host waits for the device here and nowhere within an epoch.
        return tuple((self._total / count).tolist())

    def _step(self, size: int) -> None:
        self._launch(self._next_step, size)

    def _next_step(self, size: int) -> None:
        """One SGD step of every replica on its own next ``size`` images.

        Where an epoch stands and what it has lost so far are tensors on the device, so that the step asks the host
        for nothing and a CUDA graph can hold it.
        """
        batch = self._order.index_select(1, self._position + self._places[:size])
        labels = self._train.labels[batch]
        logits = self.computation.logits(self._train, batch)
        losses = F.cross_entropy(logits.to(self._dtype).flatten(0, 1), labels.flatten(), reduction="none")
        losses = losses.view_as(labels).mean(dim=1)
        # The sum, not the mean: each replica's gradient is then that of its own loss.
        gradients = torch.autograd.grad(losses.sum(), self._parameters)
        with torch.no_grad():
            gradient = torch.cat([each.flatten() for each in gradients])
            self._values.addcmul_(gradient, self._rates, value=-1)
            self._total += losses * size
            self._position += size

    @torch.inference_mode()
    def _accuracy(self, images: Images) -> tuple[float, ...]:
        """Percent of a whole set that each replica classifies correctly, in eval mode."""
        correct = torch.zeros(len(self._orders), dtype=torch.int64, device=self.device)
        for logits, labels in self.computation.evaluate(images):
            correct += (logits.argmax(dim=2) == labels).sum(dim=1)
        return tuple(100 * c / len(images) for c in correct.tolist())


def _order_generator(seed: int) -> torch.Generator:
    """The generator of a seed's data order, independent of the one of its initialisation.

    Apart, so that the order is the same for every configuration: a seed pairs the runs that it belongs to.
    """
    derived = np.random.SeedSequence([seed, 1]).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(derived) >> 1)


def _as_one(parameters: Sequence[Tensor]) -> Tensor:
    """Move the parameters into one tensor, of which they become views: one operation then updates them all."""
    values = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for parameter, view in zip(parameters, values.split([p.numel() for p in parameters]), strict=True):
        parameter.data = view.view_as(parameter)
    return values


def _rates_for(parameters: Sequence[Tensor], rates: Sequence[float]) -> Tensor:
    """The learning rate of each number in ``_as_one(parameters)``, that of its replica; parameters are (R, ...)."""
    each = torch.tensor(rates, dtype=parameters[0].dtype, device=parameters[0].device)
    return torch.cat([each.repeat_interleave(p.numel() // len(rates)) for p in parameters])
