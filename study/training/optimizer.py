"""SGD of R replicas at once, each with its own learning rate, schedule, momentum and weight decay."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from study.contract.axes import Configuration
from study.training.schedules import learning_rates


class ReplicatedSGD:
    """``torch.optim.SGD`` (no dampening, no Nesterov momentum) of R replicas, stepped without asking the host.

    All parameters are moved into one tensor, of which they become views, so that one operation updates them all; N is
    its length. Momentum, weight decay and schedules take part only where a replica uses them, so the notebook's plain
    SGD costs nothing more. Where some replicas use one and others do not, the result is chosen replica by replica:
    times zero would not do, since infinity times zero is not a number.

    Attributes:
        values: (N,) the parameters, parameter by parameter: all replicas of the first, all of the second, ...
        momentum: (N,) the momentum buffers likewise; None where no replica uses momentum.
        state_tensors: every tensor that a step changes.

    Args:
        parameters: (R, ...) each.
        configurations: of the R replicas.
        steps: SGD steps of an epoch.
    """

    def __init__(self, parameters: Sequence[Tensor], configurations: Sequence[Configuration], steps: int) -> None:
        self.values = _as_one(parameters)
        self._parameters = parameters
        self._configurations = configurations
        self._steps = steps
        rates = self._of_replicas([each.lr for each in configurations])
        self._rates = self._spread(rates)
        self._decay, self._has_decay = self._coefficient([each.weight_decay for each in configurations])
        self._factor, self._has_momentum = self._coefficient([each.momentum for each in configurations])
        self.momentum = None if self._factor is None else torch.zeros_like(self.values)
        self.state_tensors = [self.values] if self.momentum is None else [self.values, self.momentum]
        self._table: Tensor | None = None
        if any(each.lr_schedule != "constant" for each in configurations):
            # The rates of an epoch's steps, a row each, and the step: on the device, so that a CUDA graph may hold it.
            self._table = rates.expand(steps, -1).clone()
            self._step = torch.zeros(1, dtype=torch.int64, device=self.values.device)
            self._owners = self._spread(torch.arange(len(configurations), device=self.values.device))
            self.state_tensors.append(self._step)

    def begin_epoch(self, epochs: Sequence[int]) -> None:
        """Lay out the learning rates of the next epoch, given how many epochs each replica has done."""
        if self._table is None:
            return
        pairs = zip(self._configurations, epochs, strict=True)
        rates = np.stack([learning_rates(each, epoch, self._steps) for each, epoch in pairs], axis=1)
        self._table.copy_(torch.from_numpy(rates))
        self._step.zero_()

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """Update the parameters, given the gradient of each."""
        update = torch.cat([each.flatten() for each in gradients])
        if self._decay is not None:
            update = _chosen(self._has_decay, update.addcmul(self.values, self._decay), update)
        if self.momentum is not None:
            assert self._factor is not None
            moving = self.momentum * self._factor + update
            update = self.momentum.copy_(_chosen(self._has_momentum, moving, update))
        self.values.addcmul_(update, self._current_rates(), value=-1)

    def _current_rates(self) -> Tensor:
        if self._table is None:
            return self._rates
        rates = self._table.index_select(0, self._step)[0]  # (R,)
        self._step += 1
        return rates.index_select(0, self._owners)

    def _coefficient(self, values: Sequence[float]) -> tuple[Tensor | None, Tensor | None]:
        """Each number's coefficient, None where all are zero; and which are not, None where none or all are."""
        if not any(values):
            return None, None
        spread = self._spread(self._of_replicas(values))
        return spread, None if all(values) else spread != 0

    def _of_replicas(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=self.values.dtype, device=self.values.device)

    def _spread(self, of_replicas: Tensor) -> Tensor:
        """(R,) -> (N,): for each number of ``values`` what belongs to its replica."""
        return torch.cat([of_replicas.repeat_interleave(p.numel() // len(of_replicas)) for p in self._parameters])


def _chosen(condition: Tensor | None, yes: Tensor, no: Tensor) -> Tensor:
    return yes if condition is None else torch.where(condition, yes, no)


def _as_one(parameters: Sequence[Tensor]) -> Tensor:
    """Move the parameters into one tensor, of which they become views."""
    values = torch.cat([parameter.detach().flatten() for parameter in parameters])
    for parameter, view in zip(parameters, views_like(values, parameters), strict=True):
        parameter.data = view
    return values


def views_like(values: Tensor, parameters: Sequence[Tensor]) -> list[Tensor]:
    """Views of a tensor in the order and the shapes of the parameters."""
    parts = values.split([parameter.numel() for parameter in parameters])
    return [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]
