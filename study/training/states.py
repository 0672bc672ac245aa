"""What a run depends on between two epochs, alone and stacked with the other runs of a pack."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

import numpy as np
import torch
from torch import Tensor

from study.contract.runs import Run
from study.training.network import ReplicatedNetwork


class RunState(TypedDict):
    """One run between two epochs, on the CPU; from it the run goes on in any pack, bit for bit.

    network: its parameters and buffers by name, each with a first dimension of 1 (the replica). momentum: the momentum
    buffer of each parameter likewise; empty for zeros. order: state of the generator of its data order. epoch: epochs
    done. iterations: SGD steps done. seconds: of training, the run's share. diverged: whether its loss has been
    infinite or not a number.
    """

    network: dict[str, Tensor]
    momentum: dict[str, Tensor]
    order: Tensor
    epoch: int
    iterations: int
    seconds: float
    diverged: bool


class PackState(TypedDict):
    """The runs of a pack; tensors are stacked in the first dimension, lists hold a value a run. See ``RunState``."""

    format: int
    network: dict[str, Tensor]
    momentum: dict[str, Tensor]
    orders: Tensor
    epoch: list[int]
    iterations: list[int]
    seconds: list[float]
    diverged: list[bool]


def initial_state(run: Run, num_classes: int) -> RunState:
    """A run before its first epoch."""
    return {
        "network": ReplicatedNetwork(run.configuration, [run.seed], num_classes).state_dict(),
        "momentum": {},
        "order": order_generator(run.seed).get_state(),
        "epoch": 0,
        "iterations": 0,
        "seconds": 0.0,
        "diverged": False,
    }


def order_generator(seed: int) -> torch.Generator:
    """The generator of a seed's data order, independent of that of its initialisation.

    They are separate so that the order is the same for every configuration: runs with the same seed are then paired.
    """
    derived = np.random.SeedSequence([seed, 1]).generate_state(1, dtype=np.uint64)[0]
    return torch.Generator().manual_seed(int(derived) >> 1)


def stacked(states: Sequence[RunState]) -> PackState:
    """The states as one, for a checkpoint; copies."""
    return {
        "format": 2,
        "network": _joined([state["network"] for state in states]),
        "momentum": joined_momentum(states),
        "orders": torch.stack([state["order"] for state in states]),
        "epoch": [state["epoch"] for state in states],
        "iterations": [state["iterations"] for state in states],
        "seconds": [state["seconds"] for state in states],
        "diverged": [state["diverged"] for state in states],
    }


def joined_momentum(states: Sequence[RunState]) -> dict[str, Tensor]:
    """The momentum buffers (R, ...) by name, zeros where a state has none; empty where no state has any."""
    some = next((state["momentum"] for state in states if state["momentum"]), None)
    if some is None:
        return {}
    zeros = {name: torch.zeros_like(tensor) for name, tensor in some.items()}
    return _joined([state["momentum"] or zeros for state in states])


def run_states(state: Mapping[str, Any]) -> list[RunState]:
    """The runs of a ``Training.state_dict()``, in their order; copies.

    State dicts of format 1 (the first version's: one configuration, all its seeds) are read too. Their seconds are
    those of all seeds together; each run gets an equal share.

    Raises:
        ValueError: it is not such a state dict.
    """
    try:
        whole = cast(PackState, state) if "format" in state else _from_format_1(state)
        if whole["format"] != 2:
            raise ValueError(f"a training state of format {whole['format']!r}: this version reads formats 1 and 2")
        return [
            {
                "network": _slice(whole["network"], k),
                "momentum": _unless_zero(_slice(whole["momentum"], k)),
                "order": whole["orders"][k].clone(),
                "epoch": whole["epoch"][k],
                "iterations": whole["iterations"][k],
                "seconds": whole["seconds"][k],
                "diverged": whole["diverged"][k],
            }
            for k in range(len(whole["orders"]))
        ]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not the state of a training: {type(error).__name__} {error}") from error


def _from_format_1(state: Mapping[str, Any]) -> PackState:
    count = len(state["orders"])
    return {
        "format": 2,
        "network": state["network"],
        "momentum": {},
        "orders": torch.stack(state["orders"]),
        "epoch": [state["epoch"]] * count,
        "iterations": [state["iterations"]] * count,
        "seconds": [state["seconds"] / count] * count,
        "diverged": list(state["diverged"]),
    }


def _joined(tensors: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.cat([each[name] for each in tensors]) for name in tensors[0]}


def _slice(tensors: Mapping[str, Tensor], replica: int) -> dict[str, Tensor]:
    return {name: tensor[replica : replica + 1].clone() for name, tensor in tensors.items()}


def _unless_zero(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return tensors if any(tensor.any() for tensor in tensors.values()) else {}
