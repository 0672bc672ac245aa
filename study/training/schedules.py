"""The learning rate of every step, by torch's own definitions of its schedules."""

import math

import numpy as np
from numpy.typing import NDArray

from study.contract.axes import Configuration

# The defaults of torch.optim.lr_scheduler.OneCycleLR.
_WARM_UP_SHARE, _START_DIVISOR, _END_DIVISOR = 0.3, 25.0, 1e4


def learning_rates(configuration: Configuration, epoch: int, steps: int) -> NDArray[np.float64]:
    """The learning rates of the steps of an epoch.

    constant: ``lr`` throughout. cosine: ``torch.optim.lr_scheduler.CosineAnnealingLR`` from ``lr`` to 0 over all
    planned steps. one_cycle: ``torch.optim.lr_scheduler.OneCycleLR`` with ``max_lr = lr`` over all planned steps and
    ``cycle_momentum=False``: its cycling would replace the momentum of the configuration by values of its own.
    Both are stepped after every SGD step.

    Args:
        configuration: its lr, lr_schedule and epochs are used.
        epoch: 0 for the first.
        steps: of an epoch.

    Returns:
        Float64 (steps,).
    """
    step = np.arange(epoch * steps, (epoch + 1) * steps, dtype=np.float64)
    return configuration.lr * _FACTORS[configuration.lr_schedule](step, configuration.epochs * steps)


def _constant(step: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    return np.ones_like(step)


def _cosine(step: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    return _annealed(1.0, 0.0, step / total)


def _one_cycle(step: NDArray[np.float64], total: int) -> NDArray[np.float64]:
    """Up to 1 over the first 30 % of the steps, then down; the last step of all has the smallest rate."""
    start, peak, last = 1 / _START_DIVISOR, _WARM_UP_SHARE * total - 1, total - 1
    end = start / _END_DIVISOR
    # A peak at or before the first step (up to three steps in all) leaves only the way down.
    up = _annealed(start, 1.0, step / peak) if peak > 0 else np.ones_like(step)
    return np.where(step <= peak, up, _annealed(1.0, end, (step - peak) / (last - peak)))


def _annealed(start: float, end: float, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """From start to end along half a cosine."""
    return end + (start - end) / 2 * (1 + np.cos(math.pi * share))


_FACTORS = {"constant": _constant, "cosine": _cosine, "one_cycle": _one_cycle}
