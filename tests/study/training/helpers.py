"""What the tests of the training loop share."""

import itertools
from collections.abc import Iterable

import torch

from study.contract.axes import Configuration
from study.contract.runs import Run
from study.data import ImageData
from study.training.loop import EpochResult, RunState, Training, run_states
from tests.helpers import tiny_data

VARIANTS = list(itertools.product(("residual", "conv"), (False, True)))
EPOCHS = 3


def configuration(block: str = "residual", batch_norm: bool = False, **changes: object) -> Configuration:
    values = {"num_blocks": 2, "lr": 0.05, "epochs": EPOCHS} | changes
    return Configuration(block=block, batch_norm=batch_norm, **values)  # pyright: ignore


def runs_of(setting: Configuration, seeds: Iterable[int]) -> list[Run]:
    return [Run(setting, seed) for seed in seeds]


def small_data() -> ImageData:
    """One whole batch and a partial one."""
    return tiny_data(train=150, test=30)


def finish(training: Training) -> list[list[EpochResult]]:
    epochs = []
    while not training.finished:
        epochs.append(training.run_epoch())
    return epochs


def state_of(training: Training, index: int) -> RunState:
    return run_states(training.state_dict())[index]


def network_of(training: Training, index: int) -> dict[str, torch.Tensor]:
    """The parameters and buffers of one run, without the dimension of the replicas."""
    return {name: tensor[0] for name, tensor in state_of(training, index)["network"].items()}


def numbers(results: Iterable[EpochResult]) -> list[tuple[str, ...]]:
    """What does not depend on the clock or on the place in a pack, comparable where it is not a number, too."""
    return [
        tuple(
            map(repr, (r.epoch, r.iterations, r.train_loss, r.train_accuracy, r.validation_accuracy, r.test_accuracy))
        )
        for r in results
    ]


def same_bits(one: RunState, other: RunState) -> bool:
    tensors = zip(
        [*one["network"].values(), *one["momentum"].values(), one["order"]],
        [*other["network"].values(), *other["momentum"].values(), other["order"]],
        strict=True,
    )
    return all(a.numpy().tobytes() == b.numpy().tobytes() for a, b in tensors)
