"""Replicas that are computed at once: a whole pack, or as many of its runs as fit the memory."""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from study.contract.runs import Run
from study.training import backends
from study.training.graphs import StepRunner, eager, step_runner
from study.training.images import ImageArrays, Images
from study.training.network import ReplicatedNetwork
from study.training.optimizer import ReplicatedSGD, views_like
from study.training.precision import dtype_of
from study.training.states import RunState, joined_momentum, order_generator


class ImageSets:
    """The images of a training on its device: ``train``, ``validation`` (may be empty) and ``test``."""

    def __init__(self, data: ImageArrays, device: torch.device, precision: str) -> None:
        dtype = dtype_of(precision)
        self.train = Images(data.train_images, data.train_labels, device, dtype)
        self.validation = Images(data.validation_images, data.validation_labels, device, dtype)
        self.test = Images(data.test_images, data.test_labels, device, dtype)
        self.num_classes = len(data.classes)


@dataclasses.dataclass(frozen=True)
class Measures:
    """What an epoch gave; every list holds a value a replica. Accuracies are percent of the whole set."""

    train_loss: list[float]
    train_accuracy: list[float]
    validation_accuracy: list[float] | None
    test_accuracy: list[float]


class Chunk:
    """R replicas, computed at once by one network.

    Attributes:
        indices: of the runs within their training.
        runs: the R runs.
        network: the replicas.
        backend: computes them.
        order: (R, images) the order of the current epoch.
        state_tensors: every tensor that a step changes, on the device.

    Args:
        indices: see above.
        runs: see above; they agree in ``configuration.shape``.
        states: where each of them stands.
        images: to train on and to measure.
        device: a torch device.
        precision: see ``Training``.
        graphs: whether steps may be replayed from CUDA graphs. Each chunk's graphs keep its activations' memory to
            themselves, so chunks that share a device's memory must go without.
    """

    def __init__(
        self,
        indices: Sequence[int],
        runs: Sequence[Run],
        states: Sequence[RunState],
        images: ImageSets,
        *,
        device: torch.device,
        precision: str,
        graphs: bool,
    ) -> None:
        self.indices, self.runs = list(indices), list(runs)
        self._states, self._images, self._dtype = list(states), images, dtype_of(precision)
        first, count = runs[0].configuration, len(images.train)
        self._batch_size = min(first.batch_size, count)
        network = ReplicatedNetwork(first, [run.seed for run in runs], images.num_classes)
        self.network = network.to(device, self._dtype)
        self._parameters = list(self.network.parameters())
        self._optimizer = ReplicatedSGD(self._parameters, [run.configuration for run in runs], self.steps)
        self._load()
        self.backend = backends.backend_for(self.network, first, precision, self._batch_size)
        self.order = torch.empty(len(runs), count, dtype=torch.int64, device=device)
        self._places = torch.arange(self._batch_size, device=device)
        self._position = torch.zeros(1, dtype=torch.int64, device=device)
        self._total = torch.zeros(len(runs), dtype=torch.float64, device=device)
        self.state_tensors = [
            *self._optimizer.state_tensors,
            *self.network.buffers(),
            self._position,
            self._total,
        ]
        self._run_step: StepRunner = step_runner(self.state_tensors, device) if graphs else eager

    @property
    def steps(self) -> int:
        """SGD steps of an epoch."""
        return math.ceil(len(self._images.train) / self._batch_size)

    def run_epoch(self) -> Measures:
        """Train every replica for an epoch, then measure it. ``states`` has moved on only after that."""
        self.begin_epoch()
        count = len(self._images.train)
        for first in range(0, count, self._batch_size):
            self.step(min(self._batch_size, count - first))
        # Read once: the host waits for the device here and nowhere within the steps.
        losses = (self._total / count).tolist()
        validation = self._images.validation
        measures = Measures(
            losses,
            self._accuracy(self._images.train),
            self._accuracy(validation) if len(validation) else None,
            self._accuracy(self._images.test),
        )
        self._states = list(self._next_states(losses))
        return measures

    def begin_epoch(self) -> None:
        """Draw each replica's next order of the training images and go to its beginning."""
        self._generators = [order_generator(0) for _ in self.runs]
        for replica, (generator, state) in enumerate(zip(self._generators, self._states, strict=True)):
            generator.set_state(state["order"])
            self.order[replica].copy_(torch.randperm(self.order.shape[1], generator=generator))
        self._optimizer.begin_epoch([state["epoch"] for state in self._states])
        self._position.zero_()
        self._total.zero_()

    def step(self, size: int) -> None:
        """One SGD step of every replica on its own next ``size`` images."""
        self._run_step(self.eager_step, size)

    def eager_step(self, size: int) -> None:
        """``step``, launched operation by operation.

        Where an epoch stands and what it has lost so far are tensors on the device, so that the step asks the host
        for nothing and a CUDA graph can hold it.
        """
        batch = self.order.index_select(1, self._position + self._places[:size])  # (R, size)
        labels = self._images.train.labels[batch]
        logits = self.backend.logits(self._images.train, batch)  # (R, size, classes)
        losses = F.cross_entropy(logits.to(self._dtype).flatten(0, 1), labels.flatten(), reduction="none")
        losses = losses.view_as(labels).mean(dim=1)
        # The sum, not the mean: each replica's gradient is then that of its own loss.
        gradients = torch.autograd.grad(losses.sum(), self._parameters)
        self._optimizer.step(gradients)
        with torch.no_grad():
            self._total += losses * size
            self._position += size

    def states(self) -> list[RunState]:
        """Where each run stands after the last whole epoch."""
        return list(self._states)

    @torch.inference_mode()
    def _accuracy(self, images: Images) -> list[float]:
        """Percent of a whole set that each replica classifies correctly, in eval mode."""
        correct = torch.zeros(len(self.runs), dtype=torch.int64, device=self.order.device)
        for logits, labels in self.backend.evaluate(images):
            correct += (logits.argmax(dim=2) == labels).sum(dim=1)
        return [100 * c / len(images) for c in correct.tolist()]

    @torch.no_grad()
    def _load(self) -> None:
        tensors = dict(self.network.state_dict())
        for replica, (run, state) in enumerate(zip(self.runs, self._states, strict=True)):
            found = {name: tuple(tensor.shape[1:]) for name, tensor in state["network"].items()}
            if found != {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}:
                raise ValueError(f"the state given for {run} is that of another network")
            for name, tensor in state["network"].items():
                tensors[name][replica].copy_(tensor[0])
        momentum = joined_momentum(self._states)
        if momentum and self._optimizer.momentum is not None:
            flat = torch.cat([momentum[name].flatten() for name, _ in self.network.named_parameters()])
            self._optimizer.momentum.copy_(flat)

    def _next_states(self, losses: Sequence[float]) -> Iterator[RunState]:
        names = [name for name, _ in self.network.named_parameters()]
        # One copy from the device for all parameters, split there.
        network = dict(zip(names, self._on_host(self._optimizer.values), strict=True))
        network |= {name: buffer.to("cpu", copy=True) for name, buffer in self.network.named_buffers()}
        buffers = self._optimizer.momentum
        momentum = {} if buffers is None else dict(zip(names, self._on_host(buffers), strict=True))
        for k, (run, before, loss) in enumerate(zip(self.runs, self._states, losses, strict=True)):
            yield {
                "network": {name: tensor[k : k + 1] for name, tensor in network.items()},
                "momentum": {n: t[k : k + 1] for n, t in momentum.items()} if run.configuration.momentum else {},
                "order": self._generators[k].get_state(),
                "epoch": before["epoch"] + 1,
                "iterations": before["iterations"] + self.steps,
                "seconds": before["seconds"],
                "diverged": before["diverged"] or not math.isfinite(loss),
            }

    def _on_host(self, values: Tensor) -> list[Tensor]:
        return views_like(values.detach().to("cpu", copy=True), self._parameters)
